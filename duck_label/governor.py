"""Keeps the process inside its memory budget: watches its RSS and acts at three lines.

Covers what is done about memory while work goes on. What the budget is, is said in `memory`; who
reads the RSS all the time is `monitor`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import psutil

from duck_label.memory import MB, rss_bytes

Item = TypeVar("Item")


@dataclass(frozen=True)
class MemorySnapshot:
    """What the process and the machine use at one moment (decimal megabytes)."""

    timestamp: datetime
    rss_mb: float
    vms_mb: float
    available_mb: float
    percent_used: float


@dataclass(frozen=True)
class MemoryEvent:
    """Something that was done about memory, and the RSS before and after it."""

    kind: str
    reason: str
    before_bytes: int
    after_bytes: int


class MemoryManager:
    """Cleans up when the RSS of the process passes a share of its limit.

    Three lines, as fractions of the limit, each switched off by 0. At the cleanup line, callbacks
    run and memory is released, whenever `check_memory_and_cleanup` is called. At the critical line
    the work in hand is interrupted as soon as it is seen; it is not interrupted again until the
    RSS has been below the cleanup line. Above the emergency line, the promise was broken: that is
    recorded. `read_rss` is the one place where the RSS is read, there for tests to set.
    """

    def __init__(
        self,
        memory_limit_gb: float = 8.0,
        cleanup_threshold: float = 0.8,
        critical_threshold: float = 0.95,
        emergency_threshold: float = 1.2,
        *,
        read_rss: Callable[[], int] = rss_bytes,
    ) -> None:
        self.limit_bytes = int(memory_limit_gb * 1000 * MB)
        self.events: list[MemoryEvent] = []
        self._cleanup = cleanup_threshold
        self._critical = critical_threshold
        self._emergency = emergency_threshold
        self._read_rss = read_rss
        self._callbacks: list[Callable[[], object]] = []
        self._release: Callable[[], object] = _nothing
        self._interrupt: Callable[[], object] = _nothing
        self._report: Callable[[MemoryEvent], object] = _nothing
        self._is_critical = threading.Event()

    def govern(
        self,
        release: Callable[[], object],
        interrupt: Callable[[], object],
        report: Callable[[MemoryEvent], object],
    ) -> None:
        """Say how memory is released, how work is interrupted, and who is told of events."""
        self._release, self._interrupt, self._report = release, interrupt, report

    def register_cleanup_callback(self, callback: Callable[[], object]) -> None:
        """Call this at every cleanup, before anything else is released."""
        self._callbacks.append(callback)

    def get_memory_snapshot(self) -> MemorySnapshot:
        """What is used now."""
        process, machine = psutil.Process().memory_info(), psutil.virtual_memory()
        rss = self._read_rss()
        return MemorySnapshot(
            timestamp=datetime.now(UTC),
            rss_mb=rss / MB,
            vms_mb=process.vms / MB,
            available_mb=machine.available / MB,
            percent_used=100 * rss / self.limit_bytes,
        )

    def check_memory_and_cleanup(self, force: bool = False) -> tuple[bool, float, float]:
        """Clean up if the RSS is above the cleanup line, or if told to.

        Returns whether it did, and the RSS before and after in megabytes. A callback that raises
        is recorded and does not keep the others from running.
        """
        before = self._read_rss()
        if not (force or self._is_above(self._cleanup, before)):
            return False, before / MB, before / MB
        for callback in self._callbacks:
            try:
                callback()
            except Exception as error:
                reason = f"a cleanup callback raised {type(error).__name__}: {error}"
                self._note("callback_failed", reason, before, self._read_rss())
        self._release()
        after = self._read_rss()
        self._note("cleanup", "forced" if force else "above the cleanup line", before, after)
        return True, before / MB, after / MB

    def observe(self, rss: int) -> None:
        """Take a reading: interrupt the work in hand where it passes the critical line."""
        if not self._is_critical.is_set() and self._is_above(self._critical, rss):
            self._is_critical.set()
            kind = "emergency" if self._is_above(self._emergency, rss) else "critical"
            self._note(kind, "above the critical line: the work is interrupted", rss, rss)
            self._interrupt()
        elif self._is_critical.is_set() and rss < (self._cleanup or 0.8) * self.limit_bytes:
            self._is_critical.clear()
            self._note("recovered", "below the cleanup line", rss, rss)

    def optimize_processing_order(self, chunk_indices: Sequence[Item]) -> list[Item]:
        """The smallest chunk first, which shows what a bar needs; then the largest first.

        Chunks are `(start, end)` positions or have a number of `rows`. Equal ones keep their order.
        """
        by_size = sorted(chunk_indices, key=_rows, reverse=True)
        if not by_size:
            return []
        first = min(chunk_indices, key=_rows)
        return [first, *(chunk for chunk in by_size if chunk is not first)]

    def _is_above(self, threshold: float, rss: int) -> bool:
        return threshold > 0 and rss >= threshold * self.limit_bytes

    def _note(self, kind: str, reason: str, before: int, after: int) -> None:
        event = MemoryEvent(kind, reason, before, after)
        self.events.append(event)
        self._report(event)


def _rows(chunk: object) -> int:
    if isinstance(chunk, tuple | list):
        start, end = chunk
        return int(end - start)
    return int(getattr(chunk, "rows", 1))


def _nothing(*_: object) -> None:
    """Do nothing: until a run says otherwise."""
