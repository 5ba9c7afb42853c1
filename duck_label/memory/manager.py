"""Keeps the process inside its memory budget: acts where its RSS passes one of three lines.

Covers what is done about memory while work goes on. What the budget is, is said in `memory`; who
reads the RSS all the time is `monitor`.
"""

from __future__ import annotations

import gc
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from duck_label.memory.budget import MB, MemorySnapshot, format_bytes, rss_bytes

Item = TypeVar("Item")

# How far below the cleanup line, in parts of the limit, pressure counts as over.
_HYSTERESIS = 0.1
# A cleanup that frees less than this part of the limit is not repeated until as much has come on.
_WORTHWHILE = 0.02
# A collection looks at every object of the process, the caller's too: it may take so much of the
# time, where cleanups come one after the other.
_COLLECTING = 0.02
# The events that are remembered; all are reported and counted.
_REMEMBERED = 1000
_LEVELS = ("recovered", "warning", "critical", "emergency")


@dataclass(frozen=True)
class MemoryEvent:
    """Something that happened to memory or was done about it, and the RSS before and after.

    Kinds: `warning`, `critical`, `emergency` and `recovered` where a line was passed; `cleanup`,
    `gc`, `reconnect` and `retry` for what was done; `callback_failed`; `worker_lost` and `timeout`
    where a process that helps died or was ended.
    """

    kind: str
    reason: str
    before_bytes: int
    after_bytes: int
    chunk: str | None = None
    step: str | None = None

    @property
    def freed_bytes(self) -> int:
        """What the process holds less than before."""
        return self.before_bytes - self.after_bytes


class MemoryManager:
    """Cleans up when the RSS of the process passes a share of its limit.

    Three lines, as fractions of the limit, each switched off by 0. Above the cleanup line,
    `check_memory_and_cleanup` runs the callbacks and releases memory. Where a reading passes the
    critical line, the work in hand is interrupted. Above the emergency line, the promise was
    broken. Whoever listens is told when a line is passed upwards, and when pressure is over: a
    tenth of the limit below the cleanup line.

    `memory_limit_gb` is decimal. `read_rss` is the one place where the RSS is read, there for
    tests to set.
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
        self.limit_bytes = round(memory_limit_gb * 1000 * MB)
        self.read_rss = read_rss
        self.events: deque[MemoryEvent] = deque(maxlen=_REMEMBERED)
        self.counts: Counter[str] = Counter()
        self.freed_bytes = 0
        self._lines = (cleanup_threshold, critical_threshold, emergency_threshold)
        self._recovered_below = (cleanup_threshold or 0.8) - _HYSTERESIS
        self._callbacks: list[Callable[[], object]] = []
        self._listeners: list[Callable[[MemoryEvent], object]] = []
        self._release: Callable[[], object] = _nothing
        self._interrupt: Callable[[], object] = _nothing
        self._lock = threading.RLock()
        self._cleaning = threading.RLock()
        self._level = 0
        self._was_critical = False
        self._futile_below = 0
        self._collects_from = 0.0
        self._places: dict[int, tuple[str | None, str | None]] = {}

    @property
    def place(self) -> tuple[str | None, str | None]:
        """The chunk and the step that this thread is at; for one at none, those of all threads."""
        own = self._places.get(threading.get_ident())
        places = [*self._places.values()] if own is None else [own]
        chunks = [chunk for chunk, _ in places if chunk is not None]
        steps = [step for _, step in places if step is not None]
        return ", ".join(chunks) or None, ", ".join(steps) or None

    @place.setter
    def place(self, place: tuple[str | None, str | None]) -> None:
        if place == (None, None):
            self._places.pop(threading.get_ident(), None)
        else:
            self._places[threading.get_ident()] = place

    def govern(self, release: Callable[[], object], interrupt: Callable[[], object]) -> None:
        """Say how memory is released and how the work in hand is interrupted, from any thread."""
        self._release, self._interrupt = release, interrupt

    def register_cleanup_callback(self, callback: Callable[[], object]) -> None:
        """Call this at every cleanup, before anything else is released."""
        self._callbacks.append(callback)

    def listen(self, listener: Callable[[MemoryEvent], object]) -> None:
        """Tell this of every event, on the thread on which it happens."""
        self._listeners.append(listener)

    def get_memory_snapshot(self) -> MemorySnapshot:
        """What is used now."""
        return MemorySnapshot.take(self.read_rss())

    def check_memory_and_cleanup(self, force: bool = False) -> tuple[bool, float, float]:
        """Clean up if the RSS is above the cleanup line, or if told to.

        Returns whether it did, and the RSS before and after in megabytes. A callback that raises
        is reported and does not keep the others from running. Of several threads one cleans up,
        and the others see what came of it.
        """
        with self._cleaning:
            return self._clean_up(force)

    def _clean_up(self, force: bool) -> tuple[bool, float, float]:
        before = self.read_rss()
        is_due = self._is_above(0, before) and before >= self._futile_below
        if not (force or is_due):
            return False, before / MB, before / MB
        for callback in self._callbacks:
            try:
                callback()
            except Exception as error:
                reason = f"a cleanup callback raised {type(error).__name__}: {error}"
                self.report("callback_failed", reason, before, self.read_rss())
        if force or time.monotonic() >= self._collects_from:
            self._collect()
        self._release()
        after = self.read_rss()
        worthwhile = _WORTHWHILE * self.limit_bytes
        self._futile_below = 0 if before - after >= worthwhile else round(after + worthwhile)
        line = f"above {self._lines[0]:.0%} of {format_bytes(self.limit_bytes)}"
        self.report("cleanup", "forced" if force else line, before, after)
        return True, before / MB, after / MB

    def _collect(self) -> None:
        before, began = self.read_rss(), time.monotonic()
        if gc.collect():
            self.report("gc", "part of a cleanup", before, self.read_rss())
        ended = time.monotonic()
        self._collects_from = ended + (ended - began) / _COLLECTING

    def observe(self, rss: int) -> None:
        """Take a reading: report lines that are passed, interrupt at the critical one."""
        is_critical = self.is_critical(rss)
        if is_critical and not self._was_critical:
            self._interrupt()
        self._was_critical = is_critical
        passed = [line for line in range(len(self._lines)) if self._is_above(line, rss)]
        level = 1 + passed[-1] if passed else 0
        if level > self._level or (self._level and rss < self._recovered_below * self.limit_bytes):
            self._level = level if level > self._level else 0
            self.report(_LEVELS[self._level], self._standing(rss), rss, rss)

    def is_critical(self, rss: int | None = None) -> bool:
        """Whether a reading, or else the RSS now, is above the critical line."""
        rss = self.read_rss() if rss is None else rss
        return self._is_above(1, rss) or self._is_above(2, rss)

    def optimize_processing_order(self, chunk_indices: Sequence[Item]) -> list[Item]:
        """The smallest chunk first, which shows what a bar needs; then the largest first.

        Chunks are `(start, end)` positions or have a number of `rows`. Equal ones keep their order.
        """
        left = sorted(chunk_indices, key=_rows, reverse=True)
        smallest = min(map(_rows, left), default=0)
        first = next((at for at, chunk in enumerate(left) if _rows(chunk) == smallest), 0)
        return [*left[first : first + 1], *left[:first], *left[first + 1 :]]

    def report(self, kind: str, reason: str, before: int, after: int) -> None:
        """Count what happened and tell everyone who listens."""
        self.relay(MemoryEvent(kind, reason, before, after, *self.place))

    def relay(self, event: MemoryEvent) -> None:
        """Count an event, of this process or of one that helps it, and tell everyone."""
        with self._lock:
            self.events.append(event)
            self.counts[event.kind] += 1
            if event.kind == "cleanup":
                self.freed_bytes += max(0, event.freed_bytes)
            for listener in self._listeners:
                listener(event)

    def _standing(self, rss: int) -> str:
        share = rss / self.limit_bytes
        return f"{format_bytes(rss)} is {share:.0%} of {format_bytes(self.limit_bytes)}"

    def _is_above(self, line: int, rss: int) -> bool:
        return 0 < self._lines[line] <= rss / self.limit_bytes


def _rows(chunk: object) -> int:
    if isinstance(chunk, tuple | list):
        start, end = chunk
        return int(end - start)
    return int(getattr(chunk, "rows", 1))


def _nothing() -> None:
    """Do nothing: until a run says otherwise."""
