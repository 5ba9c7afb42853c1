"""Which columns of the input are a bar's: those that it must have, under whatever name, and may."""

from __future__ import annotations

import re
from collections.abc import Mapping

from duck_label.columns import MILLISECONDS, WHOLE, BarColumns, EventColumns, WrittenTime
from duck_label.config import LabelingConfig
from duck_label.config_keys import BAR_COLUMNS, PRICES
from duck_label.errors import InputError
from duck_label.fields import nearest

# Nautilus Trader keeps fixed-point numbers of 16 (or 8) bytes, and says in the metadata of which.
_NAUTILUS = (
    ": are these the fixed-point bytes of a catalog of Nautilus Trader? Its own "
    "ParquetDataCatalog(FOLDER).bars() reads them; write their prices as numbers, float(bar.open)"
)
# Whole names: a list of numbers is called DOUBLE[], and is none.
_NUMBER = re.compile(r"U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)")
_TIME = re.compile(r"DATE|TIMESTAMP(?:_S|_MS|_NS|TZ_NS| WITH TIME ZONE)?")


def written_time(name: str, kind: str, config: LabelingConfig, path: str) -> WrittenTime | None:
    """How a column of a type writes times; None where they are timestamps that need no reading.

    Raises:
        InputError: for a type that holds no times as the configuration has it; `path` is named.
    """
    unit, form, zone = config.timestamp_unit, config.timestamp_format, config.timestamp_zone
    column = f"{path}: column {name!r} is {kind}: "
    if WHOLE.fullmatch(kind) and unit is not None:
        return WrittenTime(kind, unit=unit)
    if unit is not None:
        raise InputError(f"{column}timestamp_unit is for whole numbers; leave it out")
    if kind == "VARCHAR" and form is not None:
        return WrittenTime(kind, format=form, zone=zone)
    if form is not None:
        raise InputError(f"{column}timestamp_format is for text; leave it out")
    if WHOLE.fullmatch(kind):
        raise InputError(f"{column}whole numbers are times with a timestamp_unit")
    if kind == "VARCHAR":
        raise InputError(
            f"{column}text is a time with a timestamp_format, such as "
            "--timestamp-format '%Y-%m-%d %H:%M:%S', and a timestamp_zone where it is local"
        )
    if not _TIME.fullmatch(kind):
        raise InputError(f"{column}not a TIMESTAMP or DATE: convert it to UTC timestamps")
    if zone is None:
        return None
    if kind == "DATE":
        raise InputError(f"{column}dates have no clock; leave timestamp_zone out")
    if kind in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"):
        raise InputError(f"{column}it says its time zone itself; leave timestamp_zone out")
    return WrittenTime(kind, zone=zone)


def _time_type(kind: str, written: WrittenTime | None) -> str:
    if written is None:
        return kind
    return "TIMESTAMP_NS" if written.in_nanoseconds else "TIMESTAMP"


def suits(ours: str, kind: str) -> bool:
    """Whether a column of a type may be one of a bar's; a symbol may be of any."""
    if ours == "timestamp":
        return _TIME.fullmatch(kind) is not None
    return ours == "symbol" or _NUMBER.fullmatch(kind) is not None


def refuse_missing(
    columns: tuple[tuple[str, str], ...],
    config: LabelingConfig,
    path: str,
    events: EventColumns | None = None,
) -> None:
    """Make sure that there is a column for everything a bar must have.

    The side of a trade may be one of the `events` that ask for it.

    Raises:
        InputError: naming all that are missing; `path` is the file that it names.
    """
    kinds = dict(columns)
    missing = []
    has_sides = events is not None and events.has_side
    for ours in (*BAR_COLUMNS, *(["side"] if config.has_sides else [])):
        theirs = config.column(ours)
        optional = ours in ("volume", "symbol") or (ours == "side" and has_sides)
        if theirs not in kinds and not (optional and ours not in config.columns):
            hint = nearest(theirs, list(kinds))
            stop = "" if hint.endswith("?") else "."
            # Where a file asks for bars, most people have their sides there.
            also = ", or give the file of events a column 'side'" * (
                ours == "side" and events is not None
            )
            missing.append(
                f"{path}: no column {theirs!r} for the {ours}: {hint}{stop} "
                f"Pass --column {ours}=NAME or set it under [columns]{also}"
            )
    if len(missing) > 1:
        missing.append("`duck-label validate INPUT --write-config` guesses the names of all")
    if missing:
        raise InputError("\n".join(missing))


def _check_trades(kinds: Mapping[str, str], config: LabelingConfig, path: str) -> None:
    """Make sure that the columns which modes are read from are there, and are numbers.

    Raises:
        InputError: naming the mode and the column.
    """
    for name in config.volatilities:
        if name in kinds:
            raise InputError(
                f"{path}: has a column {name!r}, and there is a volatility of that name: rename "
                "the volatility"
            )
    for name, (mode, key, written) in config.columns_of_barriers.items():
        said = f"{path}: {key} of mode {mode!r} is {written!r}: "
        if name not in kinds:
            hint = nearest(name, [*config.volatility, *kinds])
            raise InputError(f"{said}there is neither a volatility nor a column {name!r}: {hint}")
        if not _NUMBER.fullmatch(kinds[name]):
            raise InputError(f"{said}column {name!r} is {kinds[name]}, not a number")
    asks = config.events.column if config.events is not None else None
    if asks is not None and asks not in kinds:
        hint = nearest(asks, list(kinds))
        raise InputError(f"{path}: no column {asks!r} to ask for bars (events.column): {hint}")
    if asks is not None and kinds[asks] != "BOOLEAN" and not _NUMBER.fullmatch(kinds[asks]):
        raise InputError(
            f"{path}: column {asks!r} is {kinds[asks]}, but what asks for bars (events.column) "
            "must be true or false, or a number"
        )
    side = config.column("side")
    if config.has_sides and side in kinds and not _NUMBER.fullmatch(kinds[side]):
        raise InputError(
            f"{path}: column {side!r} is {kinds[side]}, but the side must be a number: above zero "
            "is long, below it short"
        )


def _refuse_prices(
    kinds: Mapping[str, str], present: Mapping[str, str], config: LabelingConfig, path: str
) -> None:
    """Make sure that prices and volume are numbers, and whole ones where they have a scale.

    Raises:
        InputError: naming the column.
    """
    for ours, theirs in present.items():
        is_number = ours in (*PRICES, "volume")
        if is_number and not _NUMBER.fullmatch(kinds[theirs]):
            way = _NAUTILUS if ours in PRICES and kinds[theirs] == "BLOB" else ""
            raise InputError(
                f"{path}: column {theirs!r} is {kinds[theirs]}, but the {ours} must be a number"
                f"{way}"
            )
        if ours in PRICES and config.price_scale is not None and not WHOLE.fullmatch(kinds[theirs]):
            raise InputError(
                f"{path}: column {theirs!r} is {kinds[theirs]}: price_scale is for prices in whole "
                "numbers; leave it out, or cast them"
            )


def bar_columns(
    columns: tuple[tuple[str, str], ...],
    config: LabelingConfig,
    path: str,
    keys: tuple[str, ...] = (),
    events: EventColumns | None = None,
) -> BarColumns:
    """Which columns are those of a bar; `path` is the file that an error names.

    Of the columns, `keys` stand in the paths of the files; `events` are those of a file that asks
    for bars.

    Raises:
        InputError: for a column that is missing or has a wrong type.
    """
    refuse_missing(columns, config, path, events)
    kinds = dict(columns)
    _check_trades(kinds, config, path)
    timestamp = config.column("timestamp")
    written = written_time(timestamp, kinds[timestamp], config, path)
    present = {ours: config.column(ours) for ours in BAR_COLUMNS if config.column(ours) in kinds}
    _refuse_prices(kinds, present, config, path)
    return BarColumns(
        timestamp=timestamp,
        open=present["open"],
        high=present["high"],
        low=present["low"],
        close=present["close"],
        volume=present.get("volume"),
        symbol=present.get("symbol"),
        time_type=_time_type(kinds[timestamp], written),
        price_types=tuple(kinds[present[price]] for price in PRICES),
        keys=keys,
        written=written,
        milliseconds=tuple(name for name, kind in columns if kind == MILLISECONDS),
        side=config.column("side") if config.column("side") in kinds else None,
        events=events,
    )
