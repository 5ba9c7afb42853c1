"""A run, prepared once: it is planned, or done.

Sees whether there is anything to do. How it is done is the business of `labeling`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from duck_label.config import LabelingConfig
from duck_label.database_errors import explain
from duck_label.moments import Moment
from duck_label.profile import Profile
from duck_label.records.chunk import ChunkRecord
from duck_label.run.changes import refuse_conflict
from duck_label.run.crews.choice import most_in_flight, share
from duck_label.run.finished import finished, lasting
from duck_label.run.labeling import Labeling
from duck_label.run.opened import Inputs, Opened, opened
from duck_label.run.results import Progress, RunPlan, RunSummary
from duck_label.run.schedule import Schedule
from duck_label.run.watch import manager
from duck_label.storage.scratch import owned


@dataclass(frozen=True)
class Job:
    """An input and the output folder that it is labeled into.

    The caller calls the folder `output`. Finished chunks are labeled again if `anew`; labels of
    another input or configuration are replaced if `overwrite`. `is_whole`: no part of the input was
    asked for. `began` is the clock of this process.
    """

    opened: Opened
    output: str
    anew: bool
    overwrite: bool
    is_whole: bool
    began: float

    @classmethod
    @contextmanager
    def open(
        cls,
        config: LabelingConfig,
        inputs: Inputs,
        output: str | Path,
        *,
        start: Moment = None,
        end: Moment = None,
        resume: bool = True,
        overwrite: bool = False,
        profile: Profile | None = None,
    ) -> Iterator[Job]:
        """Open the input and the records; see `WeightedLabelingEngine.process_files`."""
        began = time.perf_counter()
        is_whole = start is None and end is None
        with opened(config, inputs, output, start, end, profile) as parts:
            yield cls(parts, str(output), overwrite or not resume, overwrite, is_whole, began)

    def plan(self) -> RunPlan:
        """What `run` would do; nothing is written or checked."""
        config, source, database = self.opened.config, self.opened.source, self.opened.database
        budget, threads = database.budget, database.threads
        self.opened.ledger.refuse_foreign_files()
        self._refuse_conflict()
        done, lacking = self._lasting()
        each, most = share(config, budget), most_in_flight(config, threads)
        schedule = Schedule(self.opened, source, done, each, most, manager(config, budget))
        return RunPlan(
            chunks=tuple(schedule.chunks()),
            input_files=len(source.files),
            input_rows=source.rows,
            rows_done=sum(record.bars for record in done),
            memory_limit_bytes=budget.limit,
            threads=threads,
            chunks_to_weigh=len(lacking),
            rows_to_weigh=sum(record.rows for record in lacking),
        )

    def run(self, progress: Progress) -> RunSummary:
        """Label what is left. Who else would write to the folder is kept out meanwhile."""
        config, database = self.opened.config, self.opened.database
        source, ledger = self.opened.source, self.opened.ledger
        summary = RunSummary(
            self.output,
            memory_limit_bytes=database.budget.limit,
            threads=database.threads,
            workers=config.run.workers,
            symbols_left_out=source.others.symbols,
        )
        if (warning := database.budget.warning) is not None:
            summary.warnings.append(warning)
            progress.note(f"warning: {warning}")
        for note in source.notes:
            progress.note(f"note: {note}")
        for detail in source.details:
            progress.detail(f"note: {detail}")
        if self.is_whole and not self.anew:
            checked = finished(database, source, config, ledger)
            if checked is not None:
                ledger.renew(checked)
                ledger.complete()
                summary.nothing_to_do(ledger.chunks(), checked, time.perf_counter() - self.began)
                return summary
        with ledger, owned(database.temp_dir):
            self._refuse_conflict()
            Labeling(self.opened, summary, progress).run(anew=self.anew)
        return summary

    def _refuse_conflict(self) -> None:
        if not self.overwrite:
            refuse_conflict(self.opened.ledger, self.opened.source, self.opened.config)

    def _lasting(self) -> tuple[list[ChunkRecord], list[ChunkRecord]]:
        """The finished chunks that would stay, and those of them that would be weighed anew."""
        if self.anew:
            return [], []
        database, source = self.opened.database, self.opened.source
        try:
            return lasting(database, source, self.opened.config, self.opened.ledger)
        except duckdb.Error as error:
            raise explain(error, "reading the new files", database) from error
