"""Where the time of a run goes: what DuckDB says of SQL, added up by step and by chunk."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any

from duck_label.memory.budget import format_bytes

# Held while a thread counts.
_COUNTING = threading.Lock()
# What makes DuckDB keep the figures of a statement, without printing them.
SETTINGS = "set enable_profiling = 'no_output'; set profiling_coverage = 'ALL'"


# So many of the chunks are shown, those that took longest.
_SHOWN = 20


def _rows_by_place(operators: list[dict[str, Any]]) -> int:
    """The rows that are read by their place, of all tables that lie beside one another.

    DuckDB 2.0.1 does not count these among the rows that it scanned.
    """
    rows = 0
    for operator in operators:
        children = operator.get("children", [])
        if operator["type"] == "POSITIONAL_SCAN":
            rows += operator["intermediate_rows"] * len(children)
        rows += _rows_by_place(children)
    return rows


@dataclass
class Figures:
    """Sums over statements, of all threads too, and the highest peak."""

    seconds: float = 0.0
    thread_seconds: float = 0.0
    rows_read: int = 0
    spilled_bytes: int = 0
    peak_bytes: int = 0

    def count(self, other: Figures) -> None:
        """Count what other statements took."""
        self.seconds += other.seconds
        self.thread_seconds += other.thread_seconds
        self.rows_read += other.rows_read
        self.spilled_bytes += other.spilled_bytes
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)

    def line(self, name: str) -> str:
        """A line of a table."""
        spilled, peak = format_bytes(self.spilled_bytes), format_bytes(self.peak_bytes)
        return (
            f"{name:<34} {self.seconds:>8.2f} {self.thread_seconds:>9.2f} "
            f"{self.rows_read:>13,} {spilled:>9} {peak:>9}"
        )


@dataclass
class Profile:
    """The steps of a run and its chunks, in the order in which they began. Any thread may count."""

    steps: dict[str, Figures] = field(default_factory=dict)
    chunks: dict[str, Figures] = field(default_factory=dict)

    def add(self, chunk: str, step: str, figures: str) -> None:
        """Count a statement of a step of a chunk; `figures` is DuckDB's profile of it, as JSON."""
        said: dict[str, Any] = json.loads(figures)
        query, system = said["query"], said["system"]
        taken = Figures(
            query["total_time"],
            query["cpu_time"],
            query["total_rows_scanned"] + _rows_by_place(said.get("operator", [])),
            system["total_bytes_spilled"],
            system["peak_buffer_memory"],
        )
        with _COUNTING:
            self.steps.setdefault(step, Figures()).count(taken)
            self.chunks.setdefault(chunk, Figures()).count(taken)

    def merge(self, other: Profile) -> None:
        """Count what another process counted."""
        for ours, theirs in ((self.steps, other.steps), (self.chunks, other.chunks)):
            for name, figures in theirs.items():
                ours.setdefault(name, Figures()).count(figures)

    def table(self, whole: float | None) -> str:
        """A line per step, one for what of so many seconds was spent outside, and one per chunk.

        None where steps ran beside others: then no time is outside of all of them.
        """
        columns = f"{'s':>8} {'threads s':>9} {'rows read':>13} {'spilled':>9} {'peak':>9}"
        lines = [f"{'step':<34} {columns}"]
        lines += [figures.line(step) for step, figures in self.steps.items()]
        if whole is not None:
            others = whole - sum(figures.seconds for figures in self.steps.values())
            lines.append(f"{'all else':<34} {others:>8.2f}")
        if len(self.chunks) > 1:
            slowest = sorted(self.chunks, key=lambda chunk: -self.chunks[chunk].seconds)[:_SHOWN]
            few = len(slowest) < len(self.chunks)
            head = f"chunk, slowest {_SHOWN} of {len(self.chunks):,}" if few else "chunk"
            lines.append(f"{head:<34} {columns}")
            lines += [self.chunks[chunk].line(chunk) for chunk in self.chunks if chunk in slowest]
        return "\n".join(lines)
