"""Where the time of a run goes: what DuckDB says of every SQL step, added up over the chunks."""

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


@dataclass
class StepProfile:
    """The sums over all runs of a step, of all threads too, and its peaks."""

    seconds: float = 0.0
    thread_seconds: float = 0.0
    rows_read: int = 0
    spilled_bytes: int = 0
    peak_bytes: int = 0


@dataclass
class Profile:
    """The steps of a run, in the order in which they first ran. Any thread may count."""

    steps: dict[str, StepProfile] = field(default_factory=dict)

    def add(self, step: str, figures: str) -> None:
        """Count one statement of a step; `figures` is DuckDB's profile of it, as JSON."""
        said: dict[str, Any] = json.loads(figures)
        query, system = said["query"], said["system"]
        with _COUNTING:
            profile = self.steps.setdefault(step, StepProfile())
            profile.seconds += query["total_time"]
            profile.thread_seconds += query["cpu_time"]
            profile.rows_read += query["total_rows_scanned"]
            profile.spilled_bytes += system["total_bytes_spilled"]
            profile.peak_bytes = max(profile.peak_bytes, system["peak_buffer_memory"])

    def merge(self, other: Profile) -> None:
        """Count what another process counted."""
        for step, theirs in other.steps.items():
            ours = self.steps.setdefault(step, StepProfile())
            ours.seconds += theirs.seconds
            ours.thread_seconds += theirs.thread_seconds
            ours.rows_read += theirs.rows_read
            ours.spilled_bytes += theirs.spilled_bytes
            ours.peak_bytes = max(ours.peak_bytes, theirs.peak_bytes)

    def table(self, whole: float | None) -> str:
        """A line per step, and one for what of so many seconds was spent outside the steps.

        None where steps ran beside others: then no time is outside of all of them.
        """
        lines = [
            f"{'step':<18} {'s':>8} {'threads s':>9} {'rows read':>13} {'spilled':>9} {'peak':>9}"
        ]
        for step, profile in self.steps.items():
            spilled, peak = format_bytes(profile.spilled_bytes), format_bytes(profile.peak_bytes)
            lines.append(
                f"{step:<18} {profile.seconds:>8.2f} {profile.thread_seconds:>9.2f} "
                f"{profile.rows_read:>13,} {spilled:>9} {peak:>9}"
            )
        if whole is not None:
            rest = whole - sum(profile.seconds for profile in self.steps.values())
            lines.append(f"{'all else':<18} {rest:>8.2f}")
        return "\n".join(lines)
