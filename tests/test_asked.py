# mypy: disable-error-code="import-untyped"
"""Which bars are asked: files of events and sessions that grow, what is written and refused."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.asking import Sessions
from duck_label.errors import (
    ConfigError,
    DuckLabelError,
    InputError,
    OutputConflictError,
    OutputError,
)
from duck_label.records.chunk import ChunkRecord
from duck_label.records.ledger import Ledger
from duck_label.run.asked import AskedDigests
from duck_label.run.given import given
from duck_label.run.results import RunSummary
from labeling import label, read
from lengths import long_but

START = datetime(2024, 3, 4, tzinfo=UTC)
BY_DAY = {"chunk": "1d"}
MODES = [{"name": "m", "direction": "long", "stop": 12, "target": 18}]


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Six days of an hour each, a bar a second; on the fourth day none."""
    chance = np.random.default_rng(5)
    hours = [START + timedelta(days=day, hours=15) for day in (0, 1, 2, 4, 5)]
    times = [hour + timedelta(seconds=s) for hour in hours for s in range(0, 3600, 12)]
    close = 1000 + np.cumsum(chance.integers(-3, 4, len(times)))
    prices = {"open": close, "high": close + 2, "low": close - 2, "close": close}
    columns = {name: pa.array(levels * 0.25) for name, levels in prices.items()}
    table = pa.table({"timestamp": pa.array(times, pa.timestamp("us", "UTC")), **columns})
    pq.write_table(table, tmp_path / "bars.parquet")
    return tmp_path / "bars.parquet"


def events_at(path: Path, times: list[datetime], **columns: Any) -> str:
    pq.write_table(pa.table({"timestamp": pa.array(times), **columns}), path)
    return str(path)


def run(bars: Path, output: Path, **config: Any) -> RunSummary:
    config = {"modes": MODES, "details": True, **config}
    return WeightedLabelingEngine(LabelingConfig(**config)).process_files(bars, output)


def starts(records: list[ChunkRecord]) -> list[int]:
    return [
        (datetime.fromtimestamp(record.start / 1e6, UTC) - START).days
        for record in records
        if record.run == max(one.run for one in records)
    ]


def test_events_that_join_label_their_own_chunks_again(bars: Path, tmp_path: Path) -> None:
    output, hour = tmp_path / "out", START + timedelta(hours=15)
    first = [hour + timedelta(days=day, seconds=12 * n) for day in (0, 4) for n in (3, 40, 41)]
    file = events_at(tmp_path / "events.parquet", first)
    run(bars, output, events={"file": file}, run=BY_DAY)
    later = [hour + timedelta(days=1, seconds=12 * n) for n in (5, 6)]
    events_at(tmp_path / "events.parquet", [*later, *first[::-1], *first])
    assert run(bars, output, events={"file": file}, run=BY_DAY).chunks_stale == 1
    assert starts(Ledger(output).chunks()) == [1]
    asked = read(output).filter(pc.is_valid(read(output)["label_m"]))["timestamp"].to_pylist()
    assert asked == sorted([*first, *later])
    run(bars, tmp_path / "whole", events={"file": file})
    assert read(output).equals(read(tmp_path / "whole"))


def test_sessions_that_change_label_again_what_they_reach(bars: Path, tmp_path: Path) -> None:
    path, hour = tmp_path / "sessions.parquet", START + timedelta(hours=15)

    def write(minutes: list[int]) -> None:
        opens = [hour + timedelta(days=day, minutes=5) for day in (0, 1, 2, 4, 5)]
        closes = [
            hour + timedelta(days=day, minutes=minute)
            for day, minute in zip((0, 1, 2, 4, 5), minutes, strict=True)
        ]
        pq.write_table(pa.table({"open": opens, "close": closes}), path)

    output, session = tmp_path / "out", {"file": str(path)}
    write([50, 50, 50, 50, 50])
    run(bars, output, session=session, run=BY_DAY)
    write([50, 50, 50, 50, 20])
    # The last bar of the day before enters there.
    assert run(bars, output, session=session, run=BY_DAY).chunks_stale == 2
    assert starts(Ledger(output).chunks()) == [4, 5]
    run(bars, tmp_path / "whole", session=session)
    assert read(output).equals(read(tmp_path / "whole"))
    outcomes = read(output)["outcome_m"].cast(pa.string()).value_counts().to_pylist()
    assert {one["values"] for one in outcomes} >= {"close", "skipped", "target", "stop"}


def test_no_label_looks_beyond_a_close(bars: Path, tmp_path: Path) -> None:
    session = {"hours": "15:10-15:20", "zone": "UTC"}
    run(bars, tmp_path / "out", session=session, timeout_seconds=7200)
    ((beyond, at_close, outside),) = duckdb.execute(
        "select count(*) filter (where timezone('UTC', touch_time_m)::time >= time '15:20'), "
        "count(*) filter (where outcome_m = 'close'), "
        "count(*) filter (where label_m is not null "
        "and timezone('UTC', timestamp)::time not between time '15:10' and time '15:19:59') "
        f"from '{tmp_path}/out/*.parquet'"
    ).fetchall()
    assert (beyond, outside) == (0, 0)
    assert at_close > 0


def test_rows_that_are_asked_are_all_that_is_written(bars: Path, tmp_path: Path) -> None:
    hour = START + timedelta(hours=15)
    times = [hour + timedelta(days=day, seconds=12 * n) for day in (0, 5) for n in (3, 40, 41)]
    events = {"file": events_at(tmp_path / "events.parquet", times)}
    run(bars, tmp_path / "all", events=events)
    asked_alone: dict[str, Any] = {"events": events, "rows": "asked", "run": BY_DAY}
    run(bars, tmp_path / "asked", **asked_alone)
    everything, asked = read(tmp_path / "all"), read(tmp_path / "asked")
    assert asked["timestamp"].to_pylist() == times
    chosen = pc.is_in(everything["timestamp"], asked["timestamp"])
    assert everything.filter(chosen).equals(asked)
    assert len(everything) == pq.read_metadata(bars).num_rows
    # A chunk without an asked bar has a part for its tally.
    rows = [(one.bars, one.rows) for one in Ledger(tmp_path / "asked").chunks() if one.file]
    assert sorted(rows) == [(300, 0), (300, 0), (300, 0), (300, 3), (300, 3)]
    assert run(bars, tmp_path / "asked", **asked_alone).chunks_labeled == 0


def test_events_at_which_no_bar_stands_are_told(bars: Path, tmp_path: Path) -> None:
    hour = START + timedelta(hours=15)
    times = [
        hour,
        hour,
        hour + timedelta(seconds=1),  # between two bars
        hour + timedelta(microseconds=1),
        hour + timedelta(days=3),  # a day without bars
        hour - timedelta(days=100),
    ]
    summary = run(bars, tmp_path / "out", events={"file": events_at(tmp_path / "e.parquet", times)})
    assert summary.lone_events == 4
    assert summary.warnings[-1] == (
        "4 events at which no bar stands, 1 of them before or after all bars"
    )


def test_an_event_of_a_panel_is_lone_once_and_where_its_own_symbol_has_no_bar(
    bars: Path, tmp_path: Path
) -> None:
    """At ten times both symbols have bars, at the eleventh only ES has one."""
    table = pq.read_table(bars)
    panel = [
        table[:rows].append_column("symbol", pa.array([name] * rows))
        for name, rows in (("ES", 11), ("NQ", 10))
    ]
    pq.write_table(pa.concat_tables(panel), bars)
    times = table["timestamp"][8:13].to_pylist()  # two of both, one of ES, two of nobody
    of_all = events_at(tmp_path / "all.parquet", times)
    assert run(bars, tmp_path / "one", events={"file": of_all}).lone_events == 2
    of_one = events_at(tmp_path / "one.parquet", times, symbol=["NQ"] * 5)
    assert run(bars, tmp_path / "two", events={"file": of_one}).lone_events == 3


@pytest.mark.parametrize("chunk", long_but(["300", "auto"], ["1d", "2d", "300", "auto"]))
def test_an_event_without_a_bar_is_lone_once_however_the_bars_are_cut(
    chunk: str, bars: Path, tmp_path: Path
) -> None:
    """Midnight is where chunks of days end and the next begin, and no bar stands there."""
    times = [START + timedelta(days=day) for day in (1, 2, 5)]
    times += [START + timedelta(hours=15), START + timedelta(hours=15, seconds=1)]
    events = {"file": events_at(tmp_path / "events.parquet", times)}
    assert run(bars, tmp_path / "out", events=events, run={"chunk": chunk}).lone_events == 4


@pytest.mark.parametrize("chunk", long_but(["1d", "auto"], ["1d", "2d", "300", "auto"]))
@pytest.mark.parametrize("unit", long_but(["ns"], ["us", "ns"]))
def test_an_event_between_files_is_lone_though_no_chunk_is_made_there(
    unit: str, chunk: str, bars: Path, tmp_path: Path
) -> None:
    """Of the day without bars between two files a chunk is made only where it holds others too."""
    table = pq.read_table(bars)
    times = table["timestamp"].cast(pa.timestamp(unit, "UTC"))
    table = table.set_column(0, "timestamp", times)
    (tmp_path / "files").mkdir()
    for name, first in (("a", 0), ("b", 900)):  # three days, and two
        pq.write_table(table.slice(first, 900), tmp_path / "files" / f"{name}.parquet")
    lone = [START + timedelta(days=day) for day in (-1, 3, 3.5)]
    events = {
        "file": events_at(tmp_path / "events.parquet", [*lone, table["timestamp"][5].as_py()])
    }
    summary = run(tmp_path / "files", tmp_path / "out", events=events, run={"chunk": chunk})
    assert summary.lone_events == 3
    assert summary.warnings[-1] == (
        "3 events at which no bar stands, 1 of them before or after all bars"
    )


def test_an_event_that_has_a_bar_is_not_lone_where_a_second_is_cut(tmp_path: Path) -> None:
    """Ten symbols have a bar in each of eight seconds: a chunk of five holds half a second."""
    first = int(START.timestamp())
    seconds = [first + second for second in range(8) for _ in range(10)]
    level = pa.array([1000.0] * 80)
    prices = dict.fromkeys(("open", "high", "low", "close"), level)
    symbols = [f"S{symbol}" for symbol in range(10)] * 8
    bars = pa.table({"timestamp": seconds, "symbol": symbols, **prices})
    pq.write_table(bars, tmp_path / "bars.parquet")
    pq.write_table(pa.table({"timestamp": [first + 2, first + 3]}), tmp_path / "events.parquet")
    summary = run(
        tmp_path / "bars.parquet",
        tmp_path / "out",
        events={"file": str(tmp_path / "events.parquet")},
        timestamp_unit="s",
        run={"chunk": "5"},
    )
    assert any(one.start % 10**6 for one in Ledger(tmp_path / "out").chunks())
    assert summary.lone_events == 0


def test_events_may_be_finer_than_the_bars(bars: Path, tmp_path: Path) -> None:
    clock = int((START + timedelta(hours=15)).timestamp()) * 10**9
    times = pa.array([clock, clock + 12 * 10**9 + 1], pa.timestamp("ns"))
    pq.write_table(pa.table({"timestamp": times}), tmp_path / "events.parquet")
    summary = run(bars, tmp_path / "out", events={"file": str(tmp_path / "events.parquet")})
    labeled = read(tmp_path / "out")
    assert labeled.filter(pc.is_valid(labeled["label_m"]))["timestamp"].to_pylist() == [
        START + timedelta(hours=15)
    ]
    assert summary.lone_events == 1


def test_whole_numbers_of_events_are_in_the_unit_of_the_bars(bars: Path, tmp_path: Path) -> None:
    table = pq.read_table(bars)
    seconds = pc.divide(table["timestamp"].cast(pa.int64()), 1_000_000)
    numbered = table.set_column(0, "timestamp", seconds)
    pq.write_table(numbered, tmp_path / "numbers.parquet")
    pq.write_table(numbered.select(["timestamp"])[5:8], tmp_path / "events.parquet")
    events = {"file": str(tmp_path / "events.parquet")}
    run(tmp_path / "numbers.parquet", tmp_path / "out", events=events, timestamp_unit="s")
    assert np.flatnonzero(read(tmp_path / "out")["label_m"].is_valid()).tolist() == [5, 6, 7]


def test_files_that_stand_are_not_read_where_nothing_is_to_do(
    bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [START + timedelta(hours=15)]
    events = {"file": events_at(tmp_path / "events.parquet", times)}
    run(bars, tmp_path / "out", events=events)
    monkeypatch.setattr(AskedDigests, "with_digests", lambda *_: pytest.fail("they are read"))
    assert run(bars, tmp_path / "out", events=events).chunks_labeled == 0


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"time": [START]}, "events have a column 'timestamp'"),
        ({"timestamp": ["2024-03-04"]}, "column 'timestamp' is VARCHAR, not a time"),
        ({"timestamp": [5]}, "whole numbers since 1970 are times with a unit"),
        ({"timestamp": [START, None]}, "1 events have no time"),
        (
            {"timestamp": [START, START], "side": [1, -1]},
            "the events at 2024-03-04 00:00:00+00 have different sides (-1, 1)",
        ),
        (
            {"timestamp": [START], "symbol": ["ES"]},
            "have a column 'symbol', and the bars have none",
        ),
    ],
)
def test_events_that_cannot_be_meant_are_refused(
    columns: dict[str, Any], said: str, bars: Path, tmp_path: Path
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "events.parquet")
    with pytest.raises(InputError, match=re.escape(said)) as error:
        run(bars, tmp_path / "out", events={"file": str(tmp_path / "events.parquet")})
    assert "events.parquet" in str(error.value)


def test_labels_stay_where_other_events_cannot_be_meant(bars: Path, tmp_path: Path) -> None:
    run(bars, tmp_path / "out")
    before = read(tmp_path / "out")
    odd = events_at(tmp_path / "events.parquet", [START, START], side=[1, -1])
    config = LabelingConfig(modes=MODES, events={"file": odd})
    with pytest.raises(InputError, match="different sides"):
        WeightedLabelingEngine(config).process_files(bars, tmp_path / "out", overwrite=True)
    assert read(tmp_path / "out").equals(before)


@pytest.mark.parametrize(
    ("opens", "closes", "said"),
    [
        ([0, 10], [11, 20], "begins before the one that opens at 2024-03-04 00:00:00 is over"),
        ([0], [0], "1 sessions have no open, close or symbol, or close before they open"),
        ([0, None], [5, 9], "1 sessions have no open, close or symbol"),
    ],
)
def test_sessions_that_cannot_be_meant_are_refused(
    opens: list[int | None], closes: list[int], said: str, bars: Path, tmp_path: Path
) -> None:
    table = {
        name: pa.array(
            [None if m is None else START + timedelta(minutes=m) for m in minutes],
            pa.timestamp("us", "UTC"),
        )
        for name, minutes in (("open", opens), ("close", closes))
    }
    pq.write_table(pa.table(table), tmp_path / "sessions.parquet")
    with pytest.raises(InputError, match=re.escape(said)):
        run(bars, tmp_path / "out", session={"file": str(tmp_path / "sessions.parquet")})


def test_equal_sessions_count_once(bars: Path, tmp_path: Path) -> None:
    hour = START + timedelta(hours=15)
    labeled = []
    for times in (1, 2):
        table = pa.table({"open": [hour] * times, "close": [hour + timedelta(minutes=9)] * times})
        pq.write_table(table, tmp_path / f"{times}.parquet")
        run(bars, tmp_path / f"out{times}", session={"file": str(tmp_path / f"{times}.parquet")})
        labeled.append(read(tmp_path / f"out{times}"))
    assert labeled[0].equals(labeled[1])
    # A bar every twelve seconds, of which the last has its entry outside.
    assert len(labeled[0]) - labeled[0]["label_m"].null_count == 9 * 5 - 1


@pytest.mark.parametrize("year", [1968, 2024])
@pytest.mark.parametrize("nanoseconds", [-1, 0, 1])
def test_a_session_opens_and_closes_at_its_own_clock(
    year: int, nanoseconds: int, tmp_path: Path
) -> None:
    """From the second bar until the fourth, or a nanosecond beside them, also before 1970."""
    start = np.datetime64(f"{year}-03-04T15:00:00.000001", "us")
    times = start + np.arange(6) * np.timedelta64(1, "us")
    flat = {name: [5.0] * 6 for name in ("open", "high", "low", "close")}
    pq.write_table(pa.table({"timestamp": times, **flat}), tmp_path / "bars.parquet")
    edges = times.astype("datetime64[ns]") + np.timedelta64(nanoseconds, "ns")
    sessions = pa.table({"open": edges[1:2], "close": edges[3:4]})
    pq.write_table(sessions, tmp_path / "sessions.parquet")
    session = {"file": str(tmp_path / "sessions.parquet"), "flat": False}
    run(tmp_path / "bars.parquet", tmp_path / "out", session=session)
    outcomes = read(tmp_path / "out")["outcome_m"].to_pylist()
    asked = [2, 3] if nanoseconds == 1 else [1, 2]
    assert [n for n, outcome in enumerate(outcomes) if outcome != "skipped"] == asked


def test_a_file_without_opens_and_bars_of_days_have_no_sessions(tmp_path: Path, bars: Path) -> None:
    pq.write_table(pa.table({"start": [START]}), tmp_path / "sessions.parquet")
    with pytest.raises(InputError, match="sessions have columns 'open' and 'close'"):
        run(bars, tmp_path / "out", session={"file": str(tmp_path / "sessions.parquet")})
    days = pa.table(
        {
            "timestamp": pa.array([START.date() + timedelta(days=d) for d in range(3)]),
            **{name: [5.0] * 3 for name in ("open", "high", "low", "close")},
        }
    )
    pq.write_table(days, tmp_path / "days.parquet")
    hours = {"hours": "08:30-15:00", "zone": "America/Chicago"}
    with pytest.raises(InputError, match=r"is DATE: bars of whole days.*have no hours"):
        run(tmp_path / "days.parquet", tmp_path / "out", session=hours)


def test_another_way_to_ask_is_a_conflict(bars: Path, tmp_path: Path) -> None:
    run(bars, tmp_path / "out", events={"every_seconds": 60})
    with pytest.raises(OutputConflictError, match=r"events was .*60.*, is .*30"):
        run(bars, tmp_path / "out", events={"every_seconds": 30})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"events": {}}, "events: give one of column, file and every_seconds"),
        ({"events": {"column": "a", "every_seconds": 5}}, "not column and every_seconds"),
        ({"session": {"zone": "UTC"}}, "session: give hours (and their zone), or a file"),
        ({"session": {"hours": "08:30-15:00"}}, "say where that clock hangs"),
        (
            {"session": {"hours": "8-15", "zone": "UTC"}},
            "expected hours of two digits, such as",
        ),
        (
            {"session": {"hours": "08:30-15:00", "zone": "UTC", "days": "mo-fr"}},
            "expected days such as mon-fri",
        ),
    ],
)
def test_a_mistake_in_what_asks_is_told(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        LabelingConfig(**config)


@pytest.mark.parametrize("column", ["text", "nope"])
def test_a_column_that_cannot_ask_is_told(column: str, bars: Path, tmp_path: Path) -> None:
    table = pq.read_table(bars)
    pq.write_table(table.append_column("text", pa.array(["x"] * len(table))), bars)
    with pytest.raises(InputError, match=column):
        run(bars, tmp_path / "out", events={"column": column})


# Hours on a clock that is put forward and back, worked out by hand.
SUNDAY = datetime(2024, 3, 10, tzinfo=UTC)  # 2:00 is 3:00 in New York, at 7:00 UTC
FALL = datetime(2024, 11, 3, tzinfo=UTC)  # 2:00 is 1:00, at 6:00 UTC


@pytest.mark.parametrize(
    ("hours", "days", "day", "expected"),
    [
        ("02:30-04:00", "sun", SUNDAY, ("07:00", "08:00")),
        ("01:00-02:30", "sun", SUNDAY, ("06:00", "07:00")),
        ("01:30-04:00", "sun", FALL, ("05:30", "09:00")),
        ("00:30-01:30", "sun", FALL, ("04:30", "05:30")),
        ("02:15-02:45", "sun", SUNDAY, None),
        ("22:00-01:00", "sat", SUNDAY - timedelta(days=1), ("03:00", "06:00")),
    ],
)
def test_hours_where_clocks_are_put_forward_and_back(
    hours: str, days: str, day: datetime, expected: tuple[str, str] | None
) -> None:
    rule = Sessions(hours=hours, zone="America/New_York", days=days)
    date = (day + timedelta(days=1) if days == "sat" else day).date()
    found = [
        (f"{opens:%H:%M}", f"{closes:%H:%M}")
        for opens, closes in rule.between(day, day)
        if opens.date() == date
    ]
    assert found == ([] if expected is None else [expected])


def test_days_may_wrap() -> None:
    rule = Sessions(hours="17:00-16:00", zone="America/Chicago", days="sun-thu")
    week = rule.between(START + timedelta(days=3), START + timedelta(days=3))
    assert {opens.astimezone(UTC).weekday() for opens, _ in week} == {6, 0, 1, 2, 3}


# Tables in place of files.


def as_arrow(table: pa.Table) -> Any:
    return table


def as_pandas(table: pa.Table) -> Any:
    return table.to_pandas()


@pytest.mark.parametrize("kind", long_but([as_pandas], [as_arrow, as_pandas]))
def test_events_and_sessions_come_as_tables_too(
    kind: Callable[[pa.Table], Any], bars: Path, tmp_path: Path
) -> None:
    table = pq.read_table(bars)
    events = table.select(["timestamp"])[::10].append_column("side", pa.array([1, -1] * 75))
    sessions = pa.table(
        {"open": [START], "close": pa.array([START + timedelta(days=2)], pa.timestamp("us", "UTC"))}
    )
    modes = [{"name": "m", "direction": "side", "stop": 2, "target": 3}]
    engine = WeightedLabelingEngine(LabelingConfig(modes=modes))
    labeled = engine.process_dataframe(table, events=kind(events), sessions=kind(sessions))
    asked = np.flatnonzero(labeled["label_m"].is_valid())
    assert len(labeled) == len(table)
    # The last bar of the session has its entry in none.
    assert asked.tolist() == list(range(0, 600, 10))
    summary = engine.process_files(
        bars, tmp_path / "out", events=kind(events), sessions=kind(sessions)
    )
    assert summary.rows_labeled == len(table)
    assert read(tmp_path / "out")["label_m"].equals(labeled["label_m"])


def test_a_table_keeps_rows_that_are_not_asked_and_says_what_they_are(bars: Path) -> None:
    config = LabelingConfig(modes=MODES, details=True, rows="asked")
    table = pq.read_table(bars)[:20]
    events = table.select(["timestamp"])[::10]
    labeled = WeightedLabelingEngine(config).process_dataframe(table, events=events)
    skipped = [outcome == "skipped" for outcome in labeled["outcome_m"].to_pylist()]
    assert skipped == [row % 10 > 0 for row in range(20)]


def test_a_plan_takes_tables_as_a_run_does(bars: Path, tmp_path: Path) -> None:
    engine = WeightedLabelingEngine(LabelingConfig(modes=MODES, run=BY_DAY))
    events = pq.read_table(bars, columns=["timestamp"])
    engine.process_files(bars, tmp_path / "out", events=events[::100])
    assert engine.plan_files(bars, tmp_path / "out", events=events[::100]).chunks == ()
    # Another event of the last day.
    more = pa.concat_tables([events[::100], events[-2:-1]])
    (chunk,) = engine.plan_files(bars, tmp_path / "out", events=more).chunks
    assert chunk.rows == 300


def test_no_error_names_the_file_that_a_table_was_written_to(bars: Path) -> None:
    events = pq.read_table(bars, columns=["timestamp"])

    def fail() -> None:
        with given(LabelingConfig(), events, None) as config:
            assert config.events is not None
            raise OutputError(f"{config.events.file}: nobody can read it")

    with pytest.raises(OutputError, match=r"^the table of events: nobody can read it$"):
        fail()


def test_tables_that_ask_twice_or_are_none_are_refused(bars: Path) -> None:
    table = pq.read_table(bars)
    events = table.select(["timestamp"])[:3]
    with pytest.raises(ConfigError, match="given as a table, and named by the configuration"):
        WeightedLabelingEngine(LabelingConfig(events={"every_seconds": 5})).process_dataframe(
            table, events=events
        )
    with pytest.raises(InputError, match="the table of events: column 'timestamp' is BIGINT"):
        WeightedLabelingEngine().process_dataframe(table, events=pa.table({"timestamp": [1]}))
    with pytest.raises(DuckLabelError, match=r"is no table that .*, such as pandas"):
        WeightedLabelingEngine().process_dataframe(table, events="events.parquet")


def test_labels_of_a_table_are_those_of_its_file(bars: Path, tmp_path: Path) -> None:
    config: dict[str, Any] = {
        "events": {"every_seconds": 60},
        "max_entry_gap_seconds": 30,
        "modes": MODES,
    }
    labeled = label(bars, tmp_path / "out", **config)
    of_table = WeightedLabelingEngine(LabelingConfig(**config)).process_dataframe(
        pq.read_table(bars)
    )
    assert of_table["label_m"].combine_chunks().equals(labeled["label_m"].combine_chunks())
    # One bar a minute, but for the last bar of each day, which is none of these.
    assert labeled["label_m"].null_count == len(labeled) - 5 * 60
