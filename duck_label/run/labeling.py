"""One run into one output folder: bars are admitted, what is left of them is labeled, and recorded.

Decides what is done and in what order; what a chunk goes through is the business of `chunks`, who
labels it that of `crews`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from glob import escape
from importlib.metadata import version
from platform import python_version
from typing import Any

import duckdb

from duck_label.bars.density import counted
from duck_label.bars.plan import whole_days
from duck_label.bars.source import Source, refuse_damaged
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.database_errors import explain
from duck_label.memory import budget as memory
from duck_label.memory.budget import MemoryBudget, parse_size
from duck_label.profile import Profile
from duck_label.queries import render
from duck_label.ranges import without
from duck_label.records.ledger import FOLDER, ChunkRecord, Ledger
from duck_label.records.views import write_views
from duck_label.run.admission import Bars, admit, quarantined
from duck_label.run.advice import advise
from duck_label.run.chunks import ChunkLabeler
from duck_label.run.crews.alone import Alone, Crew
from duck_label.run.crews.processes import Workers
from duck_label.run.crews.ray import THREADS, Cluster
from duck_label.run.crews.worker import Work
from duck_label.run.reporter import RunReporter
from duck_label.run.results import Progress, RunSummary, told_rounded
from duck_label.run.schedule import Schedule
from duck_label.run.sense import doubts
from duck_label.run.watch import Watch
from duck_label.storage.handover import Handover


@dataclass(frozen=True)
class Labeling:
    """A run that holds its output folder. `wanted` is the range of time to label.

    The summary is filled as the run goes.
    """

    config: LabelingConfig
    budget: MemoryBudget
    database: Database
    source: Source
    ledger: Ledger
    wanted: tuple[int, int]
    summary: RunSummary
    progress: Progress
    profile: Profile | None

    def run(self, *, anew: bool) -> None:
        """Do all of it; finished chunks are done again only if `anew`."""
        self.ledger.begin_run(self._facts())
        reporter = RunReporter(self.config, self.budget, self.ledger, self.progress)
        where = self.ledger.snapshots
        with reporter, Watch(self.config, self.budget, self.database, reporter, where) as watch:
            try:
                bars, _ = watch.attempt("checking the input", lambda: self._admit(anew=anew))
                self._tell(bars)
                self.ledger.remove_unrecorded_parts()
                with self._crew(bars, watch) as crew:
                    self._label(bars, watch, crew, reporter)
            finally:
                self._finish(watch)

    def _admit(self, *, anew: bool) -> Bars:
        """The bars, found good or cleared of bad ones."""
        try:
            with self.database.interruptible():
                bars = admit(
                    self.database, self.source, self.config, self.ledger, self.wanted, anew=anew
                )
            write_views(self.ledger.output, self.config, dict(self.source.columns))
        except duckdb.Error as error:
            # Whoever reads many files does not say which of them it could not read.
            refuse_damaged(self.database, self.source, error)
            raise explain(error, "checking the input", self.database) from error
        return bars

    def _tell(self, bars: Bars) -> None:
        """Say what was found in the input."""
        self.summary.reference_month = bars.reference_month
        self.summary.rows_quarantined = count = quarantined(self.database, self.ledger)
        if count:
            warning = f"{count:,} bad bars were set aside in {self.ledger.quarantine_name}"
            self.summary.warnings.append(warning)
            self.progress.note(f"warning: {warning}")
        checked = self.ledger.checked()
        if checked is not None and checked.repeated:
            self.summary.rows_repeated = checked.repeated
            warning = f"{checked.repeated:,} rows equal another one in every column: left out"
            self.summary.warnings.append(warning)
            self.progress.note(f"warning: {warning}")
        if checked is not None and checked.rounded:
            self.summary.prices_rounded = list(checked.rounded)
            warning = told_rounded(checked.rounded)
            self.summary.warnings.append(warning)
            self.progress.note(f"warning: {warning}")
        if bars.asked_anew:
            self.summary.chunks_stale += bars.asked_anew
            done = len(self.ledger.chunks()) + bars.asked_anew
            self.progress.note(
                f"note: events or sessions changed: {bars.asked_anew} of {done} chunks again"
            )
        for doubt in (*self.config.doubts, *bars.doubts):
            self.summary.warnings.append(doubt)
            self.progress.note(f"warning: {doubt}")
        if bars.news is not None:
            self.summary.chunks_stale += len(bars.news.stale)
            self.progress.note(f"note: {bars.news}")

    @contextmanager
    def _crew(self, bars: Bars, watch: Watch) -> Iterator[Crew]:
        """Who labels the chunks: this process, or as many as the run asks for."""
        if self.config.run.engine == "ray":
            with self._cluster(bars, watch) as cluster:
                yield cluster
            return
        if not self.config.run.has_workers:
            labeler = ChunkLabeler(self.database, bars, self.config, self.ledger.unfinished, watch)
            yield Alone(labeler, self.budget)
            return
        work = self._work(bars)
        budget = self.budget.shared(self.config.run.workers, memory.rss_bytes())
        with Workers(
            replace(work, memory_bytes=budget.limit),
            budget,
            self.config.run.workers,
            self.config.run.chunk_timeout,
            self.database.temp_dir,
            watch,
            self.profile,
        ) as workers:
            watch.oversee(workers.rss_bytes, workers.held)
            yield workers

    def _cluster(self, bars: Bars, watch: Watch) -> Cluster:
        run = self.config.run
        threads = run.threads or THREADS
        # Nodes see nothing of this machine.
        quarantine = self.ledger.output.address(f"{FOLDER}/{self.ledger.quarantine.name}")
        work = replace(
            self._work(bars),
            parameters={**bars.parameters, "quarantine": escape(quarantine)},
            handover=self.ledger.output.handover(),
            threads=threads,
            max_temp_size=run.max_temp_size,
        )
        most = run.workers if run.workers > 1 else None
        return Cluster(
            work, self.budget, most, run.chunk_timeout, run.ray_address, watch, self.profile
        )

    def _work(self, bars: Bars) -> Work:
        """What other processes need; this one gives back the memory of what came before."""
        run = self.config.run
        kept = self.database.temp_dir / "kept.duckdb"
        self.database.save_kept(kept)
        self.database.drop_tables()
        self.database.release()
        most = run.max_temp_size
        try:
            return Work(
                config=self.config,
                source=bars.source,
                parameters=bars.parameters,
                has_quarantine=self.ledger.quarantine.exists(),
                handover=Handover(str(self.ledger.folder.absolute())),
                memory_bytes=self.budget.limit,
                threads=max(1, self.summary.threads // run.workers),
                max_temp_size=most and f"{parse_size(most) // run.workers}B",
                kept=kept.read_bytes(),
                has_profile=self.profile is not None,
            )
        finally:
            kept.unlink()

    def _label(self, bars: Bars, watch: Watch, crew: Crew, reporter: RunReporter) -> None:
        """Label what is left of the range, chunk after chunk."""
        done = self.ledger.chunks()
        self.summary.resume(done)
        ranges = without(self.wanted, ((c.start, c.end) for c in done))
        schedule = Schedule(
            self.config,
            crew.budget,
            watch.manager,
            counted(self.database, bars.source, self.config, ranges),
            self.source.row_width,
            done,
            self.ledger.memory_factor(),
        )
        chunks = schedule.chunks(ranges)
        labeled: list[ChunkRecord] = []
        watch.begin(chunks)
        reporter.begin(chunks)
        self.progress.begin(chunks, self.budget, watch.manager.read_rss)
        try:
            for chunk, record, left in schedule.work(chunks, crew, self.progress.note):
                self.ledger.finish(replace(record, run=self.ledger.run))
                watch.finish(record)
                reporter.finish(record.bars)
                self.summary.add(record)
                self.progress.advance(chunk, record, left)
                labeled.append(record)
                # The first chunk is enough to see that a long run is for nothing.
                if left and len(labeled) == 1:
                    self._doubt(labeled)
            self.summary.warnings += self._doubt(labeled)
            self._tell_lone_events(bars)
        finally:
            self.summary.memory_factor = round(schedule.predictor.factor, 4)
            self.summary.next_chunk_rows = schedule.rows_per_chunk

    def _tell_lone_events(self, bars: Bars) -> None:
        """Say how many events stand at no bar, in the chunks and outside of the input."""
        if bars.context["events"] is None:
            return
        inside = sum(record.lone_events for record in self.ledger.chunks())
        first, end = whole_days(self.source.row_groups)
        values = {
            "events": bars.parameters["events"],
            "begin": self.source.moment(first),
            "until": self.source.moment(end),
        }
        (outside,) = self.database.row(render("input/outer_events", bars.context), values)
        self.summary.lone_events = lone = inside + int(outside)
        if lone:
            warning = f"{lone:,} event{'s' * (lone != 1)} at which no bar stands"
            if outside:
                warning += f", {outside:,} of them before or after all bars"
            self.summary.warnings.append(warning)
            self.progress.note(f"warning: {warning}")

    def _doubt(self, labeled: Sequence[ChunkRecord]) -> list[str]:
        """Warn where the labels so far can teach nothing."""
        files = self.ledger.part_files(labeled)
        found = doubts(self.database, self.config, files) if files else []
        for doubt in found:
            self.progress.note(f"warning: {doubt}")
        return found

    def _finish(self, watch: Watch) -> None:
        """Sum up the run, however it ended, and record that."""
        summary = self.summary
        summary.parts = sorted(c.file for c in self.ledger.chunks() if c.file is not None)
        summary.finish(watch.monitor.finish_monitoring(), watch.manager)
        summary.advice = advise(summary)
        self.ledger.append("runs", {"event": "end", **summary.to_json()})

    def _facts(self) -> dict[str, Any]:
        """What the records say of a run when it begins."""
        return {
            "config": self.config.recorded(),
            "versions": {
                **{name: version(name) for name in ("duck-label", "duckdb", "pyarrow")},
                "python": python_version(),
            },
            "memory_limit_bytes": self.budget.limit,
            "threads": self.summary.threads,
            "workers": self.summary.workers,
            # Among others, the versions at which tables with a log were read.
            "input_notes": list(self.source.notes),
        }
