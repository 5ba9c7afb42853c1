"""Watches this process while it works: a thread that reads its memory ten times a second."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from duck_label.memory import rss_bytes


class MemorySampler:
    """The highest RSS since the start and since the last `mark`, in bytes.

    Use as a context manager. `observe` is told every reading; `read_rss` is there for tests to set.
    """

    def __init__(
        self,
        interval: float = 0.1,
        read_rss: Callable[[], int] = rss_bytes,
        observe: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._interval = interval
        self._observe = observe
        self._read_rss = read_rss
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-sampler", daemon=True)
        self.peak = 0
        self._peak_since_mark = 0

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            self.sample()

    def sample(self) -> int:
        """Read the memory now."""
        rss = self._read_rss()
        self.peak = max(self.peak, rss)
        self._peak_since_mark = max(self._peak_since_mark, rss)
        self._observe(rss)
        return rss

    def mark(self) -> int:
        """The highest RSS since the last mark; a new stretch begins."""
        self.sample()
        peak, self._peak_since_mark = self._peak_since_mark, 0
        return peak

    def __enter__(self) -> Self:
        self.sample()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
