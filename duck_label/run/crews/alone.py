"""Who labels the chunks of a run. This process does, unless a run asks for more.

A crew takes chunks and gives back what became of each, in whatever order. Which chunks it gets, and
what is done about those that failed, is the business of `schedule`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from duck_label.bars.plan import Chunk
from duck_label.errors import MemoryBudgetError, SpillError
from duck_label.memory.budget import MemoryBudget
from duck_label.records.ledger import ChunkRecord
from duck_label.run.chunks import ChunkLabeler


@dataclass(frozen=True)
class Task:
    """A chunk to label, and the memory that it is expected to need."""

    chunk: Chunk
    predicted_peak_bytes: int


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
    """Labels chunks, as many at a time as it has `room`; each with `budget`.

    `busy` are the chunks that it has taken and not given back.
    """

    budget: MemoryBudget

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
    """This process: labels a chunk while it is waited for."""

    room = 1

    def __init__(self, labeler: ChunkLabeler, budget: MemoryBudget) -> None:
        self.budget = budget
        self._labeler = labeler
        self._tasks: list[Task] = []

    @property
    def busy(self) -> int:
        """How many chunks it has."""
        return len(self._tasks)

    def submit(self, task: Task) -> None:
        """Take a chunk."""
        self._tasks.append(task)

    def next(self) -> Done | Failed:
        """Label a chunk."""
        task = self._tasks.pop()
        try:
            record = self._labeler.label(task.chunk, task.predicted_peak_bytes)
        except (MemoryBudgetError, SpillError) as error:
            return Failed(task.chunk, error)
        return Done(task.chunk, record)
