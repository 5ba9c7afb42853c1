"""A file of events as it is written: in full row groups, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow.parquet import ParquetFile, ParquetWriter, read_metadata

from duck_label.signals.record import METADATA, Record
from duck_label.whole import whole

# So that who asks for a range of dates reads little besides.
_GROUP_ROWS = 122_880


class EventsWriter:
    """Takes events in order of time, and at the end the record of how they were found."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._writer: Any = None
        self._pending: list[pa.Table] = []
        self._waiting = 0
        self.events = 0

    def add(self, events: pa.Table) -> None:
        """Write some more events, or have them wait until a row group is full."""
        if self._writer is None:
            self._writer = ParquetWriter(self._file, events.schema, compression="zstd")
        self._pending.append(events)
        self._waiting += events.num_rows
        self.events += events.num_rows
        while self._waiting >= _GROUP_ROWS:
            self._write(_GROUP_ROWS)

    def finish(self, record: Record) -> None:
        """Write what waits, and the record."""
        if self._waiting:
            self._write(self._waiting)
        self._writer.add_key_value_metadata({METADATA: record.text()})
        self._writer.close()

    def _write(self, rows: int) -> None:
        table = pa.concat_tables(self._pending)
        self._writer.write_table(table.slice(0, rows))
        self._pending = [table.slice(rows)]
        self._waiting -= rows


@contextmanager
def events_writer(path: Path, *, goes_on: bool) -> Iterator[EventsWriter]:
    """A writer of a file, which has the events that are in it already where it `goes_on`.

    Raises:
        OutputError: if it cannot be written.
    """
    with whole(path) as file:
        writer = EventsWriter(file)
        if goes_on:
            with ParquetFile(path) as old:
                schema = old.schema_arrow.remove_metadata()
                writer.add(schema.empty_table())
                for batch in old.iter_batches(_GROUP_ROWS):
                    writer.add(pa.Table.from_batches([batch], schema))
        yield writer


def count(path: Path) -> int:
    """The number of events in a file."""
    return int(read_metadata(path).num_rows)
