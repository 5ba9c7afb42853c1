"""Temporary folders: what does not fit in memory lies there, and is gone afterwards.

They have names of their own, by no process's number: containers that share a disk, and runs of one
process, would have the same. Each holds a file that its owner locks, which the system unlocks when
the owner dies; so what was left by one that was killed is told from what is in use.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from duck_label.errors import OutputError
from duck_label.storage.names import settled

_PREFIX = "duck_label_"
_OWNER = "owner.lock"
# Made once the lock is held: without it a folder that is just being made would look left behind.
_OWNED = "owned"
_HOLDS = "spilled data"
_WAY_OUT = "pass another --temp-dir"


def spill_folder(parent: str | Path | None, token: str | None = None) -> Path:
    """The path of a temporary folder that nobody else has; it is not made yet.

    In another folder, or where the system has its temporary files; it is named after a token that
    nobody else has, or a new one.
    """
    place = tempfile.gettempdir() if parent is None else settled(parent)
    return Path(place).absolute() / f"{_PREFIX}{token or uuid4().hex}"


@contextmanager
def owned(path: Path, holds: str = _HOLDS, way_out: str = _WAY_OUT) -> Iterator[Path]:
    """A temporary folder, made before the work and removed after it; so are those of the dead.

    Nobody else may look into it. The error says what it was to hold, and a way out.

    Raises:
        OutputError: if it cannot be made.
    """
    # Whoever gives it back may be another thread, as where an object that has it is collected.
    lock = FileLock(path / _OWNER, timeout=0, thread_local=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
    except OSError as error:
        raise no_room(path.parent, error, holds, way_out) from error
    try:
        try:
            lock.acquire()
            (path / _OWNED).touch()
        except OSError as error:
            raise no_room(path.parent, error, holds, way_out) from error
        _remove_leftovers(path.parent)
        yield path
    finally:
        lock.release()
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def scratch(
    parent: str | Path | None, holds: str = _HOLDS, way_out: str = _WAY_OUT
) -> Iterator[Path]:
    """A new temporary folder in another, or where the system has them. See `owned`.

    Raises:
        OutputError: if it cannot be made.
    """
    try:
        path = spill_folder(parent)
    except OSError as error:  # the system has no such place
        raise no_room(parent, error, holds, way_out) from error
    with owned(path, holds, way_out):
        yield path


def no_room(
    place: str | Path | None, error: OSError, holds: str = _HOLDS, way_out: str = _WAY_OUT
) -> OutputError:
    """The error for a folder that cannot hold what it was to hold."""
    where = "the system's folder for temporary files" if place is None else place
    return OutputError(f"{where}: cannot hold {holds}: {error.strerror or error}: {way_out}")


def is_temporary(path: Path) -> bool:
    """Whether a folder is a temporary one by its name."""
    return path.name.startswith(_PREFIX)


def is_ours(folder: Path) -> bool:
    """Whether what has this name is a folder, no link to one, and belongs to this user."""
    status = folder.lstat()
    is_own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return stat.S_ISDIR(status.st_mode) and is_own


def _remove_leftovers(parent: Path) -> None:
    """Remove the folders of who was killed, by whose locks they are known to be dead.

    Those of other users are theirs: where all may write, as in /tmp, a lock may be a trap.
    """
    for mark in parent.glob(f"{_PREFIX}*/{_OWNED}"):
        lock = FileLock(mark.with_name(_OWNER), timeout=0)
        try:
            if not is_ours(mark.parent):
                continue
            lock.acquire()
        except (Timeout, OSError):
            continue
        lock.release()
        shutil.rmtree(mark.parent, ignore_errors=True)
