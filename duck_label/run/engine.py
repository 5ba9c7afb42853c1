"""The engine: what a caller asks for becomes a job, which is planned or done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duck_label.config import LabelingConfig
from duck_label.moments import Moment
from duck_label.profile import Profile
from duck_label.run.given import given
from duck_label.run.job import Job
from duck_label.run.opened import Inputs
from duck_label.run.results import Progress, RunPlan, RunSummary, Silence


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

    def plan_files(
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
    ) -> RunPlan:
        """What `process_files` would do; nothing is written or checked.

        From footers and the times of the bars.

        Raises:
            InputError, OutputConflictError, ConfigError, MemoryBudgetError: as `process_files`.
        """
        with (
            given(self.config, events, sessions) as config,
            Job.open(
                config,
                inputs,
                output,
                start=start,
                end=end,
                resume=resume,
                overwrite=overwrite,
                profile=self._profile,
            ) as job,
        ):
            return job.plan()

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
        with (
            given(self.config, events, sessions) as config,
            Job.open(
                config,
                inputs,
                output,
                start=start,
                end=end,
                resume=resume,
                overwrite=overwrite,
                profile=self._profile,
            ) as job,
        ):
            return job.run(self._progress)

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
            # A table keeps all of its rows: those that are not asked say so in their outcome.
            config = config.model_copy(update={"rows": "all"})
            engine = type(self)(config, self._progress, self._profile)
            return label(df, config, engine.process_files)
