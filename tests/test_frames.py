# mypy: disable-error-code="import-untyped"
"""Tables in place of files: back comes the table that went in, with the right labels beside it."""

import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import golden
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.errors import BadBarsError, ConfigError, InputError, OutputError
from duck_label.outcomes import NAMES
from lengths import long_but
from scan import OUTCOMES, Mode, Rules, scan
from walk import walk

PRICES = ["open", "high", "low", "close"]
KINDS_OF_COLUMNS = (
    *("label", "weight", "outcome", "mae_ticks", "mfe_ticks", "seconds", "touch_time"),
    *("exit_price", "return_ticks", "stop_ticks", "target_ticks"),
)
DEFAULT_MODES = [f"{v}_vol_{d}" for v in ("low", "normal", "high") for d in ("long", "short")]
ADDED_TO_GOLDEN = [f"{kind}_{mode}" for mode in DEFAULT_MODES for kind in KINDS_OF_COLUMNS]

# Rules under which two hundred bars have every outcome there is.
RULES = Rules(
    timeout_seconds=30, modes=(Mode("up", "long", 4.0, 6.0), Mode("down", "short", 5.0, 8.0))
)
ADDED = [f"{kind}_{mode}" for mode in ("up", "down") for kind in KINDS_OF_COLUMNS]
TIMES = ["touch_time_up", "touch_time_down"]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The system's folder for temporary files; whatever a test does, nothing may stay there."""
    folder = tmp_path / "system's temporary files"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def process(df: Any, **config: Any) -> Any:
    return WeightedLabelingEngine(LabelingConfig(**config)).process_dataframe(df)


def label(df: Any, **config: Any) -> Any:
    """Label by the RULES, with details unless told otherwise."""
    rules = {"modes": [vars(mode) for mode in RULES.modes], "timeout_seconds": 30, "details": True}
    return process(df, **rules | config)


def shuffled(table: pa.Table) -> pa.Table:
    table = table.replace_schema_metadata(None)
    return table.take(random.Random(7).sample(range(len(table)), len(table)))


def bars_of_one() -> pa.Table:
    return shuffled(golden.bars("rolls").slice(1550, 200))


def bars_of_three() -> pa.Table:
    return shuffled(golden.bars("symbols_unsorted").slice(0, 300))


def with_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


def in_order(table: pa.Table) -> pa.Table:
    """As the oracle orders its rows."""
    keys = [name for name in ("symbol", "timestamp") if name in table.column_names]
    return table.take(pa.array(table.select(keys).to_pandas().sort_values(keys).index))


def arrow(df: Any) -> pa.Table:
    if isinstance(df, pd.DataFrame):
        return pa.Table.from_pandas(df, preserve_index=False).replace_schema_metadata(None)
    return df.to_arrow() if isinstance(df, pl.DataFrame) else pa.table(df)


def differences(labeled: Any, bars: pa.Table, rules: Rules = RULES) -> list[str]:
    """Where the labels of a table part from the scan of its bars, which are given row by row."""
    table = arrow(labeled)
    # The scan knows nothing of exits.
    added = [name for name in table.column_names if name.startswith(KINDS_OF_COLUMNS[:7])]
    assert added[-1:] == ["touch_time_down"]
    table = table.select(added)
    for name in ("timestamp", "symbol"):
        if name in bars.column_names:
            table = table.append_column(name, bars[name])
    return golden.differences(in_order(table), scan(bars, rules), added)


KINDS: dict[str, Callable[[pa.Table], Any]] = {
    "pandas": lambda table: table.to_pandas(),
    "polars": pl.from_arrow,
    "table": lambda table: table,
}
UNITS = [*(("pandas", unit) for unit in ("s", "ms", "us", "ns")), ("polars", "ns"), ("table", "s")]
every_kind = pytest.mark.parametrize("kind", long_but(["pandas"], KINDS))


def batch(table: pa.Table) -> pa.RecordBatch:
    return pa.record_batch([c.combine_chunks() for c in table.columns], schema=table.schema)


@pytest.mark.parametrize("case", long_but(["symbols_unsorted"], golden.CASES))
def test_golden_case_in_pandas(case: str) -> None:
    bars = shuffled(golden.bars(case)).to_pandas()
    bars.index = pd.Index(bars.index[::-1] // 2, name="any")
    before = bars.copy(deep=True)
    labeled = process(bars, details=True, **golden.config_overrides(case))
    pd.testing.assert_frame_equal(bars, before)
    pd.testing.assert_frame_equal(labeled[bars.columns], bars)
    assert list(labeled.columns) == [*bars.columns, *ADDED_TO_GOLDEN]
    assert golden.differences(in_order(arrow(labeled)), golden.expected(case)) == []


@pytest.mark.parametrize("convert", long_but([KINDS["polars"]], [*KINDS.values(), batch]))
def test_golden_case_in_every_kind(convert: Callable[[pa.Table], Any]) -> None:
    bars = shuffled(golden.bars("symbols_unsorted"))
    given = convert(bars)
    labeled = process(given, details=True)
    assert type(labeled) is type(given)
    # pandas 2 and 3 have texts of different types.
    assert arrow(given).cast(bars.schema).equals(bars)
    assert arrow(labeled).select(bars.column_names).cast(bars.schema).equals(bars)
    assert arrow(labeled).column_names == [*bars.column_names, *ADDED_TO_GOLDEN]
    assert golden.differences(in_order(arrow(labeled)), golden.expected("symbols_unsorted")) == []


@pytest.mark.parametrize(
    ("case", "name"), long_but([("rolls", None)], [("months", "timestamp"), ("rolls", None)])
)
def test_golden_case_with_the_timestamp_as_the_index(case: str, name: str | None) -> None:
    bars = shuffled(golden.bars(case)).to_pandas().set_index("timestamp").rename_axis(name)
    labeled = process(bars, details=True)
    pd.testing.assert_frame_equal(labeled[bars.columns], bars)
    assert list(labeled.columns) == [*bars.columns, *ADDED_TO_GOLDEN]
    columns = arrow(labeled.rename_axis("timestamp").reset_index())
    assert golden.differences(in_order(columns), golden.expected(case)) == []


def test_symbol_and_timestamp_as_levels_of_the_index() -> None:
    bars = bars_of_three()
    given = bars.to_pandas().set_index(["symbol", "timestamp"])
    labeled = label(given)
    pd.testing.assert_frame_equal(labeled[given.columns], given)
    assert differences(labeled, bars) == []


@pytest.mark.long
def test_the_symbol_alone_as_the_index() -> None:
    bars = bars_of_three()
    assert differences(label(bars.to_pandas().set_index("symbol")), bars) == []


def test_a_column_counts_before_an_index() -> None:
    bars = bars_of_one()
    given = bars.to_pandas()
    given.index = pd.date_range("1999-12-31", periods=len(given), freq="h", name="timestamp")
    assert differences(label(given), bars) == []


def test_types_in_pandas() -> None:
    labeled = label(bars_of_one().to_pandas())
    kinds = ["int8", "float32", "category", *["float64"] * 3, "datetime64[us, UTC]"]
    kinds += ["float64"] * 4
    assert list(map(str, labeled.dtypes[ADDED])) == [*kinds, *kinds]
    assert list(labeled["outcome_up"].cat.categories) == list(NAMES)
    assert set(labeled["outcome_up"]) == set(OUTCOMES)


def test_types_in_arrow_and_polars() -> None:
    labeled = label(bars_of_one())
    text, double = pa.dictionary(pa.int8(), pa.string()), pa.float64()
    kinds = [pa.int8(), pa.float32(), text, double, double, double, pa.timestamp("us", "UTC")]
    kinds += [double] * 4
    assert [labeled.schema.field(name).type for name in ADDED] == [*kinds, *kinds]
    labeled = label(pl.from_arrow(bars_of_one()))
    text, double = pl.Categorical(), pl.Float64()
    kinds = [pl.Int8(), pl.Float32(), text, double, double, double, pl.Datetime("us", "UTC")]
    kinds += [double] * 4
    assert labeled.select(ADDED).dtypes == [*kinds, *kinds]


def test_without_details_there_are_labels_and_weights() -> None:
    added = list(label(bars_of_one().to_pandas(), details=False).columns[6:])
    assert added == ["label_up", "weight_up", "label_down", "weight_down"]


@pytest.mark.parametrize("zone", long_but(["America/Chicago"], [None, "America/Chicago"]))
@pytest.mark.parametrize(("kind", "unit"), long_but([("pandas", "ns"), ("polars", "ns")], UNITS))
def test_every_timestamp_is_an_instant(kind: str, unit: str, zone: str | None) -> None:
    bars = bars_of_one()
    bars = with_column(bars, "timestamp", bars["timestamp"].cast(pa.timestamp(unit, zone)))
    given = KINDS[kind](bars)
    labeled = label(given)
    schema = arrow(labeled).schema
    assert {schema.field(name).type for name in TIMES} == {pa.timestamp(unit, zone)}
    if kind == "pandas":
        assert {labeled[name].dtype for name in TIMES} == {given["timestamp"].dtype}
    assert differences(labeled, bars) == []


@pytest.mark.parametrize(("late", "outcome"), [(999_999_999, "target"), (10**9, "timeout")])
def test_nanoseconds_count(late: int, outcome: str) -> None:
    """The third bar wins the trade that the second one opens, if it comes within a second."""
    first = pd.Timestamp("2024-03-04 14:30", tz="Asia/Kolkata").as_unit("ns")
    times = [first + pd.Timedelta(offset, "ns") for offset in (0, 5, 5 + late)]
    prices = {"open": 100.0, "high": [100.0, 100.0, 110.0], "low": 100.0, "close": 100.0}
    labeled = label(pd.DataFrame({"timestamp": times, **prices}), timeout_seconds=1)
    assert labeled["outcome_up"][0] == outcome
    assert labeled["touch_time_up"][0] == times[2 if outcome == "target" else 1]


@pytest.mark.parametrize(
    "zone", ["dateutil/America/New_York", timezone(timedelta(hours=5, minutes=30))]
)
def test_zones_of_pandas(zone: Any) -> None:
    bars = bars_of_one()
    given = bars.to_pandas()
    given["timestamp"] = given["timestamp"].dt.tz_convert(zone)
    labeled = label(given)
    assert {str(labeled[name].dtype) for name in TIMES} == {str(given["timestamp"].dtype)}
    for name in TIMES:
        labeled[name] = labeled[name].dt.tz_convert("UTC")
    assert differences(labeled, bars) == []


@pytest.mark.long
def test_months_end_in_utc_whatever_the_zone() -> None:
    bars = golden.bars("months").to_pandas()
    bars["timestamp"] = bars["timestamp"].dt.tz_convert("Asia/Tokyo")
    labeled = arrow(process(bars))
    added = [name for name in ADDED_TO_GOLDEN if name.startswith(("label_", "weight_"))]
    assert golden.differences(in_order(labeled), golden.expected("months"), added) == []


@pytest.mark.long
def test_a_dictionary_of_timestamps() -> None:
    table = golden.bars("plain")
    place = table.schema.get_field_index("timestamp")
    encoded = table["timestamp"].combine_chunks().dictionary_encode()
    labeled = process(table.set_column(place, "timestamp", encoded), details=True)
    assert labeled["timestamp"].combine_chunks().equals(encoded)
    assert labeled["touch_time_low_vol_long"].type == table["timestamp"].type


@pytest.mark.long
def test_dates() -> None:
    days = [date(2024, 3, day) for day in (4, 5, 6)]
    prices = {name: [100.0, 100.0, 100.0] for name in ("open", "low", "close")}
    bars = pa.table({"timestamp": days, **prices, "high": [100.0, 100.0, 110.0]})
    for kind in ("pandas", "polars", "table"):
        touched = label(KINDS[kind](bars), timeout_seconds=2 * 86_400)["touch_time_up"]
        dates = touched.to_pylist() if kind == "table" else list(touched)
        assert dates[:2] == [days[2], days[2]]


@pytest.mark.parametrize("dtype", long_but(["uint16"], ["uint16", "Int64", "float32", "Float64"]))
def test_price_types_of_pandas(dtype: str) -> None:
    bars = bars_of_one().drop_columns("volume")
    given = bars.to_pandas()
    for price in PRICES:
        given[price] = (given[price] * 4).astype(dtype)
        bars = with_column(bars, price, pa.array(bars[price].to_numpy() * 4))
    labeled = label(given, tick_size=1, roll_gap_points=80)
    assert {str(labeled[price].dtype) for price in PRICES} == {dtype}
    rules = replace(RULES, tick_size=1.0, roll_gap_points=80.0)
    assert differences(labeled, bars, rules) == []


@every_kind
def test_decimal_prices(kind: str) -> None:
    bars = decimals = bars_of_one()
    for price in PRICES:
        decimals = with_column(decimals, price, bars[price].cast(pa.decimal128(20, 4)))
    given = KINDS[kind](decimals)
    assert kind != "pandas" or isinstance(given["open"][0], Decimal)
    assert differences(label(given), bars) == []


@every_kind
def test_symbols_as_categories(kind: str) -> None:
    bars = bars_of_three()
    symbols = bars["symbol"].combine_chunks()
    given = KINDS[kind](with_column(bars, "symbol", symbols.dictionary_encode()))
    labeled = label(given)
    assert arrow(labeled)["symbol"].type == arrow(given)["symbol"].type
    assert differences(labeled, bars) == []


@pytest.mark.long
def test_symbols_as_an_enum_of_polars() -> None:
    bars = bars_of_three()
    frame = pl.DataFrame(pl.from_arrow(bars))
    symbols = pl.Enum(frame["symbol"].unique())
    assert differences(label(frame.with_columns(pl.col("symbol").cast(symbols))), bars) == []


def test_types_of_arrow_in_pandas() -> None:
    bars = bars_of_one()
    given = bars.to_pandas(types_mapper=pd.ArrowDtype)
    labeled = label(given)
    pd.testing.assert_frame_equal(labeled[given.columns], given)
    assert {labeled[name].dtype for name in TIMES} == {given["timestamp"].dtype}
    assert differences(labeled, bars) == []


@every_kind
def test_columns_by_other_names_and_further_columns(kind: str) -> None:
    bars = bars_of_three()
    theirs = {"timestamp": "ts_event", "open": "row", "symbol": "Symbol Name"}
    names = [theirs.get(name, name) for name in bars.column_names]
    given = bars.rename_columns(names).append_column("duck_label_row", [list(range(300))])
    given = given.append_column("notes", [[{"any": ["thing"]}] * 300])
    labeled = label(KINDS[kind](given), columns=theirs)
    assert arrow(labeled).column_names == [*given.column_names, *ADDED]
    assert differences(labeled, bars) == []


@every_kind
def test_unresolved_bars_without_labels(kind: str) -> None:
    bars = bars_of_one()
    labeled = label(KINDS[kind](bars), unresolved="null")
    if kind == "pandas":
        assert labeled["label_up"].dtype == pd.Int8Dtype()
        assert labeled["weight_up"].dtype == np.float32
        assert labeled["weight_up"].isna().equals(labeled["label_up"].isna())
    assert arrow(labeled)["label_up"].null_count == 30 + 28 + 1  # roll, censored, none
    assert differences(labeled, bars, replace(RULES, unresolved="null")) == []


def test_the_type_of_labels_hangs_on_the_configuration_not_on_the_bars() -> None:
    bars = golden.bars("one").to_pandas()
    for config, kind in (({}, "int8"), ({"on_bad_rows": "quarantine"}, "Int8")):
        assert str(label(bars, **config)["label_up"].dtype) == kind


def spoiled(bars: pa.Table) -> pa.Table:
    """The bars with a price missing in row 9, and with highs below lows in rows 3 and 50 to 54."""
    opens, highs = (bars[name].to_pylist() for name in ("open", "high"))
    opens[9] = None
    for row in (3, *range(50, 55)):
        highs[row] = 1.0
    return with_column(with_column(bars, "open", pa.array(opens)), "high", pa.array(highs))


@every_kind
def test_quarantined_bars_keep_their_rows(kind: str) -> None:
    bars, bad = bars_of_one(), [3, 9, *range(50, 55)]
    good = [row for row in range(len(bars)) if row not in bad]
    given = KINDS[kind](spoiled(bars))
    with pytest.warns(UserWarning, match="bad bars") as warned:
        labeled = label(given, on_bad_rows="quarantine")
    low = "high_below_low, high_too_low"
    assert [str(warning.message) for warning in warned] == [
        f"{type(given).__name__}: 7 bad bars have no label: "
        f"rows 3 ({low}), 9 (null_price), 50 ({low}), 51 ({low}), 52 ({low}), …"
    ]
    if kind == "pandas":
        pd.testing.assert_frame_equal(labeled[given.columns], given)
    table = arrow(labeled)
    assert len(table) == len(bars)
    assert all(table[column].take(bad).null_count == len(bad) for column in ADDED)
    assert differences(table.take(good), bars.take(good)) == []


def test_the_warning_points_to_the_caller() -> None:
    engine = WeightedLabelingEngine(LabelingConfig(on_bad_rows="quarantine"))
    bars = spoiled(bars_of_one()).slice(5, 20).to_pandas()
    with pytest.warns(UserWarning, match="1 bad bars") as warned:
        engine.process_dataframe(bars)
    assert warned[0].filename == __file__
    assert str(warned[0].message) == "DataFrame: 1 bad bars have no label: rows 4 (null_price)"


@every_kind
def test_bad_bars_are_named_by_their_rows(kind: str) -> None:
    given = KINDS[kind](spoiled(bars_of_three()))
    with pytest.raises(BadBarsError) as raised:
        label(given)
    message, name = str(raised.value), type(given).__name__
    assert f"{name}: 1 x null_price: a price is null\n    row 9: timestamp " in message
    assert f"{name}: 6 x high_below_low: the high is below the low\n    row 3: " in message
    assert 'Mend the input, or set on_bad_rows="quarantine" to ' in message
    assert ".parquet" not in message
    assert "--" not in message
    assert raised.value.__suppress_context__
    assert raised.value.__cause__ is None


def test_nothing_but_bad_bars() -> None:
    bars = bars_of_one().to_pandas().assign(open=float("nan"))
    with pytest.raises(InputError, match="there is no good bar in the input"):
        label(bars, on_bad_rows="quarantine")


@pytest.mark.parametrize(
    ("renamed", "config", "message"),
    [
        ({"open": "Open"}, {}, r"no column 'open' for the open; .*\{'open': NAME\}.* 'Open'\?"),
        ({"timestamp": "x"}, {}, "no column 'timestamp' for the timestamp; .*: known are: x, open"),
        ({"open": "o", "low": "l"}, {}, r"no column 'open' .*\n.*no column 'low' for the low; "),
        (
            {},
            {"volume": "vol"},
            r"no column 'vol' for the volume; .*\{'volume': NAME\}",
        ),
        ({}, {"symbol": "root"}, "no column 'root' for the symbol; "),
        ({"volume": "open"}, {}, "has several columns 'open': rename all but one"),
        ({"open": "duck_label_o"}, {"open": "duck_label_o"}, "column 'duck_label_o': .* are ours"),
    ],
)
def test_wrong_columns(renamed: dict[str, str], config: dict[str, str], message: str) -> None:
    bars = bars_of_one()
    bars = bars.rename_columns([renamed.get(name, name) for name in bars.column_names])
    polars = [] if "volume" in renamed else [pl.from_arrow(bars)]
    for given in (bars, bars.to_pandas(), *polars):
        with pytest.raises(InputError, match=f"^{type(given).__name__}: {message}") as raised:
            label(given, columns=config)
        assert ".parquet" not in str(raised.value)


@pytest.mark.parametrize("level", long_but([1], [0, 1]), ids=["by instrument", "by price"])
def test_columns_in_levels_are_refused_with_a_way_that_works(level: int) -> None:
    one = bars_of_one().to_pandas().set_index("timestamp").drop(columns="symbol", errors="ignore")
    both = {name: one + shift for name, shift in (("ES", 0), ("NQ", 100))}
    df = pd.concat(both, axis="columns")
    df = df if level == 0 else df.swaplevel(axis="columns")
    with pytest.raises(InputError, match=r"^DataFrame: has 2 levels of columns") as refused:
        label(df)
    single, every = re.findall(r"df\.\S+\(.*?\)(?=, or|$)", str(refused.value))
    labeled = label(eval(single, {"df": df}))  # noqa: S307 - what the message says
    assert labeled["label_up"].tolist() == label(one)["label_up"].tolist()
    labeled = label(eval(every, {"df": df}))  # noqa: S307
    assert set(labeled["symbol"]) == {"ES", "NQ"}
    assert len(labeled) == 2 * len(one)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("open", ["text"] * 4, "column 'open' is VARCHAR, but the open must be a number"),
        ("open", [None] * 4, "column 'open' is .*, but the open must be a number"),
        ("open", [1, "a", 1, 1], "column 'open' cannot be read: Could not convert 'a'"),
        ("close", [1j] * 4, "column 'close' cannot be read: "),
        ("close", [pa.MonthDayNano([1, 2, 3])] * 4, "cannot be written as Parquet: .*month_day_n"),
        ("volume", [True] * 4, "column 'volume' is BOOLEAN, but the volume must be a number"),
        ("timestamp", ["2024-03-04"] * 4, "column 'timestamp' is VARCHAR: text is a time"),
        ("timestamp", [7] * 4, "column 'timestamp' is BIGINT: whole numbers"),
    ],
)
def test_wrong_types(column: str, values: list[Any], message: str) -> None:
    bars = bars_of_one().slice(0, 4).to_pandas()
    bars[column] = pd.Series(values)
    with pytest.raises(InputError, match=f"^DataFrame: {message}") as raised:
        label(bars)
    assert ".parquet" not in str(raised.value)


@pytest.mark.parametrize("convert", [*KINDS.values(), batch])
def test_no_bars(convert: Callable[[pa.Table], Any]) -> None:
    given = convert(bars_of_one().slice(0, 0))
    with pytest.raises(InputError, match=f"^{type(given).__name__}: there is not a single bar"):
        label(given)


def test_nothing_in_a_frame() -> None:
    with pytest.raises(InputError, match=r"^DataFrame: there is not a single bar"):
        label(pd.DataFrame())


@pytest.mark.parametrize("taken", ["weight_up", "OUTCOME_down"])
def test_output_columns_that_are_there_already(taken: str) -> None:
    bars = bars_of_one().append_column(taken, [[1] * 200])
    for given in (bars, bars.to_pandas(), bars.to_pandas().set_index(taken), pl.from_arrow(bars)):
        with pytest.raises(ConfigError, match=f"(?i): has a column '{taken}' already: rename"):
            label(given)


@pytest.mark.parametrize("thing", [{}, None, "bars.parquet", pd.Series([1]), pl.Series([1])])
def test_things_that_are_no_tables(thing: Any) -> None:
    with pytest.raises(TypeError, match=f"pandas or Polars.* not as {type(thing).__name__}$"):
        label(thing)


def test_a_lazy_frame() -> None:
    with pytest.raises(TypeError, match=r"\.collect\(\)"):
        label(pl.LazyFrame({"open": [1.0]}))


def test_anything_with_a_stream_comes_back_as_an_arrow_table() -> None:
    bars = bars_of_one()
    labeled = label(bars.to_reader())
    assert isinstance(labeled, pa.Table)
    assert labeled.select(bars.column_names).equals(bars)
    assert differences(labeled, bars) == []


@pytest.mark.filterwarnings("error")
@pytest.mark.long
def test_what_else_hangs_on_a_pandas_frame() -> None:
    """Subclasses, attributes, columns that share a name or have no text for one, many columns."""

    class Bars(pd.DataFrame):  # type: ignore[misc]
        @property
        def _constructor(self) -> Any:
            return Bars

    plain = bars_of_one().slice(0, 20).to_pandas()
    notes = pd.DataFrame([[1, 2, 3]] * 20, columns=pd.Index(["note", "note", 7]))
    bars = Bars(pd.concat([plain, notes], axis="columns"))
    bars.attrs = {"source": np.arange(2)}
    modes = [{"name": f"m{n}", "direction": "long", "stop": 4, "target": 8} for n in range(60)]
    labeled = label(bars, modes=modes, details=False)
    assert type(labeled) is Bars
    assert labeled.attrs["source"].tolist() == [0, 1]
    assert list(labeled.columns[:9]) == list(bars.columns)
    assert len(labeled.columns) == 9 + 120


def test_metadata_of_an_arrow_table() -> None:
    bars = bars_of_one().replace_schema_metadata({"source": "exchange"})
    assert label(bars).schema.metadata == {b"source": b"exchange"}


def test_the_result_can_be_changed_and_the_original_stays() -> None:
    bars = bars_of_one().to_pandas()
    before = bars.copy(deep=True)
    labeled = label(bars)
    labeled.loc[[0, 7], ["open", "label_up", "weight_up"]] = 9
    assert labeled.loc[7, ["open", "label_up", "weight_up"]].tolist() == [9, 9, 9]
    pd.testing.assert_frame_equal(bars, before)


def test_names_of_modes() -> None:
    names = ["a", "a.b", 'x"y', "ü", "list.element", "in two words", "%s", "row"]
    modes = [Mode(name, "long", 4.0 + number, 9.0) for number, name in enumerate(names)]
    bars = bars_of_one()
    labeled = label(bars.to_pandas(), modes=[vars(mode) for mode in modes])
    assert len(labeled.columns) == 6 + len(KINDS_OF_COLUMNS) * len(names)
    expected = scan(bars, replace(RULES, modes=tuple(modes)))
    assert golden.differences(in_order(arrow(labeled)), expected) == []


def test_many_parts() -> None:
    bars = bars_of_one()
    assert differences(label(bars, run={"chunk": "70"}), bars) == []


def test_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is where the configuration says, for nobody else to read, and gone after any end."""
    seen = []
    process_files = WeightedLabelingEngine.process_files

    def spy(self: Any, inputs: Any, output: Any) -> Any:
        folder = Path(output).parent
        seen.append((folder.parent, folder.stat().st_mode & 0o077))
        return process_files(self, inputs, output)

    monkeypatch.setattr(WeightedLabelingEngine, "process_files", spy)
    where = tmp_path / "not there yet" / "label_up=7"
    bars = bars_of_one()
    assert differences(label(bars, run={"temp_dir": str(where)}), bars) == []
    with pytest.raises(BadBarsError):
        label(spoiled(bars), run={"temp_dir": str(where)})
    assert seen == [(where, 0)] * 2
    assert list(where.iterdir()) == []


def test_a_temporary_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    where = tmp_path / "file" / "folder"
    with pytest.raises(OutputError, match=r"/folder: cannot .*: Not a dir.*set run\.temp_dir"):
        label(bars_of_one().to_pandas(), run={"temp_dir": str(where)})


# A program in a fresh interpreter, where pandas and Polars may not be installed.
_START = """
import sys
class NotInstalled:
    def find_spec(name, *_):
        if name in {absent}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, NotInstalled)
sys.path[:0] = {paths}
import duck_label.cli, duck_label.run.engine
assert not {{"pandas", "polars", "pyarrow"}} & {{*sys.modules}}
import golden
bars = golden.bars("tiny")
"""


ABSENT = (("pandas", ""), ("polars", ".to_pandas()"), ("pandas polars", ""))


@pytest.mark.long
@pytest.mark.parametrize(("absent", "end"), ABSENT)
def test_other_libraries_are_not_needed(absent: str, end: str) -> None:
    tests = Path(__file__).parent
    script = _START.format(absent=absent.split(), paths=[str(tests.parent), str(tests)])
    script += f"print(len(duck_label.WeightedLabelingEngine().process_dataframe(bars{end})))"
    ended = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert (ended.stdout, ended.stderr) == ("2\n", "")


@pytest.mark.parametrize("library", long_but(["pandas"], ["pandas", "arrow"]))
def test_sides_and_columns_of_a_table(library: str) -> None:
    """What trades are read from is taken along, and labels may be null by configuration alone."""
    bars = bars_of_one()
    side = pa.array([(1, -1, 0, None)[row % 4] for row in range(len(bars))])
    width = pa.array([0.5 + row % 3 for row in range(len(bars))])
    bars = bars.append_column("my side", side).append_column("width", width)
    config = {
        "columns": {"side": "my side"},
        "modes": [{"name": "m", "direction": "side", "stop": "width", "target": "2 * width"}],
    }
    given = bars.to_pandas() if library == "pandas" else bars
    labeled = WeightedLabelingEngine(LabelingConfig(details=True, **config)).process_dataframe(
        given
    )
    if library == "pandas":
        assert str(labeled["label_m"].dtype) == "Int8"
    expected = walk(in_order(bars), {**config, "details": True})
    names = [name for name in expected.column_names if not name.startswith(("uniq", "attrib"))]
    table = in_order(arrow(labeled))
    names = [name for name in names if name.endswith("_m")]
    assert golden.differences(table, expected, names) == []


def test_a_column_of_a_table_asks_for_bars() -> None:
    bars = bars_of_one()
    is_event = [row % 3 == 1 for row in range(len(bars))]
    engine = WeightedLabelingEngine(LabelingConfig(events={"column": "is event"}))
    labeled = engine.process_dataframe(bars.append_column("is event", pa.array(is_event)))
    assert labeled["label_low_vol_long"].is_valid().to_pylist() == is_event
    with pytest.raises(InputError, match=r"no column 'is event' to ask for bars \(events.column\)"):
        engine.process_dataframe(bars)
