"""What a label depends on: modes, price grids, and the constants of a weight."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from duck_label.fields import Finite, Model, OffByName, Points, RollGap, Ticks


class TradingMode(Model):
    """A way to trade every bar: enter at the next open, leave at a stop or a target (in ticks)."""

    name: str = Field(min_length=1, description="names the output columns, label_NAME and so on")
    direction: Literal["long", "short"] = Field(description="long or short")
    stop: Ticks = Field(description="distance of the stop from the entry, in ticks")
    target: Ticks = Field(description="distance of the target from the entry, in ticks")


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
    quality_best: Finite = Field(default=2.0, gt=0, le=1e6, description="quality without MAE")
    quality_slope: Finite = Field(
        default=1.5, ge=0, description="loss of quality per MAE of a stop"
    )
    velocity_best: Finite = Field(default=2.0, gt=0, le=1e6, description="the highest velocity")
    velocity_slope: Finite = Field(default=1.5, ge=0, description="loss of velocity per span")
    optimal_seconds: Finite = Field(default=300, ge=0, description="time to target without loss")
    velocity_span_seconds: Finite = Field(default=600, gt=0, description="the span of the slope")
    floor: Finite = Field(default=0.5, gt=0, description="the lowest quality and velocity")

    @model_validator(mode="after")
    def _floor_is_lowest(self) -> Self:
        if self.floor > min(self.quality_best, self.velocity_best):
            raise ValueError("floor is above quality_best or velocity_best")
        return self


def _mode(name: str, direction: Literal["long", "short"], stop: int) -> TradingMode:
    return TradingMode(name=name, direction=direction, stop=Decimal(stop), target=Decimal(2 * stop))


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

    @property
    def increment(self) -> Fraction:
        """The price increment in points."""
        return Fraction(self.numerator, self.denominator) * self.scale
