"""The folder of an output: on this machine, or in a store, where it is written whole file by file.

Either way the records of a run lie in `records`, a folder of this machine, while it works on them:
the one that stays (see `local`), or a copy (see `stored`).
"""

from __future__ import annotations

import os
import re
import socket
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from pathlib import Path

import psutil

from duck_label.errors import OutputError
from duck_label.storage.handover import Handover
from duck_label.storage.names import is_url, settled

# Who holds a folder, as `this_process` writes it.
_HOLDER = re.compile(r"process (\d+) on (\S+) since (\S+)")
# Clocks are set: by so much a process may seem to have begun after it wrote that it holds a folder.
_CLOCK_SET = 60


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
    def holder(self) -> str:
        """Who holds the folder, or was killed while it did (see `this_process`); else empty."""

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
    def copy(self, name: str, into: Path) -> Path:
        """A file of the folder where this machine has it: itself, or a copy in another folder.

        Raises:
            InputError: if it cannot be read.
        """

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


def held_by(output: Folder, who: str, way_out: str = "") -> OutputError:
    """The error that names who holds a folder."""
    return OutputError(
        f"{output}: another run is writing here ({who}): "
        f"wait for it, end it, or choose another --output{way_out}"
    )


def this_process() -> str:
    """Who holds a folder, if it is us."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return f"process {os.getpid()} on {socket.gethostname()} since {now}"


def is_at_work(holder: str) -> bool | None:
    """Whether who is written to hold a folder still does; None where this machine cannot tell.

    Asks for the process and not for the lock: who tries that holds it for a moment, in which a run
    that begins would be refused.
    """
    found = _HOLDER.fullmatch(holder)
    if found is None:
        return None if holder else False
    number, machine, since = found.groups()
    if machine != socket.gethostname():
        return None
    try:
        process = psutil.Process(int(number))
        # Another process may have its number by now.
        is_older = process.create_time() <= datetime.fromisoformat(since).timestamp() + _CLOCK_SET
        return is_older and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, ValueError):
        return None
