"""One trade, walked bar by bar: what becomes of it, and what its label and weight follow from.

Plain Python, straight from docs/labels.md: `path` goes from one bar to the next, and this module
says what follows from where it ends. They share no step with the SQL that labels, so that they
check a label while they explain it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from duck_label.barriers import Barrier
from duck_label.config import LabelingConfig
from duck_label.look.distances import distance_of
from duck_label.look.path import Bar, Ending, Step, TradePath
from duck_label.moments import EPOCH
from duck_label.outcomes import BY_NAME
from duck_label.rules import Grid, TradingMode

_SMALLEST_FLOAT = 1.1754943508222875e-38
# A distance that nobody knows.
_UNKNOWN = -1


@dataclass(frozen=True)
class Asked:
    """What is asked of a signal bar: without a word, a trade that ends when its horizon does.

    `refusal` is why the bar is not asked, `lateness` why its entry bar does not count, each as a
    sentence. `closes` is the clock at which the session of the entry bar ends the trade, and `side`
    that of the event which asks.
    """

    refusal: str | None = None
    lateness: str | None = None
    closes: int | None = None
    side: float | None = None


@dataclass(frozen=True)
class Trade:
    """What became of one mode's trade; what an outcome does not have is None.

    `side` is 1 for long and -1 for short. `path` ends with the bar that decided, or the last inside
    the horizon. `seconds`, excursions and exits are None where nothing was decided, quality and
    velocity for all but `target`. `stop` is where the stop stood first. `reason` is why the bar was
    `skipped`, and `closes` the clock at which the session ends the trade.
    """

    mode: TradingMode
    side: int
    outcome: str
    entry: float | None
    target: float | None
    stop: float | None
    stop_ticks: float | None
    target_ticks: float | None
    path: tuple[Step, ...]
    mae_ticks: float | None
    mfe_ticks: float | None
    seconds: float | None
    exit_price: float | None
    return_ticks: float | None
    quality: float | None
    velocity: float | None
    months_ago: int
    decay: float
    uniqueness: float | None
    label: int | None
    weight: float | None
    reason: str | None
    closes: int | None


@dataclass(frozen=True)
class Walk:
    """Walks the trades of one signal bar.

    `bars` are those of its symbol in order: so many before the signal as labels look back on, the
    signal at `signal`, and all after it to one past the longest horizon, if there are so many.
    `columns` are the values of the signal bar by the names in the files. `uniqueness`, by mode, is
    given: it follows from all trades that overlap, which are not walked.
    """

    config: LabelingConfig
    grid: Grid
    clocks_per_second: int
    reference_month: int
    bars: Sequence[Bar]
    signal: int
    columns: Mapping[str, Any]
    asked: Asked = field(default_factory=Asked)
    uniqueness: Mapping[str, float | None] = field(default_factory=dict)

    @cached_property
    def _path(self) -> TradePath:
        return TradePath(
            self.config,
            self.grid,
            self.clocks_per_second,
            self.bars,
            self.signal,
            self.asked.lateness,
            self.asked.closes,
        )

    def trade(self, mode: TradingMode) -> Trade:
        """What became of a mode's trade, and why it weighs what it weighs."""
        side, price = self._side(mode), self._path.price
        has_entry = self.signal + 1 < len(self.bars)
        entry = self._entry if has_entry else 0
        stop, target = (self._distance(barrier, entry) for barrier in mode.barriers)
        reason = self._reason(mode, side, stop, target)
        is_skipped = reason is not None
        if is_skipped:
            ending = Ending("skipped", [], reason=reason)
        else:
            ending = self._path.follow(mode, side, entry, stop, target)
        is_known = has_entry and not is_skipped
        has_path = BY_NAME[ending.outcome].has_path
        last = ending.path[-1] if has_path and ending.path else None
        gain = None if last is None or ending.exit is None else ending.exit - side * entry
        is_winner = last is not None and ending.outcome == "target"
        quality, velocity = self._merits(mode, stop, last) if is_winner and last else (None, None)
        months_ago = max(0, self.reference_month - self._month(self.bars[self.signal]))
        decay = math.exp(-self.config.weights.decay_rate * months_ago)
        uniqueness = self.uniqueness.get(mode.name)
        factors = {"quality": quality, "velocity": velocity, "decay": decay}
        factors["uniqueness"] = uniqueness
        label = self._label(ending.outcome, gain, mode)
        per_tick = self.grid.increments_per_tick
        return Trade(
            mode=mode,
            side=side,
            outcome=ending.outcome,
            entry=price(entry) if has_entry and side and self.asked.refusal is None else None,
            target=price(entry + side * target) if is_known and target else None,
            stop=price(entry - side * stop) if is_known and stop else None,
            stop_ticks=self._ticks(mode.stop, stop) if is_known else None,
            target_ticks=self._ticks(mode.target, target) if is_known else None,
            path=tuple(ending.path),
            mae_ticks=None if last is None else last.mae_ticks,
            mfe_ticks=None if last is None else last.mfe_ticks,
            seconds=None if last is None else last.seconds,
            exit_price=None if gain is None else price(entry + side * gain),
            return_ticks=None if gain is None else gain / per_tick,
            quality=quality,
            velocity=velocity,
            months_ago=months_ago,
            decay=decay,
            label=label,
            uniqueness=uniqueness,
            weight=None if label is None else self._weight(factors),
            reason=ending.reason,
            closes=None if is_skipped else self.asked.closes,
        )

    def _reason(
        self, mode: TradingMode, side: int, stop: int | None, target: int | None
    ) -> str | None:
        """Why there is no trade, by what is known at the signal bar; None where there may be."""
        if self.asked.refusal is not None:
            return self.asked.refusal
        if side == 0:
            return "the bar has no side"
        for name, distance, barrier in (("stop", stop, mode.stop), ("target", target, mode.target)):
            if distance == _UNKNOWN:
                return f"nobody knows how far the {name} is there ({barrier})"
        return None

    def _side(self, mode: TradingMode) -> int:
        if mode.direction != "side":
            return 1 if mode.direction == "long" else -1
        given = self.columns.get(self.config.column("side"), self.asked.side)
        return 0 if given is None or math.isnan(given) else (given > 0) - (given < 0)

    @property
    def _entry(self) -> int:
        """The level of the entry price."""
        if self.config.entry == "close":
            return self._path.levels[self.signal].close
        return self._path.levels[self.signal + 1].open

    def _distance(self, barrier: Barrier, entry: int) -> int | None:
        """Increments to a barrier; None where there is none."""
        if barrier.is_none:
            return None
        levels = self._path.levels[: self.signal + 1]
        found = distance_of(barrier, entry, self.config, self.grid, levels, self.columns)
        return _UNKNOWN if found is None else found

    def _ticks(self, barrier: Barrier, distance: int | None) -> float | None:
        if distance is None:
            return None
        plain = barrier.ticks
        return float(plain) if plain is not None else distance / self.grid.increments_per_tick

    def _label(self, outcome: str, gain: int | None, mode: TradingMode) -> int | None:
        what = BY_NAME[outcome]
        if what.has_no_label or (what.is_unresolved and self.config.unresolved == "null"):
            return None
        if outcome == "target":
            return 1
        if what.is_unresolved or self.config.label == "win":
            return 0
        if outcome == "stop" and not (self.config.label == "sign" and mode.trailing):
            return -1
        if self.config.label == "touch" or gain is None:
            return 0
        return (gain > 0) - (gain < 0)

    def _weight(self, factors: Mapping[str, float | None]) -> float:
        weight = 1.0
        for name in self.config.weights.factors:
            factor = factors[name]
            weight *= 1.0 if factor is None else factor
        return max(weight, _SMALLEST_FLOAT)

    def _merits(self, mode: TradingMode, stop: int | None, last: Step) -> tuple[float, float]:
        w = self.config.weights
        quality = 1.0
        if stop is not None:
            ticks = self._ticks(mode.stop, stop) or math.inf
            quality = w.quality_best - w.quality_slope * last.mae_ticks / ticks
            quality = min(w.quality_best, max(w.floor, quality))
        late = last.seconds - w.optimal_seconds
        velocity = w.velocity_best - w.velocity_slope * late / w.velocity_span_seconds
        return quality, min(w.velocity_best, max(w.floor, velocity))

    def _month(self, bar: Bar) -> int:
        time = EPOCH + timedelta(seconds=bar.clock // self.clocks_per_second)
        return 12 * time.year + time.month
