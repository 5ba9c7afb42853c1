# mypy: disable-error-code="import-untyped"
"""Labels of bars of every type of time, with a bar in the last moment of a month."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import duck_label
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.cli import main
from duck_label.look.saved_queries import saved_queries
from labeling import TWO_MODES
from labeling import label_two as label
from lengths import long_but

TYPES = {
    "date": pa.date32(),
    **{unit: pa.timestamp(unit) for unit in ("ms", "us", "ns")},
    **{f"{unit}_utc": pa.timestamp(unit, "UTC") for unit in ("us", "ns")},
    "ns_int96": pa.timestamp("ns"),
    # What nanoseconds cannot count.
    "us_utc_old": pa.timestamp("us", "UTC"),
}
PER_SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9}
# Bars of each month; the last of March is the last moment there is in it.
MARCH, APRIL = 4, 3


def year(kind: str) -> int:
    return 1600 if kind.endswith("old") else 2024


def bars(kind: str) -> pa.Table:
    """Seconds (days, of dates) around the end of March, prices that rise by 10 ticks a bar."""
    april = (date(year(kind), 4, 1) - date(1970, 1, 1)).days
    if kind == "date":
        times = [april + day for day in range(-MARCH, APRIL)]
        column = pa.array(times, pa.int32()).cast(TYPES[kind])
    else:
        second = PER_SECOND[kind.partition("_")[0]]
        times = [april * 86400 * second + bar * second for bar in range(-MARCH, APRIL)]
        times[MARCH - 1] = april * 86400 * second - 1
        column = pa.array(times, pa.int64()).cast(TYPES[kind])
    prices = [5000 + 2.5 * bar for bar in range(MARCH + APRIL)]
    return pa.table(
        {"timestamp": column, **dict.fromkeys(("open", "high", "low", "close"), prices)}
    )


@pytest.fixture(scope="module", params=long_but(["date"], TYPES))
def labels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp(request.param) / request.param
    folder.mkdir()
    is_int96 = request.param.endswith("int96")
    pq.write_table(
        bars(request.param), folder / "bars.parquet", use_deprecated_int96_timestamps=is_int96
    )
    config = LabelingConfig(
        details=True, timeout_seconds=7 * 86400, roll_gap_points=0, modes=TWO_MODES
    )
    WeightedLabelingEngine(config).process_files(folder / "bars.parquet", folder / "labels")
    return folder


def test_months_and_decay_go_by_the_moment_of_the_bar(labels: Path) -> None:
    with duck_label.open(labels / "labels") as output:
        months = output.sql("@win_rates_by_month").fetchall()
        decays = output.sql("select weight_low_vol_short from labels order by timestamp").fetchall()
    found = {(row[0], row[2]) for row in months}
    assert found == {(f"{year(labels.name)}-03", MARCH), (f"{year(labels.name)}-04", APRIL)}
    aged = 0.951229424500714  # exp(-0.05), of a bar a month before the last
    assert [value for (value,) in decays] == pytest.approx([aged] * MARCH + [1.0] * APRIL)


def test_hours_go_by_the_moment_of_the_bar(labels: Path) -> None:
    with duck_label.open(labels / "labels") as output:
        rows = output.sql("@win_rates_by_hour").fetchall()
        ((last, kind),) = output.sql(
            "select max(utc), any_value(typeof(utc)) from labels_long where utc < $april",
            april=datetime(year(labels.name), 4, 1),  # noqa: DTZ001 - as `utc` is
        ).fetchall()
    hours = {(row[0], row[2]) for row in rows}
    is_date = labels.name == "date"
    assert hours == ({(0, MARCH + APRIL)} if is_date else {(23, MARCH), (0, APRIL)})
    parts = {"date": 0, "ms": 999000}.get(labels.name, 999999)
    assert (last.microsecond, kind) == (parts, "TIMESTAMP")


def test_statistics_go_by_the_moment_of_the_bar(labels: Path) -> None:
    result = CliRunner().invoke(main, ["stats", str(labels / "labels"), "--by", "month", "--json"])
    groups = json.loads(result.stdout)["groups"]
    found = [(group["name"], group["bars"]) for group in groups]
    assert found == [(f"{year(labels.name)}-03", MARCH), (f"{year(labels.name)}-04", APRIL)]
    end = "T00:00:00" if labels.name == "date" else "T23:59:59"
    assert groups[0]["last"].startswith(f"{year(labels.name)}-03-31{end}")


def test_every_look_takes_every_type(labels: Path) -> None:
    with duck_label.open(labels / "labels") as output:
        for view in ("labels", "labels_long"):
            assert output.sql(f"from {view}").fetchall()
            assert len(output.sql(f"from {view}").df())
        for saved in saved_queries():
            output.sql(f"@{saved}").fetchall()
    for arguments in (
        ("stats", labels / "labels", "--by", "session"),
        ("sql", labels / "labels", "from labels_long", "--format", "json"),
        ("report", labels / "labels", "-o", labels / "report.html"),
    ):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == 0, (arguments, result.output)


def test_the_last_moment_of_a_month_is_explained_and_drawn(labels: Path) -> None:
    parts = {"date": "", "ms": "T23:59:59.999"}
    moment = parts.get(labels.name, "T23:59:59.999999")
    asked = ["--at", f"{year(labels.name)}-03-31{moment}", "--mode", "low_vol_long"]
    drawn = ["--plot", str(labels / "bar.svg")]
    result = CliRunner().invoke(main, ["explain", str(labels / "labels"), *asked, *drawn])
    assert result.exit_code == 0, result.output
    assert ": agrees\n" in result.stdout
    assert f"{year(labels.name)}-03-31" in (labels / "bar.svg").read_text()


def test_frames_keep_the_zone(labels: Path) -> None:
    """DuckDB leaves it out of times in nanoseconds."""
    with duck_label.open(labels / "labels") as output:
        frame = output.sql("select timestamp, touch_time, timestamp from labels_long").df()
        arrow = output.sql("select timestamp from labels").to_arrow_table()
    zones = [getattr(kind, "tz", None) for kind in frame.dtypes]
    expected = "UTC" if "utc" in labels.name else None
    assert [zone and str(zone) for zone in zones] == [expected] * 3
    assert getattr(arrow.schema.field("timestamp").type, "tz", None) == expected


def seconds_of_2024(unit: str) -> pa.Array:
    start = 1_704_448_800  # 2024-01-05 10:00
    second = {"s": 1, **PER_SECOND}[unit]
    return pa.array([(start + bar) * second for bar in range(5)], pa.int64())


@pytest.mark.parametrize(
    ("written", "taken", "more"),
    [
        ("us", pa.timestamp("ns"), {"use_deprecated_int96_timestamps": True}),
        ("us", pa.timestamp("ns", "UTC"), {}),
        ("ms", pa.timestamp("us"), {}),
        ("s", pa.timestamp("ms"), {}),
        ("ms", pa.timestamp("ns"), {}),
        ("s", pa.timestamp("us", "UTC"), {}),
    ],
)
@pytest.mark.parametrize("command", ["run", "validate"])
def test_a_lost_unit_is_told_as_one(
    command: str, written: str, taken: pa.DataType, more: dict[str, bool], tmp_path: Path
) -> None:
    times = seconds_of_2024(written).cast(taken)
    table = bars("us").slice(0, 5).set_column(0, "timestamp", times)
    path = tmp_path / "bars.parquet"
    pq.write_table(table, path, **more)
    asked = ["run", path, "-o", tmp_path / "labels"] if command == "run" else [command, path]
    result = CliRunner().invoke(main, list(map(str, asked)))
    assert result.exit_code == 3
    said = " ".join(result.stderr.split())
    assert f"{path}: column 'timestamp' holds times of January 1970 alone" in said
    assert f'are "{written}", which puts the first bar into January 2024' in said
    # What it says to do gives the times back.
    recipe = said.partition("gives it back: ")[2]
    df = pd.read_parquet(path)
    exec(recipe, {"df": df, "pd": pd})  # noqa: S102
    assert df["timestamp"].iloc[0] == pd.Timestamp("2024-01-05 10:00", tz=taken.tz)
    assert (df["timestamp"].dt.tz is None) == (taken.tz is None)


def test_a_unit_that_was_told_wrong_is_told_so(tmp_path: Path) -> None:
    table = bars("us").slice(0, 5).set_column(0, "timestamp", seconds_of_2024("ms"))
    pq.write_table(table, tmp_path / "bars.parquet")
    with pytest.raises(duck_label.InputError, match='set timestamp_unit = "ms"'):
        label(tmp_path / "bars.parquet", tmp_path / "labels", timestamp_unit="us")


@pytest.mark.parametrize(
    ("first", "is_refused"),
    [
        # A thousandth of 1989-12-31T23:00 and of 1990-01-01T01:00.
        ("1970-01-08T07:19:08", False),
        ("1970-01-08T07:19:16", True),
        ("1970-01-31T23:59:59.999995", True),
        ("1970-01-31T23:59:59.999996", False),
        ("1970-02-01", False),
        ("1970-02-15", False),
    ],
)
def test_only_times_of_january_1970_alone_are_said_to_be(
    first: str, is_refused: bool, tmp_path: Path
) -> None:
    """Those of February could be a thousandth of times to come, which no bar has."""
    moments = [datetime.fromisoformat(first) + timedelta(microseconds=bar) for bar in range(5)]
    times = pa.array(moments, pa.timestamp("us"))
    pq.write_table(bars("us").slice(0, 5).set_column(0, "timestamp", times), tmp_path / "b.parquet")
    if is_refused:
        with pytest.raises(duck_label.InputError, match="times of January 1970 alone"):
            label(tmp_path / "b.parquet", tmp_path / "labels")
    else:
        assert label(tmp_path / "b.parquet", tmp_path / "labels").num_rows == 5


def test_bars_that_begin_in_1970_are_bars(tmp_path: Path) -> None:
    day = 86_400_000_000
    times = pa.array([bar * day + 34_200_000_000 for bar in range(5)]).cast(pa.timestamp("us"))
    pq.write_table(bars("us").slice(0, 5).set_column(0, "timestamp", times), tmp_path / "b.parquet")
    assert label(tmp_path / "b.parquet", tmp_path / "labels").num_rows == 5
