"""The run: from files to part files, chunk after chunk.

Decides what is done and in what order; what a chunk goes through is the business of `labeler`.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from duck_label import checks, queries
from duck_label.config import LabelingConfig
from duck_label.database import Database, explain
from duck_label.errors import ConfigError, InputError, OutputError
from duck_label.labeler import Bars, ChunkLabeler
from duck_label.ledger import Ledger, identify
from duck_label.memory import MemoryBudget, default_threads
from duck_label.monitor import MemorySampler
from duck_label.plan import Chunk, plan, whole_days, without
from duck_label.results import Progress, RunPlan, RunSummary, Silence
from duck_label.source import Source, open_source

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Moment = date | datetime | None


class WeightedLabelingEngine:
    """Labels bars as one configuration says."""

    def __init__(
        self, config: LabelingConfig | None = None, progress: Progress | None = None
    ) -> None:
        self.config = config or LabelingConfig()
        self._progress = progress or Silence()
        self._threads = self.config.run.threads or default_threads()

    def plan_files(
        self,
        inputs: Sequence[str | Path],
        output: str | Path,
        *,
        start: Moment = None,
        end: Moment = None,
        resume: bool = True,
        overwrite: bool = False,
    ) -> RunPlan:
        """What `process_files` would do, from footers alone; nothing is written or checked.

        Raises:
            InputError, OutputConflictError, ConfigError, MemoryBudgetError: as `process_files`.
        """
        budget = MemoryBudget.resolve(self.config.memory.limit)
        ledger = Ledger(Path(output))
        with (
            tempfile.TemporaryDirectory(prefix="duck_label_") as temp,
            self._database(budget, Path(temp)) as database,
        ):
            source = self._source(database, inputs, ledger)
            if not overwrite:
                ledger.refuse_conflict(identify(source, self.config))
            done = [] if overwrite or not resume else ledger.chunks()
            left = without(_range(source, start, end), ((c.start, c.end) for c in done))
            chunks = plan(list(source.row_groups), self.config.run.chunk, budget, left)
        return RunPlan(
            chunks=tuple(self._in_order(chunks)),
            input_files=len(source.files),
            input_rows=source.rows,
            rows_done=sum(record.rows for record in done),
            memory_limit_bytes=budget.limit,
            threads=self._threads,
        )

    def process_files(
        self,
        inputs: Sequence[str | Path],
        output: str | Path,
        *,
        start: Moment = None,
        end: Moment = None,
        resume: bool = True,
        overwrite: bool = False,
    ) -> RunSummary:
        """Label the bars of Parquet files, folders and globs into part files in `output`.

        `start` and `end` (the first moment that is not labeled, UTC) choose the bars to label; the
        others still count for horizons, rolls and the reference date, so that labels do not depend
        on the choice. Finished chunks are not done again unless `resume` is False; `overwrite`
        replaces the labels of another input or configuration, once the new input is found good.

        Raises:
            InputError: for files that cannot be read, bad bars, or no bar in the range.
            OutputConflictError: if `output` holds something else.
            OutputError: if `output` is held by another run, or the disk is full.
            MemoryBudgetError: if the work does not fit in the memory budget.
        """
        began = time.perf_counter()
        budget = MemoryBudget.resolve(self.config.memory.limit)
        summary = RunSummary(str(output), memory_limit_bytes=budget.limit, threads=self._threads)
        if budget.warning is not None:
            summary.warnings.append(budget.warning)
            self._progress.note(f"warning: {budget.warning}")
        with (
            Ledger(Path(output)) as ledger,
            self._temp_dir(ledger) as temp_dir,
            self._database(budget, temp_dir) as database,
            MemorySampler() as sampler,
        ):
            source = self._source(database, inputs, ledger)
            if not overwrite:
                ledger.refuse_conflict(identify(source, self.config))
            wanted = _range(source, start, end)
            try:
                bars = self._good_bars(
                    database, source, ledger, summary, is_new=overwrite or not resume
                )
                _refuse_emptiness(database, bars, wanted)
            except duckdb.Error as error:
                raise explain(error, "checking the input", database) from error
            done = ledger.chunks()
            summary.chunks_resumed = len(done)
            summary.rows_resumed = sum(record.rows for record in done)
            left = without(wanted, ((record.start, record.end) for record in done))
            chunks = plan(list(source.row_groups), self.config.run.chunk, budget, left)
            labeler = ChunkLabeler(database, bars, self.config, ledger, sampler)
            self._progress.begin(chunks, budget)
            try:
                for chunk in self._in_order(chunks):
                    record = labeler.label(chunk)
                    summary.rows_labeled += record.rows
                    summary.chunks_labeled += 1
                    self._progress.advance(chunk, record)
            finally:
                summary.parts = sorted(c.file for c in ledger.chunks() if c.file is not None)
                summary.seconds = round(time.perf_counter() - began, 3)
                summary.rows_per_second = round(summary.rows_labeled / summary.seconds, 1)
                sampler.mark()
                summary.peak_rss_bytes = sampler.peak
                ledger.append("runs", {"event": "end", **summary.to_json()})
        return summary

    def _database(self, budget: MemoryBudget, temp_dir: Path) -> Database:
        return Database(budget, self._threads, temp_dir, self.config.run.max_temp_size)

    @contextmanager
    def _temp_dir(self, ledger: Ledger) -> Iterator[Path]:
        """A folder of this run's own to spill to, tried before the work and removed after it."""
        parent = ledger.folder if self.config.run.temp_dir is None else Path(self.config.run.temp_dir)
        try:
            parent.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix="spill_", dir=parent))
        except OSError as error:
            raise OutputError(
                f"{parent}: cannot hold spilled data: {error.strerror}: pass another --temp-dir"
            ) from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _source(
        self, database: Database, inputs: Sequence[str | Path], ledger: Ledger
    ) -> Source:
        source = open_source(database, [str(item) for item in inputs], self.config)
        output = ledger.output.resolve()
        for path in source.paths:
            if output in Path(path).resolve().parents:
                raise ConfigError(f"{path}: is inside the output folder {ledger.output}")
        return source

    def _good_bars(
        self,
        database: Database,
        source: Source,
        ledger: Ledger,
        summary: RunSummary,
        *,
        is_new: bool,
    ) -> Bars:
        """The bars to label, checked once per input and configuration; bad ones are set aside."""
        names = [name for name, _ in source.columns]
        raw = queries.context(self.config, source.bars, names, has_quarantine=False)
        values = {**queries.parameters(self.config, source.bars), "files": source.paths}
        database.run(queries.render("input/grids", raw), values)
        may_skip_bad = self.config.on_bad_rows == "quarantine"
        known = ledger.identity() is not None and not is_new
        if not known or (ledger.quarantine.exists() and not may_skip_bad):
            ranges = [(chunk.start, chunk.end) for chunk in self._check_ranges(source)]
            bad = checks.find_bad_bars(database, source, raw, ranges)
            if bad and not may_skip_bad:
                raise checks.complaint(database, source, self.config, raw, bad)
            ledger.start_anew()
            if bad:
                checks.quarantine(database, source, raw, ledger.quarantine)
            identity = identify(source, self.config)
            ledger.append("runs", {"event": "checked", "bad_bars": bad.bars, "identity": identity})
        if ledger.quarantine.exists():
            values["quarantine"] = str(ledger.quarantine)
            (summary.rows_quarantined,) = database.row(
                "select count(*) from read_parquet($quarantine)", values
            )
            message = f"{summary.rows_quarantined:,} bad bars set aside in {ledger.quarantine}"
            summary.warnings.append(message)
            self._progress.note(f"warning: {message}")
        context = queries.context(
            self.config, source.bars, names, has_quarantine=ledger.quarantine.exists()
        )
        database.run(queries.render("input/spans", context), values)
        month = self.config.reference_month()
        if month is None:
            (month,) = database.row(
                f"select {context['month_of'](context['clock']('max(last_time)'))} from spans"
            )
        if month is None:
            raise InputError("the input has no good bar")
        summary.reference_month = f"{(month - 1) // 12:04d}-{(month - 1) % 12 + 1:02d}"
        del values["files"]
        return Bars(source, context, {**values, "reference_month": month})

    def _check_ranges(self, source: Source) -> Iterable[Chunk]:
        groups = list(source.row_groups)
        budget = MemoryBudget.resolve(self.config.memory.limit)
        return plan(groups, "auto", budget, [whole_days(groups)])

    def _in_order(self, chunks: Sequence[Chunk]) -> Sequence[Chunk]:
        order = self.config.run.order
        if order in ("largest-first", "smallest-first"):
            return sorted(chunks, key=lambda c: c.rows, reverse=order == "largest-first")
        return chunks


def _range(source: Source, start: Moment, end: Moment) -> tuple[int, int]:
    """The range of time to label: all days of the input, or as much of them as was asked for."""
    first, last = whole_days(list(source.row_groups))
    wanted_first = first if start is None else max(first, _clock(start))
    wanted_last = last if end is None else min(last, _clock(end))
    if wanted_first >= wanted_last:
        raise InputError(
            f"no bars from {start or 'the first'} to {end or 'the last'} (the end is not labeled "
            f"itself): the input lies between {source.moment(first):%Y-%m-%d} and "
            f"{source.moment(last):%Y-%m-%d}"
        )
    return wanted_first, wanted_last


def _clock(moment: date | datetime) -> int:
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round((moment - _EPOCH).total_seconds() * 1_000_000)


def _refuse_emptiness(database: Database, bars: Bars, wanted: tuple[int, int]) -> None:
    source, timestamp = bars.context["source"], bars.context["timestamp"]
    start, end = (bars.source.moment(clock) for clock in wanted)
    found = database.rows(
        f"select 1 from {source} as source "
        f"where source.{timestamp} >= $start and source.{timestamp} < $end limit 1",
        {**bars.between(*wanted), "start": start, "end": end},
    )
    if not found:
        raise InputError(f"there is not a single bar between {start} and {end}")
