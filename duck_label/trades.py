"""The trades of a configuration as the queries ask for them.

A barrier lies above or below the entry, some distance away. Distances that all bars share which
enter at one price (ticks, points, percent) are asked for once for all of them; those that are a
bar's own (of a volatility or a column) are asked for level by level; a stop that trails is asked
for beside the one that does not. Whole numbers all: what a factor or a percentage is made of comes
as numerators and denominators.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from duck_label.barriers import Barrier, Unit
from duck_label.config import LabelingConfig
from duck_label.rules import TradingMode


@dataclass(frozen=True)
class Distance:
    """One way to measure how far a barrier lies from the entry, in whole increments.

    `volatility` and `column` are the numbers, counted from 1, of what it is a factor of.
    """

    number: int
    barrier: Barrier
    volatility: int | None = None
    column: int | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether it is the same for every entry of a symbol."""
        return self.barrier.is_fixed

    @property
    def is_ticks(self) -> bool:
        """Whether it is written as a number of ticks."""
        return self.barrier.ticks is not None

    @property
    def is_own(self) -> bool:
        """Whether every bar has its own."""
        return self.barrier.name is not None

    @property
    def unit(self) -> Unit | None:
        """The unit of a column, points if none stands."""
        return self.barrier.unit

    @property
    def numerator(self) -> int:
        """Of the factor, or of the share of the entry that a percentage is."""
        return self._ratio[0]

    @property
    def denominator(self) -> int:
        """Of the factor, or of the share of the entry that a percentage is."""
        return self._ratio[1]

    @cached_property
    def _ratio(self) -> tuple[int, int]:
        numerator, denominator = (self.barrier.number or Decimal(0)).as_integer_ratio()
        return numerator, denominator * (1 if self.is_own else 100)


@dataclass(frozen=True)
class Reach:
    """A barrier on one side of the entry: how far it lies for a long trade, and for a short one.

    Where a trade goes `by_side`, the bar's side tells which of both holds; else there is one. None
    is no barrier.
    """

    long: Distance | None = None
    short: Distance | None = None
    by_side: bool = False

    @property
    def distances(self) -> tuple[Distance, ...]:
        """Those that there are."""
        return tuple(one for one in (self.long, self.short) if one is not None)

    @property
    def is_own(self) -> bool:
        """Whether some bar has its own."""
        return any(one.is_own for one in self.distances)


@dataclass
class Side:
    """What is asked for above or below the entries.

    Above, what a bar reaches is its high, the `extreme`; below, it is its low, mirrored at zero by
    the `sign`, so that both are climbs. `shared` and `own` are the different barriers there,
    `trails` the distances of stops that trail on that side, behind the `best` price of a path,
    mirrored too.
    """

    name: str
    sign: str
    extreme: str
    best: str
    shared: list[Reach] = field(default_factory=list)
    own: list[Reach] = field(default_factory=list)
    trails: list[Distance] = field(default_factory=list)

    @property
    def is_asked(self) -> bool:
        """Whether anything is."""
        return bool(self.shared or self.own or self.trails)


@dataclass(frozen=True)
class Touch:
    """Where a query finds the first touch of a barrier: among the `shared` or the `own` of a side.

    `number` counts from 1; None is a barrier that is never touched.
    """

    kind: str
    side: str
    number: int


@dataclass(frozen=True)
class Mode:
    """A mode as queries know it: its number, counted from 1, its barriers, horizon and stop.

    `trails` is the number of its distance among the trails above and below the entry, where the
    stop trails there.
    """

    number: int
    name: str
    direction: str
    stop: Distance | None
    target: Distance | None
    above: Touch | None
    below: Touch | None
    horizon: int
    trail_up: int | None
    trail_down: int | None
    # Whether only some bars are asked, and whether one that is may enter too late.
    asks_some: bool = False
    may_enter_late: bool = False

    @property
    def trails(self) -> bool:
        """Whether the stop follows the best price of the path."""
        return self.trail_up is not None or self.trail_down is not None

    @property
    def shares(self) -> bool:
        """Whether something of it is decided for all bars that enter at one price."""
        return any(touch is not None and touch.kind == "shared" for touch in self._touches)

    @property
    def is_shared(self) -> bool:
        """Whether all bars that enter at one price share what is touched first."""
        has_own = any(touch is not None and touch.kind == "own" for touch in self._touches)
        return self.shares and not has_own and not self.trails

    @property
    def _touches(self) -> tuple[Touch | None, Touch | None]:
        return self.above, self.below

    @property
    def may_tie(self) -> bool:
        """Whether one bar can touch both of its barriers."""
        return self.stop is not None and self.target is not None

    @property
    def may_be_skipped(self) -> bool:
        """Whether a bar may have no trade, by what is known at the bar itself."""
        is_partial = bool(self.own or self.percentages) or self.direction == "side"
        return is_partial or self.asks_some

    @property
    def may_have_no_trade(self) -> bool:
        """Whether a bar may have none, also because of the bar that it would enter at."""
        return self.may_be_skipped or self.may_enter_late

    @property
    def own(self) -> tuple[Distance, ...]:
        """Its distances that every bar has for itself, and may not know."""
        return tuple(one for one in self._distances if one.is_own)

    @property
    def percentages(self) -> tuple[Distance, ...]:
        """Its distances in percent that may be unknown, farther than prices go.

        No price is 2^63 increments, and half of that is a distance like any other.
        """
        shares = (one for one in self._distances if not one.is_own and not one.is_fixed)
        return tuple(one for one in shares if 2 * one.numerator > one.denominator)

    @property
    def _distances(self) -> tuple[Distance, ...]:
        return tuple(dict.fromkeys(one for one in (self.stop, self.target) if one is not None))

    def kind_of(self, what: str) -> str | None:
        """Whether its "stop" or "target" is shared or a bar's own; None where there is none."""
        touch = self.above if (self.direction == "long") == (what == "target") else self.below
        if self.direction == "side":
            touch = self.above or self.below
        return None if touch is None else touch.kind

    def trail(self, side: str) -> str | None:
        """The column of the bar at which the stop that trails on a side is met."""
        number = self.trail_up if side == "up" else self.trail_down
        return None if number is None else f"trails.{side}_{number}"


@dataclass(frozen=True)
class Horizon:
    """How long a path may be: `parameter` names it, in clock units or `in_bars`."""

    number: int
    in_bars: bool
    value: Decimal | int

    @property
    def parameter(self) -> str:
        """The name of the query's parameter."""
        return f"timeout_bars_{self.number}" if self.in_bars else f"timeout_{self.number}"


class Trades:
    """All that the queries ask of the modes of a configuration."""

    def __init__(self, config: LabelingConfig) -> None:
        self.volatilities = list(config.volatilities.items())
        self.columns = list(config.columns_of_barriers)
        self.has_sides = config.has_sides
        self.weighs_overlap = config.uniqueness
        self.distances: list[Distance] = []
        self.horizons: list[Horizon] = []
        self.up = Side("up", "", "high", "-low")
        self.down = Side("down", "-", "low", "high")
        self.modes = [
            self._mode(config, mode, number) for number, mode in enumerate(config.modes, start=1)
        ]

    @property
    def sides(self) -> list[Side]:
        """Those on which anything is asked."""
        return [side for side in (self.up, self.down) if side.is_asked]

    @property
    def trailing_sides(self) -> list[Side]:
        """Those on which a stop trails."""
        return [side for side in self.sides if side.trails]

    @property
    def may_tie(self) -> bool:
        """Whether one bar can touch both barriers of some mode."""
        return any(mode.may_tie for mode in self.modes)

    @property
    def fixed(self) -> list[Distance]:
        """The distances that a symbol has, the same for every entry."""
        return [one for one in self.distances if one.is_fixed]

    @property
    def own(self) -> list[Distance]:
        """The distances that every bar has for itself."""
        return [one for one in self.distances if one.is_own]

    @property
    def percentages(self) -> list[Distance]:
        """The distances that depend on the entry price alone."""
        return [one for one in self.distances if not one.is_own and not one.is_fixed]

    @property
    def has_shared(self) -> bool:
        """Whether bars that enter at one price share a question."""
        return any(mode.shares for mode in self.modes)

    @property
    def has_own(self) -> bool:
        """Whether some bars have barriers of their own."""
        return any(side.own for side in self.sides)

    @property
    def has_questions_of_a_bar(self) -> bool:
        """Whether something is asked for bar by bar: barriers of their own, or stops that trail."""
        return self.has_own or any(side.trails for side in self.sides)

    def _mode(self, config: LabelingConfig, mode: TradingMode, number: int) -> Mode:
        stop, target = (self._distance(config, barrier) for barrier in mode.barriers)
        is_long, is_short = mode.direction != "short", mode.direction != "long"
        by_side = is_long and is_short
        above = Reach(target if is_long else None, stop if is_short else None, by_side)
        below = Reach(stop if is_long else None, target if is_short else None, by_side)
        trails = stop if mode.trailing else None
        return Mode(
            number,
            mode.name,
            mode.direction,
            stop,
            target,
            _touch(self.up, above),
            _touch(self.down, below),
            self._horizon(config, mode),
            _number_of(self.up.trails, trails) if trails and is_short else None,
            _number_of(self.down.trails, trails) if trails and is_long else None,
            config.asks_some,
            config.may_enter_late,
        )

    def _distance(self, config: LabelingConfig, barrier: Barrier) -> Distance | None:
        if barrier.is_none:
            return None
        for known in self.distances:
            if known.barrier == barrier:
                return known
        volatility = column = None
        if config.is_volatility(barrier):
            volatility = [name for name, _ in self.volatilities].index(str(barrier.name)) + 1
        elif barrier.name is not None:
            column = self.columns.index(barrier.name) + 1
        distance = Distance(len(self.distances) + 1, barrier, volatility, column)
        self.distances.append(distance)
        return distance

    def _horizon(self, config: LabelingConfig, mode: TradingMode) -> int:
        seconds, bars = config.horizon(mode)
        in_bars, value = bars is not None, seconds if bars is None else bars
        for known in self.horizons:
            if (known.in_bars, known.value) == (in_bars, value):
                return known.number
        self.horizons.append(Horizon(len(self.horizons) + 1, in_bars, value or 0))
        return len(self.horizons)


def _touch(side: Side, reach: Reach) -> Touch | None:
    if not reach.distances:
        return None
    kind = "own" if reach.is_own else "shared"
    return Touch(kind, side.name, _number_of(side.own if reach.is_own else side.shared, reach))


def _number_of(known: list[Any], one: Any) -> int:
    """The number, counted from 1, of one among those known, which it joins."""
    if one not in known:
        known.append(one)
    return known.index(one) + 1
