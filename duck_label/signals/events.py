"""Events of a filter over bars, in a file: which bars are asked, because something has happened.

One pass over the bars in time, a range of dates after the other, so that no more is held at once.
New bars go on from the sums that the file keeps (`record`). What the filter is stands in `cusum`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import duckdb
import numpy as np
import pyarrow as pa

from duck_label.bars.density import Density
from duck_label.bars.plan import Chunk, plan, whole_days
from duck_label.bars.source import Source, open_source, refuse_damaged
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.database_errors import explain
from duck_label.errors import ConfigError, InputError
from duck_label.memory import budget as memory
from duck_label.memory.budget import MemoryBudget, default_threads
from duck_label.signals.closes import Closes, admit
from duck_label.signals.cusum import Filter, Threshold
from duck_label.signals.events_file import count, events_writer
from duck_label.signals.record import ReadFile, Record, identity_of, read_record
from duck_label.storage.names import settled
from duck_label.storage.scratch import scratch
from duck_label.storage.stores import load

# Most bars that are read at once, and the bytes of DuckDB's share that each needs (measured).
_ROWS, _BYTES = 500_000, 1000
# A clock before that of any bar.
_NEVER = -(2**63)


class Progress(Protocol):
    """Who is told how far the work is."""

    def note(self, message: str) -> None:
        """Tell a line."""

    def begin(self, bars: int) -> None:
        """About so many bars are to be read."""

    def advance(self, bars: int) -> None:
        """So many more are read."""


@dataclass(frozen=True)
class EventsFound:
    """The events of a file, of how many symbols; and what this pass added, from how many bars."""

    path: str
    events: int
    symbols: int
    new_events: int
    new_bars: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def write_events(
    inputs: Sequence[str | Path],
    path: Path,
    threshold: Threshold,
    config: LabelingConfig,
    progress: Progress,
    *,
    overwrite: bool = False,
) -> EventsFound:
    """Write the events of the symmetric CUSUM filter over bars into a Parquet file.

    Columns `timestamp` (of the bars' type; in UTC where the bars write text, or a local clock),
    `symbol` where the bars have one, and `side` (-1, 1), in order of time. A file that is there
    goes on: only bars after the last one are walked over.

    Raises:
        InputError: for files that cannot be read, bad bars, or no bar at all.
        OutputConflictError: unless `overwrite`, if the file holds something else, or bars up to
            the last one joined the input, changed or are gone.
        OutputError: if the file cannot be written, or there is nowhere to spill to.
        MemoryBudgetError: if the work does not fit in the memory budget.
    """
    names = [settled(item) for item in inputs]
    load(names, config.run.store_patience)
    before = None if overwrite else read_record(path)
    budget = MemoryBudget.resolve(config.memory.limit, baseline=memory.rss_bytes())
    if budget.warning is not None:
        progress.note(f"warning: {budget.warning}")
    threads, most = config.run.threads or default_threads(), config.run.max_temp_size
    with (
        scratch(config.run.temp_dir) as spill,
        Database(budget, threads, spill, most) as database,
    ):
        source = None
        try:
            source = open_source(database, names, config)
            for note in source.notes:
                progress.note(f"note: {note}")
            record = before or Record(identity_of(threshold, source, config), _NEVER)
            return _Search(database, names, source, config, threshold, record, progress).write(path)
        except duckdb.Error as error:
            if source is not None:
                refuse_damaged(database, source, error)
            raise explain(error, "looking for events", database) from error


@dataclass(frozen=True)
class _Search:
    """A pass over the bars of a source that come after the last one of a record."""

    database: Database
    inputs: Sequence[str]
    source: Source
    config: LabelingConfig
    threshold: Threshold
    before: Record
    progress: Progress

    def write(self, path: Path) -> EventsFound:
        """Find the events, and write them behind those that the file has already."""
        before, goes_on = self.before, self.before.last != _NEVER
        identity = identity_of(self.threshold, self.source, self.config)
        before.refuse_conflict(path, identity)
        self._refuse_bars(path)
        kept = before.unchanged(self.source.files)
        same = {file.path for file in kept}
        unread = [file for file in self.source.files if file.identity not in same]
        if not unread:
            before.refuse_other_bars(path, kept, self._time_text(before.last))
            return EventsFound(str(path), count(path), len(before.sums), 0, 0)
        source = self.source.among([file.path for file in unread])
        closes = admit(self.database, self.source, source, self.config, self.progress.note)
        chunks = self._chunks(source)
        checksums: Counter[str] = Counter()
        if goes_on:
            checksums = closes.checksums(chunks, _NEVER, before.last)
            now = [ReadFile.of(file, checksums[file.identity]) for file in unread]
            before.refuse_other_bars(path, [*kept, *now], self._time_text(before.last))
        chunks = [chunk for chunk in chunks if chunk.end > before.last // self._scale]
        self.progress.begin(sum(chunk.rows for chunk in chunks))
        filters = self._filters(closes)
        symbols = closes.symbols()
        last, events, bars = before.last, 0, 0
        with events_writer(path, goes_on=goes_on) as writer:
            for chunk in chunks:
                table = closes.between(chunk, before.last)
                found = self._events(table, filters, symbols)
                writer.add(found)
                last = int(table["clock"].to_numpy().max(initial=last))
                events, bars = events + found.num_rows, bars + table.num_rows
                self.progress.advance(table.num_rows)
            checksums += closes.checksums(chunks, before.last, last)
            files = [*kept, *(ReadFile.of(file, checksums[file.identity]) for file in unread)]
            sums = {name: one.sums for name, one in filters if one.sums is not None}
            sums = {**before.sums, **sums}
            writer.finish(Record(identity, last, sums, files))
        return EventsFound(str(path), writer.events, len(sums), events, bars)

    def _refuse_bars(self, path: Path) -> None:
        """Make sure that a file to write is none of the bars, and would not be taken for some."""
        own = os.path.realpath(path)
        folders = [os.path.join(os.path.realpath(item), "") for item in self.inputs]
        if any(own == file.identity for file in self.source.files) or any(
            own.startswith(folder) for folder in folders
        ):
            raise ConfigError(
                f"{path}: lies among the bars, and would be read as some: choose another --output"
            )

    def _filters(self, closes: Closes) -> list[tuple[str, Filter]]:
        """The filter of every symbol, in the order of their numbers."""
        return [
            (
                one.symbol,
                Filter(
                    *self.threshold.limits(one.increment, one.increments_per_tick),
                    one.jump,
                    self.before.sums.get(one.symbol),
                ),
            )
            for one in closes.series()
        ]

    def _events(self, bars: Any, filters: Sequence[tuple[str, Filter]], symbols: Any) -> Any:
        """The events in bars that are in order of symbol and time, as a table in order of time."""
        series, clock, close = (bars[name].to_numpy() for name in ("series", "clock", "close"))
        places, sides = [], []
        for start, end in pairwise([0, *(np.flatnonzero(np.diff(series)) + 1), len(series)]):
            if start == end:
                continue
            symbol, one = filters[series[start]]
            if self.threshold.unit == "%" and close[start:end].min() <= 0:
                self._refuse_logarithm(symbol, int(clock[start + close[start:end].argmin()]))
            for place, side in one.walk(close[start:end]):
                places.append(start + place)
                sides.append(side)
        at = np.array(places, dtype=np.int64)
        order = np.lexsort((series[at], clock[at]))
        at = at[order]
        columns = {"timestamp": bars["event_time"].take(pa.array(at))}
        if symbols is not None:
            columns["symbol"] = symbols.take(pa.array(series[at]))
        columns["side"] = pa.array(np.array(sides, dtype=np.int8)[order], pa.int8())
        return pa.table(columns)

    def _refuse_logarithm(self, symbol: str, clock: int) -> None:
        whose = f" of {symbol}" if symbol else ""
        raise InputError(
            f"the close{whose} at {self._time_text(clock)} is not above 0 and has no logarithm, "
            f"which --cusum {self.threshold} is of: write it in ticks or points"
        )

    def _chunks(self, source: Source) -> list[Chunk]:
        """All bars in ranges of time that can be read at once, in order."""
        rows = min(_ROWS, self.database.budget.duckdb // _BYTES)
        groups = source.row_groups
        return plan(Density(groups), "auto", rows, [whole_days(groups)])

    @property
    def _scale(self) -> int:
        """Clock units in a microsecond."""
        return self.source.bars.clocks_per_second // 1_000_000

    def _time_text(self, clock: int) -> str:
        return str(self.source.moment(clock // self._scale))
