"""Files that DuckDB can read and not write, whatever a query says.

A file system of our own for DuckDB: `readonly:///an/absolute/path`.
"""

from __future__ import annotations

import os
import re
import threading
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem

SCHEME = "readonly"


class ReadOnlyFiles(AbstractFileSystem):  # type: ignore[misc]
    """Local files as DuckDB may see them: `readonly:///a/path`. There is no way to write one."""

    protocol = SCHEME

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """What DuckDB asks of a file."""
        path = _local(path)
        status = os.stat(path)
        kind = "directory" if os.path.isdir(path) else "file"
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        return {"name": path, "size": status.st_size, "type": kind, "modified": modified}

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """The files of a folder; those that go while it is read are not there."""
        found = []
        for name in os.listdir(_local(path)):
            try:
                found.append(self.info(os.path.join(path, name)))
            except FileNotFoundError:
                continue
        return found if detail else [file["name"] for file in found]

    def modified(self, path: str) -> datetime:
        """When a file was last written."""
        modified: datetime = self.info(path)["modified"]
        return modified

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        if mode != "rb":
            raise PermissionError(f"{path}: queries only read")
        return _ReadOnlyFile(_local(path))


class _ReadOnlyFile:
    """An open file that several threads may read at once, each from where it has sought to.

    DuckDB shares a file among its threads and seeks before it reads, two calls that those of
    another thread may come between.
    """

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")  # noqa: SIM115
        self._lock = threading.Lock()
        # By thread, not in a threading.local: Python forgets DuckDB's threads after every call.
        self._places: dict[int, int] = {}

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte, counted from the start, from here, or from the end."""
        if whence == os.SEEK_CUR:
            position += self.tell()
        elif whence == os.SEEK_END:
            position += os.fstat(self._file.fileno()).st_size
        self._places[threading.get_ident()] = position
        return position

    def tell(self) -> int:
        """Where this thread reads next."""
        return self._places.get(threading.get_ident(), 0)

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        with self._lock:
            self._file.seek(self.tell())
            found = self._file.read(size)
            self.seek(self._file.tell())
        return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __del__(self) -> None:
        # Where a query fails, DuckDB only lets go.
        self._file.close()


def _local(path: str) -> str:
    path = path.removeprefix(f"{SCHEME}://")
    # A drive of Windows needs no slash before it.
    return path if re.match(r"[A-Za-z]:", path) else "/" + path.lstrip("/")


def url(path: Path) -> str:
    """A path as queries name it; where they take a pattern, it matches nothing but itself."""
    return f"{SCHEME}:///{escape(path.resolve().as_posix().lstrip('/'))}"
