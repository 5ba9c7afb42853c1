"""Makes the weights of finished parts anew: from their details, without bars and without labeling.

Covers one part, and several in a row. Which, and why, is the business of `weigh` and `labeling`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import duckdb

from duck_label.bars.plan import Chunk
from duck_label.bars.schema import bar_columns
from duck_label.columns import MILLISECONDS, identifier
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.database_errors import explain
from duck_label.errors import DamagedOutputError, OutputError
from duck_label.identity import weighing_of
from duck_label.queries import render
from duck_label.query_names import context
from duck_label.query_values import parameters
from duck_label.records.checked import month_name
from duck_label.records.chunk import ChunkRecord
from duck_label.records.ledger import Ledger
from duck_label.run.watch import SETTLE_AFTER, Watch
from duck_label.storage.names import exactly
from duck_label.storage.places import digest_of
from duck_label.tables import counted
from duck_label.whole import sealed

_STEP = "weigh/part"
# What DuckDB takes where nobody says; and the rows that it handles at a time.
_MOST_ROWS, _VECTOR = 122_880, 2_048
# Row groups of this many threads and buffers lie in memory before they are compressed.
_BUFFERS, _VALUE_BYTES = 4, 8


@dataclass(frozen=True)
class Weights:
    """The weights that the parts of an output are to have.

    `config` is what their labels were made with, but for the weights, which may be others;
    `columns` are the input's with their types, and `reference_month` (12 * year + month) is the
    month that the decay counts from.
    """

    config: LabelingConfig
    columns: Sequence[Sequence[str]]
    reference_month: int

    @cached_property
    def weighing(self) -> str:
        """What parts with these weights have on record."""
        return weighing_of(self.config, self.reference_month)

    @property
    def month_name(self) -> str:
        """The month that the decay counts from."""
        return month_name(self.reference_month)

    def lacking(self, records: Iterable[ChunkRecord]) -> list[ChunkRecord]:
        """The finished chunks whose parts have other weights, in order of time."""
        lacking = (r for r in records if r.file is not None and r.weighing != self.weighing)
        return sorted(lacking, key=lambda record: record.start)

    def note(self, lacking: Sequence[ChunkRecord]) -> str:
        """What is weighed anew, in words."""
        bars = counted(sum(record.rows for record in lacking), "bar")
        are = "is" if len(lacking) == 1 else "are"
        return f"{counted(len(lacking), 'finished chunk')} ({bars}) {are} weighed anew, not labeled"


def chunk_of(record: ChunkRecord) -> Chunk:
    """The range that a finished chunk covers."""
    return Chunk(record.start, record.end, record.rows)


def _row_group_rows(database: Database, columns: int) -> int:
    """How many rows a row group has, so that those in the making fit in the memory budget."""
    row_bytes = _VALUE_BYTES * columns
    rows = database.budget.duckdb // (_BUFFERS * database.threads * row_bytes)
    return max(_VECTOR, min(_MOST_ROWS, rows // _VECTOR * _VECTOR))


class Weigher:
    """Weighs parts of an output that a run holds, one at a time."""

    def __init__(self, database: Database, ledger: Ledger, watch: Watch, weights: Weights) -> None:
        self._database = database
        self._ledger = ledger
        self._watch = watch
        self._weights = weights
        config, columns = weights.config, tuple((name, kind) for name, kind in weights.columns)
        bars = bar_columns(columns, config.of_bars(), str(ledger.output))
        names = [name for name, _ in columns]
        names_of_bars = context(config, bars, names, has_quarantine=False)
        in_milliseconds = list(bars.milliseconds)
        if bars.touch_type == MILLISECONDS:
            in_milliseconds += [f"touch_time_{mode.name}" for mode in config.modes]
        of_the_part = {
            "milliseconds": [identifier(name) for name in in_milliseconds],
            "row_group_rows": _row_group_rows(
                database, len(names) + len(names_of_bars["output_columns"])
            ),
        }
        self._query = render(_STEP, {**names_of_bars, **of_the_part})
        self._values = {
            **parameters(config, bars),
            "reference_month": weights.reference_month,
        }

    def weigh(self, records: Sequence[ChunkRecord]) -> Iterator[tuple[Chunk, ChunkRecord, int]]:
        """Weigh the parts of finished chunks; says what each took, and how many are left.

        A part is recorded, and then replaced by the new one as a whole. What memory fails is tried
        once more with one thread.

        Raises:
            DamagedOutputError: for a part that is not as it was written.
            MemoryBudgetError: if a part does not fit in the budget.
            OutputError: if a part cannot be written.
        """
        for done, record in enumerate(records, start=1):
            chunk = chunk_of(record)
            began = time.perf_counter()
            work = partial(self._weighed, record)
            with self._watch.monitor.measure_peaks() as peaks:
                weighed, attempts = self._watch.attempt(chunk.name, work)
            if done % SETTLE_AFTER == 0:
                self._watch.settle()
            seconds = round(time.perf_counter() - began, 3)
            self._ledger.finish_weighing(weighed, seconds)
            taken = replace(
                weighed,
                seconds=seconds,
                peak_rss_bytes=peaks.rss_bytes,
                spill_bytes=peaks.spill_bytes,
                attempts=attempts,
            )
            yield chunk, taken, len(records) - done

    def _weighed(self, record: ChunkRecord) -> ChunkRecord:
        name = str(record.file)
        chunk = chunk_of(record).name
        part = self._ledger.unfinished(name)
        old = self._ledger.output.copy(name, self._database.temp_dir)
        try:
            self._refuse_damage(old, record)
            values = {**self._values, "files": exactly([str(old)]), "part": str(part)}
            with self._watch.step(self._database, chunk, _STEP):
                self._database.run(self._query, values, (chunk, _STEP))
            self._refuse_loss(old, part)
        except duckdb.Error as error:
            part.unlink(missing_ok=True)
            raise explain(error, f"{name}: {_STEP}", self._database) from error
        finally:
            if old.parent == self._database.temp_dir:
                old.unlink(missing_ok=True)
            self._watch.give_back(self._database, chunk, settles=False)
        size, digest = sealed(part)
        return replace(record, size_bytes=size, digest=digest, weighing=self._weights.weighing)

    def _refuse_damage(self, part: Path, record: ChunkRecord) -> None:
        """Make sure that nothing but what was written is carried over."""
        try:
            with part.open("rb") as file:
                digest = digest_of(file)
        except OSError as error:
            raise DamagedOutputError(f"{part}: cannot be read: {error.strerror}") from error
        if digest != record.digest:
            raise DamagedOutputError(
                f"{self._ledger.output.address(str(record.file))}: has other bytes than were "
                "written: remove it, and label again"
            )

    def _refuse_loss(self, old: Path, new: Path) -> None:
        """Make sure that a part has the rows and columns that it had."""
        (before, after) = (self._shape(path) for path in (old, new))
        if before != after:
            new.unlink(missing_ok=True)
            raise OutputError(f"{new}: came out with other rows or columns: nothing of it was kept")

    def _shape(self, path: Path) -> tuple[Any, ...]:
        files = {"files": exactly([str(path)])}
        (rows,) = self._database.row(
            "select sum(num_rows) from parquet_file_metadata($files)", files
        )
        schema = self._database.rows(
            "select name, type, converted_type, logical_type from parquet_schema($files)", files
        )
        return rows, schema
