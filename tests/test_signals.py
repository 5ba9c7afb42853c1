# mypy: disable-error-code="import-untyped"
"""What makes inputs of labeling: sessions from calendars, and events from bars."""

from __future__ import annotations

import json
import math
import os
import random
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from duck_label.cli import main
from duck_label.errors import ConfigError, OutputError
from duck_label.signals import events as events_module
from duck_label.signals.cusum import Filter, Threshold
from duck_label.signals.sessions import METADATA, Session, sessions_of, split
from duck_label.whole import whole
from lengths import long_but

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
    assert list(split(opened, closed, (at[8] + timedelta(minutes=30), at[9]))) == whole_day
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


def walk(
    closes: Sequence[int],
    height: float | Fraction,
    jump: int | None,
    value: Callable[[int], Any] = Fraction,
) -> list[tuple[int, int]]:
    """The filter as it is written: places of events, and their sides."""
    events = []
    above = below = value(1) - value(1)
    for place, (last, close) in enumerate(pairwise(closes), start=1):
        change = value(close) - value(last)
        if jump is not None and abs(close - last) > jump:
            above = below = 0 * change
            continue
        above, below = max(0, above + change), min(0, below + change)
        if below < -height:
            events.append((place, -1))
            below = 0
        elif above > height:
            events.append((place, 1))
            above = 0
    return events


def filtered(
    closes: Sequence[int], threshold: Threshold, jump: int | None, cuts: Sequence[int] = ()
) -> list[tuple[int, int]]:
    """What our filter finds, asked for one part after the other. A tick has four increments."""
    own = Filter(*threshold.limits(Fraction(1, 16), 4), jump)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(closes)), len(closes)]
    return [
        (start + place, side)
        for start, end in pairwise(bounds)
        for place, side in own.walk(np.array(closes[start:end], dtype=np.int64))
    ]


STEPS = st.lists(
    st.integers(-9, 9) | st.sampled_from([0, 20, -20, 21, -40]), min_size=1, max_size=60
)
CUTS = st.lists(st.integers(0, 60), max_size=4)


@given(steps=STEPS, quarters=st.integers(1, 30), jump=st.sampled_from([None, 20]), cuts=CUTS)
def test_the_filter_is_the_one_of_the_book(
    steps: list[int], quarters: int, jump: int | None, cuts: list[int]
) -> None:
    closes = np.cumsum([4000, *steps]).tolist()
    in_ticks = Threshold.read(f"{quarters / 8} ticks")
    assert filtered(closes, in_ticks, jump, cuts) == walk(closes, Fraction(quarters, 2), jump)
    in_points = Threshold.read(f"{quarters / 32} points")
    assert filtered(closes, in_points, jump, cuts) == walk(closes, Fraction(quarters, 2), jump)
    in_logs = Threshold.read(f"{quarters / 32}%")
    expected = walk(closes, quarters / 3200, jump, math.log)
    assert filtered(closes, in_logs, jump, cuts) == expected


def test_only_more_than_the_threshold_is_an_event_and_the_side_that_fired_begins_anew() -> None:
    one_tick = Threshold.read("1 tick")
    # Up by 4 increments, which are the threshold, and by one more.
    assert filtered([100, 104, 104, 105], one_tick, None) == [(3, 1)]
    assert filtered([100, 96, 95], one_tick, None) == [(2, -1)]
    # Down by 9 in two steps that are both events, up by 5 from the lowest.
    assert filtered([100, 95, 90, 92, 95], one_tick, None) == [(1, -1), (2, -1), (4, 1)]
    # Up 5 (event), and at once as far below it: the sum from below was never begun anew.
    assert filtered([100, 105, 100], one_tick, None) == [(1, 1), (2, -1)]


@pytest.mark.parametrize(
    "text", ["", "20 pips", "-3 ticks", "0 ticks", "1e3", "1.", "100000%", "1 %%"]
)
def test_a_threshold_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--cusum .*: (write '20 ticks'|must be above 0)"):
        Threshold.read(text)


def test_a_fraction_is_no_threshold_of_ticks() -> None:
    with pytest.raises(ConfigError, match="of what\\? '2%' is of log differences"):
        Threshold.read("0.02")
    assert str(Threshold.read("0.5 ticks")) == "0.5 ticks"


START = datetime(2024, 3, 4, 15, tzinfo=UTC)
ROLL = 400


def bars(seed: int = 5, days: int = 3, many: int = 300, tick: float = 0.25) -> pa.Table:
    """Bars of two symbols on three days, in order of time, that wander by a few ticks.

    On the second day ES begins with a jump, and NQ has no bars.
    """
    chance = random.Random(seed)
    rows = []
    for symbol, level in (("ES", 20_000), ("NQ", 70_000)):
        for day in range(days):
            level += ROLL * ((symbol, day) == ("ES", 1))
            for second in range(many):
                level += chance.choice((-3, -2, -1, 0, 0, 0, 1, 2, 3))
                if chance.random() < 0.8 and (symbol, day) != ("NQ", 1):
                    time = START + timedelta(days=day, seconds=second)
                    rows.append((time, symbol, level * tick))
    rows.sort()
    times, symbols, closes = zip(*rows, strict=True)
    price = pa.array(closes, pa.float64())
    return pa.table(
        {
            "timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
            **dict.fromkeys(("open", "high", "low", "close"), price),
            "symbol": pa.array(symbols),
        }
    )


def expected(table: pa.Table, height: Any, value: Any = Fraction) -> list[dict[str, Any]]:
    """The events of the walk, each symbol for itself, in order of time. A jump is of 20 points."""
    found = []
    rows = table.select(["timestamp", "symbol", "close"]).to_pylist()
    for symbol in ("ES", "NQ"):
        own = [row for row in rows if row["symbol"] == symbol]
        levels = [round(row["close"] * 4) for row in own]
        found += [
            {"timestamp": own[place]["timestamp"], "symbol": symbol, "side": side}
            for place, side in walk(levels, height, 80, value)
        ]
    return sorted(found, key=lambda event: (event["timestamp"], event["symbol"]))


def write(path: Path, table: pa.Table) -> None:
    """A file whose size does not depend on its prices."""
    pq.write_table(table, path, compression="none", use_dictionary=False)


def by_day(table: pa.Table, folder: Path) -> list[Path]:
    """A file for each day."""
    folder.mkdir(exist_ok=True)
    dates = [time.date() for time in table["timestamp"].to_pylist()]
    paths = []
    for day in sorted(set(dates)):
        paths.append(folder / f"{day}.parquet")
        write(paths[-1], table.filter([own == day for own in dates]))
    return paths


def events(*arguments: object, code: int = 0) -> Any:
    """Make events by the command; what it prints as JSON, or its complaint."""
    result = run("events", *map(str, arguments), "--json")
    assert result.exit_code == code, result.stderr
    return json.loads(result.stdout) if code == 0 else result.stderr


@pytest.mark.parametrize(
    ("cusum", "height", "value"),
    long_but(
        [("1.3 points", Fraction(52, 10), Fraction), ("0.03%", 0.0003, math.log)],
        [
            ("5 ticks", 5, Fraction),
            ("1.3 points", Fraction(52, 10), Fraction),
            ("0.03%", 0.0003, math.log),
        ],
    ),
)
def test_events_of_files_are_those_of_the_walk_however_they_are_cut(
    cusum: str, height: Any, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "_ROWS", 97)
    table, out = bars(), tmp_path / "events.parquet"
    wanted = expected(table, height, value)
    assert {event["side"] for event in wanted} == {-1, 1}
    assert len(wanted) > 20
    days = by_day(table, tmp_path / "bars")
    made = events(tmp_path / "bars", "-o", out, "--cusum", cusum)
    assert made == {
        "path": str(out),
        "events": len(wanted),
        "symbols": 2,
        "new_events": len(wanted),
        "new_bars": table.num_rows,
    }
    found = pq.read_table(out)
    assert found.to_pylist() == wanted
    kinds = (table.schema.field("timestamp").type, pa.string(), pa.int8())
    names = ("timestamp", "symbol", "side")
    assert found.schema.remove_metadata() == pa.schema(list(zip(names, kinds, strict=True)))
    # A day after the other: each costs its own bars, and the whole is the same.
    for number, day in enumerate(days, start=1):
        step = events(*days[:number], "-o", tmp_path / "later.parquet", "--cusum", cusum)
        assert step["new_bars"] == pq.read_metadata(day).num_rows
    assert pq.read_table(tmp_path / "later.parquet").to_pylist() == wanted


def test_a_roll_is_no_move_and_begins_anew(tmp_path: Path) -> None:
    """By hand: 25 points up are a jump; the 5 points before it do not count with those after."""
    closes = [100.0, 105.0, 130.0, 135.0, 136.5, 130.5]
    times = [START + timedelta(seconds=second) for second in range(len(closes))]
    price = pa.array(closes)
    table = pa.table({"timestamp": times, **dict.fromkeys(("open", "high", "low", "close"), price)})
    pq.write_table(table, tmp_path / "bars.parquet")
    asked = (tmp_path / "bars.parquet", "-o", tmp_path / "e.parquet", "--cusum", "6 points")
    events(*asked)
    found = pq.read_table(tmp_path / "e.parquet")
    assert found.column_names == ["timestamp", "side"]
    assert [(row["timestamp"], row["side"]) for row in found.to_pylist()] == [(times[4], 1)]
    events(*asked, "--overwrite", "--roll-gap-points", "0")
    found = pq.read_table(tmp_path / "e.parquet")
    assert [(times.index(row["timestamp"]), row["side"]) for row in found.to_pylist()] == [
        (2, 1),
        (4, 1),
    ]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Three days of bars in `bars`, and events of the first two in `events.parquet`."""
    monkeypatch.chdir(tmp_path)
    days = by_day(bars(), tmp_path / "bars")
    events(*days[:2], "-o", "events.parquet", "--cusum", "5 ticks")
    return days


def goes_on(*more: str, code: int = 0) -> Any:
    return events("bars", "-o", "events.parquet", "--cusum", "5 ticks", *more, code=code)


def test_files_that_hold_the_same_bars_are_the_same(made: list[Path]) -> None:
    first, second, third = made
    wanted = expected(bars(), 5)
    os.utime(first, ns=(1, 1))
    table = pq.read_table(second)
    # The second day is in two files now, of which one has the third day too.
    pq.write_table(table.slice(0, 50), second.with_name("moved.parquet"))
    pq.write_table(pa.concat_tables([table.slice(50), pq.read_table(third)]), second)
    third.unlink()
    assert goes_on()["new_bars"] == bars().num_rows - pq.read_metadata(first).num_rows - len(table)
    assert pq.read_table("events.parquet").to_pylist() == wanted
    first.rename(first.with_name("renamed.parquet"))
    assert goes_on()["new_bars"] == 0
    assert goes_on("--overwrite")["new_bars"] == bars().num_rows
    assert pq.read_table("events.parquet").to_pylist() == wanted


def earlier(made: list[Path]) -> None:
    """A bar between two others of the first day, in a file of its own."""
    bar = pq.read_table(made[0]).slice(3, 1)
    time = pa.array(
        [bar["timestamp"][0].as_py() + timedelta(milliseconds=1)], bar["timestamp"].type
    )
    pq.write_table(bar.set_column(0, "timestamp", time), made[0].with_name("more.parquet"))


def lower(path: Path, first: int, last: int) -> None:
    """Some closes are a tick lower than they were."""
    table = pq.read_table(path)
    closes = [
        close - 0.25 * (first <= place < last)
        for place, close in enumerate(table["close"].to_pylist())
    ]
    for name in ("open", "high", "low", "close"):
        table = table.set_column(table.column_names.index(name), name, pa.array(closes))
    size = path.stat().st_size
    write(path, table)
    assert path.stat().st_size == size


def changed(made: list[Path]) -> None:
    lower(made[0], 0, 10)


def last_changed(made: list[Path]) -> None:
    bars_read = pq.read_metadata(made[1]).num_rows
    lower(made[1], bars_read - 1, bars_read)


def gone(made: list[Path]) -> None:
    made[1].unlink()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (earlier, "more.parquet"),
        (changed, "2024-03-04.parquet"),
        (last_changed, "2024-03-05.parquet"),
        (gone, "2024-03-05.parquet is gone"),
    ],
)
def test_other_bars_before_the_last_are_a_conflict(
    change: Callable[[list[Path]], None], name: str, made: list[Path]
) -> None:
    change(made)
    before = Path("events.parquet").read_bytes()
    complaint = goes_on(code=2)
    assert "events.parquet: bars up to 2024-03-05 15:04:" in complaint
    assert f"{name}. Pass --overwrite" in complaint
    assert Path("events.parquet").read_bytes() == before
    goes_on("--overwrite")


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cusum", "6 ticks"], 'cusum was "5 ticks", is "6 ticks"'),
        (["--tick-size", "0.125"], 'tick_size was "0.25", is "0.125"'),
        (["--symbol", "ES"], 'symbols was [], is ["ES"]'),
        (["--column", "close=low"], "columns was {"),
    ],
)
def test_another_filter_is_a_conflict(options: list[str], message: str) -> None:
    complaint = goes_on(*options, code=2)
    assert "holds events of another filter or configuration: " in complaint
    assert message in complaint
    assert "Pass --overwrite" in complaint


def test_downloads_that_overlap_go_on_where_equal_rows_count_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table, folder = bars(), tmp_path / "bars"
    times = table["timestamp"].to_pylist()
    folder.mkdir()

    def download(name: str, start: int, end: int | None = None) -> None:
        # Of both symbols at a time, or of neither.
        first, last = times.index(times[start]), None if end is None else times.index(times[end])
        pq.write_table(table.slice(first, last and last - first), folder / name)

    # Each ends later than the one before, and has some of its bars again.
    for name, start, end in (("c", 0, 500), ("b", 400, 900), ("a", 880, None)):
        download(f"{name}.parquet", start, end)
        goes_on("--on-duplicates", "first")
    assert pq.read_table("events.parquet").to_pylist() == expected(table, 5)
    # The last is downloaded anew, with more of what it shares with one that stayed.
    download("a.parquet", 700)
    assert goes_on("--on-duplicates", "first")["new_bars"] == 0
    download("a.parquet", 950)
    assert "a.parquet. Pass --overwrite" in goes_on("--on-duplicates", "first", code=2)


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("name", ["bars/2024-03-04.parquet", "bars/more/events.parquet"])
def test_events_are_not_written_among_the_bars(name: str) -> None:
    before = {path: path.read_bytes() for path in Path("bars").rglob("*.parquet")}
    complaint = events("bars", "-o", name, "--cusum", "5 ticks", "--overwrite", code=2)
    assert f"{name}: lies among the bars" in complaint
    assert before == {path: path.read_bytes() for path in Path("bars").rglob("*.parquet")}


@pytest.mark.usefixtures("made")
def test_a_file_of_something_else_stays() -> None:
    Path("text.parquet").write_text("no Parquet at all")
    pq.write_table(bars(), "table.parquet")
    for name in ("text.parquet", "table.parquet"):
        before = Path(name).read_bytes()
        complaint = events("bars", "-o", name, "--cusum", "5 ticks", code=2)
        assert f"{name}: is no file of events to go on with: pass --overwrite" in complaint
        assert Path(name).read_bytes() == before


def test_bad_bars_are_errors_or_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    good = bars(days=1)
    # A close ten points above the high of its bar would be an event.
    close = pa.array([good["close"][7].as_py() + 10])
    bad = good.slice(7, 1).set_column(4, "close", close)
    later = [good["timestamp"][7].as_py() + timedelta(milliseconds=1)]
    bad = bad.set_column(0, "timestamp", pa.array(later, good["timestamp"].type))
    pq.write_table(pa.concat_tables([good, bad]), "bars.parquet")
    asked = ("bars.parquet", "-o", "events.parquet", "--cusum", "5 ticks")
    complaint = events(*asked, code=3)
    assert "bars.parquet: 1 x high_too_low" in complaint
    assert not Path("events.parquet").exists()
    left = run("events", *asked, "--on-bad-rows", "quarantine")
    assert "warning: 1 bad bars are left out" in left.stderr
    assert pq.read_table("events.parquet").to_pylist() == expected(good, 5)
    pq.write_table(pa.concat_tables([good, good.slice(9, 5)]), "bars.parquet")
    events(*asked, "--overwrite", "--on-duplicates", "first")
    assert pq.read_table("events.parquet").to_pylist() == expected(good, 5)


def test_log_differences_need_prices_above_zero(tmp_path: Path) -> None:
    prices = pa.array([1.0, 0.5, -0.25])
    times = [START + timedelta(seconds=second) for second in range(3)]
    table = pa.table(
        {"timestamp": times, **dict.fromkeys(("open", "high", "low", "close"), prices)}
    )
    pq.write_table(table, tmp_path / "bars.parquet")
    asked = (tmp_path / "bars.parquet", "-o", tmp_path / "e.parquet", "--allow-nonpositive-prices")
    complaint = events(*asked, "--cusum", "1%", code=3)
    assert "the close at 2024-03-04 15:00:02+00:00 is not above 0" in complaint
    assert events(*asked, "--cusum", "1 tick")["events"] == 2


NANOSECONDS = [1709564400 * 10**9 + 250 * second for second in range(4)]


@pytest.mark.parametrize(
    ("times", "options", "kind", "event"),
    [
        (
            pa.array(NANOSECONDS, pa.timestamp("ns")),
            [],
            pa.timestamp("ns"),
            pd.Timestamp("2024-03-04T15:00:00.0000005"),
        ),
        (pa.array(NANOSECONDS), ["--timestamp-unit", "ns"], pa.int64(), NANOSECONDS[2]),
        (
            pa.array([10**12 + milliseconds for milliseconds in range(4)], pa.timestamp("ms")),
            [],
            pa.timestamp("ms"),
            pd.Timestamp("2001-09-09T01:46:40.002"),
        ),
        (
            pa.array([date(2024, 3, day) for day in (4, 5, 6, 7)]),
            [],
            pa.date32(),
            date(2024, 3, 6),
        ),
        (
            pa.array([f"2024-03-04 09:00:0{second}" for second in range(4)]),
            ["--timestamp-format", "%Y-%m-%d %H:%M:%S", "--timestamp-zone", "America/Chicago"],
            pa.timestamp("us", tz="UTC"),
            START + timedelta(seconds=2),
        ),
    ],
)
def test_events_have_the_times_of_the_bars(
    times: pa.Array, options: list[str], kind: pa.DataType, event: Any, tmp_path: Path
) -> None:
    price = pa.array([100.0, 100.25, 101.0, 101.0])
    table = pa.table({"timestamp": times, **dict.fromkeys(("open", "high", "low", "close"), price)})
    # The last bar comes later: an event's time is that of its own bar.
    for rows, new in ((3, 1), (4, 0)):
        pq.write_table(table.slice(0, rows), tmp_path / "bars.parquet")
        asked = (tmp_path / "bars.parquet", "-o", tmp_path / "e.parquet", "--cusum", "3 ticks")
        assert events(*asked, *options)["new_events"] == new
    found = pq.read_table(tmp_path / "e.parquet")
    assert found.schema.field("timestamp").type == kind
    assert [row["timestamp"] for row in found.to_pylist()] == [event]
