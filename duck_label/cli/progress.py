"""A run as people see it: the progress bar on stderr, and plans and summaries in words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from duck_label.bars.plan import Chunk
from duck_label.cli.console import say
from duck_label.memory.budget import MB, MemoryBudget, format_bytes
from duck_label.records.ledger import ChunkRecord
from duck_label.run.results import RunPlan, RunSummary


class _Memory(ProgressColumn):
    """The run's memory beside its budget."""

    def __init__(self, limit: int, read_rss: Callable[[], int]) -> None:
        super().__init__()
        self._limit = limit
        self._read_rss = read_rss

    def render(self, task: Task) -> Text:  # noqa: ARG002 - the shape that rich calls
        return Text(f"{format_bytes(self._read_rss())} of {format_bytes(self._limit)}")


class _Rate(ProgressColumn):
    """Rows done, and how many a second."""

    def render(self, task: Task) -> Text:
        rate = task.completed / task.elapsed if task.elapsed else 0
        return Text(f"{task.completed:,.0f} bars, {rate:,.0f}/s")


class TerminalProgress:
    """The progress of a run on stderr: a bar on a terminal, else (or with `verbose`) lines.

    Use as a context manager.
    """

    def __init__(self, *, quiet: bool, verbose: bool, show_bar: bool) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._show_bar = show_bar and not quiet and sys.stderr.isatty()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._chunks = 0
        self._done = 0

    def note(self, message: str) -> None:
        """Write a line, unless quiet."""
        if not self._quiet:
            say(message)

    def begin(
        self, chunks: Sequence[Chunk], budget: MemoryBudget, read_rss: Callable[[], int]
    ) -> None:
        """Show the bar."""
        self._chunks = len(chunks)
        if self._verbose:
            self.note(
                f"{len(chunks)} chunks, {sum(chunk.rows for chunk in chunks):,} bars to label"
            )
        if self._show_bar:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                _Rate(),
                _Memory(budget.limit, read_rss),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            total = sum(chunk.rows for chunk in chunks)
            self._task = self._bar.add_task(f"chunk 0/{self._chunks}", total=total)

    def advance(self, chunk: Chunk, record: ChunkRecord, left: int) -> None:
        """Move the bar on by a chunk."""
        self._done += 1
        self._chunks = self._done + left
        if self._bar is not None and self._task is not None:
            description = f"chunk {self._done}/{self._chunks}"
            self._bar.update(self._task, advance=chunk.rows, description=description)
        if self._verbose:
            self.note(
                f"{chunk.name}: {record.rows:,} bars in {record.seconds:.2f} s, "
                f"peak {format_bytes(record.peak_rss_bytes)}"
            )

    def __enter__(self) -> TerminalProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def summary_text(summary: RunSummary) -> str:
    """A run in a few lines."""
    where = f"labels: {summary.output}/*.parquet ({len(summary.parts)} files)"
    if summary.rows_labeled == 0:
        return f"nothing to do: {summary.rows_resumed:,} bars are labeled\n{where}"
    lines = [
        f"labeled {summary.rows_labeled:,} bars in {summary.seconds:.1f} s "
        f"({summary.rows_per_second:,.0f}/s), {summary.chunks_labeled} chunks"
    ]
    if summary.chunks_resumed:
        lines.append(
            f"{summary.rows_resumed:,} bars in {summary.chunks_resumed} chunks were done before"
        )
    lines.append(
        f"memory: peak {format_bytes(summary.peak_rss_bytes)} of "
        f"{format_bytes(summary.memory_limit_bytes)}, "
        f"growth {summary.growth_bytes_per_minute / MB:.0f} MB/min, "
        f"{format_bytes(summary.peak_spill_bytes)} spilled, "
        f"{summary.cleanups} cleanups freed {format_bytes(summary.cleanup_freed_bytes)}, "
        f"{summary.chunks_retried} chunks tried again; "
        f"next time {summary.next_chunk_rows:,} bars a chunk"
    )
    lines += [f"advice: {text}" for text in summary.advice]
    return "\n".join([*lines, where])


def plan_text(plan: RunPlan) -> str:
    """A plan as a table, a line per chunk."""
    lines = [f"{'chunk':<44} {'bars, about':>12}"]
    lines += [f"{chunk.name:<44} {chunk.rows:>12,}" for chunk in plan.chunks]
    lines.append(
        f"{len(plan.chunks)} chunks of {plan.input_rows:,} bars in {plan.input_files} files; "
        f"{plan.rows_done:,} bars are labeled already; "
        f"{plan.threads} threads, {format_bytes(plan.memory_limit_bytes)}"
    )
    return "\n".join(lines)
