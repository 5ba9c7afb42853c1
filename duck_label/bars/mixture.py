"""Whether files that say no symbol may hold bars of several instruments, which would be one series.

Told from the times of their row groups: only where files overlap are any bars read, and of those a
few stretches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from duck_label.bars.keys import three_ways
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.errors import InputError
from duck_label.queries import render

# Bars that are looked at in one stretch, and stretches: the first, the middle and the last.
_MOST_BARS = 50_000
_STRETCHES = 3
# Of so many neighbours of different files so many are apart where prices alternate.
_FEWEST, _MOST_APART = 10, 0.9


@dataclass(frozen=True)
class Mixture:
    """Two files that overlap in time, of which neither says a symbol.

    `alternates`: the closes go to and fro between levels further apart than `gap` points.
    """

    one: str
    other: str
    alternates: bool
    gap: float
    ways: str

    def __str__(self) -> str:
        if self.alternates:
            return (
                f"{self.one} and {self.other} overlap in time, and where they do, the closes "
                f"alternate between levels more than {self.gap:g} points apart: they are of "
                f"several instruments, and nothing says which is which: {self.ways}"
            )
        return (
            f"{self.one} and {self.other} overlap in time, and neither says a symbol: they are "
            f"taken for one series. If they are of several instruments, {self.ways}"
        )


def mixture(
    database: Database, source: Source, config: LabelingConfig, context: Mapping[str, Any]
) -> Mixture | None:
    """Two files whose bars may not be of one instrument; None where nothing speaks for it.

    Files that have the same bars at all times they share, as downloads that overlap, are of one.
    """
    if source.bars.symbol is not None or len(source.files) == 1:
        return None
    overlaps = list(_overlaps(source))
    if not overlaps:
        return None
    grid = config.grid_of("")
    gap = None if grid.roll_gap is None else float(grid.roll_gap * grid.increment)
    query = render("checks/mixture", context)
    last = len(overlaps) - 1
    found = None
    for number in sorted({last * part // (_STRETCHES - 1) for part in range(_STRETCHES)}):
        one, other, start, end = overlaps[number]
        values = {
            "files": source.paths_between(start, end),
            "one": one,
            "other": other,
            "chunk_from": source.moment(start),
            "chunk_until": source.moment(end),
            "gap": gap,
            "most": _MOST_BARS,
        }
        shared, differing, changes, apart = database.row(query, values)
        if shared and not differing:
            continue
        alternates = changes >= _FEWEST and apart >= _MOST_APART * changes
        if found is None or alternates:
            found = Mixture(one, other, alternates, gap or 0.0, three_ways(config))
    return found


def refuse_mixture(found: Mixture | None) -> None:
    """Refuse bars that are certainly of several instruments.

    Raises:
        InputError: naming two files and what can be done.
    """
    if found is not None and found.alternates:
        raise InputError(str(found))


def _overlaps(source: Source) -> Iterator[tuple[str, str, int, int]]:
    """Pairs of files and the stretch of time in which both have bars, half open, in order."""
    spans = sorted(
        (min(g.first for g in file.row_groups), max(g.last for g in file.row_groups), file.path)
        for file in source.files
        if file.row_groups
    )
    reached, longest = spans[0][1], spans[0][2]
    for first, last, path in spans[1:]:
        if first <= reached:
            yield longest, path, first, min(last, reached) + 1
        if last > reached:
            reached, longest = last, path
