"""What a file of events says of how it was made, so that new bars go on from there.

The sums of every symbol, the clock of the last bar, and for each file of bars a sum over its
contents up to that bar. A file that is as it was is not read again; of one that was changed, moved
or is new, the sum says whether the bars up to the last one are together still the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from duck_label.bars.footers import BarFile
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.config_keys import BAR_COLUMNS
from duck_label.errors import OutputConflictError
from duck_label.signals.cusum import Sums, Threshold

# The key of a file's metadata under which it lies.
METADATA = "duck_label_events"
# The keys of the configuration that say what the bars are; columns are told one by one.
_KEYS = (
    "tick_size",
    "price_increment",
    "instruments",
    "roll_gap_points",
    "timestamp_unit",
    "timestamp_format",
    "timestamp_zone",
    "price_scale",
    "symbol_from",
    "symbols",
    "on_duplicates",
    "on_off_grid",
    "allow_nonpositive_prices",
)
_SHOWN = 3
_WAYS = "Pass --overwrite to make all events anew, or choose another --output"


@dataclass(frozen=True)
class ReadFile:
    """A file of bars as it was read, and a sum over those of its bars that were walked over."""

    path: str
    size: int
    version: int | str
    checksum: int

    @classmethod
    def of(cls, file: BarFile, checksum: int) -> ReadFile:
        """A file as it is now."""
        return cls(file.identity, file.size, file.version, checksum)


@dataclass(frozen=True)
class Record:
    """How the events of a file were found. `last` is in clock units of the bars."""

    identity: Mapping[str, Any]
    last: int
    sums: Mapping[str, Sums] = field(default_factory=dict)
    files: Sequence[ReadFile] = ()

    def text(self) -> str:
        """The record as it lies in the metadata."""
        return json.dumps(
            {
                "identity": self.identity,
                "last": self.last,
                "sums": {name: [*vars(sums).values()] for name, sums in self.sums.items()},
                "files": [[*vars(file).values()] for file in self.files],
            }
        )

    def refuse_conflict(self, path: Path, identity: Mapping[str, Any]) -> None:
        """Make sure that a file holds events of the same filter and configuration.

        Raises:
            OutputConflictError: saying what differs.
        """
        changes = [
            f"{key} was {json.dumps(self.identity.get(key))}, is {json.dumps(identity.get(key))}"
            for key in sorted(self.identity.keys() | identity.keys())
            if self.identity.get(key) != identity.get(key)
        ]
        if changes:
            raise OutputConflictError(
                f"{path}: holds events of another filter or configuration: "
                f"{'; '.join(changes)}. {_WAYS}"
            )

    def unchanged(self, files: Sequence[BarFile]) -> list[ReadFile]:
        """The files among these that are as they were read."""
        known = {(file.path, file.size, file.version): file for file in self.files}
        found = (known.get((file.identity, file.size, file.version)) for file in files)
        return [file for file in found if file is not None]

    def refuse_other_bars(self, path: Path, now: Sequence[ReadFile], last: str) -> None:
        """Make sure that the bars up to the last one are together those that they were.

        Raises:
            OutputConflictError: naming the files that are not as they were.
        """
        if sum(file.checksum for file in now) == sum(file.checksum for file in self.files):
            return
        contents = {(file.path, file.checksum) for file in self.files}
        names = [f.path for f in now if f.checksum and (f.path, f.checksum) not in contents]
        left = {file.path for file in self.files} - {file.path for file in now}
        names += [f"{name} is gone" for name in sorted(left)]
        shown = ", ".join(names[:_SHOWN])
        more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
        raise OutputConflictError(
            f"{path}: bars up to {last}, the last one that its events were made from, joined the "
            f"input, changed or are gone: {shown}{more}. {_WAYS}"
        )


def identity_of(threshold: Threshold, source: Source, config: LabelingConfig) -> dict[str, Any]:
    """What the events depend on besides the bars, as plain JSON values."""
    values = config.model_dump(mode="json", include=set(_KEYS))
    kinds, bars = dict(source.columns), source.bars
    named = {ours: config.column(ours) for ours in BAR_COLUMNS}
    types = {name: kinds[name] for name in (bars.timestamp, bars.symbol) if name is not None}
    return {"cusum": str(threshold), **values, "columns": named, "types": types}


def read_record(path: Path) -> Record | None:
    """How the events of a file were found; None where there is no file.

    Raises:
        OutputConflictError: for a file that is not one of events that were found so.
    """
    if not path.exists():
        return None
    from pyarrow import ArrowException
    from pyarrow.parquet import read_metadata

    try:
        values = json.loads((read_metadata(path).metadata or {})[METADATA.encode()])
        return Record(
            values["identity"],
            values["last"],
            {name: Sums(*sums) for name, sums in values["sums"].items()},
            tuple(ReadFile(*file) for file in values["files"]),
        )
    except (OSError, ArrowException, ValueError, KeyError, TypeError) as error:
        raise OutputConflictError(
            f"{path}: is no file of events to go on with: pass --overwrite to replace it, or "
            "choose another --output"
        ) from error
