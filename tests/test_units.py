# mypy: disable-error-code="import-untyped"
"""Times in whole numbers, in text and on local clocks, and prices in fixed point."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import golden
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.cli import main
from duck_label.errors import BadBarsError, ConfigError, InputError
from duck_label.look.inspect import Output
from labeling import TWO_MODES, TWO_RULES, write
from labeling import label_two as label
from lengths import long_but
from scan import scan
from test_edges import replaced, walk

NEW_YORK = ZoneInfo("America/New_York")
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def numbers(table: pa.Table, unit: str) -> pa.Table:
    clock = table["timestamp"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    seconds = pc.divide(clock, 10**6)
    return replaced(table, "timestamp", pc.multiply(seconds, PER_SECOND[unit]))


def texts(table: pa.Table, form: str, zone: ZoneInfo | None = None) -> pa.Table:
    times = table["timestamp"].to_pylist()
    return replaced(
        table, "timestamp", pa.array([t.astimezone(zone or UTC).strftime(form) for t in times])
    )


def local(table: pa.Table, zone: ZoneInfo) -> pa.Table:
    times = [t.astimezone(zone).replace(tzinfo=None) for t in table["timestamp"].to_pylist()]
    return replaced(table, "timestamp", pa.array(times, pa.timestamp("us")))


def starting(table: pa.Table, first: datetime) -> pa.Table:
    times = [first + timedelta(seconds=n) for n in range(len(table))]
    return replaced(table, "timestamp", pa.array(times, pa.timestamp("us", "UTC")))


def assert_labels(labeled: pa.Table, written: pa.Table, table: pa.Table) -> None:
    """Labels are those of the bars in UTC; times travel as they are, touches are times."""
    expected = scan(table, TWO_RULES)
    touches = [name for name in expected.column_names if name.startswith("touch_time_")]
    others = [n for n in expected.column_names if n not in ("timestamp", *touches)]
    assert golden.differences(labeled, expected, others) == []
    assert labeled["timestamp"].to_pylist() == written["timestamp"].to_pylist()
    for name in touches:
        assert labeled.schema.field(name).type.tz == "UTC"
        assert (
            labeled[name]
            .cast(pa.timestamp("us", "UTC"))
            .equals(expected[name].cast(pa.timestamp("us", "UTC")))
        )


PLACES = ["America/New_York", "Pacific/Kiritimati"]
FORMS = ["%Y%m%d %H%M%S", "%d.%m.%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%m/%d/%Y %I:%M:%S %p"]


@pytest.mark.parametrize("unit", long_but(["ns"], PER_SECOND))
@pytest.mark.parametrize("chunk", long_but(["75"], ["auto", "75", "37"]))
def test_whole_numbers_are_times_of_a_unit(unit: str, chunk: str, tmp_path: Path) -> None:
    table = walk(200)
    written = numbers(table, unit)
    bars = write(tmp_path / "bars", [written[:90], written[90:]], row_group_size=25)
    labeled = label(bars, tmp_path / "out", details=True, timestamp_unit=unit, run={"chunk": chunk})
    assert_labels(labeled, written, table)
    assert labeled.schema.field("touch_time_low_vol_long").type.unit == (
        "ns" if unit == "ns" else "us"
    )


@pytest.mark.parametrize("form", long_but(FORMS[2:3], FORMS))
def test_text_is_read_by_a_format(form: str, tmp_path: Path) -> None:
    table = walk(200)
    written = texts(table, form)
    bars = write(tmp_path / "bars", [written])
    out = tmp_path / "out"
    labeled = WeightedLabelingEngine(
        LabelingConfig(details=True, timestamp_format=form, run={"chunk": "120"}, modes=TWO_MODES)
    ).process_files([bars], out)
    assert labeled.rows_labeled == 200
    parts = pa.concat_tables(pq.read_table(part) for part in sorted(out.glob("*.parquet")))
    assert_labels(parts, written, table)


@pytest.mark.parametrize("is_text", long_but([True], [False, True]))
@pytest.mark.parametrize("place", long_but(PLACES[:1], PLACES))
def test_local_clocks_of_a_zone(is_text: bool, place: str, tmp_path: Path) -> None:
    """Bars before and after a change of the clock, and half a day from UTC on either side."""
    zone, table = ZoneInfo(place), walk(200)
    springs = starting(table, datetime(2024, 3, 10, 6, 58, tzinfo=UTC))
    form: dict[str, Any] = {"timestamp_format": "%Y-%m-%d %H:%M:%S"} if is_text else {}
    written = texts(springs, "%Y-%m-%d %H:%M:%S", zone) if is_text else local(springs, zone)
    bars = write(tmp_path / "bars", [written], row_group_size=30)
    labeled = label(
        bars, tmp_path / "out", details=True, timestamp_zone=place, run={"chunk": "120"}, **form
    )
    assert_labels(labeled, written, springs)


def test_hours_that_a_clock_shows_twice_or_never_are_bad(tmp_path: Path) -> None:
    falls = starting(walk(200), datetime(2024, 11, 3, 4, 58, 20, tzinfo=UTC))
    bars = write(tmp_path / "falls", [local(falls, NEW_YORK)])
    zone: dict[str, Any] = {"timestamp_zone": "America/New_York"}
    with pytest.raises(BadBarsError, match=r"100 x doubtful_time.*") as error:
        label(bars, tmp_path / "out", **zone)
    assert 'tz_localize("America/New_York", ambiguous="infer"' in str(error.value)
    aside: dict[str, Any] = {"on_bad_rows": "quarantine", "max_bad_share": 0.5}
    labeled = label(bars, tmp_path / "out", details=True, **aside, **zone)
    assert len(labeled) == 100
    expected = scan(falls[:100], TWO_RULES)
    assert (
        golden.differences(labeled, expected, ["label_low_vol_long", "weight_low_vol_short"]) == []
    )
    never = replaced(
        walk(3), "timestamp", pa.array(["2024-03-10 02:30:00"] * 3).cast(pa.timestamp("us"))
    )
    with pytest.raises(BadBarsError, match=r"3 x doubtful_time"):
        label(write(tmp_path / "never", [never]), tmp_path / "out2", **zone)


def test_the_conversion_that_the_message_names_works() -> None:
    falls = starting(walk(200), datetime(2024, 11, 3, 5, 59, tzinfo=UTC))
    df = local(falls, NEW_YORK).to_pandas()
    df["timestamp"] = (
        df["timestamp"]
        .dt.tz_localize("America/New_York", ambiguous="infer", nonexistent="shift_forward")
        .dt.tz_convert("UTC")
    )
    assert pd.Series(falls["timestamp"].to_pandas()).equals(df["timestamp"])


def test_a_doubled_hour_says_what_it_looks_like(tmp_path: Path) -> None:
    table = starting(walk(7200), datetime(2024, 11, 3, 5, 0, tzinfo=UTC))
    bars = write(tmp_path / "bars", [local(table, NEW_YORK)])
    with pytest.raises(BadBarsError, match=r"night of a Sunday, from 2024-11-03 01:00") as error:
        label(bars, tmp_path / "out")
    assert 'ambiguous="infer"' in str(error.value)
    monday = write(tmp_path / "monday", [walk(50), walk(50)])
    with pytest.raises(BadBarsError) as other:
        label(monday, tmp_path / "out")
    assert "night of a Sunday" not in str(other.value)


def fixed(table: pa.Table, scale: Decimal) -> pa.Table:
    for price in ("open", "high", "low", "close"):
        values = [int(Decimal(str(value)) / scale) for value in table[price].to_pylist()]
        table = replaced(table, price, pa.array(values, pa.int64()))
    return table


@pytest.mark.parametrize("scale", long_but(["1e-9"], ["1e-9", "0.0001", "0.25"]))
@pytest.mark.parametrize("above", long_but([95_000], [0, 95_000]))
def test_prices_of_fixed_point_are_exact(scale: str, above: int, tmp_path: Path) -> None:
    table = walk(200)
    for price in ("open", "high", "low", "close"):
        table = replaced(table, price, pc.add(table[price], float(above)))
    written = fixed(table, Decimal(scale))
    bars = write(tmp_path / "bars", [written])
    labeled = label(bars, tmp_path / "out", details=True, price_scale=scale)
    expected = scan(table, TWO_RULES)
    others = [n for n in expected.column_names if n not in ("open", "high", "low", "close")]
    assert golden.differences(labeled, expected, others) == []
    assert labeled["close"].equals(written["close"])
    shown = run("explain", str(tmp_path / "out"), "--at", "2024-03-04 14:30:10", "--json")
    assert shown.exit_code == 0, shown.output
    assert f'"entry_price": {table["open"][11].as_py()}' in shown.stdout


def test_prices_off_the_grid_of_a_scale_are_told_in_points(tmp_path: Path) -> None:
    written = fixed(walk(200), Decimal("1e-9"))
    bars = write(tmp_path / "bars", [written])
    with pytest.raises(BadBarsError, match=r"their steps are of 0\.25, and tick_size = 1 is"):
        label(bars, tmp_path / "out", price_scale=1e-9, tick_size=1)


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"timestamp_unit": "s"}, "timestamp with", "timestamp_unit is for whole numbers"),
    ({"timestamp_format": "%Y"}, "timestamp with", "timestamp_format is for text"),
    ({"timestamp_zone": "Asia/Tokyo"}, "timestamp with", "says its time zone itself"),
    ({"price_scale": 1e-4}, "timestamp with", "price_scale is for prices in whole numbers"),
    ({}, "text", r"text is a time with a timestamp_format"),
    ({"timestamp_zone": "Asia/Tokyo"}, "date", "dates have no clock"),
    ({}, "number", r'timestamp_unit = "us" .* puts the latest bar at 2024-03-04 14:30:29'),
]


@pytest.mark.parametrize(("config", "kind", "message"), REFUSED)
def test_a_key_for_another_type_is_refused(
    config: dict[str, Any], kind: str, message: str, tmp_path: Path
) -> None:
    table = walk(30)
    if kind == "text":
        table = texts(table, "%Y")
    elif kind == "date":
        table = replaced(table, "timestamp", table["timestamp"].cast(pa.date32()))
    elif kind == "number":
        table = numbers(table, "us")
    with pytest.raises(InputError, match=message):
        label(write(tmp_path / "bars", [table]), tmp_path / "out", **config)


def test_bytes_name_whose_they_may_be(tmp_path: Path) -> None:
    table = walk(30)
    raw = [int(price * 10**9).to_bytes(16, "little") for price in table["open"].to_pylist()]
    table = replaced(table, "open", pa.array(raw, pa.binary(16)))
    with pytest.raises(InputError, match=r"'open' is BLOB.*Nautilus Trader\? .*ParquetDataCatalog"):
        label(write(tmp_path / "bars", [table]), tmp_path / "out")


def test_units_and_zones_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="timestamp_unit is for whole numbers"):
        LabelingConfig(timestamp_unit="s", timestamp_zone="UTC")
    with pytest.raises(ConfigError, match="timestamp_zone: 'Mars' is no time zone"):
        LabelingConfig(timestamp_zone="Mars")


@pytest.mark.parametrize("has_statistics", [True, False])
@pytest.mark.parametrize("wrong", ["s", "ms", "us"])
def test_a_unit_that_is_too_coarse_names_the_one_that_fits(
    wrong: str, has_statistics: bool, tmp_path: Path
) -> None:
    """Also where the numbers, read so, are more than 64 bits hold."""
    bars = tmp_path / "bars.parquet"
    pq.write_table(numbers(walk(30), "ns"), bars, write_statistics=has_statistics)
    with pytest.raises(InputError, match=r'outside of the years .* set timestamp_unit = "ns"'):
        label(bars, tmp_path / "out", timestamp_unit=wrong)


def test_a_format_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [texts(walk(3), "%Y")])
    with pytest.raises(ConfigError, match=r"timestamp_format: .*%Q"):
        label(bars, tmp_path / "out", timestamp_format="%Q")


def test_a_time_that_says_its_zone_needs_no_other() -> None:
    with pytest.raises(ConfigError, match=r"%z\): leave timestamp_zone out"):
        LabelingConfig(timestamp_format="%H:%M %z", timestamp_zone="America/New_York")
    assert LabelingConfig(timestamp_format="%H%%z", timestamp_zone="America/New_York").reads_times


def test_nanoseconds_with_an_offset_are_kept(tmp_path: Path) -> None:
    table = walk(30)
    form = "%Y-%m-%dT%H:%M:%S.%n%z"
    written = texts(table, "%Y-%m-%dT%H:%M:%S.000000007+00:00")
    labeled = label(
        write(tmp_path / "bars", [written]), tmp_path / "out", details=True, timestamp_format=form
    )
    touches = labeled["touch_time_low_vol_long"].drop_null().cast(pa.int64()).to_pylist()
    assert touches
    assert {touch % 1000 for touch in touches} == {7}


def test_text_that_no_format_reads_is_bad(tmp_path: Path) -> None:
    written = texts(walk(30), "%Y-%m-%d %H:%M:%S")
    odd = replaced(written, "timestamp", pa.array(["noon", *written["timestamp"].to_pylist()[1:]]))
    with pytest.raises(BadBarsError, match=r"1 x null_timestamp.*not written as timestamp_format"):
        label(
            write(tmp_path / "bars", [odd]), tmp_path / "out", timestamp_format="%Y-%m-%d %H:%M:%S"
        )


@pytest.mark.parametrize("unit", long_but(["ns"], ["ms", "ns"]))
def test_whoever_asks_for_times_gets_times(unit: str, tmp_path: Path) -> None:
    """Views, saved queries and statistics of labels of whole numbers."""
    table = walk(200)
    label(write(tmp_path / "bars", [numbers(table, unit)]), tmp_path / "out", timestamp_unit=unit)
    with Output(tmp_path / "out") as output:
        first = output.sql("select min(timestamp), max(touch_time) from labels_long").fetchall()
        assert first[0][0] == table["timestamp"][0].as_py()
    for query in ("@win_rates_by_hour", "@win_rates_by_month"):
        shown = run("sql", str(tmp_path / "out"), query, "--format", "csv")
        assert shown.exit_code == 0, shown.output
        assert ("14," if "hour" in query else "2024-03") in shown.stdout
    told = run("stats", str(tmp_path / "out"))
    assert "from 2024-03-04 14:30:00 to 2024-03-04 14:33:19" in told.output


def test_new_bars_join_those_of_whole_numbers(tmp_path: Path) -> None:
    table = walk(200)
    unit: dict[str, Any] = {"timestamp_unit": "ms"}
    written = numbers(table, "ms")
    bars = write(tmp_path / "bars", [written[:120]])
    label(bars, tmp_path / "out", details=True, run={"chunk": "120"}, **unit)
    pq.write_table(written[120:], bars / "later.parquet")
    labeled = label(bars, tmp_path / "out", details=True, run={"chunk": "120"}, **unit)
    assert_labels(labeled, written, table)


def test_a_configuration_is_guessed_from_numbers_and_text(tmp_path: Path) -> None:
    table = walk(2000)
    numbered = fixed(numbers(table, "ns"), Decimal("1e-9"))
    for name, written in (
        ("numbers", numbered),
        ("text", texts(table, "%d.%m.%Y %H:%M:%S")),
    ):
        bars, config = write(tmp_path / name, [written]), tmp_path / f"{name}.toml"
        done = run("validate", str(bars), "--write-config", str(config))
        assert done.exit_code == 0, done.output
        labeled = run(
            "run", str(bars), "-o", str(tmp_path / f"{name}_out"), "-c", str(config), "-q"
        )
        assert labeled.exit_code == 0, labeled.output
    assert 'timestamp_unit = "ns"' in (tmp_path / "numbers.toml").read_text()
    assert "price_scale = 0.000000001" in (tmp_path / "numbers.toml").read_text()
    assert '"%d.%m.%Y %H:%M:%S"' in (tmp_path / "text.toml").read_text()


def test_tables_with_numbers_and_local_times() -> None:
    table = walk(100)
    expected = scan(table, TWO_RULES)
    df = numbers(table, "ms").to_pandas()
    labeled = WeightedLabelingEngine(
        LabelingConfig(timestamp_unit="ms", details=True, modes=TWO_MODES)
    ).process_dataframe(df)
    touches = labeled["touch_time_low_vol_long"]
    assert str(touches.dtype) == "datetime64[us, UTC]"
    assert touches.astype(object).where(touches.notna(), None).tolist() == (
        expected["touch_time_low_vol_long"].to_pylist()
    )
    assert np.array_equal(labeled["label_low_vol_long"], expected["label_low_vol_long"].to_numpy())
    naive = local(table, NEW_YORK).to_pandas()
    there = WeightedLabelingEngine(
        LabelingConfig(timestamp_zone="America/New_York", details=True, modes=TWO_MODES)
    ).process_dataframe(naive)
    assert there["touch_time_low_vol_long"].equals(touches)


@pytest.mark.parametrize("last", [2**53 - 1, 2**53, 2**53 + 1])
def test_a_price_of_more_increments_than_a_double_counts_is_bad(last: int, tmp_path: Path) -> None:
    """As a DOUBLE, 2^53 + 1 is 2^53, and would be labeled for it."""
    prices = {name: pa.array([last - 1, last], pa.int64()) for name in ("open", "high", "low")}
    times = np.datetime64("2024-03-04T15:00:00", "us") + np.arange(2)
    table = pa.table({"timestamp": times, **prices, "close": prices["open"]})
    pq.write_table(table, tmp_path / "bars.parquet")
    if last < 2**53:
        assert len(label(tmp_path / "bars.parquet", tmp_path / "out", tick_size=1)) == 2
    else:
        with pytest.raises(InputError, match="too large to count its price increments"):
            label(tmp_path / "bars.parquet", tmp_path / "out", tick_size=1)
