"""What the records of an output folder say of its input: the files that its labels were made of.

A file is told apart by its size, a digest of its content, and what its path says of its bars; its
path is only a name for people. Size and version as recorded, it is not read again to see that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class InputFile:
    """A file of the input, as it was when its bars were found good.

    `says` is what its path tells of its bars, `ranges` where in time they lie: apart and in order,
    in microseconds since 1970, both ends included.
    """

    path: str
    size: int
    version: int | str
    digest: str
    says: tuple[tuple[str, str | None], ...]
    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> InputFile:
        """What a record says of it."""
        pairs = {key: tuple(map(tuple, values[key])) for key in ("says", "ranges")}
        return cls(**{**values, **pairs})

    @property
    def content(self) -> tuple[Any, ...]:
        """What is equal for files of equal bars, whatever they are called and when written."""
        return self.size, self.digest, self.says


def write_inputs(path: Path, files: Sequence[InputFile]) -> None:
    """Write a record of input files, whole or not at all."""
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("w", encoding="utf-8") as file:
        json.dump([asdict(one) for one in files], file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def read_inputs(path: Path) -> tuple[InputFile, ...] | None:
    """The input files of a record; None where it is gone or says something else."""
    try:
        return tuple(map(InputFile.read, json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


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


def difference(before: Iterable[InputFile], now: Iterable[InputFile]) -> Difference:
    """What joined an input and what left it, by content, of which each copy counts."""
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
