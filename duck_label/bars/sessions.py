"""The sessions that trades lie in, as a table of the database that all chunks share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from duck_label.asking import Sessions
from duck_label.bars.events import described
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.database_errors import explain
from duck_label.errors import InputError
from duck_label.queries import render
from duck_label.storage.names import exactly, settled

_TIME = re.compile(r"TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?|TIMESTAMPTZ_NS")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def keep_sessions(
    database: Database, source: Source, config: LabelingConfig, context: Mapping[str, Any]
) -> None:
    """Have the table `session_times`: patterns of symbols, opens and closes in clocks of the bars.

    Raises:
        InputError: for bars of whole days, and a file that cannot be read, has other columns, or
            sessions that end before they begin or overlap.
    """
    if config.session is None:
        return
    if source.files and dict(source.columns)[source.bars.timestamp] == "DATE":
        raise InputError(
            f"{source.files[0].path}: column {source.bars.timestamp!r} is DATE: bars of whole days "
            "have no hours; leave [session] out"
        )
    if config.session.file is None:
        _keep_hours(database, source, config.session)
    else:
        _keep_file(database, settled(config.session.file), context)
    database.keep("session_times")


def _keep_hours(database: Database, source: Source, hours: Sessions) -> None:
    groups = source.row_groups
    first, last = min(group.first for group in groups), max(group.last for group in groups)
    sessions = hours.between(*(_EPOCH + timedelta(microseconds=t) for t in (first, last)))
    per_second = source.bars.clocks_per_second
    clocks = [
        [(time - _EPOCH) // timedelta(microseconds=1) * (per_second // 1_000_000) for time in times]
        for times in zip(*sessions, strict=True)
    ] or [[], []]
    database.run(render("input/session_hours", {}), {"opens": clocks[0], "closes": clocks[1]})


def _keep_file(database: Database, path: str, context: Mapping[str, Any]) -> None:
    columns = described(database, path, "session.file")
    for name in ("open", "close"):
        if name not in columns:
            raise InputError(
                f"{path}: sessions have columns 'open' and 'close', and maybe 'symbol'; this file "
                f"has {', '.join(map(repr, columns))}"
            )
        if not _TIME.fullmatch(columns[name]):
            raise InputError(f"{path}: column {name!r} is {columns[name]}, not a time (in UTC)")
    names = {**context, "has_pattern": "symbol" in columns}
    try:
        database.run(render("input/session_file", names), {"sessions": exactly([path])})
        _refuse_odd(database, path, names)
    except duckdb.Error as error:
        raise explain(error, f"reading the sessions of {path}", database) from error


def _refuse_odd(database: Database, path: str, context: Mapping[str, Any]) -> None:
    """Refuse sessions that end before they begin, and those of a symbol that overlap."""
    odd = database.rows(
        "select count(*) over (), opens, closes from session_times "
        "where opens is null or closes is null or pattern is null or closes <= opens limit 1"
    )
    for count, *_ in odd:
        raise InputError(
            f"{path}: {count:,} sessions have no open, close or symbol, or close before they open"
        )
    for symbol, first, second in database.rows(render("input/session_overlaps", context)):
        whose = f" of {symbol}" if symbol else ""
        raise InputError(
            f"{path}: the session{whose} that opens at {second} begins before the one that opens "
            f"at {first} is over: sessions of a symbol must not overlap"
        )
