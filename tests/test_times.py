# mypy: disable-error-code="import-untyped"
"""Labels of bars of every type of time, with a bar in the last moment of a month."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import duck_label
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.cli import main
from duck_label.look.inspect import saved_queries

TYPES = {
    "date": pa.date32(),
    **{unit: pa.timestamp(unit) for unit in ("ms", "us", "ns")},
    **{f"{unit}_utc": pa.timestamp(unit, "UTC") for unit in ("ms", "us", "ns")},
}
# Bars of each month; the last of March is the last moment there is in it.
MARCH, APRIL = 4, 3


def bars(kind: str) -> pa.Table:
    """Seconds (days, of dates) around the end of March 2024, prices that rise by 10 ticks a bar."""
    april = (date(2024, 4, 1) - date(1970, 1, 1)).days
    if kind == "date":
        times = [april + day for day in range(-MARCH, APRIL)]
        column = pa.array(times, pa.int32()).cast(TYPES[kind])
    else:
        second = {"ms": 10**3, "us": 10**6, "ns": 10**9}[kind[:2]]
        times = [april * 86400 * second + bar * second for bar in range(-MARCH, APRIL)]
        times[MARCH - 1] = april * 86400 * second - 1
        column = pa.array(times, pa.int64()).cast(TYPES[kind])
    prices = [5000 + 2.5 * bar for bar in range(MARCH + APRIL)]
    return pa.table(
        {"timestamp": column, **dict.fromkeys(("open", "high", "low", "close"), prices)}
    )


@pytest.fixture(scope="module", params=TYPES)
def labels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    pq.write_table(bars(request.param), folder / "bars.parquet")
    config = LabelingConfig(details=True, timeout_seconds=7 * 86400, roll_gap_points=0)
    WeightedLabelingEngine(config).process_files(folder / "bars.parquet", folder / "labels")
    return folder


def test_months_and_decay_go_by_the_moment_of_the_bar(labels: Path) -> None:
    with duck_label.open(labels / "labels") as output:
        months = output.sql("@win_rates_by_month").fetchall()
        decays = output.sql("select weight_low_vol_short from labels order by timestamp").fetchall()
    assert {(row[0], row[2]) for row in months} == {("2024-03", MARCH), ("2024-04", APRIL)}
    aged = 0.951229424500714  # exp(-0.05), of a bar a month before the last
    assert [value for (value,) in decays] == pytest.approx([aged] * MARCH + [1.0] * APRIL)


def test_hours_go_by_the_moment_of_the_bar(labels: Path) -> None:
    with duck_label.open(labels / "labels") as output:
        rows = output.sql("@win_rates_by_hour").fetchall()
    hours = {(row[0], row[2]) for row in rows}
    is_date = labels.name.startswith("date")
    assert hours == ({(0, MARCH + APRIL)} if is_date else {(23, MARCH), (0, APRIL)})


def test_every_look_takes_every_type(labels: Path) -> None:
    with duck_label.open(labels / "labels") as output:
        for view in ("labels", "labels_long"):
            assert output.sql(f"from {view}").fetchall()
        for saved in saved_queries():
            output.sql(f"@{saved}").fetchall()
    for arguments in (
        ("stats", labels / "labels"),
        ("stats", labels / "labels", "--by", "month"),
        ("stats", labels / "labels", "--by", "session"),
        ("sql", labels / "labels", "from labels_long"),
        ("report", labels / "labels", "-o", labels / "report.html"),
    ):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == 0, (arguments, result.output)
