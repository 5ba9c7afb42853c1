"""What a label depends on: modes, volatilities, price grids, and the constants of a weight."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from duck_label.barriers import AnyBarrier, Barrier
from duck_label.fields import Finite, Model, OffByName, Points, RollGap, Ticks

Direction = Literal["long", "short", "side"]
Factor = Literal["quality", "velocity", "decay", "uniqueness"]
# The factors of a weight, in the order in which they are multiplied.
FACTORS: tuple[Factor, ...] = ("quality", "velocity", "decay", "uniqueness")

# More increments than any price has; of two such numbers the sum still fits into 64 bits.
_MOST_INCREMENTS = 2**62


class TradingMode(Model):
    """A way to trade every bar: enter at the next bar, leave at a stop, a target or the horizon."""

    if TYPE_CHECKING:

        def __init__(self, **values: Any) -> None:
            """Take barriers as they are written: 6, "0.05%", "2 * atr20", "none"."""

    name: str = Field(min_length=1, description="names the output columns, label_NAME and so on")
    direction: Direction = Field(
        description="long, short, or side: the sign of the bar's side column"
    )
    stop: AnyBarrier = Field(
        description='distance of the stop from the entry: 6 (ticks), "1.5 points", "0.05%", '
        '"2 * NAME" of a volatility or a column, or "none"'
    )
    target: AnyBarrier = Field(description="distance of the target, written like the stop")
    timeout_seconds: Ticks | None = Field(
        default=None, description="a horizon of its own in seconds", examples=[1800]
    )
    timeout_bars: int | None = Field(
        default=None, ge=1, le=10_000_000, description="or in bars", examples=[1800]
    )
    trailing: bool = Field(
        default=False, description="whether the stop follows the best price of the path"
    )

    @model_validator(mode="after")
    def _rules_of_one_mode(self) -> Self:
        if self.timeout_seconds is not None and self.timeout_bars is not None:
            raise ValueError("timeout_seconds and timeout_bars exclude each other: give one")
        if self.trailing and not self.stop.is_fixed:
            raise ValueError(
                "trailing: a stop that trails is a number of ticks or points, such as 6 or "
                f'"1.5 points", not "{self.stop}"'
            )
        return self

    @property
    def barriers(self) -> tuple[Barrier, Barrier]:
        """Stop and target."""
        return self.stop, self.target


def _kind_and_bars(value: object) -> object:
    """A pair such as ("atr", 20) says the same."""
    if isinstance(value, list | tuple) and len(value) == 2:
        return dict(zip(("kind", "bars"), value, strict=True))
    return value


class Volatility(Model):
    """How much a symbol moved over its last bars, in price increments: a unit for barriers."""

    kind: Literal["atr", "range", "std"] = Field(
        description="atr: mean true range; range: highest high to lowest low; std: standard "
        "deviation of the changes of the close"
    )
    bars: int = Field(ge=1, le=10_000_000, description="over so many bars")

    @model_validator(mode="after")
    def _enough_changes(self) -> Self:
        if self.kind == "std" and self.bars < 2:
            raise ValueError("bars: a standard deviation needs at least 2")
        return self


AnyVolatility = Annotated[Volatility, BeforeValidator(_kind_and_bars)]


class Instrument(Model):
    """The price grid, and the size of a roll, of the symbols that match a pattern."""

    tick_size: Points | None = Field(
        default=None, description="default: the top-level tick_size", examples=[0.1]
    )
    price_increment: Points | None = Field(
        default=None, description="default: its tick_size", examples=[0.1]
    )
    roll_gap_points: Annotated[RollGap | None, OffByName] = Field(
        default=None, description="default: the top-level roll_gap_points", examples=[12.5]
    )


class Weights(Model):
    """The constants of the weight of an example."""

    decay_rate: Finite = Field(default=0.05, ge=0, description="decay per month of age")
    quality_best: Finite = Field(
        default=2.0, gt=0, le=1e6, description="the highest quality: no MAE"
    )
    quality_slope: Finite = Field(
        default=1.5, ge=0, description="loss of quality for an MAE as large as the stop"
    )
    velocity_best: Finite = Field(default=2.0, gt=0, le=1e6, description="the highest velocity")
    velocity_slope: Finite = Field(
        default=1.5, ge=0, description="loss of velocity per span of seconds"
    )
    optimal_seconds: Finite = Field(
        default=300, ge=0, description="time to target up to which velocity is highest"
    )
    velocity_span_seconds: Finite = Field(default=600, gt=0, description="that span")
    floor: Finite = Field(default=0.5, gt=0, description="the lowest quality and velocity")
    factors: tuple[Factor, ...] = Field(
        default=FACTORS[:3], description="what a weight is the product of; also uniqueness"
    )

    @model_validator(mode="after")
    def _floor_is_lowest(self) -> Self:
        if self.floor > min(self.quality_best, self.velocity_best):
            raise ValueError("floor is above quality_best or velocity_best")
        return self

    @field_validator("factors")
    @classmethod
    def _factors_in_order(cls, values: tuple[Factor, ...]) -> tuple[Factor, ...]:
        # In whatever order they are given, they are multiplied in this one.
        return tuple(factor for factor in FACTORS if factor in values)


def _mode(name: str, direction: Direction, stop: int) -> TradingMode:
    barriers = Barrier(Decimal(stop), "ticks"), Barrier(Decimal(2 * stop), "ticks")
    return TradingMode(name=name, direction=direction, stop=barriers[0], target=barriers[1])


DEFAULT_MODES = tuple(
    _mode(f"{regime}_vol_{direction}", direction, stop)
    for regime, stop in (("low", 6), ("normal", 8), ("high", 10))
    for direction in ("long", "short")
)


@dataclass(frozen=True)
class Grid:
    """Prices as whole numbers: level = price * denominator / numerator, as the files write prices.

    `roll_gap` is the largest move between two closes that is no jump, in increments, or None.
    """

    pattern: str
    numerator: int
    denominator: int
    increments_per_tick: int
    roll_gap: int | None
    # Points that one stands for in the files.
    scale: Fraction = Fraction(1)

    @classmethod
    def of(
        cls,
        pattern: str,
        where: str,
        tick_size: Decimal,
        increment: Decimal,
        roll_gap_points: Decimal,
        scale: Fraction,
        barriers: Iterable[Barrier],
    ) -> Self:
        """The grid of the symbols of a pattern, fine enough for their ticks and barriers.

        Raises:
            ValueError: if it is not, or cannot be counted on; `where` begins the names of the keys.
        """
        per_tick = Fraction(tick_size) / Fraction(increment)
        if per_tick.denominator != 1:
            raise ValueError(
                f"{where}price_increment = {increment} does not divide tick_size = {tick_size}"
            )
        # As the files write prices: whole numbers of a scale, or points.
        numerator, denominator = (Fraction(increment) / scale).as_integer_ratio()
        if max(numerator, denominator) >= _MOST_INCREMENTS:
            raise ValueError(f"{where}price_increment = {increment} has too many digits")
        # No two prices are further apart.
        gap = min(Fraction(roll_gap_points) / Fraction(increment), Fraction(_MOST_INCREMENTS))
        roll_gap = int(gap) if gap else None
        grid = cls(pattern, numerator, denominator, per_tick.numerator, roll_gap, scale)
        for barrier in barriers:
            if barrier.is_fixed and grid.distance(barrier) >= _MOST_INCREMENTS:
                raise ValueError(
                    f"{where}price_increment = {increment} is too fine to count a tick_size = "
                    f"{tick_size} and barriers of {barrier} in"
                )
        return grid

    @property
    def increment(self) -> Fraction:
        """The price increment in points."""
        return Fraction(self.numerator, self.denominator) * self.scale

    def _increments(self, one: Barrier) -> Fraction:
        per = Fraction(self.increments_per_tick) if one.unit == "ticks" else 1 / self.increment
        return Fraction(one.number or 0) * per

    def distance(self, one: Barrier) -> int:
        """Whole increments to a barrier of ticks or points, rounded up, at least 1."""
        return max(1, math.ceil(self._increments(one)))

    def is_within_a_step(self, one: Barrier) -> bool:
        """Whether a barrier of ticks or points is nearer than any other price."""
        return self._increments(one) < 1
