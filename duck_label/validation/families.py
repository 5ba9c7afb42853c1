"""Symbols that want one configuration: contracts of one future, or a symbol by itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import pairwise

from duck_label.columns import pattern_of
from duck_label.tables import counted
from duck_label.validation.price_grids import SymbolGrid
from duck_label.validation.survey import Move, SymbolReport

_CONTRACT = re.compile(r"(.*[A-Z])([FGHJKMNQUVXZ])(\d{1,4})")
# So many times larger than all ordinary ones, a move is a roll: across a pause, and anywhere.
_STANDS_APART, _STANDS_ALONE = 2, 10


@dataclass(frozen=True)
class Family:
    """Symbols on one grid that a pattern matches, and no others; the one with most bars first."""

    pattern: str
    members: tuple[SymbolReport, ...]

    @property
    def grid(self) -> SymbolGrid | None:
        """The grid of its prices, or None where they lie on none."""
        return self.members[0].grid

    @property
    def bars(self) -> int:
        """The bars of all its symbols."""
        return sum(member.bars for member in self.members)

    @property
    def moves(self) -> list[tuple[Move, ...]]:
        """The largest moves of each of its symbols."""
        return [member.largest_moves for member in self.members]


def families(reports: Sequence[SymbolReport]) -> list[Family]:
    """All symbols by family, the one with most bars first.

    Contracts are a family where they share a grid and no other symbol looks like one of them.
    """
    roots: dict[str, list[SymbolReport]] = {}
    alone = []
    for report in reports:
        contract = _CONTRACT.fullmatch(report.symbol)
        if contract is None:
            alone.append(report)
        else:
            roots.setdefault(contract[1], []).append(report)
    found = []
    for root, members in roots.items():
        pattern = f"{pattern_of(root)}[FGHJKMNQUVXZ][0-9]*"
        strangers = [other for other in reports if other not in members]
        is_family = len({_key(member.grid) for member in members}) == 1 and not any(
            fnmatchcase(other.symbol, pattern) for other in strangers
        )
        if is_family:
            found.append(Family(pattern, tuple(sorted(members, key=lambda r: -r.bars))))
        else:
            alone += members
    found += [Family(pattern_of(report.symbol), (report,)) for report in alone]
    return sorted(found, key=lambda family: (-family.bars, family.pattern))


def main_family(found: Sequence[Family]) -> Family:
    """The family with most bars among those of the grid that most bars have."""
    bars: Counter[tuple[Decimal, Decimal] | None] = Counter()
    for family in found:
        bars[_key(family.grid)] += family.bars if family.grid is not None else 0
    common = bars.most_common(1)[0][0]
    return next(family for family in found if _key(family.grid) == common)


def _key(grid: SymbolGrid | None) -> tuple[Decimal, Decimal] | None:
    return None if grid is None else (grid.tick_size, grid.price_increment)


def roll_gaps(
    found: Sequence[Family], default: Decimal
) -> tuple[tuple[Decimal, str] | None, dict[str, tuple[Decimal, str]]]:
    """The gap that suits most bars, and those of the families, by pattern, that want another.

    Each with its reason; None where the default is the one.
    """
    candidates = [
        None,
        roll_gap([moves for family in found for moves in family.moves], default),
        *(roll_gap(family.moves, default) for family in found[:1]),
    ]

    def suited(candidate: tuple[Decimal, str] | None) -> int:
        gap = default if candidate is None else candidate[0]
        return sum(family.bars for family in found if roll_gap(family.moves, gap) is None)

    common = max(candidates, key=suited)
    gap = default if common is None else common[0]
    others = {
        family.pattern: own
        for family in found
        if (own := roll_gap(family.moves, gap)) is not None and own[0] != gap
    }
    return common, others


def roll_gap(moves: Iterable[Sequence[Move]], default: Decimal) -> tuple[Decimal, str] | None:
    """A gap between the ordinary moves and the rolls of some symbols; None where the default does.

    `moves` are the largest of each symbol, largest first.
    """
    ordinary, rolls = 0.0, []
    for largest in moves:
        apart = _standing_apart(largest)
        rolls += [move.points for move in largest[:apart]]
        ordinary = max([ordinary, *(move.points for move in largest[apart : apart + 1])])
    smallest_roll = min(rolls, default=None)
    # A gap of 0 looks for no rolls: it does where there are none to be told from the rest.
    if default == 0 and smallest_roll is None:
        return None
    if default > 0 and ordinary <= default and (smallest_roll is None or default < smallest_roll):
        return None
    if smallest_roll is not None and ordinary < smallest_roll:
        between = _round_between(ordinary, smallest_roll)
        number = counted(len(rolls), "move")
        return between, f"{number} apart from the others, from {smallest_roll:g} points on"
    return Decimal(0), f"off: ordinary moves reach {ordinary:g}, and no roll stands apart from them"


def _standing_apart(largest: Sequence[Move]) -> int:
    """How many of a symbol's largest moves stand apart from the rest, where the break is widest."""
    apart, widest = 0, 0.0
    for place, (move, following) in enumerate(pairwise(largest), start=1):
        are_pauses = all(other.is_across_pause for other in largest[:place])
        ratio = move.points / following.points
        if ratio >= (_STANDS_APART if are_pauses else _STANDS_ALONE) and ratio > widest:
            apart, widest = place, ratio
    return apart


def _round_between(low: float, high: float) -> Decimal:
    """The roundest number above `low` and below `high`, near the middle of their ratio."""
    middle = (max(low, high / 100) * high) ** 0.5
    for digits in range(1, 16):
        rounded = Decimal(f"{middle:.{digits}g}")
        if low < rounded < high:
            return rounded.normalize()
    return Decimal(str(middle))
