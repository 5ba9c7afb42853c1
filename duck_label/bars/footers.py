"""What the footers of the files tell: where in time their row groups lie, and what identifies each.

Reads a bar only where a footer keeps no statistics of its times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from duck_label.bars.formats import refuse_others
from duck_label.columns import PER_SECOND, BarColumns, identifier
from duck_label.database import Database
from duck_label.errors import InputError
from duck_label.storage.names import exactly, is_url
from duck_label.storage.places import digest_of, open_file, version

_FOREVER = 2**63
# The most that a clock is put forward or back, in microseconds: a good bar may lie so much earlier
# than the first of a file, if that is of an hour that a local clock skips.
_SKIP = 7_200_000_000


@dataclass(frozen=True)
class Stretch:
    """Bars between two times (microseconds since 1970, both included): of a row group, or hour."""

    first: int
    last: int
    rows: int


@dataclass(frozen=True)
class BarFile:
    """A Parquet file, what identifies its content, its columns, and its row groups.

    `says` is what its path tells of its bars.
    """

    path: str
    # The name that it has for whoever names it.
    identity: str
    size: int
    # The time of its last change in nanoseconds; in a store, what that calls its version.
    version: int | str
    # Names and types.
    columns: tuple[tuple[str, str], ...]
    row_groups: tuple[Stretch, ...]
    # Bytes before compression.
    uncompressed: int
    says: tuple[tuple[str, str | None], ...] = ()

    @cached_property
    def digest(self) -> str:
        """A digest of its content, read whole; of one in a store, what that calls its version.

        Raises:
            InputError: if it cannot be read, or is another file by now.
        """
        if is_url(self.path):
            return str(self.version)
        try:
            with open_file(self.path) as file:
                digest = digest_of(file)
                is_same = (file.tell(), version(file)) == (self.size, self.version)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error.strerror}") from error
        if not is_same:
            raise InputError(f"{self.path}: has changed while it was read: run again")
        return digest

    @property
    def rows(self) -> int:
        """The number of bars."""
        return sum(group.rows for group in self.row_groups)


def fingerprint(path: str) -> tuple[int, int | str]:
    """Size in bytes and version of what ends like a Parquet file.

    Raises:
        InputError: for what cannot be read, or is no Parquet file.
    """
    try:
        with open_file(path) as file:
            return refuse_others(path, file), version(file)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def footers(
    database: Database, paths: Sequence[str], bars: BarColumns
) -> dict[str, tuple[tuple[Stretch, ...], int]]:
    """The row groups of every file, and the bytes of its bars before compression.

    A file that keeps no statistics counts as one whole group.
    """
    if not paths:
        return {}
    written = bars.written
    early = _SKIP if written is not None and written.zone is not None else 0
    # Text does not lie in the order of its times.
    is_text = written is not None and written.format is not None
    first, last = (
        "null" if is_text else _clock_of(bars).replace("value", f"max({bound}) filter (is_time)")
        for bound in (
            "coalesce(stats_min_value, stats_min)",
            "coalesce(stats_max_value, stats_max)",
        )
    )
    groups: dict[str, list[Stretch]] = {}
    sizes: dict[str, int] = {}
    without_statistics = set()
    for path, rows, size, begins, ends in database.rows(
        f"""
        select
            file_name,
            any_value(row_group_num_rows),
            sum(total_uncompressed_size)::bigint,
            {first},
            {last}
        from (
            select *, path_in_schema = $timestamp as is_time
            from parquet_metadata($files)
            where row_group_num_rows > 0
        )
        group by file_name, row_group_id
        order by file_name, row_group_id
        """,
        {"files": exactly(paths), "timestamp": bars.timestamp},
    ):
        sizes[path] = sizes.get(path, 0) + size
        if begins is None or ends is None:
            without_statistics.add(path)
        else:
            groups.setdefault(path, []).append(Stretch(begins - early, ends, rows))
    if without_statistics:
        groups |= _measured(database, sorted(without_statistics), bars)
    return {path: (tuple(groups.get(path, ())), size) for path, size in sizes.items()}


def _clock_of(bars: BarColumns) -> str:
    """SQL for the microseconds since 1970 of a `value`, the text of a statistic."""
    written = bars.written
    if written is None:
        return f"epoch_us(value::{'timestamp_ns' if bars.in_nanoseconds else 'timestamp'})"
    if written.unit is not None:
        # In a wrong unit they are more than 64 bits hold.
        return f"(value::hugeint * 1000000 // {PER_SECOND[written.unit]})"
    return f"epoch_us({written.read('value')})"


def _measured(
    database: Database, paths: Sequence[str], bars: BarColumns
) -> dict[str, list[Stretch]]:
    """The bars of files, read to find their times: one stretch of each."""
    column = bars.time("bars")
    if bars.written is not None and bars.written.unit is not None:
        column = f"bars.{identifier(bars.timestamp)}"
        first, last = (_clock_of(bars).replace("value", f"{e}({column})") for e in ("min", "max"))
        is_finite = "true"
    else:
        if bars.written is None:
            column = f"{column}::{'timestamp_ns' if bars.in_nanoseconds else 'timestamp'}"
        first, last = (f"epoch_us({end}({column}))" for end in ("min", "max"))
        is_finite = f"coalesce(isfinite(min({column})) and isfinite(max({column})), true)"
    found = database.rows(
        f"select duck_label_file, {first}, {last}, count(*), {is_finite} "
        "from read_parquet($files, union_by_name = true, hive_partitioning = false, "
        "filename = 'duck_label_file') as bars group by all",
        {"files": exactly(paths)},
    )
    stretches = {}
    for path, begins, ends, rows, all_finite in found:
        # Without a single time there is no range; the checks will name the nulls.
        stretch = (begins or 0, ends or 0) if all_finite else (-_FOREVER, _FOREVER)
        stretches[path] = [Stretch(*stretch, rows)]
    return stretches
