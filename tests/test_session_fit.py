# mypy: disable-error-code="import-untyped"
"""Whether sessions fit the bars: what `validate` and `run` say of those that do not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.asking import Sessions
from duck_label.bars.footers import Stretch
from duck_label.bars.hours import left_out_days
from duck_label.validation.validation import validate_bars

MONDAY = datetime(2024, 3, 4, tzinfo=UTC)
# On Thursday the market closes early.
EARLY = 3


def write(path: Path, times: list[datetime]) -> Path:
    prices = {name: [100.0] * len(times) for name in ("open", "high", "low", "close")}
    pq.write_table(pa.table({"timestamp": times, **prices}), path)
    return path


def oddities(bars: Path, session: dict[str, Any]) -> list[str]:
    return [
        line
        for line in validate_bars(bars, LabelingConfig(session=session)).oddities
        if "session" in line
    ]


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Every five minutes from 14:30 UTC (8:30 in Chicago) on for an hour, and once at noon."""
    times = [MONDAY + timedelta(hours=12)]
    for day in (-3, 0, 1, EARLY, 4):
        minutes = range(0, 20 if day == EARLY else 60, 5)
        opens = MONDAY + timedelta(days=day, hours=14, minutes=30)
        times += [opens + timedelta(minutes=minute) for minute in minutes]
    return write(tmp_path / "bars.parquet", times)


def test_hours_and_bars_that_do_not_fit_are_told(bars: Path) -> None:
    # 53 bars: one at noon, four full hours of twelve, and four on Thursday.
    assert oddities(
        bars, {"hours": "08:30-09:30", "zone": "America/Chicago", "days": "mon-fri"}
    ) == [
        "1 of 53 bars (1.9%) lie in no session",
        "1 of 6 sessions have no bar: 2024-03-06 14:30 to 2024-03-06 15:30 (UTC)",
        "in 1 of 6 sessions the last bar lies more than half an hour before the close: "
        "2024-03-07 14:30 to 2024-03-07 15:30 (last bar 14:45:00) (UTC)",
    ]


def test_a_file_of_sessions_is_compared_too(bars: Path, tmp_path: Path) -> None:
    days = (-3, 0, 1, 4)
    opens = [MONDAY + timedelta(days=day, hours=14, minutes=30) for day in days]
    table = pa.table({"open": opens, "close": [time + timedelta(hours=1) for time in opens]})
    pq.write_table(table, tmp_path / "sessions.parquet")
    assert oddities(bars, {"file": str(tmp_path / "sessions.parquet")}) == [
        "5 of 53 bars (9.4%) lie in no session"
    ]


def test_sessions_that_a_run_refuses_are_a_refusal(bars: Path, tmp_path: Path) -> None:
    table = pa.table({"open": [MONDAY, MONDAY], "close": [MONDAY + timedelta(hours=1), MONDAY]})
    pq.write_table(table, tmp_path / "sessions.parquet")
    session = {"file": str(tmp_path / "sessions.parquet")}
    found = validate_bars(bars, LabelingConfig(session=session))
    assert any("close before they open" in line for line in found.refusals)


# From Sunday 17:00 in Chicago (23:00 UTC) to Friday 16:00, an hour's break a day: two weeks.
WEEK = [
    MONDAY + timedelta(days=7 * week + day, hours=hour - 1)
    for week in range(2)
    for day in range(5)
    for hour in range(23)
]
LOST = (
    'hours = "17:00-16:00" with days = "mon-fri" leave out the sessions that open on sun '
    "(17:00-16:00 America/Chicago): 2 of them, with about 46 bars; a session belongs to the day on "
    'which it opens: days = "sun-thu" has them'
)


def test_hours_that_lose_the_session_of_sunday_are_told(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars.parquet", WEEK)
    hours = {"hours": "17:00-16:00", "zone": "America/Chicago"}
    # The clocks of the second week are an hour ahead.
    lost = LOST.replace("46", "45")
    assert oddities(bars, {**hours, "days": "mon-fri"})[-1] in (LOST, lost)
    config = LabelingConfig(session={**hours, "days": "mon-fri"})
    summary = WeightedLabelingEngine(config).process_files(bars, tmp_path / "out")
    assert summary.warnings[0] in (LOST, lost)
    config = LabelingConfig(session={**hours, "days": "sun-thu"})
    summary = WeightedLabelingEngine(config).process_files(bars, tmp_path / "all")
    assert [line for line in summary.warnings if line.startswith("hours")] == []


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"days": "mon-fri"}, 'days = "sun-thu"'),
        ({"days": "sun-wed"}, 'days = "sun-thu"'),
        ({"days": "mon,wed"}, 'days = "sun-thu"'),
        ({"days": "sun-thu"}, None),
        ({}, None),
        # What lies in a break, or at night, is no session of another day.
        ({"hours": "08:00-15:00", "days": "mon-fri"}, None),
        ({"hours": "08:00-15:00", "days": "tue-fri"}, 'days = "mon-fri"'),
    ],
)
def test_a_session_of_its_own_is_told_from_bars_at_odd_hours(
    rules: dict[str, Any], said: str | None
) -> None:
    start = int((MONDAY - timedelta(hours=1)).timestamp())
    hours = [
        Stretch((start + 3600 * hour) * 10**6, (start + 3600 * hour + 3599) * 10**6, 3600)
        for day in range(5)
        for hour in range(24 * day, 24 * day + 23)
    ]
    sessions = Sessions(**{"hours": "17:00-16:00", "zone": "America/Chicago", **rules})
    found = list(left_out_days(sessions, hours))
    assert [said in line for line in found if said] == ([] if said is None else [True])
    assert len(found) == (said is not None)
    # A few odd trades on Saturday are none.
    saturday = start + 3600 * (24 * 5 + 12)
    hours.append(Stretch(saturday * 10**6, (saturday + 9) * 10**6, 9))
    assert list(left_out_days(sessions, hours)) == found
