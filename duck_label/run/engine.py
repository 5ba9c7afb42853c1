"""The engine: what a caller asks for becomes a run, or the plan of one.

Finds the input and the output folder and sees whether there is anything to do. What is done is the
business of `labeling`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from duck_label.bars.density import counted
from duck_label.bars.plan import whole_days
from duck_label.bars.source import Source, open_source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.database_errors import explain
from duck_label.errors import ConfigError, InputError
from duck_label.memory import budget as memory
from duck_label.memory.budget import MemoryBudget, default_threads
from duck_label.profile import Profile
from duck_label.ranges import without
from duck_label.records.ledger import Ledger
from duck_label.run.admission import finished, lasting
from duck_label.run.changes import known_files, refuse_conflict
from duck_label.run.given import given
from duck_label.run.labeling import Labeling
from duck_label.run.results import Progress, RunPlan, RunSummary, Silence
from duck_label.run.schedule import Schedule
from duck_label.run.watch import manager
from duck_label.storage.scratch import owned, spill_folder
from duck_label.storage.stores import load

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Moment = date | datetime | str | None
Inputs = str | Path | Sequence[str | Path]


class WeightedLabelingEngine:
    """Labels bars as one configuration says.

    A `profile` is filled with what every SQL step takes.
    """

    def __init__(
        self,
        config: LabelingConfig | None = None,
        progress: Progress | None = None,
        profile: Profile | None = None,
    ) -> None:
        self._profile = profile
        self.config = config or LabelingConfig()
        self._progress = progress or Silence()
        self._threads = self.config.run.threads or default_threads()

    def plan_files(
        self,
        inputs: Inputs,
        output: str | Path,
        *,
        start: Moment = None,
        end: Moment = None,
        resume: bool = True,
        overwrite: bool = False,
    ) -> RunPlan:
        """What `process_files` would do; nothing is written or checked.

        From footers and the times of the bars.

        Raises:
            InputError, OutputConflictError, ConfigError, MemoryBudgetError: as `process_files`.
        """
        inputs = [inputs] if isinstance(inputs, str | Path) else inputs
        ledger = self._ledger(inputs, output)
        budget = MemoryBudget.resolve(self.config.memory.limit, held=memory.rss_bytes())
        with self._database(budget, self._spill(ledger)) as database:
            source = self._source(database, inputs, ledger)
            ledger.refuse_foreign_files()
            if not overwrite:
                refuse_conflict(ledger, source, self.config)
            anew = overwrite or not resume
            try:
                done = [] if anew else lasting(database, source, self.config, ledger)
            except duckdb.Error as error:
                raise explain(error, "reading the new files", database) from error
            left = without(_range(source, start, end), ((c.start, c.end) for c in done))
            density = counted(database, source, self.config, left)
        share = budget
        if self.config.run.has_workers:
            share = budget.shared(self.config.run.workers, memory.rss_bytes())
        schedule = Schedule(
            self.config,
            share,
            manager(self.config, budget),
            density,
            source.row_width,
            done,
            ledger.memory_factor(),
        )
        return RunPlan(
            chunks=tuple(schedule.chunks(left)),
            input_files=len(source.files),
            input_rows=source.rows,
            rows_done=sum(record.bars for record in done),
            memory_limit_bytes=budget.limit,
            threads=self._threads,
        )

    def process_files(
        self,
        inputs: Inputs,
        output: str | Path,
        *,
        start: Moment = None,
        end: Moment = None,
        resume: bool = True,
        overwrite: bool = False,
        events: Any = None,
        sessions: Any = None,
    ) -> RunSummary:
        """Label the bars of Parquet files, folders and globs, one or many, into parts in `output`.

        `start` and `end` (the first moment that is not labeled; UTC, text in ISO format) choose the
        bars to label; the others still count for horizons, rolls and the reference date, so that
        labels do not depend on the choice. Finished chunks are not done again unless `resume` is
        False; `overwrite` replaces the labels of another input or configuration, once the new input
        is found good. `events` and `sessions` are tables in place of the files that a configuration
        may name; those of an output that goes on are all of them, not only new ones.

        Raises:
            InputError: for files that cannot be read, bad bars, or no bar in the range.
            OutputConflictError: if `output` holds something else.
            OutputError: if `output` is held by another run, or the disk is full.
            MemoryBudgetError: if the work does not fit in the memory budget.
            WorkerLostError: if a worker dies, or takes too long, over the same chunk each time.
        """
        if events is not None or sessions is not None:
            with given(self.config, events, sessions) as config:
                engine = type(self)(config, self._progress, self._profile)
                return engine.process_files(
                    inputs, output, start=start, end=end, resume=resume, overwrite=overwrite
                )
        began = time.perf_counter()
        inputs = [inputs] if isinstance(inputs, str | Path) else inputs
        ledger = self._ledger(inputs, output)
        budget = MemoryBudget.resolve(self.config.memory.limit, held=memory.rss_bytes())
        summary = RunSummary(
            str(output),
            memory_limit_bytes=budget.limit,
            threads=self._threads,
            workers=self.config.run.workers,
        )
        if budget.warning is not None:
            summary.warnings.append(budget.warning)
            self._progress.note(f"warning: {budget.warning}")
        spill = self._spill(ledger)
        with self._database(budget, spill) as database:
            source = self._source(database, inputs, ledger)
            summary.symbols_left_out = source.others.symbols
            for note in source.notes:
                self._progress.note(f"note: {note}")
            for detail in source.details:
                self._progress.detail(f"note: {detail}")
            wanted = _range(source, start, end)
            is_plain = start is None and end is None and resume and not overwrite
            if is_plain and (checked := finished(database, source, self.config, ledger)):
                ledger.renew(checked)
                summary.rest(ledger.chunks(), checked, time.perf_counter() - began)
                return summary
            with ledger, owned(spill):
                if not overwrite:
                    refuse_conflict(ledger, source, self.config)
                labeling = Labeling(
                    self.config,
                    budget,
                    database,
                    source,
                    ledger,
                    wanted,
                    summary,
                    self._progress,
                    self._profile,
                )
                labeling.run(anew=overwrite or not resume)
        return summary

    def process_dataframe(self, df: Any, *, events: Any = None, sessions: Any = None) -> Any:
        """Label the bars of a pandas or Polars DataFrame or of an Arrow Table or RecordBatch.

        Returns a table of the same kind with the columns, index and row order of `df`, which stays
        as it is, and the labels beside them (`LabelingConfig.output_columns`); of anything else
        with `__arrow_c_stream__`, an Arrow Table. Bars that are not asked stay, without labels;
        `events` and `sessions` are tables in place of files. In pandas the timestamp may also be
        the index, or it and the symbol levels of it. Times without a zone are UTC.

        With `on_bad_rows="quarantine"` bad bars stay, without labels, and a warning names them; so
        do bars of symbols that are not among `symbols`. Where labels may be missing
        (`unresolved="null"`, quarantine or `symbols`), pandas has them as Int8.

        Raises:
            TypeError: for something that is no table.
            ConfigError: if `df` has a column of the name of an output column.
            InputError: for a missing column, a wrong type, bad bars, or no bar at all.
            OutputError: if the folder for temporary files (`run.temp_dir`) cannot hold them.
            MemoryBudgetError: if the work does not fit in the memory budget.
        """
        from duck_label.run.frames import label  # loads pyarrow, which files can do without

        with given(self.config, events, sessions) as config:
            engine = type(self)(config, self._progress, self._profile)
            return label(df, config, engine.process_files)

    def _ledger(self, inputs: Sequence[str | Path], output: str | Path) -> Ledger:
        """The records of an output; what stores need is loaded before memory is measured."""
        load([*inputs, output], self.config.run.store_patience)
        return Ledger(output, self.config.run.temp_dir)

    def _spill(self, ledger: Ledger) -> Path:
        return spill_folder(self.config.run.temp_dir or ledger.folder)

    def _database(self, budget: MemoryBudget, spill: Path) -> Database:
        most = self.config.run.max_temp_size
        return Database(budget, self._threads, spill, most, self._profile)

    def _source(self, database: Database, inputs: Sequence[str | Path], ledger: Ledger) -> Source:
        names = [str(item) for item in inputs]
        source = open_source(database, names, self.config, known_files(ledger, self.config))
        output = f"{ledger.output.address()}/"
        for file in source.files:
            if file.identity.startswith(output):
                raise ConfigError(f"{file.path}: is inside the output folder {ledger.output}")
        return source


def _range(source: Source, start: Moment, end: Moment) -> tuple[int, int]:
    """The range of time to label: all days of the input, or as much of them as was asked for."""
    first, last = whole_days(source.row_groups)
    wanted_first = first if start is None else max(first, _clock(start))
    wanted_last = last if end is None else min(last, _clock(end))
    if wanted_first >= wanted_last:
        raise InputError(
            f"no bars from {start or 'the first'} to {end or 'the last'} (the end is not labeled "
            f"itself): the input lies between {source.moment(first):%Y-%m-%d} and "
            f"{source.moment(last):%Y-%m-%d}"
        )
    return wanted_first, wanted_last


def _clock(moment: date | datetime | str) -> int:
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError as error:
            raise ConfigError(
                f"{moment!r} is no date or time: write 2024-03-04 or 2024-03-04T14:30:05"
            ) from error
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round((moment - _EPOCH).total_seconds() * 1_000_000)
