"""Whether files of one symbol tell its prices in one unit: by the closes in their footers.

Two files that hold dollars and cents are two good series, and one bad one: the step between them
looks like a roll. No bar is read.
"""

from __future__ import annotations

from itertools import pairwise

from duck_label.bars.footers import BarFile
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.queries import render
from duck_label.storage.names import exactly

# No price is so many times another one a file later, unless a unit or a split is between them.
_APART = 20


def levels_apart(database: Database, source: Source, config: LabelingConfig) -> str | None:
    """A line about the first two files of one symbol whose closes lie far apart; None if none do.

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
    series: dict[str | None, list[tuple[int, BarFile, float, float]]] = {}
    has_column = any(name == symbol for file in source.files for name, _ in file.columns)
    for file in source.files:
        low, high, owner = levels.get(file.path, (None, None, None))
        owner = owner or dict(file.says).get(symbol)
        if low is None or high is None or low <= 0 or (has_column and owner is None):
            continue
        first = min(group.first for group in file.row_groups)
        series.setdefault(owner, []).append((first, file, low, high))
    for files in series.values():
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
