"""A crew of Ray tasks: each chunk goes wherever the cluster has the processors and the memory.

Ray is told what a task needs and places no more on a node than it holds. It is not asked to try
again: that is counted by `schedule`, for every kind of crew alike. Input and output must lie where
every node finds them under the same path; spill goes to a folder of the node's own.
"""

from __future__ import annotations

import logging
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

from duck_label.errors import ConfigError, WorkerLostError
from duck_label.memory.budget import MemoryBudget, format_bytes
from duck_label.memory.manager import MemoryEvent
from duck_label.profile import Profile
from duck_label.run.crews.alone import Done, Failed, Task
from duck_label.run.crews.worker import Collector, Report, Work, Workplace, remove_unfinished
from duck_label.run.watch import Watch
from duck_label.storage.names import anywhere
from duck_label.storage.scratch import spill_folder

# The processors of a task where nobody says how many.
THREADS = 2
# How long tasks that were ended are waited for, in seconds.
_GRACE = 10


@dataclass
class _Flight:
    task: Task
    token: str
    since: float


@dataclass
class RayCrew:
    """The tasks of one run. A context manager, at whose end none is left.

    `most` is how many there may be at a time; None is as many as the cluster holds.

    Raises:
        ConfigError: if Ray is not installed, does not answer, or has no node that could hold one.
    """

    shares_memory = False

    work: Work
    budget: MemoryBudget
    most: int | None
    timeout: float | None
    address: str | None
    watch: Watch
    profile: Profile | None
    _flights: dict[Any, _Flight] = field(default_factory=dict)
    _submitted: int = 0

    def __enter__(self) -> RayCrew:
        try:
            ray: Any = import_module("ray")  # loaded only where it is asked for
        except ImportError as error:
            raise ConfigError("--engine ray needs Ray: pip install 'duck-label[ray]'") from error
        self._ray = ray
        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            if self.address is not None:
                _refuse_silence(self.address)
            self._begin(ray)
        if sum(self._slots()) == 0:
            raise ConfigError(
                f"no node of the cluster has {self.work.threads} processors and "
                f"{format_bytes(self.work.memory_bytes)} for a task: pass fewer --threads or a "
                "smaller --memory-limit, which are those of one task"
            )
        needs = {"num_cpus": self.work.threads, "memory": self.work.memory_bytes}
        self._label: Callable[..., Any] = ray.remote(max_retries=0, **needs)(label_once).remote
        self._work = ray.put(_anywhere(self.work))
        return self

    def _begin(self, ray: Any) -> None:
        """Connect to the cluster, or start one of our own here.

        Ray puts a handler of its own over ours, which would end a run at SIGTERM as a crash.
        """
        ours = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            ray.init(self.address, log_to_driver=False, logging_level=logging.WARNING)
        except Exception as error:  # whatever fails below, it is the cluster that is not there
            reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
            if self.address is None:
                raise ConfigError(
                    f"--engine ray: no cluster could be started here: {reason[0]}: start one with "
                    "`ray start --head` and pass its --ray-address"
                ) from error
            raise ConfigError(
                f"--ray-address {self.address}: no cluster answers: {reason[0]}"
            ) from error
        finally:
            if threading.current_thread() is threading.main_thread():
                for number, handler in ours.items():
                    if handler is not None:  # of one that is not Python's there is no telling
                        signal.signal(number, handler)

    def _slots(self) -> Iterator[int]:
        """How many tasks each node holds."""
        for node in self._ray.nodes():
            has = node["Resources"]
            if node["Alive"]:
                processors = int(has.get("CPU", 0) // self.work.threads)
                yield min(processors, int(has.get("memory", 0) // self.work.memory_bytes))

    @property
    def room(self) -> int:
        """How many chunks the cluster holds at a time; it may grow and shrink."""
        slots = max(1, sum(self._slots()))
        return slots if self.most is None else min(slots, self.most)

    @property
    def busy(self) -> int:
        """How many chunks it has."""
        return len(self._flights)

    def submit(self, task: Task) -> None:
        """Give a chunk to the cluster."""
        flight = _Flight(task, uuid4().hex[:12], time.monotonic())
        self._flights[self._label(self._work, task, flight.token)] = flight

    def next(self) -> Done | Failed:
        """Wait for a chunk: labeled, failed, or lost with its process or node."""
        errors = self._ray.exceptions
        while True:
            ready, _ = self._ray.wait([*self._flights], timeout=self._patience())
            if not ready and (lost := self._overdue()) is not None:
                return lost
            for reference in ready:
                flight = self._flights.pop(reference)
                try:
                    return self._take(self._ray.get(reference))
                except errors.RayTaskError as error:
                    raise error.cause from None
                except errors.RayError as error:
                    why = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
                    reason = f"{flight.task.chunk.name}: its task was lost: {why}"
                    return self._lose(flight, "worker_lost", reason)

    def _take(self, report: Report) -> Done | Failed:
        self._submitted += 1
        for event in report.events:
            self.watch.manager.relay(event)
        self.watch.monitor.take_in(self._submitted, report.metrics)
        if self.profile is not None and report.profile is not None:
            self.profile.merge(report.profile)
        return report.result

    def _patience(self) -> float | None:
        if self.timeout is None:
            return None
        since = min(flight.since for flight in self._flights.values())
        return max(0.0, since + self.timeout - time.monotonic())

    def _overdue(self) -> Failed | None:
        for reference, flight in self._flights.items():
            if self.timeout is not None and time.monotonic() - flight.since >= self.timeout:
                del self._flights[reference]
                self._ray.cancel(reference, force=True)
                reason = (
                    f"{flight.task.chunk.name}: its task was ended: not done within "
                    f"--chunk-timeout {self.timeout:g}: pass a longer one or a smaller --chunk"
                )
                return self._lose(flight, "timeout", reason)
        return None

    def _lose(self, flight: _Flight, kind: str, reason: str) -> Failed:
        chunk = flight.task.chunk
        self._tidy(flight)
        self.watch.manager.relay(MemoryEvent(kind, reason, 0, 0, chunk.name))
        return Failed(chunk, WorkerLostError(reason))

    def _tidy(self, flight: _Flight) -> None:
        """Remove what a task that was ended left in the output, and spilled on this machine."""
        remove_unfinished(self.work.handover, flight.token, flight.task.chunk)
        shutil.rmtree(_folder(self.work, flight.token), ignore_errors=True)

    def __exit__(self, *_: object) -> None:
        for reference in self._flights:
            with suppress(Exception):  # whatever is wrong with the cluster, it is over
                self._ray.cancel(reference, force=True)
        with suppress(Exception):
            # A task that is still ending would write where it has been tidied up.
            everything = [*self._flights]
            self._ray.wait(everything, num_returns=len(everything), timeout=_GRACE)
        for flight in self._flights.values():
            self._tidy(flight)
        if self._is_ours:
            self._ray.shutdown()


def _refuse_silence(address: str) -> None:
    """Try whether anyone is there: Ray would for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except OSError as error:
            raise ConfigError(f"--ray-address {address}: no cluster answers: {error}") from error


def label_once(work: Work, task: Task, token: str) -> Report:
    """What a task does: label one chunk in a folder of its own, and leave nothing there."""
    collector = Collector()
    with Workplace(work, _folder(work, token), token, collector) as workplace:
        report = workplace.label(task)
    return replace(report, events=tuple(collector.events))


def _folder(work: Work, token: str) -> Path:
    """Where a task spills to, on whichever machine it is."""
    return spill_folder(work.config.run.temp_dir, token)


def _anywhere(work: Work) -> Work:
    """The same work for a process with another working directory."""
    source = work.source
    files = tuple(replace(file, path=anywhere(file.path)) for file in source.files)
    complete = tuple(anywhere(path) for path in source.complete)
    return replace(work, source=replace(source, files=files, complete=complete))
