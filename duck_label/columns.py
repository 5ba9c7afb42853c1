"""What the files call the columns of a bar, and how they write its times: names and text in SQL.

Times may be written as timestamps, as whole numbers since 1970, as text, or as a local clock showed
them. Inside, a time that is no timestamp of its own is a TIMESTAMP in UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from duck_label.config_keys import PRICES
from duck_label.fields import has_offset

# How the names begin that queries give to columns of their own.
RESERVED = "duck_label_"
# Where a bar came from: the columns that bars which were gathered have beside their own.
PLACE = (f"{RESERVED}file", f"{RESERVED}row")
# Whole numbers of each unit in a second.
PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
WHOLE = re.compile(r"U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER")
# What DuckDB calls times in milliseconds; it reads them from files as TIMESTAMP.
MILLISECONDS = "TIMESTAMP_MS"
# ASCII alone: that is what an escape of a text can be.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
# By how much clocks are put back, in minutes.
_SHIFTS = (30, 60, 120)


def identifier(name: str) -> str:
    """Quote a name so that DuckDB takes it for a column, whatever characters it is made of."""
    return '"' + name.replace('"', '""') + '"'


def is_named(symbol: str, pattern: str) -> bool:
    """Whether a symbol is called so, or matches: a name may look like a pattern, as BTC[perp]."""
    return symbol == pattern or fnmatchcase(symbol, pattern)


def pattern_of(symbol: str) -> str:
    """The pattern that matches a symbol and nothing else."""
    return re.sub(r"([\[*?])", r"[\1]", symbol)


def literal(text: str) -> str:
    """Quote a text so that DuckDB takes it for a value.

    Control characters are escaped: whoever reads SQL as text may change the ends of its lines.
    """
    quoted = "'" + text.replace("'", "''") + "'"
    if not _CONTROL.search(text):
        return quoted
    quoted = quoted.replace("\\", "\\\\")
    return "e" + _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", quoted)


def comment(text: str) -> str:
    """A text in a comment that begins with two dashes, each of its lines in one of its own.

    To DuckDB a carriage return ends a comment too.
    """
    return re.sub(r"\r\n|\r|\n", lambda match: f"{match[0]}--     ", text)


@dataclass(frozen=True)
class WrittenTime:
    """How the files write times that are no timestamps: one of a unit, a format and a zone.

    A format and a zone may go together. `kind` is the type of the column in the files.
    """

    kind: str
    unit: str | None = None
    format: str | None = None
    zone: str | None = None

    @property
    def in_nanoseconds(self) -> bool:
        """Whether its times can lie between two microseconds."""
        if self.unit is not None:
            return self.unit == "ns"
        if self.format is not None:
            return "%n" in self.format.replace("%%", "")
        return self.kind == "TIMESTAMP_NS"

    def read(self, column: str) -> str:
        """The time of a column's value, in UTC; null where it cannot be read."""
        suffix, clock = ("_ns", "epoch_ns") if self.in_nanoseconds else ("", "epoch_us")
        if self.unit is not None:
            factor = PER_SECOND["ns" if self.in_nanoseconds else "us"] // PER_SECOND[self.unit]
            number = f"{column}::bigint" if factor == 1 else f"{column}::bigint * {factor}"
            return f"make_timestamp{suffix}({number})"
        local = self._local(column)
        if self.zone is not None:
            return f"make_timestamp{suffix}({clock}(timezone({literal(self.zone)}, {local})))"
        if self.format is not None and has_offset(self.format):
            return f"make_timestamp{suffix}({clock}({local}))"
        return local

    def zoned(self, column: str) -> str:
        """The time of a column's value with its time zone, whatever zone the reader is in."""
        return f"timezone('UTC', {self.read(column)})"

    def is_doubtful(self, column: str) -> str | None:
        """Whether a local clock showed a time twice, or never; None where no clock is asked.

        DuckDB takes the later of two for a time that was shown twice, and for one that was skipped
        the time that the clock would have shown had nobody touched it.
        """
        if self.zone is None:
            return None
        zone, local = literal(self.zone), self._local(column)
        there = f"timezone({zone}, {local})"
        shown = [f"timezone({zone}, {there}) <> {local}"]
        shown += [f"timezone({zone}, {there} - to_minutes({shift})) = {local}" for shift in _SHIFTS]
        return " or ".join(shown)

    def _local(self, column: str) -> str:
        if self.format is not None:
            return f"try_strptime({column}, {literal(self.format)})"
        return f"{column}::timestamp{'_ns' if self.in_nanoseconds else ''}"

    def within(self, column: str, start: str, end: str) -> str | None:
        """What holds for every value from one time to another, for the statistics of row groups."""
        if self.unit is not None:
            per_second = PER_SECOND[self.unit]
            if per_second < PER_SECOND["us"]:
                scale = f" // {PER_SECOND['us'] // per_second}"
            else:
                scale = f" * {per_second // PER_SECOND['us']}" if self.unit == "ns" else ""
            first, last = (f"epoch_us({time}::timestamp){scale}" for time in (start, end))
            return f"{column} >= {first} and {column} <= {last}"
        if self.format is None:
            # No clock is a day and a half from that of UTC.
            first = f"{start}::timestamp - interval 36 hours"
            last = f"{end}::timestamp + interval 36 hours"
            return f"{column} >= {first} and {column} <= {last}"
        return None


@dataclass(frozen=True)
class EventColumns:
    """What a file of events has: times of a type, or in whole numbers of a unit, and what else."""

    kind: str
    unit: str | None = None
    has_symbol: bool = False
    has_side: bool = False

    def clock(self, *, in_nanoseconds: bool) -> str:
        """The time of an event as a clock of the bars; null where it lies between two of them."""
        finest = "ns" if self.unit == "ns" or self.kind.endswith("_NS") else "us"
        column = "events.timestamp"
        if self.unit is not None:
            column = f"{column}::bigint * {PER_SECOND[finest] // PER_SECOND[self.unit]}"
        else:
            kind = "::timestamp" if self.kind == "DATE" else ""
            column = f"epoch_{finest}({column}{kind})"
        if in_nanoseconds:
            return f"{column} * 1000" if finest == "us" else column
        if finest == "ns":
            return f"case when {column} % 1000 = 0 then {column} // 1000 end"
        return column

    def within(self, start: str, end: str) -> str:
        """What holds for every event from one parameter to another, both included."""
        column = "events.timestamp"
        if self.unit is not None:
            written = WrittenTime(self.kind, self.unit)
            return written.within(column, f"${start}", f"${end}") or "true"
        kind = "timestamp" if self.kind == "DATE" else self.kind.lower()
        return f"{column} >= ${start}::{kind} and {column} <= ${end}::{kind}"


@dataclass(frozen=True)
class BarColumns:
    """The names that the files give to the columns of a bar, and the types of times and prices.

    `time_type` is that of the times that queries compare, not of the column, where times are
    `written` in another way.
    """

    timestamp: str
    open: str
    high: str
    low: str
    close: str
    volume: str | None
    symbol: str | None
    time_type: str
    # Those of `PRICES`, in that order.
    price_types: tuple[str, ...] = ("DOUBLE",) * len(PRICES)
    # Columns that the paths of the files tell and the files do not, the last of the input's.
    keys: tuple[str, ...] = ()
    written: WrittenTime | None = None
    # Columns of times in milliseconds, which parts are to have so too.
    milliseconds: tuple[str, ...] = ()
    # Whether all files have the same columns, in the same order, of the same types.
    are_alike: bool = False
    # Whether the files are copies of others, whose rows say where they came from.
    is_gathered: bool = False
    # The column of the side of a trade, where the bars have one.
    side: str | None = None
    # What a file of events has, where one asks for bars.
    events: EventColumns | None = None
    # Whether a file of sessions tells whose they are.
    have_sessions_symbols: bool = False

    @property
    def in_nanoseconds(self) -> bool:
        """Whether a clock unit is a nanosecond; else it is a microsecond."""
        return self.time_type.endswith("_NS")

    @property
    def has_zone(self) -> bool:
        """Whether the times that queries compare have a time zone."""
        return self.time_type in _ZONED

    @property
    def touch_type(self) -> str:
        """The type of the times that labeling adds: that of the column, or one with a time zone."""
        if self.written is None:
            return self.time_type
        return "TIMESTAMPTZ_NS" if self.in_nanoseconds else "TIMESTAMP WITH TIME ZONE"

    @property
    def clocks_per_second(self) -> int:
        """Clock units in a second."""
        return 1_000_000_000 if self.in_nanoseconds else 1_000_000

    def time(self, table: str) -> str:
        """The time of a bar in a table that has the column of the files."""
        column = f"{table}.{identifier(self.timestamp)}"
        return column if self.written is None else self.written.read(column)

    def doubt(self, table: str) -> str | None:
        """Whether a local clock showed the time of a bar twice, or never; None without one."""
        if self.written is None:
            return None
        return self.written.is_doubtful(f"{table}.{identifier(self.timestamp)}")

    def within(self, table: str, start: str, end: str) -> str:
        """What lets whole row groups be passed over, beside a condition on times; may be empty.

        DuckDB holds the statistics of a column against a condition on it, not on what is made
        of it.
        """
        if self.written is None:
            return ""
        column = f"{table}.{identifier(self.timestamp)}"
        condition = self.written.within(column, f"${start}", f"${end}")
        return "" if condition is None else f"\n        and {condition}"
