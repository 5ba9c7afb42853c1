"""The grid that prices lie on: found from how many of them lie off each of some steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

# Steps that exchanges use, and binary fractions of bonds, coarsest first.
INCREMENTS = tuple(
    sorted(
        {
            Decimal(digits).scaleb(power)
            for digits in ("1", "2", "2.5", "5")
            for power in range(-8, 10)
        }
        | {Decimal(1) / 2**power for power in range(3, 10)},
        reverse=True,
    )
)
# A grid that so few prices lie off is the grid; one that more lie off is none, or a coarser one.
_FEW, _MOST = 0.001, 0.05
# Of a grid, the finest part that is still one.
_FINEST = 1000


@dataclass(frozen=True)
class Fit:
    """How many of some prices, and of some moves inside a bar, lie off each of `INCREMENTS`.

    `levels` is how many different prices there are.
    """

    prices: int
    prices_off: Sequence[int]
    moves: int
    moves_off: Sequence[int]
    levels: int


@dataclass(frozen=True)
class SymbolGrid:
    """A tick, the increment of the prices, and how many prices lie off it.

    `is_still` where there is but one price: it lies on many grids, and tells no step to the next.
    """

    tick_size: Decimal
    price_increment: Decimal
    prices_off: int
    is_still: bool = False

    def lies_on(self, other: SymbolGrid) -> bool:
        """Whether what lies on it lies on another grid too."""
        steps = (
            Fraction(self.tick_size) / Fraction(other.tick_size),
            Fraction(self.price_increment) / Fraction(other.price_increment),
        )
        return all(step.denominator == 1 for step in steps)


def grid(fit: Fit) -> SymbolGrid | None:
    """The grid of one symbol's prices, or None where they lie on none.

    A tick is the coarsest step of the moves inside a bar, the increment the coarsest that divides
    it and fits the prices.
    """
    exact, rough = _steps(fit.moves, fit.moves_off)
    if rough is None:
        # FLOAT prices in columns of DOUBLE lie on a grid, and their moves on none.
        exact, rough = _steps(fit.prices, fit.prices_off)
    if rough is None:
        return None
    # A grid that is far finer than what nearly all prices lie on is made by a few garbled ones.
    tick = rough if exact is None or exact < rough / _FINEST else exact
    dividing = [
        (step, off)
        for step, off in zip(INCREMENTS, fit.prices_off, strict=True)
        if tick / _FINEST <= step <= tick and (Fraction(tick) / Fraction(step)).denominator == 1
    ]
    fewest = min(off for _, off in dividing)
    step, off = next((s, o) for s, o in dividing if o <= fewest + _FEW * fit.prices)
    return SymbolGrid(tick, step, off, fit.levels < 2) if off <= _MOST * fit.prices else None


def _steps(count: int, off: Sequence[int]) -> tuple[Decimal | None, Decimal | None]:
    """The coarsest steps that hardly any, and that few, of so many prices or moves lie off."""
    if not count:
        return None, None
    shares = [share / count for share in off]
    exact, rough = (
        next((step for step, share in zip(INCREMENTS, shares, strict=True) if share <= most), None)
        for most in (_FEW, _MOST)
    )
    return exact, rough
