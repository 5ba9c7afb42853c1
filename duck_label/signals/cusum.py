"""The symmetric CUSUM filter: an event wherever closes have moved far enough since the one before.

Per symbol, over the changes d of its closes in time: S+ = max(0, S+ + d) and S- = min(0, S- + d).
If S- < -h there is an event of side -1, and S- is 0 again; else if S+ > h one of side 1, and S+ is
0 again. So a bar has one event at most, and only the side that fired begins anew. A change that is
a jump to another contract is dropped, and both sums begin anew (López de Prado, *Advances in
Financial Machine Learning*, 2.5.2.1, but for the jump).

A sum is how far the close lies above the lowest close, or below the highest, since that sum was 0
last. So the filter keeps these two closes instead, as whole numbers of price increments, and every
comparison is exact: of log differences too, where S+ > h as close > lowest * exp(h).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from duck_label.errors import ConfigError

_TEXT = re.compile(r"(\d+(?:\.\d+)?|\.\d+) *(ticks?|points?|%)?")
# Further than any price moves; the powers of e below have few digits then.
_MOST = {"ticks": Decimal(10**12), "points": Decimal(10**12), "%": Decimal(10**4)}
# Closes have 16 digits at most.
_DIGITS = Context(prec=50)

Closes = npt.NDArray[np.int64]
Limit = Callable[[int], int]


@dataclass(frozen=True)
class Threshold:
    """How far closes move to an event: ticks, points, or log differences in percent."""

    number: Decimal
    unit: Literal["ticks", "points", "%"]

    @classmethod
    def read(cls, text: str) -> Threshold:
        """The threshold of a text such as `20 ticks`, `1.5 points` or `0.1%`; a number is of ticks.

        Raises:
            ConfigError: for any other text.
        """
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise ConfigError(
                f"--cusum {text!r}: write '20 ticks', '1.5 points' or '0.1%', without exponent"
            )
        unit = match[2] if match[2] == "%" else f"{(match[2] or 'tick').rstrip('s')}s"
        number = Decimal(match[1])
        # As others write fractions: less than a tick is hardly meant.
        if not match[2] and 0 < number < 1:
            raise ConfigError(
                f"--cusum {text!r}: of what? '{(100 * number).normalize():f}%' is of log "
                f"differences, '{text.strip()} ticks' less than a price moves at least"
            )
        if not 0 < number <= _MOST[unit]:
            raise ConfigError(
                f"--cusum {text!r}: must be above 0, and no more than {_MOST[unit]:,} of {unit}"
            )
        return cls(number.normalize(), cast(Any, unit))

    def __str__(self) -> str:
        return f"{self.number:f}{'' if self.unit == '%' else ' '}{self.unit}"

    def limits(self, increment: Fraction, per_tick: int) -> tuple[Limit, Limit]:
        """What the lowest close says a close must be above, and the highest it must be below.

        All of them are whole numbers of price `increment`s, in points, of which a tick has
        `per_tick`.
        """
        if self.unit == "%":
            factor, over = _DIGITS.exp(self.number / 100).as_integer_ratio()
            return lambda low: low * factor // over, lambda high: -(-high * over // factor)
        points = Fraction(self.number) * (increment * per_tick if self.unit == "ticks" else 1)
        # A whole number is above a fraction if it is above the whole number below that.
        whole = points // increment
        return lambda low: low + whole, lambda high: high - whole


@dataclass
class Sums:
    """The sums of a symbol, as the last close, and the lowest and the highest that still count."""

    close: int
    low: int
    high: int


class Filter:
    """The filter of one symbol, which goes on from the sums that it has, if any.

    `jump` is the largest change that is no jump, in increments; None where there are no jumps.
    """

    def __init__(
        self, above: Limit, below: Limit, jump: int | None = None, sums: Sums | None = None
    ) -> None:
        self._above, self._below, self._jump = above, below, jump
        self.sums = sums

    def walk(self, closes: Closes) -> list[tuple[int, int]]:
        """The events among closes that follow, as places and sides (-1, 1)."""
        if not len(closes):
            return []
        first = int(closes[0])
        sums = self.sums or Sums(first, first, first)
        changes = np.diff(closes, prepend=sums.close)
        # A close like the one before changes no sum; of one-second bars that is every other one.
        places = np.flatnonzero(changes)
        moved, changes = closes[places], changes[places]
        jumps = [] if self._jump is None else np.flatnonzero(np.abs(changes) > self._jump).tolist()
        events: list[tuple[int, int]] = []
        for number, (start, end) in enumerate(pairwise([0, *jumps, len(moved)])):
            if number:
                sums.low = sums.high = int(moved[start])
            self._stretch(sums, moved[start:end].tolist(), start, events)
        sums.close = int(closes[-1])
        self.sums = sums
        return [(int(places[place]), side) for place, side in events]

    def _stretch(
        self, sums: Sums, closes: list[int], start: int, events: list[tuple[int, int]]
    ) -> None:
        """Walk over closes without a jump: this loop is what a filter takes its time for."""
        above, below = self._above, self._below
        low, high = sums.low, sums.high
        top, bottom = above(low), below(high)
        for place, close in enumerate(closes, start):
            # No sum stays beyond the threshold, so these two are never further apart than that: a
            # close between them changes nothing.
            if low <= close <= high:
                continue
            if close < low:
                low = close
                top = above(low)
                if close < bottom:
                    events.append((place, -1))
                    high = close
                    bottom = below(high)
            else:
                high = close
                bottom = below(high)
                if close > top:
                    events.append((place, 1))
                    low = close
                    top = above(low)
        sums.low, sums.high = low, high
