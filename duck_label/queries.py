"""Finds the files in `sql/` and renders them.

Values reach a query as parameters. Rendered are only the things that a parameter cannot express:
names of columns and a column per mode or barrier.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from duck_label import outcomes
from duck_label.columns import (
    MILLISECONDS,
    PLACE,
    RESERVED,
    BarColumns,
    identifier,
    literal,
)
from duck_label.compiled import compiled_templates
from duck_label.config import LabelingConfig
from duck_label.config_keys import PRICES
from duck_label.trades import Trades

LABEL_STEPS = (
    "label/01_symbols",
    "label/02_series",
    "label/03_bars",
    "label/04_rolls",
    "label/05_crossings",
    "label/06_touches",
    "label/07_trades",
    "label/08_own_touches",
    "label/09_outcomes",
    "label/10_overlaps",
    "label/11_weights",
    "label/12_tally",
    "label/13_part",
)

# The tables of an output folder; `labels_long` reads `labels`.
VIEWS = (
    "views/labels",
    "views/labels_long",
    "views/runs",
    "views/chunks",
    "views/snapshots",
    "views/memory_events",
)
# The number of a bar after all others: where a barrier is not touched.
_NEVER = 2**31 - 1
# Bars that share a question where they enter at one price.
BLOCK_BARS = 64
# A high that one as high follows within so many bars moves no stop that trails any further.
_TRAIL_BARS = 16
# Its powers of two: what lies within twice as many bars is told by what lies within so many.
_TRAIL_STEPS = tuple(2**power for power in range(_TRAIL_BARS.bit_length()))
# How far a price may lie from its level, in increments; or, relative to the level, how far one step
# of a DOUBLE and the two roundings of the division may take it.
_NEAR, _PRECISION = "1e-6", "4.5e-16"
# Up to here no FLOAT is the nearest one to two levels.
LEVELS_OF_FLOAT = 2**23


def label_steps(trades: Trades) -> tuple[str, ...]:
    """The steps of a chunk that the trades of a configuration need, in order."""
    needed = {
        "label/05_crossings": bool(trades.sides),
        "label/06_touches": trades.has_shared,
        "label/07_trades": trades.has_shared,
        "label/08_own_touches": trades.has_questions_of_a_bar,
        "label/10_overlaps": trades.weighs_overlap,
    }
    return tuple(step for step in LABEL_STEPS if needed.get(step, True))


@cache
def sql_folder() -> Path:
    """The folder of the SQL files: inside the installed package, or beside it in a checkout."""
    package = Path(str(files("duck_label")))
    shipped = package / "sql"
    return shipped if shipped.is_dir() else package.parent / "sql"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(sql_folder()),
        bytecode_cache=compiled_templates(),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - this renders SQL, whose names `identifier` quotes
    )
    environment.filters["identifier"] = identifier
    environment.filters["literal"] = literal
    return environment


def render(name: str, context: Mapping[str, Any]) -> str:
    """The text of `sql/NAME.sql` for one configuration and input."""
    return _environment().get_template(f"{name}.sql").render(context)


def context(
    config: LabelingConfig,
    bars: BarColumns,
    input_columns: Sequence[str],
    *,
    has_quarantine: bool,
    is_admitted: bool = False,
) -> dict[str, Any]:
    """What the templates may name: columns, modes and barriers, never a value.

    Where the input `is_admitted`, equal rows count once if they may; else all rows are there.
    """
    timestamp = identifier(bars.timestamp)
    trades = Trades(config)
    types = dict(zip(PRICES, bars.price_types, strict=True))

    def symbol_of(table: str) -> str:
        return _symbol_of(bars, table)

    def clock(time: str) -> str:
        return f"epoch_ns({time})" if bars.in_nanoseconds else f"epoch_us({time})"

    def utc(clock: str) -> str:
        return f"make_timestamp{'_ns' if bars.in_nanoseconds else ''}({clock})"

    def month_of(clock: str) -> str:
        # The month of a TIMESTAMP is a tenth of the work of that of a TIMESTAMP WITH TIME ZONE; of
        # a TIMESTAMP_NS, DuckDB takes the month of the nearest microsecond, not of the bar's own.
        time = utc(clock)
        time = f"make_timestamp(epoch_us({time}))" if bars.in_nanoseconds else time
        return f"(12 * year({time}) + month({time}))"

    def clock_after(time: str) -> str:
        """The clock at a time of any precision, or the first one after it."""
        return clock(time) if bars.in_nanoseconds else f"(epoch_ns({time}) + 999) // 1000"

    def moment(parameter: str) -> str:
        # The only timestamps that DuckDB does not compare with another precision.
        needs_cast = bars.time_type == "TIMESTAMPTZ_NS"
        return f"${parameter}::timestamptz_ns" if needs_cast else f"${parameter}"

    scale = ""
    if config.price_scale is not None:
        numerator, denominator = config.price_scale.as_integer_ratio()
        scale = f" * {numerator} / {denominator}"

    source = _source(bars, symbol_of, config.symbols, has_quarantine=has_quarantine)
    if is_admitted and config.on_duplicates == "first":
        source = _once(source, bars, input_columns)
    return {
        "source": source,
        "files_with_names": _files(bars, with_names=True),
        "files": _read_files(bars, with_names=True),
        "is_gathered": bars.is_gathered,
        "file_columns": len(input_columns) - len(bars.keys),
        "prices": PRICES,
        "input_columns": [identifier(name) for name in input_columns],
        "passed_on": [_passed_on(name, bars) for name in input_columns],
        "keys": [(identifier(name), key_field(number)) for number, name in _numbered(bars.keys)],
        "output_columns": config.output_columns(),
        "timestamp": timestamp,
        "columns": {price: identifier(getattr(bars, price)) for price in PRICES},
        "level_of": lambda price, table, grid: (
            f"{table}.{identifier(getattr(bars, price))}::double "
            f"* {grid}.denominator / {grid}.numerator"
        ),
        # As the files have it, but for whole numbers of a scale.
        "points_of": lambda price, table: (
            f"{table}.{identifier(getattr(bars, price))}::double{scale}"
        ),
        # Of a FLOAT the shortest decimal that means it, which is the price that was written.
        "decimal_of": lambda price, table: (
            f"{table}.{identifier(getattr(bars, price))}"
            f"{'::varchar' if types[price] == 'FLOAT' else ''}::double{scale}"
        ),
        "levels_of_float": LEVELS_OF_FLOAT,
        "is_off_grid": lambda price: is_off_grid(price, f"{price}_multiple", types[price]),
        "volume": identifier(bars.volume) if bars.volume else None,
        "has_symbol": bars.symbol is not None,
        "symbol_of": symbol_of,
        "time": bars.time,
        "within": bars.within,
        "doubt": bars.doubt("source"),
        "clock": clock,
        "clock_after": clock_after,
        "utc": utc,
        "moment": moment,
        "time_of": lambda clock: f"{utc(clock)}::{bars.touch_type.lower()}",
        "month_of": month_of,
        "block": lambda bar: f"{bar} // {BLOCK_BARS}",
        "block_bars": BLOCK_BARS,
        "cell": lambda level, width: f"floor(({level}) / {width})::bigint",
        "grids": config.grids(),
        "keeps_first": config.on_duplicates == "first",
        "rounds_prices": config.on_off_grid == "round",
        "allow_nonpositive_prices": config.allow_nonpositive_prices,
        "details": config.details,
        "unresolved_is_null": config.unresolved == "null",
        "never": _NEVER,
        "outcomes": outcomes.NAMES,
        "modes": config.modes,
        "trades": trades,
        "sign_of": _sign_of,
        "side": None if bars.side is None else identifier(bars.side),
        "events": bars.events,
        "has_pattern": bars.have_sessions_symbols,
        "event_clock": bars.events and bars.events.clock(in_nanoseconds=bars.in_nanoseconds),
        "event_side": _sign_of("events.side"),
        "asking": config.events,
        "has_session": config.session is not None,
        "has_session_file": config.session is not None and config.session.file is not None,
        "asks_inside": config.session is not None and config.session.ask == "inside",
        "is_flat": config.session is not None and config.session.flat,
        "has_entry_gap": config.max_entry_gap_seconds is not None,
        "asks_some": config.asks_some,
        "weighs_overlap": config.uniqueness,
        # Whether bars of the chunk and those that are asked are two things.
        "has_asked": config.asks_some or config.uniqueness,
        "may_enter_late": config.may_enter_late,
        "leaves_out": config.rows == "asked" and config.asks_some,
        # Whether a part has bars without labels too.
        "is_outer": config.rows == "all" and config.asks_some,
        "outcome_columns": [f"outcome_{mode.name}" for mode in config.modes],
        # The bars of the chunk that may have a trade.
        "calls": " and ".join(
            [
                "is_asked" if config.asks_some or config.uniqueness else "is_wanted",
                *(["not is_late"] if config.may_enter_late else []),
            ]
        ),
        "longest_horizon": lambda table="": _longest_horizon(trades, table),
        "trail_bars": _TRAIL_BARS,
        "trail_steps": _TRAIL_STEPS,
        "enters_at_close": config.entry == "close",
        "tie": config.tie,
        "breaks_ties_by_open": config.tie == "open" and trades.may_tie,
        "label": config.label,
        "has_exits": config.has_exits,
        "unresolved": list(outcomes.UNRESOLVED),
        "without_label": list(outcomes.WITHOUT_LABEL),
        "weight_factors": config.weights.factors,
    }


def _sign_of(value: str) -> str:
    """1, -1 or 0 for a number that tells a side, or asks for a bar; null and NaN are 0."""
    return f"sign_of({value}::double)"


def _passed_on(name: str, bars: BarColumns) -> str:
    """A column of the input as a part has it."""
    column = f"source.{identifier(name)}"
    if name in bars.milliseconds:
        return f"{column}::{MILLISECONDS.lower()} as {identifier(name)}"
    return column


def _longest_horizon(trades: Trades, table: str) -> str:
    """The first clock after the longest path of a bar."""
    prefix = f"{table}." if table else ""
    names = [f"{prefix}horizon_{horizon.number}" for horizon in trades.horizons]
    return names[0] if len(names) == 1 else f"greatest({', '.join(names)})"


def is_off_grid(
    price: str,
    multiple: str,
    kind: str,
    numerator: int | str = "numerator",
    denominator: int | str = "denominator",
) -> str:
    """Whether a price lies off the grid, given what multiple of the increment it is, unrounded.

    A FLOAT has seven digits: it stands for a level if it is the FLOAT nearest to it and no other.
    """
    # Of most prices the first comparison is all that is done, which greatest() would not allow.
    off = (
        f"abs({multiple} - round({multiple})) > {_NEAR}\n"
        f"        and abs({multiple} - round({multiple})) > abs({multiple}) * {_PRECISION}"
    )
    if kind == "FLOAT":
        off += (
            "\n        and (\n"
            f"            abs({multiple}) >= {LEVELS_OF_FLOAT}\n"
            f"            or try_cast(round({multiple}) * {numerator} / {denominator} as float)\n"
            f"            is distinct from {price}\n"
            "        )"
        )
    return off


def key_field(number: int) -> str:
    """The field of the files' parameter that holds the value of a key, counted from 1.

    To `read_parquet` the fields of a file beside its name are nothing; a join finds them there.
    """
    return f"{RESERVED}key_{number}"


def _numbered(names: Sequence[str]) -> list[tuple[int, str]]:
    return list(enumerate(names, start=1))


def _read_files(bars: BarColumns, *, with_names: bool) -> str:
    """All rows of the files. To go by name, DuckDB opens every file for every query first."""
    union = "" if bars.are_alike else "union_by_name = true, "
    names = ", filename = 'duck_label_file'" if with_names and not bars.is_gathered else ""
    return f"read_parquet($files, {union}hive_partitioning = false{names})"


def _files(bars: BarColumns, *, with_names: bool = False) -> str:
    """The rows of the files, with what their paths say of them."""
    if bars.is_gathered and not with_names:
        return f"(select * exclude ({', '.join(PLACE)}) from {_read_files(bars, with_names=True)})"
    if not bars.keys:
        return _read_files(bars, with_names=with_names)
    own = "bars.*" if with_names else "bars.* exclude (duck_label_file)"
    keys = ", ".join(
        f"said.{key_field(number)}::varchar as {identifier(name)}"
        for number, name in _numbered(bars.keys)
    )
    return f"""(
        select
            {own},
            {keys}
        from {_read_files(bars, with_names=True)} as bars
        inner join (select unnest($files, max_depth := 2)) as said
            on bars.duck_label_file = said.filename
    )"""


def all_symbols(bars: BarColumns) -> str:
    """The symbol of every row of the files, of those that nobody asked for too."""
    return f"select {_symbol_of(bars, 'bars')}::varchar as symbol from {_files(bars)} as bars"


def _symbol_of(bars: BarColumns, table: str) -> str:
    return f"{table}.{identifier(bars.symbol)}" if bars.symbol else "''"


def _asked(bars: BarColumns, symbols: Sequence[str]) -> str:
    """The rows of the symbols that are asked for."""
    if not symbols or bars.symbol is None:
        return _files(bars)
    symbol = f"{_symbol_of(bars, 'source')}::varchar"
    # DuckDB holds a name against the statistics of row groups, and a pattern only where it is one.
    # What may be a pattern may also be a name: BTC[perp].
    tests = [f"{symbol} = {literal(text)}" for text in symbols]
    tests += [f"{symbol} glob {literal(text)}" for text in symbols if set(text) & set("*?[")]
    return f"(select source.* from {_files(bars)} as source where {' or '.join(tests)})"


def _source(
    bars: BarColumns,
    symbol_of: Callable[[str], str],
    symbols: Sequence[str],
    *,
    has_quarantine: bool,
) -> str:
    asked = _asked(bars, symbols)
    if not has_quarantine:
        return asked
    # A bar is known by its symbol and time; a duplicate is quarantined with all its copies.
    timestamp = identifier(bars.timestamp)
    symbols = f"{symbol_of('source')} is not distinct from {symbol_of('bad')}"
    return (
        f"(select source.* from {asked} as source "
        f"anti join read_parquet($quarantine) as bad "
        f"on source.{timestamp} = bad.{timestamp} and {symbols})"
    )


def _once(source: str, bars: BarColumns, input_columns: Sequence[str]) -> str:
    """One row of those that share symbol and time, which are equal in every column.

    By symbol and time, so that a range of times is still all that a query reads.
    """
    keys = [identifier(name) for name in (bars.symbol, bars.timestamp) if name is not None]
    others = [name for name in map(identifier, input_columns) if name not in keys]
    columns = ", ".join([*keys, *(f"first({name}) as {name}" for name in others)])
    return f"(select {columns} from {source} group by {', '.join(keys)})"


def parameters(config: LabelingConfig, bars: BarColumns) -> dict[str, Any]:
    """The values that a configuration gives to the queries, the same for every chunk."""
    zone, shift = config.trading_day()
    trades = Trades(config)
    session = config.session_start
    if config.session is not None:
        zone, shift, session = config.session.zone or "UTC", 0, str(config.session)
    values: dict[str, Any] = {
        "clocks_per_second": bars.clocks_per_second,
        "session_start": session,
        "session_zone": zone,
        "session_shift": shift,
    }
    for number, grid in enumerate(config.grids(), start=1):
        values |= {
            f"grid_{number}_pattern": grid.pattern,
            f"grid_{number}_numerator": grid.numerator,
            f"grid_{number}_denominator": grid.denominator,
            f"grid_{number}_increments_per_tick": grid.increments_per_tick,
            f"grid_{number}_roll_gap": grid.roll_gap,
            f"grid_{number}_increment_numerator": grid.increment.numerator,
            f"grid_{number}_increment_denominator": grid.increment.denominator,
        }
        for distance in trades.fixed:
            values[f"grid_{number}_distance_{distance.number}"] = grid.distance(distance.barrier)
    values["bars_before"] = config.bars_before
    if config.uniqueness:
        values["longest_timeout"] = math.ceil(
            (config.longest_seconds or 0) * bars.clocks_per_second
        )
        values["longest_timeout_bars"] = config.longest_bars or 0
    if config.max_entry_gap_seconds is not None:
        values["entry_gap"] = int(config.max_entry_gap_seconds * bars.clocks_per_second)
    if config.events is not None and config.events.every_seconds is not None:
        values["stretch"] = int(config.events.every_seconds * bars.clocks_per_second)
    for horizon in trades.horizons:
        # A bar in the last fraction of a clock unit still lies inside the horizon.
        scale = 1 if horizon.in_bars else bars.clocks_per_second
        values[horizon.parameter] = math.ceil(horizon.value * scale)
    for distance in trades.distances:
        if not distance.is_fixed:
            prefix, bars_in = f"distance_{distance.number}", 1
            if distance.volatility is not None:
                _, volatility = trades.volatilities[distance.volatility - 1]
                bars_in = volatility.bars if volatility.kind == "atr" else 1
            values[f"{prefix}_factor"] = float(distance.barrier.number or 0)
            values[f"{prefix}_numerator"] = distance.numerator
            values[f"{prefix}_denominator"] = distance.denominator * bars_in
    for mode in trades.modes:
        values[f"mode_{mode.number}_name"] = mode.name
        for what, distance_ in (("stop", mode.stop), ("target", mode.target)):
            if distance_ is not None and distance_.is_ticks:
                values[f"mode_{mode.number}_{what}"] = float(distance_.barrier.number or 0)
    return values | config.weights.model_dump(exclude={"factors"})
