"""Moments in time, and the clocks they are held as: whole microseconds since 1970, in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from duck_label.errors import ConfigError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# How people name the ends of a range; None is no end.
Moment = date | datetime | str | None


def clock_of(moment: date | datetime | str) -> int:
    """The clock of a moment; one without a time zone is in UTC, a date begins there.

    Raises:
        ConfigError: for what is no moment.
    """
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError as error:
            raise ConfigError(
                f"{moment!r} is no date or time: write 2024-03-04 or 2024-03-04T14:30:05"
            ) from error
    # Others can be handed over in Python; NaT counts as a datetime.
    if not isinstance(moment, date) or str(moment) == "NaT":
        raise ConfigError(
            f"{moment!r} is no date or time: pass a date, a datetime or text, such as "
            "2024-03-04T14:30:05"
        )
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (moment - EPOCH) // MICROSECOND
