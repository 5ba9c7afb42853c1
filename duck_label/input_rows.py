"""The rows of the input as SQL: of which files, with what their paths say, and which of them.

All that a query does with bars begins with these rows. What else it may name is the business of
`query_names`.
"""

from __future__ import annotations

from collections.abc import Sequence

from duck_label.columns import PLACE, RESERVED, BarColumns, identifier, literal
from duck_label.config import LabelingConfig


def source_rows(
    config: LabelingConfig,
    bars: BarColumns,
    input_columns: Sequence[str],
    *,
    has_quarantine: bool,
    is_admitted: bool,
) -> str:
    """The bars of the symbols that are asked for, without those in quarantine.

    Where the input `is_admitted`, equal rows count once if they may; else all rows are there.
    """
    rows = _of_symbols(bars, config.symbols)
    if has_quarantine:
        # A bar is known by its symbol and time; a duplicate is quarantined with all its copies.
        timestamp = identifier(bars.timestamp)
        same_symbol = f"{symbol_of(bars, 'source')} is not distinct from {symbol_of(bars, 'bad')}"
        rows = (
            f"(select source.* from {rows} as source "
            f"anti join read_parquet($quarantine) as bad "
            f"on source.{timestamp} = bad.{timestamp} and {same_symbol})"
        )
    if is_admitted and config.on_duplicates == "first":
        return _once(rows, bars, input_columns)
    return rows


def _of_symbols(bars: BarColumns, symbols: Sequence[str]) -> str:
    """The rows of the symbols that are asked for."""
    if not symbols or bars.symbol is None:
        return rows_of_files(bars)
    symbol = f"{symbol_of(bars, 'source')}::varchar"
    # DuckDB holds a name against the statistics of row groups, and a pattern only where it is one.
    # What may be a pattern may also be a name: BTC[perp].
    tests = [f"{symbol} = {literal(text)}" for text in symbols]
    tests += [f"{symbol} glob {literal(text)}" for text in symbols if set(text) & set("*?[")]
    return f"(select source.* from {rows_of_files(bars)} as source where {' or '.join(tests)})"


def _once(rows: str, bars: BarColumns, input_columns: Sequence[str]) -> str:
    """One row of those that share symbol and time, which are equal in every column.

    By symbol and time, so that a range of times is still all that a query reads.
    """
    keys = [identifier(name) for name in (bars.symbol, bars.timestamp) if name is not None]
    others = [name for name in map(identifier, input_columns) if name not in keys]
    columns = ", ".join([*keys, *(f"first({name}) as {name}" for name in others)])
    return f"(select {columns} from {rows} group by {', '.join(keys)})"


def rows_of_files(bars: BarColumns, *, with_names: bool = False) -> str:
    """The rows of the files, with what their paths say of them."""
    if bars.is_gathered and not with_names:
        return f"(select * exclude ({', '.join(PLACE)}) from {read_files(bars, with_names=True)})"
    if not bars.keys:
        return read_files(bars, with_names=with_names)
    own = "bars.*" if with_names else "bars.* exclude (duck_label_file)"
    keys = ", ".join(
        f"said.{key_field(number)}::varchar as {identifier(name)}"
        for number, name in numbered(bars.keys)
    )
    return f"""(
        select
            {own},
            {keys}
        from {read_files(bars, with_names=True)} as bars
        inner join (select unnest($files, max_depth := 2)) as said
            on bars.duck_label_file = said.filename
    )"""


def read_files(bars: BarColumns, *, with_names: bool) -> str:
    """All rows of the files. To go by name, DuckDB opens every file for every query first."""
    union = "" if bars.are_alike else "union_by_name = true, "
    names = ", filename = 'duck_label_file'" if with_names and not bars.is_gathered else ""
    return f"read_parquet($files, {union}hive_partitioning = false{names})"


def key_field(number: int) -> str:
    """The field of the files' parameter that holds the value of a key, counted from 1.

    To `read_parquet` the fields of a file beside its name are nothing; a join finds them there.
    """
    return f"{RESERVED}key_{number}"


def numbered(names: Sequence[str]) -> list[tuple[int, str]]:
    """Names, counted from 1."""
    return list(enumerate(names, start=1))


def symbol_of(bars: BarColumns, table: str) -> str:
    """The symbol of a row of a table; one for all where the bars have no symbol."""
    return f"{table}.{identifier(bars.symbol)}" if bars.symbol else "''"


def all_symbols(bars: BarColumns) -> str:
    """The symbol of every row of the files, of those that nobody asked for too."""
    return f"select {symbol_of(bars, 'bars')}::varchar as symbol from {rows_of_files(bars)} as bars"
