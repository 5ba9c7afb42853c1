"""Owns stdout where results of queries go: a table for people, or rows for programs.

Rows are written as they come, batch by batch; only a table is cut to what a screen holds.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from duck_label.cli.console import say
from duck_label.errors import QueryError
from duck_label.whole import whole

if TYPE_CHECKING:
    from duck_label.look.inspect import Output

FORMATS = ("table", "csv", "json", "markdown", "parquet")
_SUFFIXES = {".csv": "csv", ".json": "json", ".md": "markdown", ".parquet": "parquet"}
_ROWS = 100_000
# Characters of a line where there is no terminal: what a pager or a mail still shows as a table.
_PAGE = 240
# Types of DuckDB that rows of text have as JSON, and those that they have as DuckDB writes them.
_NESTED = ("list", "array", "struct", "map", "union", "variant")
_ODD = ("blob", "bit", "bignum", "geometry", "interval", "time with time zone")


def format_of(path: Path | None) -> str:
    """The format that a file's name asks for; a table where there is no file.

    Raises:
        QueryError: for a name that asks for none.
    """
    if path is None:
        return "table"
    if path.suffix.lower() not in _SUFFIXES:
        raise QueryError(f"{path}: pass --format, or end the name in {', '.join(_SUFFIXES)}")
    return _SUFFIXES[path.suffix.lower()]


def answer(
    output: Output,
    query: str,
    parameters: Mapping[str, Any],
    kind: str,
    path: Path | None,
    most_rows: int,
) -> None:
    """Write the result of a query, if it has one, to stdout or a file, whole or not at all.

    Says where part files of the labels that it reads are lost, or have weights of two kinds, and
    where the last run did not finish.

    Raises:
        QueryError: for Parquet on stdout, or what `Output.sql` refuses.
        InputError: if a part file was written anew before all rows were read.
        OutputError: if the file cannot be written.
        duckdb.Error: if the query fails while its rows come.
    """
    reading: AbstractContextManager[object] = nullcontext()
    if output.reads_labels(query):
        reading = unchanged = output.unchanged()
        for doubt in unchanged.doubts(weights=True):
            say(f"warning: {doubt}")
    result = output.ask(query, **parameters)
    if result is None:
        return
    if path is None:
        if kind == "parquet":
            raise QueryError("Parquet goes to a file: pass -o FILE")
        with reading:
            _write(result, kind, sys.stdout.buffer, most_rows)
        return
    with whole(path) as file, reading:
        _write(result, kind, file, most_rows)


def _write(result: Any, kind: str, file: IO[bytes], most_rows: int) -> None:
    if kind == "table":
        file.write(_box(result, most_rows).encode())
        file.flush()
        return
    from pyarrow.csv import CSVWriter
    from pyarrow.parquet import ParquetWriter

    if kind in ("csv", "parquet"):
        writer = CSVWriter if kind == "csv" else ParquetWriter
        reader = (_as_text(result) if kind == "csv" else result).to_arrow_reader(_ROWS)
        with writer(file, reader.schema) as open_writer:
            for batch in reader:
                open_writer.write_batch(batch)
    else:
        lines = _json(result) if kind == "json" else _markdown(result)
        for line in lines:
            file.write(line.encode())
    file.flush()


def _as_text(result: Any) -> Any:
    """The same rows of values that text can hold: lists and the like are JSON.

    By position: two columns may have one name.
    """
    from duck_label.columns import identifier  # loads Jinja, which `--help` can do without

    columns = []
    for place, (name, kind) in enumerate(zip(result.columns, result.types, strict=True), start=1):
        value = f"#{place}"
        if kind.id in _NESTED:
            value = f"to_json({value})::varchar"
        elif kind.id in _ODD:
            value = f"{value}::varchar"
        elif kind.id == "float":
            # As short as it can be told: 0.95122945 and not 0.951229453086853.
            value = f"{value}::varchar::double"
        columns.append(f"{value} as {identifier(name)}")
    return result.project(", ".join(columns))


def _box(result: Any, most_rows: int) -> str:
    """The result as DuckDB draws it, in the width of the terminal, of COLUMNS, or of a wide page.

    Where columns do not fit, it says how many are shown; the other formats write all.
    """
    from contextlib import redirect_stdout
    from io import StringIO

    width = shutil.get_terminal_size((_PAGE, 0)).columns
    text = StringIO()
    with redirect_stdout(text):
        result.show(max_width=width, max_rows=most_rows)
    return text.getvalue().rstrip("\n") + "\n"


def _json(result: Any) -> Iterator[str]:
    names = result.columns
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise QueryError(
            f"two columns are called {twice!r}, and a JSON object holds only one of them: "
            "name them apart with `as`"
        )
    nested = [
        name
        for name, kind in zip(names, result.types, strict=True)
        if kind.id in _NESTED or str(kind) == "JSON"
    ]
    yield "["
    before = "\n"
    for batch in _as_text(result).to_arrow_reader(_ROWS):
        for row in batch.to_pylist():
            for name in nested:
                row[name] = row[name] and json.loads(row[name])
            yield before + json.dumps(_plain(row), allow_nan=False)
            before = ",\n"
    yield "\n]\n"


def _markdown(result: Any) -> Iterator[str]:
    yield f"| {' | '.join(_cell(name) for name in result.columns)} |\n"
    yield f"|{' --- |' * len(result.columns)}\n"
    for batch in _as_text(result).to_arrow_reader(_ROWS):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield f"| {' | '.join(_cell(value) for value in row)} |\n"


def _cell(value: Any) -> str:
    plain = _plain(value)
    text = "" if plain is None else str(plain)
    return text.replace("|", "\\|").replace("\n", " ")


def _plain(value: Any) -> Any:
    """A value as JSON has it: times in ISO format, what is not a number as null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
