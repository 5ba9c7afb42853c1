"""What changed since a folder was labeled: what is a conflict, and what new bars make stale.

Bars that join matter to a chunk if they lie among those that its labels depend on (`Reach`), if
they go on with a symbol whose data ended there, or if they move the month that the decay counts
from. Every other chunk stays as it is, and equals that of a run over everything at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duck_label.bars.source import Source, Stretch
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.errors import OutputConflictError
from duck_label.queries import render
from duck_label.records.ledger import Checked, ChunkRecord, Ledger, Reach, month_name
from duck_label.storage.places import identity


def identify(source: Source, config: LabelingConfig) -> dict[str, Any]:
    """Everything that labels depend on: the configuration, and what tells each file apart."""
    return {
        "config": config.label_identity(),
        "input": {
            identity(file.path): [file.size, file.version, file.footer] for file in source.files
        },
    }


def refuse_conflict(ledger: Ledger, identity: Mapping[str, Any]) -> None:
    """Make sure that a folder holds nothing, or labels of the same input and configuration.

    Files may have joined the input.

    Raises:
        OutputConflictError: saying what differs.
    """
    before = ledger.checked()
    difference = None if before is None else _difference(before, identity)
    if difference is not None:
        raise OutputConflictError(
            f"{ledger.output}: holds labels of another input or configuration: {difference}. "
            "Pass --overwrite to replace them, or choose another --output"
        )


def _difference(before: Checked, now: Mapping[str, Any]) -> str | None:
    """The first few differences in words; files that joined the input are none."""
    old, new = dict(before.identity["config"]), now["config"]
    # To pin the decay to the month that it counts from already changes no weight.
    if old["as_of"] is None and new["as_of"] == before.reference_month:
        old["as_of"] = new["as_of"]
    changes = [
        f"{key} was {_told(key, old.get(key))}, is {_told(key, new.get(key))}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    files, present = before.identity["input"], now["input"]
    changes += [f"{path} is gone" for path in sorted(files.keys() - present.keys())]
    changes += [
        f"{path} has changed"
        for path in sorted(files.keys() & present.keys())
        if files[path] != present[path]
    ]
    if not changes:
        return None
    shown = "; ".join(changes[:3])
    return shown if len(changes) <= 3 else f"{shown}; and {len(changes) - 3} more"


def _told(key: str, value: Any) -> str:
    if value is None:
        return "not set"
    return month_name(value) if key == "as_of" else json.dumps(value)


@dataclass(frozen=True)
class Addition:
    """The files that joined the input: where in time their bars lie, and where each symbol's do.

    `ranges` are apart and in order; both they and `spans` are microseconds since 1970, both ends
    included. `has_new_columns`: every part file is to have other columns than it has.
    """

    files: Source
    ranges: tuple[tuple[int, int], ...]
    spans: Mapping[str, tuple[int, int]]
    has_new_columns: bool

    def changes(self, record: ChunkRecord) -> bool:
        """Whether a label of a finished chunk can be another one with the new bars."""
        reach = record.reach
        if reach is None or self.has_new_columns:
            return True
        return (
            self.touches(reach.first, reach.last + 1)
            or any(self._first(symbol, reach) < reach.first for symbol in reach.open_before)
            or any(self._last(symbol, reach) > reach.last for symbol in reach.open_after)
        )

    def touches(self, start: int, end: int) -> bool:
        """Whether new bars may lie from `start` until before `end`."""
        return any(first < end and last >= start for first, last in self.ranges)

    def _first(self, symbol: str, reach: Reach) -> int:
        return self.spans.get(symbol, (reach.first, 0))[0]

    def _last(self, symbol: str, reach: Reach) -> int:
        return self.spans.get(symbol, (0, reach.last))[1]


@dataclass(frozen=True)
class News:
    """What joined the input of a labeled folder, and the finished chunks to label again."""

    files: int
    rows: int
    stale: tuple[ChunkRecord, ...]
    finished: int
    has_new_columns: bool
    has_new_month: bool

    def __str__(self) -> str:
        files = f"{self.files} new file{'s' * (self.files != 1)} ({self.rows:,} bars)"
        if not self.stale:
            return f"{files}: the {self.finished} finished chunks stay as they are"
        if self.has_new_columns:
            reason = " with other columns"
        elif self.has_new_month:
            reason = " in another month, from which the decay counts"
        else:
            reason = ""
        advice = "; as_of (--as-of) pins it, so that weights stay" if self.has_new_month else ""
        return f"{files}{reason}: {len(self.stale)} of {self.finished} chunks again{advice}"


def news(new: Addition, done: Sequence[ChunkRecord], before: Checked, reference_month: int) -> News:
    """What new bars mean for the finished chunks."""
    has_new_month = before.reference_month != reference_month
    stale = tuple(record for record in done if has_new_month or new.changes(record))
    return News(
        len(new.files.files), new.files.rows, stale, len(done), new.has_new_columns, has_new_month
    )


def addition(
    database: Database, source: Source, context: Mapping[str, Any], checked: Checked
) -> Addition | None:
    """What joined the input since it was checked; None if nothing did.

    Reads the times and symbols of the new files. Leaves the temp table `spans` of their bars.
    """
    known = checked.identity["input"]
    new = [file.path for file in source.files if identity(file.path) not in known]
    if not new:
        return None
    files = source.among(new)
    database.run(render("input/spans", context), {"files": files.paths})
    clock, scale = context["clock"], source.bars.clocks_per_second // 1_000_000
    spans = database.rows(
        f"select symbol::varchar, {clock('first_time')} // {scale}, "
        f"{clock('last_time')} // {scale} from spans"
    )
    return Addition(
        files,
        tuple(merged(files.row_groups)),
        {symbol: (first, last) for symbol, first, last in spans},
        [list(column) for column in source.columns] != checked.columns,
    )


def merged(groups: Iterable[Stretch]) -> list[tuple[int, int]]:
    """The stretches of time that row groups cover together, apart and in order."""
    stretches: list[tuple[int, int]] = []
    for group in sorted(groups, key=lambda group: group.first):
        if stretches and group.first <= stretches[-1][1]:
            stretches[-1] = stretches[-1][0], max(stretches[-1][1], group.last)
        else:
            stretches.append((group.first, group.last))
    return stretches
