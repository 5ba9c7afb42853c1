"""What is recorded of a finished chunk: its range, its part file, the bars that it depends on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from duck_label.records.lines import PartLine, lines


@dataclass(frozen=True)
class Reach:
    """The bars that the labels of a chunk depend on.

    Those from `first` to `last` (microseconds since 1970, both included), whatever their symbol.
    Where a symbol's data began or ended before its margin was full, any further bar of it counts
    as well: these symbols are `open_before` and `open_after`.
    """

    first: int
    last: int
    open_before: tuple[str, ...] = ()
    open_after: tuple[str, ...] = ()
    # Digests of the events of a file that lie in the chunk, and of the sessions among its bars.
    events: str | None = None
    sessions: str | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Reach:
        """What a record says of it."""
        before, after = (tuple(values[key]) for key in ("open_before", "open_after"))
        digests = values.get("events"), values.get("sessions")
        return cls(values["first"], values["last"], before, after, *digests)


@dataclass(frozen=True)
class ChunkRecord:
    """A finished chunk: its range (microseconds since 1970), its file, and what it took.

    `file` is None for a range that turned out to hold no bar; else `digest` is the SHA-256 of its
    content. Of the `bars`, those that are asked may be all that it has as `rows`. `lone_events` are
    those in its range at which no bar stands. `bars_in_flight` are the most that were labeled at a
    time while it was, its own among them: they share the peak. `weighing` tells what its weights
    were made of (`LabelingConfig.weighing`).
    """

    start: int
    end: int
    file: str | None
    rows: int
    size_bytes: int
    predicted_rows: int
    peak_rss_bytes: int
    seconds: float
    predicted_peak_bytes: int = 0
    floor_rss_bytes: int = 0
    spill_bytes: int = 0
    attempts: int = 1
    run: int = 0
    bars: int = 0
    bars_in_flight: int = 0
    lone_events: int = 0
    steps: dict[str, float] = field(default_factory=dict)
    reach: Reach | None = None
    digest: str | None = None
    weighing: str | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> ChunkRecord:
        """A record of this or another version: what it has beside these fields is passed over."""
        known = {field.name for field in fields(cls)}
        record = cls(**{key: value for key, value in values.items() if key in known})
        return replace(record, reach=Reach.read(values["reach"])) if record.reach else record

    def is_there(self, sizes: Mapping[str, int | None]) -> bool:
        """Whether its part file is there as it was written, among files of these sizes."""
        return self.file is None or sizes.get(self.file) == self.size_bytes


def parts_lost(lost: Collection[ChunkRecord]) -> str | None:
    """A line where part files are lost (see `Ledger.lost`), naming the first of them."""
    if not lost:
        return None
    first = sorted(lost, key=lambda record: record.start)[:3]
    files = ", ".join(str(record.file) for record in first) + ", …" * (len(lost) > 3)
    what, them = f"{len(lost):,} part files are", "them"
    if len(lost) == 1:
        what, them = "1 part file is", "it"
    return (
        f"{what} missing or damaged: {files}; unless a run is just writing here, the same run "
        f"again labels {them} anew"
    )


def strangers_read(names: Collection[str]) -> str | None:
    """A line where files lie among part files and are none (see `Ledger.found`)."""
    if not names:
        return None
    files = ", ".join(sorted(names)[:3]) + ", …" * (len(names) > 3)
    if len(names) == 1:
        return f"{files} is no part of these labels, but is read with them: move it elsewhere"
    return f"{files} are no parts of these labels, but are read with them: move them elsewhere"


def weights_differ(records: Iterable[ChunkRecord]) -> tuple[int, str] | None:
    """Where part files have weights of several kinds: the bars of all but most, and a line.

    So it is while parts are weighed anew, and where that was ended too early.
    """
    written = [record for record in records if record.file is not None]
    bars: Counter[str | None] = Counter()
    for record in written:
        bars[record.weighing] += record.rows
    if len(bars) < 2:
        return None
    ((usual, most),) = bars.most_common(1)
    others = sum(record.weighing != usual for record in written)
    return bars.total() - most, (
        f"{others:,} of {len(written):,} part files have other weights than the rest: a run or "
        "weigh is at work, or was ended: give its command again"
    )


def last_records(
    path: Path,
) -> tuple[dict[tuple[int, int], ChunkRecord], ChunkRecord | None]:
    """The last record of every chunk, by its range; and one that the last line has replaced.

    A part that is weighed is recorded while the one before it still has its name. Only the last
    line can be of such a part: the next one is written when the part has its name.
    """
    records: dict[tuple[int, int], ChunkRecord] = {}
    waiting = None
    for line in lines(path, PartLine):
        place = line["start"], line["end"]
        waiting = records.get(place) if line.get("event") == "weighed" else None
        if waiting is not None:
            values = {key: line[key] for key in ("size_bytes", "digest", "weighing")}
            records[place] = replace(waiting, **values)
        elif line.get("event") is None:
            records[place] = ChunkRecord.read(line)
    return records, waiting
