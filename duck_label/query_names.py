"""What the templates of `sql/` may name: columns, and expressions of them; never a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from duck_label import outcomes
from duck_label.columns import MILLISECONDS, BarColumns, identifier
from duck_label.config import LabelingConfig
from duck_label.config_keys import PRICES
from duck_label.input_rows import (
    key_field,
    numbered,
    read_files,
    rows_of_files,
    source_rows,
    symbol_of,
)
from duck_label.trades import Trades

# What DuckDB is to say of a row that was taken to lie beside another one, and does not.
OUT_OF_PLACE = "rows lie in no order"
# Bars that share a question where they enter at one price.
BLOCK_BARS = 64
# A high that one as high follows within so many bars moves no stop that trails any further.
_TRAIL_BARS = 16
# Its powers of two: what lies within twice as many bars is told by what lies within so many.
_TRAIL_STEPS = tuple(2**power for power in range(_TRAIL_BARS.bit_length()))
# Where fewer than one bar in so many is asked, their paths are looked at one by one.
_FEW = 4
# How far a price may lie from its level, in increments; or, relative to the level, how far one step
# of a DOUBLE and the two roundings of the division may take it.
_NEAR, _PRECISION = "1e-6", "4.5e-16"
# Up to here no FLOAT is the nearest one to two levels.
LEVELS_OF_FLOAT = 2**23


def context(
    config: LabelingConfig,
    bars: BarColumns,
    input_columns: Sequence[str],
    *,
    has_quarantine: bool,
    is_admitted: bool = False,
) -> dict[str, Any]:
    """All names of a configuration and an input.

    Where the input `is_admitted`, equal rows count once if they may; else all rows are there.
    """
    source = source_rows(
        config, bars, input_columns, has_quarantine=has_quarantine, is_admitted=is_admitted
    )
    return {
        "source": source,
        # Rows that are filtered come as the files have them, those of a join or of groups may not.
        "keeps_order": not (has_quarantine or bars.keys or config.on_duplicates == "first"),
        **_of_rows(bars, input_columns),
        **_of_prices(config, bars),
        **_of_times(bars),
        **_of_trades(config),
        **_of_asking(config, bars),
        **_of_outputs(config),
    }


def _of_rows(bars: BarColumns, input_columns: Sequence[str]) -> dict[str, Any]:
    """The columns of the input, and where its rows come from."""
    return {
        "files_with_names": rows_of_files(bars, with_names=True),
        "files": read_files(bars, with_names=True),
        "is_gathered": bars.is_gathered,
        "file_columns": len(input_columns) - len(bars.keys),
        "input_columns": [identifier(name) for name in input_columns],
        "passed_on": [_passed_on(name, bars) for name in input_columns],
        "keys": [(identifier(name), key_field(number)) for number, name in numbered(bars.keys)],
        "has_symbol": bars.symbol is not None,
        "symbol_of": lambda table: symbol_of(bars, table),
        # Whether it is known that all bars are of one symbol; whether they are numbered as they
        # come, which may be in no order; and whether rows are taken to lie in the order of bars.
        "has_one_symbol": False,
        "as_they_come": False,
        "by_place": False,
        # The only series, and what is said where a row does not lie there.
        "the_series": "the_series()",
        "out_of_place": OUT_OF_PLACE,
    }


def _of_prices(config: LabelingConfig, bars: BarColumns) -> dict[str, Any]:
    """Prices as the files have them, in points and on the grid, and what makes one bad."""
    types = dict(zip(PRICES, bars.price_types, strict=True))
    scale = ""
    if config.price_scale is not None:
        numerator, denominator = config.price_scale.as_integer_ratio()
        scale = f" * {numerator} / {denominator}"

    def column(price: str, table: str) -> str:
        return f"{table}.{identifier(getattr(bars, price))}"

    return {
        "prices": PRICES,
        "columns": {price: identifier(getattr(bars, price)) for price in PRICES},
        "level_of": lambda price, table, grid: (
            f"{column(price, table)}::double * {grid}.denominator / {grid}.numerator"
        ),
        # As the files have it, but for whole numbers of a scale.
        "points_of": lambda price, table: f"{column(price, table)}::double{scale}",
        # Of a FLOAT the shortest decimal that means it, which is the price that was written.
        "decimal_of": lambda price, table: (
            f"{column(price, table)}{'::varchar' if types[price] == 'FLOAT' else ''}::double{scale}"
        ),
        "levels_of_float": LEVELS_OF_FLOAT,
        "is_off_grid": lambda price: is_off_grid(price, f"{price}_multiple", types[price]),
        "volume": identifier(bars.volume) if bars.volume else None,
        "grids": config.grids(),
        "keeps_first": config.on_duplicates == "first",
        "rounds_prices": config.on_off_grid == "round",
        "allow_nonpositive_prices": config.allow_nonpositive_prices,
    }


def _of_times(bars: BarColumns) -> dict[str, Any]:
    """Times as the files have them, and as whole clock units."""

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
        # DuckDB divides towards zero, which before 1970 is later already.
        later = f"(epoch_ns({time}) + if(epoch_ns({time}) > 0, 999, 0)) // 1000"
        return clock(time) if bars.in_nanoseconds else later

    def moment(parameter: str) -> str:
        # The only timestamps that DuckDB does not compare with another precision.
        needs_cast = bars.time_type == "TIMESTAMPTZ_NS"
        return f"${parameter}::timestamptz_ns" if needs_cast else f"${parameter}"

    return {
        "timestamp": identifier(bars.timestamp),
        "time": bars.time,
        "within": bars.within,
        "doubt": bars.doubt("source"),
        "clock": clock,
        "clock_after": clock_after,
        "utc": utc,
        "moment": moment,
        "time_of": lambda clock: f"{utc(clock)}::{bars.touch_type.lower()}",
        "month_of": month_of,
    }


def _of_trades(config: LabelingConfig) -> dict[str, Any]:
    """Modes and their barriers, and how a path is searched."""
    trades = Trades(config)
    return {
        "modes": config.modes,
        "trades": trades,
        "block": lambda bar: f"{bar} // {BLOCK_BARS}",
        "block_bars": BLOCK_BARS,
        "few": _FEW,
        "longest_horizon": lambda table="": _longest_horizon(trades, table),
        "trail_bars": _TRAIL_BARS,
        "trail_steps": _TRAIL_STEPS,
        "enters_at_close": config.entry == "close",
        "tie": config.tie,
        "breaks_ties_by_open": config.tie == "open" and trades.may_tie,
        "has_exits": config.has_exits,
        "weighs_overlap": config.uniqueness,
        # Whether what overlaps is summed in BIGINT, which may be too narrow; that is an error then.
        "sums_are_narrow": False,
    }


def _of_asking(config: LabelingConfig, bars: BarColumns) -> dict[str, Any]:
    """Which bars are asked, by events and sessions, and which may enter too late."""
    session = config.session
    # Whether bars of the chunk and those that are asked are two things.
    has_asked = config.asks_some or config.uniqueness
    called = ["is_asked" if has_asked else "is_wanted"]
    if config.may_enter_late:
        called.append("not is_late")
    return {
        "sign_of": _sign_of,
        "side": None if bars.side is None else identifier(bars.side),
        "events": bars.events,
        "has_pattern": bars.have_sessions_symbols,
        "event_clock": bars.events and bars.events.clock(in_nanoseconds=bars.in_nanoseconds),
        "event_side": _sign_of("events.side"),
        "asking": config.events,
        "has_session": session is not None,
        "has_session_file": session is not None and session.file is not None,
        "asks_inside": session is not None and session.ask == "inside",
        "is_flat": session is not None and session.flat,
        "has_entry_gap": config.max_entry_gap_seconds is not None,
        "asks_some": config.asks_some,
        "has_asked": has_asked,
        "may_enter_late": config.may_enter_late,
        # The bars of the chunk that may have a trade.
        "calls": " and ".join(called),
    }


def _of_outputs(config: LabelingConfig) -> dict[str, Any]:
    """Outcomes, labels and weights, and the columns that are written."""
    return {
        "output_columns": config.output_columns(),
        "output_kinds": config.output_kinds(),
        "details": config.details,
        "leaves_out": config.rows == "asked" and config.asks_some,
        # Whether a part has bars without labels too.
        "is_outer": config.rows == "all" and config.asks_some,
        "outcomes": outcomes.NAMES,
        "label": config.label,
        "unresolved": list(outcomes.UNRESOLVED),
        "unresolved_is_null": config.unresolved == "null",
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
