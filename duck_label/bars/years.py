"""Whether the times of a file can be: in years that have a name, and not all in January 1970.

A number that is read in a finer unit than it was written in is a time of January 1970: today counts
20,000 days, a thousandth of which is 20. fastparquet writes microseconds so, pandas reads whole
numbers so.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from duck_label.columns import PER_SECOND, BarColumns
from duck_label.database import Database
from duck_label.errors import InputError
from duck_label.moments import EPOCH, MICROSECOND
from duck_label.storage.names import exactly

# The years, the last not included, whose days can be told in a datetime, or counted in nanoseconds.
_YEARS = (1, 9999)
_YEARS_IN_NANOSECONDS = (1678, 2262)
# Only where a coarser unit puts all bars into these years, it was lost.
_LIKELY = (1990, 2100)
# Later times would be a thousandth of those from November 2054 on: they are what they say.
_FEBRUARY = (datetime(1970, 2, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
# From the finest to the coarsest, each a thousand of the one before.
_UNITS = sorted(PER_SECOND, key=lambda unit: -PER_SECOND[unit])


def refuse_unlikely(database: Database, path: str, bars: BarColumns, first: int, last: int) -> None:
    """Look at the first and the last time of a file, in microseconds since 1970.

    Raises:
        InputError: for times that are infinite, in years that have no name, or read in a finer
            unit than they were written in.
    """
    years = _YEARS_IN_NANOSECONDS if bars.in_nanoseconds else _YEARS
    if first < _clock(years[0]) or last >= _clock(years[1]):
        raise InputError(
            f"{path}: column {bars.timestamp!r} holds times that are infinite or outside of the "
            f"years {years[0]} to {years[1] - 1}: {_way(bars, first, last)}"
        )
    for step in range(1, len(_UNITS) if last < _FEBRUARY else 0):
        factor = 1000**step
        if _clock(_LIKELY[0]) <= first * factor and last * factor < _clock(_LIKELY[1]):
            _refuse_unit(database, path, bars, step, first)


def _way(bars: BarColumns, first: int, last: int) -> str:
    """What to do with times in years that have no name: they may be of a finer unit."""
    unit = None if bars.written is None else bars.written.unit
    for step in range(1, 0 if unit is None else _UNITS.index(unit) + 1):
        factor = 1000**step
        if _clock(_LIKELY[0]) <= first // factor and last // factor < _clock(_LIKELY[1]):
            finer = _UNITS[_UNITS.index(str(unit)) - step]
            return f'as "{finer}" they are likely ones: set timestamp_unit = "{finer}"'
    return "mend them, or leave them out"


def _refuse_unit(database: Database, path: str, bars: BarColumns, step: int, first: int) -> None:
    read_in = _unit_of(database, path, bars)
    if read_in is None or _UNITS.index(read_in) + step >= len(_UNITS):
        return
    unit = _UNITS[_UNITS.index(read_in) + step]
    meant = EPOCH + first * 1000**step * MICROSECOND
    found = (
        f"{path}: column {bars.timestamp!r} holds times of January 1970 alone, from "
        f"{EPOCH + timedelta(microseconds=first):%Y-%m-%d %H:%M:%S} on: its numbers are taken for "
        f'"{read_in}" and are "{unit}", which puts the first bar into {meant:%B %Y}'
    )
    if bars.written is not None:
        raise InputError(f'{found}: set timestamp_unit = "{unit}" (--timestamp-unit {unit})')
    name = repr(bars.timestamp)
    zone = ", utc=True" if bars.has_zone else ""
    raise InputError(
        f"{found}. A unit was lost where they were written; in pandas, this gives it back: "
        f"df[{name}] = pd.to_datetime(df[{name}].astype('int64'), unit='{unit}'{zone})"
    )


def _unit_of(database: Database, path: str, bars: BarColumns) -> str | None:
    """The unit in which the numbers of the timestamp are read; None for what is no number."""
    if bars.written is not None:
        return bars.written.unit
    rows = database.rows(
        "select coalesce(type, ''), coalesce(logical_type, ''), coalesce(converted_type, '') "
        "from parquet_schema($files) where name = $name",
        {"files": exactly([path]), "name": bars.timestamp},
    )
    said = " ".join(rows[0]).upper() if rows else ""
    # The logical type names all units, and gives the one that it has.
    for word, unit in (
        ("INT96", "ns"),
        ("NANOS=NANO", "ns"),
        ("(?:MICROS=MICRO|TIMESTAMP_MICROS)", "us"),
        ("(?:MILLIS=MILLI|TIMESTAMP_MILLIS)", "ms"),
    ):
        if re.search(word, said):
            return unit
    return None


def _clock(year: int) -> int:
    return (datetime(year, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
