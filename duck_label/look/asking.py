"""Whether a bar is asked, whether its entry bar counts, and by when its trades must end.

In plain Python, straight from docs/labels.md, for `walk`; it shares no step with the SQL that
labels. The files of events and sessions are those of the last run, found by its records.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from duck_label.bars.asked import open_events, open_sessions
from duck_label.bars.footers import fingerprint
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.errors import InputError
from duck_label.look.inspect import Output
from duck_label.look.lookup import BarLookup
from duck_label.look.path import Bar
from duck_label.look.walk import Asked
from duck_label.moments import EPOCH, MICROSECOND
from duck_label.queries import render
from duck_label.storage.names import exactly


@dataclass(frozen=True)
class _Session:
    """A session in clock units, half open."""

    opens: int
    closes: int


class Asking:
    """What asks for the bars of an output. `doubts` say what could not be looked at."""

    def __init__(self, output: Output, config: LabelingConfig, bars: BarLookup) -> None:
        self.doubts: list[str] = []
        self._output, self._bars = output, bars
        recorded = iter(output.checked.asking)
        tables: dict[str, Any] = {}
        for name in ("events", "session"):
            table = getattr(config, name)
            if table is not None and table.file is not None:
                file = self._file(
                    "events" if name == "events" else "sessions", next(recorded, None)
                )
                tables[name] = None if file is None else table.model_copy(update={"file": file})
        self._config = config.model_copy(update=tables)

    def _file(self, what: str, recorded: Sequence[str | int] | None) -> str | None:
        """The path of a file, if it is there."""
        if recorded is None:
            self.doubts.append(f"no record tells where the file of {what} was")
            return None
        path, size, version, *from_output = recorded
        written, places = [size, version], [str(path)]
        # A project that was moved as a whole has it where the output saw it.
        places += [Path(self._output.folder, str(n)).resolve().as_posix() for n in from_output]
        found = {}
        for place in places:
            with suppress(InputError):
                found[place] = [*fingerprint(place)]
        if not found:
            self.doubts.append(f"the file of {what} is gone: {path} was not looked at")
            return None
        place = next((one for one in found if found[one] == written), next(iter(found)))
        if found[place] != written:
            self.doubts.append(f"the file of {what} has changed since: {place}")
        return place

    def of(self, bars: Sequence[Bar], signal: int, symbol: str, row: Mapping[str, Any]) -> Asked:
        """What is asked of a bar, of those of its symbol around it; `row` are its columns."""
        bar = bars[signal]
        entry = bars[signal + 1] if signal + 1 < len(bars) else None
        before = bars[signal - 1] if signal else None
        with self._output.resources.database(self._output.folder) as database:
            events = self._events(database, bar, symbol)
            sessions = self._sessions(database, bars, symbol)
        refusal = self._no_event(row, bar, before, events)
        side = next((side for side in events or () if side is not None), None)
        rules = self._config.session
        own = _around(sessions, bar)
        if rules is None:
            return Asked(refusal, self._too_late(bar, entry), None, side)
        if refusal is None and rules.ask == "inside" and own is None:
            refusal = f"the bar is not asked: it lies in no session ({rules})"
        late = self._too_late(bar, entry)
        if not rules.flat or entry is None:
            return Asked(refusal, late, None, side)
        session = _around(sessions, entry)
        if session is None:
            late = late or "the entry bar lies in no session"
        elif own is not None and own != session:
            late = late or "the entry bar lies in another session than the signal bar"
        return Asked(refusal, late, None if session is None else session.closes, side)

    def _no_event(
        self,
        row: Mapping[str, Any],
        bar: Bar,
        before: Bar | None,
        events: Sequence[float | None] | None,
    ) -> str | None:
        """Why no event asks for a bar; None where one does, or none need to."""
        rules = self._config.events
        if rules is None:
            return None
        if rules.column is not None:
            value = row[rules.column]
            if value is None or value == 0 or math.isnan(value):
                return f"the bar is not asked: {rules.column} is {_plain(value)}"
        elif rules.every_seconds is not None:
            width = int(rules.every_seconds * self._bars.columns.clocks_per_second)
            if before is not None and before.clock // width == bar.clock // width:
                return (
                    "the bar is not asked: an earlier one lies in the same stretch of "
                    f"{rules.every_seconds} s"
                )
        elif not events:
            return f"the bar is not asked: no event of {rules.file} is at its time"
        return None

    def _too_late(self, bar: Bar, entry: Bar | None) -> str | None:
        longest, per_second = (
            self._config.max_entry_gap_seconds,
            self._bars.columns.clocks_per_second,
        )
        if longest is None or entry is None or entry.clock - bar.clock <= longest * per_second:
            return None
        waited = (entry.clock - bar.clock) / per_second
        return (
            f"the entry bar stands {waited:.10g} s after the signal bar, and max_entry_gap_seconds "
            f"allows {longest}"
        )

    def _events(self, database: Database, bar: Bar, symbol: str) -> list[float | None] | None:
        """The sides of the events at a bar, where a file tells them."""
        rules = self._config.events
        columns = open_events(database, self._config)
        if rules is None or rules.file is None or columns is None:
            return None
        clock = columns.clock(in_nanoseconds=self._bars.columns.in_nanoseconds)
        time = self._bars.time(bar.clock)
        rows = database.rows(
            render("explain/events", {"events": columns, "event_clock": clock}),
            {
                "events": exactly([rules.file]),
                "first": time - MICROSECOND,
                "last": time + MICROSECOND,
                "clock": bar.clock,
            },
        )
        return [side for of, side in rows if of is None or of == symbol]

    def _sessions(self, database: Database, bars: Sequence[Bar], symbol: str) -> list[_Session]:
        """The sessions of the symbol that bars may lie in."""
        rules = self._config.session
        per_second = self._bars.columns.clocks_per_second
        if rules is None:
            return []
        if rules.file is None:
            scale = per_second // 1_000_000
            found = rules.between(*(self._bars.time(bars[place].clock) for place in (0, -1)))
            return [
                _Session(*((time - EPOCH) // MICROSECOND * scale for time in times))
                for times in found
            ]
        names = {"has_pattern": open_sessions(database, self._config)}
        rows = database.rows(render("explain/sessions", names), {"sessions": exactly([rules.file])})
        # A time between two clock units is the later one.
        unit = 1_000_000_000 // per_second
        return [
            _Session(-(-opens // unit), -(-closes // unit))
            for pattern, opens, closes in rows
            if fnmatchcase(symbol, pattern)
        ]


def _around(sessions: Sequence[_Session], bar: Bar) -> _Session | None:
    return next((one for one in sessions if one.opens <= bar.clock < one.closes), None)


def _plain(value: Any) -> str:
    return "null" if value is None else str(value)
