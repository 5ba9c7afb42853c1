"""A file in a store, read in ranges of bytes by one thread or many.

DuckDB asks for the columns of the row groups that a query needs, each in one range, so that a range
is asked of the store as it is: reading ahead or in blocks would only fetch more. What one step has
read is at hand for the next (`copies`).
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from typing import Self

from duck_label.errors import InputError
from duck_label.storage.copies import Copies
from duck_label.storage.failures import complaints
from duck_label.storage.stores import Store


class SharedFile(ABC):
    """An open file that several threads may read at once, each from where it has sought to.

    DuckDB shares a file among its threads and seeks before it reads, two calls that those of
    another thread may come between.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        # By thread, not in a threading.local: Python forgets DuckDB's threads after every call.
        self._places: dict[int, int] = {}

    @abstractmethod
    def read_at(self, position: int, size: int) -> bytes:
        """Some bytes; fewer where the file ends."""

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte, counted from the start, from here, or from the end."""
        if whence == os.SEEK_CUR:
            position += self.tell()
        elif whence == os.SEEK_END:
            position += self.size
        self._places[threading.get_ident()] = position
        return position

    def tell(self) -> int:
        """Where this thread reads next."""
        return self._places.get(threading.get_ident(), 0)

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        position = self.tell()
        found = self.read_at(position, self.size - position if size < 0 else size)
        self.seek(position + len(found))
        return found

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class StoredFile(SharedFile):
    """A file in a store.

    Raises:
        InputError: here and where it is read, if the store refuses or fails.
    """

    def __init__(
        self,
        store: Store,
        url: str,
        facts: tuple[int, str] | None = None,
        copies: Copies | None = None,
    ) -> None:
        self._store, self._url, self._copies = store, url, copies
        if facts is None:
            with complaints(url, InputError):
                facts = store.facts(url)
        self.facts = facts
        super().__init__(facts[0])

    @property
    def version(self) -> str:
        """What its store calls its version."""
        return self.facts[1]

    def read_at(self, position: int, size: int) -> bytes:
        """Some bytes, in one request unless copies have some of them; fewer where the file ends."""
        size = max(0, min(size, self.size - position))
        with complaints(self._url, InputError):
            if self._copies is None:
                return self._fetch(position, size)
            return self._copies.read(self._url, position, size, self._fetch)

    def _fetch(self, position: int, size: int) -> bytes:
        return self._store.read(self._url, self.facts, position, size)

    def close(self) -> None:
        """There is nothing to let go of: every read is a request of its own."""
