"""Tells the world outside how a run stands: a command of the user's, a file of metrics.

Covers production's side of a run; what people see at a terminal is `progress`.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from duck_label.errors import OutputError
from duck_label.memory.budget import MemorySnapshot
from duck_label.memory.manager import MemoryEvent
from duck_label.whole import whole

_TRANSITIONS = ("warning", "critical", "emergency", "recovered")
_COMMAND_SECONDS = 60
_METRICS_SECONDS = 5


class AlertCommand:
    """Runs a shell command whenever memory passes a line or recovers.

    The facts are in its environment, as DUCK_LABEL_EVENT (`warning`, `critical`, `emergency` or
    `recovered`), _REASON, _RSS_BYTES, _LIMIT_BYTES, _CHUNK, _STEP, _OUTPUT and _PID. A command that
    fails, or takes more than a minute, is reported and stops nothing.
    """

    def __init__(
        self, command: str, output: str, limit_bytes: int, note: Callable[[str], object]
    ) -> None:
        self._command = command
        self._facts = {
            "DUCK_LABEL_OUTPUT": output,
            "DUCK_LABEL_LIMIT_BYTES": str(limit_bytes),
            "DUCK_LABEL_PID": str(os.getpid()),
        }
        self._note = note
        self._running: list[threading.Thread] = []

    def __call__(self, event: MemoryEvent) -> None:
        """Run the command if the event is a transition; does not wait for it."""
        if event.kind not in _TRANSITIONS:
            return
        facts = self._facts | {
            "DUCK_LABEL_EVENT": event.kind,
            "DUCK_LABEL_REASON": event.reason,
            "DUCK_LABEL_RSS_BYTES": str(event.after_bytes),
            "DUCK_LABEL_CHUNK": event.chunk or "",
            "DUCK_LABEL_STEP": event.step or "",
        }
        thread = threading.Thread(target=self._run, args=(facts,), name="alert", daemon=True)
        self._running = [other for other in self._running if other.is_alive()] + [thread]
        thread.start()

    def wait(self) -> None:
        """Wait for the commands that are still running, each for its minute at most."""
        for thread in self._running:
            thread.join(_COMMAND_SECONDS)

    def _run(self, facts: dict[str, str]) -> None:
        shell = [os.environ.get("COMSPEC", "cmd"), "/c"] if os.name == "nt" else ["/bin/sh", "-c"]
        try:
            ended = subprocess.run(
                [*shell, self._command],
                env=os.environ | facts,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                timeout=_COMMAND_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self._note(f"warning: the alert command failed: {error}")
        else:
            if ended.returncode != 0:
                self._note(f"warning: the alert command ended with code {ended.returncode}")


class MetricsFile:
    """Keeps a file in the text format of Prometheus, for a node exporter to collect.

    It is replaced whole, at every chunk and every few seconds.
    """

    def __init__(self, path: Path, limit_bytes: int, note: Callable[[str], object]) -> None:
        self._path = path
        self._note = note
        self._written = 0.0
        self._is_failing = False
        self._lock = threading.Lock()
        self._registry = CollectorRegistry()
        self._gauges = {
            name: Gauge(f"duck_label_{name}", text, registry=self._registry)
            for name, text in (
                ("rss_bytes", "Resident memory of the process"),
                ("memory_limit_bytes", "Budget of the process"),
                ("spill_bytes", "What DuckDB has spilled to disk"),
                ("chunks", "Chunks of this run, done and left"),
                ("chunks_done", "Chunks finished by this run"),
                ("rows", "Rows of this run, done and left"),
                ("rows_done", "Rows labeled by this run"),
                ("running", "1 while the run goes on, 0 when it has ended"),
                ("last_update_timestamp_seconds", "When this file was written"),
            )
        }
        self.set(memory_limit_bytes=limit_bytes, running=1)

    def set(self, **values: float) -> None:
        """Set gauges by their names without the prefix."""
        for name, value in values.items():
            self._gauges[name].set(value)

    def begin(self) -> None:
        """Write for the first time.

        Raises:
            OutputError: if that cannot be done.
        """
        try:
            self._replace()
        except OutputError as error:
            raise OutputError(f"{error}: pass another --metrics-file") from error

    def observe(self, snapshot: MemorySnapshot) -> None:
        """Take in a reading of the memory; write, if the last time is some seconds ago."""
        self.set(rss_bytes=snapshot.rss_bytes, spill_bytes=snapshot.spill_bytes or 0)
        if time.monotonic() - self._written >= _METRICS_SECONDS:
            self.write()

    def write(self) -> None:
        """Replace the file; where it cannot be written any more, that is said once."""
        try:
            self._replace()
        except OutputError as error:
            if not self._is_failing:
                self._note(f"warning: {error}")
            self._is_failing = True
        else:
            self._is_failing = False

    def _replace(self) -> None:
        with self._lock:
            self._written = time.monotonic()
            self.set(last_update_timestamp_seconds=time.time())
            with whole(self._path) as file:
                file.write(generate_latest(self._registry))
