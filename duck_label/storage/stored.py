"""A folder in a store, worked on in a copy of its records: what changed is put there, in order.

Files are put whole, and small ones are written anew to grow. The lock is a file as well.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import weakref
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import uuid4

import platformdirs
from filelock import FileLock, Timeout

from duck_label.errors import OutputError
from duck_label.storage.folders import Folder, held_by, this_process
from duck_label.storage.handover import WAITING, Handover
from duck_label.storage.scratch import is_ours, is_temporary, scratch
from duck_label.storage.stores import store


class StoredFolder(Folder):
    """A folder in a store."""

    def __init__(self, name: str, records: str, work: str | Path | None) -> None:
        self._url = name.rstrip("/")
        self._under = records
        self._store = store(self._url)
        closing = ExitStack()
        weakref.finalize(self, closing.close)
        copy = closing.enter_context(scratch(work, "what is being written"))
        super().__init__(name, copy.resolve())
        # The files of the copy, as they were when the store last had the same.
        self._kept: dict[Path, tuple[int, int]] = {}
        # What the store called the versions that were fetched.
        self._fetched: dict[Path, str] = {}
        self._keeping = threading.Lock()
        self._token = uuid4().hex
        self._here = _Here(self._url)
        self.fetch()

    def hold(self) -> None:
        """Lock the folder: by a file of the store, made only if there is none.

        A lock that a run of this machine left when it was killed is taken over.

        Raises:
            OutputError: where another run holds it, or it cannot be written to.
        """
        if not self._here.hold():
            raise held_by(self, "another process of this machine")
        try:
            self._lock()
            self._store.abandon(self._url + "/")
            waiting = self._at(f"{self._under}/{WAITING}")
            for name in self._store.sizes(waiting):
                self._store.remove(f"{waiting}/{name}")
            self.fetch()
        except BaseException:
            self.release()
            raise

    def _lock(self) -> None:
        last = self._here.last()
        lock = self._at(f"{self._under}/lock")
        content = json.dumps({"token": self._token, "who": this_process()}).encode()
        if not self._store.create(lock, content):
            found = _read(self._store.content(lock))
            if found.get("token") == last["token"]:
                self._store.write(lock, content)
            # A request that is tried again may find the lock that it has made itself.
            elif found.get("token") != self._token:
                who = found.get("who", "unknown")
                raise held_by(self, who, f"; if it was killed, remove {lock}")
        # Whoever held it last is over, and may have had no time to tidy up.
        if is_temporary(Path(last["work"])):
            shutil.rmtree(last["work"], ignore_errors=True)
        self._here.note({"token": self._token, "work": str(self.records)})

    def release(self) -> None:
        """Let others have the folder. Where that fails, the next run of this machine takes it."""
        lock = self._at(f"{self._under}/lock")
        with suppress(OutputError):
            if _read(self._store.content(lock)).get("token") == self._token:
                self._store.remove(lock)
        self._here.release()

    def holder(self) -> str:
        """See `Folder`."""
        return _read(self._store.content(self._at(f"{self._under}/lock"))).get("who", "")

    def address(self, name: str = "") -> str:
        """See `Folder`."""
        return self._at(name) if name else self._url

    def handover(self) -> Handover:
        """See `Folder`."""
        return Handover(self._at(f"{self._under}/{WAITING}"))

    def contents(self) -> dict[str, int | None]:
        """See `Folder`."""
        return self._store.sizes(self._url)

    def fetch(self, name: str = "") -> None:
        """See `Folder`."""
        at = "/".join(part for part in (self._under, name) if part)
        target = self.records / name
        target.mkdir(exist_ok=True)
        versions = self._store.versions(self._at(at))
        for path in target.iterdir():
            if path in self._kept and path.name not in versions:
                path.unlink()
                del self._kept[path]
        for file, version in versions.items():
            path = target / file
            if file != "lock" and not self._has(path, version):
                self._store.get(self._at(f"{at}/{file}"), path)
                self._kept[path] = _state(path)
                self._fetched[path] = version

    def _has(self, path: Path, version: str) -> bool:
        """Whether a record is here as the store has it: fetched before, and unchanged since."""
        if not version or self._fetched.get(path) != version or not path.exists():
            return False
        return self._kept.get(path) == _state(path)

    def keep(self, path: Path) -> None:
        """See `Folder`."""
        with self._keeping:
            records = [*self.records.glob("*.bars"), *self.records.rglob("*.json*")]
            changed = [one for one in records if self._kept.get(one) != _state(one)]
            for one in sorted(changed, key=lambda one: (one == path, one)):
                state = _state(one)
                name = one.relative_to(self.records).as_posix()
                # What only tells of a run never ends it: it is put with what changes next.
                with suppress(*([OutputError] if _only_tells(name) else [])):
                    self._store.put(one, self._at(f"{self._under}/{name}"))
                    self._kept[one] = state

    def discard(self, path: Path) -> None:
        """See `Folder`."""
        path.unlink(missing_ok=True)
        self._kept.pop(path, None)
        self._store.remove(self._at(f"{self._under}/{path.relative_to(self.records).as_posix()}"))

    def copy(self, name: str, into: Path) -> Path:
        """See `Folder`."""
        self._store.get(self._at(name), into / name)
        return into / name

    def take(self, path: Path, name: str) -> None:
        """See `Folder`. What is not here was handed over in the store."""
        if path.exists():
            self._store.put(path, self._at(name))
            path.unlink()
        else:
            self._store.move(self._at(f"{self._under}/{WAITING}/{name}"), self._at(name))

    def remove(self, name: str) -> None:
        """See `Folder`."""
        self._store.remove(self._at(name))

    def write(self, name: str, text: str) -> None:
        """See `Folder`."""
        content = text.encode()
        if self._store.content(self._at(name)) != content:
            self._store.write(self._at(name), content)

    def _at(self, name: str) -> str:
        return f"{self._url}/{name}"


class _Here:
    """What this machine knows of the lock of a folder in a store.

    Its runs exclude each other by a file that the system unlocks when a process dies. Whoever holds
    that, and finds in the store the lock of the last who held it, knows that this one is dead.
    """

    def __init__(self, url: str) -> None:
        digest = hashlib.blake2b(url.encode(), digest_size=12).hexdigest()
        where = platformdirs.user_state_path("duck_label", appauthor=False) / "locks"
        self._last = where / digest
        self._lock = FileLock(where / f"{digest}.lock", timeout=0)

    def hold(self) -> bool:
        """Exclude others of this machine; says whether none was there.

        Raises:
            OutputError: where the lock cannot be written, or strangers could have put it there.
        """
        try:
            self._last.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_strangers(self._last.parent)
            for path in (self._last, Path(self._lock.lock_file)):
                if path.is_symlink():
                    raise OutputError(f"{path}: is a link, where a lock belongs: remove it")
            self._lock.acquire()
        except Timeout:
            return False
        except OSError as error:
            raise OutputError(
                f"{self._last.parent}: cannot be written to: {error.strerror}"
            ) from error
        return True

    def last(self) -> dict[str, str]:
        """The `token` of the last who held the folder from here, and where it did its `work`."""
        try:
            return {"token": "", "work": "", **_read(self._last.read_bytes())}
        except OSError:
            return {"token": "", "work": ""}

    def note(self, holder: Mapping[str, str]) -> None:
        """Remember who holds it now."""
        self._last.write_text(json.dumps(holder))

    def release(self) -> None:
        """Let others of this machine have it."""
        self._lock.release()


def _refuse_strangers(folder: Path) -> None:
    """Take no lock where others could have put one: a link, or a folder of another user."""
    if not is_ours(folder):
        raise OutputError(
            f"{folder}: is a link, or belongs to another user: locks are kept where only you "
            "write; remove it, or set XDG_STATE_HOME to a folder of yours"
        )


def _only_tells(name: str) -> bool:
    """Whether a file of the records only tells of a run: no other run depends on it."""
    return name.startswith("snapshots/") or name == "memory_events.jsonl"


def _read(content: bytes | None) -> dict[str, str]:
    """What a lock says; nothing if it is gone or no lock of ours."""
    try:
        found = json.loads(content or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
