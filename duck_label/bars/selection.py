"""Which symbols of a panel are labeled, and what is odd in their names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from duck_label.columns import BarColumns, is_named, pattern_of
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.errors import InputError
from duck_label.input_rows import all_symbols

# So many names tell what a symbol looks like.
_SHOWN = 5


@dataclass(frozen=True)
class LeftOut:
    """The symbols that nobody asked for, and their bars; of bars without a symbol, only these."""

    symbols: int = 0
    bars: int = 0
    nameless: int = 0
    # The files that hold nothing else, so far as their paths say so.
    paths: frozenset[str] = frozenset()

    def notes(self, asked: Sequence[str]) -> list[str]:
        """A line of it, where there is something to tell."""
        if not self.bars:
            return []
        bars = f"{self.symbols:,} other symbols of {self.bars - self.nameless:,} bars"
        nameless = f", and {self.nameless:,} bars without a symbol," if self.nameless else ""
        return [f"{bars}{nameless} are left out: asked for are {', '.join(asked)}"]


def left_out(
    database: Database,
    files: list[dict[str, str | None]],
    bars: BarColumns,
    said: Mapping[str, tuple[str | None, ...]],
    config: LabelingConfig,
) -> LeftOut:
    """Compare the symbols that are asked for with those that are there.

    Raises:
        InputError: for a name or a pattern that no symbol matches, or bars without symbols.
    """
    if not config.symbols:
        return LeftOut()
    asked = " ".join(f"--symbol {pattern}" for pattern in config.symbols)
    if bars.symbol is None:
        raise InputError(
            f"{asked}: the bars have no column {config.column('symbol')!r}: name it with "
            "--column symbol=NAME, or leave --symbol out"
        )
    found = database.rows(
        f"select symbol, count(*) from ({all_symbols(bars)}) as bars group by all",
        {"files": files},
    )
    names = sorted(name for name, _ in found if name is not None)
    for pattern in config.symbols:
        if not any(is_named(name, pattern) for name in names):
            near = difflib.get_close_matches(pattern.rstrip("*?"), names, n=_SHOWN, cutoff=0.5)
            which = f"near ones are {', '.join(near)}" if near else f"there are {_some(names)}"
            raise InputError(
                f"--symbol {pattern}: no symbol of the input is or matches it: {which}"
            )

    def is_asked(name: str | None) -> bool:
        return name is not None and any(is_named(name, one) for one in config.symbols)

    others = [(name, count) for name, count in found if not is_asked(name)]
    nameless = sum(count for name, count in others if name is None)
    place = bars.keys.index(bars.symbol) if bars.symbol in bars.keys else None
    paths = [] if place is None else [p for p, says in said.items() if not is_asked(says[place])]
    return LeftOut(
        len(others) - (nameless > 0),
        sum(count for _, count in others),
        nameless,
        frozenset(paths),
    )


def idle_instruments(config: LabelingConfig, symbols: Iterable[str | None]) -> list[str]:
    """A line of the patterns of instruments that hold for no symbol: one may be mistyped."""
    names = sorted({name or "" for name in symbols})
    grids = config.grids()
    matching = {next(g.pattern for g in grids if fnmatchcase(name, g.pattern)) for name in names}
    idle = [pattern for pattern in config.instruments if pattern not in matching]
    if not idle:
        return []
    tables = ", ".join(f'[instruments."{pattern}"]' for pattern in idle)
    there = f"there are {_some(names)}" if any(names) else "it has no symbols"
    note = f"{tables}: no symbol of the input takes these values: {there}"
    # A name may look like a pattern, and then stands for others.
    named = [f'"{pattern_of(name)}"' for name in names if name in idle and name != pattern_of(name)]
    return [note + (f"; the pattern of that name is {', '.join(named)}" if named else "")]


def look_alikes(symbols: Iterable[str | None]) -> list[str]:
    """A line of the symbols that may be one, written in several ways: each is a series of its own.

    They differ by upper and lower case alone, or by blanks around them.
    """
    by_look: dict[str, list[str]] = {}
    for name in sorted({name for name in symbols if name is not None}):
        by_look.setdefault(name.strip().casefold(), []).append(name)
    groups = [" and ".join(map(repr, names)) for names in by_look.values() if len(names) > 1]
    if not groups:
        return []
    return [
        f"{_some(groups)}: symbols that differ by upper and lower case or by blanks alone are "
        "series of their own: mend the names if they are one"
    ]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else shown
