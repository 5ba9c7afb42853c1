"""Tables of pandas, Polars and Arrow in place of files.

A table takes the way of a file: the columns of its bars and a row number are written as one
temporary Parquet file, which is labeled like any other; the labels that come out are put into the
order of the rows and attached to the table as it was given. Neither pandas nor Polars is imported
here: whoever passes one of their tables has done so.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from duck_label import outcomes
from duck_label.config import LabelingConfig
from duck_label.config_keys import BAR_COLUMNS
from duck_label.errors import ConfigError, InputError
from duck_label.fields import nearest
from duck_label.records.ledger import Ledger
from duck_label.run.results import RunSummary
from duck_label.storage.scratch import no_room, scratch

_SHOWN = 5


def label(df: Any, config: LabelingConfig, process: Callable[..., RunSummary]) -> Any:
    """See `WeightedLabelingEngine.process_dataframe`, which must be the caller of this.

    `process` labels files: the engine's `process_files`.
    """
    table = type(df).__name__
    if config.on_duplicates == "first":
        raise ConfigError(
            f'on_duplicates="first" is for files: leave it out, and equal rows out of the {table}, '
            "as drop_duplicates() in pandas or unique() in Polars does"
        )
    frame = _frame(df, config)
    parent = config.run.temp_dir
    need = f"the bars and labels of the {table}", "set run.temp_dir to another folder"
    try:
        with scratch(parent, *need) as folder:
            path, output = folder / "bars.parquet", folder / "labels"
            time_type, row = _write(frame, config, table, path)
            try:
                summary = process([path], output)
            except InputError as error:
                raise type(error)(_in_python(str(error), path, table)) from None
            parts = [str(output / part) for part in summary.parts]
            labels = _read(parts, config.output_columns(), time_type, row, frame.rows)
            if summary.rows_quarantined:
                warnings.warn(_quarantined(Ledger(output), table), stacklevel=3)
    except OSError as error:
        raise no_room(parent, error, *need) from error
    return frame.attach(labels)


class _Pandas:
    """A DataFrame and its index, whose levels count as columns."""

    def __init__(self, df: Any, config: LabelingConfig, pandas: Any) -> None:
        self._df, self._pandas, self._timestamp = df, pandas, config.column("timestamp")
        self._reads_times = config.reads_times
        # Only a configuration that may leave labels out gives them an extension type, so that
        # types do not depend on the bars.
        may_be_null = config.may_be_null or config.on_bad_rows == "quarantine"
        may_be_null |= bool(config.symbols)
        self._types = {pa.int8(): pandas.Int8Dtype()} if may_be_null else {}
        if df.columns.nlevels > 1:
            raise InputError(_told_levels(df, config.column("open")))
        names = [*df.columns, *(name for name in df.index.names if name not in df.columns)]
        if self._timestamp not in names and isinstance(df.index, pandas.DatetimeIndex):
            names.append(self._timestamp)
        self.names = [name for name in names if isinstance(name, str)]
        self.rows = len(df)

    def _values(self, name: str) -> Any:
        if name in self._df.columns:
            return self._df[name]
        index = self._df.index
        return index.get_level_values(name) if index.nlevels > 1 else index

    def column(self, name: str) -> Any:
        return pa.array(self._values(name))

    def attach(self, labels: dict[str, Any]) -> Any:
        added = pa.table(labels).to_pandas(types_mapper=self._types.get)
        added.index = self._df.index
        for name in () if self._reads_times else added:
            if name.startswith("touch_time_"):
                added[name] = added[name].astype(self._values(self._timestamp).dtype)
        labeled = self._pandas.concat([self._df, added], axis="columns")
        labeled.attrs = self._df.attrs
        return labeled


def _told_levels(df: Any, price: str) -> str:
    """What to do with a table whose columns have levels, of which one names instruments."""
    found = f"DataFrame: has {df.columns.nlevels} levels of columns, such as {df.columns[0]}: "
    prices = [level for level in range(2) if price in df.columns.get_level_values(level)]
    if df.columns.nlevels != 2 or len(prices) != 1:
        return f"{found}name each column of a bar by one word"
    other = 1 - prices[0]
    instrument = df.columns.get_level_values(other)[0]
    return (
        f"{found}take one instrument, df.xs({instrument!r}, axis=1, level={other}), or all, "
        f"df.stack(level={other}, future_stack=True).rename_axis(['timestamp', 'symbol'])"
        ".reset_index()"
    )


class _Polars:
    def __init__(self, df: Any, polars: Any) -> None:
        self._df, self._polars = df, polars
        self.names, self.rows = df.columns, len(df)

    def column(self, name: str) -> Any:
        return self._df[name].to_arrow()

    def attach(self, labels: dict[str, Any]) -> Any:
        return self._df.hstack(self._polars.from_arrow(pa.table(labels)))


class _Arrow:
    def __init__(self, table: Any) -> None:
        self._table = table
        self.names, self.rows = table.schema.names, table.num_rows

    def column(self, name: str) -> Any:
        return self._table.column(name)

    def attach(self, labels: dict[str, Any]) -> Any:
        table = self._table
        for name, values in labels.items():
            table = table.append_column(name, values)
        return table


_Frame = _Pandas | _Polars | _Arrow


def _frame(df: Any, config: LabelingConfig) -> _Frame:
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if pandas and isinstance(df, pandas.DataFrame):
        return _Pandas(df, config, pandas)
    if polars and isinstance(df, polars.DataFrame):
        return _Polars(df, polars)
    if polars and isinstance(df, polars.LazyFrame):
        raise TypeError("a LazyFrame holds no bars yet: pass what its .collect() returns")
    if isinstance(df, pa.Table | pa.RecordBatch):
        return _Arrow(df)
    if hasattr(df, "__arrow_c_stream__"):
        with suppress(pa.ArrowInvalid):  # a stream of something else than rows
            return _Arrow(pa.table(df))
    raise TypeError(
        "bars come as a DataFrame of pandas or Polars, as an Arrow Table or RecordBatch, or as "
        f"anything with rows and __arrow_c_stream__, not as {type(df).__name__}"
    )


def _write(frame: _Frame, config: LabelingConfig, table: str, path: Path) -> tuple[Any, str]:
    """Write the bars; returns the type of their timestamp and the name of the row number.

    The type is None where timestamps are numbers, text or a local clock's: a touch has its own.
    """
    columns = _bars(frame, config, table)
    # Longer than each of the other names, and therefore none of them.
    row = f"row_{'_'.join(columns)}"
    bars = pa.table({**columns, row: np.arange(frame.rows)})
    try:
        pq.write_table(bars, path, row_group_size=2**17)  # enough of them for all threads
    except pa.ArrowException as error:  # Parquet has not every type
        raise InputError(f"{table}: cannot be written as Parquet: {error}") from error
    if config.reads_times:
        return None, row
    time_type = columns[config.column("timestamp")].type
    return time_type.value_type if pa.types.is_dictionary(time_type) else time_type, row


def _bars(frame: _Frame, config: LabelingConfig, table: str) -> dict[str, Any]:
    """The columns of the bars, under the names that the table gives them."""
    names = frame.names
    # Whether a file of events has the sides is known where that is opened.
    has_event_sides = config.events is not None and config.events.file is not None
    if frame.rows == 0:
        raise InputError(f"{table}: there is not a single bar in it")
    taken = {name.casefold() for name in names}
    for name in config.output_columns():
        if name.casefold() in taken:
            raise ConfigError(f"{table}: has a column {name!r} already: rename it or the mode")
    columns = {}
    wanted = {ours: config.column(ours) for ours in BAR_COLUMNS}
    # What trades are read from besides: their sides, and columns that tell distances.
    has_sides = config.has_sides and (config.column("side") in names or not has_event_sides)
    wanted |= {"side": config.column("side")} if has_sides else {}
    if config.events is not None and config.events.column is not None:
        wanted["event"] = config.events.column
    wanted |= {f"barrier {name!r}": name for name in config.columns_of_barriers}
    missing = []
    for ours, name in wanted.items():
        if names.count(name) > 1:
            raise InputError(f"{table}: has several columns {name!r}: rename all but one")
        if name in names:
            try:
                columns[name] = frame.column(name)
            except pa.ArrowException as error:
                raise InputError(f"{table}: column {name!r} cannot be read: {error}") from error
        elif ours in config.columns or ours not in ("volume", "symbol"):
            missing.append(_missing(table, ours, name, [*names, *config.volatility]))
    if missing:
        raise InputError("\n".join(missing))
    return columns


def _missing(table: str, ours: str, name: str, known: list[str]) -> str:
    hint = nearest(name, known)
    if ours.startswith("barrier"):
        return f"{table}: a barrier is {name!r}, and there is no such column or volatility: {hint}"
    if ours == "event":
        return f"{table}: no column {name!r} to ask for bars (events.column): {hint}"
    return (
        f"{table}: no column {name!r} for the {ours}; "
        f"set columns={{{ours!r}: NAME}} in the configuration: {hint}"
    )


def _in_python(message: str, path: Path, table: str) -> str:
    """A complaint about the file, as one about the table and the configuration."""
    message = message.replace(str(path), table)
    message = message.replace("pass --on-bad-rows quarantine", 'set on_bad_rows="quarantine"')
    message = message.replace('"quarantine" --max-bad-share ', '"quarantine" and max_bad_share=')
    return message.replace("pass --max-bad-share ", "set max_bad_share=")


def _read(
    parts: Sequence[str], names: Sequence[str], time_type: Any, row: str, rows: int
) -> dict[str, Any]:
    """The labels in the order of the rows; null where a row has none."""

    def read(name: str) -> Any:
        return pq.read_table(parts, columns=[name], partitioning=None)[name].combine_chunks()

    given = read(row).to_numpy()
    where = np.full(rows, -1)
    where[given] = np.arange(len(given))
    indices = pa.array(where, mask=where < 0)
    labels = {}
    for name in names:  # one at a time, so that few are held twice
        values = read(name).take(indices)
        if name.startswith("outcome_"):
            kinds = pa.array(outcomes.NAMES)
            codes = pc.index_in(values, kinds).cast(pa.int8())
            values = pa.DictionaryArray.from_arrays(codes, kinds)
        elif name.startswith("touch_time_") and time_type is not None:
            values = values.cast(time_type)
        labels[name] = values
    return labels


def _quarantined(ledger: Ledger, table: str) -> str:
    bad = pq.read_table(ledger.quarantine, columns=["duck_label_row", "duck_label_rules"])
    first = bad.sort_by("duck_label_row").slice(0, _SHOWN).to_pylist()
    rows = ", ".join(f"{b['duck_label_row']} ({', '.join(b['duck_label_rules'])})" for b in first)
    more = ", …" if len(bad) > _SHOWN else ""
    return f"{table}: {len(bad):,} bad bars have no label: rows {rows}{more}"
