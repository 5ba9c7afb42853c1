"""What a name of a file or folder stands for: the files that it leads to, and how one is opened.

A `file://` URL is the path in it. Nothing above this room asks which of both a name is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import glob
from io import BufferedReader
from typing import TypeVar

from duck_label.errors import InputError
from duck_label.storage.logs import current
from duck_label.storage.names import RECORDS, hides, is_bars, is_url, is_worth_a_note, settled
from duck_label.storage.reading import StoredFile
from duck_label.storage.stores import store

Result = TypeVar("Result")

# Bytes that are read at once.
_BLOCK = 1 << 20
# Requests that wait for a store at the same time.
_AT_ONCE = 16


@dataclass(frozen=True)
class Found:
    """The Parquet files of an input, each once, in order; and a line for what is no bar in it.

    `identities` are the names that they have for whoever names them: two that are the same are one
    file.
    """

    paths: list[str]
    notes: tuple[str, ...]
    identities: dict[str, str]


def find_files(inputs: Sequence[str]) -> Found:
    """The Parquet files that paths, URLs, folders and globs stand for.

    Folders are searched to any depth, links to folders too; names that start with `_` or `.` are
    skipped, and so are the outputs of runs.

    Raises:
        InputError: for an input that stands for no file, or a store that cannot be read.
        ConfigError: as `stores.load` and `names.settled`.
    """
    if not inputs:
        raise InputError("no input: name a file, folder or pattern")
    found: dict[str, str] = {}
    notes: dict[str, None] = {}
    for item in map(settled, inputs):
        names, beside = store(item).find(item) if is_url(item) else _local_files(item)
        own = identities(names)
        if not is_url(item):
            names, tables = current(item, own)
            notes |= dict.fromkeys(tables)
            own = {name: own.get(name, name) for name in names}
        if not names:
            listed = f", but {_listed(beside)}" if beside else ""
            raise InputError(f"{item}: there is no .parquet file in this folder{listed}")
        if beside:
            are = "are" if len(beside) > 1 else "is"
            notes[f"{item}: {_listed(beside)} {are} left out: bars end in .parquet or .pq"] = None
        for name, identity in own.items():
            found.setdefault(identity, name)
    paths = {name: identity for identity, name in found.items()}
    return Found(sorted(paths), tuple(notes), paths)


def _listed(names: Sequence[str]) -> str:
    """How many files there are, and the first few names."""
    shown = ", ".join(sorted(names)[:3]) + (", …" if len(names) > 3 else "")
    return f"{len(names):,} other file{'s' * (len(names) > 1)} ({shown})"


def _local_files(item: str) -> tuple[list[str], list[str]]:
    """The files that a name stands for, and in a folder those that are none of bars."""
    if os.path.isfile(item):
        return [item], []
    if os.path.isdir(item):
        beside: list[str] = []
        return list(_in_folder(item, beside)), beside
    files = [path for path in glob(item, recursive=True) if os.path.isfile(path)]
    if not files:
        raise InputError(f"{item}: no such file or folder, and no file matches it as a pattern")
    return files, []


def _in_folder(root: str, beside: list[str]) -> Iterator[str]:
    """The Parquet files of a folder; those that somebody may take for bars are told in `beside`."""

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be read: {error.strerror}") from error

    entered = {os.path.realpath(root)}
    for folder, folders, files in os.walk(root, onerror=refuse, followlinks=True):
        if RECORDS in folders and folder != root:
            folders.clear()
            continue
        # A link may lead back to where we are, or where we were.
        inside = {name: os.path.realpath(os.path.join(folder, name)) for name in folders}
        folders[:] = [name for name in folders if inside[name] not in entered and not hides(name)]
        entered.update(inside[name] for name in folders)
        for name in files:
            path = os.path.join(folder, name)
            # A link that leads nowhere is told of when it is opened.
            is_file = os.path.isfile(path) or not os.path.exists(path)
            if is_file and is_bars(name):
                yield path
            elif is_file and is_worth_a_note(name):
                beside.append(os.path.relpath(path, root))


def identities(names: Iterable[str]) -> dict[str, str]:
    """The names that files have for whoever names them: two that are the same are one file.

    Links are followed; a folder is looked up once for all of its files.
    """
    folders: dict[str, str] = {}
    found = {}
    for name in names:
        if is_url(name):
            found[name] = name
            continue
        folder, base = os.path.split(name)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        own = os.path.join(folders[folder], base)
        found[name] = os.path.realpath(own) if os.path.islink(own) else own
    return found


def open_file(name: str) -> BufferedReader | StoredFile:
    """Open a file to read, at any place in it.

    Raises:
        OSError: if it cannot be read.
        InputError: if its store refuses or fails.
    """
    if not is_url(name):
        return open(name, "rb")
    return StoredFile(store(name), name)


def digest_of(file: BufferedReader | StoredFile) -> str:
    """The SHA-256 of the content of a file, read in blocks."""
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def version(file: BufferedReader | StoredFile) -> int | str:
    """What changes whenever a file is written: its time in nanoseconds, or what its store says."""
    return os.fstat(file.fileno()).st_mtime_ns if isinstance(file, BufferedReader) else file.version


def stat(name: str) -> tuple[int, int | str] | None:
    """Size and version of a file as `version` has it, without opening it; None where that fails."""
    if is_url(name):
        return None
    try:
        status = os.stat(name)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def each(function: Callable[[str], Result], names: Sequence[str]) -> list[Result]:
    """What a function says of each name, in order; those that wait for a store do so together."""
    if not any(map(is_url, names)):
        return [function(name) for name in names]
    from concurrent.futures import ThreadPoolExecutor  # files of this machine do without

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(function, names))
