"""A crew of processes on this machine, each with its share of the memory budget and the threads.

Each is a fresh interpreter that knows nothing of the caller's program, at the end of a pipe of its
own: whatever happens to one of them, at whatever moment, holds up no other. When the parent is
gone, however it went, the pipe ends and they leave. Ctrl-C reaches the parent only.
"""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

import psutil

from duck_label.errors import WorkerLostError
from duck_label.memory import budget as memory
from duck_label.memory.budget import MemoryBudget, MemorySnapshot
from duck_label.memory.manager import MemoryEvent
from duck_label.profile import Profile
from duck_label.run.crews.alone import Done, Failed, Task
from duck_label.run.crews.worker import Report, Work, remove_unfinished
from duck_label.run.watch import Watch

# Seconds from the end of a worker's pipe to its own.
_LAST_WORDS = 10

_MAIN = "from duck_label.run.crews.worker import main; main()"


@dataclass
class _Worker:
    """A process, what it is at, and what it last said of its memory."""

    number: int
    token: str
    folder: Path
    process: subprocess.Popen[bytes]
    rss: psutil.Process
    task: Task | None = None
    since: float = 0.0
    snapshot: MemorySnapshot | None = None


@dataclass
class ProcessCrew:
    """Processes that label; they start when there is work. Their spill goes below `folder`.

    A context manager, at whose end they are gone.
    """

    shares_memory = False

    work: Work
    budget: MemoryBudget
    room: int
    timeout: float | None
    folder: Path
    watch: Watch
    profile: Profile | None
    _all: list[_Worker] = field(default_factory=list)
    _messages: SimpleQueue[tuple[_Worker, Any]] = field(default_factory=SimpleQueue)
    _started: int = 0

    @property
    def busy(self) -> int:
        """How many chunks are being labeled."""
        return sum(worker.task is not None for worker in self._all)

    def submit(self, task: Task) -> None:
        """Give a chunk to a worker that has none, a new one if need be."""
        worker = next((worker for worker in self._all if worker.task is None), None)
        if worker is None:
            self._start(task)
            return
        worker.task, worker.since = task, time.monotonic()
        _give(worker.process, pickle.dumps(task))

    def next(self) -> Done | Failed:
        """Wait for a chunk: labeled, failed, or lost with its worker."""
        while True:
            try:
                worker, message = self._messages.get(timeout=self._patience())
            except Empty:
                if (lost := self._overdue()) is not None:
                    return lost
                continue
            if worker not in self._all:  # what was still in the pipe of one that was ended
                continue
            if isinstance(message, Report):
                worker.task = None
                return self._take(worker, message)
            if isinstance(message, MemoryEvent):
                reason = f"worker {worker.number}: {message.reason}"
                self.watch.manager.relay(replace(message, reason=reason))
            elif isinstance(message, MemorySnapshot):
                worker.snapshot = message
                self._say_where()
            elif isinstance(message, Exception):
                raise message
            elif (lost := self._died(worker)) is not None:
                return lost

    def rss_bytes(self) -> int:
        """What the workers and this process hold now."""
        return memory.rss_bytes() + sum(_rss(worker.rss) for worker in tuple(self._all))

    def buffers_and_spill(self) -> tuple[int, int] | None:
        """What all DuckDBs hold in buffers and on disk, by what the workers last said."""
        said = [worker.snapshot for worker in tuple(self._all) if worker.snapshot is not None]
        buffers = sum(snapshot.duckdb_bytes or 0 for snapshot in said)
        return buffers, sum(snapshot.spill_bytes or 0 for snapshot in said)

    def _say_where(self) -> None:
        """A reading of all is named after the chunk and step of the largest."""
        said = [worker.snapshot for worker in self._all if worker.snapshot is not None]
        largest = max(said, key=lambda snapshot: snapshot.rss_bytes)
        self.watch.manager.place = (largest.chunk, largest.step)

    def _take(self, worker: _Worker, report: Report) -> Done | Failed:
        self.watch.monitor.take_in(worker.number, report.metrics)
        if self.profile is not None and report.profile is not None:
            self.profile.merge(report.profile)
        return report.result

    def _patience(self) -> float | None:
        """Seconds until some worker has taken too long; None where there is no such time."""
        since = [worker.since for worker in self._all if worker.task is not None]
        if self.timeout is None or not since:
            return None
        return max(0.0, min(since) + self.timeout - time.monotonic())

    def _overdue(self) -> Failed | None:
        """End the worker that has taken too long."""
        assert self.timeout is not None  # noqa: S101 - or nobody would be late
        for worker in self._all:
            late = worker.task and time.monotonic() - worker.since >= self.timeout
            if worker.task is not None and late:
                name = worker.task.chunk.name
                reason = (
                    f"{name}: worker {worker.number} was ended: not done within --chunk-timeout "
                    f"{self.timeout:g}: pass a longer one or a smaller --chunk"
                )
                return self._lose(worker, "timeout", reason)
        return None

    def _died(self, worker: _Worker) -> Failed | None:
        """Forget a worker whose pipe has ended."""
        try:
            code = worker.process.wait(timeout=_LAST_WORDS)
        except subprocess.TimeoutExpired:  # what it says makes no sense
            worker.process.kill()
            code = worker.process.wait()
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        name = "between chunks" if worker.task is None else worker.task.chunk.name
        reason = (
            f"{name}: worker {worker.number} (process {worker.process.pid}) died: {how}: "
            "where the machine ran out of memory, pass a smaller --memory-limit or fewer --workers"
        )
        return self._lose(worker, "worker_lost", reason)

    def _lose(self, worker: _Worker, kind: str, reason: str) -> Failed | None:
        rss = 0 if worker.snapshot is None else worker.snapshot.rss_bytes
        task = worker.task
        name = None if task is None else task.chunk.name
        step = None if worker.snapshot is None else worker.snapshot.step
        self._end([worker])
        self.watch.manager.relay(MemoryEvent(kind, reason, rss, 0, name, step))
        return None if task is None else Failed(task.chunk, WorkerLostError(reason))

    def _start(self, task: Task) -> None:
        self._started += 1
        token = uuid4().hex[:12]
        folder = self.folder / token
        # `-P`: the working directory is no place for modules of ours.
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _MAIN, token, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        handle = psutil.Process(process.pid)
        worker = _Worker(self._started, token, folder, process, handle, task, time.monotonic())
        self._all.append(worker)
        first = (pickle.dumps(self.work), pickle.dumps(task))
        threading.Thread(
            target=_attend, args=(worker, first, self._messages), name="worker", daemon=True
        ).start()

    def _end(self, workers: list[_Worker]) -> None:
        """End workers, and remove what they leave."""
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.process.wait()
            self._all.remove(worker)
            if worker.process.stdin is not None:
                with suppress(OSError):  # what it was never able to read
                    worker.process.stdin.close()
            shutil.rmtree(worker.folder, ignore_errors=True)
            chunk = None if worker.task is None else worker.task.chunk
            remove_unfinished(self.work.handover, worker.token, chunk)

    def __enter__(self) -> ProcessCrew:
        return self

    def __exit__(self, *_: object) -> None:
        self._end([*self._all])
        self.watch.manager.place = (None, None)


def _attend(
    worker: _Worker, first: tuple[bytes, ...], messages: SimpleQueue[tuple[_Worker, Any]]
) -> None:
    """Give a new worker its first orders, then pass on what it says; None when that is over."""
    assert worker.process.stdout is not None  # noqa: S101 - a pipe
    _give(worker.process, b"".join(first))
    with worker.process.stdout as answers:
        with suppress(Exception):  # it may die in the middle of a word
            while True:
                messages.put((worker, pickle.load(answers)))  # noqa: S301 - from our own child
        messages.put((worker, None))


def _give(process: subprocess.Popen[bytes], orders: bytes) -> None:
    """Write to a worker; one that is gone will be noticed by its silence."""
    assert process.stdin is not None  # noqa: S101 - a pipe
    with suppress(OSError):
        process.stdin.write(orders)
        process.stdin.flush()


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
