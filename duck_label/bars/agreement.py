"""The columns of the input's files: what each says that it has, and whether they agree.

Which of them are a bar's is the business of `schema`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from duck_label.bars.formats import refuse_others
from duck_label.bars.widening import (
    Values,
    difference,
    survives,
    values_of,
    wide_types,
    without_rows,
)
from duck_label.columns import MILLISECONDS, RESERVED
from duck_label.database import Database
from duck_label.database_errors import reason_of
from duck_label.errors import InputError
from duck_label.storage.names import exactly
from duck_label.storage.places import open_file

# A DECIMAL of more would be read as DOUBLE.
_MOST_DIGITS = 38


@dataclass(frozen=True)
class Agreement:
    """The columns of all files, those of the first before the others', and their types.

    `complete` are files that together have every column in every type that some file gives it: a
    query over them, whatever else it reads, has the columns in these types. `empty` are files
    without rows whose types are not asked. `notes` tell of differences that lose nothing.
    """

    columns: tuple[tuple[str, str], ...]
    complete: tuple[str, ...]
    is_mixed: bool = False
    empty: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def common_columns(database: Database, paths: list[str]) -> Agreement:
    """The columns of all files.

    Raises:
        InputError: naming the first file that is no Parquet file, or does not agree with the rest.
    """
    return agreed(database, described(database, paths))


def agreed(database: Database, by_file: Mapping[str, list[tuple[str, str]]]) -> Agreement:
    """The columns of all files, of described files.

    Files may lack columns (their bars get nulls there), and give them types that differ, if there
    is one that holds all their values.

    Raises:
        InputError: naming the first file that does not agree with the rest.
    """
    by_file = _as_fine_as_the_finest(by_file)
    kinds = _kinds(by_file)
    complete = tuple(dict.fromkeys(path for firsts in kinds.values() for path in firsts.values()))
    columns = tuple((name, next(iter(firsts))) for name, firsts in kinds.items())
    at_odds = [name for name, firsts in kinds.items() if len(firsts) > 1]
    if not at_odds:
        return Agreement(columns, complete, notes=_lacking(by_file, kinds))
    if empty := without_rows(database, list(by_file)):
        with_rows = {path: own for path, own in by_file.items() if path not in empty}
        if not with_rows:
            raise InputError(f"{empty[0]}: there is not a single bar in the input")
        agreement = agreed(database, with_rows)
        which = "1 file without rows is" if len(empty) == 1 else f"{len(empty)} without rows are"
        note = f"{which} left out: {empty[0]}{', …' * (len(empty) > 1)}"
        return replace(agreement, empty=frozenset(empty), notes=(note, *agreement.notes))
    wide = wide_types(database, complete, at_odds)
    _refuse_losses(database, by_file, kinds, wide, at_odds)
    widened = (
        f"column {name!r} is {' and '.join(kinds[name])}: read as {wide[name]}, which holds all"
        for name in at_odds
    )
    return Agreement(
        tuple((name, wide.get(name, kind)) for name, kind in columns),
        complete,
        is_mixed=True,
        notes=(*widened, *_lacking(by_file, kinds)),
    )


def _kinds(by_file: Mapping[str, list[tuple[str, str]]]) -> dict[str, dict[str, str]]:
    """By column, its types, and the first file of each.

    Raises:
        InputError: for names that differ in upper and lower case alone.
    """
    names: dict[str, str] = {}
    kinds: dict[str, dict[str, str]] = {}
    for distinct, path in firsts_of(by_file).items():
        for name, kind in distinct:
            known = names.setdefault(name.casefold(), name)
            if known != name:
                first = next(iter(kinds[known].values()))
                raise InputError(
                    f"{path}: column {name!r} is called {known!r} in {first}: "
                    "upper and lower case must agree"
                )
            kinds.setdefault(name, {}).setdefault(kind, path)
    return kinds


def _refuse_losses(
    database: Database,
    by_file: Mapping[str, list[tuple[str, str]]],
    kinds: Mapping[str, dict[str, str]],
    wide: Mapping[str, str],
    at_odds: list[str],
) -> None:
    """Make sure that every value survives in the wide type of its column.

    Raises:
        InputError: naming the first file with one that does not.
    """
    values = values_of(database, list(by_file), at_odds)
    for path, own in by_file.items():
        for name, kind in own:
            if name in wide and not survives(kind, wide[name], values.get((path, name), Values())):
                first, *others = kinds[name]
                other = others[0] if first == kind else first
                raise difference(path, name, kinds[name], kind, other, wide[name])


def firsts_of(
    by_file: Mapping[str, list[tuple[str, str]]],
) -> dict[tuple[tuple[str, str], ...], str]:
    """The different lists of columns, in order, each with the first file that has it.

    Of many files most have the columns of one before them.
    """
    firsts: dict[tuple[tuple[str, str], ...], str] = {}
    for path, own in by_file.items():
        firsts.setdefault(tuple(own), path)
    return firsts


def _as_fine_as_the_finest(
    by_file: Mapping[str, list[tuple[str, str]]],
) -> Mapping[str, list[tuple[str, str]]]:
    """Times are in milliseconds where all files have them so; all others hold these too."""
    columns = {column for own in firsts_of(by_file) for column in own}
    kinds = Counter(name for name, _ in columns)
    finer = {name for name, kind in columns if kind == MILLISECONDS and kinds[name] > 1}
    if not finer:
        return by_file
    return {
        path: [
            (name, "TIMESTAMP" if name in finer and kind == MILLISECONDS else kind)
            for name, kind in own
        ]
        for path, own in by_file.items()
    }


def _lacking(
    by_file: Mapping[str, list[tuple[str, str]]], kinds: Mapping[str, object]
) -> tuple[str, ...]:
    """A line for every column that some files lack."""
    if sum(map(len, by_file.values())) == len(by_file) * len(kinds):
        return ()
    counts = Counter(name for own in by_file.values() for name, _ in own)
    return tuple(
        f"column {name!r} is missing in {len(by_file) - count} of {len(by_file)} files: null there"
        for name, count in counts.items()
        if count < len(by_file)
    )


def described(database: Database, paths: list[str]) -> dict[str, list[tuple[str, str]]]:
    """The columns of every file with their types; files of one schema are described once.

    Times in milliseconds, which DuckDB reads as TIMESTAMP, are told as TIMESTAMP_MS, as it writes
    them.

    Raises:
        InputError: for a file that is no Parquet file, or has names that are ours or twice there.
    """
    schemas: dict[str, list[tuple[Any, ...]]] = {path: [] for path in paths}
    query = (
        "select file_name, name, coalesce(num_children, 0), duckdb_type, repetition_type, "
        "coalesce(contains(logical_type, 'MILLIS=MilliSeconds'), false), coalesce(precision, 0) "
        "from parquet_schema($files) order by file_name, column_id"
    )
    for path, *element in _read(database, query, paths):
        schemas[path].append(tuple(element))
    known: dict[tuple[tuple[Any, ...], ...], list[tuple[str, str]]] = {}
    columns = {}
    for path, schema in schemas.items():
        if tuple(schema) not in known:
            known[tuple(schema)] = _columns_of(database, path, schema)
        columns[path] = known[tuple(schema)]
    return columns


def _columns_of(
    database: Database, path: str, schema: list[tuple[Any, ...]]
) -> list[tuple[str, str]]:
    query = "describe from read_parquet($files, hive_partitioning = false)"
    described = _read(database, query, [path])
    # DuckDB renames one of two columns that differ only in case; the file's own names tell.
    columns = []
    for (name, kind, *_), (own, *_, in_ms, digits) in zip(
        described, _top_level(schema), strict=True
    ):
        if not own:
            raise InputError(
                f"{path}: has a column without a name, as an index that went through CSV: name it, "
                "or leave it out"
            )
        if name != own:
            raise InputError(
                f"{path}: has a second column {own!r} but for upper and lower case: rename it"
            )
        if name.startswith(RESERVED):
            raise InputError(f"{path}: column {name!r}: names with {RESERVED} are ours: rename it")
        if digits > _MOST_DIGITS:
            raise InputError(
                f"{path}: column {own!r} has decimals of {digits} digits, of which DuckDB holds "
                f"{_MOST_DIGITS}: cast it, or leave it out"
            )
        columns.append((name, MILLISECONDS if in_ms and kind == "TIMESTAMP" else kind))
    return columns


def _read(database: Database, query: str, paths: list[str]) -> list[tuple[Any, ...]]:
    """The rows of a query over files.

    Raises:
        InputError: naming the first file that makes it fail.
    """
    try:
        return database.rows(query, {"files": exactly(paths)})
    except duckdb.Error as error:
        if len(paths) > 1:
            for path in paths:
                _read(database, query, [path])
        with suppress(OSError), open_file(paths[0]) as file:
            refuse_others(paths[0], file)
        raise InputError(f"{paths[0]}: cannot be read as Parquet: {reason_of(error)}") from error


def _top_level(schema: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The columns in a schema listed depth first, root first, with child counts."""
    columns: list[tuple[Any, ...]] = []
    position = 1
    while position < len(schema):
        columns.append(schema[position])
        pending = 1
        while pending:
            pending += schema[position][1] - 1
            position += 1
    return columns
