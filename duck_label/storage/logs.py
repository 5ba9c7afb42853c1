"""Tables of Parquet files with a log that says which of them count: Delta, and Iceberg.

A file that the log has removed stays in the folder for a while, so a folder alone tells nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from glob import escape, glob
from typing import Any
from urllib.parse import unquote

from duck_label.errors import ConfigError, InputError

_DELTA = "_delta_log"
_MEND_THE_TABLE = (
    "get the table whole again, or have the tool that wrote it write its bars to Parquet files of "
    "their own, and label those"
)
_ICEBERG = os.path.join("metadata", "*.metadata.json")
_RECIPE = (
    'write its bars to a file and label that: python -c "import pyarrow.parquet as pq; '
    "from pyiceberg.catalog import load_catalog; "
    "pq.write_table(load_catalog('CATALOG').load_table('SPACE.TABLE').scan().to_arrow(), "
    "'bars.parquet')\" (pip install 'pyiceberg[pyarrow]')"
)


@dataclass(frozen=True)
class _Delta:
    """The current version of a Delta table, and its files: paths without links."""

    version: int
    files: frozenset[str]


def current(item: str, identities: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Of the files that an input stands for, those that count; and a line for every table in it.

    `identities` are the files' names without links, by name.

    Raises:
        InputError: for a table that cannot be read so, or a file by name that is no part of it.
        ConfigError: where the library is not installed.
    """
    known: dict[str, str | None] = {}
    found = {own: name for name, own in identities.items()}
    roots = {path: _root(os.path.dirname(path), known) for path in found}
    is_folder = os.path.isdir(item)
    whole = os.path.realpath(item)
    if is_folder:
        roots[whole] = _root(whole, known)
    tables = {root: _delta(root) for root in roots.values() if root is not None}
    kept = {path: name for path, name in found.items() if roots[path] is None}
    notes = []
    for root, table in tables.items():
        notes.append(f"{root}: is a Delta table, read at version {table.version}")
        if is_folder:
            # Files of the table that its folder hides, or that lie elsewhere, count too.
            is_inside = f"{root}{os.sep}".startswith(f"{whole}{os.sep}")
            own = [p for p in table.files if is_inside or p.startswith(f"{whole}{os.sep}")]
        else:
            own = [path for path in found if roots[path] == root and path in table.files]
        kept |= {path: found.get(path, path) for path in own}
    for path, name in found.items():
        if name == item and path not in kept:
            raise InputError(
                f"{name}: is no file of the current version of the Delta table {roots[path]}: "
                "leave it out, or name the table's folder"
            )
    return list(kept.values()), notes


@dataclass(frozen=True)
class Change:
    """What the log of a table says of a file that it added or removed: when, and whether so data.

    A table that only writes the same rows into other files, as `optimize` does, changes none.
    """

    root: str
    version: int
    changes_data: bool


def removed(paths: Iterable[str]) -> dict[str, Change]:
    """Of files that are gone, those that a Delta table removed, and how, as far as its log goes."""
    return _logged(paths, "remove")


def added(paths: Iterable[str]) -> dict[str, Change]:
    """Of files, those that a Delta table added, and how, as far as its log goes."""
    return _logged(paths, "add")


def _logged(paths: Iterable[str], action: str) -> dict[str, Change]:
    known: dict[str, str | None] = {}
    roots = {path: _root(os.path.dirname(path), known) for path in paths}
    told: dict[str, Change] = {}
    for root in {root for root in roots.values() if root is not None}:
        for file in sorted(glob(os.path.join(escape(root), _DELTA, "*.json"))):
            version = os.path.basename(file).partition(".")[0]
            if version.isdecimal():
                told |= dict(_actions(root, int(version), file, action))
    return {path: told[path] for path in roots if path in told}


def _actions(root: str, version: int, file: str, action: str) -> Iterator[tuple[str, Change]]:
    try:
        with open(file, encoding="utf-8") as lines:
            entries = [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file}: this entry of the Delta log cannot be read: {error}: {_MEND_THE_TABLE}"
        ) from error
    for entry in entries:
        if action in entry:
            path = os.path.realpath(os.path.join(root, unquote(entry[action]["path"])))
            yield path, Change(root, version, entry[action].get("dataChange", True))


def _root(folder: str, known: dict[str, str | None]) -> str | None:
    """The Delta table that a folder is, or lies in.

    Raises:
        InputError: if it lies in an Iceberg table.
    """
    if folder not in known:
        above = os.path.dirname(folder)
        if os.path.isdir(os.path.join(folder, _DELTA)):
            known[folder] = folder
        elif glob(os.path.join(escape(folder), _ICEBERG)):
            raise InputError(
                f"{folder}: is an Iceberg table, and only its catalog knows which files are "
                f"current: {_RECIPE}"
            )
        else:
            known[folder] = None if above == folder else _root(above, known)
    return known[folder]


def _delta(root: str) -> _Delta:
    """The current version of a table.

    Raises:
        InputError: if its log cannot be read, or asks for more than reading whole files.
        ConfigError: where the library is not installed.
    """
    try:
        from deltalake import DeltaTable
    except ImportError as error:
        raise ConfigError(
            f"{root}: is a Delta table, and its log says which files count: "
            "pip install 'duck-label[delta]'"
        ) from error
    refused = None
    try:
        table: Any = DeltaTable(root)
        mapping = table.metadata().configuration.get("delta.columnMapping.mode") or "none"
        features = table.protocol().reader_features or []
        if mapping != "none":
            refused = f"column mapping ({mapping}), by which its files have other names of columns"
        elif "deletionVectors" in features and _has_deletions(table):
            refused = "deletion vectors, by which rows of its files do not count"
        paths = [] if refused else table.file_uris()
        version = table.version()
    except Exception as error:  # deltalake raises its own, and the storage's below
        # What follows the first line is the library's own trace.
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise InputError(
            f"{root}: its Delta log cannot be read: {reason}: {_MEND_THE_TABLE}"
        ) from error
    if refused:
        raise InputError(
            f"{root}: the Delta table uses {refused}: have the tool that wrote it write its "
            "bars to Parquet files of their own, and label those"
        )
    own = (os.path.realpath(path.removeprefix("file://")) for path in paths)
    return _Delta(version, frozenset(own))


def _has_deletions(table: Any) -> bool:
    """Whether some file of the table has rows that were deleted."""
    return any(batch.num_rows for batch in table.deletion_vectors())
