"""The bars that a label depends on, taken out a few at a time: of an output, or of its input.

An output that has only the bars that are asked lacks what their paths are made of: then the bars
are those of the input, as long as it is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from duck_label.bars.footers import Stretch
from duck_label.bars.schema import bar_columns
from duck_label.bars.source import open_source
from duck_label.columns import BarColumns, identifier
from duck_label.config import LabelingConfig
from duck_label.errors import InputError
from duck_label.look.inspect import Output
from duck_label.look.path import Bar
from duck_label.moments import EPOCH, MICROSECOND
from duck_label.queries import render
from duck_label.query_names import context
from duck_label.ranges import merged, without
from duck_label.storage.names import exactly

_DAY = timedelta(days=1)
# How far a search for bars reaches at first, and how much farther the next one does.
_WIDTH, _WIDER = _DAY, 30


class Surroundings(NamedTuple):
    """Bars of a symbol in their order, the place of the signal bar, and whether none is missing.

    None is where there are as many as labels depend on, or all that the input has.
    """

    bars: list[Bar]
    signal: int
    has_all_before: bool
    has_all_after: bool


@dataclass(frozen=True)
class BarLookup:
    """Bars of files, by symbol and time.

    `read` answers a query with rows by the names of their columns, `files` are the values that all
    queries have, `covered` the ranges of time that lack no bar of the input, and `whole` the range
    of all its bars. `place` is where the bars are, in words.
    """

    config: LabelingConfig
    columns: BarColumns
    names: Mapping[str, Any]
    read: Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]
    files: Mapping[str, Any]
    covered: Sequence[tuple[datetime, datetime]]
    whole: tuple[datetime, datetime]
    place: str

    def row(self, at: datetime, symbol: str | None) -> tuple[dict[str, Any], Any]:
        """The bar at a time, with all its columns, and its symbol.

        Raises:
            InputError: if there is none, one of several symbols, or several in a microsecond.
        """
        rows = self.rows(at, symbol)
        if not rows:
            raise InputError(self._nothing(at, symbol))
        column = self.columns.symbol
        symbols = sorted({str(row[column]) for row in rows}) if column is not None else []
        if len(symbols) > 1:
            one_of = ", ".join(symbols)
            raise InputError(f"several symbols have a bar at {at}: pass --symbol, one of {one_of}")
        if len(rows) > 1:
            raise InputError(
                f"{len(rows)} bars lie in the microsecond {at}, and a time tells no less: ask for "
                "another bar, or look at these with `duck-label sql`"
            )
        return rows[0], rows[0][column] if column else None

    def rows(self, at: datetime, symbol: str | None) -> list[dict[str, Any]]:
        """The bars at a time, of one symbol or of all.

        Raises:
            InputError: for a symbol where the bars have none.
        """
        column = self.columns.symbol
        if column is None and symbol is not None:
            raise InputError(f"there are no symbols in {self.place}: omit --symbol")
        time, moment = self.columns.time("source"), self.names["moment"]
        within = self.names["within"]("source", "start", "end")
        rows = self.read(
            f"select source.* from {self.names['source']} as source "
            f"where {time} >= {moment('start')} and {time} < {moment('end')}{within}",
            {
                **self.files,
                "start": self._parameter(at),
                "end": self._parameter(at + MICROSECOND),
            },
        )
        if column is not None and symbol is not None:
            rows = [row for row in rows if str(row[column]) == symbol]
        return rows

    def _nothing(self, at: datetime, symbol: str | None) -> str:
        whole = self.bounds()
        near = [
            bar
            for bars in (
                self._take(symbol, whole[0], at, 1, "desc"),
                self._take(symbol, at, whole[1], 1, "asc"),
            )
            for bar in bars
        ]
        asked = at.replace(tzinfo=None).isoformat()
        of = f" of {symbol}" if symbol is not None else ""
        if not near:
            return f"there is no bar{of} in {self.place}: it has those of {self._symbols()}"
        times = [self.time(bar.clock).replace(tzinfo=None).isoformat() for bar in near]
        nearest = f"the nearest {'are' if times[1:] else 'is'} at {' and '.join(times)}"
        if self.whole[0] <= at < self.whole[1] and self._span(at) is None:
            nearest += ". That time is not labeled, or its part is lost: run again for it"
        return f"there is no bar{of} at {asked} in {self.place}: {nearest}"

    def _span(self, at: datetime) -> tuple[datetime, datetime] | None:
        """The range without a bar missing that holds a time."""
        return next((span for span in self.covered if span[0] <= at < span[1]), None)

    def _symbols(self) -> str:
        symbol = identifier(str(self.columns.symbol))
        query = (
            f"select distinct {symbol}::varchar as symbol from {self.names['source']} order by 1"
        )
        found = self.read(query, self.files)
        return ", ".join(str(row["symbol"]) for row in found)

    def around(self, at: datetime, symbol: Any) -> Surroundings:
        """The bars that the labels of one depend on."""
        start, end = self._span(at) or self.bounds()
        before = self._take(symbol, start, at, self.config.bars_before, "desc")[::-1]
        signal, *after = self._take(symbol, at, end, 2, "asc")
        seconds, bars = self.config.longest_seconds, self.config.longest_bars
        by_time: list[Bar] = []
        by_count: list[Bar] = []
        is_closed = bool(after)
        if after and seconds is not None:
            entered = self.time(after[0].clock)
            within = min(entered + timedelta(seconds=math.ceil(seconds) + 1), end)
            path = self._fetch(symbol, entered, within, None, "asc")
            later = self._take(symbol, within, end, 1, "asc")
            by_time = [*(bar for bar in path if bar.clock > signal.clock), *later]
            is_closed = bool(later)
        if after and bars is not None:
            by_count = self._take(symbol, at, end, bars + 2, "asc")[1:]
            is_closed = is_closed and len(by_count) == bars + 1
        return Surroundings(
            [*before, signal, *max(after, by_time, by_count, key=len)],
            len(before),
            len(before) == self.config.bars_before or start <= self.whole[0],
            is_closed or end >= self.whole[1],
        )

    def _take(
        self, symbol: Any, start: datetime, end: datetime, count: int, direction: str
    ) -> list[Bar]:
        """So many bars from one end of a range on, found without reading all of it."""
        width = _WIDTH
        while True:
            if direction == "asc":
                near = start, min(end, start + min(width, end - start))
            else:
                near = max(start, end - min(width, end - start)), end
            bars = self._fetch(symbol, *near, count, direction)
            if len(bars) == count or near == (start, end):
                return bars
            width *= _WIDER

    def _fetch(
        self, symbol: Any, start: datetime, end: datetime, count: int | None, direction: str
    ) -> list[Bar]:
        text = render("explain/bars", {**self.names, "direction": direction})
        values = {
            **self.files,
            "range_from": self._parameter(start),
            "range_until": self._parameter(end),
            "bars": count,
            **({"symbol": symbol} if self.columns.symbol else {}),
        }
        return [Bar(**row) for row in self.read(text, values)]

    def bounds(self) -> tuple[datetime, datetime]:
        """From the first bar until after the last."""
        clock, time = self.names["clock"], self.columns.time("source")
        (row,) = self.read(
            f"select {clock(f'min({time})')} as first, {clock(f'max({time})')} as last "
            f"from {self.names['source']} as source",
            self.files,
        )
        return self.time(row["first"]), self.time(row["last"]) + MICROSECOND

    def time(self, clock: int) -> datetime:
        """The time of a clock, in UTC; a part of a microsecond is left out."""
        return EPOCH + clock // (self.columns.clocks_per_second // 1_000_000) * MICROSECOND

    def _parameter(self, time: datetime) -> datetime:
        return time if self.columns.has_zone else time.replace(tzinfo=None)


@contextmanager
def lookups(output: Output, config: LabelingConfig) -> Iterator[tuple[BarLookup, BarLookup]]:
    """Where to find bars, and where their labels: in one place where the output has all bars.

    Raises:
        InputError: where the output lacks bars, and its input cannot be read.
    """
    # What asks, and what is computed with bars, is of no account here.
    plain = config.of_bars()
    types = output.columns()
    columns = bar_columns(tuple(types.items()), plain, output.folder)
    checked = output.checked
    whole, empty = _extent([group for file in checked.files for group in file.row_groups])
    covered = merged([*((c.start, c.end) for c in output.chunks()), *empty])
    labels = BarLookup(
        config,
        columns,
        context(plain, columns, list(types), has_quarantine=False),
        lambda query, values: _named(output.ask(query, **values)),
        {"files": output.part_files},
        [_times(span) for span in covered],
        _times(whole),
        output.folder,
    )
    if config.rows == "all" or not config.asks_some:
        yield labels, labels
        return
    with output.resources.database(output.folder) as database:
        try:
            source = open_source(database, [file.path for file in checked.files], plain)
        except InputError as error:
            raise InputError(
                f'{output.folder}: has only the bars that are asked (rows = "asked"); the others '
                f"are read from the input, which cannot be: {error}"
            ) from error
        files: dict[str, Any] = {"files": source.paths}
        if checked.bad_bars:
            files["quarantine"] = exactly([output.quarantine])
        whole, _ = _extent(source.row_groups)
        bars = BarLookup(
            config,
            source.bars,
            source.admitted_context(plain, has_quarantine=checked.bad_bars > 0),
            database.named_rows,
            files,
            [_times(whole)],
            _times(whole),
            "the input",
        )
        yield bars, labels


def _named(relation: Any) -> list[dict[str, Any]]:
    """The rows of a query by name; not through Arrow, as pandas comes with it and takes a while."""
    names = relation.columns
    return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]


def _extent(groups: Sequence[Stretch]) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """From the first bar until after the last, and where in between no row group has any bar.

    A run makes no chunk of such a gap, so chunks beside it lack no bar.
    """
    filled = [(group.first, group.last + 1) for group in groups]
    whole = min(first for first, _ in filled), max(end for _, end in filled)
    return whole, without(whole, filled)


def _times(span: tuple[int, int]) -> tuple[datetime, datetime]:
    return EPOCH + span[0] * MICROSECOND, EPOCH + span[1] * MICROSECOND
