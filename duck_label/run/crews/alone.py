"""Who labels the chunks of a run. This process does, unless a run asks for more.

A crew takes chunks and gives back what became of each, in whatever order. Which chunks it gets, and
what is done about those that failed, is the business of `schedule`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

from duck_label.bars.plan import Chunk
from duck_label.connection import Connection
from duck_label.database import INSISTENCE, Database
from duck_label.errors import MemoryBudgetError, SpillError
from duck_label.memory.budget import MemoryBudget
from duck_label.records.chunk import ChunkRecord
from duck_label.run.chunks import ChunkLabeler
from duck_label.run.watch import SETTLE_AFTER, Watch


@dataclass(frozen=True)
class Task:
    """A chunk to label, and the memory that the process is expected to need meanwhile.

    `at_a_time` chunks are labeled in the same process at the same time, this one among them.
    """

    chunk: Chunk
    predicted_peak_bytes: int
    at_a_time: int = 1

    @property
    def alone(self) -> bool:
        """Whether no other chunk is labeled in the same process meanwhile."""
        return self.at_a_time == 1


@dataclass(frozen=True)
class Done:
    """A chunk that is labeled: its part file is whole and waits for its name."""

    chunk: Chunk
    record: ChunkRecord


@dataclass(frozen=True)
class Failed:
    """A chunk that is not labeled, and why."""

    chunk: Chunk
    error: Exception


class Crew(Protocol):
    """Labels chunks, as many at a time as it has `room`.

    `budget` is what each of them may use; or all of them together, where `shares_memory`. `busy`
    are the chunks that it has taken and not given back.
    """

    budget: MemoryBudget
    shares_memory: bool

    @property
    def room(self) -> int:
        """How many chunks it takes at a time."""

    @property
    def busy(self) -> int:
        """How many it has."""

    def submit(self, task: Task) -> None:
        """Take a chunk."""

    def next(self) -> Done | Failed:
        """Wait for one of its chunks; raises what is no fault of the chunk's."""


class Alone:
    """This process: labels a chunk while it is waited for, or several in flight.

    Each chunk in flight has a thread and a connection of its own; they share the memory and the
    threads of one DuckDB. A context manager, at whose end none is in flight.
    """

    shares_memory = True

    def __init__(
        self,
        database: Database,
        labeler: Callable[[Connection], ChunkLabeler],
        watch: Watch,
    ) -> None:
        self.budget = database.budget
        self._database = database
        self._labeler = labeler
        self._watch = watch
        self._own = labeler(database)
        self._waiting: Task | None = None
        self._flights: dict[threading.Thread, Connection] = {}
        self._free: list[tuple[Connection, ChunkLabeler]] = []
        self._landed: SimpleQueue[tuple[threading.Thread, Done | BaseException | Failed]]
        self._landed = SimpleQueue()
        self._landings = 0

    @property
    def room(self) -> int:
        """How many chunks it takes at a time: no more than threads.

        After some that were labeled beside others, no new one begins until all have landed.
        """
        return self.busy if self._landings >= SETTLE_AFTER else self._database.threads

    @property
    def busy(self) -> int:
        """How many chunks it has."""
        return len(self._flights) + (self._waiting is not None)

    def submit(self, task: Task) -> None:
        """Take a chunk; one that is not alone begins at once."""
        self._database.share_threads(task.at_a_time)
        if task.alone:
            self._waiting = task
            return
        if self._free:
            connection, labeler = self._free.pop()
        else:
            connection = self._database.another()
            labeler = self._labeler(connection)
        flight = threading.Thread(
            target=self._fly, args=(task, connection, labeler), name=task.chunk.name, daemon=True
        )
        self._flights[flight] = connection
        flight.start()

    def next(self) -> Done | Failed:
        """Label the chunk that is alone, or wait for one in flight."""
        if self._waiting is not None:
            task, self._waiting = self._waiting, None
            return _labeled(self._own, task)
        flight, result = self._landed.get()
        flight.join()
        del self._flights[flight]
        self._landings += 1
        if not self._flights:
            self._landings = 0
            self._watch.settle()
        if isinstance(result, BaseException):
            raise result
        return result

    def _fly(self, task: Task, connection: Connection, labeler: ChunkLabeler) -> None:
        result: Done | Failed | BaseException
        try:
            result = _labeled(labeler, task)
        except BaseException as error:  # whoever waits is to know, whatever it is
            result = error
        self._watch.manager.place = (None, None)
        self._free.append((connection, labeler))
        self._landed.put((threading.current_thread(), result))

    def __enter__(self) -> Alone:
        return self

    def __exit__(self, *_: object) -> None:
        while self._flights:
            for flight, connection in [*self._flights.items()]:
                connection.cancel()
                flight.join(INSISTENCE)
                if not flight.is_alive():
                    del self._flights[flight]


def _labeled(labeler: ChunkLabeler, task: Task) -> Done | Failed:
    try:
        record = labeler.label(task.chunk, task.predicted_peak_bytes, alone=task.alone)
    except (MemoryBudgetError, SpillError) as error:
        return Failed(task.chunk, error)
    return Done(task.chunk, record)
