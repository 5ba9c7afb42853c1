"""What was read of files in a store, kept on disk for a while: the steps of a chunk read it again.

Kept are just the ranges that were read, so that nothing is fetched that nobody asked for. On disk,
not in memory, which belongs to the work.
"""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from duck_label.ranges import merged, without

# Some hundred chunks' worth; what was used last stays.
_MOST_BYTES = 1 << 30

Fetch = Callable[[int, int], bytes]


class Copies:
    """Copies of parts of files, below a folder, or where the system has temporary files."""

    def __init__(self, folder: Path | None = None, most_bytes: int = _MOST_BYTES) -> None:
        self._folder = folder
        self._most = most_bytes
        self._copies: OrderedDict[str, Copy] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, url: str, start: int, size: int, fetch: Fetch) -> bytes:
        """Bytes of a file; what of them was not read before is fetched, by its start and size."""
        try:
            with self._lock:
                if url not in self._copies:
                    here = self._folder if self._folder and self._folder.is_dir() else None
                    # Without a name: whatever ends the process removes it.
                    self._copies[url] = Copy(tempfile.TemporaryFile(dir=here))  # noqa: SIM115
                copy = self._copies[url]
                self._copies.move_to_end(url)
        except OSError:
            return fetch(start, size)
        found = copy.read(start, size, fetch)
        with self._lock:
            while self._copies and sum(one.size for one in self._copies.values()) > self._most:
                self._copies.popitem(last=False)
        return found


class Copy:
    """The ranges of one file that were read, each byte at its own place in a file with holes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        weakref.finalize(self, file.close)
        self._ranges: list[tuple[int, int]] = []
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """The bytes that are here."""
        return sum(end - start for start, end in self._ranges)

    def read(self, start: int, size: int, fetch: Fetch) -> bytes:
        """See `Copies`. A full disk ends the keeping, not the work."""
        end = start + size
        with self._lock:
            missing = without((start, end), self._ranges)
        for first, last in missing:
            content = fetch(first, last - first)
            if (first, last) == (start, end):
                with suppress(OSError):
                    self._keep(first, content)
                return content
            try:
                self._keep(first, content)
            except OSError:
                return fetch(start, size)
        with self._lock:
            self._file.seek(start)
            return self._file.read(size)

    def _keep(self, start: int, content: bytes) -> None:
        with self._lock:
            self._file.seek(start)
            self._file.write(content)
            self._file.flush()
            self._ranges = merged([*self._ranges, (start, start + len(content))])
