"""What a name of a file or folder stands for: a path of this machine, or a URL.

A `file://` URL is the path in it. Nothing above this room asks which of both a name is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from glob import glob
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.request import url2pathname

from duck_label.errors import ConfigError, InputError
from duck_label.storage.logs import current

if TYPE_CHECKING:
    from duck_label.storage.reading import StoredFile
    from duck_label.storage.stores import Store

Result = TypeVar("Result")

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
# What stands before an @ in front of a host, also where a secret has a slash in it (no port has):
# a user, a password, a token. Azure's CONTAINER@ACCOUNT is neither.
_LOGIN = re.compile(r"(?i)(?!abfss?://[^/@:]*@)[^:]*://(?:[^/@]*@|[^/@:]*:(?!\d+(?:/|$))[^@]*@)")
# NAME=VALUE after a question mark or #, as signed URLs have it; of a web server, any query.
_QUERY = re.compile(r"(?i)[?#][^/]*=|^https?://[^?#]*[?#].")
# The folder in an output that holds the records of its runs, and marks it as one.
RECORDS = "_duck_label"
# How the names of Parquet files end, in upper or lower case.
_ENDINGS = (".parquet", ".parq", ".pq")
# Requests that wait for a store at the same time.
_AT_ONCE = 16


def is_url(name: str | Path) -> bool:
    """Whether a name is a URL."""
    return _URL.match(str(name)) is not None


def scheme_of(url: str) -> str:
    """The scheme of a URL."""
    return url.partition("://")[0].lower()


def settled(name: str | Path) -> str:
    """A name as it is used and recorded. A ~ or ~user at its start is a home folder, as in a shell.

    Raises:
        ConfigError: for a URL that holds a user, a password, a token or a query.
    """
    name = str(name)
    if not is_url(name):
        name = os.path.expanduser(name)
        # Where there is no such user it is a name like any other, but not to DuckDB.
        return f"./{name}" if name.startswith("~") else name
    if holds_secret(name):
        raise ConfigError(
            f"{scheme_of(name)}://…: has a user, password, token or query in it, which records "
            "would keep: pass the URL without, and credentials where the tools of the store look "
            "for them"
        )
    if scheme_of(name) == "file":
        return url2pathname(name.partition("://")[2])
    return name


def holds_secret(url: str) -> bool:
    """Whether a URL says more than where something lies: who asks, with what secret or query."""
    return _LOGIN.match(url) is not None or _QUERY.search(url) is not None


def load(names: Iterable[str | Path], patience: float | None = None) -> None:
    """Load the libraries that these names need, so that memory is measured with them.

    Their stores are tried again for `patience` seconds when they fail; for a minute, if None.

    Raises:
        ConfigError: if a library is not installed, or a scheme is unknown.
    """
    for name in map(settled, names):
        if is_url(name):
            store(name).files.patience = patience


def store(url: str) -> Store:
    """The store that a URL leads to.

    Raises:
        ConfigError: as `load`.
    """
    from duck_label.storage.stores import of_scheme  # loads fsspec, which paths can do without

    return of_scheme(scheme_of(url))


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
        ConfigError: as `load` and `settled`.
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


def is_parquet(name: str) -> bool:
    """Whether a file's name ends like that of a Parquet file."""
    return name.lower().endswith(_ENDINGS)


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
        folders[:] = [name for name in folders if inside[name] not in entered and not _hides(name)]
        entered.update(inside[name] for name in folders)
        for name in files:
            path = os.path.join(folder, name)
            # A link that leads nowhere is told of when it is opened.
            is_file = os.path.isfile(path) or not os.path.exists(path)
            if is_file and is_bars(name):
                yield path
            elif is_file and is_told(name):
                beside.append(os.path.relpath(path, root))


def _hides(name: str) -> bool:
    return name.startswith(("_", "."))


def is_bars(name: str) -> bool:
    """Whether a file in a folder counts as bars by its name."""
    return is_parquet(name) and not _hides(name)


def is_told(name: str) -> bool:
    """Whether a file that is left out is told of: what writers leave behind (`_SUCCESS`) is not."""
    return is_parquet(name) or not _hides(name)


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


def exactly(names: Iterable[str]) -> list[dict[str, Any]]:
    """Files for a query, which reads those of these very names.

    A text is a pattern to DuckDB: where it holds a bracket, escaped or not, the whole folder is
    read for it, once for every file.
    """
    return [{"filename": name} for name in names]


def anywhere(name: str) -> str:
    """A name of the same file for a process with another working directory."""
    return name if is_url(name) else os.path.abspath(name)


def open_file(name: str) -> BufferedReader | StoredFile:
    """Open a file to read, at any place in it.

    Raises:
        OSError: if it cannot be read.
        InputError: if its store refuses or fails.
    """
    if not is_url(name):
        return open(name, "rb")
    from duck_label.storage.reading import StoredFile  # loads fsspec

    return StoredFile(store(name), name)


def version(file: BufferedReader | StoredFile) -> int | str:
    """What changes whenever a file is written: its time in nanoseconds, or what its store says."""
    return os.fstat(file.fileno()).st_mtime_ns if isinstance(file, BufferedReader) else file.version


def stat(name: str) -> tuple[int, int | str] | None:
    """Size and version of a file as `version` has it, without opening it; None where that fails."""
    if is_url(name):
        return None
    try:
        told = os.stat(name)
    except OSError:
        return None
    return told.st_size, told.st_mtime_ns


def each(function: Callable[[str], Result], names: Sequence[str]) -> list[Result]:
    """What a function says of each name, in order; those that wait for a store do so together."""
    if not any(map(is_url, names)):
        return [function(name) for name in names]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(function, names))
