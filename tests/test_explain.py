# mypy: disable-error-code="import-untyped"
"""Why a bar has its label: the walk agrees with what is stored, and says so where it does not."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import golden
from duck_label import LabelingConfig
from duck_label.cli import main
from duck_label.look.explain import Story, explain
from duck_label.look.inspect import Output
from duck_label.look.path import Bar
from duck_label.look.picture import draw
from duck_label.look.walk import Walk
from duck_label.records.ledger import Ledger
from labeling import label_two as label
from labeling import write
from lengths import long_but


def labeled(folder: Path, case: str, **config: Any) -> Path:
    bars = write(folder / "bars", [golden.bars(case)])
    label(bars, folder / "labels", **{**golden.config_overrides(case), **config})
    return folder / "labels"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["explain", *map(str, arguments)])


def walk(rows: list[tuple[float, float, float, float]], signal: int = 0, **config: Any) -> Walk:
    """Bars a second apart from 2024-03-04T14:30:00 on; the reference is May."""
    settings = LabelingConfig(**{"timeout_seconds": 60, "roll_gap_points": 5, **config})
    start = 1_709_562_600
    bars = [Bar((start + second) * 1_000_000, *row) for second, row in enumerate(rows)]
    return Walk(settings, settings.grids()[-1], 1_000_000, 12 * 2024 + 5, bars, signal, {})


LONG, SHORT = (
    LabelingConfig(modes=[{"name": "m", "direction": direction, "stop": 2, "target": 3}]).modes[0]
    for direction in ("long", "short")
)
FLAT = (10.0, 10.0, 10.0, 10.0)


def test_a_winner_is_worked_out_by_hand() -> None:
    """Entry at 10; down a tick; the third bar reaches 10.75, three ticks up."""
    trade = walk([FLAT, (10, 10.25, 10, 10), (10, 10, 9.75, 9.75), (10, 10.75, 10, 10.5)]).trade(
        LONG
    )
    assert (trade.outcome, trade.label, trade.entry) == ("target", 1, 10)
    assert (trade.target, trade.stop) == (10.75, 9.5)
    assert (trade.mae_ticks, trade.mfe_ticks, trade.seconds) == (1, 3, 2)
    # 2 - 1.5 * 1 / 2; 2 - 1.5 * (2 - 300) / 600 is clipped to 2; two months of age.
    assert (trade.quality, trade.velocity, trade.months_ago) == (1.25, 2, 2)
    assert trade.weight == pytest.approx(1.25 * 2 * 0.9048374180359595)
    assert [(step.number, step.mae_ticks, step.mfe_ticks) for step in trade.path] == [
        (1, 0, 1),
        (2, 1, 1),
        (3, 1, 3),
    ]


def test_a_bar_that_touches_both_is_a_stop() -> None:
    both = walk([FLAT, (10, 11, 9, 10)])
    for mode in (LONG, SHORT):
        trade = both.trade(mode)
        assert (trade.outcome, trade.label, trade.quality) == ("stop", 0, None)


def test_a_roll_beats_a_stop_and_has_no_excursion() -> None:
    # The last bar closes 9 points away, which affects the bar before it: that one is on the path.
    bars = [FLAT] * 3 + [(10, 11, 9, 10), (19, 19, 19, 19)]
    trade = walk(bars, signal=1).trade(LONG)
    assert (trade.outcome, trade.label, trade.mae_ticks, trade.seconds) == ("roll", 0, None, None)
    assert walk(bars, signal=3).trade(LONG).path == ()


@pytest.mark.parametrize(
    ("count", "config", "outcome"),
    [
        (1, {}, "none"),
        (2, {}, "censored"),
        (61, {}, "censored"),
        (62, {}, "timeout"),
        (5, {"timeout_seconds": None, "timeout_bars": 4}, "timeout"),
        (5, {"timeout_seconds": None, "timeout_bars": 5}, "censored"),
    ],
)
def test_the_horizon_ends_or_the_bars_do(count: int, config: dict[str, Any], outcome: str) -> None:
    for unresolved in ("zero", "null"):
        settings = {key: value for key, value in config.items() if value is not None}
        if "timeout_bars" in settings:
            rows = [FLAT] * count
            made = LabelingConfig(roll_gap_points=5, unresolved=unresolved, **settings)
            one = walk(rows)
            trade = Walk(
                made, made.grids()[-1], 1_000_000, one.reference_month, one.bars, 0, {}
            ).trade(LONG)
        else:
            trade = walk([FLAT] * count, unresolved=unresolved).trade(LONG)
        assert trade.outcome == outcome
        is_unknown = unresolved == "null" and outcome != "timeout"
        assert trade.label == (None if is_unknown else 0)


def stories(output: Output, rows: list[dict[str, Any]]) -> list[Story]:
    return [story for row in rows for story in explain(output, row["timestamp"], row.get("symbol"))]


@pytest.mark.parametrize("case", long_but(["tiny"], golden.CASES))
def test_the_walk_agrees_with_the_labels(case: str, tmp_path: Path) -> None:
    """For bars all over the input, the first and the last ones among them."""
    folder = labeled(tmp_path, case, details=True, chunk_size=2000)
    rows = golden.bars(case).sort_by("timestamp").to_pylist()
    chosen = rows[:2] + rows[2 : -2 : max(1, len(rows) // 4)] + rows[-2:]
    if case == "rolls":
        jumps = [
            index
            for index in range(1, len(rows))
            if abs(rows[index]["close"] - rows[index - 1]["close"]) > 20
        ]
        chosen += [rows[jump + near] for jump in jumps for near in (-3, -2, 0, 5, 6)]
    with Output(folder) as output:
        told = stories(output, chosen)
    assert [story.differences for story in told if story.differences] == []
    assert all("outcome" in story.stored for story in told)
    if case == "rolls":
        assert {story.trade.outcome for story in told} >= {"roll", "target", "stop"}


@pytest.mark.long
def test_it_works_without_details_and_with_the_last_run_dead(tmp_path: Path) -> None:
    folder = labeled(tmp_path, "months")
    records = folder / "_duck_label" / "runs.jsonl"
    lines = [line for line in records.read_text().splitlines() if '"event": "end"' not in line]
    records.write_text("\n".join(lines))
    rows = golden.bars("months").slice(5, 3).to_pylist()
    with Output(folder) as output:
        told = stories(output, rows)
    assert {story.verdict for story in told} == {"agrees"}
    assert all(set(story.stored) == {"label", "weight"} for story in told)


def with_other_labels(folder: Path) -> str:
    """Turn every label of a mode around; the time of a bar of it, far from both ends."""
    (path,) = folder.glob("*.parquet")
    table = pq.read_table(path)
    name = "label_low_vol_long"
    turned = pa.array([1 - value for value in table[name].to_pylist()], pa.int8())
    table = table.set_column(table.column_names.index(name), name, turned)
    pq.write_table(table, path)
    records = folder / "_duck_label" / "chunks.jsonl"
    record = json.loads(records.read_text())
    records.write_text(json.dumps({**record, "size_bytes": path.stat().st_size}) + "\n")
    time: datetime = table["timestamp"][100].as_py()
    return time.isoformat()


def test_a_wrong_label_is_said_loudly(tmp_path: Path) -> None:
    folder = labeled(tmp_path, "plain")
    at = with_other_labels(folder)
    result = run(folder, "--at", at)
    assert result.exit_code == 1
    assert "the labels of low_vol_long in" in result.stderr
    assert result.stdout.count("DIFFERS") == 1
    assert result.stdout.count("agrees") == 1  # low_vol_short
    assert run(folder, "--at", at, "--mode", "low_vol_short").exit_code == 0


def test_what_lies_outside_the_labels_is_a_doubt_and_no_difference(tmp_path: Path) -> None:
    """Only an hour is labeled: paths lead out of it, and a roll before it is not seen."""
    bars = write(tmp_path / "bars", [golden.bars("plain")])
    times = golden.bars("plain")["timestamp"].to_pylist()
    start, end = times[1000], times[2000]
    label(bars, tmp_path / "labels", how={"start": start, "end": end}, details=True)
    with Output(tmp_path / "labels") as output:
        last = explain(output, times[1999])
        middle = explain(output, times[1100])
    assert {story.verdict for story in last} == {"cannot be checked"}
    assert all("what came later was not looked at" in story.doubts[0] for story in last)
    assert {story.verdict for story in middle} == {"agrees"}


def test_a_bar_that_is_not_labeled_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [golden.bars("plain")])
    times = golden.bars("plain")["timestamp"].to_pylist()
    label(bars, tmp_path / "out", how={"start": times[1000], "end": times[2000]})
    said = "That time is not labeled, or its part is lost: run again for it"
    for time in (times[500], times[2500]):
        asked = run(tmp_path / "out", "--at", time.isoformat())
        assert (asked.exit_code, said in asked.stderr) == (3, True), asked.stderr
    half_a_second = timedelta(seconds=0.5)
    for time in (times[1500] + half_a_second, times[0] - half_a_second, times[-1] + half_a_second):
        asked = run(tmp_path / "out", "--at", time.isoformat())
        assert asked.exit_code == 3
        assert "there is no bar" in asked.stderr
        assert said not in asked.stderr


def test_a_horizon_in_bars_that_runs_out_of_the_labeled_ones_is_a_doubt(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [golden.bars("plain")])
    times = golden.bars("plain")["timestamp"].to_pylist()
    modes = [{"name": "m", "direction": "long", "stop": 500, "target": 500}]
    config: dict[str, Any] = {"timeout_bars": 20, "modes": modes}
    label(bars, tmp_path / "out", how={"start": times[1000], "end": times[2000]}, **config)
    with Output(tmp_path / "out") as output:
        inside, beyond = (explain(output, times[place])[0] for place in (1978, 1979))
    assert (inside.verdict, inside.doubts) == ("agrees", ())
    assert beyond.doubts == (
        "the labeled bars end before the trade does: what came later was not looked at",
    )


def test_months_without_bars_are_no_doubt_for_they_are_in_no_file(tmp_path: Path) -> None:
    """Neither is where the bars of the input begin and end: nothing lies beyond."""
    table = golden.bars("plain")
    later = pa.array([time + timedelta(days=90) for time in table["timestamp"].to_pylist()])
    later = table.set_column(0, "timestamp", later.cast(table["timestamp"].type))
    bars = write(tmp_path / "bars", [table.slice(0, 300), later.slice(300, 300)])
    # The volatility of the first bars after the gap is of bars before it.
    config: dict[str, Any] = {
        "volatility": {"slow": {"kind": "range", "bars": 200}},
        "modes": [{"name": "m", "direction": "long", "stop": "2 * slow", "target": "slow"}],
        "details": True,
    }
    label(bars, tmp_path / "out", run={"chunk": "1d"}, **config)
    chunks = sorted((chunk.start, chunk.end) for chunk in Ledger(tmp_path / "out").chunks())
    assert [end < start for (_, end), (start, _) in pairwise(chunks)].count(True) == 1
    times = [table["timestamp"][0], table["timestamp"][299], later["timestamp"][310]]
    with Output(tmp_path / "out") as output:
        stories = [explain(output, time.as_py())[0] for time in (*times, later["timestamp"][599])]
    assert [(story.verdict, story.doubts) for story in stories] == [("agrees", ())] * 4
    outcomes = [story.trade.outcome for story in stories]
    assert (outcomes[0], outcomes[-1]) == ("skipped", "none")
    # What lies on the other side of the gap decides, and is found there.
    assert stories[2].trade.stop_ticks is not None

    part = min((tmp_path / "out").glob("*.parquet"))
    part.rename(tmp_path / "lost")
    with Output(tmp_path / "out") as output:
        (story,) = explain(output, times[2].as_py())
    assert story.verdict == "cannot be checked"
    assert story.doubts == (
        "the labeled bars begin here: rolls and volatility before them were not looked at",
    )


def test_the_story_in_words_and_as_json(tmp_path: Path) -> None:
    folder = labeled(tmp_path, "plain", details=True)
    with Output(folder) as output:
        time, mae_ticks, seconds, weight = output.sql(
            "select timestamp, mae_ticks, seconds, weight from labels_long "
            "where outcome = 'target' and mode = 'low_vol_long' order by timestamp limit 1"
        ).fetchall()[0]
    at = time.isoformat()
    result = run(folder, "--at", at, "--mode", "low_vol_long")
    assert result.exit_code == 0
    for part in ("target was touched first", "+12 ticks", "quality", "velocity", "agrees"):
        assert part in result.stdout
    (told,) = json.loads(run(folder, "--at", at, "--mode", "low_vol_long", "--json").stdout)
    assert (told["mae_ticks"], told["seconds"], told["label"]) == (mae_ticks, seconds, 1)
    assert told["weight"] == pytest.approx(weight)
    assert told["weight"] == pytest.approx(told["quality"] * told["velocity"] * told["decay"])
    assert told["path"][-1]["high"] >= told["target_price"]
    assert told["verdict"] == "agrees"
    # The same moment in another zone.
    assert run(folder, "--at", at.replace("+00:00", "Z"), "--json").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--at", "2024-03-04T14:30:00.5"], 3, "the nearest are at"),
        (["--at", "1999-01-01"], 3, "the nearest is at 2024-03-04T14:30:00"),
        (["--at", "nonsense"], 2, "is no date"),
        (["--mode", "low_vol_lang"], 2, "did you mean 'low_vol_long'"),
        (["--symbol", "GC"], 3, "it has those of ES, NQ"),
        (["--plot", "trade.pdf"], 2, "end the name in .png, .svg, .html"),
        (["--plot", "missing/trade.svg"], 1, "cannot be written"),
        ([], 3, "pass --symbol, one of"),
    ],
)
def test_mistakes_have_a_message_and_an_exit_code(
    folder_of_symbols: tuple[Path, str], arguments: list[str], code: int, message: str
) -> None:
    folder, at = folder_of_symbols
    if "--at" not in arguments:
        arguments = ["--at", at, *arguments]
    if "--plot" in arguments:
        arguments = [*arguments, "--symbol", "ES"]
    result = run(folder, *arguments)
    assert result.exit_code == code, result.stderr
    assert message in result.stderr


@pytest.fixture(scope="module")
def folder_of_symbols(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Labels of two symbols with the same times, and one of the times."""
    folder = tmp_path_factory.mktemp("symbols")
    bars = golden.bars("plain").slice(0, 400)
    position = bars.column_names.index("symbol") if "symbol" in bars.column_names else None
    tables = []
    for name in ("ES", "NQ"):
        symbol = pa.array([name] * len(bars))
        tables.append(
            bars.append_column("symbol", symbol)
            if position is None
            else bars.set_column(position, "symbol", symbol)
        )
    label(write(folder / "bars", tables), folder / "labels")
    time: datetime = bars["timestamp"][50].as_py()
    return folder / "labels", time.isoformat()


@pytest.mark.long
def test_pictures_show_entry_barriers_and_touch(
    folder_of_symbols: tuple[Path, str], tmp_path: Path
) -> None:
    folder, at = folder_of_symbols
    with Output(folder) as output:
        told = explain(output, datetime.fromisoformat(at), "NQ", "low_vol_long")
    trade = told[0].trade
    for name in ("trade.svg", "trade.html"):
        draw(told, tmp_path / name)
    texts = {
        "".join(element.itertext())
        for element in ElementTree.parse(tmp_path / "trade.svg").iter()  # noqa: S314 - our own
        if element.tag.endswith("text")
    }
    assert trade.entry is not None
    assert {f"entry {trade.entry:.10g}", f"target {trade.target:.10g}"} <= texts
    page = (tmp_path / "trade.html").read_text()
    assert "<script src=" not in page


@pytest.mark.long
def test_no_name_ends_the_script_of_a_page(tmp_path: Path) -> None:
    name = "a</script><b>"
    mode = {"name": name, "direction": "long", "stop": 4, "target": 4}
    bars = golden.bars("tiny")
    label(write(tmp_path / "bars", [bars]), tmp_path / "labels", modes=[mode])
    with Output(tmp_path / "labels") as output:
        draw(explain(output, bars["timestamp"][0].as_py()), tmp_path / "trade.html")
    page = (tmp_path / "trade.html").read_text()
    assert page.count("</script>") == page.count("<script")
    assert name.replace("/", "\\/") in page


@pytest.mark.long
def test_a_missing_library_is_named(folder_of_symbols: tuple[Path, str], tmp_path: Path) -> None:
    folder, at = folder_of_symbols
    hide = "import sys; sys.modules['altair'] = None; from duck_label.cli import main; main()"
    arguments = ["explain", str(folder), "--at", at, "--symbol", "ES", "--plot", "a.png"]
    ended = subprocess.run(
        [sys.executable, "-c", hide, *arguments],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert "pip install 'duck-label[plot]'" in ended.stderr


@pytest.mark.parametrize("symbol", [None, "ES"])
def test_bars_of_one_microsecond_are_not_taken_for_each_other(
    tmp_path: Path, symbol: str | None
) -> None:
    start = 1_709_562_600_000_000_000
    times = [start, start + 400, start + 5_000]
    prices = {name: [10.0, 10.25, 10.5] for name in ("open", "high", "low", "close")}
    table = pa.table({"timestamp": pa.array(times, pa.timestamp("ns", "UTC")), **prices})
    if symbol is not None:
        table = table.append_column("symbol", pa.array([symbol] * 3))
    label(write(tmp_path / "bars", [table]), tmp_path / "out")
    two = run(tmp_path / "out", "--at", "2024-03-04T14:30:00")
    assert two.exit_code == 3
    assert "2 bars lie in the microsecond 2024-03-04 14:30:00" in two.stderr
    assert run(tmp_path / "out", "--at", "2024-03-04T14:30:00.000005").exit_code == 0
