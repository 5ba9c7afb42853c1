"""Which bars are asked: events that call for a trade, and the sessions that it may lie in."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from duck_label.fields import HomePath, Model, Ticks, Zone
from duck_label.moments import MICROSECOND

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")


class Events(Model):
    """What asks for a bar: one of the keys."""

    column: str | None = Field(
        default=None,
        min_length=1,
        description="a column of the bars: true, or a number other than zero",
        examples=["is_event"],
    )
    file: HomePath | None = Field(
        default=None,
        min_length=1,
        description="a Parquet file with a timestamp, and a symbol and a side if you like",
        examples=["events.parquet"],
    )
    every_seconds: Ticks | None = Field(
        default=None,
        description="the first bar of a symbol in each such stretch of time",
        examples=[60],
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        given = [name for name in ("column", "file", "every_seconds") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(
                "give one of column, file and every_seconds"
                + (f", not {' and '.join(given)}" if given else "")
            )
        seconds = self.every_seconds
        if seconds is not None and seconds * 1_000_000 % 1:
            raise ValueError(f"every_seconds: {seconds} is no whole number of microseconds")
        return self


class Sessions(Model):
    """When trades may be asked for, and by when they must end; hours in a zone, or a file."""

    hours: str | None = Field(
        default=None,
        description="open and close on the clock of the zone; over midnight if it closes earlier",
        examples=["08:30-15:00"],
    )
    zone: Zone | None = Field(
        default=None,
        description="where that clock hangs; days of statistics count there, else in UTC",
        examples=["America/Chicago"],
    )
    days: str = Field(
        default="mon-sun",
        description="the days on which sessions open: mon-fri, sun-thu, or mon,wed",
    )
    file: HomePath | None = Field(
        default=None,
        min_length=1,
        description="instead of hours: a Parquet file with open and close, and a symbol (a "
        "pattern) if you like",
        examples=["sessions.parquet"],
    )
    ask: Literal["inside", "all"] = Field(
        default="inside", description="ask only bars inside a session, or all"
    )
    flat: bool = Field(default=True, description="whether trades end with their session")

    @field_validator("hours")
    @classmethod
    def _are_hours(cls, value: str | None) -> str | None:
        if value is not None and _HOURS.fullmatch(value.strip()) is None:
            raise ValueError("expected hours of two digits, such as 08:30-15:00")
        return value

    @field_validator("days")
    @classmethod
    def _are_days(cls, value: str) -> str:
        _weekdays(value)
        return value

    @model_validator(mode="after")
    def _hours_or_a_file(self) -> Self:
        if (self.hours is None) == (self.file is None):
            raise ValueError("give hours (and their zone), or a file")
        if self.hours is not None and self.zone is None:
            raise ValueError(
                f'hours = "{self.hours}": say where that clock hangs, such as '
                'zone = "America/Chicago"'
            )
        if self.file is not None and "days" in self.model_fields_set and self.days != "mon-sun":
            raise ValueError("days belong to hours: the sessions of a file are those in it")
        return self

    def __str__(self) -> str:
        if self.hours is None:
            return f"sessions of a file, by day in {self.zone or 'UTC'}"
        days = "" if self.days == "mon-sun" else f", {self.days}"
        return f"{self.hours} {self.zone}{days}"

    def between(self, first: datetime, last: datetime) -> list[tuple[datetime, datetime]]:
        """The sessions of the hours that a bar from `first` to `last` may lie in, in order.

        Half open, in UTC. A local time that does not exist is the moment at which the clock jumps;
        of one that occurs twice, the earlier counts.
        """
        match = _HOURS.fullmatch((self.hours or "").strip())
        if match is None or self.zone is None:
            return []
        opens, closes = (time(int(match[n]), int(match[n + 1])) for n in (1, 3))
        zone, weekdays = ZoneInfo(self.zone), _weekdays(self.days)
        # One that opened the day before may run on, and no clock is more than a day from UTC.
        day, end = first.date() - timedelta(days=3), last.date() + timedelta(days=3)
        sessions = []
        while day <= end:
            if day.weekday() in weekdays:
                closing = day + timedelta(days=1) if closes <= opens else day
                session = _moment(day, opens, zone), _moment(closing, closes, zone)
                # Where a clock jumps over all of it, there is none.
                if session[0] < session[1]:
                    sessions.append(session)
            day += timedelta(days=1)
        return sessions


def _weekdays(days: str) -> set[int]:
    """The numbers of days, Monday being 0, of a text such as mon-fri, sun-thu or mon,wed."""
    found: set[int] = set()
    for part in days.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError("expected days such as mon-fri, sun-thu or mon,wed")
        start, end = DAYS.index(first), DAYS.index(last if dash else first)
        found |= {(start + n) % 7 for n in range((end - start) % 7 + 1)}
    return found


def _moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """When a clock showed a time, in UTC."""
    shown = datetime.combine(day, clock)
    moment = shown.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == shown:
        return moment
    # The clock jumped over it: before, it was behind that moment, and after, ahead of it.
    early = shown.replace(tzinfo=zone, fold=1).astimezone(UTC)
    before = early.astimezone(zone).utcoffset()
    while moment - early > MICROSECOND:
        middle = early + (moment - early) // 2
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            moment = middle
    return moment
