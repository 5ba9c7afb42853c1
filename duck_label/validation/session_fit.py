"""Whether sessions, of hours or a file, fit the bars: those without bars, and bars without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from duck_label.bars.density import counted
from duck_label.bars.hours import left_out_days
from duck_label.bars.plan import pieces
from duck_label.bars.sessions import keep_sessions
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.moments import EPOCH
from duck_label.queries import render
from duck_label.query_values import parameters
from duck_label.validation.survey import PAUSE_SECONDS


def session_oddities(database: Database, source: Source, config: LabelingConfig) -> Iterator[str]:
    """Where the sessions of the configuration and the bars do not fit, a line each.

    After `survey`, which makes the table that they are counted in.

    Raises:
        InputError: for sessions that a run refuses.
    """
    if config.session is None:
        return
    context = source.context(config)
    values = parameters(config, source.bars)
    database.run(render("input/grids", context), values | {"files": source.paths})
    keep_sessions(database, source, config, context)
    text = render("validate/session_bars", context)
    for chunk in pieces(source.row_groups):
        values = {
            "files": source.paths_between(chunk.start, chunk.end),
            "chunk_from": source.moment(chunk.start),
            "chunk_until": source.moment(chunk.end),
        }
        database.run(text, values)
        database.release()
    clocks = source.bars.clocks_per_second
    bars, outside, sessions, empty, early, first_empty, first_early = database.row(
        render("validate/session_fit", context), {"pause": PAUSE_SECONDS * clocks}
    )
    if outside:
        yield f"{outside:,} of {bars:,} bars ({outside / bars:.1%}) lie in no session"
    if empty:
        yield (
            f"{empty:,} of {sessions:,} sessions have no bar: {_shown(first_empty, empty, clocks)}"
        )
    if early:
        yield (
            f"in {early:,} of {sessions:,} sessions the last bar lies more than half an hour "
            f"before the close: {_shown(first_early, early, clocks)}"
        )
    if config.session.hours is not None:
        groups = source.row_groups
        ends = min(group.first for group in groups), max(group.last for group in groups) + 1
        density = counted(database, source, config, [ends])
        yield from left_out_days(config.session, density.hours)


def _shown(sessions: Sequence[Mapping[str, Any]], count: int, clocks: int) -> str:
    """The first of some sessions: whose, when they open and close, and their last bar."""
    shown = []
    for session in sessions:
        opens, closes = (_time(session[name], clocks) for name in ("opens", "closes"))
        name = f"{session['symbol']} " if session["symbol"] else ""
        text = f"{name}{opens:%Y-%m-%d %H:%M} to {closes:%Y-%m-%d %H:%M}"
        if session["last"] is not None:
            text += f" (last bar {_time(session['last'], clocks):%H:%M:%S})"
        shown.append(text)
    more = f" and {count - len(shown):,} more" if count > len(shown) else ""
    return f"{', '.join(shown)}{more} (UTC)"


def _time(clock: int, clocks_per_second: int) -> datetime:
    return EPOCH + timedelta(microseconds=clock // (clocks_per_second // 1_000_000))
