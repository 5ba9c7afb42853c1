# mypy: disable-error-code="import-untyped"
"""What is told of labels where only some bars are asked, and trades end with their session."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label import open as open_output
from duck_label.cli import main
from duck_label.cli.story import tell
from duck_label.errors import InputError
from duck_label.look.explain import explain
from duck_label.look.inspect import Output
from duck_label.look.picture import draw
from duck_label.look.report import write_report
from duck_label.look.stats import statistics
from labeling import label
from lengths import long_but
from test_stats import rewrite

START = datetime(2024, 3, 4, 15, tzinfo=UTC)  # a Monday
# Six bars a day that never move, of which those of the second day are no events.
MINUTES, DAYS = range(6), range(3)
CONFIG: dict[str, Any] = {
    "modes": [{"name": "m", "direction": "long", "stop": 4, "target": 4}],
    "events": {"column": "is_event"},
    # Three bars each: the last of them would enter outside, the others end with the session.
    "session": {"hours": "15:01-15:04", "zone": "UTC"},
    "run": {"chunk": "1d"},
}


def bars_in(folder: Path) -> Path:
    times = [
        (day, START + timedelta(days=day, minutes=minute)) for day in DAYS for minute in MINUTES
    ]
    prices = {name: [100.0] * len(times) for name in ("open", "high", "low", "close")}
    table = {"timestamp": [time for _, time in times], **prices}
    is_event = [day != 1 for day, _ in times]
    pq.write_table(pa.table({**table, "is_event": is_event}), folder / "bars.parquet")
    return folder / "bars.parquet"


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    return bars_in(tmp_path)


@pytest.fixture(scope="module", params=["all", "asked"])
def rows(request: pytest.FixtureRequest) -> str:
    """Which rows are written."""
    written: str = request.param
    return written


# Figures are tested of both kinds of rows; words for them are the same in both.
asked_alone = pytest.mark.parametrize("rows", long_but(["asked"], ["all", "asked"]), indirect=True)


@pytest.fixture(scope="module")
def detailed(rows: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output with details, which no test changes."""
    folder = tmp_path_factory.mktemp("detailed")
    label(bars_in(folder), folder / "out", rows=rows, details=True, **CONFIG)
    return folder / "out"


def test_statistics_know_which_bars_are_asked(detailed: Path) -> None:
    told_right(detailed)


@pytest.mark.long
def test_statistics_without_details_know_it_too(rows: str, bars: Path, tmp_path: Path) -> None:
    label(bars, tmp_path / "out", rows=rows, **CONFIG)
    told_right(tmp_path / "out")


def told_right(out: Path) -> None:
    found = statistics(out, "session")
    (mode,) = found.total.modes
    assert (found.total.bars, found.total.asked_bars, mode.asked_bars) == (18, 6, 6)
    assert {name: bars for name, bars in mode.outcomes.items() if bars} == {
        "close": 4,
        "skipped": 14,
    }
    assert mode.outcomes_of_the_asked["skipped"] == 2
    assert mode.labels == {"1": 0, "0": 4, "-1": 0, "null": 14}
    assert [(group.name, group.bars, group.asked_bars) for group in found.groups] == [
        ("2024-03-04", 3, 3),
        ("2024-03-05", 3, 0),
        ("2024-03-06", 3, 3),
        ("outside", 9, 0),
    ]
    assert (found.session_days, found.bars_outside) == (3, 9)
    # All labels are alike, for nothing moves.
    assert [check.name for check in found.checks if check.status == "fail"] == ["win_rate"]


def test_a_null_too_many_is_found_where_only_asked_bars_are_written(
    bars: Path, tmp_path: Path
) -> None:
    label(bars, tmp_path / "out", **{**CONFIG, "rows": "asked", "run": {}})
    rewrite(
        tmp_path / "out",
        lambda table: table.set_column(
            table.column_names.index("label_m"), "label_m", pa.nulls(len(table), pa.int8())
        ),
    )
    found = statistics(tmp_path / "out")
    failed = {check.name: check.value for check in found.checks if check.status == "fail"}
    assert failed == {"nulls": 4, "tallies": 4, "win_rate": 0}


@asked_alone
def test_stats_and_report_tell_of_bars_that_are_asked(detailed: Path, tmp_path: Path) -> None:
    out = detailed
    said = CliRunner().invoke(main, ["stats", str(out), "--by", "session"]).stdout
    assert "6 of 18 bars are asked" in said
    assert "3 days with a session (15:01-15:04 UTC), 9 bars outside" in said
    assert "A bar counts for the day on which its session opens (15:01-15:04 UTC)." in said
    headers = ["session", "mode", "bars", "asked", "jumps"]
    assert headers in [line.split()[:5] for line in said.splitlines()]
    row = ["m", "0.0%", "6", "0", "0", "0", "4", "0", "0", "0", "14"]
    assert row in [line.split()[:11] for line in said.splitlines()]
    told = json.loads(CliRunner().invoke(main, ["stats", str(out), "--json"]).stdout)
    assert (told["bars"], told["asked_bars"], told["bars_outside"]) == (18, 6, 9)
    write_report(out, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert '<dt>bars asked</dt><dd class="value ">6</dd><dd class="remark">of 18 in 3 part' in page
    assert '<dt>days with a session</dt><dd class="value ">3</dd>' in page


def test_nothing_is_told_of_asking_where_all_bars_are_asked(bars: Path, tmp_path: Path) -> None:
    label(bars, tmp_path / "out", modes=CONFIG["modes"])
    said = CliRunner().invoke(main, ["stats", str(tmp_path / "out"), "--by", "session"]).stdout
    assert "asked" not in said
    assert "A session begins at 17:00 America/New_York." in said


def test_no_bar_is_asked_at_all(bars: Path, tmp_path: Path) -> None:
    table = pq.read_table(bars)
    none = table.set_column(5, "is_event", pa.array([False] * len(table)))
    pq.write_table(none, bars)
    label(bars, tmp_path / "out", **{**CONFIG, "rows": "asked", "run": {}})
    found = statistics(tmp_path / "out", "month")
    assert (found.total.asked_bars, found.weights["m"].mean) == (0, None)
    (failed,) = [check for check in found.checks if check.status == "fail"]
    assert failed.message == "no bar has a label: nothing can be learned"
    write_report(tmp_path / "out", tmp_path / "report.html")
    with open_output(tmp_path / "out") as output:
        assert output.sql("select count(*) from labels").fetchall() == [(0,)]
        assert output.sql("@win_rates").fetchall() == []


def told(folder: Path, day: int, minute: int) -> Any:
    at = START + timedelta(days=day, minutes=minute)
    with Output(folder) as output:
        (story,) = explain(output, at)
    return story


@asked_alone
def test_explain_says_why_a_bar_has_no_trade(rows: str, detailed: Path, tmp_path: Path) -> None:
    out = detailed
    reasons = {
        (0, 0): "the bar is not asked: it lies in no session (15:01-15:04 UTC)",
        (0, 3): "the entry bar lies in no session",
        (1, 1): "the bar is not asked: is_event is False",
        (0, 1): None,
    }
    for (day, minute), reason in reasons.items():
        story = told(out, day, minute)
        assert (story.trade.reason, story.differences) == (reason, ())
        assert story.trade.outcome == ("close" if reason is None else "skipped")
        # Where nothing is asked, there is nothing to tell of a trade.
        assert ("  entry  " in tell(story)) == ("not asked" not in str(reason))
        assert (story.stored == {}) == (rows == "asked" and "not asked" in str(reason))
    assert [step.number for step in story.trade.path] == [1, 2]
    assert story.closes == START + timedelta(minutes=4)
    said = tell(story)
    assert "  close    2024-03-04 15:04:00, when the session ends" in said
    assert "  outcome  close: the session closed before a barrier was touched" in said
    draw([story], tmp_path / "trade.svg")
    assert ">close<" in (tmp_path / "trade.svg").read_text()


def test_explain_says_when_the_bars_that_are_not_asked_are_gone(bars: Path, tmp_path: Path) -> None:
    label(bars, tmp_path / "out", **{**CONFIG, "rows": "asked", "run": {}})
    bars.unlink()
    with pytest.raises(InputError, match=r"has only the bars that are asked.*bars.parquet"):
        told(tmp_path / "out", 0, 1)


def test_explain_says_which_files_it_did_not_look_at(bars: Path, tmp_path: Path) -> None:
    times = [START + timedelta(minutes=minute) for minute in (1, 3)]
    events, sessions = tmp_path / "events.parquet", tmp_path / "sessions.parquet"
    pq.write_table(pa.table({"timestamp": times, "side": [1, -1]}), events)
    pq.write_table(
        pa.table({"open": [START], "close": [START + timedelta(minutes=3, seconds=30)]}), sessions
    )
    modes = [{"name": "m", "direction": "side", "stop": 4, "target": 4}]
    files = {"events": {"file": str(events)}, "session": {"file": str(sessions)}}
    label(bars, tmp_path / "out", details=True, modes=modes, **files)
    with Output(tmp_path / "out") as output:
        rows = output.sql("select direction, outcome from labels_long order by utc").fetchall()
    # The side is in the file alone; the bar of 15:03 would enter outside.
    assert rows == [(None, "close" if place == 1 else "skipped") for place in range(18)]
    one, two, three = (told(tmp_path / "out", 0, minute) for minute in (1, 2, 3))
    assert (one.trade.side, one.trade.outcome, one.verdict) == (1, "close", "agrees")
    assert two.trade.reason == f"the bar is not asked: no event of {events} is at its time"
    assert (three.trade.side, three.trade.reason) == (-1, "the entry bar lies in no session")
    pq.write_table(pa.table({"timestamp": times[1:], "side": [-1]}), events)
    one = told(tmp_path / "out", 0, 1)
    assert one.verdict == "cannot be checked"
    assert one.doubts[-1] == f"the file of events has changed since: {events}"
    events.unlink()
    sessions.unlink()
    one = told(tmp_path / "out", 0, 1)
    assert one.verdict == "cannot be checked"
    assert one.doubts[-2:] == (
        f"the file of events is gone: {events} was not looked at",
        f"the file of sessions is gone: {sessions} was not looked at",
    )


def test_explain_finds_files_from_anywhere_and_where_a_project_was_moved(
    bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    (project / "signals").mkdir(parents=True)
    times = pa.table({"timestamp": [START + timedelta(minutes=1)]})
    pq.write_table(times, project / "signals" / "events.parquet")
    monkeypatch.chdir(project)
    events = {"file": "signals/events.parquet"}
    label(bars, Path("out"), details=True, **{**CONFIG, "events": events})
    monkeypatch.chdir(tmp_path)

    def doubts(output: Path) -> list[str]:
        return [doubt for doubt in told(output, 0, 1).doubts if "the file of" in doubt]

    assert doubts(project / "out") == []
    moved = project.rename(tmp_path / "moved")
    assert doubts(moved / "out") == []
    refused = told(moved / "out", 0, 2)
    assert f"no event of {moved}/signals/events.parquet" in str(refused.trade.reason)
    # Where both are gone, the first is named.
    (moved / "signals" / "events.parquet").unlink()
    (doubt,) = doubts(moved / "out")
    assert doubt.startswith(f"the file of events is gone: {project}/signals/events.parquet")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"max_entry_gap_seconds": 59}, "the entry bar stands 60 s after the signal bar"),
        (
            {"events": {"every_seconds": 120}},
            "the bar is not asked: an earlier one lies in the same stretch of 120 s",
        ),
    ],
)
def test_explain_says_what_the_clock_forbids(
    config: dict[str, Any], reason: str, bars: Path, tmp_path: Path
) -> None:
    label(bars, tmp_path / "out", details=True, modes=CONFIG["modes"], **config)
    story = told(tmp_path / "out", 1, 3)
    assert (story.trade.reason or "").startswith(reason)
    assert story.differences == ()


def test_an_event_outside_of_all_sessions_has_a_bar(bars: Path, tmp_path: Path) -> None:
    """It asks for nothing, but it is not an event at which no bar stands."""
    times = [START, START + timedelta(minutes=1), START + timedelta(minutes=1, seconds=30)]
    pq.write_table(pa.table({"timestamp": times}), tmp_path / "events.parquet")
    config = {**CONFIG, "events": {"file": str(tmp_path / "events.parquet")}}
    engine = WeightedLabelingEngine(LabelingConfig(**config))
    assert engine.process_files([bars], tmp_path / "out").lone_events == 1
