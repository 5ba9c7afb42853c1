"""A temporary folder: what does not fit in memory lies there, and is gone afterwards.

Folders of runs have names of their own, by no process's number: containers that share a disk, and
runs of one process, would have the same. Each holds a file that its owner locks, which the system
unlocks when the owner dies; so what a run left that was killed is told from what is in use.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from duck_label.errors import OutputError
from duck_label.storage.names import settled

_PREFIX = "duck_label_spill_"
_OWNER = "owner.lock"


def spill_folder(parent: Path) -> Path:
    """The path of a folder to spill to that nobody else has; it is not made yet."""
    return parent.absolute() / f"{_PREFIX}{uuid4().hex}"


@contextmanager
def owned(path: Path) -> Iterator[None]:
    """A folder to spill to, tried before the work and removed after it; so are those of the dead.

    Raises:
        OutputError: if it cannot be made.
    """
    lock = FileLock(path / _OWNER, timeout=0)
    try:
        path.mkdir(parents=True)
        lock.acquire()
    except OSError as error:
        raise OutputError(
            f"{path}: cannot hold spilled data: {error.strerror}: pass another --temp-dir"
        ) from error
    try:
        _remove_leftovers(path.parent)
        yield
    finally:
        lock.release()
        shutil.rmtree(path, ignore_errors=True)


def _remove_leftovers(parent: Path) -> None:
    """Remove what runs that were killed spilled, by whose locks they are known to be dead."""
    for owner in parent.glob(f"{_PREFIX}*/{_OWNER}"):
        lock = FileLock(owner, timeout=0)
        try:
            lock.acquire()
        except (Timeout, OSError):
            continue
        lock.release()
        shutil.rmtree(owner.parent, ignore_errors=True)


@contextmanager
def scratch(parent: str | None) -> Iterator[Path]:
    """A new folder in another (made if need be), or where the system has its temporary files.

    Raises:
        OutputError: if it cannot be made.
    """
    try:
        if parent is not None:
            parent = settled(parent)
            Path(parent).mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(
            prefix="duck_label_", dir=parent, ignore_cleanup_errors=True
        )
    except OSError as error:
        where = parent or "the system's folder for temporary files"
        raise OutputError(
            f"{where}: cannot hold spilled data: {error.strerror}: pass another --temp-dir"
        ) from error
    with folder as name:
        yield Path(name)
