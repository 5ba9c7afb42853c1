"""Snapshots of a process over time: as many as fit, however long it runs, and never fewer peaks.

Covers what is kept of them, in memory and on disk. Who takes them is `monitor`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from duck_label.memory.budget import MemorySnapshot
from duck_label.whole import whole


class SnapshotSeries:
    """Evenly spread snapshots, each the one with the highest RSS of its stretch of time.

    Holds at most `capacity`, an even number. When it is full, every two neighbours become one and
    the stretches twice as long. With a `path`, the same snapshots lie there as JSON lines, so that
    another process can read along.
    """

    def __init__(self, capacity: int = 2048, path: Path | None = None) -> None:
        self._capacity = capacity
        self._path = path
        self._snapshots: list[MemorySnapshot] = []
        self._stretch = 1
        self._taken = 0
        self._highest: MemorySnapshot | None = None

    def __len__(self) -> int:
        return len(self._snapshots)

    def __iter__(self) -> Iterator[MemorySnapshot]:
        return iter(self._snapshots)

    def add(self, snapshot: MemorySnapshot) -> None:
        """Take in the next snapshot."""
        highest = self._highest
        if highest is None or snapshot.rss_bytes >= highest.rss_bytes:
            self._highest = snapshot
        self._taken += 1
        if self._taken == self._stretch:
            self.flush()

    def flush(self) -> None:
        """Keep what the stretch in hand has brought so far, and begin another."""
        if self._highest is None:
            return
        self._snapshots.append(self._highest)
        if self._path is not None:
            with self._path.open("ab") as file:
                file.write(_line(self._highest))
        self._highest, self._taken = None, 0
        if len(self._snapshots) >= self._capacity:
            pairs = zip(self._snapshots[::2], self._snapshots[1::2], strict=True)
            self._snapshots = [max(pair, key=lambda one: one.rss_bytes) for pair in pairs]
            self._stretch *= 2
            if self._path is not None:
                with whole(self._path) as rewritten:
                    rewritten.writelines(map(_line, self._snapshots))


def _line(snapshot: MemorySnapshot) -> bytes:
    values = asdict(snapshot)
    time = values.pop("timestamp").isoformat(timespec="milliseconds")
    return (json.dumps({"time": time, **values}) + "\n").encode()
