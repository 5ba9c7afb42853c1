"""How far the barriers of one bar lie from its entry, in whole price increments.

In fractions, straight from docs/labels.md, for `walk`; it shares no step with the SQL that labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from duck_label.barriers import Barrier
from duck_label.config import LabelingConfig
from duck_label.rules import Grid, Volatility

# Beyond it a distance is unknown.
_FARTHEST = 2**62


class Levels(NamedTuple):
    """The prices of a bar as whole multiples of the price increment."""

    open: int
    high: int
    low: int
    close: int


def distance_of(
    barrier: Barrier,
    entry: int,
    config: LabelingConfig,
    grid: Grid,
    levels: Sequence[Levels],
    columns: Mapping[str, Any],
) -> int | None:
    """Increments from the entry to a barrier that there is, or None where nobody knows.

    `levels` are those of the symbol's bars up to the signal bar, `columns` the values of that bar.
    """
    if barrier.is_fixed:
        return grid.distance(barrier)
    number = Fraction(barrier.number or 0)
    if barrier.name is None:
        return _whole(abs(entry) * number / 100)
    if config.is_volatility(barrier):
        value = volatility_of(config.volatility[barrier.name], grid, levels)
        if value is None or value <= 0:
            return None
        if isinstance(value, Fraction):
            return _whole(number * value)
        return _snapped(float(number) * value)
    given = columns[barrier.name]
    value = math.nan if given is None else float(given)
    if not (value > 0 and math.isfinite(value)):
        return None
    value *= float(number)
    if barrier.unit == "%":
        return _snapped(abs(entry) * value / 100)
    if barrier.unit == "ticks":
        return _snapped(value * grid.increments_per_tick)
    return _snapped(value / float(grid.increment))


def volatility_of(
    rule: Volatility, grid: Grid, levels: Sequence[Levels]
) -> Fraction | float | None:
    """A volatility at the last of the bars, in increments; None over too few bars, or a jump.

    A standard deviation is a float, all others are exact.
    """
    window = levels[-rule.bars :]
    with_one_before = levels[-rule.bars - 1 :]
    changes = [after.close - before.close for before, after in pairwise(with_one_before)]
    is_first = len(with_one_before) == len(window)
    if len(window) < rule.bars or (rule.kind == "std" and is_first):
        return None
    if grid.roll_gap is not None and any(abs(change) > grid.roll_gap for change in changes):
        return None
    if rule.kind == "range":
        return Fraction(max(bar.high for bar in window) - min(bar.low for bar in window))
    if rule.kind == "std":
        bars = rule.bars
        spread = bars * sum(change**2 for change in changes) - sum(changes) ** 2
        return math.sqrt(float(spread) / (bars * (bars - 1)))
    total = sum(
        max(bar.high, before.close) - min(bar.low, before.close)
        for before, bar in pairwise(with_one_before)
    )
    if is_first:
        total += window[0].high - window[0].low
    return Fraction(total, rule.bars)


def _whole(distance: Fraction) -> int | None:
    whole = max(1, math.ceil(distance))
    return whole if whole <= _FARTHEST else None


def _snapped(distance: float) -> int | None:
    """The whole number within 1e-6 of a float, else the next one above."""
    if not distance <= _FARTHEST:
        return None
    near = round(distance)
    return max(1, near if abs(distance - near) <= 1e-6 else math.ceil(distance))
