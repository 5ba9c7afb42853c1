"""Tells of one run, while it goes: its records, the terminal, an alert command, a file of metrics.

What each of them does is said in `ledger`, `results` and `alerts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from duck_label.bars.plan import Chunk
from duck_label.config import LabelingConfig
from duck_label.memory.budget import MemoryBudget, MemorySnapshot
from duck_label.memory.manager import MemoryEvent
from duck_label.records.ledger import Ledger
from duck_label.run.results import Progress

if TYPE_CHECKING:
    from duck_label.memory.alerts import AlertCommand, MetricsFile

# What is said on the terminal; the records have the rest too.
_SAID = (
    *("warning", "critical", "emergency", "recovered", "reconnect", "callback_failed"),
    *("worker_lost", "timeout"),
)


class Reporter(Protocol):
    """Told what a watch sees, from any thread."""

    def event(self, event: MemoryEvent) -> None:
        """Something happened to memory, or was done about it."""

    def observe(self, snapshot: MemorySnapshot) -> None:
        """A reading of the memory."""


class RunReporter:
    """The `Reporter` of a run. Use as a context manager.

    Raises:
        OutputError: if the file of metrics cannot be written.
    """

    def __init__(
        self, config: LabelingConfig, budget: MemoryBudget, ledger: Ledger, progress: Progress
    ) -> None:
        self._ledger = ledger
        self._progress = progress
        self._chunks_done = self._rows_done = 0
        self._alerts: AlertCommand | None = None
        self._metrics: MetricsFile | None = None
        self._stack = ExitStack()
        # Loaded only where they are asked for.
        if config.memory.alert_command is not None:
            from duck_label.memory.alerts import AlertCommand

            self._alerts = AlertCommand(
                config.memory.alert_command, ledger.output.address(), budget.limit, progress.note
            )
            self._stack.callback(self._alerts.wait)
        if config.run.metrics_file is not None:
            from duck_label.memory.alerts import MetricsFile

            self._metrics = MetricsFile(Path(config.run.metrics_file), budget.limit, progress.note)

    def __enter__(self) -> Self:
        if self._metrics is not None:
            self._metrics.begin()
            self._stack.callback(self._end_metrics, self._metrics)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def event(self, event: MemoryEvent) -> None:
        """Record it; say it and run the command if it is one of those."""
        self._ledger.append("memory_events", asdict(event))
        if event.kind in _SAID:
            self._progress.note(f"memory: {event.kind}: {event.reason}")
        if self._alerts is not None:
            self._alerts(event)

    def observe(self, snapshot: MemorySnapshot) -> None:
        """Keep the metrics up to date."""
        if self._metrics is not None:
            self._metrics.observe(snapshot)

    def begin(self, chunks: Sequence[Chunk]) -> None:
        """There is so much to do."""
        if self._metrics is not None:
            self._metrics.set(chunks=len(chunks), rows=sum(chunk.rows for chunk in chunks))

    def finish(self, rows: int) -> None:
        """A chunk of so many rows is done."""
        self._chunks_done += 1
        self._rows_done += rows
        if self._metrics is not None:
            self._metrics.set(chunks_done=self._chunks_done, rows_done=self._rows_done)
            self._metrics.write()

    @staticmethod
    def _end_metrics(metrics: MetricsFile) -> None:
        metrics.set(running=0)
        metrics.write()
