# mypy: disable-error-code="import-untyped"
"""What travels through keeps its values, and its type but for those that docs/labels.md lists."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import duck_label
from labeling import label

ROWS = 4
NUMBERS = [1, 2, None, 3]
TEXTS = ["a", "é", None, ""]
LISTS = [[1, 2], None, [3, 4], [5, 6]]
DECIMALS = [Decimal("1.10"), None, Decimal("-2.00"), Decimal("3.05")]
TABLE = re.compile(r"^\| (`.*`) \| `(.*)` \|.*\|$", re.MULTILINE)


def times(kind: pa.DataType) -> pa.Array:
    return pa.array(NUMBERS, pa.int64()).cast(kind)


def passengers() -> dict[str, pa.Array]:
    """Columns of every type that Arrow writes as Parquet."""
    whole = (*(f"int{bits}" for bits in (8, 16, 32, 64)), *(f"uint{b}" for b in (8, 16, 32, 64)))
    return {
        **{name: pa.array(NUMBERS, name) for name in (*whole, "float32", "float64")},
        "halffloat": pa.array(np.array([1.5, 2, np.nan, 3], np.float16)),
        "bool": pa.array([True, None, False, True]),
        "null": pa.nulls(ROWS),
        "text": pa.array(TEXTS),
        "large_text": pa.array(TEXTS, pa.large_string()),
        "text_view": pa.array(TEXTS, pa.string_view()),
        "categories": pa.array(TEXTS).dictionary_encode(),
        "bytes": pa.array([b"a", b"\xff", None, b""]),
        "large_bytes": pa.array([b"a", b"\xff", None, b""], pa.large_binary()),
        "view_of_bytes": pa.array([b"a", b"\xff", None, b""], pa.binary_view()),
        "fixed_bytes": pa.array([b"abcd", b"\xff\0\0\0", None, b"1234"], pa.binary(4)),
        "uuid": pa.array([UUID(int=row).bytes for row in range(ROWS)], pa.uuid()),
        "json": pa.array(['{"a": 1}', None, "[]", "1"], pa.json_()),
        "bool8": pa.array([1, 0, None, 1], pa.int8()).cast(pa.bool8()),
        "date": pa.array(NUMBERS, pa.int32()).cast(pa.date32()),
        "time_ms": pa.array(NUMBERS, pa.int32()).cast(pa.time32("ms")),
        "time_us": times(pa.time64("us")),
        "time_ns": times(pa.time64("ns")),
        "duration": times(pa.duration("us")),
        **{f"at_{unit}": times(pa.timestamp(unit)) for unit in ("ms", "us", "ns")},
        **{f"utc_{unit}": times(pa.timestamp(unit, "UTC")) for unit in ("ms", "us", "ns")},
        "new_york": times(pa.timestamp("us", "America/New_York")),
        "decimal32": pa.array(DECIMALS, pa.decimal32(5, 2)),
        "decimal64": pa.array(DECIMALS, pa.decimal64(12, 2)),
        "decimal128": pa.array(DECIMALS, pa.decimal128(30, 2)),
        "list": pa.array(LISTS, pa.list_(pa.int32())),
        "large_list": pa.array(LISTS, pa.large_list(pa.int32())),
        "fixed_list": pa.array(LISTS, pa.list_(pa.int32(), 2)),
        "list_view": pa.array(LISTS, pa.list_view(pa.int32())),
        "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}, {"a": 2, "b": None}]),
        "map": pa.array([[("k", 1)], None, [], [("z", 2)]], pa.map_(pa.string(), pa.int32())),
    }


def bars(more: dict[str, pa.Array], time: pa.DataType) -> pa.Table:
    start = 1_704_448_800
    at = pa.array([start + row for row in range(ROWS)]).cast(pa.timestamp("s")).cast(time)
    prices = dict.fromkeys(("open", "high", "low", "close"), pa.array([5000.0] * ROWS))
    return pa.table({"timestamp": at, **prices, **more})


def short(kind: Any) -> str:
    """The name of a type as the table has it: without what it is made of."""
    name = str(kind).removeprefix("extension<arrow.")
    return name if name.startswith("time") else re.split(r"[<\[(>]", name)[0]


def test_types_are_those_of_the_table(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "docs" / "labels.md").read_text(encoding="utf-8")
    table = {
        given: becomes
        for cell, becomes in TABLE.findall(text.partition("| Arrow type in the input")[2])
        for given in re.findall("`(.*?)`", cell)
    }
    path = tmp_path / "bars.parquet"
    pq.write_table(bars(passengers(), pa.timestamp("us")), path)
    duck_label.WeightedLabelingEngine(duck_label.LabelingConfig()).process_files(
        path, tmp_path / "labels"
    )
    given, found = pq.read_table(path), pq.read_table(tmp_path / "labels")
    types = {name: short(given.schema.field(name).type) for name in passengers()}
    assert set(table) <= set(types.values()), "a row of the table that nothing here shows"
    for name, kind in types.items():
        became = short(found.schema.field(name).type)
        assert became == table.get(kind, kind), name
        # A number has no other meaning in the file, and a moment is the same in every zone.
        is_same = kind in ("duration", "bool8") or name == "new_york"
        means = given[name].cast(found[name].type) if is_same else given[name]
        assert str(found[name].to_pylist()) == str(means.to_pylist()), name


@pytest.mark.parametrize("kind", [pa.timestamp("ms"), pa.timestamp("ns", "UTC"), pa.date32()])
def test_times_that_labeling_adds_are_of_the_type_of_the_bars(
    kind: pa.DataType, tmp_path: Path
) -> None:
    table = bars({}, pa.timestamp("us"))
    if kind == pa.date32():
        days = pa.array(range(19_700, 19_700 + ROWS), pa.int32()).cast(kind)
        table = table.set_column(0, "timestamp", days)
    else:
        table = bars({}, kind)
    pq.write_table(table, tmp_path / "bars.parquet")
    found = label(tmp_path / "bars.parquet", tmp_path / "labels", details=True)
    assert found["timestamp"].equals(table["timestamp"])
    assert found.schema.field("touch_time_low_vol_long").type == kind


def test_milliseconds_beside_microseconds_are_microseconds(tmp_path: Path) -> None:
    """Also in parts that an earlier run wrote, when there were only milliseconds."""
    table = bars({"seen": times(pa.timestamp("ms"))}, pa.timestamp("ms"))
    (tmp_path / "bars").mkdir()
    pq.write_table(table, tmp_path / "bars" / "a.parquet")
    first = label(tmp_path / "bars", tmp_path / "labels")
    assert first.schema.field("seen").type == pa.timestamp("ms")
    later = bars({"seen": times(pa.timestamp("us"))}, pa.timestamp("us"))
    later = later.set_column(
        0,
        "timestamp",
        pa.array([1_704_535_200_000_000 + row for row in range(ROWS)]).cast(pa.timestamp("us")),
    )
    pq.write_table(later, tmp_path / "bars" / "b.parquet")
    found = label(tmp_path / "bars", tmp_path / "labels")
    kinds = {
        (pq.read_schema(part).field("timestamp").type, pq.read_schema(part).field("seen").type)
        for part in (tmp_path / "labels").glob("*.parquet")
    }
    assert kinds == {(pa.timestamp("us"), pa.timestamp("us"))}
    assert found["seen"].to_pylist() == table["seen"].to_pylist() + later["seen"].to_pylist()


def test_more_digits_than_duckdb_holds_are_refused(tmp_path: Path) -> None:
    wide = pa.array(DECIMALS, pa.decimal256(50, 2))
    pq.write_table(bars({"wide": wide}, pa.timestamp("us")), tmp_path / "bars.parquet")
    with pytest.raises(duck_label.InputError, match="'wide' has decimals of 50 digits"):
        label(tmp_path / "bars.parquet", tmp_path / "labels")
