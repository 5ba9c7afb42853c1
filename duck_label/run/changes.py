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

from duck_label.bars.footers import BarFile, Stretch
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.errors import OutputConflictError
from duck_label.identity import label_identity, weight_identity
from duck_label.queries import render
from duck_label.ranges import merged
from duck_label.records.checked import Checked, month_name
from duck_label.records.chunk import ChunkRecord, Reach
from duck_label.records.inputs import Difference, InputFile, difference
from duck_label.records.ledger import Ledger
from duck_label.storage.logs import added, removed
from duck_label.storage.names import is_url


def input_files(source: Source, before: Checked | None) -> tuple[InputFile, ...]:
    """What tells each file of an input apart. Read whole is what is not on record as it is now."""
    known = {} if before is None else {file.path: file for file in before.files}
    files = []
    for file in source.files:
        old = known.get(file.identity)
        is_known = old is not None and (old.size, old.version) == (file.size, file.version)
        digest = old.digest if old is not None and is_known else file.digest
        files.append(InputFile.of(file, digest))
    return tuple(files)


def known_files(ledger: Ledger, config: LabelingConfig) -> dict[str, BarFile]:
    """The files that a folder was labeled from, by identity, if they were read as now."""
    try:
        before = ledger.checked()
    except OutputConflictError:
        return {}
    if before is None or before.config != label_identity(config):
        return {}
    return {file.path: file.file for file in before.files}


def since(before: Checked, files: Sequence[InputFile]) -> Difference:
    """How an input differs from the one on record.

    Where a Delta table wrote the same bars into other files, these stand for them: its log says
    that no data changed, and the numbers of bars are equal (new bars may have gone in as well).
    """
    found = difference(before.files, files)
    how = removed(file.path for file in found.gone if not is_url(file.path))
    rewritten = {path for path, change in how.items() if not change.changes_data}
    roots = {how[path].root for path in rewritten}
    gone = [file for file in found.gone if file.path in rewritten]
    ways = added(file.path for file in found.joined) if roots else {}
    joined = [
        file
        for file in found.joined
        if (change := ways.get(file.path)) and change.root in roots and not change.changes_data
    ]
    if not gone or sum(file.rows for file in gone) != sum(file.rows for file in joined):
        return found
    return Difference(
        tuple(file for file in found.joined if file not in joined),
        found.withdrawn,
        tuple(file for file in found.gone if file not in gone),
    )


def refuse_conflict(ledger: Ledger, source: Source, config: LabelingConfig) -> None:
    """Make sure that a folder holds nothing, or labels of the same input and configuration.

    Files may have joined the input, or have changed.

    Raises:
        OutputConflictError: saying what differs.
    """
    before = ledger.checked()
    found = None if before is None else _difference(before, source, config)
    if found is not None:
        raise OutputConflictError(
            f"{ledger.output}: holds labels of another input or configuration: {found}. "
            "Pass --overwrite to replace them, or choose another --output"
        )


def _difference(before: Checked, source: Source, config: LabelingConfig) -> str | None:
    """The first few differences in words; files that joined the input, or changed, are none."""
    old, new = before.identity, {**label_identity(config), **weight_identity(config)}
    # To pin the decay to the month that it counts from already changes no weight.
    if old["as_of"] is None and new["as_of"] == before.reference_month:
        old["as_of"] = new["as_of"]
    if before.config["details"]:
        # Other weights are made anew from the details.
        old |= weight_identity(config)
    changes = [
        f"{key} was {_value_text(key, old.get(key))}, is {_value_text(key, new.get(key))}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    gone = sorted(since(before, input_files(source, before)).gone, key=lambda file: file.path)
    removals = removed(file.path for file in gone if not is_url(file.path))
    changes += [
        f"{file.path} is gone"
        + (f": version {how.version} of the Delta table {how.root} removed it" if how else "")
        for file in gone
        for how in [removals.get(file.path)]
    ]
    if not changes:
        return None
    shown = "; ".join(changes[:3])
    return shown if len(changes) <= 3 else f"{shown}; and {len(changes) - 3} more"


def _value_text(key: str, value: Any) -> str:
    if value is None:
        return "not set"
    return month_name(value) if key == "as_of" else json.dumps(value)


@dataclass(frozen=True)
class Addition:
    """The files that joined the input: where in time their bars lie, and where each symbol's do.

    A file that was changed joined it, and its old bars, of which `changed` is the number of files,
    were withdrawn. `ranges` are of both, apart and in order; both they and `spans`, of the new
    bars, are microseconds since 1970, both ends included. `has_new_columns`: every part file is to
    have other columns than it has.
    """

    files: Source
    changed: int
    ranges: tuple[tuple[int, int], ...]
    spans: Mapping[str, tuple[int, int]]
    has_new_columns: bool

    def changes(self, record: ChunkRecord) -> bool:
        """Whether a label of a finished chunk can be another one now."""
        reach = record.reach
        if reach is None or self.has_new_columns:
            return True
        return (
            self.touches(reach.first, reach.last + 1)
            or any(self._first(symbol, reach) < reach.first for symbol in reach.open_before)
            or any(self._last(symbol, reach) > reach.last for symbol in reach.open_after)
        )

    def touches(self, start: int, end: int) -> bool:
        """Whether new or withdrawn bars may lie from `start` until before `end`."""
        return any(first < end and last >= start for first, last in self.ranges)

    def _first(self, symbol: str, reach: Reach) -> int:
        return self.spans.get(symbol, (reach.first, 0))[0]

    def _last(self, symbol: str, reach: Reach) -> int:
        return self.spans.get(symbol, (0, reach.last))[1]


@dataclass(frozen=True)
class NewBars:
    """What joined the input of a labeled folder, and the finished chunks to label again.

    Of the `files` some may have been there with other bars: they were `changed`.
    """

    files: int
    changed: int
    rows: int
    stale: tuple[ChunkRecord, ...]
    finished: int
    has_new_columns: bool
    has_new_month: bool

    def __str__(self) -> str:
        counts = {"new": self.files - self.changed, "changed": self.changed}
        files = " and ".join(
            f"{count} {kind} file{'s' * (count != 1)}" for kind, count in counts.items() if count
        )
        files += f" ({self.rows:,} bars)"
        if not self.stale:
            return f"{files}: the {self.finished} finished chunks stay as they are"
        if self.has_new_columns:
            reason = " with other columns"
        elif self.has_new_month:
            reason = " in another month, from which the decay counts"
        else:
            reason = ""
        advice = ""
        if self.has_new_month:
            advice = (
                "; as_of (--as-of) pins it, so that weights stay; with --details, which would have "
                "to be there from the first run on, weights are made anew without labeling"
            )
        return f"{files}{reason}: {len(self.stale)} of {self.finished} chunks again{advice}"


def new_bars(new: Addition, done: Sequence[ChunkRecord], before: Checked, weighing: str) -> NewBars:
    """What new bars mean for the finished chunks; `weighing` is what weights are to be made of.

    Where there are no details, a chunk of other weights is labeled anew.
    """
    has_new_month = not before.config["details"] and any(
        record.weighing != weighing for record in done if record.file is not None
    )
    stale = tuple(record for record in done if has_new_month or new.changes(record))
    return NewBars(
        len(new.files.files),
        new.changed,
        new.files.rows,
        stale,
        len(done),
        new.has_new_columns,
        has_new_month,
    )


def addition(
    database: Database, source: Source, context: Mapping[str, Any], checked: Checked
) -> Addition | None:
    """What joined the input since it was checked, or changed in it; None if nothing did.

    Reads the times and symbols of the new files. Leaves the temp table `spans` of their bars.
    """
    found = since(checked, input_files(source, checked))
    if not found:
        return None
    joined = {file.path for file in found.joined}
    files = source.among([file.path for file in source.files if file.identity in joined])
    database.run(render("input/spans", context), {"files": files.paths})
    database.keep("spans")
    clock, scale = context["clock"], source.bars.clocks_per_second // 1_000_000
    spans = database.rows(
        f"select symbol::varchar, {clock('first_time')} // {scale}, "
        f"{clock('last_time')} // {scale} from spans"
    )
    return Addition(
        files,
        len(found.withdrawn),
        tuple(merged((g.first, g.last) for g in [*files.row_groups, *_stretches(found.withdrawn)])),
        {symbol: (first, last) for symbol, first, last in spans},
        [list(column) for column in source.columns] != checked.columns,
    )


def _stretches(files: Iterable[InputFile]) -> list[Stretch]:
    return [group for file in files for group in file.row_groups]
