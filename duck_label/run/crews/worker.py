"""A process that labels chunks for a run in another process, here or on another machine.

What it needs for that comes once (`Work`), then one chunk after the other; what becomes of each
goes back. It writes part files under names that no other process uses, and nothing into the
records.
"""

from __future__ import annotations

import os
import pickle
import shutil
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, BinaryIO, Self

from duck_label.bars.plan import Chunk
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.errors import DuckLabelError
from duck_label.memory import budget as memory
from duck_label.memory.budget import MemoryBudget, MemorySnapshot
from duck_label.memory.manager import MemoryEvent
from duck_label.memory.monitor import PerformanceMetrics
from duck_label.profile import Profile
from duck_label.run.admission import Bars
from duck_label.run.chunks import ChunkLabeler
from duck_label.run.crews.alone import Done, Failed, Task
from duck_label.run.reporter import Reporter
from duck_label.run.watch import Watch
from duck_label.storage.handover import Handover
from duck_label.storage.scratch import no_room, owned
from duck_label.storage.stores import load


@dataclass(frozen=True)
class Work:
    """What all chunks of a run share, as it is sent to another process.

    `memory_bytes`, `threads` and `max_temp_size` are those of one worker; `kept` is a DuckDB file
    of the tables that hold for the whole run.
    """

    config: LabelingConfig
    source: Source
    parameters: Mapping[str, Any]
    has_quarantine: bool
    handover: Handover
    memory_bytes: int
    threads: int
    max_temp_size: str | None
    kept: bytes
    has_profile: bool


@dataclass(frozen=True)
class Report:
    """What became of a chunk, and what this worker has measured so far.

    `events` are those that were not told of while it went.
    """

    result: Done | Failed
    metrics: PerformanceMetrics
    profile: Profile | None
    events: tuple[MemoryEvent, ...] = ()


class Collector:
    """A `Reporter` that keeps the events for later."""

    def __init__(self) -> None:
        self.events: list[MemoryEvent] = []

    def event(self, event: MemoryEvent) -> None:
        """Keep it."""
        self.events.append(event)

    def observe(self, snapshot: MemorySnapshot) -> None:
        """Nobody asks for it."""


class Workplace:
    """Where one process labels: a DuckDB that spills to `folder`, and a watch. A context manager.

    `token` tells its unfinished part files from those of others.

    Raises:
        OutputError: if there can be no such folder.
        MemoryBudgetError: if the process holds too much before any work.
    """

    def __init__(self, work: Work, folder: Path, token: str, reporter: Reporter) -> None:
        self._handover = work.handover
        self._folder = folder
        self._token = token
        self._profile = Profile() if work.has_profile else None
        self._stack = ExitStack()
        self._stack.enter_context(owned(folder))
        kept = folder / "given.duckdb"
        try:
            kept.write_bytes(work.kept)
        except OSError as error:
            raise no_room(folder.parent, error) from error
        load((file.path for file in work.source.files), work.config.run.store_patience)
        budget = MemoryBudget.resolve(
            f"{work.memory_bytes}B", (work.memory_bytes, "its share"), memory.rss_bytes()
        )
        database = Database(budget, work.threads, folder, work.max_temp_size, self._profile)
        self._stack.enter_context(database)
        database.load_kept(kept)
        bars = Bars.of(
            work.source, work.config, work.parameters, has_quarantine=work.has_quarantine
        )
        self._watch = Watch(work.config, budget, database, reporter)
        self._labeler = ChunkLabeler(database, bars, work.config, self._mine, self._watch)

    def label(self, task: Task) -> Report:
        """Label a chunk; its part file is there whole or not at all."""
        try:
            record = self._labeler.label(task.chunk, task.predicted_peak_bytes)
            if record.file is not None:
                self._handover.deliver(self._mine(record.file), record.file)
        except Exception as error:
            # Errors of others may not survive the way.
            known = error if isinstance(error, DuckLabelError) else RuntimeError(repr(error))
            return self._report(Failed(task.chunk, known))
        self._watch.finish(record)
        return self._report(Done(task.chunk, record))

    def _report(self, result: Done | Failed) -> Report:
        metrics = self._watch.monitor.metrics()
        slim = replace(metrics, memory_snapshots=[], memory_cleanup_events=[], gc_events=[])
        profile = None
        if self._profile is not None:
            profile = Profile(self._profile.steps, self._profile.chunks)
            self._profile.steps, self._profile.chunks = {}, {}
        return Report(result, slim, profile)

    def _mine(self, part: str) -> Path:
        return self._handover.unfinished(part, self._token, self._folder)

    def __enter__(self) -> Self:
        try:
            self._stack.enter_context(self._watch)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()


def remove_unfinished(handover: Handover, token: str, chunk: Chunk | None = None) -> None:
    """Remove the part files that a worker did not finish, or of whose `chunk` it did not tell."""
    handover.remove(token, None if chunk is None else f"{chunk.name}.parquet")


class _Line:
    """To the parent: what the watch sees as it sees it, and what becomes of chunks."""

    def __init__(self, answers: BinaryIO) -> None:
        self._answers = answers
        self._lock = threading.Lock()

    def send(self, message: Report | MemoryEvent | MemorySnapshot | DuckLabelError) -> None:
        with self._lock:
            try:
                pickle.dump(message, self._answers)
                self._answers.flush()
            except OSError:
                threading.Event().wait()  # the parent is gone: `listen` ends this process

    def event(self, event: MemoryEvent) -> None:
        self.send(event)

    def observe(self, snapshot: MemorySnapshot) -> None:
        self.send(snapshot)


def main() -> None:
    """Label what the parent sends on stdin; leave nothing behind when the parent is gone."""
    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything here prints is narration
    line, token = _Line(answers), sys.argv[1]
    work, folder = pickle.load(orders), Path(sys.argv[2])  # noqa: S301 - from our own parent
    tasks: SimpleQueue[Task] = SimpleQueue()

    def listen() -> None:
        try:
            while True:
                tasks.put(pickle.load(orders))  # noqa: S301
        except EOFError:
            shutil.rmtree(folder, ignore_errors=True)
            remove_unfinished(work.handover, token)
            os._exit(1)

    threading.Thread(target=listen, name="orders", daemon=True).start()
    try:
        with Workplace(work, folder, token, line) as workplace:
            while True:
                line.send(workplace.label(tasks.get()))
    except DuckLabelError as error:
        line.send(error)
        os._exit(1)
