"""The path of one trade, bar by bar: where it ends, with what outcome and at what price.

In whole price increments, straight from docs/labels.md, for `walk`; it shares no step with the SQL
that labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from duck_label.config import LabelingConfig
from duck_label.look.distances import Levels
from duck_label.rules import Grid, TradingMode


@dataclass(frozen=True)
class Bar:
    """A bar; its clock counts micro- or nanoseconds since 1970."""

    clock: int
    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True)
class Step:
    """A bar of a path, numbered from the entry bar (1), and how far the trade has gone by then.

    `stop` is the price at which the stop stood when the bar opened, None without one.
    """

    number: int
    bar: Bar
    seconds: float
    mae_ticks: float
    mfe_ticks: float
    stop: float | None


@dataclass(frozen=True)
class Ending:
    """How a path ended: the outcome, the path, and the exit's level as a long trade sees it."""

    outcome: str
    path: list[Step]
    exit: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class TradePath:
    """The bars that trades of one signal bar may pass through.

    `bars` are those of its symbol in order, the signal at `signal`. `lateness` is why the entry bar
    does not count, as a sentence, and `closes` the clock at which its session ends every trade.
    """

    config: LabelingConfig
    grid: Grid
    clocks_per_second: int
    bars: Sequence[Bar]
    signal: int
    lateness: str | None
    closes: int | None

    def follow(
        self, mode: TradingMode, side: int, entry: int, stop: int | None, target: int | None
    ) -> Ending:
        """Walk the path of a trade from its entry level to where it ends.

        Distances are whole increments, None where there is no such barrier. Everything is seen as a
        long trade sees it: prices change sign for a short one (`side` -1).
        """
        if self._is_rolled(self.signal):
            return Ending("roll", [])
        if self.signal + 1 == len(self.bars):
            return Ending("none", [])
        if self.lateness is not None:
            return Ending("skipped", [], reason=self.lateness)
        per_tick = self.grid.increments_per_tick
        entry_bar = self.bars[self.signal + 1]
        begin = best = side * entry
        against = in_favour = 0
        path: list[Step] = []
        exit_: int | None = None
        for index in range(self.signal + 1, len(self.bars)):
            bar, levels, number = self.bars[index], self.levels[index], index - self.signal
            if self._is_past_the_close(mode, bar, entry_bar, number):
                return Ending("close", path, exit_)
            if self._is_beyond_the_horizon(mode, bar, entry_bar, number):
                return Ending("timeout", path, exit_)
            low, high = sorted((side * levels.low, side * levels.high))
            against, in_favour = max(against, begin - low), max(in_favour, high - begin)
            stop_level = None if stop is None else (best if mode.trailing else begin) - stop
            path.append(
                Step(
                    number=number,
                    bar=bar,
                    seconds=(bar.clock - entry_bar.clock) / self.clocks_per_second,
                    mae_ticks=against / per_tick,
                    mfe_ticks=in_favour / per_tick,
                    stop=None if stop_level is None else self.price(side * stop_level),
                )
            )
            if self._is_rolled(index):
                return Ending("roll", path)
            opens, exit_ = side * levels.open, side * levels.close
            target_level = None if target is None else begin + target
            outcome = self._touched(low, high, opens, stop_level, target_level)
            if outcome == "target":
                return Ending(outcome, path, target_level)
            if outcome == "stop" and stop_level is not None:
                return Ending(outcome, path, min(stop_level, opens))
            if outcome == "both":
                return Ending(outcome, path)
            best = max(best, high)
        # No bar is left: the horizon may have been just as long.
        is_over = len(path) == self.config.horizon(mode)[1]
        return Ending("timeout" if is_over else "censored", path, exit_)

    def _touched(
        self, low: int, high: int, opens: int, stop: int | None, target: int | None
    ) -> str | None:
        """Which barrier a bar decides for, or both; None where it touches neither."""
        stops, wins = stop is not None and low <= stop, target is not None and high >= target
        if stop is None or target is None or not (stops and wins):
            return "stop" if stops else "target" if wins else None
        if self.config.tie == "open":
            is_nearer = opens > stop and (opens >= target or target - opens < opens - stop)
            return "target" if is_nearer else "stop"
        return "both" if self.config.tie == "null" else self.config.tie

    def _is_beyond_the_horizon(self, mode: TradingMode, bar: Bar, entry: Bar, number: int) -> bool:
        seconds, bars = self.config.horizon(mode)
        if seconds is None:
            return number > (bars or 0)
        return Fraction(bar.clock - entry.clock, self.clocks_per_second) >= Fraction(seconds)

    def _is_past_the_close(self, mode: TradingMode, bar: Bar, entry: Bar, number: int) -> bool:
        """Whether a bar lies after a close that came before the end of the horizon."""
        closes, (seconds, bars) = self.closes, self.config.horizon(mode)
        if closes is None or bar.clock < closes:
            return False
        if seconds is None:
            return number <= (bars or 0)
        return Fraction(closes - entry.clock, self.clocks_per_second) < Fraction(seconds)

    def _is_rolled(self, index: int) -> bool:
        return any(near in self._jumps for near in range(index - 5, index + 2))

    @cached_property
    def levels(self) -> list[Levels]:
        """Prices as whole multiples of the price increment."""
        prices = ((bar.open, bar.high, bar.low, bar.close) for bar in self.bars)
        return [Levels(*map(self._level, four)) for four in prices]

    def _level(self, price: float) -> int:
        """The nearest level; of two that are as near in DOUBLE, the one further from zero."""
        multiple = price * self._increment.denominator / self._increment.numerator
        return int(Decimal(multiple).to_integral_value(ROUND_HALF_UP))

    @property
    def _increment(self) -> Fraction:
        return self.grid.increment

    @cached_property
    def _jumps(self) -> set[int]:
        """The bars that close too far from the bar before."""
        gap = self.grid.roll_gap
        if gap is None:
            return set()
        pairs = enumerate(pairwise(levels.close for levels in self.levels), start=1)
        return {index for index, (before, after) in pairs if abs(after - before) > gap}

    def price(self, level: int) -> float:
        """The DOUBLE nearest to the price of a level."""
        return float(level * self._increment)
