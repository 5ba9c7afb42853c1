"""The columns of the input: what files say they have, whether they agree, which are a bar's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from duck_label.bars.formats import refuse_others
from duck_label.bars.widening import (
    Values,
    difference,
    survives,
    values_of,
    wide_types,
    without_rows,
)
from duck_label.columns import (
    MILLISECONDS,
    RESERVED,
    WHOLE,
    BarColumns,
    EventColumns,
    WrittenTime,
)
from duck_label.config import BAR_COLUMNS, PRICES, LabelingConfig
from duck_label.database import Database
from duck_label.database_errors import reason_of
from duck_label.errors import InputError
from duck_label.fields import nearest
from duck_label.storage.names import exactly
from duck_label.storage.places import open_file

# Nautilus Trader keeps fixed-point numbers of 16 (or 8) bytes, and says in the metadata of which.
_NAUTILUS = (
    ": are these the fixed-point bytes of a catalog of Nautilus Trader? Its own "
    "ParquetDataCatalog(FOLDER).bars() reads them; write their prices as numbers, float(bar.open)"
)
# Whole names: a list of numbers is called DOUBLE[], and is none.
_NUMBER = re.compile(r"U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)")
# A DECIMAL of more would be read as DOUBLE.
_MOST_DIGITS = 38
_TIME = re.compile(r"DATE|TIMESTAMP(?:_S|_MS|_NS|TZ_NS| WITH TIME ZONE)?")


@dataclass(frozen=True)
class Agreement:
    """The columns of all files, those of the first before the others', and their types.

    `complete` are files that together have every column in every type that some file gives it: a
    query over them, whatever else it reads, has the columns in these types. `empty` are files
    without rows whose types are not asked. `notes` tell of differences that lose nothing.
    """

    columns: tuple[tuple[str, str], ...]
    complete: tuple[str, ...]
    is_mixed: bool = False
    empty: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def common_columns(database: Database, paths: list[str]) -> Agreement:
    """The columns of all files.

    Raises:
        InputError: naming the first file that is no Parquet file, or does not agree with the rest.
    """
    return agreed(database, described(database, paths))


def agreed(database: Database, by_file: Mapping[str, list[tuple[str, str]]]) -> Agreement:
    """The columns of all files, of described files.

    Files may lack columns (their bars get nulls there), and give them types that differ, if there
    is one that holds all their values.

    Raises:
        InputError: naming the first file that does not agree with the rest.
    """
    by_file = _as_fine_as_the_finest(by_file)
    names: dict[str, str] = {}
    # By column, its types, and the first file of each.
    kinds: dict[str, dict[str, str]] = {}
    for distinct, path in firsts_of(by_file).items():
        for name, kind in distinct:
            known = names.setdefault(name.casefold(), name)
            if known != name:
                first = next(iter(kinds[known].values()))
                raise InputError(
                    f"{path}: column {name!r} is called {known!r} in {first}: "
                    "upper and lower case must agree"
                )
            kinds.setdefault(name, {}).setdefault(kind, path)
    complete = tuple(dict.fromkeys(path for firsts in kinds.values() for path in firsts.values()))
    columns = tuple((name, next(iter(firsts))) for name, firsts in kinds.items())
    at_odds = [name for name, firsts in kinds.items() if len(firsts) > 1]
    if not at_odds:
        return Agreement(columns, complete, notes=_lacking(by_file, kinds))
    if empty := without_rows(database, list(by_file)):
        with_rows = {path: own for path, own in by_file.items() if path not in empty}
        if not with_rows:
            raise InputError(f"{empty[0]}: there is not a single bar in the input")
        agreement = agreed(database, with_rows)
        which = "1 file without rows is" if len(empty) == 1 else f"{len(empty)} without rows are"
        note = f"{which} left out: {empty[0]}{', …' * (len(empty) > 1)}"
        return replace(agreement, empty=frozenset(empty), notes=(note, *agreement.notes))
    wide = wide_types(database, complete, at_odds)
    values = values_of(database, list(by_file), at_odds)
    for path, own in by_file.items():
        for name, kind in own:
            if name in wide and not survives(kind, wide[name], values.get((path, name), Values())):
                first, *others = kinds[name]
                other = others[0] if first == kind else first
                raise difference(path, name, kinds[name], kind, other, wide[name])
    told = (
        f"column {name!r} is {' and '.join(kinds[name])}: read as {wide[name]}, which holds all"
        for name in at_odds
    )
    return Agreement(
        tuple((name, wide.get(name, kind)) for name, kind in columns),
        complete,
        is_mixed=True,
        notes=(*told, *_lacking(by_file, kinds)),
    )


def firsts_of(
    by_file: Mapping[str, list[tuple[str, str]]],
) -> dict[tuple[tuple[str, str], ...], str]:
    """The different lists of columns, in order, each with the first file that has it.

    Of many files most have the columns of one before them.
    """
    firsts: dict[tuple[tuple[str, str], ...], str] = {}
    for path, own in by_file.items():
        firsts.setdefault(tuple(own), path)
    return firsts


def _as_fine_as_the_finest(
    by_file: Mapping[str, list[tuple[str, str]]],
) -> Mapping[str, list[tuple[str, str]]]:
    """Times are in milliseconds where all files have them so; all others hold these too."""
    columns = {column for own in firsts_of(by_file) for column in own}
    kinds = Counter(name for name, _ in columns)
    finer = {name for name, kind in columns if kind == MILLISECONDS and kinds[name] > 1}
    if not finer:
        return by_file
    return {
        path: [
            (name, "TIMESTAMP" if name in finer and kind == MILLISECONDS else kind)
            for name, kind in own
        ]
        for path, own in by_file.items()
    }


def _lacking(
    by_file: Mapping[str, list[tuple[str, str]]], kinds: Mapping[str, object]
) -> tuple[str, ...]:
    """A line for every column that some files lack."""
    if sum(map(len, by_file.values())) == len(by_file) * len(kinds):
        return ()
    counts = Counter(name for own in by_file.values() for name, _ in own)
    return tuple(
        f"column {name!r} is missing in {len(by_file) - count} of {len(by_file)} files: null there"
        for name, count in counts.items()
        if count < len(by_file)
    )


def described(database: Database, paths: list[str]) -> dict[str, list[tuple[str, str]]]:
    """The columns of every file with their types; files of one schema are described once.

    Times in milliseconds, which DuckDB reads as TIMESTAMP, are told as TIMESTAMP_MS, as it writes
    them.

    Raises:
        InputError: for a file that is no Parquet file, or has names that are ours or twice there.
    """
    schemas: dict[str, list[tuple[Any, ...]]] = {path: [] for path in paths}
    query = (
        "select file_name, name, coalesce(num_children, 0), duckdb_type, repetition_type, "
        "coalesce(contains(logical_type, 'MILLIS=MilliSeconds'), false), coalesce(precision, 0) "
        "from parquet_schema($files) order by file_name, column_id"
    )
    for path, *element in _read(database, query, paths):
        schemas[path].append(tuple(element))
    known: dict[tuple[tuple[Any, ...], ...], list[tuple[str, str]]] = {}
    columns = {}
    for path, schema in schemas.items():
        if tuple(schema) not in known:
            known[tuple(schema)] = _columns_of(database, path, schema)
        columns[path] = known[tuple(schema)]
    return columns


def _columns_of(
    database: Database, path: str, schema: list[tuple[Any, ...]]
) -> list[tuple[str, str]]:
    query = "describe from read_parquet($files, hive_partitioning = false)"
    described = _read(database, query, [path])
    # DuckDB renames one of two columns that differ only in case; the file's own names tell.
    columns = []
    for (name, kind, *_), (own, *_, in_ms, digits) in zip(
        described, _top_level(schema), strict=True
    ):
        if not own:
            raise InputError(
                f"{path}: has a column without a name, as an index that went through CSV: name it, "
                "or leave it out"
            )
        if name != own:
            raise InputError(
                f"{path}: has a second column {own!r} but for upper and lower case: rename it"
            )
        if name.startswith(RESERVED):
            raise InputError(f"{path}: column {name!r}: names with {RESERVED} are ours: rename it")
        if digits > _MOST_DIGITS:
            raise InputError(
                f"{path}: column {own!r} has decimals of {digits} digits, of which DuckDB holds "
                f"{_MOST_DIGITS}: cast it, or leave it out"
            )
        columns.append((name, MILLISECONDS if in_ms and kind == "TIMESTAMP" else kind))
    return columns


def _read(database: Database, query: str, paths: list[str]) -> list[tuple[Any, ...]]:
    """The rows of a query over files.

    Raises:
        InputError: naming the first file that makes it fail.
    """
    try:
        return database.rows(query, {"files": exactly(paths)})
    except duckdb.Error as error:
        if len(paths) > 1:
            for path in paths:
                _read(database, query, [path])
        with suppress(OSError), open_file(paths[0]) as file:
            refuse_others(paths[0], file)
        raise InputError(f"{paths[0]}: cannot be read as Parquet: {reason_of(error)}") from error


def _top_level(schema: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The columns in a schema listed depth first, root first, with child counts."""
    columns: list[tuple[Any, ...]] = []
    position = 1
    while position < len(schema):
        columns.append(schema[position])
        pending = 1
        while pending:
            pending += schema[position][1] - 1
            position += 1
    return columns


def written_time(name: str, kind: str, config: LabelingConfig, path: str) -> WrittenTime | None:
    """How a column of a type writes times; None where they are timestamps that need no reading.

    Raises:
        InputError: for a type that holds no times as the configuration has it; `path` is named.
    """
    unit, form, zone = config.timestamp_unit, config.timestamp_format, config.timestamp_zone
    told = f"{path}: column {name!r} is {kind}: "
    if WHOLE.fullmatch(kind) and unit is not None:
        return WrittenTime(kind, unit=unit)
    if unit is not None:
        raise InputError(f"{told}timestamp_unit is for whole numbers; leave it out")
    if kind == "VARCHAR" and form is not None:
        return WrittenTime(kind, format=form, zone=zone)
    if form is not None:
        raise InputError(f"{told}timestamp_format is for text; leave it out")
    if WHOLE.fullmatch(kind):
        raise InputError(f"{told}whole numbers are times with a timestamp_unit")
    if kind == "VARCHAR":
        raise InputError(
            f"{told}text is a time with a timestamp_format, such as "
            "--timestamp-format '%Y-%m-%d %H:%M:%S', and a timestamp_zone where it is local"
        )
    if not _TIME.fullmatch(kind):
        raise InputError(f"{told}not a TIMESTAMP or DATE: convert it to UTC timestamps")
    if zone is None:
        return None
    if kind == "DATE":
        raise InputError(f"{told}dates have no clock; leave timestamp_zone out")
    if kind in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"):
        raise InputError(f"{told}it says its time zone itself; leave timestamp_zone out")
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
        told = f"{path}: {key} of mode {mode!r} is {written!r}: "
        if name not in kinds:
            hint = nearest(name, [*config.volatility, *kinds])
            raise InputError(f"{told}there is neither a volatility nor a column {name!r}: {hint}")
        if not _NUMBER.fullmatch(kinds[name]):
            raise InputError(f"{told}column {name!r} is {kinds[name]}, not a number")
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
