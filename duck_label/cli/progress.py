"""A run as people see it: the progress bar on stderr, and plans and summaries in words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from duck_label.bars.plan import Chunk
from duck_label.cli.console import say
from duck_label.errors import ConfigError
from duck_label.memory.budget import MB, MemoryBudget, format_bytes
from duck_label.records.chunk import ChunkRecord
from duck_label.run.results import RunPlan, RunSummary
from duck_label.tables import counted

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# A run below this is too short to tell what it would grow by in a minute.
_TELLING_SECONDS = 60


class TerminalProgress:
    """The progress of a run on stderr: a bar on a terminal, else (or with `verbose`) lines.

    Use as a context manager.
    """

    def __init__(self, *, quiet: bool, verbose: bool, show_bar: bool) -> None:
        if quiet and verbose:
            raise ConfigError("--quiet and --verbose: one writes nothing, the other more; give one")
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

    def detail(self, message: str) -> None:
        """Write a line, if verbose."""
        if self._verbose:
            self.note(message)

    def begin(
        self, chunks: Sequence[Chunk], budget: MemoryBudget, read_rss: Callable[[], int]
    ) -> None:
        """Show the bar."""
        self._chunks = len(chunks)
        if self._verbose:
            self.note(
                f"{counted(len(chunks), 'chunk')}, "
                f"{counted(sum(chunk.rows for chunk in chunks), 'bar')} to go"
            )
        if self._show_bar:
            from duck_label.cli.bar import labeling_bar  # loads rich

            self._bar = labeling_bar(budget.limit, read_rss)
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
                f"{chunk.name}: {record.bars:,} bars in {record.seconds:.2f} s, "
                f"peak {format_bytes(record.peak_rss_bytes)}"
            )

    def __enter__(self) -> TerminalProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


class ReadingProgress:
    """How many bars were read, on stderr: a bar on a terminal, else lines of what is worth telling.

    Use as a context manager.
    """

    def __init__(self, *, quiet: bool, show_bar: bool) -> None:
        self._quiet = quiet
        self._show_bar = show_bar and not quiet and sys.stderr.isatty()
        self._bar: Progress | None = None

    def note(self, message: str) -> None:
        """Write a line, unless quiet."""
        if not self._quiet:
            say(message)

    def begin(self, bars: int) -> None:
        """Show the bar."""
        if self._show_bar:
            from duck_label.cli.bar import reading_bar  # loads rich

            self._bar = reading_bar()
            self._bar.start()
            self._bar.add_task("", total=bars)

    def advance(self, bars: int) -> None:
        """Move the bar on."""
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0], bars)

    def __enter__(self) -> ReadingProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def summary_text(summary: RunSummary) -> str:
    """A run in a few lines."""
    where = f"labels: {summary.output}/*.parquet ({counted(len(summary.parts), 'file')})"
    if summary.rows_weighed:
        weighed = (
            f"weighed {counted(summary.rows_weighed, 'bar')} in {summary.seconds:.1f} s, "
            f"{counted(summary.chunks_weighed, 'chunk')}"
        )
        where = f"{weighed}\n{where}"
        if summary.rows_labeled == 0:
            return where
    if summary.rows_labeled == 0:
        labeled = (
            f"{counted(summary.rows_resumed, 'bar')} {_is_or_are(summary.rows_resumed)} labeled"
        )
        return f"nothing to do: {labeled}\n{where}"
    lines = [
        f"labeled {counted(summary.rows_labeled, 'bar')} in {summary.seconds:.1f} s "
        f"({summary.rows_per_second:,.0f}/s), {counted(summary.chunks_labeled, 'chunk')}"
    ]
    if summary.chunks_resumed:
        lines.append(
            f"{counted(summary.rows_resumed, 'bar')} in {counted(summary.chunks_resumed, 'chunk')} "
            "were done before"
        )
    # What a run of seconds grows by says nothing of a minute.
    growth = ""
    if summary.seconds >= _TELLING_SECONDS:
        growth = f"growth {summary.growth_bytes_per_minute / MB:.0f} MB/min, "
    lines.append(
        f"memory: peak {format_bytes(summary.peak_rss_bytes)} of "
        f"{format_bytes(summary.memory_limit_bytes)}, "
        f"{growth}"
        f"{format_bytes(summary.peak_spill_bytes)} spilled, "
        f"{counted(summary.cleanups, 'cleanup')} freed "
        f"{format_bytes(summary.cleanup_freed_bytes)}, "
        f"{counted(summary.chunks_retried, 'chunk')} tried again; "
        f"next time {summary.next_chunk_rows:,} bars a chunk"
    )
    lines += [f"advice: {text}" for text in summary.advice]
    return "\n".join([*lines, where])


def _is_or_are(number: int) -> str:
    return "is" if number == 1 else "are"


def plan_text(plan: RunPlan) -> str:
    """A plan as a table, a line per chunk."""
    lines = [f"{'chunk':<44} {'bars, about':>12}"]
    lines += [f"{chunk.name:<44} {chunk.rows:>12,}" for chunk in plan.chunks]
    lines.append(
        f"{counted(len(plan.chunks), 'chunk')} of {counted(plan.input_rows, 'bar')} in "
        f"{counted(plan.input_files, 'file')}; {counted(plan.rows_done, 'bar')} "
        f"{_is_or_are(plan.rows_done)} labeled already; {counted(plan.threads, 'thread')}, "
        f"{format_bytes(plan.memory_limit_bytes)}"
    )
    if plan.chunks_to_weigh:
        lines.append(
            f"{counted(plan.rows_to_weigh, 'bar')} of those in "
            f"{counted(plan.chunks_to_weigh, 'chunk')} get other weights, without being labeled"
        )
    return "\n".join(lines)
