# mypy: disable-error-code="import-untyped"
"""The golden cases: bars, the rules they are labeled under, and the expected rows.

Those in `golden/` are of fixed ticks; those in `golden2/` are of every trade that the contract
knows, each with a configuration file. Also `differences`, which tells where two labeled tables
part.
"""

import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scan import Rules

FOLDER = Path(__file__).with_name("golden")

# What each case sets beside the defaults, in the words of the configuration file.
_OVERRIDES: dict[str, dict[str, Any]] = {
    "plain": {},
    "gaps": {},
    "bars_horizon": {"timeout_bars": 60},
    "months": {},
    "months_as_of": {"as_of": date(2024, 12, 20)},
    "rolls": {},
    "rolls_off": {"roll_gap_points": 0},
    "symbols_unsorted": {},
    "cents": {"tick_size": 0.01, "timeout_seconds": 3600, "roll_gap_points": 5},
    "adjusted": {"price_increment": 0.05},
    "wide_bars": {},
    "tiny": {},
    "one": {},
}

CASES: tuple[str, ...] = tuple(_OVERRIDES)

# How the names of what is computed begin; all others are columns of the bars.
_OWN = ("label", "weight", "mae", "mfe", "seconds", "exit", "return", "stop", "target")
_OVERLAP = ("uniqueness", "attribution")

TRADES = Path(__file__).with_name("golden2")
TRADE_CASES: tuple[str, ...] = tuple(sorted(file.stem for file in TRADES.glob("*.toml")))


def config_overrides(case: str) -> dict[str, Any]:
    """What the case sets beside the defaults, keyed as in the configuration file."""
    return dict(_OVERRIDES[case])


def rules(case: str) -> Rules:
    return Rules(**_OVERRIDES[case])


def bars(case: str) -> pa.Table:
    """The input, in the order of its file."""
    return pq.read_table(FOLDER / f"{case}.bars.parquet")


def expected(case: str) -> pa.Table:
    """Every input column and, in every mode, every label and detail; sorted by (symbol, timestamp).

    Where the input has no `symbol`, the expectation has an empty one.
    """
    return pq.read_table(FOLDER / f"{case}.expected.parquet")


def trade_config(case: str) -> dict[str, Any]:
    """The configuration of a case of `golden2/`, as its file holds it."""
    return tomllib.loads((TRADES / f"{case}.toml").read_text())


def trade_tables(case: str) -> tuple[pa.Table, pa.Table | None, pa.Table]:
    """Bars, events if there are any, and the expectation of a case of `golden2/`."""
    events = TRADES / f"{case}.events.parquet"
    expected = pq.read_table(TRADES / f"{case}.expected.parquet")
    for number, name in enumerate(expected.column_names):
        column = expected[name]
        if pa.types.is_floating(column.type):
            # It says null with a NaN, and labels in doubles.
            known = pc.if_else(pc.is_nan(column), None, column)
            known = known.cast(pa.int8()) if name.startswith("label_") else known
            if name.split("_")[0] not in (*_OWN, *_OVERLAP):
                known = column
            expected = expected.set_column(number, name, known)
    return (
        pq.read_table(TRADES / f"{case}.bars.parquet"),
        pq.read_table(events) if events.exists() else None,
        expected,
    )


def differences(
    actual: pa.Table, expected: pa.Table, columns: Sequence[str] | None = None
) -> list[str]:
    """Say where two tables with the same sort differ, a line per column, the first ten columns.

    Everything must match exactly, type included, but weights may be one ulp apart, uniqueness and
    attribution 1e-12, and text may be kept any way (ENUM, large). A `symbol` that is empty
    throughout may be absent from `actual`.
    """
    if len(actual) != len(expected):
        return [f"{len(actual)} rows, expected {len(expected)}"]
    lines = []
    for name in expected.column_names if columns is None else columns:
        if name in actual.column_names:
            lines += _column_differences(name, actual, expected)
        elif name != "symbol" or pc.any(pc.not_equal(_comparable(expected[name]), "")).as_py():
            lines.append(f"{name}: missing")
    return lines[:10]


def _column_differences(name: str, actual: pa.Table, expected: pa.Table) -> list[str]:
    got, want = (_comparable(table[name]) for table in (actual, expected))
    if got.type != want.type:
        return [f"{name}: {got.type}, expected {want.type}"]
    differ = pc.not_equal(got, want).fill_null(False).to_numpy()
    if name.startswith("weight_"):
        a, b = (weight.fill_null(0).to_numpy() for weight in (got, want))
        differ &= (a != np.nextafter(b, np.float32(np.inf))) & (a != np.nextafter(b, np.float32(0)))
    if name.startswith(("uniqueness_", "attribution_")):
        a, b = (worth.fill_null(0).to_numpy() for worth in (got, want))
        differ &= np.abs(a - b) > 1e-12
    if pa.types.is_floating(got.type):
        both_nan = pc.and_(pc.is_nan(got), pc.is_nan(want))
        differ &= ~both_nan.fill_null(False).to_numpy()
    differ |= pc.not_equal(got.is_null(), want.is_null()).to_numpy()
    rows = np.flatnonzero(differ)
    examples = "; ".join(f"row {r}: {got[r]}, expected {want[r]}" for r in rows[:3].tolist())
    return [f"{name}: {len(rows)} of {len(got)} rows differ, {examples}"] if len(rows) else []


def _comparable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same values under one name per type: text is text, UTC has many names."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        kind = pa.large_string()
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        kind = pa.timestamp(kind.unit, "UTC")
    return column.cast(kind)
