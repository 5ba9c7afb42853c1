"""Whether files of one symbol tell its prices in one unit: by the closes in their footers.

Two files that hold dollars and cents are two good series, and one bad one: the step between them
looks like a roll. No bar is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from duck_label.bars.footers import BarFile
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.queries import render
from duck_label.storage.names import exactly

# No price is so many times another one a file later, unless a unit or a split is between them.
_APART = 20


# A file, when it begins, and its lowest and its highest close.
_Levels = tuple[int, BarFile, float, float]


@dataclass(frozen=True)
class LevelsApart:
    """Symbols with two files whose closes lie far apart, and a line about the first two files."""

    symbols: frozenset[str]
    line: str

    def __str__(self) -> str:
        return self.line


def levels_apart(database: Database, source: Source, config: LabelingConfig) -> LevelsApart | None:
    """The symbols with files in two units, as it seems; None if there are none.

    Of files that hold several symbols nothing is known.
    """
    if len(source.files) == 1:
        return None
    symbol = config.column("symbol")
    found = database.rows(
        render("checks/price_levels", {}),
        {
            "files": exactly([file.path for file in source.files]),
            "close": config.column("close"),
            "symbol": symbol,
        },
    )
    levels = {file: (low, high, owner) for file, low, high, owner in found}
    series: dict[str | None, list[_Levels]] = {}
    has_column = any(name == symbol for file in source.files for name, _ in file.columns)
    for file in source.files:
        low, high, owner = levels.get(file.path, (None, None, None))
        owner = owner or dict(file.says).get(symbol)
        if low is None or high is None or low <= 0 or (has_column and owner is None):
            continue
        first = min(group.first for group in file.row_groups)
        series.setdefault(owner, []).append((first, file, low, high))
    apart = {owner: line for owner, files in series.items() if (line := _step(files)) is not None}
    if not apart:
        return None
    symbols = frozenset("" if owner is None else str(owner) for owner in apart)
    return LevelsApart(symbols, next(iter(apart.values())))


def _step(files: Sequence[_Levels]) -> str | None:
    """A line about the first two files of one symbol whose closes lie far apart."""
    in_time = sorted(files, key=lambda one: (one[0], one[1].path))
    for (_, one, low, high), (_, other, next_low, next_high) in pairwise(in_time):
        if next_low > _APART * high or low > _APART * next_high:
            times = max(next_low / high, low / next_high)
            return (
                f"the closes of {one.path} lie from {low:g} to {high:g}, those of "
                f"{other.path}, which comes next, from {next_low:g} to {next_high:g}: over "
                f"{int(times):,} times apart. If that is no split, they are in two units: "
                "write them in one, or label them into outputs of their own (price_scale)"
            )
    return None
