"""The error that tells of bad bars: which, where, and what to do, so far as prices tell it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from duck_label.bars.checks import RULES, BadBars, Excess, examples
from duck_label.bars.keys import three_ways
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.config_keys import PRICES
from duck_label.database import Database
from duck_label.errors import BadBarsError
from duck_label.queries import render
from duck_label.query_names import LEVELS_OF_FLOAT, is_off_grid
from duck_label.rules import Grid

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


def complaint(
    database: Database,
    source: Source,
    config: LabelingConfig,
    context: Mapping[str, Any],
    bad: BadBars,
    most: Excess | None,
) -> BadBarsError:
    """The error that names the files, the rules, the counts and the first offending rows.

    `most` is what is more than may be set aside.
    """
    if _has(bad, "off_grid") and (half := _half(database, source)) is not None:
        path, name = half
        return BadBarsError(
            f"{path}: column {name!r} is FLOAT16, which has three digits: too few for prices, "
            "which were rounded when written. Write them anew as DOUBLE, from where they came"
        )
    lines = [f"{bad.bars:,} bad bars in the input; nothing was labeled"]
    if most is not None and config.on_bad_rows == "quarantine":
        lines = [
            f"{most} are bad, mainly {_main_rule(bad)}; nothing was labeled: quarantine sets "
            f"aside no more than max_bad_share = {config.max_bad_share:g} of a symbol's bars"
        ]
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
    if _may_be_of_two(source, bad):
        lines.append(
            f"  the files say no symbol: if they are of several instruments, {three_ways(config)}"
        )
    lines += _clock_advice(database, source, config, context, bad)
    lines.append(_way_on(source, config, bad, most))
    return BadBarsError("\n".join(lines))


def _half(database: Database, source: Source) -> tuple[str, str] | None:
    """A file and its column of prices in 16 bits, which DuckDB reads as FLOAT; None without one."""
    names = [getattr(source.bars, price) for price in PRICES]
    found = database.rows(
        "select file_name, name from parquet_schema($files) "
        "where logical_type like 'Float16%' and list_contains($names::varchar[], name) "
        "order by all limit 1",
        {"files": source.paths, "names": names},
    )
    return None if not found else found[0]


def _way_on(source: Source, config: LabelingConfig, bad: BadBars, most: Excess | None) -> str:
    """What to do about bad bars, where quarantine is a way and where it is none."""
    mend = "Mend the input or its configuration"
    if bad.bars == source.rows:
        return f"{mend}: there is no good bar in the input"
    if 2 * bad.bars > source.rows:
        left = source.rows - bad.bars
        return f"{mend}: quarantine would leave {left:,} of {source.rows:,} bars"
    if _may_be_of_two(source, bad):
        return (
            "Say which bars are whose: quarantine would set aside all rows of a time, those of "
            "every instrument"
        )
    if most is not None:
        share = math.ceil(1000 * most.share) / 1000
        way = f"--max-bad-share {share:g} to set them aside all the same and label the rest"
        if config.on_bad_rows == "quarantine":
            return f"{mend}, or pass {way}"
        return (
            f"{mend}, as {most} are bad, mainly {_main_rule(bad)}, or pass --on-bad-rows "
            f"quarantine {way}"
        )
    return "Mend the input, or pass --on-bad-rows quarantine to set them aside and label the rest"


def _main_rule(bad: BadBars) -> str:
    rules: Counter[str] = Counter()
    for (_, rule), bars in bad.counts.items():
        rules[rule] += bars
    return rules.most_common(1)[0][0]


def _may_be_of_two(source: Source, bad: BadBars) -> bool:
    """Whether rows of one time may be of two instruments, which nothing tells apart."""
    return source.bars.symbol is None and len(source.files) > 1 and _has(bad, "duplicate")


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
    """What would fit the prices of the instruments of a grid; None where all lie on it."""
    tick_size = grid.increment * grid.increments_per_tick
    divisors = [tick_size / part for part in _PARTS]
    candidates = [grid.increment, *divisors, *_STEPS]
    found = _misfits(database, source, context, grid, candidates)
    if found.off[grid.increment] == 0:
        return None
    who = "" if grid.pattern == "*" else f"for {grid.pattern!r}, "
    (bars_off,) = database.row(
        f"select count(*) from ({render('checks/judged_bars', context)}) as source "
        f"inner join grids on {context['symbol_of']('source')} is not distinct from grids.symbol "
        "where grids.pattern = $pattern and list_contains(source.duck_label_rules, 'off_grid')",
        {"files": source.paths, "pattern": grid.pattern},
    )
    step = next((step for step in _STEPS if found.fits(step)), 0)
    if len(PRICES) * 2 * bars_off > found.prices and 0 < step < found.largest:
        divisor = next((divisor for divisor in divisors if found.fits(divisor)), 0)
        nevertheless = (
            f"; only if {float(tick_size):g} points are a tick all the same, price_increment = "
            f"{float(divisor):.15g} would fit"
        )
        return (
            f"{who}most bars, and {found.off[grid.increment] / found.prices:.0%} of the prices, "
            f"are off the grid: their steps are of {float(step):.15g}, and tick_size = "
            f"{float(tick_size):g} is hardly theirs. "
            "duck-label validate INPUT --write-config writes a configuration that suits them"
            f"{nevertheless if divisor else ''}"
        )
    for candidate in (grid.increment, *divisors):
        if found.fits(candidate):
            return f"{who}price_increment = {float(candidate):.15g} would fit"
        if found.fits(candidate, as_floats=True):
            return (
                f"{who}the prices are 32-bit floats in columns of DOUBLE, and lie on a grid of "
                f"{float(candidate):.15g} only as FLOAT: cast them to FLOAT, or pass "
                "--on-off-grid round"
            )
    if found.are_floats:
        return (
            f"{who}the prices are 32-bit floats, too short for their grid: write them as "
            "DOUBLE, or pass --on-off-grid round, which takes each for the nearest level"
        )
    return (
        f"{who}no price_increment that divides tick_size = {float(tick_size):g} would fit: were "
        "the prices adjusted by a factor, or are they of several instruments?"
    )


@dataclass(frozen=True)
class _Misfits:
    """How many of so many prices lie off grids of some increments, as their columns have them.

    `off_as_floats` counts those that would lie off where their columns were of FLOAT; `are_floats`:
    every price is one, whatever its column. The `largest` is taken without its sign.
    """

    prices: int
    largest: float
    are_floats: bool
    off: Mapping[Fraction, int]
    off_as_floats: Mapping[Fraction, int]

    def fits(self, increment: Fraction, *, as_floats: bool = False) -> bool:
        """Whether no price lies off a grid of an increment; as FLOAT, where they are."""
        # Every FLOAT lies on a grid that is fine enough: that says nothing of the prices.
        says_nothing = self.are_floats and self.largest >= increment * LEVELS_OF_FLOAT
        if says_nothing or (as_floats and not self.are_floats):
            return False
        return (self.off_as_floats if as_floats else self.off)[increment] == 0


def _misfits(
    database: Database,
    source: Source,
    context: Mapping[str, Any],
    grid: Grid,
    increments: Sequence[Fraction],
) -> _Misfits:
    """How many prices of the instruments of a grid lie off grids of some increments."""
    prices = ", ".join(context["points_of"](price, "source") for price in PRICES)
    # FLOAT prices may stand in columns of DOUBLE. Increments are rows: DuckDB would take longer to
    # plan as many columns of counts than it takes to count most inputs.
    multiple = "(price * denominator / numerator)"
    as_doubles, as_floats = (
        f"count_if({is_off_grid('price', multiple, kind)})" for kind in ("DOUBLE", "FLOAT")
    )
    steps = [step.as_integer_ratio() for step in increments]
    counts = database.rows(
        f"select count(*), max(abs(price)), {as_doubles}, {as_floats}, "
        "count_if(try_cast(price as float) is distinct from price) "
        f"from (select unnest([{prices}]) as price from {context['source']} as source "
        f"inner join grids on {context['symbol_of']('source')} is not distinct from grids.symbol "
        "where grids.pattern = $pattern) cross join (select "
        "unnest($numerators::double[]) as numerator, unnest($denominators::double[]) as denominator"
        ", unnest(range(len($numerators))) as increment) "
        "where isfinite(price) group by increment order by increment",
        {
            "files": source.paths,
            "pattern": grid.pattern,
            "numerators": [float(numerator) for numerator, _ in steps],
            "denominators": [float(denominator) for _, denominator in steps],
        },
    ) or [(0, 0.0, 0, 0, 0)] * len(steps)
    all_prices, largest, _, _, wide = counts[0]
    off_as_doubles, off_as_floats = (
        {step: count[kind] for step, count in zip(increments, counts, strict=True)}
        for kind in (2, 3)
    )
    off = off_as_floats if "FLOAT" in source.bars.price_types else off_as_doubles
    return _Misfits(all_prices, largest, wide == 0, off, off_as_floats)
