"""The folder of an output on this machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from duck_label.errors import OutputConflictError, OutputError
from duck_label.storage.folders import Folder, held_by, this_process
from duck_label.storage.handover import Handover
from duck_label.whole import whole


class LocalFolder(Folder):
    """A folder of this machine."""

    def __init__(self, path: Path, records: str) -> None:
        super().__init__(str(path), path.absolute() / records)
        self._path = path
        self._lock = FileLock(self.records / "lock", timeout=0)

    def hold(self) -> None:
        """See `Folder`."""
        holder = self.records / "holder"
        if self._path.is_symlink() and not self._path.exists():
            raise OutputError(
                f"{self}: is a link to {self._path.readlink()}, which is not there: make that "
                "folder, or choose another --output"
            )
        try:
            self.records.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            try:
                who = holder.read_text()
            except OSError:
                who = "unknown"
            raise held_by(self, who) from None
        except OSError as error:
            raise OutputError(f"{self}: cannot be written to: {error.strerror}") from error
        try:
            holder.write_text(this_process())
        except OSError as error:
            self._lock.release()
            raise OutputError(f"{self}: cannot be written to: {error.strerror}") from error

    def release(self) -> None:
        """See `Folder`."""
        (self.records / "holder").unlink(missing_ok=True)
        self._lock.release()

    def holder(self) -> str:
        """See `Folder`."""
        try:
            return (self.records / "holder").read_text()
        except OSError:
            return ""

    def address(self, name: str = "") -> str:
        """See `Folder`."""
        return (self._path.resolve() / name).as_posix()

    def handover(self) -> Handover:
        """See `Folder`."""
        return Handover(str(self.records.absolute()))

    def contents(self) -> dict[str, int | None]:
        """See `Folder`."""
        try:
            with os.scandir(self._path) as entries:
                return {
                    entry.name: None if entry.is_dir() else entry.stat().st_size
                    for entry in entries
                }
        except FileNotFoundError:
            return {}
        except NotADirectoryError:
            raise OutputConflictError(f"{self}: is a file; --output is a folder") from None

    def fetch(self, name: str = "") -> None:
        """They are at hand."""

    def keep(self, path: Path) -> None:
        """What is written lasts."""

    def discard(self, path: Path) -> None:
        """See `Folder`."""
        path.unlink(missing_ok=True)

    def copy(self, name: str, into: Path) -> Path:  # noqa: ARG002 - it is here already
        """See `Folder`."""
        return self._path.resolve() / name

    def take(self, path: Path, name: str) -> None:
        """See `Folder`."""
        try:
            os.replace(path, self._path / name)
        except OSError as error:
            raise OutputError(
                f"{self._path / name}: cannot be written: {error.strerror}"
            ) from error

    def remove(self, name: str) -> None:
        """See `Folder`."""
        (self._path / name).unlink(missing_ok=True)

    def write(self, name: str, text: str) -> None:
        """See `Folder`."""
        path, content = self._path / name, text.encode()
        with suppress(OSError):
            if path.read_bytes() == content:
                return
        with whole(path) as file:
            file.write(content)
