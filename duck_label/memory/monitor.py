"""Watches this process while it works: memory ten times a second, rows and stages as they come.

Covers what is measured and what follows from the figures. What is done about memory is the
business of `manager`.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median

from duck_label.memory.budget import MB, MemorySnapshot, format_bytes
from duck_label.memory.manager import MemoryEvent, MemoryManager
from duck_label.memory.snapshots import SnapshotSeries
from duck_label.tables import counted

# Growth is fitted to so many lows at most: all pairs of them are looked at.
_MOST_LOWS = 128
# With fewer lows than this a slope says nothing.
_LEAST_LOWS = 5
# The first lows belong to the warming up: libraries load, allocators make their arenas.
_WARM_UP = 2

# Buffers and spilled files of DuckDB in bytes, or None where it cannot be asked.
Probe = Callable[[], tuple[int, int] | None]


@dataclass(frozen=True)
class PerformanceMetrics:
    """What some work took. Times in seconds unless named otherwise, megabytes decimal."""

    elapsed_time: float
    rows_processed: int
    total_rows: int
    target_rows_per_minute: int
    peak_memory_mb: float
    current_memory_mb: float
    memory_limit_mb: float
    memory_growth_rate_mb_per_minute: float
    fragmentation_mb: float
    peak_spill_mb: float
    memory_snapshots: list[MemorySnapshot] = field(default_factory=list)
    memory_cleanup_events: list[MemoryEvent] = field(default_factory=list)
    gc_events: list[MemoryEvent] = field(default_factory=list)
    processing_stages: dict[str, float] = field(default_factory=dict)

    @property
    def rows_per_minute(self) -> float:
        """Rows a minute, of all the time since the start."""
        return 60 * self.rows_processed / self.elapsed_time if self.elapsed_time > 0 else 0.0

    def projected_minutes(self, total_rows: int) -> float:
        """How long so many rows take at this rate; infinite before the first row."""
        rate = self.rows_per_minute
        return total_rows / rate if rate > 0 else float("inf")


@dataclass(eq=False)
class Peaks:
    """The highest RSS and the most spilled, in bytes."""

    rss_bytes: int = 0
    spill_bytes: int = 0


class PerformanceMonitor:
    """Measures work while it goes on: a run of the engine, or any code of yours.

    A thread samples memory from `start_monitoring` to `finish_monitoring`. What it sees goes to
    the `MemoryManager`, which cleans up at every `cleanup_frequency`-th progress update if
    `enable_auto_cleanup`. The target only shows in the report: work is never thrown away over it.
    """

    def __init__(
        self,
        target_rows_per_minute: int = 167_000,
        memory_limit_gb: float = 8.0,
        enable_auto_cleanup: bool = True,
        cleanup_frequency: int = 10,
        *,
        manager: MemoryManager | None = None,
        snapshots: SnapshotSeries | None = None,
        probe: Probe = lambda: None,
        observe: Callable[[MemorySnapshot], object] = lambda _: None,
        interval: float = 0.1,
    ) -> None:
        self._target = target_rows_per_minute
        self._manager = manager or MemoryManager(memory_limit_gb)
        self._cleans_up = enable_auto_cleanup
        self._frequency = cleanup_frequency
        self._series = SnapshotSeries() if snapshots is None else snapshots
        self.probe = probe
        self._observe = observe
        self._interval = interval
        self._thread: threading.Thread | None = None
        self._helpers: dict[int, PerformanceMetrics] = {}
        self._timing = threading.Lock()
        self._sampling = threading.Lock()
        self._reset(0)

    def _reset(self, total_rows: int) -> None:
        self._stop = threading.Event()
        self._began = self._ended = self._stage_began = time.perf_counter()
        self.total_rows = total_rows
        self._rows = self._updates = 0
        self._peak = self._peak_spill = 0
        self._open_peaks: list[Peaks] = []
        self._beside_duckdb_when_warm = self._fragmentation = 0
        self._stages: dict[str, float] = {}
        self._lows: list[tuple[float, int]] = []
        self._lows_between = 1
        self._lows_seen = 0
        self._sampled = -math.inf
        # What a listener raised where nobody would see it.
        self._listener_error: Exception | None = None

    def start_monitoring(self, total_rows: int = 0) -> None:
        """Begin to measure work on so many rows."""
        self._reset(total_rows)
        self._beside_duckdb_when_warm = _beside_duckdb(self.sample())
        self._thread = threading.Thread(target=self._watch, name="memory-sampler", daemon=True)
        self._thread.start()

    def update_progress(self, rows: int, stage: str | None = None) -> None:
        """Say how many rows are done by now, in all, and which stage the time since went into.

        Takes a snapshot, unless the last one was taken a moment ago. Raises what a listener raised
        in the thread that samples.
        """
        self._raise_listener_error()
        if time.perf_counter() - self._sampled >= self._interval:
            self.sample()
        self._rows = max(self._rows, rows)
        if stage is not None:
            now = time.perf_counter()
            self._stages[stage] = self._stages.get(stage, 0.0) + now - self._stage_began
            self._stage_began = now
        self._updates += 1
        if self._cleans_up and self._updates % self._frequency == 0:
            self._manager.check_memory_and_cleanup()

    def finish_monitoring(self) -> PerformanceMetrics:
        """End the measuring and return what was measured."""
        self.stop()
        return self.metrics()

    def stop(self) -> None:
        """End the sampling; what was measured stays."""
        if self._thread is None:
            return
        self._stop.set()
        self._thread.join()
        self._thread = None
        self.sample()
        self._ended = time.perf_counter()
        with suppress(OSError):
            self._series.flush()

    @contextmanager
    def performance_context(self, total_rows: int = 0) -> Iterator[PerformanceMonitor]:
        """Monitor a `with` block."""
        self.start_monitoring(total_rows)
        try:
            yield self
        finally:
            self.stop()

    @contextmanager
    def stage(self, chunk: str | None, step: str) -> Iterator[None]:
        """Name what is worked on inside a `with` block, and time it.

        Raises what a listener raised in the thread that samples.
        """
        self._raise_listener_error()
        began = time.perf_counter()
        self._manager.place = (chunk, step)
        try:
            yield
        finally:
            self._manager.place = (chunk, None)
            with self._timing:
                self._stages[step] = self._stages.get(step, 0.0) + time.perf_counter() - began

    def get_memory_manager(self) -> MemoryManager:
        """What cleans up and remembers the events."""
        return self._manager

    def sample(self) -> MemorySnapshot:
        """Read the memory now."""
        # First of all the RSS: where it passes a line, something must happen at once.
        rss = self._manager.read_rss()
        self._sampled = time.perf_counter()
        self._manager.observe(rss)
        duckdb, spill = self.probe() or (None, None)
        with self._sampling:
            chunk, step = self._manager.place
            snapshot = MemorySnapshot.take(
                rss, duckdb_bytes=duckdb, spill_bytes=spill, chunk=chunk, step=step
            )
            self._peak = max(self._peak, rss)
            self._peak_spill = max(self._peak_spill, spill or 0)
            for peaks in self._open_peaks:
                peaks.rss_bytes = max(peaks.rss_bytes, rss)
                peaks.spill_bytes = max(peaks.spill_bytes, spill or 0)
            with suppress(OSError):  # a full disk ends the record, not the work
                self._series.add(snapshot)
        self._observe(snapshot)
        return snapshot

    @contextmanager
    def measure_peaks(self) -> Iterator[Peaks]:
        """The peaks inside a `with` block, of all that the process does meanwhile."""
        peaks = Peaks()
        with self._sampling:
            self._open_peaks.append(peaks)
        try:
            yield peaks
        finally:
            with self._sampling:
                self._open_peaks.remove(peaks)

    def note_low(self) -> MemorySnapshot:
        """Take a reading right after a cleanup: from these lows, growth and leaks are told."""
        low = self.sample()
        self._lows_seen += 1
        if self._lows_seen <= _WARM_UP:
            self._beside_duckdb_when_warm = max(self._beside_duckdb_when_warm, _beside_duckdb(low))
        self._fragmentation = max(0, _beside_duckdb(low) - self._beside_duckdb_when_warm)
        if self._lows_seen > _WARM_UP and self._lows_seen % self._lows_between == 0:
            self._lows.append((time.perf_counter() - self._began, low.rss_bytes))
        if len(self._lows) == _MOST_LOWS:
            del self._lows[::2]
            self._lows_between *= 2
        return low

    def take_in(self, helper: int, metrics: PerformanceMetrics) -> None:
        """Count growth, fragmentation and stages of a process that helps, as measured so far."""
        self._helpers[helper] = metrics

    @property
    def fragmentation_bytes(self) -> int:
        """At the last low: what neither DuckDB nor the process as it was when warm accounts for."""
        return self._fragmentation

    @property
    def rows(self) -> int:
        """The rows done so far."""
        return self._rows

    @property
    def peak_bytes(self) -> int:
        """The highest RSS so far."""
        return self._peak

    def metrics(self) -> PerformanceMetrics:
        """What was measured so far."""
        ended = time.perf_counter() if self._thread else self._ended
        events = self._manager.events
        helpers = self._helpers.values()
        stages = defaultdict(float, self._stages)
        for helper in helpers:
            for stage, seconds in helper.processing_stages.items():
                stages[stage] += seconds
        growth = growth_per_second(self._lows) * 60 / MB
        growth += sum(helper.memory_growth_rate_mb_per_minute for helper in helpers)
        fragmentation = self._fragmentation / MB + sum(
            helper.fragmentation_mb for helper in helpers
        )
        return PerformanceMetrics(
            elapsed_time=ended - self._began,
            rows_processed=self._rows,
            total_rows=self.total_rows,
            target_rows_per_minute=self._target,
            peak_memory_mb=self._peak / MB,
            current_memory_mb=self._manager.read_rss() / MB,
            memory_limit_mb=self._manager.limit_bytes / MB,
            memory_growth_rate_mb_per_minute=growth,
            fragmentation_mb=fragmentation,
            peak_spill_mb=self._peak_spill / MB,
            memory_snapshots=list(self._series),
            memory_cleanup_events=[event for event in events if event.kind == "cleanup"],
            gc_events=[event for event in events if event.kind == "gc"],
            processing_stages=dict(stages),
        )

    def print_performance_report(self) -> None:
        """Write what was measured to stderr."""
        sys.stderr.write(report_text(self.metrics()) + "\n")

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self.sample()
            except Exception as error:  # whoever works finds it at the next step; watching goes on
                self._listener_error = self._listener_error or error

    def _raise_listener_error(self) -> None:
        error, self._listener_error = self._listener_error, None
        if error is not None:
            raise error


def _beside_duckdb(snapshot: MemorySnapshot) -> int:
    return snapshot.rss_bytes - (snapshot.duckdb_bytes or 0)


def growth_per_second(lows: list[tuple[float, int]]) -> float:
    """Bytes a second by which lows rise: the median of the slopes of all pairs (Theil and Sen).

    Up to 29 % of the lows may be anything without moving it; 0 for fewer than five.
    """
    if len(lows) < _LEAST_LOWS:
        return 0.0
    pairs = combinations(lows, 2)
    return median((b - a) / (later - sooner) for (sooner, a), (later, b) in pairs)


def report_text(metrics: PerformanceMetrics) -> str:
    """Metrics in a few lines."""
    rate, target = metrics.rows_per_minute, metrics.target_rows_per_minute
    # What some seconds grow by says nothing of a minute.
    growth = ""
    if metrics.elapsed_time >= 60:
        growth = f", grew by {metrics.memory_growth_rate_mb_per_minute:.1f} MB a minute"
    lines = [
        f"{metrics.rows_processed:,} rows in {metrics.elapsed_time:.1f} s: {rate:,.0f} a minute "
        f"({rate / target:,.1f} times the target of {target:,})",
        f"memory peaked at {format_bytes(metrics.peak_memory_mb * MB)} of "
        f"{format_bytes(metrics.memory_limit_mb * MB)}, is at "
        f"{format_bytes(metrics.current_memory_mb * MB)}{growth}",
        f"{counted(len(metrics.memory_cleanup_events), 'cleanup')}, "
        f"{counted(len(metrics.gc_events), 'collection')}",
    ]
    stages = sorted(metrics.processing_stages.items(), key=lambda item: -item[1])
    lines += [f"  {stage}: {seconds:.1f} s" for stage, seconds in stages]
    return "\n".join(lines)
