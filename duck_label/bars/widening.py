"""Differences between files that lose nothing: the type of a column that holds every value of all.

DuckDB reads files together under the type that it finds widest for each column. Whether every value
survives that is told by the types alone, or by the statistics in the footers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from duck_label.database import Database
from duck_label.errors import InputError
from duck_label.storage.names import exactly

# What Parquet files say of a column that never had a value.
_NOTHING = '"NULL"'
_WHOLE = re.compile(r"U?(?:TINY|SMALL|BIG)INT|U?INTEGER")
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
# Whole numbers up to these have a floating-point number each.
_EXACT = {"FLOAT": 2**24, "DOUBLE": 2**53}
# Decimals of so many digits come back from a DOUBLE as they were.
_DIGITS = 15
# The same times, in microseconds and nanoseconds.
_FINER = {
    "TIMESTAMP": "TIMESTAMP_NS",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ_NS",
}
_ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
# The years that nanoseconds since 1970 reach, in 64 bits.
_NANOSECONDS = ("1678", "2262")


@dataclass
class Values:
    """What the footer of a file tells of a column: how many values, and between which two."""

    count: int = 0
    texts: list[tuple[str | None, str | None]] = field(default_factory=list)

    def within(self, most: int) -> bool:
        """Whether no number is farther from zero."""
        try:
            bounds = [abs(Decimal(str(text))) for pair in self.texts for text in pair]
        except InvalidOperation:  # no statistics
            return False
        return all(bound <= most for bound in bounds)

    def within_nanoseconds(self) -> bool:
        """Whether all times can be counted in nanoseconds."""
        first, end = _NANOSECONDS
        return all(
            low is not None
            and high is not None
            and len(low) == len(high)
            and first <= low < end
            and first <= high < end
            for low, high in self.texts
        )


def wide_types(database: Database, files: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """The types under which DuckDB reads columns of these files together."""
    described = database.rows(
        "describe from read_parquet($files, union_by_name = true, hive_partitioning = false)",
        {"files": exactly(files)},
    )
    return {name: kind for name, kind, *_ in described if name in names}


def values_of(
    database: Database, files: Sequence[str], names: Sequence[str]
) -> dict[tuple[str, str], Values]:
    """What the footers tell of columns, by file and column."""
    found: dict[tuple[str, str], Values] = {}
    for path, name, count, low, high in database.rows(
        """
        select
            file_name,
            path_in_schema,
            num_values - coalesce(stats_null_count, 0),
            coalesce(stats_min_value, stats_min),
            coalesce(stats_max_value, stats_max)
        from parquet_metadata($files)
        where
            path_in_schema in (select unnest($names))
            and num_values > coalesce(stats_null_count, 0)
        """,
        {"files": exactly(files), "names": list(names)},
    ):
        values = found.setdefault((path, name), Values())
        values.count += count
        values.texts.append((low, high))
    return found


def without_rows(database: Database, files: Sequence[str]) -> list[str]:
    """The files that hold no row."""
    query = "select file_name from parquet_file_metadata($files) where num_rows = 0"
    found = {path for (path,) in database.rows(query, {"files": exactly(files)})}
    return [path for path in files if path in found]


def survives(kind: str, wide: str, values: Values) -> bool:
    """Whether values of one type, such as they are, all exist in another."""
    if kind == wide or values.count == 0:
        return True
    # An empty list has no type either.
    if _NOTHING in kind:
        return re.fullmatch(re.escape(kind).replace(re.escape(_NOTHING), ".*"), wide) is not None
    if _FINER.get(kind) == wide:
        return values.within_nanoseconds()
    decimal = _DECIMAL.fullmatch(kind)
    if decimal:
        digits, places = int(decimal[1]), int(decimal[2])
        if into := _DECIMAL.fullmatch(wide):
            room = int(into[1]) - int(into[2])
            return places <= int(into[2]) and (
                digits - places <= room or values.within(10**room - 1)
            )
        return wide == "DOUBLE" and values.within(10 ** max(_DIGITS - places, 0) - 1)
    if _WHOLE.fullmatch(kind):
        if into := _DECIMAL.fullmatch(wide):
            return values.within(10 ** (int(into[1]) - int(into[2])) - 1)
        # Parquet has no HUGEINT: it would be written as another type than it is read.
        return _WHOLE.fullmatch(wide) is not None or values.within(_EXACT.get(wide, -1))
    return kind == "FLOAT" and wide == "DOUBLE"


def difference(
    path: str, name: str, kinds: Mapping[str, str], kind: str, other: str, wide: str
) -> InputError:
    """The error that names two files whose types of a column do not go together."""
    found = f"{path}: column {name!r} is {kind}, but {other} in {kinds[other]}: "
    if (kind in _ZONED) != (other in _ZONED) and "TIMESTAMP" in kind and "TIMESTAMP" in other:
        return InputError(f"{found}times with and without a zone; write all files with one of both")
    if _WHOLE.fullmatch(kind) and wide in _EXACT:
        return InputError(
            f"{found}not every number is known to survive as {wide}; write all files with one type"
        )
    return InputError(f"{found}write all files with one type")
