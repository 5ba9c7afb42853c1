"""The records of an output folder: what was labeled, from what, by whom, so that a run can go on.

`OUT/_duck_label/` holds `runs.jsonl`, `chunks.jsonl` and `memory_events.jsonl`, one JSON object a
line, appended as the run goes: a crash loses at most the chunk in hand, and another process can
read along. A part file is recorded before it appears under its name; a record whose file is missing
counts for nothing. The files of the input have a record of their own (`inputs`). Where the folder
lies in a store, they are written there by `storage`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from glob import escape
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from duck_label.database import Database
from duck_label.errors import OutputConflictError, OutputError
from duck_label.ranges import without
from duck_label.records.checked import Checked
from duck_label.records.chunk import ChunkRecord, last_records
from duck_label.records.inputs import InputFile, read_inputs, write_inputs
from duck_label.records.journal import add_lines
from duck_label.records.lines import FORMAT, PART, RunLine, lines
from duck_label.records.unfinished import Unfinished, last_unfinished
from duck_label.storage.folders import is_at_work
from duck_label.storage.names import RECORDS, exactly
from duck_label.storage.outputs import folder
from duck_label.storage.places import digest_of, open_file

FOLDER = RECORDS
_INPUT = "input_"
# Parquet, under an ending by which no reader of Parquet files finds it in a folder.
_QUARANTINE = "quarantine.bars"
_EVENTS = "memory_events"


def _is_read(name: str, size: int | None) -> bool:
    """Whether who reads the folder as labels reads this: a file that is called like a part."""
    return size is not None and name.endswith(".parquet")


class Ledger:
    """The records of one output folder, held by one run at a time.

    Use as a context manager. Those of a folder in a store are worked on below `work`.

    Raises:
        OutputError: where another run holds the folder, or it cannot be written to.
        OutputConflictError: where the folder holds other files than ours.
    """

    def __init__(self, output: str | Path, work: str | Path | None = None) -> None:
        self.output = folder(output, FOLDER, work)
        self.folder = self.output.records
        self._chunks = self.folder / "chunks.jsonl"
        # The ordinal of the run that holds this folder.
        self.run = 0
        self._appending = threading.Lock()
        # The files that a record names, which may be many, are read once.
        self._inputs: dict[str, Sequence[InputFile]] = {}

    def __enter__(self) -> Self:
        self.refuse_foreign_files()
        self.output.hold()
        for leftover in self.folder.glob("**/*.tmp"):
            leftover.unlink()
        self.snapshots.parent.mkdir(exist_ok=True)
        self._settle()
        return self

    def begin_run(self, facts: Mapping[str, Any]) -> None:
        """Number this run and record that it begins."""
        self.run = self._runs() + 1
        self.append("runs", {"event": "start", "format": FORMAT, **facts})

    def cut_short(self, there: Iterable[ChunkRecord]) -> Unfinished | None:
        """The last run here, if it did not finish; `there` are the chunks that are."""
        found = last_unfinished(self.folder / "runs.jsonl")
        if found is None:
            return None
        labeled = sum(record.bars for record in there)
        return replace(found, labeled=labeled, is_going_on=is_at_work(self.output.holder()))

    def complete(self) -> None:
        """Record that nothing was left to do, where the last run was ended before it said so."""
        found = last_unfinished(self.folder / "runs.jsonl")
        if found is None:
            return
        with suppress(OutputError), self:
            self.run = found.run
            self.append("runs", {"event": "complete"})

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.output.release()

    def refuse_foreign_files(self) -> None:
        """Make sure that the folder is ours, empty, or not there yet.

        Raises:
            OutputConflictError: if it holds something else.
        """
        contents = self.output.contents()
        if contents and FOLDER not in contents:
            raise OutputConflictError(
                f"{self.output}: holds files that are not from duck-label ({min(contents)}): "
                "choose an empty or new folder"
            )
        folders = [name for name, size in contents.items() if size is None and PART.fullmatch(name)]
        if folders:
            raise OutputConflictError(
                f"{self.output.address(min(folders))}: is a folder, where a part file is to be: "
                "move it elsewhere"
            )

    @property
    def quarantine(self) -> Path:
        """Where bad bars are set aside."""
        return self.folder / _QUARANTINE

    def quarantined(self, database: Database) -> int:
        """How many bars of the input are set aside."""
        if not self.quarantine.exists():
            return 0
        (bars,) = database.row(
            "select sum(num_rows)::bigint from parquet_file_metadata($path)",
            {"path": escape(str(self.quarantine))},
        )
        return int(bars)

    @property
    def quarantine_name(self) -> str:
        """What people call that file."""
        return f"{self.output}/{FOLDER}/{_QUARANTINE}"

    @property
    def snapshots(self) -> Path:
        """Where this run's readings of the memory lie."""
        return self.folder / "snapshots" / f"{self.run:04d}.jsonl"

    def unfinished(self, part: str) -> Path:
        """Where a part file lies until it is whole."""
        return self.folder / f"{part}.tmp"

    def chunks(self) -> list[ChunkRecord]:
        """The finished chunks whose part file is still there as it was written.

        None where labels were recorded in another format.
        """
        return self.there_and_lost()[0]

    def lost(self) -> list[ChunkRecord]:
        """The finished chunks whose part file is not there as it was written, and no other's is."""
        return self.there_and_lost()[1]

    def there_and_lost(self) -> tuple[list[ChunkRecord], list[ChunkRecord]]:
        """What `chunks` and `lost` tell, by one look at the folder."""
        there, lost, _ = self.found()
        return there, lost

    def found(self) -> tuple[list[ChunkRecord], list[ChunkRecord], list[str]]:
        """What `chunks` and `lost` tell, and which files readers take for parts that are none."""
        # Records come first: a chunk that a run finishes in between is neither.
        records = self.recorded()
        sizes = self.output.contents()
        there = [record for record in records if record.is_there(sizes)]
        done = [(record.start, record.end) for record in there]
        lost = [one for one in records if without((one.start, one.end), done)]
        strangers = {name for name, size in sizes.items() if _is_read(name, size)}
        strangers -= {one.file for one in records}
        if strangers:  # a chunk that a run finished in between has a record by now
            strangers -= {one.file for one in self.recorded()}
        return there, lost, sorted(strangers)

    def recorded(self) -> list[ChunkRecord]:
        """The chunks that were finished and not withdrawn, wherever their part files are by now."""
        if self._last_check().get("format", FORMAT) != FORMAT:
            return []
        records, waiting = last_records(self._chunks)
        if waiting is not None and not self._has_its_name(waiting, records):
            records[waiting.start, waiting.end] = waiting
        return [record for record in records.values() if record.size_bytes >= 0]

    def _has_its_name(
        self, before: ChunkRecord, records: Mapping[tuple[int, int], ChunkRecord]
    ) -> bool:
        """Whether a part that was weighed replaced the one before it, or never will."""
        weighed, name = records[before.start, before.end], str(before.file)
        size = self.output.contents().get(name)
        if size != before.size_bytes:
            return True
        # Of parts of one size the content tells.
        return size == weighed.size_bytes and self._digest(name) == weighed.digest

    def _digest(self, name: str) -> str:
        address = self.output.address(name)
        try:
            with open_file(address) as file:
                return digest_of(file)
        except OSError as error:
            raise OutputError(f"{address}: cannot be read: {error.strerror}") from error

    def _settle(self) -> None:
        """Take back the record of a part that was weighed and never got its name."""
        records, waiting = last_records(self._chunks)
        if waiting is not None and not self._has_its_name(waiting, records):
            self._append_weighed(waiting, 0.0)

    def finish_weighing(self, record: ChunkRecord, seconds: float) -> None:
        """Record a part that was weighed, then give it its name."""
        self._append_weighed(record, seconds)
        self.output.take(self.unfinished(str(record.file)), str(record.file))

    def _append_weighed(self, record: ChunkRecord, seconds: float) -> None:
        fields = ("start", "end", "file", "size_bytes", "digest", "weighing")
        values = {name: getattr(record, name) for name in fields}
        self.append("chunks", {"event": "weighed", **values, "seconds": seconds})

    def part_files(self, records: Iterable[ChunkRecord]) -> list[dict[str, str]]:
        """The part files of chunks, for a query."""
        names = (record.file for record in records if record.file is not None)
        return exactly(map(self.output.address, names))

    def unrecorded_parts(self) -> list[str]:
        """Names of part files that no record vouches for: their range is labeled again.

        They are damaged, or new bars changed them, or a crash lost their record; beside a new part
        of the same range, or of another cut of it, they would count bars twice.
        """
        known = {record.file for record in self.chunks()}
        return [
            name for name in self.output.contents() if PART.fullmatch(name) and name not in known
        ]

    def remove_unrecorded_parts(self) -> None:
        """Remove part files that no record vouches for."""
        for name in self.unrecorded_parts():
            self.output.remove(name)

    def withdraw(self, records: Iterable[ChunkRecord]) -> None:
        """Forget finished chunks, whose labels may have become others.

        Their records are replaced by ones of a size that no file has.
        """
        self.append("chunks", *(asdict(replace(r, rows=0, size_bytes=-1)) for r in records))

    def memory_factor(self) -> float:
        """What the last run here learned of the memory that chunks need; 1 if nothing."""
        ends = [
            line for line in lines(self.folder / "runs.jsonl", RunLine) if line["event"] == "end"
        ]
        return float(ends[-1].get("memory_factor", 1.0)) if ends else 1.0

    def checked(self) -> Checked | None:
        """What the labels in this folder were made of, once the bars were found good.

        Raises:
            OutputConflictError: if they were recorded in another format.
        """
        self.refuse_other_format()
        last = self._last_check()
        if not last:
            return None
        name = last["input"]
        if name not in self._inputs:
            files = read_inputs(self.folder / name)
            if files is None:
                return None
            self._inputs[name] = files
        values = {key: last[key] for key in Checked.__match_args__ if key != "files"}
        return Checked(files=self._inputs[name], **values)

    def refuse_other_format(self) -> None:
        """Make sure that the labels in this folder, if any, were recorded as we would.

        Raises:
            OutputConflictError: if not.
        """
        number = self._last_check().get("format", FORMAT)
        if number != FORMAT:
            kind = "no number" if number is None else f"the number {number}"
            raise OutputConflictError(
                f"{self.output}: its records are of another format ({kind}; this version reads "
                f"{FORMAT}): pass --overwrite to label it anew, or choose another --output"
            )

    def _last_check(self) -> Mapping[str, Any]:
        """What was noted when the bars of the labels in this folder were found good, if they were.

        With its `format`, which is None where it has no number.
        """
        last: Mapping[str, Any] = {}
        for line in lines(self.folder / "runs.jsonl", RunLine):
            if line["event"] == "checked":
                last = {"format": None, **line}
            elif line["event"] == "anew":
                last = {}
        return last

    def note_checked(self, checked: Checked) -> None:
        """Record what the labels in this folder are made of from now on.

        Raises:
            OutputError: if it cannot be written.
        """
        name = f"{_INPUT}{self.run:04d}.json"
        write_inputs(self.folder / name, checked.files)
        self._inputs[name] = checked.files
        values = asdict(replace(checked, files=()))
        del values["files"]
        self.append("runs", {"event": "checked", "format": FORMAT, "input": name, **values})
        for path in self.folder.glob(f"{_INPUT}*.json"):
            if path.name != name:
                self.output.discard(path)

    def renew(self, checked: Checked) -> None:
        """Record what the same input is called now, unless another run holds the folder."""
        if checked == self.checked():
            return
        with suppress(OutputError), self:
            self.run = self._runs()
            self.note_checked(checked)

    def _runs(self) -> int:
        runs = (line.get("run", 0) for line in lines(self.folder / "runs.jsonl", RunLine))
        return max(runs, default=0)

    def start_anew(self) -> None:
        """Remove the labels of this folder and forget them."""
        # First of all: whatever is left where this is cut short is then the labels of nothing.
        self.append("runs", {"event": "anew"})
        self.output.discard(self._chunks)
        self.remove_unrecorded_parts()
        self.output.discard(self.quarantine)

    def append(self, name: str, *records: Mapping[str, Any]) -> None:
        """Add lines to a record, on disk before this returns; from any thread.

        In a store as well, but for events: those wait for the next of the others, so that who
        notices them waits for no store.

        Raises:
            OutputError: if they cannot be written.
        """
        if not records:
            return
        path = self.folder / f"{name}.jsonl"
        with self._appending:
            try:
                add_lines(path, self.run, records)
            except OSError as error:
                raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
        if name != _EVENTS:
            self.output.keep(path)

    def finish(self, record: ChunkRecord) -> None:
        """Record a chunk, then give its part file its name."""
        self.append("chunks", asdict(record))
        if record.file is not None:
            self.output.take(self.unfinished(record.file), record.file)
