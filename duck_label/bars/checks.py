"""Whether the bars are good: the rules of the contract, run as queries that must return no rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from duck_label.bars.source import Files, Source
from duck_label.columns import identifier
from duck_label.config_keys import PRICES
from duck_label.database import Database
from duck_label.queries import render

# The rules, and what a bar that breaks one is like.
RULES = {
    "null_timestamp": "the timestamp is null, or not written as timestamp_format says",
    "doubtful_time": "the clock of timestamp_zone showed this time twice, or never",
    "null_symbol": "the symbol is null",
    "null_price": "a price is null",
    "not_finite": "a price is NaN or infinite",
    "nonpositive_price": "a price is not above 0 on the grid (allow_nonpositive_prices allows it)",
    "high_below_low": "the high is below the low",
    "high_too_low": "the high is below the open or close",
    "low_too_high": "the low is above the open or close",
    "negative_volume": "the volume is negative",
    "off_grid": "a price is off the price grid",
    "beyond_grid": "a price is too large to count its price increments",
    "duplicate": "another bar has the same symbol and timestamp",
}
_SHOWN = 5
# So many bad bars tell nothing of the rest, whatever their share.
_FEW = 10


@dataclass(frozen=True)
class BadBars:
    """How many bars break which rule in which file."""

    counts: Mapping[tuple[str, str], int]
    bars: int
    # Those of each symbol; of bars that say none, under None.
    by_symbol: Mapping[str | None, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.bars > 0


@dataclass(frozen=True)
class Excess:
    """More bad bars than may be set aside: of a symbol, or, where that is None, of the input."""

    symbol: str | None
    bad: int
    bars: int

    @property
    def share(self) -> float:
        """The part of its bars that is bad."""
        return self.bad / self.bars

    def __str__(self) -> str:
        whose = "" if self.symbol is None else f" of {self.symbol}"
        return f"{self.bad:,} of the {self.bars:,} bars{whose} ({self.share:.1%})"


def find_bad_bars(
    database: Database,
    source: Source,
    context: Mapping[str, Any],
    ranges: Iterable[tuple[int, int]],
    paths: Files | None = None,
) -> BadBars:
    """Check every bar of some files, or of all; duplicates in the whole input, in some ranges.

    Range by range, so that no more is held at once; where each bar comes after the one before it,
    by time or by symbol, there are none. Needs the table `grids`, which is kept; leaves the
    table `duplicates`.
    """
    files = {"files": source.paths}
    symbol = context["symbol_of"]("source")
    (symbols,) = database.row("select count(*) from grids")
    in_order = render("checks/in_order", {**context, "has_symbols": symbols > 1})
    bad_bars = render("checks/bad_bars", context)
    # The order is seen on one thread, whatever there are.
    with (
        database.beside(in_order, files) as breaks_of_the_order,
        database.beside(bad_bars, {"files": paths or source.paths}) as broken_rules,
    ):
        own = broken_rules()
        is_in_order = any(1 in breaks for breaks in breaks_of_the_order())
    _find_duplicates(database, source, context, [] if is_in_order else ranges)
    counts = Counter({(file, rule): bars for file, rule, bars in own})
    if not counts and database.row("select count(*) from duplicates") == (0,):
        return BadBars({}, 0)
    judged = render("checks/judged_bars", context)
    by_symbol: Counter[str | None] = Counter()
    for file, name, bars, copies in database.rows(
        f"select duck_label_file, {symbol}::varchar, count(*), "
        "count_if(list_contains(duck_label_rules, 'duplicate')) "
        f"from ({judged}) as source group by all",
        files,
    ):
        by_symbol[name] += bars
        if copies:
            counts[file, "duplicate"] += copies
    return BadBars(dict(sorted(counts.items())), by_symbol.total(), by_symbol)


def _find_duplicates(
    database: Database,
    source: Source,
    context: Mapping[str, Any],
    ranges: Iterable[tuple[int, int]],
) -> None:
    """Leave the symbols and times that several bars have, in some ranges, in `duplicates`."""
    files = {"files": source.paths}
    database.run(
        f"create or replace temp table duplicates as select {context['symbol_of']('source')} "
        f"as symbol, {context['time']('source')} as bar_time "
        f"from {context['source']} as source limit 0",
        files,
    )
    database.keep("duplicates")
    duplicates = render("checks/duplicates", context)
    for start, end in ranges:
        values = {
            "files": source.paths_between(start, end),
            "chunk_from": source.moment(start),
            "chunk_until": source.moment(end),
        }
        database.run(duplicates, values)
        if context["keeps_first"]:
            database.run(render("checks/repeats", context), values)
            database.run(
                "delete from duplicates as d using repeats as r "
                "where d.symbol = r.symbol and d.bar_time = r.bar_time"
            )


def quarantine(database: Database, source: Source, context: Mapping[str, Any], path: Path) -> None:
    """Write every bad bar, its file, row and broken rules, into a file that nobody reads yet."""
    judged = render("checks/judged_bars", context)
    database.run(
        f"copy ({judged}) to $path (format parquet, compression zstd)",
        {"files": source.paths, "path": str(path)},
    )


def excess(
    database: Database, source: Source, context: Mapping[str, Any], bad: BadBars, most: float
) -> Excess | None:
    """The symbol of which most bars are bad, where these are more than may be set aside.

    So many bars are rather of another grid, unit or instrument. A few are not, whatever their
    share.
    """
    if bad.bars <= _FEW or most >= 1:
        return None
    bars = dict(
        database.rows(
            f"select {context['symbol_of']('source')}::varchar as symbol, count(*) "
            f"from {context['source']} as source group by symbol",
            {"files": source.paths},
        )
    )
    found = [Excess(None, bad.bars, sum(bars.values()))]
    if len(bars) > 1:
        # Bars without a symbol are a part of no symbol.
        found += [
            Excess(name, count, bars[name])
            for name, count in bad.by_symbol.items()
            if name is not None
        ]
    found = [one for one in found if one.bad > max(_FEW, most * one.bars)]
    return max(found, key=lambda one: one.share, default=None)


def rounded(
    database: Database, context: Mapping[str, Any], values: Mapping[str, Any]
) -> list[tuple[str, int, int]]:
    """How many prices lie off the grid, by symbol and month (12 * year + month)."""
    return database.rows(render("checks/rounded", context), values)


def examples(
    database: Database, source: Source, context: Mapping[str, Any], file: str, rule: str
) -> list[str]:
    """The first few bars of a file that break a rule, a line each.

    Needs the temp tables `grids` and `duplicates`.
    """
    judged = render("checks/judged_bars", context)
    bars = source.bars
    names = [bars.timestamp, *(getattr(bars, price) for price in PRICES)]
    names += [name for name in (bars.volume, bars.symbol) if name is not None]
    values = ", ".join(f"{identifier(name)}::varchar" for name in names)
    rows = database.rows(
        f"select duck_label_row, {values} from ({judged}) where duck_label_file = $file "
        f"and list_contains(duck_label_rules, $rule) order by duck_label_row limit {_SHOWN}",
        {"files": source.paths, "file": file, "rule": rule},
    )
    return [
        f"    row {row}: " + ", ".join(f"{n} {v}" for n, v in zip(names, shown, strict=True))
        for row, *shown in rows
    ]
