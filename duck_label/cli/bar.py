"""The progress bar on a terminal."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from duck_label.memory.budget import format_bytes


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


def labeling_bar(limit: int, read_rss: Callable[[], int]) -> Progress:
    """The bar of a run: what it is at, and its memory beside its budget."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        _Rate(),
        _Memory(limit, read_rss),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def reading_bar() -> Progress:
    """The bar of a command that reads bars."""
    return Progress(
        BarColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
