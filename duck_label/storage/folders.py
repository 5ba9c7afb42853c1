"""The folder of an output: on this machine, or in a store, where it is written whole file by file.

Either way the records of a run lie in `records`, a folder of this machine, while it works on them:
the one that stays, or (see `stored`) a copy.
"""

from __future__ import annotations

import os
import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from duck_label.errors import OutputConflictError, OutputError
from duck_label.storage.handover import Handover
from duck_label.storage.places import is_url, settled


class Folder(ABC):
    """An output folder; its text is the name that it was given.

    `records` is where this machine works on its records and on files that are not whole yet.
    """

    def __init__(self, name: str, records: Path) -> None:
        self._name = name
        self.records = records

    def __str__(self) -> str:
        return self._name

    @abstractmethod
    def hold(self) -> None:
        """Lock the folder for one run, which sees what the last one left.

        Raises:
            OutputError: where another run holds it, or it cannot be written to.
        """

    @abstractmethod
    def release(self) -> None:
        """Let others have the folder."""

    @abstractmethod
    def address(self, name: str = "") -> str:
        """Where the folder, or a file in it, is found from anywhere: an absolute path or URL."""

    @abstractmethod
    def handover(self) -> Handover:
        """Where whoever labels elsewhere leaves part files that are to be taken from here."""

    @abstractmethod
    def contents(self) -> dict[str, int | None]:
        """What lies directly in it: files with their sizes in bytes, folders with None.

        Empty where there is no such folder yet.

        Raises:
            OutputConflictError: if it is a file.
            OutputError: if it cannot be listed.
        """

    @abstractmethod
    def fetch(self, name: str = "") -> None:
        """Have the records at hand, or those of a folder in them.

        Raises:
            OutputError: if they cannot be read.
        """

    @abstractmethod
    def keep(self, path: Path) -> None:
        """Make a record last, and before it whatever else changed among the records.

        Raises:
            OutputError: if it cannot be written.
        """

    @abstractmethod
    def discard(self, path: Path) -> None:
        """Remove a record, if there is one."""

    @abstractmethod
    def take(self, path: Path, name: str) -> None:
        """Give a file that is whole its name in the folder, where it appears at once.

        Raises:
            OutputError: if it cannot be written.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file of the folder, if it is there."""

    @abstractmethod
    def write(self, name: str, text: str) -> None:
        """Write a small file into the folder; one that says the same stays as it is.

        Raises:
            OutputError: if it cannot be written.
        """

    def holds(self, name: str | Path) -> bool:
        """Whether a file lies inside the folder, however deep."""
        path = settled(name)
        path = path if is_url(path) else Path(path).resolve().as_posix()
        return path.startswith(f"{self.address()}/")


def folder(name: str | Path, records: str, work: str | Path | None = None) -> Folder:
    """The folder of a name, with its records in one in it of that name.

    The records of one in a store are worked on in a copy below `work`.

    Raises:
        ConfigError: for a URL with a secret in it, or whose library is not installed.
        OutputError: if the store cannot be read, or there is no room to work.
    """
    name = settled(name)
    if not is_url(name):
        return LocalFolder(Path(name), records)
    from duck_label.storage.stored import StoredFolder  # loads fsspec

    return StoredFolder(name, records, work)


class LocalFolder(Folder):
    """A folder of this machine."""

    def __init__(self, path: Path, records: str) -> None:
        super().__init__(str(path), path.absolute() / records)
        self._path = path
        self._lock = FileLock(self.records / "lock", timeout=0)

    def hold(self) -> None:
        """See `Folder`."""
        holder = self.records / "holder"
        try:
            self.records.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            try:
                who = holder.read_text()
            except OSError:
                who = "unknown"
            raise held(self, who) from None
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
        path = self._path / name
        unfinished = path.with_suffix(".tmp")
        try:
            if path.exists() and path.read_text(encoding="utf-8") == text:
                return
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(path)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def held(output: Folder, who: str, way_out: str = "") -> OutputError:
    """The error that names who holds a folder."""
    return OutputError(
        f"{output}: another run is writing here ({who}): "
        f"wait for it, end it, or choose another --output{way_out}"
    )


def this_process() -> str:
    """Who holds a folder, if it is us."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return f"process {os.getpid()} on {socket.gethostname()} since {now}"
