"""The runs that the records of an output folder tell of: what each was told, did and used.

Covers reading, and reading along while a run writes: any file, line or value may be missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from duck_label.records.chunk import ChunkRecord
from duck_label.records.ledger import Ledger
from duck_label.records.lines import (
    FORMAT,
    ChunkLine,
    EventLine,
    ReadingLine,
    RunLine,
    lines,
)


@dataclass(frozen=True)
class FinishedChunk:
    """A chunk and the time of its last attempt."""

    record: ChunkRecord
    began: datetime
    ended: datetime


@dataclass(frozen=True)
class Run:
    """One run. `summary` is None for a run that was killed or goes on.

    `snapshots` are those of its memory in order, `events` what was done about it; both as recorded,
    with their `time` as a datetime.
    """

    number: int
    began: datetime
    config: Mapping[str, Any]
    versions: Mapping[str, str]
    memory_limit_bytes: int
    threads: int
    summary: Mapping[str, Any] | None
    chunks: tuple[FinishedChunk, ...]
    snapshots: tuple[Mapping[str, Any], ...]
    events: tuple[Mapping[str, Any], ...]

    @property
    def peak_rss_bytes(self) -> int:
        """The most memory that the run was seen to hold; 0 where nothing was recorded."""
        peaks = [0, *(chunk.record.peak_rss_bytes for chunk in self.chunks)]
        peaks += [int(snapshot["rss_bytes"]) for snapshot in self.snapshots]
        if self.summary is not None:
            peaks.append(int(self.summary["peak_rss_bytes"]))
        return max(peaks)


def read_runs(ledger: Ledger) -> list[Run]:
    """All runs into a folder, in order."""
    ledger.output.fetch("snapshots")
    starts, ends = {}, {}
    for line in lines(ledger.folder / "runs.jsonl", RunLine):
        if line["event"] == "start" and line.get("format") == FORMAT:
            starts[line["run"]] = line
        elif line["event"] == "end":
            ends[line["run"]] = line
    chunks = defaultdict(list)
    for line in lines(ledger.folder / "chunks.jsonl", ChunkLine):
        # A size below 0 withdraws a chunk.
        if line["size_bytes"] >= 0:
            record, ended = ChunkRecord.read(line), datetime.fromisoformat(line["time"])
            began = ended - timedelta(seconds=record.seconds)
            chunks[record.run].append(FinishedChunk(record, began, ended))
    events = defaultdict(list)
    for event in _timed(lines(ledger.folder / "memory_events.jsonl", EventLine)):
        events[event["run"]].append(event)
    return [
        Run(
            number=number,
            began=datetime.fromisoformat(start["time"]),
            config=start["config"],
            versions=start["versions"],
            memory_limit_bytes=start["memory_limit_bytes"],
            threads=start["threads"],
            summary=ends.get(number),
            chunks=tuple(chunks[number]),
            snapshots=tuple(_timed(lines(_snapshots(ledger.folder, number), ReadingLine))),
            events=tuple(events[number]),
        )
        for number, start in sorted(starts.items())
    ]


def _snapshots(folder: Path, number: int) -> Path:
    return folder / "snapshots" / f"{number:04d}.jsonl"


def _timed(records: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    return ({**line, "time": datetime.fromisoformat(line["time"])} for line in records)
