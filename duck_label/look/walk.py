"""One trade, walked bar by bar: what becomes of it, and what its label and weight follow from.

Plain Python over one bar after the other, straight from docs/labels.md. It shares no step with the
SQL that labels, so that it checks a label while it explains it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from duck_label.config import LabelingConfig
from duck_label.rules import Grid, TradingMode

# A jump affects the bar before it and five after; its own predecessor tells that it is one.
BARS_BEFORE = 6
_SMALLEST_FLOAT = 1.1754943508222875e-38
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Bar:
    """A bar; its clock counts micro- or nanoseconds since 1970."""

    clock: int
    open: float
    high: float
    low: float
    close: float


class _Levels(NamedTuple):
    open: int
    high: int
    low: int
    close: int


@dataclass(frozen=True)
class Step:
    """A bar of a path, numbered from the entry bar (1), and how far the trade has gone by then."""

    number: int
    bar: Bar
    seconds: float
    mae_ticks: float
    mfe_ticks: float


@dataclass(frozen=True)
class Trade:
    """What became of one mode's trade; what an outcome does not have is None.

    `path` ends with the bar that decided, or the last inside the horizon. `seconds` and excursions
    are None for `roll` and `none`, quality and velocity for all but `target`.
    """

    mode: TradingMode
    outcome: str
    entry: float | None
    target: float | None
    stop: float | None
    path: tuple[Step, ...]
    mae_ticks: float | None
    mfe_ticks: float | None
    seconds: float | None
    quality: float | None
    velocity: float | None
    months_ago: int
    decay: float
    label: int | None
    weight: float | None


@dataclass(frozen=True)
class Walk:
    """Walks the trades of one signal bar.

    `bars` are those of its symbol in order: up to six before the signal, the signal at `signal`,
    and all after it to one past the horizon, if there are so many.
    """

    config: LabelingConfig
    grid: Grid
    clocks_per_second: int
    reference_month: int
    bars: Sequence[Bar]
    signal: int

    def trade(self, mode: TradingMode) -> Trade:
        """What became of a mode's trade, and why it weighs what it weighs."""
        outcome, path = self._path(mode)
        entry = self.bars[self.signal + 1] if self.signal + 1 < len(self.bars) else None
        sign = 1 if mode.direction == "long" else -1
        price = target = stop = None
        if entry is not None:
            price = float(Fraction(self._levels[self.signal + 1].open) * self._increment)
            tick = float(self.grid.increments_per_tick * self._increment)
            target = price + sign * float(mode.target) * tick
            stop = price - sign * float(mode.stop) * tick
        last = path[-1] if path and outcome not in ("roll", "none") else None
        quality, velocity = (
            self._merits(mode, last) if last and outcome == "target" else (None,) * 2
        )
        months_ago = max(0, self.reference_month - self._month(self.bars[self.signal]))
        decay = math.exp(-self.config.weights.decay_rate * months_ago)
        weight = decay
        if quality is not None and velocity is not None:
            weight = quality * velocity * decay
        is_known = self.config.unresolved == "zero" or outcome not in ("roll", "censored", "none")
        return Trade(
            mode=mode,
            outcome=outcome,
            entry=price,
            target=target,
            stop=stop,
            path=tuple(path),
            mae_ticks=None if last is None else last.mae_ticks,
            mfe_ticks=None if last is None else last.mfe_ticks,
            seconds=None if last is None else last.seconds,
            quality=quality,
            velocity=velocity,
            months_ago=months_ago,
            decay=decay,
            label=int(outcome == "target") if is_known else None,
            weight=max(weight, _SMALLEST_FLOAT) if is_known else None,
        )

    def _path(self, mode: TradingMode) -> tuple[str, list[Step]]:
        if self._is_rolled(self.signal):
            return "roll", []
        if self.signal + 1 == len(self.bars):
            return "none", []
        sign = 1 if mode.direction == "long" else -1
        per_tick = self.grid.increments_per_tick
        entry_bar = self.bars[self.signal + 1]
        entry = self._levels[self.signal + 1].open
        # A barrier between two prices is touched by the first price beyond it.
        target = math.ceil(Fraction(mode.target) * per_tick)
        stop = math.ceil(Fraction(mode.stop) * per_tick)
        against = in_favour = 0
        path: list[Step] = []
        for index in range(self.signal + 1, len(self.bars)):
            bar, levels, number = self.bars[index], self._levels[index], index - self.signal
            if self._is_beyond_the_horizon(bar, entry_bar, number):
                return "timeout", path
            moves = [sign * (level - entry) for level in (levels.low, levels.high)]
            against, in_favour = max(against, -min(moves)), max(in_favour, max(moves))
            seconds = (bar.clock - entry_bar.clock) / self.clocks_per_second
            path.append(Step(number, bar, seconds, against / per_tick, in_favour / per_tick))
            if self._is_rolled(index):
                return "roll", path
            if -min(moves) >= stop:
                return "stop", path
            if max(moves) >= target:
                return "target", path
        # No bar is left: the horizon may have been just as long.
        return "timeout" if len(path) == self.config.timeout_bars else "censored", path

    def _is_beyond_the_horizon(self, bar: Bar, entry: Bar, number: int) -> bool:
        if self.config.timeout_seconds is None:
            return number > (self.config.timeout_bars or 0)
        elapsed = Fraction(bar.clock - entry.clock, self.clocks_per_second)
        return elapsed >= Fraction(self.config.timeout_seconds)

    def _is_rolled(self, index: int) -> bool:
        return any(near in self._jumps for near in range(index - 5, index + 2))

    @cached_property
    def _levels(self) -> list[_Levels]:
        """Prices as whole multiples of the price increment."""
        prices = ((bar.open, bar.high, bar.low, bar.close) for bar in self.bars)
        return [_Levels(*map(self._level, four)) for four in prices]

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
        pairs = enumerate(pairwise(levels.close for levels in self._levels), start=1)
        return {index for index, (before, after) in pairs if abs(after - before) > gap}

    def _merits(self, mode: TradingMode, last: Step) -> tuple[float, float]:
        w = self.config.weights
        quality = w.quality_best - w.quality_slope * last.mae_ticks / float(mode.stop)
        late = last.seconds - w.optimal_seconds
        velocity = w.velocity_best - w.velocity_slope * late / w.velocity_span_seconds
        return (
            min(w.quality_best, max(w.floor, quality)),
            min(w.velocity_best, max(w.floor, velocity)),
        )

    def _month(self, bar: Bar) -> int:
        time = _EPOCH + timedelta(seconds=bar.clock // self.clocks_per_second)
        return 12 * time.year + time.month
