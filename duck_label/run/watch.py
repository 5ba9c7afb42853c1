"""The watch over one run: its monitor, its memory manager, and whoever is to be told.

Covers how they are put together with the database and the records. What each does is said in
`monitor`, `governor` and `alerts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from duck_label.bars.plan import Chunk
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.errors import MemoryBudgetError
from duck_label.memory import budget as memory
from duck_label.memory.budget import MB, SMALLEST_BUDGET, MemoryBudget, MemorySnapshot, format_bytes
from duck_label.memory.governor import MemoryEvent, MemoryManager
from duck_label.memory.monitor import PerformanceMonitor
from duck_label.memory.snapshots import SnapshotSeries
from duck_label.records.ledger import ChunkRecord, Ledger
from duck_label.run.results import Progress

if TYPE_CHECKING:
    from duck_label.memory.alerts import MetricsFile

Result = TypeVar("Result")

# What is said on the terminal; the records have the rest too.
_SAID = ("warning", "critical", "emergency", "recovered", "reconnect", "callback_failed")
# Where more than this part of the budget, and this much, is held by nobody between chunks, DuckDB
# is closed and opened anew.
_FRAGMENTED = 0.1
_FRAGMENTED_BYTES = 64 * MB


class Watch:
    """Watches a run and keeps it inside its budget. Use as a context manager.

    Raises:
        MemoryBudgetError: if the process holds too much before any work.
        OutputError: if the file of metrics cannot be written.
    """

    def __init__(
        self,
        config: LabelingConfig,
        budget: MemoryBudget,
        database: Database,
        ledger: Ledger,
        progress: Progress,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._progress = progress
        self._chunks_done = 0
        self._metrics: MetricsFile | None = None
        self._stack = ExitStack()
        self.manager = manager(config, budget)
        self.manager.govern(database.spill, database.interrupt)
        self.manager.listen(self._record)
        self.monitor = PerformanceMonitor(
            enable_auto_cleanup=config.memory.cleanup_threshold > 0,
            cleanup_frequency=config.memory.cleanup_frequency,
            manager=self.manager,
            snapshots=SnapshotSeries(path=ledger.snapshots),
            probe=database.held,
            observe=self._observe,
        )
        # Loaded only where they are asked for.
        if config.memory.alert_command is not None:
            from duck_label.memory.alerts import AlertCommand

            alerts = AlertCommand(
                config.memory.alert_command, ledger.output.address(), budget.limit, progress.note
            )
            self.manager.listen(alerts)
            self._stack.callback(alerts.wait)
        if config.run.metrics_file is not None:
            from duck_label.memory.alerts import MetricsFile

            self._metrics = MetricsFile(Path(config.run.metrics_file), budget.limit, progress.note)
            self._stack.callback(self._end_metrics)

    def __enter__(self) -> Self:
        held = self.manager.read_rss()
        if self.manager.is_critical(held):
            raise MemoryBudgetError(
                f"this process holds {format_bytes(held)} before any work: pass --memory-limit "
                f"{format_bytes(held + SMALLEST_BUDGET)} or more"
            )
        if self._metrics is not None:
            self._metrics.begin()
        self._stack.enter_context(self.monitor.performance_context())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def begin(self, chunks: Sequence[Chunk]) -> None:
        """Say what there is to do; the memory of what came before is given back."""
        self._database.release()
        rows = sum(chunk.rows for chunk in chunks)
        if self._metrics is not None:
            self._metrics.set(chunks=len(chunks), rows=rows)

    @contextmanager
    def step(self, chunk: str, name: str) -> Iterator[None]:
        """Watch a step: memory is cleaned up before it where need be.

        Raises:
            MemoryBudgetError: if memory stays above the critical line.
        """
        self.manager.place = (chunk, None)
        self.manager.check_memory_and_cleanup()
        if self.manager.is_critical():
            raise MemoryBudgetError(
                f"{chunk}: {name}: the process holds {format_bytes(self.manager.read_rss())} "
                f"of {format_bytes(self.manager.limit_bytes)} before the step begins"
            )
        with self.monitor.stage(chunk, name), self._database.interruptible():
            yield

    def attempt(self, what: str, work: Callable[[], Result]) -> tuple[Result, int]:
        """Do some work; where memory fails it, once more with one thread.

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

    def rest(self) -> MemorySnapshot:
        """After a chunk: give memory back, and see what is left."""
        self._database.drop_tables()
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
        self._chunks_done += 1
        self.monitor.update_progress(self.monitor.rows + record.rows)
        if self._metrics is not None:
            self._metrics.set(chunks_done=self._chunks_done, rows_done=self.monitor.rows)
            self._metrics.write()

    def _observe(self, snapshot: MemorySnapshot) -> None:
        if self._metrics is not None:
            self._metrics.observe(snapshot)

    def _end_metrics(self) -> None:
        if self._metrics is not None:
            self._metrics.set(running=0)
            self._metrics.write()

    def _record(self, event: MemoryEvent) -> None:
        self._ledger.append("memory_events", asdict(event))
        if event.kind in _SAID:
            self._progress.note(f"memory: {event.kind}: {event.reason}")


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
