"""One run into one output folder: bars are admitted, what is left of them is labeled, and recorded.

Decides what is done and in what order; what a chunk goes through is the business of `chunks`, who
labels it that of `crews`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from duck_label.bars.plan import whole_days
from duck_label.bars.source import changed_since, refuse_damaged
from duck_label.database_errors import explain
from duck_label.errors import DuckLabelError, InputError, OutputError
from duck_label.identity import weighing_of
from duck_label.queries import render
from duck_label.ranges import without
from duck_label.records.chunk import ChunkRecord
from duck_label.records.views import write_views
from duck_label.run.admission import Bars, admit
from duck_label.run.advice import advise
from duck_label.run.crews.alone import Crew
from duck_label.run.crews.choice import crew
from duck_label.run.facts import facts
from duck_label.run.opened import Opened
from duck_label.run.reporter import RunReporter
from duck_label.run.results import Progress, RunSummary, rounded_note
from duck_label.run.schedule import Schedule
from duck_label.run.sense import doubts
from duck_label.run.watch import Watch
from duck_label.run.weighing import Weigher, Weights
from duck_label.tables import counted


def _named(paths: Sequence[str]) -> str:
    """The first of some files, and how many there are besides."""
    more = f" (and {counted(len(paths) - 1, 'more file')})" if len(paths) > 1 else ""
    return f"{paths[0]}{more}"


@dataclass(frozen=True)
class Labeling:
    """A run that holds its output folder; the summary is filled as it goes."""

    opened: Opened
    summary: RunSummary
    progress: Progress

    def run(self, *, anew: bool) -> None:
        """Do all of it; finished chunks are done again only if `anew`."""
        config, database, ledger = self.opened.config, self.opened.database, self.opened.ledger
        ledger.begin_run(self._facts())
        budget, where = database.budget, ledger.snapshots
        reporter = RunReporter(config, budget, ledger, self.progress)
        is_complete = False
        with reporter, Watch(config, budget, database, reporter, where) as watch:
            try:
                bars, _ = watch.attempt("checking the input", lambda: self._admit(anew=anew))
                self._note_findings(bars)
                ledger.remove_unrecorded_parts()
                self._weigh(bars, watch)
                with crew(self.opened, bars, watch) as members:
                    self._label(bars, watch, members, reporter)
                is_complete = True
                self._note_changed_files()
            except duckdb.Error as error:
                raise explain(error, "labeling", self.opened.database) from error
            except DuckLabelError as error:
                if (of_changed_files := self._of_changed_files(error)) is None:
                    raise
                raise of_changed_files from error
            finally:
                self._finish(watch, is_complete=is_complete)

    def _admit(self, *, anew: bool) -> Bars:
        """The bars, found good or cleared of bad ones."""
        config, database = self.opened.config, self.opened.database
        source, ledger = self.opened.source, self.opened.ledger
        try:
            with database.interruptible():
                bars = admit(database, source, config, ledger, self.opened.wanted, anew=anew)
            write_views(ledger.output, config, dict(source.columns))
        except duckdb.Error as error:
            # Whoever reads many files does not say which of them it could not read.
            refuse_damaged(database, source, error)
            raise explain(error, "checking the input", database) from error
        return bars

    def _note_findings(self, bars: Bars) -> None:
        """Say what was found in the input."""
        self.summary.reference_month = bars.reference_month
        ledger = self.opened.ledger
        self.summary.rows_quarantined = count = ledger.quarantined(self.opened.database)
        if count:
            warning = f"{count:,} bad bars were set aside in {ledger.quarantine_name}"
            self.summary.warnings.append(warning)
            self.progress.note(f"warning: {warning}")
        checked = ledger.checked()
        if checked is not None and checked.repeated:
            self.summary.rows_repeated = checked.repeated
            warning = f"{checked.repeated:,} rows equal another one in every column: left out"
            self.summary.warnings.append(warning)
            self.progress.note(f"warning: {warning}")
        if checked is not None and checked.rounded:
            self.summary.prices_rounded = list(checked.rounded)
            warning = rounded_note(checked.rounded)
            self.summary.warnings.append(warning)
            self.progress.note(f"warning: {warning}")
        if bars.asked_anew:
            self.summary.chunks_stale += bars.asked_anew
            done = len(ledger.chunks()) + bars.asked_anew
            self.progress.note(
                f"note: events or sessions changed: {bars.asked_anew} of {done} chunks again"
            )
        for doubt in (*self.opened.config.doubts, *bars.doubts):
            self.summary.warnings.append(doubt)
            self.progress.note(f"warning: {doubt}")
        if bars.new_bars is not None:
            self.summary.chunks_stale += len(bars.new_bars.stale)
            self.progress.note(f"note: {bars.new_bars}")

    def _note_changed_files(self) -> None:
        """Say which files changed while they were read: some labels are of old bars, some of new.

        They are recorded as they were before, so that the next run finds that they have changed.
        """
        if changed := changed_since(self.opened.source):
            warning = (
                f"{_named(changed)} changed, or is gone, while it was labeled, so some labels may "
                "be of its old bars and some of its new ones: once it stays as it is, the same "
                "command again labels those anew"
            )
            self.summary.warnings.append(warning)
            self.progress.note(f"warning: {warning}")

    def _of_changed_files(self, error: DuckLabelError) -> InputError | None:
        """An error told as what it comes of: files that changed, or went, while they were read."""
        # Of other kinds of errors files are no cause.
        if not isinstance(error, InputError | OutputError) and type(error) is not DuckLabelError:
            return None
        if not (changed := changed_since(self.opened.source)):
            return None
        return InputError(
            f"{_named(changed)} changed, or is gone, while it was labeled: once it stays as it is, "
            f"the same command again goes on ({error})"
        )

    def _weigh(self, bars: Bars, watch: Watch) -> None:
        """Make the weights of finished chunks anew where they are to be others."""
        database, ledger = self.opened.database, self.opened.ledger
        month = bars.parameters["reference_month"]
        weights = Weights(self.opened.config, bars.source.columns, month)
        if lacking := weights.lacking(ledger.chunks()):
            self.progress.note(f"note: {weights.note(lacking)}")
            for _, record, _ in Weigher(database, ledger, watch, weights).weigh(lacking):
                self.summary.weighed(record)

    def _label(self, bars: Bars, watch: Watch, members: Crew, reporter: RunReporter) -> None:
        """Label what is left of the range, chunk after chunk."""
        done = self.opened.ledger.chunks()
        self.summary.resume(done)
        weighing = weighing_of(self.opened.config, bars.parameters["reference_month"])
        most = members.room if members.shares_memory else 1
        schedule = Schedule(self.opened, bars.source, done, members.budget, most, watch.manager)
        for doubt in schedule.doubts:
            self.summary.warnings.append(doubt)
            self.progress.note(f"warning: {doubt}")
        chunks = schedule.chunks()
        # For who finds the labels after a run that did not finish.
        planned = self.summary.rows_resumed + schedule.rows_left
        self.opened.ledger.append("runs", {"event": "planned", "bars": planned})
        labeled: list[ChunkRecord] = []
        watch.begin(chunks)
        reporter.begin(chunks)
        self.progress.begin(chunks, self.opened.database.budget, watch.manager.read_rss)
        try:
            for chunk, record, left in schedule.work(chunks, members, self.progress.note):
                ledger = self.opened.ledger
                ledger.finish(replace(record, run=ledger.run, weighing=weighing))
                watch.finish(record)
                reporter.finish(record.bars)
                self.summary.add(record)
                self.progress.advance(chunk, record, left)
                labeled.append(record)
                # The first chunk is enough to see that a long run is for nothing.
                if left and len(labeled) == 1:
                    # Where those in flight hold all memory, the end is early enough.
                    with suppress(duckdb.OutOfMemoryException):
                        self._doubt(labeled)
            self.summary.warnings += self._doubt(labeled)
            self._note_lone_events(bars)
        finally:
            self.summary.memory_factor = round(schedule.predictor.factor, 4)
            self.summary.next_chunk_rows = schedule.rows_per_chunk
            self.summary.chunks_in_flight = schedule.most_in_flight

    def _note_lone_events(self, bars: Bars) -> None:
        """Say how many events stand at no bar, in the chunks and outside of them.

        No chunk is made of a gap between row groups, and which gaps have none depends on the cut.
        """
        if bars.context["events"] is None:
            return
        records, source = self.opened.ledger.chunks(), self.opened.source
        first, end = whole_days(source.row_groups)
        filled = [(group.first, group.last + 1) for group in source.row_groups]
        gaps = without((first, end), [*filled, *((one.start, one.end) for one in records)])
        scale = source.bars.clocks_per_second // 1_000_000
        values = {
            "events": bars.parameters["events"],
            "begin": source.moment(first),
            "until": source.moment(end),
            "gap_begins": [begins * scale for begins, _ in gaps],
            "gap_ends": [ends * scale for _, ends in gaps],
        }
        outside, between = self.opened.database.row(
            render("input/outer_events", bars.context), values
        )
        inside = sum(record.lone_events for record in records)
        self.summary.lone_events = lone = inside + int(outside) + int(between)
        if lone:
            warning = f"{lone:,} event{'s' * (lone != 1)} at which no bar stands"
            if outside:
                warning += f", {outside:,} of them before or after all bars"
            self.summary.warnings.append(warning)
            self.progress.note(f"warning: {warning}")

    def _doubt(self, labeled: Sequence[ChunkRecord]) -> list[str]:
        """Warn where the labels so far can teach nothing."""
        files = self.opened.ledger.part_files(labeled)
        found = doubts(self.opened.database, self.opened.config, files) if files else []
        for doubt in found:
            self.progress.note(f"warning: {doubt}")
        return found

    def _finish(self, watch: Watch, *, is_complete: bool) -> None:
        """Sum up the run, however it ended, and record that."""
        summary = self.summary
        summary.parts = sorted(c.file for c in self.opened.ledger.chunks() if c.file is not None)
        summary.finish(watch.monitor.finish_monitoring(), watch.manager)
        summary.advice = advise(summary)
        end = {"event": "end", "is_complete": is_complete, **summary.to_json()}
        self.opened.ledger.append("runs", end)

    def _facts(self) -> dict[str, Any]:
        """What the records say of a run when it begins."""
        # Among others, the versions at which tables with a log were read.
        notes = list(self.opened.source.notes)
        return {**facts(self.opened.config, self.summary), "input_notes": notes}
