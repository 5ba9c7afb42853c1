"""Files that DuckDB can read and not write, whatever a query says.

A file system of our own for DuckDB: `readonly:///an/absolute/path`.
"""

from __future__ import annotations

import os
import re
import threading
from datetime import UTC, datetime
from glob import escape
from typing import Any

from fsspec import AbstractFileSystem

from duck_label.storage.filesystem import READS_ONLY
from duck_label.storage.names import is_url
from duck_label.storage.reading import SharedFile

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
            raise PermissionError(f"{path}: {READS_ONLY}")
        return _ReadOnlyFile(_local(path))


class _ReadOnlyFile(SharedFile):
    """An open file of this machine."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")  # noqa: SIM115
        self._lock = threading.Lock()
        super().__init__(os.fstat(self._file.fileno()).st_size)

    def read_at(self, position: int, size: int) -> bytes:
        """Some bytes; fewer where the file ends."""
        with self._lock:
            self._file.seek(position)
            return self._file.read(size)

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


def url(address: str) -> str:
    """An absolute path or URL as queries name it; as a pattern it matches nothing but itself."""
    return escape(address) if is_url(address) else f"{SCHEME}:///{escape(address.lstrip('/'))}"
