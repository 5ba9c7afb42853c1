"""The sessions of an exchange's calendar in a file, with its holidays, early closes and breaks.

The calendars are those of pandas_market_calendars. Which one is right for an instrument is known
only by looking; docs/notes/calendars.md says what was seen.
"""

from __future__ import annotations

import difflib
import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from duck_label.errors import ConfigError
from duck_label.whole import whole

# The key of a file's metadata under which it says what it was made from.
METADATA = b"duck_label_sessions"
_LIBRARY = "pandas_market_calendars"
_SHOWN = 5


@dataclass(frozen=True)
class Session:
    """A stretch of trading, half open: a bar at its close is not in it."""

    open: datetime
    close: datetime


@dataclass(frozen=True)
class SessionsFile:
    """The sessions that were written, of which there is at least one."""

    sessions: int
    first: Session
    last: Session


def write_sessions(
    path: Path, calendar: str, start: date, end: date, *, overwrite: bool = False
) -> SessionsFile:
    """Write the sessions of a calendar from `start` until before `end` into a Parquet file.

    Columns `open` and `close`, in UTC. A session has the date that its calendar gives it: one that
    opens in the evening has the next. What a break divides are two sessions.

    Raises:
        ConfigError: for an unknown calendar, dates between which it has no session, a file that is
            there already unless `overwrite`, or if the library of calendars is not installed.
        OutputError: if the file cannot be written.
    """
    if path.exists() and not overwrite:
        raise ConfigError(f"{path}: exists already: pass --overwrite to replace it")
    if start >= end:
        raise ConfigError(
            f"--start {start} --end {end}: no day lies between them; sessions of --end itself are "
            "not written"
        )
    sessions = sessions_of(calendar, start, end)
    if not sessions:
        raise ConfigError(f"--calendar {calendar!r}: has no session from {start} until {end}")
    import pyarrow as pa
    from pyarrow.parquet import write_table

    made_from = {
        "calendar": calendar,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "library": _LIBRARY,
        "library_version": version(_LIBRARY),
    }
    time = pa.timestamp("us", tz="UTC")
    schema = pa.schema(
        [("open", time), ("close", time)], metadata={METADATA: json.dumps(made_from).encode()}
    )
    with whole(path) as file:
        write_table(pa.Table.from_pylist(list(map(vars, sessions)), schema), file)
    return SessionsFile(len(sessions), sessions[0], sessions[-1])


def sessions_of(name: str, start: date, end: date) -> list[Session]:
    """The sessions of a calendar from `start` until before `end`, in order.

    Raises:
        ConfigError: as `write_sessions`.
    """
    try:
        import pandas_market_calendars as calendars
    except ImportError:
        raise ConfigError(
            "sessions come from calendars of pandas_market_calendars: "
            "pip install 'duck-label[calendars]'"
        ) from None
    known = calendars.get_calendar_names()
    if name not in known:
        raise ConfigError(f"--calendar {name!r}: there is no such calendar: {_near(name, known)}")
    with warnings.catch_warnings():
        # What it says of itself: that it calls names of pandas which are to go, and that breaks
        # were given up at some date, which is looked up below.
        warnings.simplefilter("ignore")
        try:
            calendar = calendars.get_calendar(name)
            days = calendar.schedule(start, end - timedelta(days=1))
        except Exception as error:
            # Some of its calendars fail within the library, each in its own way.
            raise ConfigError(
                f"--calendar {name!r}: {_LIBRARY} {version(_LIBRARY)} fails to make its sessions: "
                f"{type(error).__name__}: {error}"
            ) from error
    given_up = calendar.discontinued_market_times.get("break_start")
    return [
        session
        for day, times in zip(days.index, days.to_dict("records"), strict=True)
        for session in split(
            _moment(times["market_open"]),
            _moment(times["market_close"]),
            None if given_up is not None and day >= given_up else _pause(times),
        )
    ]


def split(
    opened: datetime, closed: datetime, pause: tuple[datetime, datetime] | None
) -> Iterator[Session]:
    """The sessions of a day. A pause of no length, or one after an early close, divides nothing."""
    if pause is None or pause[0] >= pause[1]:
        pause = closed, closed
    for start, end in ((opened, min(pause[0], closed)), (max(pause[1], opened), closed)):
        if start < end:
            yield Session(start, end)


def _pause(times: dict[str, Any]) -> tuple[datetime, datetime] | None:
    # A day without a break has no time there; only such a value differs from itself.
    bounds = [time for key in ("break_start", "break_end") if (time := times.get(key)) == time]
    if None in bounds or len(bounds) < 2:
        return None
    start, end = map(_moment, bounds)
    return start, end


def _moment(time: Any) -> datetime:
    moment: datetime = time.to_pydatetime()
    return moment.astimezone(UTC)


def _near(name: str, known: Sequence[str]) -> str:
    """Names that are nearest to one that is unknown, or all."""
    by_case = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), by_case, n=_SHOWN, cutoff=0.6)
    near += [one for one in by_case if name.casefold() in one and one not in near]
    if not near:
        return f"there are {', '.join(sorted(known))}"
    return f"near ones are {', '.join(by_case[one] for one in near[:_SHOWN])}"
