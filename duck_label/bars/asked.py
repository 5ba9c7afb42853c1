"""Files that say which bars are asked: what events and sessions hold, and what cannot be meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import duckdb

from duck_label.columns import WHOLE, EventColumns
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.database_errors import reason_of
from duck_label.errors import InputError
from duck_label.queries import render
from duck_label.storage.names import exactly, settled

_TIME = re.compile(r"TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?|TIMESTAMPTZ_NS|DATE")
_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*")


def open_events(database: Database, config: LabelingConfig) -> EventColumns | None:
    """What the file of events has; None where the configuration names none.

    Raises:
        InputError: if it cannot be read, lacks its times, or has columns of a wrong type.
    """
    if config.events is None or config.events.file is None:
        return None
    path = settled(config.events.file)
    columns = described(database, path, "events.file")
    kind = columns.get("timestamp")
    if kind is None:
        raise InputError(
            f"{path}: events have a column 'timestamp', and maybe 'symbol' and 'side'; this file "
            f"has {', '.join(map(repr, columns))}"
        )
    unit = config.timestamp_unit if WHOLE.fullmatch(kind) else None
    if WHOLE.fullmatch(kind) and unit is None:
        raise InputError(
            f"{path}: column 'timestamp' is {kind}: whole numbers since 1970 are times with a "
            "unit, that of the bars (timestamp_unit); write timestamps where bars have none"
        )
    if unit is None and not _TIME.fullmatch(kind):
        raise InputError(f"{path}: column 'timestamp' is {kind}, not a time (in UTC)")
    side = columns.get("side")
    is_number = side is not None and _NUMBER.fullmatch(side) is not None
    if config.has_sides and side is not None and not is_number:
        raise InputError(
            f"{path}: column 'side' is {side}, but the side must be a number: above zero is long, "
            "below it short"
        )
    return EventColumns(kind, unit, "symbol" in columns, is_number)


def open_sessions(database: Database, config: LabelingConfig) -> bool:
    """Whether the file of sessions, where the configuration names one, tells their symbols.

    Raises:
        InputError: if it cannot be read, or lacks opens and closes.
    """
    if config.session is None or config.session.file is None:
        return False
    path = settled(config.session.file)
    columns = described(database, path, "session.file")
    for name in ("open", "close"):
        if name not in columns:
            raise InputError(
                f"{path}: sessions have columns 'open' and 'close', and maybe 'symbol'; this file "
                f"has {', '.join(map(repr, columns))}"
            )
        if columns[name] == "DATE" or not _TIME.fullmatch(columns[name]):
            raise InputError(f"{path}: column {name!r} is {columns[name]}, not a time (in UTC)")
    return "symbol" in columns


def events_parameters(config: LabelingConfig) -> dict[str, Any]:
    """The parameter of queries over the file of events, where one is named."""
    if config.events is None or config.events.file is None:
        return {}
    return {"events": exactly([settled(config.events.file)])}


def share_asked(
    database: Database, config: LabelingConfig, first: int, end: int, bars: int
) -> float:
    """The part of so many bars from `first` until before `end` (in microseconds) that is asked.

    About, and rather too much, unless one event asks bars of several symbols; 1 where only the bars
    could tell. Of a file of events the footer is read alone.
    """
    if config.events is None or bars == 0:
        return 1.0
    if config.events.every_seconds is not None:
        return min(1.0, (end - first) / 1e6 / float(config.events.every_seconds) / bars)
    if config.events.file is None:
        return 1.0
    (events,) = database.row(
        "select sum(num_rows) from parquet_file_metadata($events)", events_parameters(config)
    )
    return min(1.0, float(events) / bars)


def described(database: Database, path: str, key: str) -> dict[str, str]:
    """The columns of a file that a key of the configuration names, with their types.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        rows = database.rows("describe from read_parquet($files)", {"files": exactly([path])})
    except duckdb.Error as error:
        reason = reason_of(error)
        if "No such file" in reason:
            raise InputError(f"{path} ({key}): there is no such file") from error
        if "No magic bytes" in reason:
            raise InputError(
                f"{path} ({key}): is no Parquet file: DuckDB makes one of CSV, "
                "copy (from 'x.csv') to 'x.parquet'"
            ) from error
        raise InputError(f"{path} ({key}): cannot be read: {reason}") from error
    return {name: kind for name, kind, *_ in rows}


def refuse_events(database: Database, config: LabelingConfig, context: Mapping[str, Any]) -> None:
    """Make sure that the events of a file say what is asked: reads all of it.

    Raises:
        InputError: for an event without a time or symbol, for one bar with sides that differ, and
            for symbols where the bars have none.
    """
    events = context["events"]
    if events is None or config.events is None:
        return
    path = config.events.file
    if events.has_symbol and not context["has_symbol"]:
        raise InputError(
            f"{path}: events have a column 'symbol', and the bars have none: leave it out where "
            "the bars are all of one symbol"
        )
    without, time, symbol, sides = database.row(
        render("input/odd_events", context), events_parameters(config)
    )
    if without:
        what = "time or symbol" if events.has_symbol else "time"
        raise InputError(f"{path}: {without:,} events have no {what}: leave them out")
    if time is not None:
        whose = f" of {symbol}" if symbol else ""
        raise InputError(
            f"{path}: the events{whose} at {time} have different sides ({sides}): which one is "
            "meant? Leave all but one of a time out"
        )
