"""Why a bar got its label: its trades, walked anew, beside what the output holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Literal

from duck_label.bars.schema import bar_columns
from duck_label.columns import identifier
from duck_label.config import LabelingConfig
from duck_label.errors import ConfigError, InputError
from duck_label.fields import unknown
from duck_label.look.inspect import Output
from duck_label.look.walk import Bar, Trade, Walk
from duck_label.queries import context, render
from duck_label.ranges import merged
from duck_label.rules import TradingMode

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
# How far a search for bars reaches at first, and how much farther the next one does.
_WIDTH, _WIDER = _DAY, 30
_KINDS = (
    *("label", "weight", "outcome", "mae_ticks", "mfe_ticks", "seconds"),
    *("exit_price", "return_ticks", "stop_ticks", "target_ticks"),
)


@dataclass(frozen=True)
class Story:
    """A trade beside what is stored for it: `differences` are empty where both agree.

    `doubts` say what the part files do not tell; with a doubt, a difference proves nothing.
    """

    symbol: str | None
    signal: Bar
    trade: Trade
    clocks_per_second: int
    weights: Mapping[str, float]
    factors: tuple[str, ...]
    enters_at_close: bool
    stored: Mapping[str, Any]
    differences: tuple[str, ...]
    doubts: tuple[str, ...]

    @property
    def verdict(self) -> Literal["agrees", "differs", "cannot be checked"]:
        """Whether the stored label is what the walk found."""
        if not self.differences:
            return "agrees"
        return "cannot be checked" if self.doubts else "differs"

    def moment(self, bar: Bar) -> datetime:
        """The time of a bar, in UTC; a part of a microsecond is left out."""
        return _EPOCH + bar.clock // (self.clocks_per_second // 1_000_000) * _MICROSECOND


def explain(
    output: Output, at: date | datetime, symbol: str | None = None, mode: str | None = None
) -> list[Story]:
    """The stories of the bar at a time (UTC unless it has a zone): of one mode, or of each.

    Raises:
        InputError: if there is no bar at that time, or one of several symbols.
        ConfigError: if there is no such mode.
    """
    config = output.config
    chosen = _modes(config, mode)
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day, tzinfo=UTC)
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    shelf = _Shelf(output, config)
    row, symbol = shelf.row(at, symbol)
    bars, signal, is_whole = shelf.around(at, symbol)
    month, is_final = shelf.reference_month()
    grid = next(g for g in config.grids() if fnmatchcase(str(symbol or ""), g.pattern))
    walk = Walk(config, grid, shelf.columns.clocks_per_second, month, bars, signal, row)
    stories = []
    for one in chosen:
        trade = walk.trade(one)
        names = {kind: f"{kind}_{one.name}" for kind in _KINDS}
        stored = {kind: row[name] for kind, name in names.items() if name in row}
        stories.append(
            Story(
                symbol=symbol,
                signal=bars[signal],
                trade=trade,
                clocks_per_second=shelf.columns.clocks_per_second,
                weights=config.weights.model_dump(exclude={"factors"}),
                factors=config.weights.factors,
                enters_at_close=config.entry == "close",
                stored=stored,
                differences=tuple(_differences(trade, stored)),
                doubts=tuple(_doubts(trade, signal - config.bars_before, is_whole, is_final)),
            )
        )
    return stories


def _modes(config: LabelingConfig, name: str | None) -> list[TradingMode]:
    known = {mode.name: mode for mode in config.modes}
    if name is None:
        return list(known.values())
    if name not in known:
        hint = unknown(name, list(known)).partition("; ")[2]
        raise ConfigError(f"there is no mode {name!r} in this output: {hint}")
    return [known[name]]


def _differences(trade: Trade, stored: Mapping[str, Any]) -> Iterator[str]:
    for kind, value in stored.items():
        walked = getattr(trade, kind)
        if isinstance(walked, float) and value is not None:
            # A stored weight is a FLOAT, and exp() has no last bit that all agree on.
            is_same = math.isclose(walked, value, rel_tol=2e-7)
        else:
            is_same = walked == value
        if not is_same:
            yield f"{kind} is {value} in the output, but {walked} by the walk"


def _doubts(trade: Trade, bars_to_spare: int, is_whole: bool, is_final: bool) -> Iterator[str]:
    if trade.outcome in ("censored", "none") or not is_whole:
        yield "the labeled bars end before the trade does: what came later was not looked at"
    if bars_to_spare < 0:
        yield "the labeled bars begin here: rolls and volatility before them were not looked at"
    if not is_final:
        yield "no run has ended yet: the latest labeled bar stood in for the latest bar of all"


class _Shelf:
    """The bars of an output folder, taken out a few at a time."""

    def __init__(self, output: Output, config: LabelingConfig) -> None:
        self._output = output
        self._config = config
        types = output.columns()
        self.columns = bar_columns(tuple(types.items()), config, output.folder)
        self._context = context(config, self.columns, list(types), has_quarantine=False)
        covered = merged((c.start, c.end) for c in output.chunks())
        self._covered = [(_EPOCH + a * _MICROSECOND, _EPOCH + b * _MICROSECOND) for a, b in covered]

    def row(self, at: datetime, symbol: str | None) -> tuple[dict[str, Any], Any]:
        """The labeled bar at a time, with all its columns, and its symbol."""
        rows = self._rows(at, at + _MICROSECOND)
        if self.columns.symbol is None:
            if symbol is not None:
                raise InputError(f"there are no symbols in {self._output.folder}: omit --symbol")
        elif symbol is not None:
            rows = [row for row in rows if str(row[self.columns.symbol]) == symbol]
        if not rows:
            raise InputError(self._nothing(at, symbol))
        if len(rows) > 1 and self.columns.symbol is not None:
            symbols = ", ".join(sorted(str(row[self.columns.symbol]) for row in rows))
            raise InputError(f"several symbols have a bar at {at}: pass --symbol, one of {symbols}")
        return rows[0], rows[0][self.columns.symbol] if self.columns.symbol else None

    def _rows(self, start: datetime, end: datetime) -> list[dict[str, Any]]:
        time, moment = self.columns.time("labels"), self._context["moment"]
        found = self._output.sql(
            f"from labels where {time} >= {moment('start')} and {time} < {moment('end')}",
            start=self._parameter(start),
            end=self._parameter(end),
        )
        rows: list[dict[str, Any]] = found.to_arrow_table().to_pylist()
        return rows

    def _nothing(self, at: datetime, symbol: str | None) -> str:
        whole = self._bounds()
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
            known = self._symbols()
            return f"there is no bar{of} in {self._output.folder}: it has those of {known}"
        times = [self._time(bar.clock).replace(tzinfo=None).isoformat() for bar in near]
        nearest = f"the nearest {'are' if times[1:] else 'is'} at {' and '.join(times)}"
        return f"there is no bar{of} at {asked} in {self._output.folder}: {nearest}"

    def _symbols(self) -> str:
        symbol = identifier(str(self.columns.symbol))
        found = self._output.sql(f"select distinct {symbol}::varchar from labels order by 1")
        return ", ".join(str(name) for (name,) in found.fetchall())

    def around(self, at: datetime, symbol: Any) -> tuple[list[Bar], int, bool]:
        """The bars that the labels of one depend on, its place, and whether they are all there."""
        start, end = next(
            (span for span in self._covered if span[0] <= at < span[1]), self._bounds()
        )
        before = self._take(symbol, start, at, self._config.bars_before, "desc")[::-1]
        signal, *after = self._take(symbol, at, end, 2, "asc")
        seconds, bars = self._config.longest_seconds, self._config.longest_bars
        by_time: list[Bar] = []
        if after and seconds is not None:
            entered = self._time(after[0].clock)
            within = min(entered + timedelta(seconds=math.ceil(seconds) + 1), end)
            path = self._fetch(symbol, entered, within, None, "asc")
            by_time = [bar for bar in path if bar.clock > signal.clock]
            by_time += self._take(symbol, within, end, 1, "asc")
        if after and bars is not None:
            after = self._take(symbol, at, end, bars + 2, "asc")[1:]
        after = max(after, by_time, key=len)
        is_last = all(span[1] <= end for span in self._covered)
        return [*before, signal, *after], len(before), is_last

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
        text = render("explain/bars", {**self._context, "direction": direction})
        values = {
            "files": self._output.part_files,
            "range_from": self._parameter(start),
            "range_until": self._parameter(end),
            "bars": count,
            **({"symbol": symbol} if self.columns.symbol else {}),
        }
        return [Bar(*row) for row in self._output.sql(text, **values).fetchall()]

    def reference_month(self) -> tuple[int, bool]:
        """12 * year + month that the decay counts from, and whether a run has settled it."""
        own = self._config.reference_month()
        if own is not None:
            return own, True
        ended = self._output.sql(
            "select reference_month from runs where reference_month <> '' order by ended_at desc"
        ).fetchall()
        if ended:
            year, month = map(int, ended[0][0].split("-"))
            return 12 * year + month, True
        latest = self._bounds()[1] - _MICROSECOND
        return 12 * latest.year + latest.month, False

    def _bounds(self) -> tuple[datetime, datetime]:
        """From the first labeled bar until after the last."""
        clock = self._context["clock"]
        time = self.columns.time("labels")
        ((first, last),) = self._output.sql(
            f"select {clock(f'min({time})')}, {clock(f'max({time})')} from labels"
        ).fetchall()
        return self._time(first), self._time(last) + _MICROSECOND

    def _time(self, clock: int) -> datetime:
        return _EPOCH + clock // (self.columns.clocks_per_second // 1_000_000) * _MICROSECOND

    def _parameter(self, time: datetime) -> datetime:
        return time if self.columns.has_zone else time.replace(tzinfo=None)
