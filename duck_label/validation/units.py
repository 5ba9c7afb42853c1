"""What whole numbers and text stand for, where bars have them for times and prices: guessed.

Each guess was tried on bars of the input: a unit puts them before 2100, a format reads them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from duck_label.bars.source import coarsest_unit
from duck_label.columns import WHOLE, identifier, literal
from duck_label.config import LabelingConfig
from duck_label.config_keys import PRICES
from duck_label.database import Database
from duck_label.storage.names import exactly

_DATES = ("%Y-%m-%d", "%Y%m%d", "%Y.%m.%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y")
_CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%H%M%S", "%H:%M:%S%z", "%H:%M:%S.%f%z")
_FORMATS = (
    *(f"{day}{between}{clock}" for day in _DATES for clock in _CLOCKS for between in " T"),
    *_DATES,
)
# Rows that are read to see how times are written.
_SAMPLE = 10_000
# Databento's fixed point, and that of Lean; prices as whole numbers below are what they are.
_NANO, _LEAN = Decimal("1e-9"), Decimal("1e-4")
_LEAST_NANO, _LEAST_LEAN, _LEAN_STEP = 10**9, 10**5, 100


def guess_units(
    database: Database, paths: Sequence[str], columns: Mapping[str, str], config: LabelingConfig
) -> Iterator[tuple[str, Any, str]]:
    """Keys that say what times and prices are, with their values and reasons.

    `columns` are the names of the files' columns, with their types.
    """
    files = {"files": exactly(paths)}
    table = "read_parquet($files, union_by_name = true, hive_partitioning = false)"
    name = config.column("timestamp")
    kind = columns.get(name, "")
    if WHOLE.fullmatch(kind) and config.timestamp_unit is None:
        (latest,) = database.row(f"select max({identifier(name)}) from {table}", files)
        if latest is not None:
            unit = coarsest_unit(latest)
            yield "timestamp_unit", unit, "since 1970: the coarsest that puts all bars before 2100"
    if kind == "VARCHAR" and config.timestamp_format is None:
        reads = [f"count(try_strptime(time, {literal(form)}))" for form in _FORMATS]
        found = database.row(
            f"select count(*), {', '.join(reads)} from (select {identifier(name)} as time "
            f"from {table} where {identifier(name)} is not null limit {_SAMPLE})",
            files,
        )
        fits = [form for form, read in zip(_FORMATS, found[1:], strict=True) if read == found[0]]
        # Where the day and the month may change places, nobody knows.
        if found[0] and len({_without_order(form) for form in fits}) == len(fits) and fits:
            yield "timestamp_format", fits[0], "reads the times"
    prices = [config.column(price) for price in PRICES]
    if config.price_scale is None and all(WHOLE.fullmatch(columns.get(p, "")) for p in prices):
        close = identifier(config.column("close"))
        middle, step = database.row(
            f"select median(abs({close}))::double, count_if({close} % {_LEAN_STEP} <> 0) "
            f"from {table}",
            files,
        )
        if (middle or 0) >= _LEAST_NANO:
            yield "price_scale", _NANO, "prices are whole numbers as large as those of Databento"
        elif (middle or 0) >= _LEAST_LEAN and step == 0:
            yield "price_scale", _LEAN, "prices are whole hundreds, as those of Lean"


def _without_order(form: str) -> str:
    return form.replace("%m/%d", "%d/%m")
