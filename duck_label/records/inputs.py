"""What the records of an output folder say of its input: the files that its labels were made of.

A file is told apart by its size, a digest of its content, and what its path says of its bars; its
path is only a name for people. Size and version as recorded, it is not read again to see that.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duck_label.bars.footers import BarFile, Stretch
from duck_label.whole import whole


@dataclass(frozen=True)
class InputFile:
    """A file of the input, as it was when its bars were found good.

    `says` is what its path tells of its bars; the rest is that of its footer.
    """

    path: str
    size: int
    version: int | str
    digest: str
    says: tuple[tuple[str, str | None], ...]
    columns: tuple[tuple[str, str], ...]
    row_groups: tuple[Stretch, ...]
    uncompressed: int

    @classmethod
    def of(cls, file: BarFile, digest: str) -> InputFile:
        """What is recorded of a file of this digest."""
        return cls(
            file.identity,
            file.size,
            file.version,
            digest,
            file.says,
            file.columns,
            file.row_groups,
            file.uncompressed,
        )

    @property
    def file(self) -> BarFile:
        """The file, under the name that it had."""
        return BarFile(
            self.path,
            self.path,
            self.size,
            self.version,
            self.columns,
            self.row_groups,
            self.uncompressed,
            self.says,
        )

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> InputFile:
        """What a record says of it."""
        pairs = {key: tuple(map(tuple, values[key])) for key in ("says", "columns")}
        groups = tuple(Stretch(*group) for group in values["row_groups"])
        return cls(**{**values, **pairs, "row_groups": groups})

    @property
    def rows(self) -> int:
        """The number of its bars."""
        return sum(group.rows for group in self.row_groups)

    @property
    def values(self) -> dict[str, Any]:
        """What is recorded of it."""
        groups = [(group.first, group.last, group.rows) for group in self.row_groups]
        return {**vars(self), "row_groups": groups}

    @property
    def content(self) -> tuple[Any, ...]:
        """What is equal for files of equal bars, whatever they are called and when written."""
        return self.size, self.digest, self.says


def write_inputs(path: Path, files: Sequence[InputFile]) -> None:
    """Write a record of input files, whole or not at all.

    Raises:
        OutputError: if it cannot be written.
    """
    with whole(path, on_disk=True) as file:
        file.write(json.dumps([one.values for one in files]).encode())


def read_inputs(path: Path) -> tuple[InputFile, ...] | None:
    """The input files of a record; None where it is gone or says something else."""
    try:
        with _without_collection():
            return tuple(map(InputFile.read, json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@contextmanager
def _without_collection() -> Iterator[None]:
    """Make many objects that all stay: to look for garbage among them takes half of the time.

    Measured: of 2.2 seconds that 10,000 files took where nothing was to do, 0.9.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(frozen=True)
class Difference:
    """How the files of an input differ from those on record.

    `joined` and `withdrawn` are new and old content; where a file was changed, it is in both. What
    is `gone` has no file of its name any more either.
    """

    joined: tuple[InputFile, ...]
    withdrawn: tuple[InputFile, ...]
    gone: tuple[InputFile, ...]

    def __bool__(self) -> bool:
        return bool(self.joined or self.withdrawn or self.gone)


def difference(before: Sequence[InputFile], now: Sequence[InputFile]) -> Difference:
    """What joined an input and what left it, by content, of which each copy counts."""
    if tuple(before) == tuple(now):
        return Difference((), (), ())
    old: dict[tuple[Any, ...], list[InputFile]] = {}
    for file in before:
        old.setdefault(file.content, []).append(file)
    joined = []
    # A file that kept its name is the first to be the same.
    names = {(file.path, file.content) for copies in old.values() for file in copies}
    for file in sorted(now, key=lambda file: (file.path, file.content) not in names):
        copies = old.get(file.content, [])
        if not copies:
            joined.append(file)
            continue
        own = next((copy for copy in copies if copy.path == file.path), copies[0])
        copies.remove(own)
    changed = {file.path for file in joined}
    left = [file for copies in old.values() for file in copies]
    return Difference(
        tuple(joined),
        tuple(file for file in left if file.path in changed),
        tuple(file for file in left if file.path not in changed),
    )
