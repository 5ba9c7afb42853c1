"""The watch over a process that labels: its monitor, its memory manager, and its database.

Covers how they are put together. What each does is said in `monitor` and `manager`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import duckdb

from duck_label.bars.plan import Chunk
from duck_label.config import LabelingConfig
from duck_label.connection import Connection
from duck_label.database import Database, patiently
from duck_label.errors import MemoryBudgetError
from duck_label.memory import budget as memory
from duck_label.memory.budget import MB, SMALLEST_BUDGET, MemoryBudget, MemorySnapshot, format_bytes
from duck_label.memory.manager import MemoryManager
from duck_label.memory.monitor import PerformanceMonitor, Probe
from duck_label.memory.snapshots import SnapshotSeries
from duck_label.records.chunk import ChunkRecord
from duck_label.run.reporter import Reporter

Result = TypeVar("Result")

# Below this part of the budget freed memory is kept: the next chunk would only take it again, page
# by page, in a thirtieth of the time of all.
_ROOMY = 0.35
# But after so many chunks all of it is given back: only then fragmentation can be measured.
SETTLE_AFTER = 16
# Where fragmentation between chunks is more than this part of the budget, and than this much,
# DuckDB is closed and opened anew.
_FRAGMENTED = 0.1
_FRAGMENTED_BYTES = 64 * MB

# What `on_step` is told when an attempt at a chunk is over, well or not.
OVER = "over"


def on_step(connection: Connection, chunk: str, step: str) -> None:
    """Does nothing. Called before every step of a chunk, and when an attempt at it is over.

    Tests put in its place what is to happen there: death, pressure, a query without end.
    """


class Watch:
    """Watches a process and keeps it inside its budget. Use as a context manager.

    `snapshots` is where readings of the memory are kept.

    Raises:
        MemoryBudgetError: if the process holds too much before any work.
    """

    def __init__(
        self,
        config: LabelingConfig,
        budget: MemoryBudget,
        database: Database,
        reporter: Reporter,
        snapshots: Path | None = None,
    ) -> None:
        self._database = database
        self.manager = manager(config, budget)
        self.manager.govern(database.spill, database.interrupt_all)
        self.manager.listen(reporter.event)
        self.monitor = PerformanceMonitor(
            enable_auto_cleanup=config.memory.cleanup_threshold > 0,
            cleanup_frequency=config.memory.cleanup_frequency,
            manager=self.manager,
            snapshots=SnapshotSeries(path=snapshots),
            probe=database.buffers_and_spill,
            observe=reporter.observe,
        )

    def __enter__(self) -> Self:
        rss = self.manager.read_rss()
        if self.manager.is_critical(rss):
            raise MemoryBudgetError(
                f"this process holds {format_bytes(rss)} before any work: pass --memory-limit "
                f"{format_bytes(rss + SMALLEST_BUDGET)} or more"
            )
        self.monitor.start_monitoring()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.monitor.stop()

    def begin(self, chunks: Sequence[Chunk]) -> None:
        """These chunks are to be labeled; the memory of what came before is given back."""
        self._database.release()
        self.monitor.total_rows = sum(chunk.rows for chunk in chunks)

    def oversee(self, read_rss: Callable[[], int], probe: Probe) -> None:
        """Watch over other processes too, which say what they and this one hold."""
        self.manager.read_rss = read_rss
        self.monitor.probe = probe

    @contextmanager
    def step(self, connection: Connection, chunk: str, name: str) -> Iterator[None]:
        """Watch a step of a connection: memory is cleaned up before it where need be.

        Raises:
            MemoryBudgetError: if memory stays above the critical line.
        """
        on_step(connection, chunk, name)
        self.manager.place = (chunk, None)
        self.manager.check_memory_and_cleanup()
        with self.monitor.stage(chunk, name), connection.interruptible():
            # Who passes the line from here on is interrupted.
            if self.manager.is_critical():
                raise MemoryBudgetError(
                    f"{chunk}: {name}: the process holds {format_bytes(self.manager.read_rss())} "
                    f"of {format_bytes(self.manager.limit_bytes)} before the step begins"
                )
            yield

    def attempt(self, what: str, work: Callable[[], Result]) -> tuple[Result, int]:
        """Do some work, and nothing beside it; where memory fails it, once more with one thread.

        Returns what came of it and the number of attempts.

        Raises:
            MemoryBudgetError: if it fails again.
        """
        try:
            return work(), 1
        except MemoryBudgetError as error:
            if self._database.threads == 1:
                raise
            rss = self.manager.read_rss()
            self.manager.report("retry", f"{what} with one thread: {error}", rss, rss)
        with self._database.one_thread():
            return work(), 2

    def give_back(self, connection: Connection, chunk: str, *, settles: bool) -> MemorySnapshot:
        """After an attempt at a chunk: give memory back where little is left, and see how much is.

        `settles`: no other chunk is in hand, and all that is free is given back.
        """
        on_step(connection, chunk, OVER)

        def drop_tables() -> None:
            try:
                connection.drop_tables()
            except duckdb.OutOfMemoryException:
                self._database.release()
                raise

        # Others in flight may hold all memory just now, and to drop a table takes a little too.
        patiently(drop_tables)
        if settles:
            return self.settle()
        low = self.monitor.sample()
        if low.rss_bytes > _ROOMY * self.manager.limit_bytes:
            self._database.release()
            low = self.monitor.sample()
        return low

    def settle(self) -> MemorySnapshot:
        """Where no chunk is in hand: measure fragmentation, and get rid of much of it."""
        self._database.release()
        low = self.monitor.note_low()
        lost = self.monitor.fragmentation_bytes
        if lost > max(_FRAGMENTED * self.manager.limit_bytes, _FRAGMENTED_BYTES):
            self._database.reconnect()
            self.manager.report(
                "reconnect",
                f"{format_bytes(lost)} are held by nobody between chunks",
                low.rss_bytes,
                self.manager.read_rss(),
            )
        return low

    def finish(self, record: ChunkRecord) -> None:
        """A chunk is done."""
        self.monitor.update_progress(self.monitor.rows + record.bars)


def manager(config: LabelingConfig, budget: MemoryBudget) -> MemoryManager:
    """The memory manager that a configuration asks for."""
    lines = config.memory
    return MemoryManager(
        budget.limit / (1000 * MB),
        lines.cleanup_threshold,
        lines.critical_threshold,
        lines.emergency_threshold,
        read_rss=memory.rss_bytes,
    )
