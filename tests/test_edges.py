# mypy: disable-error-code="import-untyped"
"""The odd ends of bar data: all of them label as the scan does, or are one clear message."""

import gzip
import math
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

import golden
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.bars.source import open_source
from duck_label.cli import main
from duck_label.database import Database
from duck_label.errors import BadBarsError, ConfigError, InputError
from duck_label.look.explain import explain
from duck_label.look.inspect import Output
from duck_label.look.stats import statistics
from duck_label.memory.budget import MemoryBudget
from duck_label.records.ledger import FOLDER
from duck_label.storage.names import exactly
from duck_label.validation.trial import Trial
from labeling import TWO_MODES, TWO_RULES, read, write
from labeling import label_two as label
from lengths import long_but
from scan import Mode, Rules, scan
from walk import walk as walk_of_trades

START = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
ZONE = "America/New_York"
PRICES = ("open", "high", "low", "close")
INF, NAN = float("inf"), float("nan")


def walk(count: int, seed: int = 1, **columns: Any) -> pa.Table:
    """Bars a second apart whose price wanders by quarters around 5000."""
    chance = np.random.default_rng(seed)
    close = 20_000 + np.cumsum(chance.integers(-2, 3, count))
    opens = np.concatenate(([20_000], close[:-1]))
    high = np.maximum(opens, close) + chance.integers(0, 3, count)
    low = np.minimum(opens, close) - chance.integers(0, 3, count)
    prices = {"open": opens, "high": high, "low": low, "close": close}
    times = [START + timedelta(seconds=n) for n in range(count)]
    return pa.table({"timestamp": times} | {k: v / 4 for k, v in prices.items()} | columns)


def replaced(table: pa.Table, name: str, column: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def agree(table: pa.Table, folder: Path, rules: Rules | None = None, **config: Any) -> pa.Table:
    """Label a table, hold it against the scan, and hand back the labels."""
    labeled = label(write(folder / "bars", [table]), folder / "out", details=True, **config)
    assert golden.differences(labeled, scan(table, rules or TWO_RULES)) == []
    return labeled


def test_a_symbol_with_one_bar(tmp_path: Path) -> None:
    many, one = walk(300, symbol=["A"] * 300), walk(1, symbol=["B"])
    labeled = agree(pa.concat_tables([many, one]), tmp_path)
    assert labeled["outcome_low_vol_long"][-1].as_py() == "none"


@pytest.mark.long
def test_a_file_of_no_rows_among_others(tmp_path: Path) -> None:
    table = walk(500)
    files = write(tmp_path / "bars", [table[:0], table[:200], table[:0], table[200:]])
    labeled = label(files, tmp_path / "out", details=True)
    assert golden.differences(labeled, scan(table, TWO_RULES)) == []


def test_no_bar_at_all_is_bad_input(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [walk(3)[:0]])
    with pytest.raises(InputError, match="not a single bar"):
        label(bars, tmp_path / "out")


def test_a_range_without_bars_is_bad_input(tmp_path: Path) -> None:
    """Inside the input's days, and outside of them."""
    bars = write(tmp_path / "bars", [walk(300)])
    for start in (START + timedelta(hours=1), START + timedelta(days=9)):
        with pytest.raises(InputError, match=r"not a single bar|no bars from"):
            label(bars, tmp_path / "out", how={"start": start})


@pytest.mark.long
def test_a_range_may_be_written_as_text(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [walk(300)])
    middle = START + timedelta(seconds=100)
    told = label(bars, tmp_path / "told", how={"start": middle})
    assert 0 < len(told) < 300
    written = label(bars, tmp_path / "written", how={"start": middle.isoformat()})
    assert written.equals(told)
    with pytest.raises(ConfigError, match="'4 March' is no date or time: write 2024-03-04"):
        label(bars, tmp_path / "out", how={"end": "4 March"})


def test_a_chunk_without_bars(tmp_path: Path) -> None:
    """One row group spans a quiet week: the metadata cannot know that most days are empty."""
    times = pa.array([START + timedelta(days=7, seconds=n) for n in range(50)])
    later = replaced(walk(50), "timestamp", times)
    table = pa.concat_tables([walk(50), later])
    agree(table, tmp_path, run={"chunk": "1d"})
    assert len(list((tmp_path / "out").glob("*.parquet"))) == 2


@pytest.mark.long
def test_fifty_modes(tmp_path: Path) -> None:
    modes = tuple(Mode(f"m{n}", ("long", "short")[n % 2], 1 + n % 7, 1 + n % 11) for n in range(50))
    config = {"modes": [vars(mode) for mode in modes]}
    agree(walk(400), tmp_path, replace(TWO_RULES, modes=modes), **config)


HOSTILE = ('quote"s', "it's", "semi;colon", "a b", "Ünïcode ✓", "select", "--", "$files", "{{ x }}")


@pytest.mark.parametrize("name", long_but(HOSTILE[:2], HOSTILE))
def test_hostile_names_of_columns_modes_and_files(name: str, tmp_path: Path) -> None:
    """The timestamp, the symbol, a column that travels through, a mode and the file have it."""
    table = walk(200, symbol=["A"] * 200)
    mode = Mode(name, "long", 2, 3)
    expected = scan(table, replace(TWO_RULES, modes=(mode,)))
    ours = {"timestamp": f"{name} 1", "symbol": f"{name} 2"}
    table = table.rename_columns([ours.get(column, column) for column in table.column_names])
    table = table.append_column(name, pa.array(range(200)))
    file = tmp_path / f"{name}.parquet"
    pq.write_table(table, file)
    config = LabelingConfig(columns=ours, modes=[vars(mode)], details=True)
    summary = WeightedLabelingEngine(config).process_files([file], tmp_path / "out")
    labeled = pq.read_table(tmp_path / "out" / summary.parts[0])
    assert labeled.column_names[: table.num_columns] == table.column_names
    assert labeled[name].to_pylist() == list(range(200))
    theirs = {theirs: column for column, theirs in ours.items()}
    labeled = labeled.rename_columns([theirs.get(c, c) for c in labeled.column_names])
    assert golden.differences(labeled, expected) == []


def test_one_name_in_place_of_many(tmp_path: Path) -> None:
    """A text is a name, not letters of which each is one; no name at all is an error."""
    pq.write_table(walk(10), tmp_path / "bars.parquet")
    engine = WeightedLabelingEngine()
    assert engine.process_files(str(tmp_path / "bars.parquet"), tmp_path / "out").rows_labeled == 10
    assert engine.plan_files(tmp_path / "bars.parquet", tmp_path / "out").rows_done == 10
    with pytest.raises(InputError, match="no input"):
        engine.process_files([], tmp_path / "out")


def test_memory_optimization_is_on_or_off() -> None:
    config = LabelingConfig(enable_memory_optimization=np.False_)
    assert config.memory.critical_threshold == 0
    with pytest.raises(ConfigError, match="enable_memory_optimization"):
        LabelingConfig(enable_memory_optimization="no")


def test_glob_characters_in_a_file_name_mean_themselves(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [walk(10)])
    (bars / "bars_000.parquet").rename(bars / "x[1].parquet")
    pq.write_table(walk(20), bars / "x1.parquet")
    assert len(label(bars / "x[1].parquet", tmp_path / "out")) == 10


def test_no_folder_is_read_for_the_name_of_a_file(tmp_path: Path) -> None:
    """What DuckDB takes for a pattern costs it the whole folder, for each of its files."""

    class Files(LocalFileSystem):  # type: ignore[misc]
        protocol = "listless"

        def glob(self, path: str, **_: Any) -> list[str]:
            raise AssertionError(path)

    name = write(tmp_path / "bars [1]", [golden.bars("plain")]) / "bars_000.parquet"
    with duckdb.connect() as connection:
        connection.register_filesystem(Files())
        (rows,) = connection.execute(
            "select count(*) from read_parquet($files)",
            {"files": exactly([f"listless://{name}"])},
        ).fetchall()
    assert rows == (golden.bars("plain").num_rows,)


def test_files_folders_and_globs_may_be_mixed_and_repeated(tmp_path: Path) -> None:
    table = walk(300)
    bars = write(tmp_path / "bars", [table[:100], table[100:200]])
    write(bars / "deeper", [table[200:]])
    write(bars / "_hidden", [table[:50]])
    inputs = [bars, bars / "bars_000.parquet", Path(f"{bars}/bars_*.parquet")]
    labeled = label(inputs, tmp_path / "out", details=True)
    assert golden.differences(labeled, scan(table, TWO_RULES)) == []


@pytest.mark.parametrize("unit", long_but(["ms"], ["s", "ms", "us", "ns"]))
@pytest.mark.parametrize("zone", long_but([ZONE], [None, "UTC", ZONE]))
def test_timestamps_of_any_precision_and_zone(unit: str, zone: str | None, tmp_path: Path) -> None:
    table = walk(300)
    kind = pa.timestamp(unit, zone)
    times = table["timestamp"].cast(pa.timestamp(unit, "UTC"), safe=False)
    times = times.cast(pa.int64()).cast(kind)
    table = replaced(table, "timestamp", times)
    # Parquet has no seconds, and DuckDB no milliseconds with a zone; the instants are the same.
    labeled = label(write(tmp_path / "bars", [table]), tmp_path / "out", details=True)
    kept = {"us": "us", "ns": "ns"}.get(unit, "us" if zone else "ms")
    stored = pa.timestamp(kept, zone and "UTC")
    assert labeled.schema.field("timestamp").type == stored
    expected = scan(replaced(table, "timestamp", times.cast(stored)), TWO_RULES)
    assert golden.differences(labeled, expected) == []


def test_nanoseconds_are_told_apart(tmp_path: Path) -> None:
    base = int(START.timestamp()) * 10**9
    times = pa.array([base + n for n in range(50)], pa.timestamp("ns"))
    agree(replaced(walk(50), "timestamp", times), tmp_path)


def test_daily_bars(tmp_path: Path) -> None:
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(90)]
    table = replaced(walk(90), "timestamp", pa.array(days, pa.date32()))
    agree(
        table, tmp_path, replace(TWO_RULES, timeout_bars=20), timeout_bars=20, run={"chunk": "1mo"}
    )


@pytest.mark.parametrize("odd", [0, -1])
def test_one_price_may_lie_farther_off_than_levels_are_counted(odd: int, tmp_path: Path) -> None:
    """Nothing climbs from there, or down to it: by the average climb there were 10^12 cells."""
    table = walk(300, symbol=["A"] * 300)
    for name in PRICES:
        prices = table[name].to_pylist()
        prices[odd] = 2.5e11
        table = replaced(table, name, pa.array(prices))
    table = pa.concat_tables([table, walk(300, symbol=["B"] * 300)])
    rules = replace(TWO_RULES, roll_gap_points=1e12)
    labeled = agree(table, tmp_path, rules, roll_gap_points=1e12)
    outcomes = labeled[f"outcome_{TWO_MODES[0]['name']}"].to_pylist()
    assert {"target", "stop"} <= set(outcomes)


def test_levels_may_lie_far_below_all_that_is_reached(tmp_path: Path) -> None:
    """Every bar reaches 10^12 levels beyond the targets of long trades, and the stops of short."""
    table = replaced(walk(300, width=[6.0] * 300), "high", pa.array([2.5e11] * 300))
    config: dict[str, Any] = {
        "modes": [
            {"name": way, "direction": way, "stop": "width ticks", "target": "2 * width ticks"}
            for way in ("long", "short")
        ],
        "roll_gap_points": 1e12,
        "details": True,
    }
    labeled = label(write(tmp_path / "bars", [table]), tmp_path / "out", **config)
    expected = walk_of_trades(table, config)
    names = [name for name in expected.column_names if name in labeled.column_names]
    assert golden.differences(labeled, expected, names) == []
    assert set(labeled["outcome_long"].to_pylist()) == {"target", "none"}
    assert set(labeled["outcome_short"].to_pylist()) == {"stop", "none"}


PRICE_TYPES = (pa.int32(), pa.uint64(), pa.float32(), pa.decimal128(18, 4))


@pytest.mark.parametrize("kind", long_but(PRICE_TYPES[1:2], PRICE_TYPES))
def test_prices_of_any_numeric_type(kind: pa.DataType, tmp_path: Path) -> None:
    table = walk(200)
    whole = pa.types.is_integer(kind)
    for name in ("open", "high", "low", "close"):
        values = [int(4 * p) if whole else p for p in table[name].to_pylist()]
        table = replaced(table, name, pa.array(values, pa.float64()).cast(kind))
    rules = replace(TWO_RULES, tick_size=1.0 if whole else 0.25)
    plain = table
    for name in ("open", "high", "low", "close"):
        plain = replaced(plain, name, table[name].cast(pa.float64()))
    labeled = label(
        write(tmp_path / "bars", [table]), tmp_path / "out", details=True, tick_size=rules.tick_size
    )
    assert labeled.schema.field("open").type == kind
    expected = scan(plain, rules)
    labels = [name for name in expected.column_names if "_vol_" in name]
    assert golden.differences(labeled, expected, labels) == []


def test_negative_prices_where_allowed(tmp_path: Path) -> None:
    table = walk(400)
    for name in ("open", "high", "low", "close"):
        table = replaced(table, name, pa.array([p - 5000 for p in table[name].to_pylist()]))
    with pytest.raises(BadBarsError, match="nonpositive_price"):
        label(write(tmp_path / "bars", [table]), tmp_path / "out")
    agree(table, tmp_path, allow_nonpositive_prices=True)


@pytest.mark.parametrize("price", long_but([1.7e308], [1.7e308, -1.7e308, 2.0**60, INF, NAN]))
def test_prices_at_the_edge_of_a_double(price: float, tmp_path: Path) -> None:
    """They are bad bars, not overflows; without them the rest is labeled."""
    table = walk(100)
    flat = {name: [price] for name in ("open", "high", "low", "close")}
    edge = pa.table({"timestamp": [START + timedelta(seconds=100)], **flat})
    bars = write(tmp_path / "bars", [pa.concat_tables([table, edge])])
    with pytest.raises(BadBarsError, match=r"(off|beyond)_grid|not_finite|nonpositive"):
        label(bars, tmp_path / "out")
    labeled = label(bars, tmp_path / "out", on_bad_rows="quarantine", details=True)
    assert golden.differences(labeled, scan(table, TWO_RULES)) == []


def test_the_smallest_double_lies_on_the_grid_at_zero(tmp_path: Path) -> None:
    """It is nearer to zero than a millionth of an increment, and judged as that level."""
    table = replaced(walk(50), "low", pa.array([5e-324] * 50))
    agree(table, tmp_path, allow_nonpositive_prices=True)
    with pytest.raises(BadBarsError, match="50 x nonpositive_price"):
        agree(table, tmp_path / "refused")


@pytest.mark.long
def test_large_prices_on_the_grid_are_good(tmp_path: Path) -> None:
    """Up to 2^53 increments are told apart: here four times 2^51 - 5000 and a bit."""
    table = walk(300)
    for name in ("open", "high", "low", "close"):
        moved = [p + 2.0**51 - 2**14 for p in table[name].to_pylist()]
        table = replaced(table, name, pa.array(moved))
    agree(table, tmp_path)


def test_other_columns_travel_through_untouched(tmp_path: Path) -> None:
    extra = {
        "bar": pa.array([None, 2, 3], pa.int8()),
        "series": pa.array([[1], None, []], pa.list_(pa.int32())),
        "clock": pa.array([{"a": 1}, None, {"a": 3}]),
        "labels": pa.array([b"\x00", None, b"z"]),
        "volume": pa.array([0.5, None, 0], pa.float64()),
        "filename": pa.array([True, None, False]),
        "d": pa.array([1, None, 2], pa.decimal128(20, 3)),
    }
    table = walk(3, **extra)
    labeled = label(write(tmp_path / "bars", [table]), tmp_path / "out")
    for name in table.column_names:
        assert labeled[name].to_pylist() == table[name].to_pylist()
        assert labeled.schema.field(name).type == table.schema.field(name).type


def test_columns_with_names_that_duckdb_uses_keep_bad_bars_apart(tmp_path: Path) -> None:
    """The place of a bad bar is that in its file, whatever the file says it is."""
    names = ("file_row_number", "filename", "file_index", "column_1")
    travelling: dict[str, Any] = {name: [0] * 30 for name in names}
    table = walk(30, **travelling)
    prices = table["close"].to_pylist()
    broken = replaced(table, "close", pa.array([*prices[:7], None, *prices[8:]]))
    bars = write(tmp_path / "bars", [table.slice(0, 3), broken.slice(3)])
    labeled = label(bars, tmp_path / "out", on_bad_rows="quarantine")
    assert len(labeled) == 29
    aside = pq.read_table(tmp_path / "out" / FOLDER / "quarantine.bars")
    assert aside["duck_label_row"].to_pylist() == [4]
    assert aside.select(table.column_names).equals(broken.slice(7, 1))


def test_files_may_lack_columns_that_only_travel_through(tmp_path: Path) -> None:
    first, second = walk(100), walk(200)[100:].append_column("note", pa.array(["n"] * 100))
    bars = write(tmp_path / "bars", [first, second])
    labeled = label(bars, tmp_path / "out", run={"chunk": "70"})
    assert labeled["note"].to_pylist() == [None] * 100 + ["n"] * 100


def test_an_output_column_that_is_there_already(tmp_path: Path) -> None:
    table = walk(3).append_column("Label_low_vol_long", pa.array([1, 2, 3]))
    with pytest.raises(ConfigError, match="label_low_vol_long"):
        label(write(tmp_path / "bars", [table]), tmp_path / "out")


BREAKAGES = {
    "null_timestamp": {"timestamp": None},
    "null_price": {"close": None},
    "not_finite": {"high": float("inf")},
    "high_below_low": {"high": 4900.0, "low": 5100.0},
    "high_too_low": {"close": 5200.0},
    "low_too_high": {"open": 4800.0},
    "off_grid": {"open": 5000.1},
    "nonpositive_price": {"low": 0.0},
    "negative_volume": {"volume": -1.0},
    "null_symbol": {"symbol": None},
    "duplicate": {"timestamp": START + timedelta(seconds=10)},
}


@pytest.mark.parametrize("rule", long_but(["duplicate"], BREAKAGES))
def test_every_rule_stops_a_run_or_sets_bars_aside(rule: str, tmp_path: Path) -> None:
    """One bar is broken. It is named; nothing is labeled; set aside, the rest is labeled."""
    table = walk(200, volume=[1.0] * 200, symbol=["A"] * 200)
    table = replaced(table, "high", pa.array([5100.0] * 200))
    table = replaced(table, "low", pa.array([4900.0] * 200))
    rows = table.to_pylist()
    rows[20] |= BREAKAGES[rule]
    bars = write(tmp_path / "bars", [pa.Table.from_pylist(rows, table.schema)], 64)
    with pytest.raises(BadBarsError) as caught:
        label(bars, tmp_path / "out")
    message = str(caught.value)
    count = 2 if rule == "duplicate" else 1
    assert f"bars_000.parquet: {count} x {rule}" in message
    assert "row 20:" in message
    assert not list((tmp_path / "out").glob("*.parquet"))
    bad = {10, 20} if rule == "duplicate" else {20}
    good = table.take([n for n in range(200) if n not in bad])
    labeled = label(bars, tmp_path / "out", on_bad_rows="quarantine", details=True)
    assert golden.differences(labeled, scan(good, TWO_RULES)) == []
    aside = pq.read_table(tmp_path / "out" / FOLDER / "quarantine.bars")
    assert set(aside["duck_label_row"].to_pylist()) == bad
    assert all(rule in rules for rules in aside["duck_label_rules"].to_pylist())
    # Resumed, it is the same; asked to fail, it fails.
    label(bars, tmp_path / "out", on_bad_rows="quarantine", details=True)
    assert golden.differences(read(tmp_path / "out"), scan(good, TWO_RULES)) == []
    with pytest.raises(BadBarsError):
        label(bars, tmp_path / "out", details=True)


# Of a grid of quarters: on it, nearly, half off it, at its bounds, and no number.
ODD_PRICES = [
    *(0.25, 0.5, 5000.0, 5000.25, 5000.25 * (1 + 2**-52), 5000.0 + 1e-7, 5000.1, 0.1, 0.15),
    *(-0.0, -0.1, -0.25, -5000.0, 2.0**51 - 0.25, 2.0**51, 2.0**52, -(2.0**51) + 0.25, -(2.0**51)),
    *(float("inf"), float("-inf"), float("nan"), None),
]


def is_good(prices: dict[str, float | None], *, positive: bool) -> bool:
    """The rules of the contract for one bar's prices, on a grid of quarters."""
    levels = {}
    for name, price in prices.items():
        if price is None or not math.isfinite(price):
            return False
        multiple = price * 4
        levels[name] = round(multiple)
        off = abs(multiple - levels[name])
        is_off = off > 1e-6 and off > abs(multiple) * 4.5e-16
        if is_off or abs(levels[name]) >= 2**53 or (positive and levels[name] <= 0):
            return False
    low, high = levels["low"], levels["high"]
    return all(low <= level <= high for level in levels.values())


@settings(deadline=None, max_examples=15)
@given(
    rows=st.lists(
        st.fixed_dictionaries({name: st.sampled_from(ODD_PRICES) for name in PRICES}), max_size=20
    ),
    positive=st.booleans(),
)
def test_a_bar_is_bad_if_a_rule_says_so(
    rows: list[dict[str, float | None]], positive: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Good bars are told from others by less than all rules. Each bar has a file of its own."""
    folder, schema = tmp_path_factory.mktemp("odd"), walk(1).schema
    prices = [(price,) * 4 for price in ODD_PRICES] + [*product((5000.0, 5000.25), repeat=4)]
    rows = [dict(zip(PRICES, four, strict=True)) for four in prices] + rows
    times = [{"timestamp": START + timedelta(seconds=n)} for n in range(len(rows))]
    tables = [
        pa.Table.from_pylist([row | time], schema) for row, time in zip(rows, times, strict=True)
    ]
    config = LabelingConfig(allow_nonpositive_prices=not positive)
    with Database(MemoryBudget.resolve("300MB"), 2, folder) as database:
        source = open_source(database, [str(write(folder / "bars", tables))], config)
        bad = Trial(database, source, is_nameless=False).bad_bars(config)
    files = {Path(file).name for file, _ in bad.counts}
    expected = [number for number, row in enumerate(rows) if not is_good(row, positive=positive)]
    assert files == {f"bars_{number:03d}.parquet" for number in expected}


def test_the_increment_that_would_fit_is_named(tmp_path: Path) -> None:
    cents = golden.bars("cents")
    with pytest.raises(BadBarsError, match=r"price_increment = 0\.01 would fit"):
        label(write(tmp_path / "bars", [cents]), tmp_path / "out")
    label(write(tmp_path / "bars", [cents]), tmp_path / "out", price_increment=0.01)


def test_where_most_prices_are_off_the_grid_the_tick_is_wrong(tmp_path: Path) -> None:
    """Gold moves by tenths: under a tick of a quarter, 0.05 would fit, and label something else."""
    gold = walk(200)
    for name in PRICES:
        gold = replaced(gold, name, pa.array([round(0.4 * p, 1) for p in gold[name].to_pylist()]))
    with pytest.raises(BadBarsError) as caught:
        label(write(tmp_path / "bars", [gold]), tmp_path / "out")
    message = str(caught.value)
    assert "their steps are of 0.1, and tick_size = 0.25 is hardly theirs" in message
    assert "validate INPUT --write-config" in message
    assert "only if 0.25 points are a tick all the same, price_increment = 0.05 would" in message
    assert "quarantine would leave" in message
    assert "--on-bad-rows" not in message


def cents(count: int, **columns: Any) -> pa.Table:
    """Bars around 189.37 on a grid of cents, each the DOUBLE nearest to its decimal."""
    table = walk(count, **columns)
    for name in PRICES:
        levels = [round(4 * price) - 20_000 + 18_937 for price in table[name].to_pylist()]
        table = replaced(table, name, pa.array([level / 100 for level in levels]))
    return table


def as_type(table: pa.Table, kind: pa.DataType) -> pa.Table:
    for name in PRICES:
        table = replaced(table, name, table[name].cast(kind))
    return table


GRID: dict[str, Any] = {"tick_size": 0.01, "roll_gap_points": 0}
NO_ROLLS_IN_CENTS = replace(TWO_RULES, tick_size=0.01, roll_gap_points=0)


@pytest.mark.parametrize("name", long_but(["open"], PRICES))
def test_prices_are_judged_on_the_grid(name: str, tmp_path: Path) -> None:
    """A high of 0.35 is not below an open of 0.35000000000000003, and the labels are the same."""
    table = cents(300)
    noisy = [price * (1 + 2**-52) for price in table[name].to_pylist()]
    bars = write(tmp_path / "bars", [replaced(table, name, pa.array(noisy))])
    labeled = label(bars, tmp_path / "out", details=True, **GRID)
    expected = scan(table, NO_ROLLS_IN_CENTS)
    assert golden.differences(replaced(labeled, name, table[name]), expected) == []


def test_floats_and_decimals_stand_for_the_level_that_they_are_nearest_to(tmp_path: Path) -> None:
    table = cents(300)
    expected = scan(table, NO_ROLLS_IN_CENTS)
    for kind in (pa.float32(), pa.decimal128(38, 18)):
        bars, out = write(tmp_path / f"{kind}", [as_type(table, kind)]), tmp_path / f"{kind}_out"
        labeled = label(bars, out, details=True, **GRID)
        assert golden.differences(as_type(labeled, pa.float64()), expected) == []


@pytest.mark.long
def test_a_float_that_is_not_the_nearest_is_off_the_grid(tmp_path: Path) -> None:
    """One step of a FLOAT beside it is another price; from 2^23 levels on nobody can tell them."""
    table = as_type(cents(300), pa.float32())
    close = table["close"].to_numpy().copy()
    close[7] = np.nextafter(close[7], np.float32(0))
    bars = write(tmp_path / "bars", [replaced(table, "close", pa.array(close))])
    with pytest.raises(BadBarsError, match=r"1 x off_grid(.|\n)*row 7:"):
        label(bars, tmp_path / "out", **GRID)
    bars = write(tmp_path / "fine", [table])
    with pytest.raises(BadBarsError, match=r"off_grid(.|\n)*price_increment = 0\.01 would fit"):
        label(bars, tmp_path / "out", **{**GRID, "price_increment": 0.00001})


def test_only_a_plausible_increment_is_named(tmp_path: Path) -> None:
    """Any FLOAT lies on a grid that is fine enough, such as 3.125e-08."""
    table = as_type(as_type(cents(300), pa.float32()), pa.float64())
    with pytest.raises(BadBarsError) as caught:
        label(write(tmp_path / "bars", [table]), tmp_path / "out", **GRID)
    assert "would fit" not in str(caught.value)
    assert "lie on a grid of 0.01 only as FLOAT" in str(caught.value)


def test_prices_off_the_grid_are_rounded_where_asked_for(tmp_path: Path) -> None:
    """They are labeled as the nearest level is, stay what they are, and are counted by month."""
    table = walk(300)
    table = table.append_column("symbol", pa.array(["A"] * 300))
    off = table
    for name, by in (("open", 0.11), ("low", -0.12)):
        prices = table[name].to_pylist()
        off = replaced(off, name, pa.array([*prices[:10], prices[10] + by, *prices[11:]]))
    later = replaced(off, "timestamp", pa.array([START + timedelta(40, n) for n in range(300)]))
    bars, out = write(tmp_path / "bars", [off, later]), tmp_path / "out"
    with pytest.raises(BadBarsError, match="1 x off_grid"):
        label(bars, out, details=True)
    labeled = label(bars, out, details=True, on_off_grid="round")
    both = pa.concat_tables([table, replaced(table, "timestamp", later["timestamp"])])
    assert labeled["open"].to_pylist() == [*off["open"].to_pylist()] * 2
    for name in ("open", "low"):
        labeled = replaced(labeled, name, both[name])
    assert golden.differences(labeled, scan(both, TWO_RULES)) == []
    counted = [
        {"symbol": "A", "month": "2024-03", "prices": 2},
        {"symbol": "A", "month": "2024-04", "prices": 2},
    ]
    engine = WeightedLabelingEngine(
        LabelingConfig(details=True, on_off_grid="round", modes=TWO_MODES)
    )
    for overwrite in (False, True):
        summary = engine.process_files([bars], out, overwrite=overwrite)
        assert summary.prices_rounded == counted
    assert "4 prices off the grid" in summary.warnings[-1]
    assert list(statistics(out).prices_rounded) == counted
    with Output(out) as output:
        stories = explain(output, START + timedelta(seconds=9), "A")
    assert [story.verdict for story in stories] == ["agrees"] * 2


@pytest.mark.long
def test_a_grid_finer_than_a_double_can_hold(tmp_path: Path) -> None:
    """1024.1 is 2e-6 increments of 1e-8 away from the DOUBLE nearest to it, and on the grid."""
    table = walk(300)
    for name in PRICES:
        tenths = [round((price - 5000) * 4) + 10_241 for price in table[name].to_pylist()]
        table = replaced(table, name, pa.array([number / 10 for number in tenths]))
    rules = replace(TWO_RULES, tick_size=0.1, roll_gap_points=20)
    bars = write(tmp_path / "bars", [table])
    labeled = label(bars, tmp_path / "out", details=True, tick_size=0.1, price_increment=1e-8)
    assert golden.differences(labeled, scan(table, rules)) == []


def test_a_price_that_rounds_to_zero_is_not_above_it(tmp_path: Path) -> None:
    table = walk(300)
    for name in PRICES:
        table = replaced(table, name, pa.array([p * 1e-11 for p in table[name].to_pylist()]))
    with pytest.raises(BadBarsError, match=r"300 x nonpositive_price: .* on the grid"):
        label(write(tmp_path / "bars", [table]), tmp_path / "out")


@pytest.mark.long
def test_duplicates_across_files_and_symbols(tmp_path: Path) -> None:
    """The same second in two symbols is fine, twice in one symbol it is not."""
    a, b = walk(100, symbol=["A"] * 100), walk(100, symbol=["B"] * 100)
    agree(pa.concat_tables([a, b]), tmp_path)
    bars = write(tmp_path / "twice", [a, b, a[40:42]])
    with pytest.raises(BadBarsError, match=r"4 bad bars(.|\n)*bars_002.parquet: 2 x duplicate"):
        label(bars, tmp_path / "out", how={"overwrite": True})


DOWNLOADS = [[(0, 200), (100, 300)], [(0, 300), (7, 9), (0, 300), (8, 150)]]


def downloads(count: int = 300) -> pa.Table:
    """Bars with a column that travels along, which has nulls."""
    notes = [(1.5, None, 2.5)[n % 3] for n in range(count)]
    return walk(count, symbol=["A", "B"] * (count // 2), note=notes)


@pytest.mark.parametrize("chunk", long_but(["auto"], ["auto", "40"]))
@pytest.mark.parametrize("cuts", long_but(DOWNLOADS[1:], DOWNLOADS))
def test_equal_rows_of_overlapping_downloads_count_once(
    chunk: str, cuts: list[tuple[int, int]], tmp_path: Path
) -> None:
    table = downloads()
    files = [table[start:end] for start, end in cuts]
    spare = sum(end - start for start, end in cuts) - 300
    bars, out = write(tmp_path / "bars", files, row_group_size=50), tmp_path / "out"
    with pytest.raises(BadBarsError, match="--on-duplicates first counts them once"):
        label(bars, out)
    labeled = label(bars, out, on_duplicates="first", details=True, run={"chunk": chunk})
    assert golden.differences(labeled, scan(table, TWO_RULES)) == []
    engine = WeightedLabelingEngine(
        LabelingConfig(on_duplicates="first", details=True, modes=TWO_MODES)
    )
    assert engine.process_files([bars], out).rows_repeated == spare
    again = engine.process_files([bars], out, overwrite=True)
    assert (again.rows_repeated, again.rows_labeled) == (spare, 300)
    assert f"{spare} rows equal another one" in again.warnings[-1]


def test_rows_of_one_time_that_differ_anywhere_stay_bad(tmp_path: Path) -> None:
    """In a price, in a column that only travels along, or in one copy of three."""
    table = downloads()
    dearer = replaced(table, "close", pa.array([p + 0.25 for p in table["high"].to_pylist()]))
    dearer = replaced(dearer, "high", dearer["close"])
    noted = replaced(table, "note", pa.array([7.0] * 300))
    files = [table, dearer[10:11], noted[20:21], table[29:31], noted[30:31]]
    bars, out = write(tmp_path / "bars", files), tmp_path / "out"
    with pytest.raises(BadBarsError, match=r"^7 bad bars") as caught:
        label(bars, out, on_duplicates="first")
    assert "bars_000.parquet: 3 x duplicate" in str(caught.value)
    how = {"on_duplicates": "first", "on_bad_rows": "quarantine"}
    labeled = label(bars, out, details=True, **how)  # type: ignore[arg-type]
    rest = table.take([n for n in range(300) if n not in (10, 20, 30)])
    assert golden.differences(labeled, scan(rest, TWO_RULES)) == []


@pytest.mark.long
def test_a_download_that_joins_brings_only_what_is_new(tmp_path: Path) -> None:
    table = downloads()
    config: dict[str, Any] = {"on_duplicates": "first", "details": True}
    bars, out = write(tmp_path / "bars", [table[:200]]), tmp_path / "out"
    label(bars, out, **config)
    pq.write_table(table[150:], bars / "bars_001.parquet")
    labeled = label(bars, out, **config)
    assert golden.differences(labeled, scan(table, TWO_RULES)) == []


def test_nan_equals_nan_where_rows_are_compared(tmp_path: Path) -> None:
    table = walk(30, note=[float("nan"), None, 1.0] * 10)
    bars = write(tmp_path / "bars", [table, table])
    engine = WeightedLabelingEngine(LabelingConfig(on_duplicates="first", modes=TWO_MODES))
    assert engine.process_files([bars], tmp_path / "out").rows_repeated == 30


def test_equal_rows_of_a_table_are_not_for_us_to_leave_out() -> None:
    with pytest.raises(ConfigError, match=r"drop_duplicates"):
        WeightedLabelingEngine(LabelingConfig(on_duplicates="first")).process_dataframe(walk(3))


def test_only_bad_bars_are_bad_input(tmp_path: Path) -> None:
    table = replaced(walk(5), "open", pa.array([None] * 5, pa.float64()))
    bars = write(tmp_path / "bars", [table])
    with pytest.raises(InputError, match="no good bar"):
        label(bars, tmp_path / "out", on_bad_rows="quarantine")


def in_tenths(bars: pa.Table) -> pa.Table:
    """Gold: prices in steps of 0.1, of which one in five lies on a grid of 0.25 too."""
    for name in ("open", "high", "low", "close"):
        bars = replaced(bars, name, pa.array([round(0.4 * p, 1) for p in bars[name].to_pylist()]))
    return bars


def test_no_more_than_a_twentieth_of_a_symbol_is_set_aside(tmp_path: Path) -> None:
    """One symbol of three is on another grid: a seventh of all bars, and most of its own."""
    tables = [
        walk(1000, symbol=["ES"] * 1000),
        walk(1000, seed=2, symbol=["NQ"] * 1000),
        in_tenths(walk(300, symbol=["GC"] * 300)),
    ]
    bars = write(tmp_path / "bars", [pa.concat_tables(tables)])
    configs: list[dict[str, Any]] = [{}, {"on_bad_rows": "quarantine"}]
    for config in configs:
        with pytest.raises(BadBarsError) as raised:
            label(bars, tmp_path / "out", **config)
        message = str(raised.value)
        assert re.search(
            r"\d+ of the 300 bars of GC \(\d\d\.\d%\) are bad, mainly off_grid", message
        )
        assert "--max-bad-share 0." in message
    assert "max_bad_share = 0.05" in message
    share = re.search(r"--max-bad-share (\S+)", message)
    assert share is not None
    allowed: dict[str, Any] = {"on_bad_rows": "quarantine", "max_bad_share": float(share[1])}
    left = len(label(bars, tmp_path / "out", **allowed))
    assert 2000 < left < 2150


def test_a_handful_of_bad_bars_is_set_aside_whatever_their_share(tmp_path: Path) -> None:
    bars = walk(40)
    spoilt = bars.append_column("volume", pa.array([-1] * 10 + [1] * 30))
    labeled = label(write(tmp_path / "few", [spoilt]), tmp_path / "out", on_bad_rows="quarantine")
    assert len(labeled) == 30
    spoilt = bars.append_column("volume", pa.array([-1] * 11 + [1] * 29))
    with pytest.raises(
        BadBarsError, match=r"11 of the 40 bars \(27.5%\) are bad, mainly negative_"
    ):
        label(write(tmp_path / "many", [spoilt]), tmp_path / "more", on_bad_rows="quarantine")


@pytest.mark.long
def test_most_bars_off_the_grid_are_told_their_steps(tmp_path: Path) -> None:
    """Half of prices in steps of 0.05 lie on 0.1, but hardly a bar does: the tick is wrong."""
    bars = walk(400)
    for name in ("open", "high", "low", "close"):
        bars = replaced(bars, name, pa.array([round(0.2 * p, 2) for p in bars[name].to_pylist()]))
    with pytest.raises(BadBarsError, match=r"steps are of 0\.05, .*validate INPUT --write-config"):
        label(write(tmp_path / "bars", [bars]), tmp_path / "out", tick_size=0.1)


@pytest.mark.long
def test_prices_in_sixteen_bits_are_told_for_what_they_are(tmp_path: Path) -> None:
    """A half has eleven bits: quarters around 200 are exact and labeled, cents are lost."""
    quarters, cents = walk(300), walk(300)
    for name in ("open", "high", "low", "close"):
        prices = quarters[name].to_numpy() - 4800
        cents = replaced(cents, name, pa.array((0.04 * prices + 180).astype(np.float16)))
        quarters = replaced(quarters, name, pa.array(prices))
    halves = quarters
    for name in ("open", "high", "low", "close"):
        halves = replaced(halves, name, halves[name].cast(pa.float16()))
    labeled = label(write(tmp_path / "exact", [halves]), tmp_path / "out", details=True)
    names = ["label_low_vol_long", "outcome_low_vol_short", "mae_ticks_low_vol_long"]
    assert golden.differences(labeled, scan(quarters, TWO_RULES), names) == []
    with pytest.raises(BadBarsError, match=r"column 'close' is FLOAT16, .* as DOUBLE"):
        label(write(tmp_path / "lost", [cents]), tmp_path / "no", tick_size=0.01)


def test_instruments_by_the_first_pattern_that_matches(tmp_path: Path) -> None:
    gold = in_tenths(walk(200, symbol=["GCZ4"] * 200))
    other = walk(200, seed=2, symbol=["ES"] * 200)
    instruments = {"GC*": {"tick_size": 0.1}, "G*": {"tick_size": 5}}
    rules = replace(TWO_RULES, instruments=(("GC*", 0.1, None), ("G*", 5.0, None)))
    agree(pa.concat_tables([gold, other]), tmp_path, rules, instruments=instruments)


def test_instruments_have_rolls_of_their_own(tmp_path: Path) -> None:
    """A gap of 2.5 points in gold, none in NQ, and in ES, which matches nothing, that of all."""
    tables = [walk(300, seed=n, symbol=[s] * 300) for n, s in enumerate(("GCZ4", "NQ", "ES"))]
    # One move of 3 points in each.
    for number, table in enumerate(tables):
        for name in ("open", "high", "low", "close"):
            prices = table[name].to_numpy() + np.where(np.arange(300) < 100, 0, 3)
            tables[number] = table = replaced(table, name, pa.array(prices))
    instruments = {"GC*": {"roll_gap_points": 2.5}, "N*": {"roll_gap_points": "off"}}
    rules = replace(
        TWO_RULES,
        roll_gap_points=0.5,
        instruments=(("GC*", None, None, 2.5), ("N*", None, None, 0.0)),
    )
    labeled = agree(
        pa.concat_tables(tables), tmp_path, rules, roll_gap_points=0.5, instruments=instruments
    )
    is_rolled = pc.equal(labeled["outcome_low_vol_long"], "roll")
    assert set(labeled.filter(is_rolled)["symbol"].to_pylist()) == {"GCZ4", "ES"}


def spoil(path: Path, how: str) -> None:
    good = path.read_bytes()
    if how == "truncated":
        path.write_bytes(good[: len(good) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "foreign":
        path.write_text("timestamp,open,high,low,close\n" * 10)
    elif how == "footer":
        start = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
        path.write_bytes(good[:start] + b"\xff" * 60 + good[start + 60 :])
    else:
        middle = len(good) // 3
        path.write_bytes(good[:middle] + b"\xff" * 400 + good[middle + 400 :])


@pytest.mark.parametrize("how", ["truncated", "empty", "foreign", "footer", "page"])
def test_unreadable_files_are_named(how: str, tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [walk(100), walk(4000, seed=3)[200:]])
    spoil(bars / "bars_001.parquet", how)
    ended = CliRunner().invoke(main, ["run", str(bars), "-o", str(tmp_path / "out")])
    assert ended.exit_code == 3, ended.stderr
    assert ended.stderr.startswith("error: ")
    assert "bars_001.parquet" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list((tmp_path / "out").glob("*.parquet"))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("close", None, r"no column 'close'"),
        ("timestamp", None, r"no column 'timestamp'.*--column timestamp="),
        ("open", ["1"] * 5, r"column 'open' is VARCHAR, but the open must be a number"),
        ("timestamp", list(range(5)), r"column 'timestamp' is BIGINT: whole numbers"),
        ("open", [[1.0]] * 5, r"column 'open' is DOUBLE\[\], but the open must be a number"),
        ("timestamp", [[START]] * 5, r"column 'timestamp' is .*\[\]: not a TIMESTAMP"),
    ],
)
def test_missing_columns_and_wrong_types_are_named(
    column: str, values: Any, message: str, tmp_path: Path
) -> None:
    table = walk(5).drop_columns([column])
    if values is not None:
        table = table.append_column(column, pa.array(values))
    with pytest.raises(InputError, match=rf"bars_000.parquet: {message}"):
        label(write(tmp_path / "bars", [table]), tmp_path / "out")


def test_files_must_agree_on_types_and_cases(tmp_path: Path) -> None:
    other = replaced(walk(5), "open", pa.array(["1"] * 5))
    with pytest.raises(InputError, match=r"'open' is DOUBLE, but VARCHAR in .*bars_001"):
        label(write(tmp_path / "types", [walk(5), other]), tmp_path / "out")
    upper = walk(5).rename_columns(["timestamp", "Open", "high", "low", "close"])
    with pytest.raises(InputError, match="upper and lower case"):
        label(write(tmp_path / "cases", [walk(5), upper]), tmp_path / "out")
    both = walk(5).append_column("Open", pa.array([1] * 5))
    with pytest.raises(InputError, match="upper and lower case"):
        label(write(tmp_path / "both", [both]), tmp_path / "out")


TIMES = {
    "infinity": "timestamp 'infinity'",
    "minus infinity": "timestamptz '-infinity'",
    "no year of ours": "timestamp '12000-01-01'",
    "before all years": "timestamp '0044-03-15 (BC)'",
    "the last day": "date '9999-12-31'",
    "the end of nanoseconds": "make_timestamp_ns(9223372036854775000)",
}


@pytest.mark.parametrize("time", TIMES.values(), ids=TIMES)
def test_times_that_no_day_has_are_named(time: str, tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select {time} as timestamp, 1 as open, 1 as high, 1 as low, 1 as close) "
            f"to '{path}' (format parquet)"
        )
    with pytest.raises(InputError, match=r"bars.parquet: column 'timestamp' holds times that"):
        label(path, tmp_path / "out")


def test_folders_are_searched_through_links_and_past_outputs(tmp_path: Path) -> None:
    """Resumed, with its output among the input, a run is the same; nothing is passed over."""
    table = walk(300)
    bars = write(tmp_path / "bars", [table[:100]])
    write(tmp_path / "elsewhere", [table[100:]])
    (bars / "linked").symlink_to(tmp_path / "elsewhere")
    (bars / "linked" / "back").symlink_to(bars)
    for output in (bars / "labels", bars / "labels", bars / "deeper" / "labels"):
        assert golden.differences(label(bars, output, details=True), scan(table, TWO_RULES)) == []
    (bars / "lost.parquet").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"lost.parquet: cannot be read: No such file"):
        label(bars, tmp_path / "out")


def test_a_tilde_without_a_user_is_a_name_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("~bars"), [walk(20)])
    assert len(label(Path("~bars"), Path("~out"), run={"temp_dir": "~temp"})) == 20


@pytest.mark.long
def test_row_groups_without_statistics(tmp_path: Path) -> None:
    table = walk(300)
    path = tmp_path / "bars.parquet"
    pq.write_table(table, path, write_statistics=False, row_group_size=50)
    labeled = label(path, tmp_path / "out", details=True, run={"chunk": "100"})
    assert golden.differences(labeled, scan(table, TWO_RULES)) == []
    assert len(list((tmp_path / "out").glob("*.parquet"))) >= 3


def test_all_columns_that_lack_are_named_at_once(tmp_path: Path) -> None:
    table = pa.table({"Datetime": [datetime(2024, 3, 4, tzinfo=UTC)], "Open": [1.0], "High": [1.0]})
    pq.write_table(table, tmp_path / "bars.parquet")
    with pytest.raises(InputError) as refused:
        label(tmp_path / "bars.parquet", tmp_path / "out")
    for name in ("timestamp", "open", "high", "low", "close"):
        assert f"no column '{name}'" in str(refused.value)
    assert "validate INPUT --write-config" in str(refused.value)


def test_a_column_without_a_name_is_told_so(tmp_path: Path) -> None:
    pq.write_table(pa.table({"": [1]}), tmp_path / "bars.parquet")
    with pytest.raises(InputError, match="has a column without a name"):
        label(tmp_path / "bars.parquet", tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"timestamp,open\n2024-03-04,1\n", "is text such as CSV.*copy"),
        (b'[{"open": 1}]\n', "is JSON.*copy"),
        (b"PK\x03\x04" + bytes(30), "is a zip archive.*unpack"),
        (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "is a workbook.*read_excel"),
        (b"\x1f\x8b" + bytes(30), "is compressed with gzip.*gzip -dc"),
        (b"PARE" + bytes(30) + b"PARE", "is encrypted"),
        (b"PAR1" + bytes(30), "truncated"),
        (b"", "truncated"),
    ],
)
def test_a_file_of_another_format_is_told_for_what_it_is(
    content: bytes, told: str, tmp_path: Path
) -> None:
    (tmp_path / "bars.csv").write_bytes(content)
    with pytest.raises(InputError, match=rf"bars\.csv: .*{told}"):
        label(tmp_path / "bars.csv", tmp_path / "out")


def test_the_way_from_gzip_works_whatever_the_file_is_called(tmp_path: Path) -> None:
    path = tmp_path / "my bars.parquet"
    pq.write_table(golden.bars("tiny"), path)
    whole = path.read_bytes()
    path.write_bytes(gzip.compress(whole))
    with pytest.raises(InputError) as caught:
        label(path, tmp_path / "out")
    command = str(caught.value).partition("unpack it in its place: ")[2]
    subprocess.run(command, shell=True, check=True)
    # Nothing is left beside it, in which a folder would find the bars twice, or refuse the rest.
    assert path.read_bytes() == whole
    assert [*tmp_path.iterdir()] == [path]


def test_a_broken_delta_log_is_told_in_one_line_with_the_way_on(tmp_path: Path) -> None:
    pytest.importorskip("deltalake", reason="deltalake is not installed")
    pq.write_table(golden.bars("tiny"), tmp_path / "bars.parquet")
    log = tmp_path / "_delta_log" / "00000000000000000000.json"
    log.parent.mkdir()
    log.write_text('{"add":')
    with pytest.raises(InputError, match=r"Delta log cannot be read: .*: get the table") as caught:
        label(tmp_path, tmp_path / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "make",
    long_but(
        ["csv", "csv in gzip"],
        ["csv", "csv in gzip", "json", "json in gzip", "feather", "stream", "workbook"],
    ),
)
def test_the_way_from_another_format_leads_to_parquet(make: str, tmp_path: Path) -> None:
    bars, path = golden.bars("tiny"), str(tmp_path / "bars.x")
    if make.startswith("csv"):
        pc_csv.write_csv(bars, path)
    elif make.startswith("json"):
        bars.to_pandas().to_json(path, orient="records", lines=True, date_format="iso")
    elif make == "stream":
        with pa.ipc.new_stream(path, bars.schema) as stream:
            stream.write_table(bars)
    elif make == "workbook":
        pytest.importorskip("openpyxl", reason="openpyxl is not installed")
        bars.to_pandas().drop(columns="timestamp").to_excel(f"{path}.xlsx", index=False)
        path = f"{path}.xlsx"
    else:
        feather.write_feather(bars, path)
    if make.endswith("gzip"):
        Path(path).write_bytes(gzip.compress(Path(path).read_bytes()))
    with pytest.raises(InputError) as refused:
        label(Path(path), tmp_path / "out")
    way = str(refused.value).partition("convert it with: ")[2]
    way = way.partition(" (pip install")[0]
    subprocess.run(["bash", "-c", way.replace("python", sys.executable, 1)], check=True)
    assert pq.read_metadata(f"{path}.parquet").num_rows == len(bars)


def test_the_way_from_another_format_in_a_store_begins_with_a_download(tmp_path: Path) -> None:
    """The commands are for files of this machine."""
    packed = gzip.compress(bytes(range(256)))
    MemoryFileSystem().pipe_file("/market/bars.parquet", packed)
    url = "memory://market/bars.parquet"
    with pytest.raises(InputError) as refused:
        WeightedLabelingEngine(LabelingConfig()).process_files([url], tmp_path / "out")
    assert str(refused.value) == (
        f"{url}: is compressed with gzip, not Parquet: download it and unpack it in its place: "
        "gzip -dc bars.parquet > bars.parquet.unpacked && mv bars.parquet.unpacked bars.parquet"
    )


def test_a_damaged_file_is_named_among_others(tmp_path: Path) -> None:
    bars = golden.bars("plain")
    write(tmp_path / "bars", [bars.slice(0, 1000), bars.slice(1000)])
    victim = tmp_path / "bars" / "bars_001.parquet"
    content = bytearray(victim.read_bytes())
    content[200:600] = bytes(400)
    victim.write_bytes(content)
    with pytest.raises(InputError, match=r"bars_001\.parquet: .*damaged"):
        label(tmp_path / "bars", tmp_path / "out")
