# mypy: disable-error-code="import-untyped"
"""What makes inputs of labeling: sessions from calendars, and events from bars."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from duck_label.cli import main
from duck_label.errors import OutputError
from duck_label.signals.sessions import METADATA, Session, sessions_of, split
from duck_label.storage.whole import whole

ES = "CME Globex Equity"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def calendars() -> None:
    """Calendars, where their library is installed."""
    pytest.importorskip("pandas_market_calendars")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def hours(*texts: str) -> list[Session]:
    """Sessions written as OPEN/CLOSE in UTC."""
    return [Session(*map(utc, text.split("/"))) for text in texts]


@pytest.mark.usefixtures("calendars")
@pytest.mark.parametrize(
    ("calendar", "start", "end", "expected"),
    [
        # The eve of a holiday closes at 12:15 in Chicago, the holiday itself at 12:00.
        (
            ES,
            date(2024, 7, 3),
            date(2024, 7, 6),
            hours(
                "2024-07-02T22:00/2024-07-03T17:15",
                "2024-07-03T22:00/2024-07-04T17:00",
                "2024-07-04T22:00/2024-07-05T21:00",
            ),
        ),
        # Clocks are put forward on Sunday, 2024-03-10: 17:00 is 23:00 UTC before, and 22:00 after.
        (
            ES,
            date(2024, 3, 8),
            date(2024, 3, 12),
            hours(
                "2024-03-07T23:00/2024-03-08T22:00",
                "2024-03-10T22:00/2024-03-11T21:00",
            ),
        ),
        # The pause of no length at 15:15 divides nothing.
        (
            "CME_Equity",
            date(2024, 7, 2),
            date(2024, 7, 3),
            hours("2024-07-01T22:00/2024-07-02T21:00"),
        ),
        # Hong Kong has lunch from 12:00 to 13:00, closes for it on Christmas Eve, and is shut on
        # the two days that follow.
        (
            "XHKG",
            date(2024, 12, 23),
            date(2024, 12, 27),
            hours(
                "2024-12-23T01:30/2024-12-23T04:00",
                "2024-12-23T05:00/2024-12-23T08:00",
                "2024-12-24T01:30/2024-12-24T04:00",
            ),
        ),
    ],
)
def test_sessions_are_those_of_the_exchange(
    calendar: str, start: date, end: date, expected: list[Session]
) -> None:
    assert sessions_of(calendar, start, end) == expected


def test_only_a_pause_in_a_day_divides_it() -> None:
    opened, closed = utc("2024-03-04T01:00"), utc("2024-03-04T08:00")
    whole_day = [Session(opened, closed)]
    at = [utc(f"2024-03-04T0{hour}:00") for hour in range(10)]
    assert list(split(opened, closed, None)) == whole_day
    assert list(split(opened, closed, (at[4], at[4]))) == whole_day
    assert list(split(opened, closed, (at[8], at[9]))) == whole_day
    assert list(split(opened, closed, (at[4], at[5]))) == [
        Session(opened, at[4]),
        Session(at[5], closed),
    ]
    # The day closes early, where the pause begins.
    assert list(split(opened, at[4], (at[4], at[5]))) == [Session(opened, at[4])]


def test_a_break_that_was_given_up_divides_no_later_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the library has Korea, whose lunch break ended on 2000-05-22, and which takes a while."""
    days = pd.DataFrame(
        {
            "market_open": pd.to_datetime(["2000-05-19T00:00Z", "2000-05-22T00:00Z"]),
            "break_start": pd.to_datetime(["2000-05-19T03:00Z", "2000-05-22T03:00Z"]),
            "break_end": pd.to_datetime(["2000-05-19T04:00Z", "2000-05-22T04:00Z"]),
            "market_close": pd.to_datetime(["2000-05-19T06:00Z", "2000-05-22T06:00Z"]),
        },
        index=pd.to_datetime(["2000-05-19", "2000-05-22"]),
    )
    given_up = {"break_start": pd.Timestamp("2000-05-22")}
    korea = SimpleNamespace(schedule=lambda *_: days, discontinued_market_times=given_up)
    library = SimpleNamespace(get_calendar_names=lambda: ["XKRX"], get_calendar=lambda _: korea)
    monkeypatch.setitem(sys.modules, "pandas_market_calendars", library)
    assert sessions_of("XKRX", date(2000, 5, 19), date(2000, 5, 23)) == hours(
        "2000-05-19T00:00/2000-05-19T03:00",
        "2000-05-19T04:00/2000-05-19T06:00",
        "2000-05-22T00:00/2000-05-22T06:00",
    )


@pytest.mark.usefixtures("calendars")
def test_a_file_of_sessions_says_what_it_was_made_from(tmp_path: Path) -> None:
    path = tmp_path / "sessions.parquet"
    made = ("sessions", "--calendar", ES, "--end", "2025-01-01", "-o", str(path))
    result = run(*made, "--start", "2023-01-01")
    assert result.stdout == (
        f"{path}: 518 sessions from 2023-01-02 23:00 to 2024-12-31 22:00 UTC\n"
    ), result.stderr
    table = pq.read_table(path)
    time = pa.timestamp("us", tz="UTC")
    assert table.schema.equals(pa.schema([("open", time), ("close", time)]))
    said = json.loads(table.schema.metadata[METADATA])
    assert said.pop("library_version")[0].isdigit()
    assert said == {
        "calendar": ES,
        "start": "2023-01-01",
        "end": "2025-01-01",
        "library": "pandas_market_calendars",
    }
    again = run(*made, "--start", "2024-01-01")
    assert (again.exit_code, pq.read_table(path)) == (2, table)
    assert "pass --overwrite" in again.stderr
    assert run(*made, "--start", "2024-01-01", "--overwrite").exit_code == 0
    # Of 262 weekdays the first of January and Christmas Day have none.
    assert pq.read_metadata(path).num_rows == 260


@pytest.mark.usefixtures("calendars")
@pytest.mark.parametrize(
    ("calendar", "start", "end", "message"),
    [
        ("CME Globex Equities", "2024-01-01", "2024-02-01", f"near ones are {ES}, "),
        ("nonsense", "2024-01-01", "2024-02-01", "there are 24/5, 24/7, "),
        (ES, "2024-03-09", "2024-03-11", "no session from 2024-03-09 until 2024-03-11"),
        (ES, "2024-03-09", "2024-03-09", "no day lies between them"),
        (ES, "2024-03-09T10:00", "2024-04-01", "is no date"),
        ("ASEX", "2024-01-01", "2024-02-01", "fails to make its sessions: NotImplementedError"),
    ],
)
def test_sessions_that_cannot_be_had(
    calendar: str, start: str, end: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "sessions.parquet"
    asked = ("--calendar", calendar, "--start", start, "--end", end, "-o", str(path))
    result = run("sessions", *asked)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not path.exists()


def test_without_its_library_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas_market_calendars", None)
    asked = ("--start", "2024-01-01", "--end", "2024-02-01", "-o", str(tmp_path / "s.parquet"))
    result = run("sessions", "--calendar", ES, *asked)
    assert result.exit_code == 2
    assert "pip install 'duck-label[calendars]'" in result.stderr


def test_a_file_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(error: Exception) -> None:
        with whole(path) as file:
            file.write(b"new")
            raise error

    for error, kind in ((OSError("no room"), OutputError), (ValueError("a bug"), ValueError)):
        with pytest.raises(kind):
            fail(error)
        assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"old"]
    with whole(path) as file:
        file.write(b"new")
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"new"]
