"""Many small files as a few: every query opens every file, which costs more than reading it.

The bars are copied as they are, bad ones too, in the order of their files, each with the file and
the row that it came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from glob import escape
from pathlib import Path
from typing import Any

from duck_label.bars.footers import BarFile, footers
from duck_label.bars.source import Source
from duck_label.columns import PLACE
from duck_label.database import Database
from duck_label.queries import render

# Measured: to open a file costs a query as much as to read some thousand bars.
_MANY_FILES, _FEW_BARS = 100, 20_000
# Bars of one file of the copy.
_MOST_BARS = 2_000_000


def is_scattered(source: Source) -> bool:
    """Whether to open the files costs more than to read them, and all their bars are wanted."""
    files = len(source.files)
    return files >= _MANY_FILES and source.rows < _FEW_BARS * files and not source.others.bars


def gathered(
    database: Database, source: Source, context: Mapping[str, Any], folder: Path
) -> Source:
    """The same bars in a few files below a folder, for as long as that is there.

    The source itself, if a type of it does not come back from a file as it went in.
    """
    folder.mkdir(exist_ok=True)
    query = render("input/gathered", context)
    bars = replace(source.bars, keys=(), are_alike=True, is_gathered=True)
    files = []
    for number, batch in enumerate(_batches(source)):
        part = str(folder / f"{number:06d}.parquet")
        values = {"files": source.reads(batch), "wanted": batch, "part": part}
        database.run(query, values)
        described = database.rows("describe from read_parquet($part)", {"part": escape(part)})
        columns = tuple((name, kind) for name, kind, *_ in described)
        if columns[: -len(PLACE)] != source.columns:
            return source
        groups, size = footers(database, [part], bars)[part]
        files.append(BarFile(part, part, 0, 0, source.columns, groups, size))
    return replace(source, files=tuple(files), bars=bars, complete=(), is_mixed=False, said={})


def _batches(source: Source) -> Iterator[list[str]]:
    batch: list[str] = []
    rows = 0
    for file in source.files:
        if batch and rows + file.rows > _MOST_BARS:
            yield batch
            batch, rows = [], 0
        batch.append(file.path)
        rows += file.rows
    if batch:
        yield batch
