"""The sessions that trades lie in, as a table of the database that all chunks share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import duckdb

from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.database_errors import explain
from duck_label.errors import InputError
from duck_label.moments import EPOCH, MICROSECOND
from duck_label.queries import render
from duck_label.storage.names import exactly, settled


def keep_sessions(
    database: Database, source: Source, config: LabelingConfig, context: Mapping[str, Any]
) -> None:
    """Have the table `session_times`: patterns of symbols, opens and closes in clocks of the bars.

    Raises:
        InputError: for bars of whole days, and a file that cannot be read, or has sessions that
            end before they begin or overlap.
    """
    if config.session is None:
        return
    if source.files and dict(source.columns)[source.bars.timestamp] == "DATE":
        raise InputError(
            f"{source.files[0].path}: column {source.bars.timestamp!r} is DATE: bars of whole days "
            "have no hours; leave [session] out"
        )
    values = session_parameters(source, config)
    try:
        database.run(render(session_step(config), context), values)
        if config.session.file is not None:
            _refuse_odd(database, config.session.file, context)
    except duckdb.Error as error:
        raise explain(error, "reading the sessions", database) from error
    database.keep("session_times")


def session_step(config: LabelingConfig) -> str:
    """The query that makes the table `session_times`."""
    has_file = config.session is not None and config.session.file is not None
    return "input/session_file" if has_file else "input/session_hours"


def session_parameters(source: Source, config: LabelingConfig) -> dict[str, Any]:
    """The parameters of that query."""
    if config.session is None:
        return {}
    if config.session.file is not None:
        return {"sessions": exactly([settled(config.session.file)])}
    groups = source.row_groups
    first, last = min(group.first for group in groups), max(group.last for group in groups)
    found = config.session.between(*(EPOCH + timedelta(microseconds=t) for t in (first, last)))
    scale = source.bars.clocks_per_second // 1_000_000
    return {
        key: [(session[n] - EPOCH) // MICROSECOND * scale for session in found]
        for n, key in enumerate(("opens", "closes"))
    }


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
