"""Whether the part files of an output are those that were written: read whole, by their digests.

A run looks at their sizes and footers only, since reading years of labels takes its time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from duck_label.errors import DamagedOutputError, InputError
from duck_label.records.chunk import ChunkRecord
from duck_label.records.ledger import FOLDER, Ledger
from duck_label.storage.names import is_parquet
from duck_label.storage.places import digest_of, open_file


@dataclass(frozen=True)
class Damaged:
    """A part file that is not as it was written, and how that is known."""

    file: str
    reason: str


@dataclass(frozen=True)
class Checkup:
    """The part files of an output: how many are as they were written, and those that are not.

    Of what is `foreign`, which no record vouches for, only Parquet files are taken for labels.
    """

    folder: str
    parts: int
    damaged: tuple[Damaged, ...]
    missing: tuple[str, ...]
    foreign: tuple[str, ...]

    @property
    def faults(self) -> list[str]:
        """What stands against reading the folder as labels, a line each."""
        return [
            *(f"{one.file}: {one.reason}: remove it and run again" for one in self.damaged),
            *(f"{name}: is missing: run again" for name in self.missing),
            *(
                f"{name}: is no part of these labels, but readers of the folder take it for one: "
                "move it elsewhere"
                for name in self.foreign
                if is_parquet(name)
            ),
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def check(folder: str | Path) -> Checkup:
    """Read all part files of an output folder, and compare them with what was written.

    Raises:
        InputError: for a folder that holds no records of duck-label.
        OutputConflictError: if they are of another format.
    """
    ledger = Ledger(folder)
    if not (ledger.folder / "runs.jsonl").exists():
        raise InputError(f"{folder}: holds no output of duck-label (there is no {FOLDER}/ in it)")
    ledger.refuse_other_format()
    contents = ledger.output.contents()
    lost = ledger.lost()
    parts, damaged, missing = 0, [], []
    recorded = {record.file: record for record in ledger.recorded() if record.file is not None}
    for name, record in sorted(recorded.items()):
        if name not in contents:
            # Its range may have been labeled again, in other chunks.
            missing += [name] if record in lost else []
            continue
        reason = _fault_by_now(ledger, record, contents[name])
        if reason is None:
            parts += 1
        else:
            damaged.append(Damaged(name, reason))
    foreign = sorted(contents.keys() - recorded.keys() - {FOLDER})
    return Checkup(str(folder), parts, tuple(damaged), tuple(missing), tuple(foreign))


def refuse(found: Checkup) -> None:
    """Make sure that every part is there as it was written, and nothing that is taken for one.

    Raises:
        DamagedOutputError: naming what is not.
    """
    if found.faults:
        raise DamagedOutputError("\n".join(f"{found.folder}/{fault}" for fault in found.faults))


def _fault_by_now(ledger: Ledger, record: ChunkRecord, size: int | None) -> str | None:
    """How a part differs from what was written last: a weighing may have replaced it meanwhile."""
    name = str(record.file)
    while (reason := _fault(ledger.output.address(name), record, size)) is not None:
        ledger.output.fetch()
        now = next((one for one in ledger.recorded() if one.file == name), record)
        if now == record:
            break
        record, size = now, ledger.output.contents().get(name)
    return reason


def _fault(address: str, record: ChunkRecord, size: int | None) -> str | None:
    """How a part differs from what was written; None if it does not."""
    if size is None:
        return "is a folder, where a part file was written"
    if size != record.size_bytes:
        return f"has {size:,} bytes of the {record.size_bytes:,} that were written"
    try:
        with open_file(address) as file:
            digest = digest_of(file)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if digest == record.digest else "has other bytes than were written"
