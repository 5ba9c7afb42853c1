"""Whether the bars are good: the rules of the contract, run as queries that must return no rows."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from duck_label.bars.keys import three_ways
from duck_label.bars.source import Files, Source
from duck_label.columns import identifier
from duck_label.config import PRICES, Grid, LabelingConfig
from duck_label.database import Database
from duck_label.errors import BadBarsError
from duck_label.queries import LEVELS_OF_FLOAT, is_off_grid, render

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
# Clock units in a microsecond, without and with nanoseconds.
_MICROSECONDS = (1, 1000)
# More hours of clocks that are put back than any input has years.
_FEW_HOURS = 100
_IN_UTC = (
    "  write them in UTC, as pandas does, which knows the hours by their order: "
    'df["timestamp"] = df["timestamp"].dt.tz_localize("{zone}", ambiguous="infer", '
    'nonexistent="shift_forward").dt.tz_convert("UTC")'
)
# Steps that exchanges quote in, the coarsest first.
_STEPS = [
    Fraction(digits, 10) * Fraction(10) ** power
    for power in range(2, -10, -1)
    for digits in (50, 25, 20, 10)
]
# Into so many parts somebody might divide a tick: decimals of it, and bonds' eighths and so on.
_PARTS = sorted({f * 10**power for f in (1, 2, 4, 5, 25) for power in range(9)} | {8, 16, 32, 64})


@dataclass(frozen=True)
class BadBars:
    """How many bars break which rule in which file."""

    counts: Mapping[tuple[str, str], int]
    bars: int

    def __bool__(self) -> bool:
        return self.bars > 0


def find_bad_bars(
    database: Database,
    source: Source,
    context: Mapping[str, Any],
    ranges: Iterable[tuple[int, int]],
    paths: Files | None = None,
) -> BadBars:
    """Check every bar of some files, or of all; duplicates in the whole input, in some ranges.

    Range by range, so that no more is held at once. Needs the temp table `grids`; leaves the temp
    table `duplicates`.
    """
    own = database.rows(render("checks/bad_bars", context), {"files": paths or source.paths})
    files = {"files": source.paths}
    symbol = context["symbol_of"]("source")
    database.run(
        f"create or replace temp table duplicates as select {symbol} as symbol, "
        f"{context['time']('source')} as bar_time from {context['source']} as source limit 0",
        files,
    )
    in_order = 1 in database.row(render("checks/in_order", context), files)
    duplicates = render("checks/duplicates", context)
    for start, end in () if in_order else ranges:
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
    counts = Counter({(file, rule): bars for file, rule, bars in own})
    if not counts and database.row("select count(*) from duplicates") == (0,):
        return BadBars({}, 0)
    judged = render("checks/judged_bars", context)
    found = database.rows(
        "select duck_label_file, count(*), count_if(list_contains(duck_label_rules, 'duplicate')) "
        f"from ({judged}) group by all",
        files,
    )
    counts.update({(file, "duplicate"): copies for file, _, copies in found if copies})
    bars = sum(bars for _, bars, _ in found)
    return BadBars(dict(sorted(counts.items())), bars)


def quarantine(database: Database, source: Source, context: Mapping[str, Any], path: Path) -> None:
    """Write every bad bar, its file, row and broken rules, whole or not at all."""
    unfinished = path.with_suffix(".tmp")
    judged = render("checks/judged_bars", context)
    database.run(
        f"copy ({judged}) to $path (format parquet, compression zstd)",
        {"files": source.paths, "path": str(unfinished)},
    )
    os.replace(unfinished, path)


def rounded(
    database: Database, context: Mapping[str, Any], values: Mapping[str, Any]
) -> list[tuple[str, int, int]]:
    """How many prices lie off the grid, by symbol and month (12 * year + month)."""
    return database.rows(render("checks/rounded", context), values)


def complaint(
    database: Database,
    source: Source,
    config: LabelingConfig,
    context: Mapping[str, Any],
    bad: BadBars,
) -> BadBarsError:
    """The error that names the files, the rules, the counts and the first offending rows."""
    lines = [f"{bad.bars:,} bad bars in the input; nothing was labeled"]
    for (file, rule), bars in bad.counts.items():
        lines.append(f"  {file}: {bars:,} x {rule}: {RULES[rule]}")
        lines += examples(database, source, context, file, rule)
    if _has(bad, "off_grid"):
        lines += [
            f"  {advice}" for advice in _fitting_increments(database, source, config, context)
        ]
    if not context["keeps_first"] and (times := _repeated_times(database, source, context)):
        lines.append(
            f"  all rows of {times:,} of the times that are there twice are equal in every column, "
            "as in downloads that overlap: --on-duplicates first counts them once"
        )
    if source.bars.symbol is None and len(source.files) > 1 and _has(bad, "duplicate"):
        lines.append(
            f"  the files say no symbol: if they are of several instruments, {three_ways(config)}"
        )
    lines += _clock_advice(database, source, config, context, bad)
    if 2 * bad.bars > source.rows:
        lines.append(
            "Mend the input or its configuration: quarantine would leave "
            f"{source.rows - bad.bars:,} of {source.rows:,} bars"
        )
    else:
        lines.append(
            "Mend the input, or pass --on-bad-rows quarantine to set them aside and label the rest"
        )
    return BadBarsError("\n".join(lines))


def _clock_advice(
    database: Database,
    source: Source,
    config: LabelingConfig,
    context: Mapping[str, Any],
    bad: BadBars,
) -> Iterator[str]:
    """What to do with hours that a local clock shows twice, or never."""
    zone = config.timestamp_zone
    if _has(bad, "doubtful_time"):
        yield _IN_UTC.format(zone=zone)
    elif zone is None and not source.bars.has_zone and _has(bad, "duplicate"):
        clock = f"{context['clock']('bar_time')} // {_MICROSECONDS[source.bars.in_nanoseconds]}"
        hours, nights, first = database.row(
            f"select count(*), count_if(dayofweek(hour) = 0 and hour(hour) < 4), min(hour) "
            f"from (select distinct date_trunc('hour', make_timestamp({clock})) as hour "
            "from duplicates)"
        )
        if 0 < hours == nights <= _FEW_HOURS:
            yield (
                f"  all times that are there twice lie in the night of a Sunday, from {first} on, "
                "as where a local clock is put back an hour: are the timestamps local? Then"
            )
            yield _IN_UTC.format(zone="America/New_York")


def _has(bad: BadBars, rule: str) -> bool:
    return any(broken == rule for _, broken in bad.counts)


def _repeated_times(database: Database, source: Source, context: Mapping[str, Any]) -> int:
    """At how many times of `duplicates`, by symbol, all rows are equal in every column."""
    if database.row("select count(*) from duplicates") == (0,):
        return 0
    clock = context["clock"]
    first, last = database.row(
        f"select {clock('min(bar_time)')}, {clock('max(bar_time)')} from duplicates"
    )
    scale = source.bars.clocks_per_second // 1_000_000
    values = {
        "files": source.paths,
        "chunk_from": source.moment(first // scale),
        "chunk_until": source.moment(last // scale + 1),
    }
    database.run(render("checks/repeats", context), values)
    (times,) = database.row("select count(*) from repeats")
    return int(times)


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


def _fitting_increments(
    database: Database, source: Source, config: LabelingConfig, context: Mapping[str, Any]
) -> list[str]:
    """For every instrument with prices off its grid, the coarsest price_increment that fits."""
    return [
        advice
        for grid in config.grids()
        if (advice := _fitting_increment(database, source, context, grid)) is not None
    ]


def _fitting_increment(
    database: Database, source: Source, context: Mapping[str, Any], grid: Grid
) -> str | None:
    tick_size = grid.increment * grid.increments_per_tick
    divisors = [tick_size / part for part in _PARTS]
    current = grid.increment
    candidates = [current, *divisors, *_STEPS]
    prices = ", ".join(context["points_of"](price, "source") for price in PRICES)
    # FLOAT prices may stand in columns of DOUBLE.
    kinds = ("DOUBLE", "FLOAT")
    misfits = ", ".join(
        f"count_if({is_off_grid('price', multiple, kind, f'{numerator}::double', denominator)})"
        for numerator, denominator in (step.as_integer_ratio() for step in candidates)
        for multiple in [f"(price * {denominator}::double / {numerator})"]
        for kind in kinds
    )
    all_prices, largest, wide, *counts = database.row(
        "select count(*), max(abs(price)), "
        f"count_if(try_cast(price as float) is distinct from price), {misfits} "
        f"from (select unnest([{prices}]) as price from {context['source']} as source "
        f"inner join grids on {context['symbol_of']('source')} is not distinct from grids.symbol "
        "where grids.pattern = $pattern) where isfinite(price)",
        {"files": source.paths, "pattern": grid.pattern},
    )
    as_doubles, as_floats = counts[::2], counts[1::2]
    has_floats = "FLOAT" in source.bars.price_types
    off = (as_floats if has_floats else as_doubles)[0]
    if off == 0:
        return None
    who = "" if grid.pattern == "*" else f"for {grid.pattern!r}, "
    are_floats = wide == 0
    # Every FLOAT lies on a grid that is fine enough: that says nothing of the prices.
    telling = {
        candidate: count
        for candidate, *count in zip(candidates, as_doubles, as_floats, strict=True)
        if not are_floats or largest < candidate * LEVELS_OF_FLOAT
    }
    step = next((step for step in _STEPS if step in telling and not telling[step][has_floats]), 0)
    if 2 * off > all_prices and 0 < step < largest:
        divisor = next((d for d in divisors if d in telling and not telling[d][has_floats]), 0)
        nevertheless = (
            f"; only if {float(tick_size):g} points are a tick all the same, price_increment = "
            f"{float(divisor):.15g} would fit"
        )
        return (
            f"{who}{off / all_prices:.0%} of the prices are off the grid: their steps are of "
            f"{float(step):.15g}, and tick_size = {float(tick_size):g} is hardly theirs. "
            "duck-label validate --write-config FILE writes a configuration that suits them"
            f"{nevertheless if divisor else ''}"
        )
    for candidate in (current, *divisors):
        count = telling.get(candidate, (1, 1))
        if count[has_floats] == 0:
            return f"{who}price_increment = {float(candidate):.15g} would fit"
        if are_floats and count[1] == 0:
            return (
                f"{who}the prices are 32-bit floats in columns of DOUBLE, and lie on a grid of "
                f"{float(candidate):.15g} only as FLOAT: cast them to FLOAT, or pass "
                "--on-off-grid round"
            )
    if are_floats:
        return (
            f"{who}the prices are 32-bit floats, too short for their grid: write them as "
            "DOUBLE, or pass --on-off-grid round, which takes each for the nearest level"
        )
    return (
        f"{who}no price_increment that divides tick_size = {float(tick_size):g} would fit: were "
        "the prices adjusted by a factor, or are they of several instruments?"
    )
