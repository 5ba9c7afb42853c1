"""Labels to train on, taken out of an output folder: in batches, or as a whole table.

Every taking-out opens the folder anew and streams from it, so that labels can be gone through again
and again, also by several processes, and batches need no more memory for many years than for one.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from duck_label.database_errors import reason_of
from duck_label.errors import ConfigError, DuckLabelError, InputError, MemoryBudgetError, QueryError
from duck_label.look.inspect import Output
from duck_label.look.resources import Resources, unreadable
from duck_label.look.unchanged import Unchanged
from duck_label.queries import render

_ROWS = 100_000


@dataclass(frozen=True)
class Count:
    """Of the bars of a mode that were asked for: those with a label, and those without."""

    labels: int
    left_out: int


@dataclass(frozen=True)
class Labels:
    """Labels to train on: one row for every bar and mode that has a label.

    The modes follow each other as in the configuration; the rows of each lie as in the part files,
    which are in order of time, and each sorted by symbol and time. Nothing is read before it is
    taken out, and every taking-out reads anew.
    """

    output: str
    modes: tuple[str, ...]
    columns: tuple[str, ...]
    _asked: str = field(repr=False)
    _resources: Resources = field(repr=False)

    def batches(self, rows: int = _ROWS) -> pa.RecordBatchReader:
        """Arrow batches of at most so many rows, out of core: the whole is never in memory.

        Iterate over them, or pass them on to whatever takes an Arrow stream.

        Raises:
            QueryError: for batches of no rows.
            InputError: if a part file cannot be read, or another one has taken its place, also
                while batches are taken and after the last.
            MemoryBudgetError: if the memory limit is too small.
        """
        if rows < 1:
            raise QueryError(f"rows={rows}: a batch has at least one row")
        opened = Output(self.output, self._resources)
        unchanged = opened.unchanged()
        for doubt in unchanged.doubts(weights="weight" in self.columns):
            warnings.warn(doubt, stacklevel=2)
        try:
            reader = self._query(opened, "read/rows").to_arrow_reader(rows)
        except DuckLabelError as error:
            opened.close()
            if isinstance(error, QueryError):  # the query is ours: what fails are the files
                raise self._complaint(opened, str(error)) from error
            raise
        batches = self._stream(opened, reader, unchanged)
        return pa.RecordBatchReader.from_batches(reader.schema, batches)

    def _stream(
        self,
        opened: Output,
        reader: pa.RecordBatchReader,
        unchanged: Unchanged,
    ) -> Iterator[pa.RecordBatch]:
        with opened, unchanged:
            try:
                yield from reader
            except (OSError, pa.ArrowException) as error:
                raise self._complaint(opened, str(error)) from error

    def _complaint(self, opened: Output, message: str) -> DuckLabelError:
        """What DuckDB complained of in the midst of a stream, which Arrow hands on as text."""
        reason = reason_of(duckdb.Error(message))
        if message.startswith("Out of Memory"):
            return MemoryBudgetError(
                f"{self.output}: reading the labels does not fit in "
                f"{self._resources.memory_limit}: {reason}. Pass a larger memory_limit, "
                "fewer columns or fewer threads"
            )
        damage = opened.damage(message)
        return damage or InputError(f"{self.output}: {unreadable(self.output, reason)}")

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table.

        Raises:
            InputError, MemoryBudgetError: as `batches`.
        """
        return self.batches().read_all()

    def to_pandas(self) -> Any:
        """All rows as a pandas DataFrame; mode, direction and outcome are categories.

        Raises:
            InputError, MemoryBudgetError: as `batches`.
        """
        # The table is let go column by column, so that rows are not held twice.
        return self.to_arrow().to_pandas(split_blocks=True, self_destruct=True)

    def to_polars(self) -> Any:
        """All rows as a Polars DataFrame; mode, direction and outcome are categories.

        Raises:
            ConfigError: if there is no Polars.
            InputError, MemoryBudgetError: as `batches`.
        """
        try:
            import polars
        except ImportError:
            raise ConfigError("to_polars needs Polars: pip install 'duck-label[polars]'") from None
        return polars.from_arrow(self.to_arrow())

    def counts(self) -> dict[str, Count]:
        """By mode, how many labels there are, and how many of the bars are left out without one.

        Raises:
            InputError, MemoryBudgetError: as `batches`.
        """
        with Output(self.output, self._resources) as opened, opened.unchanged() as unchanged:
            for doubt in unchanged.doubts(weights=False):
                warnings.warn(doubt, stacklevel=2)
            found = self._query(opened, "read/counts").fetchall()
        counts = {mode: Count(labels, left_out) for mode, labels, left_out in found}
        return {mode: counts.get(mode, Count(0, 0)) for mode in self.modes}

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Let pandas, Polars, DuckDB and whatever else reads streams of Arrow read these."""
        return self.batches().__arrow_c_stream__(requested_schema)

    def _query(self, opened: Output, name: str) -> Any:
        return opened.ask(f"{self._asked}\n{render(name, {'columns': self.columns})}")
