"""The files of a store as DuckDB sees them: it reads ranges of bytes, and writes nothing.

Whoever needs this loads fsspec with it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from fsspec import AbstractFileSystem

from duck_label.errors import InputError
from duck_label.storage import httpfs
from duck_label.storage.copies import Copies
from duck_label.storage.failures import complaints
from duck_label.storage.reading import StoredFile
from duck_label.storage.stores import of_scheme

# What the error says, by which it is known, that a query gets where it would write.
READS_ONLY = "queries only read"


def attach(connection: duckdb.DuckDBPyConnection, scheme: str, folder: Path) -> None:
    """Let a connection read the files of a scheme; copies of what it reads lie below a folder."""
    if not httpfs.serves(connection, scheme):
        connection.register_filesystem(StoredFiles(scheme, folder))


class StoredFiles(AbstractFileSystem):  # type: ignore[misc]
    """The files of a scheme, for one connection to DuckDB.

    What is known of a file when it is first opened holds for as long as the connection, and what
    was read of it is kept below `folder` for a while, unless files are `live` and may grow.
    """

    cachable = False

    def __init__(self, scheme: str, folder: Path | None = None, *, live: bool = False) -> None:
        super().__init__()
        self.protocol = scheme
        self._store = of_scheme(scheme)
        self._live = live
        self._copies = None if live else Copies(folder)
        self._known: dict[str, tuple[int, str]] = {}

    def glob(self, path: str, **_: Any) -> list[str]:
        """The files that a pattern matches."""
        with complaints(path, InputError):
            return self._store.glob(path)

    def open(self, path: str, mode: str = "rb", **_: Any) -> StoredFile:
        """Open a file to read.

        Raises:
            PermissionError: to do anything else.
        """
        if mode != "rb":
            raise PermissionError(f"{path}: {READS_ONLY}")
        url = self._store.url(path) if "://" in path else f"{self.protocol}://{path}"
        file = StoredFile(self._store, url, self._known.get(url), self._copies)
        if not self._live:
            self._known[url] = file.facts
        return file

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """What DuckDB asks of a file."""
        size = self.open(path).size
        return {"name": path, "size": size, "type": "file"}

    def exists(self, path: str, **_: Any) -> bool:
        """Whether there is such a file."""
        try:
            self.open(path)
        except InputError:
            return False
        return True

    def modified(self, path: str) -> datetime:  # noqa: ARG002 - the shape that DuckDB calls
        """When a file was last written, to DuckDB: just now if it is live, else long ago."""
        return datetime.now(UTC) if self._live else datetime.fromtimestamp(0, UTC)
