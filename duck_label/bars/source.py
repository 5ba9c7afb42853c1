"""The input: which Parquet files, what columns they have, and where in time their row groups lie.

Reads footers only, never a bar. What the bars themselves must be like is the business of `checks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import duckdb

from duck_label.bars.agreement import agreed, described, firsts_of
from duck_label.bars.asked import open_events, open_sessions
from duck_label.bars.footers import BarFile, Stretch, fingerprint, footers
from duck_label.bars.keys import keys_of
from duck_label.bars.schema import bar_columns, refuse_missing
from duck_label.bars.selection import LeftOut, left_out
from duck_label.bars.years import refuse_unlikely
from duck_label.columns import PER_SECOND, WHOLE, BarColumns, identifier, literal
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.database_errors import reason_of
from duck_label.errors import ConfigError, InputError
from duck_label.input_rows import key_field
from duck_label.moments import EPOCH
from duck_label.query_names import context
from duck_label.storage.names import exactly, is_url
from duck_label.storage.places import Found, each, find_files, stat

_YEAR_2100 = 4_102_444_800
# Files as a query's parameter: the name of each, and what its path says of its bars.
Files = list[dict[str, str | None]]


@dataclass(frozen=True)
class Source:
    """The bars of a run: files in order of path, their common columns, and the names of ours."""

    files: tuple[BarFile, ...]
    columns: tuple[tuple[str, str], ...]
    bars: BarColumns
    # Files that together have every column: a query that reads these too sees them all.
    complete: tuple[str, ...]
    # Uncompressed bytes of a bar, on average.
    row_width: float
    # Whether files give a column types that differ: only all complete ones tell what it is.
    is_mixed: bool = False
    # By file, what its path says of each of `bars.keys`.
    said: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    # The bars of symbols that nobody asked for.
    others: LeftOut = field(default_factory=LeftOut)
    # What is to be said of the input, a line each, and what only to those who ask.
    notes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()

    @property
    def paths(self) -> Files:
        """All files, for a query."""
        return self._named(dict.fromkeys([*(file.path for file in self.files), *self.complete]))

    @property
    def rows(self) -> int:
        """The number of bars that are asked for, bad ones included."""
        return sum(file.rows for file in self.files) - self.others.bars

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self.files)

    @property
    def row_groups(self) -> list[Stretch]:
        """The row groups of all files."""
        return [group for file in self.files for group in file.row_groups]

    def context(self, config: LabelingConfig) -> dict[str, Any]:
        """What the templates of queries may name where the bars are read as they are."""
        return self._context(config, has_quarantine=False, is_admitted=False)

    def admitted_context(self, config: LabelingConfig, *, has_quarantine: bool) -> dict[str, Any]:
        """The same where those that were set aside are left out, and equal rows if they may be."""
        return self._context(config, has_quarantine=has_quarantine, is_admitted=True)

    def _context(
        self, config: LabelingConfig, *, has_quarantine: bool, is_admitted: bool
    ) -> dict[str, Any]:
        names = [name for name, _ in self.columns]
        return context(
            config, self.bars, names, has_quarantine=has_quarantine, is_admitted=is_admitted
        )

    def reads(self, paths: Iterable[str]) -> Files:
        """Some files for a query, and the complete ones if it needs them to see all columns."""
        return self._named(dict.fromkeys([*paths, *(() if self.bars.are_alike else self.complete)]))

    def paths_between(self, start: int, end: int) -> Files:
        """The files that may hold bars from `start` until before `end`, and the complete ones."""
        return self._named(
            file.path
            for file in self.files
            if file.path in self.complete
            or any(group.first < end and group.last >= start for group in file.row_groups)
        )

    def _named(self, paths: Iterable[str]) -> Files:
        """Files for a query: their names, and what their paths say of their bars.

        Files whose paths say that nobody asked for their bars are not read, if others are left.
        """
        paths = list(paths)
        paths = [p for p in paths if p not in self.others.paths or p in self.complete] or paths
        if not self.bars.keys:
            return exactly(paths)
        return [
            {**file, **{key_field(n): value for n, value in enumerate(self.said[path], start=1)}}
            for file in exactly(paths)
            if (path := file["filename"])
        ]

    def among(self, paths: Sequence[str]) -> Source:
        """These files alone; a query over them sees all columns, if need be in others' files."""
        chosen = set(paths)
        files = tuple(file for file in self.files if file.path in chosen)
        own = {name for file in files for name, _ in file.columns}
        own.update(self.bars.keys)
        is_complete = own == {name for name, _ in self.columns} and not self.is_mixed
        return replace(self, files=files, complete=() if is_complete else self.complete)

    def moment(self, clock: int) -> datetime:
        """Microseconds since 1970 as a query parameter that compares with the timestamps."""
        time = EPOCH + timedelta(microseconds=clock)
        return time if self.bars.has_zone else time.replace(tzinfo=None)


def open_source(
    database: Database,
    inputs: Sequence[str],
    config: LabelingConfig,
    known: Mapping[str, BarFile] | None = None,
) -> Source:
    """Read the footers of the input, but of files that are `known`, by identity, and as they were.

    Raises:
        InputError: for a file that is no Parquet file, a missing column, a wrong type, files that
            do not agree, or an input without a single bar.
        ConfigError: where an output column would take the name of an input column.
    """
    found = find_files(inputs)
    events = open_events(database, config)
    has_patterns = open_sessions(database, config)
    prints, old = _prints_and_unchanged(found, known or {})
    new = [path for path in found.paths if path not in old]
    by_file = described(database, new) if new else {}
    by_file |= {path: list(file.columns) for path, file in old.items()}
    by_file = {path: by_file[path] for path in found.paths}
    agreement = agreed(database, by_file)
    paths = [path for path in found.paths if path not in agreement.empty]
    keys = keys_of(database, {path: by_file[path] for path in paths}, config)
    columns = (*agreement.columns, *((name, "VARCHAR") for name in keys.names))
    refuse_missing(columns, config, paths[0], events)
    _refuse_format(database, config)
    _refuse_numbers(database, paths, dict(columns)[config.column("timestamp")], config)
    bars = bar_columns(columns, config, paths[0], keys.names, events)
    _refuse_taken_names({path: by_file[path] for path in paths}, keys.names, config)
    read = _read_footers(database, [path for path in paths if path not in old], bars)
    read |= {path: (file.row_groups, file.uncompressed) for path, file in old.items()}
    files = [
        BarFile(
            path,
            found.identities[path],
            *prints[path],
            tuple(by_file[path]),
            groups,
            uncompressed,
            keys.of(path),
        )
        for path in paths
        for groups, uncompressed in [read.get(path, ((), 0))]
    ]
    rows = sum(file.rows for file in files)
    if rows == 0:
        raise InputError(f"{', '.join(inputs)}: there is not a single bar in the input")
    width = sum(file.uncompressed for file in files) / rows
    bars = replace(
        bars,
        are_alike=len({file.columns for file in files}) == 1,
        have_sessions_symbols=has_patterns,
    )
    source = Source(
        tuple(files),
        columns,
        bars,
        agreement.complete,
        width,
        agreement.is_mixed,
        keys.said,
        notes=found.notes,
        details=agreement.notes,
    )
    others = left_out(database, source.paths, bars, keys.said, config)
    lines = others.notes(config.symbols)
    return replace(source, others=others, notes=(*source.notes, *keys.notes(), *lines))


def changed_since(source: Source) -> list[str]:
    """The files of this machine that are not as they were when the source was opened.

    What lies in a store is not asked for again.
    """
    return [
        file.path
        for file in source.files
        if not is_url(file.path) and stat(file.path) != (file.size, file.version)
    ]


def _prints_and_unchanged(
    found: Found, known: Mapping[str, BarFile]
) -> tuple[dict[str, tuple[int, int | str]], dict[str, BarFile]]:
    """The size and version of every file, and those files that are as they are known."""
    # A file of this machine need not be opened to see that it is as it was.
    prints = {path: one for path in found.paths if known and (one := stat(path)) is not None}
    old = _unchanged(found, known, prints)
    unknown = [path for path in found.paths if path not in old]
    prints |= dict(zip(unknown, each(fingerprint, unknown), strict=True))
    return prints, _unchanged(found, known, prints)


def _refuse_taken_names(
    by_file: Mapping[str, list[tuple[str, str]]], keys: Iterable[str], config: LabelingConfig
) -> None:
    """Make sure that no column of the input has the name of one of the output.

    Raises:
        ConfigError: naming the column, and the first file that has it.
    """
    firsts = firsts_of(by_file)
    taken = {name.casefold(): path for own, path in reversed(firsts.items()) for name, _ in own}
    taken |= {name.casefold(): next(iter(by_file)) for name in keys}
    for name in config.output_columns():
        if name.casefold() in taken:
            raise ConfigError(
                f"{taken[name.casefold()]}: has a column {name!r} already: leave the file out if "
                "it is labeled, or rename the mode or the column"
            )


def _read_footers(
    database: Database, paths: Sequence[str], bars: BarColumns
) -> dict[str, tuple[tuple[Stretch, ...], int]]:
    """The row groups and the bytes of files, by path.

    Raises:
        InputError: for times that bars of our days do not have.
    """
    read = dict(footers(database, paths, bars))
    for path in paths:
        if own := read.get(path, ((), 0))[0]:
            first, last = min(group.first for group in own), max(group.last for group in own)
            refuse_unlikely(database, path, bars, first, last)
    return read


def _unchanged(
    found: Found, known: Mapping[str, BarFile], prints: Mapping[str, tuple[int, int | str]]
) -> dict[str, BarFile]:
    """Of the files found, by path, those that are known and have the size and version they had."""
    return {
        path: file
        for path, now in prints.items()
        if (file := known.get(found.identities[path])) is not None
        and now == (file.size, file.version)
    }


def _refuse_format(database: Database, config: LabelingConfig) -> None:
    """Refuse a format of times that DuckDB does not know.

    Raises:
        ConfigError: saying what it does not know.
    """
    if config.timestamp_format is not None:
        try:
            database.row(f"select try_strptime('', {literal(config.timestamp_format)})")
        except duckdb.Error as error:
            raise ConfigError(f"timestamp_format: {reason_of(error)}") from error


def _refuse_numbers(
    database: Database, paths: Sequence[str], kind: str, config: LabelingConfig
) -> None:
    """Refuse times in whole numbers of no unit.

    Raises:
        InputError: naming the coarsest unit in which all bars lie before 2100.
    """
    if not WHOLE.fullmatch(kind) or config.timestamp_unit is not None:
        return
    name = config.column("timestamp")
    (latest,) = database.row(
        f"select max({identifier(name)}) from read_parquet($files, union_by_name = true, "
        "hive_partitioning = false)",
        {"files": exactly(paths)},
    )
    unit = coarsest_unit(latest or 0)
    try:
        last = EPOCH + timedelta(microseconds=(latest or 0) * 1_000_000 // PER_SECOND[unit])
        puts = f" puts the latest bar at {last:%Y-%m-%d %H:%M:%S}"
    except OverflowError:
        puts = " is the finest"
    raise InputError(
        f"{paths[0]}: column {name!r} is {kind}: whole numbers since 1970 are times with a unit: "
        f'timestamp_unit = "{unit}" (--timestamp-unit {unit}){puts}. '
        "`duck-label validate INPUT --write-config` writes it"
    )


def coarsest_unit(latest: int) -> str:
    """The coarsest unit in which a number of it since 1970 lies before 2100."""
    units = [unit for unit, per_second in PER_SECOND.items() if latest < _YEAR_2100 * per_second]
    return units[0] if units else "ns"


# Whoever meets these was not failed by a file.
_NO_FAULT_OF_A_FILE = (duckdb.OutOfMemoryException, duckdb.InterruptException, duckdb.HTTPException)


def refuse_damaged(database: Database, source: Source, error: duckdb.Error) -> None:
    """Where reading many files together failed, find the one: read them one by one, to the end.

    Raises:
        InputError: naming the first that cannot be read, and why.
    """
    if isinstance(error, _NO_FAULT_OF_A_FILE):
        return
    for path in (file.path for file in source.files):
        query = "select sum(hash(bar)) from read_parquet($files, hive_partitioning = false) as bar"
        try:
            database.rows(query, {"files": exactly([path])})
        except _NO_FAULT_OF_A_FILE:
            return
        except duckdb.Error as own:
            reason = reason_of(own)
            way = (
                "write it anew without encryption; duck-label takes no keys"
                if "encrypt" in reason
                else "the file is damaged: get it again, or leave it out"
            )
            raise InputError(f"{path}: {reason}: {way}") from own
