"""What a run tells: before it starts, while it goes, and when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from duck_label.ledger import ChunkRecord
from duck_label.memory import MemoryBudget
from duck_label.plan import Chunk


class Progress(Protocol):
    """Told what happens while it happens."""

    def note(self, message: str) -> None:
        """Something worth a line."""

    def begin(self, chunks: Sequence[Chunk], budget: MemoryBudget) -> None:
        """Labeling starts, with these chunks to do."""

    def advance(self, chunk: Chunk, record: ChunkRecord) -> None:
        """A chunk is finished."""


class Silence:
    """A `Progress` that says nothing."""

    def note(self, message: str) -> None:
        """Say nothing."""

    def begin(self, chunks: Sequence[Chunk], budget: MemoryBudget) -> None:
        """Say nothing."""

    def advance(self, chunk: Chunk, record: ChunkRecord) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class RunPlan:
    """What a run would do: the chunks left to label, and the rows that are labeled already."""

    chunks: tuple[Chunk, ...]
    input_files: int
    input_rows: int
    rows_done: int
    memory_limit_bytes: int
    threads: int

    def to_json(self) -> dict[str, Any]:
        """Plain values; keys carry units."""
        chunks = [{"name": chunk.name, **asdict(chunk)} for chunk in self.chunks]
        return {**asdict(self), "chunks": chunks}


@dataclass
class RunSummary:
    """What a run did."""

    output: str
    rows_labeled: int = 0
    rows_resumed: int = 0
    rows_quarantined: int = 0
    chunks_labeled: int = 0
    chunks_resumed: int = 0
    chunks_retried: int = 0
    parts: list[str] = field(default_factory=list)
    seconds: float = 0.0
    rows_per_second: float = 0.0
    peak_rss_bytes: int = 0
    memory_limit_bytes: int = 0
    threads: int = 0
    reference_month: str = ""
    warnings: list[str] = field(default_factory=list)

    def resume(self, done: Sequence[ChunkRecord]) -> None:
        """Count what an earlier run finished."""
        self.chunks_resumed = len(done)
        self.rows_resumed = sum(record.rows for record in done)

    def add(self, record: ChunkRecord) -> None:
        """Count a chunk that this run finished."""
        self.chunks_labeled += 1
        self.rows_labeled += record.rows
        self.chunks_retried += record.attempts > 1

    def finish(self, seconds: float, peak_rss_bytes: int) -> None:
        """Note what the run took."""
        self.seconds = round(seconds, 3)
        self.rows_per_second = round(self.rows_labeled / seconds, 1)
        self.peak_rss_bytes = peak_rss_bytes

    def to_json(self) -> dict[str, Any]:
        """Plain values; keys carry units."""
        return asdict(self)
