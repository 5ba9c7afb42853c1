"""What a run tells: before it starts, while it goes, and when it is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Protocol

from duck_label.bars.plan import Chunk
from duck_label.memory.budget import MB, MemoryBudget
from duck_label.memory.manager import MemoryManager
from duck_label.memory.monitor import PerformanceMetrics
from duck_label.records.checked import Checked, Rounded, month_name
from duck_label.records.chunk import ChunkRecord

# Months of a symbol in a line of text.
_SHOWN = 8


def rounded_note(rounded: Sequence[Rounded]) -> str:
    """How many prices were taken for the nearest level, by symbol and month."""
    total = sum(one["prices"] for one in rounded)
    shown = ", ".join(
        f"{one['symbol']} {one['month']}: {one['prices']:,}".strip() for one in rounded[:_SHOWN]
    )
    more = f" and {len(rounded) - _SHOWN} more" if len(rounded) > _SHOWN else ""
    return f"{total:,} prices off the grid were taken for the nearest level ({shown}{more})"


class Progress(Protocol):
    """Told what happens while it happens."""

    def note(self, message: str) -> None:
        """Something worth a line."""

    def detail(self, message: str) -> None:
        """Something worth a line to those who ask for more."""

    def begin(
        self, chunks: Sequence[Chunk], budget: MemoryBudget, read_rss: Callable[[], int]
    ) -> None:
        """Labeling starts, with these chunks to do; `read_rss` says what memory is held."""

    def advance(self, chunk: Chunk, record: ChunkRecord, left: int) -> None:
        """A chunk is finished, and so many are left."""


class Silence:
    """A `Progress` that says nothing."""

    def note(self, message: str) -> None:
        """Say nothing."""

    def detail(self, message: str) -> None:
        """Say nothing."""

    def begin(
        self, chunks: Sequence[Chunk], budget: MemoryBudget, read_rss: Callable[[], int]
    ) -> None:
        """Say nothing."""

    def advance(self, chunk: Chunk, record: ChunkRecord, left: int) -> None:
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
    # Finished chunks whose weights would be made anew, without labeling.
    chunks_to_weigh: int = 0
    rows_to_weigh: int = 0

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
    rows_repeated: int = 0
    symbols_left_out: int = 0
    prices_rounded: list[Rounded] = field(default_factory=list)
    lone_events: int = 0
    rows_weighed: int = 0
    chunks_labeled: int = 0
    chunks_weighed: int = 0
    chunks_resumed: int = 0
    chunks_stale: int = 0
    chunks_retried: int = 0
    parts: list[str] = field(default_factory=list)
    seconds: float = 0.0
    rows_per_second: float = 0.0
    peak_rss_bytes: int = 0
    memory_limit_bytes: int = 0
    threads: int = 0
    workers: int = 1
    # The most that this process labeled at a time.
    chunks_in_flight: int = 1
    workers_lost: int = 0
    reference_month: str = ""
    growth_bytes_per_minute: float = 0.0
    fragmentation_bytes: int = 0
    peak_spill_bytes: int = 0
    cleanups: int = 0
    cleanup_freed_bytes: int = 0
    reconnects: int = 0
    median_prediction_error: float | None = None
    memory_factor: float = 1.0
    next_chunk_rows: int = 0
    step_seconds: dict[str, float] = field(default_factory=dict)
    advice: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _errors: list[float] = field(default_factory=list, repr=False)

    @property
    def growth_bytes(self) -> float:
        """By how much the memory that stays after cleanups grew over the run."""
        return self.growth_bytes_per_minute * self.seconds / 60

    def resume(self, done: Sequence[ChunkRecord]) -> None:
        """Count what an earlier run finished."""
        self.parts = sorted(record.file for record in done if record.file is not None)
        self.chunks_resumed = len(done)
        self.rows_resumed = sum(record.bars for record in done)

    def nothing_to_do(self, done: Sequence[ChunkRecord], checked: Checked, seconds: float) -> None:
        """Say that there was nothing to do."""
        self.resume(done)
        self.rows_quarantined = checked.bad_bars
        self.rows_repeated = checked.repeated
        self.prices_rounded = list(checked.rounded)
        self.reference_month = month_name(checked.reference_month)
        self.seconds = round(seconds, 3)

    def add(self, record: ChunkRecord) -> None:
        """Count a chunk that this run finished."""
        self.chunks_labeled += 1
        self.rows_labeled += record.bars
        self.chunks_retried += record.attempts > 1
        # Of processes on other machines nobody else tells.
        self.peak_rss_bytes = max(self.peak_rss_bytes, record.peak_rss_bytes)
        self._errors.append(abs(record.predicted_peak_bytes / record.peak_rss_bytes - 1))

    def weighed(self, record: ChunkRecord) -> None:
        """Count a chunk whose weights this run made anew."""
        self.chunks_weighed += 1
        self.rows_weighed += record.rows
        self.chunks_retried += record.attempts > 1

    def finish(self, metrics: PerformanceMetrics, manager: MemoryManager) -> None:
        """Note what the run took."""
        self.seconds = round(metrics.elapsed_time, 3)
        self.rows_per_second = round(self.rows_labeled / metrics.elapsed_time, 1)
        self.peak_rss_bytes = max(self.peak_rss_bytes, round(metrics.peak_memory_mb * MB))
        self.growth_bytes_per_minute = round(metrics.memory_growth_rate_mb_per_minute * MB, 1)
        self.fragmentation_bytes = round(metrics.fragmentation_mb * MB)
        self.peak_spill_bytes = round(metrics.peak_spill_mb * MB)
        self.cleanups = manager.counts["cleanup"]
        self.cleanup_freed_bytes = manager.freed_bytes
        self.reconnects = manager.counts["reconnect"]
        self.workers_lost = manager.counts["worker_lost"] + manager.counts["timeout"]
        self.median_prediction_error = round(median(self._errors), 3) if self._errors else None
        stages = metrics.processing_stages
        self.step_seconds = {stage: round(seconds, 3) for stage, seconds in stages.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain values; keys carry units."""
        values = asdict(self)
        del values["_errors"]
        return values
