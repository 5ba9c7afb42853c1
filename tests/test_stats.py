# mypy: disable-error-code="import-untyped"
"""The statistics of labels: tallies against details and the scan, exact under any cut."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings

import golden
from duck_label.cli import main
from duck_label.look.quality import Check, complaint, worst
from duck_label.look.stats import statistics
from duck_label.look.tallies import By, Group
from duck_label.outcomes import NAMES
from duck_label.records.ledger import Ledger
from duck_label.run import watch
from labeling import TWO_MODES, read, write
from labeling import label_two as label
from lengths import AS_FOUND, EXAMPLES, long_but
from scan import scan
from test_invariance import Case, cases, cuts, folder

CASES = ("plain", "rolls", "months", "symbols_unsorted", "adjusted", "bars_horizon")


def expected(labeled: list[dict[str, Any]], mode: str, key: Any) -> dict[str, dict[str, Any]]:
    """Outcomes, mean MAE and mean seconds of a mode in plain Python, by the key of a row."""
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    mae, seconds = defaultdict(list), defaultdict(list)
    for row in labeled:
        group = key(row)
        outcome = row[f"outcome_{mode}"]
        outcomes[group][outcome] += 1
        if outcome == "target":
            mae[group].append(row[f"mae_ticks_{mode}"])
            seconds[group].append(row[f"seconds_{mode}"])
    return {
        group: {
            "outcomes": {outcome: counts[outcome] for outcome in NAMES},
            "mae": pytest.approx(np.mean(mae[group])) if mae[group] else None,
            "seconds": pytest.approx(np.mean(seconds[group])) if seconds[group] else None,
        }
        for group, counts in sorted(outcomes.items())
    }


def told(groups: tuple[Group, ...], place: int) -> dict[str, dict[str, Any]]:
    """What the groups tell of one mode, in the shape of `expected`."""
    return {
        group.name: {
            "outcomes": group.modes[place].outcomes,
            "mae": group.modes[place].mean_mae_ticks,
            "seconds": group.modes[place].mean_seconds_to_target,
        }
        for group in groups
    }


def session(row: dict[str, Any]) -> str:
    """The trade date: a session closes at 17:00 in New York, Sunday's evening is Monday's."""
    local = row["timestamp"].astimezone(ZoneInfo("America/New_York"))
    return str(local.date() + timedelta(days=local.hour >= 17))


KEYS: dict[By | None, Any] = {
    None: lambda _: "",
    "symbol": lambda row: row.get("symbol", ""),
    "month": lambda row: f"{row['timestamp'].astimezone(UTC):%Y-%m}",
    "session": session,
}


@pytest.mark.parametrize("case", long_but(["symbols_unsorted"], CASES))
def test_tallies_equal_the_details(case: str, tmp_path: Path) -> None:
    config = golden.config_overrides(case) | {"run": {"chunk": "1000"}}
    bars = write(tmp_path / "bars", [golden.bars(case)])
    label(bars, tmp_path / "out", **config)
    labeled = golden.expected(case).to_pylist()
    assert set(get_args(By)) | {None} == set(KEYS)
    for by, key in KEYS.items():
        found = statistics(tmp_path / "out", by)
        groups = found.groups if by else (found.total,)
        for place, mode in enumerate(found.total.modes):
            assert told(groups, place) == expected(labeled, mode.mode, key), (by, mode.mode)


def jumps_and_rolled_bars(bars: pa.Table, gap: float) -> tuple[int, int]:
    """How many bars jump, and how many lie from one before to five after a jump, one series."""
    close = bars.sort_by("timestamp")["close"].to_numpy()
    jumps = np.flatnonzero(np.abs(np.diff(close)) > gap) + 1
    near = {k for jump in jumps for k in range(jump - 1, jump + 6) if k < len(close)}
    return len(jumps), len(near)


def test_jumps_and_the_bars_beside_them_are_counted_once(tmp_path: Path) -> None:
    bars = golden.bars("rolls")
    times = bars["timestamp"].to_pylist()
    label(write(tmp_path / "bars", [bars]), tmp_path / "out", run={"chunk": "600"})
    total = statistics(tmp_path / "out").total
    assert (total.jumps, total.rolled_bars) == jumps_and_rolled_bars(bars, 20)
    assert total.jumps > 0
    assert (total.first, total.last) == (min(times), max(times))


# Half as many as elsewhere: every example labels twice and reads twice.
@settings(max_examples=max(2, EXAMPLES // 2), phases=AS_FOUND)
@given(case=cases(), first=cuts(), second=cuts())
def test_any_two_cuts_have_the_sums_of_the_scan_to_the_bit(
    case: Case, first: dict[str, Any], second: dict[str, Any]
) -> None:
    config = case.config() | {"details": False}
    with folder() as here:
        bars = write(here / "bars", [case.bars])
        label(bars, here / "one", **first, **config)
        label(bars, here / "two", **second, **config)
        one, two = (statistics(here / name, "session") for name in ("one", "two"))
    assert (one.total, one.groups) == (two.total, two.groups)
    assert {check.name for check in one.checks if check.status == "fail"} <= {"win_rate"}
    scanned = scan(case.bars, case.rules).to_pylist()
    for place, mode in enumerate(case.rules.modes):
        assert told(one.groups, place) == expected(scanned, mode.name, session)


def test_weights_are_those_of_the_columns(tmp_path: Path) -> None:
    label(write(tmp_path / "bars", [golden.bars("months")]), tmp_path / "out")
    labels = read(tmp_path / "out")
    for mode, told in statistics(tmp_path / "out").weights.items():
        weights = labels[f"weight_{mode}"].to_numpy()
        exact = weights.astype(np.float64)
        ranks = np.percentile(weights, [5, 25, 50, 75, 95], method="inverted_cdf")
        assert [told.p5, told.p25, told.p50, told.p75, told.p95] == ranks.tolist()
        assert (told.min, told.max) == (weights.min(), weights.max())
        assert told.mean == pytest.approx(exact.mean(), rel=1e-12)
        assert told.standard_deviation == pytest.approx(exact.std(), rel=1e-9)


@pytest.mark.parametrize("unresolved", long_but(["null"], ["zero", "null"]))
def test_the_win_rate_is_that_of_the_labels(unresolved: str, tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [golden.bars("rolls")])
    labels = label(bars, tmp_path / "out", unresolved=unresolved)
    found = statistics(tmp_path / "out")
    for mode in found.total.modes:
        assert mode.win_rate == pytest.approx(pc.mean(labels[f"label_{mode.mode}"]).as_py())
    (nulls,) = (check for check in found.checks if check.name == "nulls")
    assert nulls.status == "pass"


KILL = f"""
import os, signal, sys
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.run import watch
calls = 0
def on_step(database, chunk, step):
    global calls
    calls += step == sys.argv[3]
    if calls == 2:
        os.kill(os.getpid(), signal.SIGKILL)
watch.on_step = on_step
engine = WeightedLabelingEngine(LabelingConfig(run={{"chunk": "1500"}}, modes={TWO_MODES}))
engine.process_files([sys.argv[1]], sys.argv[2])
"""


@pytest.mark.long
@pytest.mark.parametrize("step", ["label/13_part", watch.OVER])
def test_tallies_survive_kill_and_the_labeling_of_a_range_anew(step: str, tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [golden.bars("months")])
    label(bars, tmp_path / "whole")
    whole = statistics(tmp_path / "whole", "session")
    out = tmp_path / "out"
    ended = subprocess.run([sys.executable, "-c", KILL, str(bars), str(out), step], check=False)
    assert ended.returncode == -signal.SIGKILL
    label(bars, out, run={"chunk": "2500"})
    assert statistics(out, "session").groups == whole.groups
    victim = sorted(out.glob("*.parquet"))[1]
    victim.unlink()
    fewer = statistics(out, "session").total.bars
    assert fewer < whole.total.bars
    label(bars, out, run={"chunk": "1000"})
    assert statistics(out, "session").groups == whole.groups


KINDS = [["us", None], ["ns", None], ["ns", "UTC"], ["ms", "UTC"], "date"]


@pytest.mark.parametrize("kind", long_but(["date"], KINDS))
def test_any_kind_of_time_is_tallied(kind: Any, tmp_path: Path) -> None:
    times = [datetime(2024, 1, 31, tzinfo=UTC) + timedelta(days=day) for day in range(3)]
    if kind != "date":
        times[0] += timedelta(hours=21, minutes=59, seconds=58)
    column = pa.array([time.replace(tzinfo=None) for time in times], pa.timestamp("us"))
    prices = {name: [10.0, 10.0, 10.0] for name in ("open", "high", "low", "close")}
    kind = pa.date32() if kind == "date" else pa.timestamp(*kind)
    bars = pa.table({"timestamp": column.cast(kind), **prices})
    label(write(tmp_path / "bars", [bars]), tmp_path / "out")
    found = statistics(tmp_path / "out", "month")
    assert (found.total.first, found.total.last) == (times[0], times[-1])
    assert {group.name: group.bars for group in found.groups} == Counter(
        f"{time:%Y-%m}" for time in times
    )


@pytest.mark.parametrize(
    ("start", "sessions"),
    [
        ("17:00 America/New_York", ["2024-03-11", "2024-03-11", "2024-03-12", "2024-03-12"]),
        ("00:00 UTC", ["2024-03-10", "2024-03-11", "2024-03-11", "2024-03-12"]),
        ("09:15 Asia/Kolkata", ["2024-03-11", "2024-03-11", "2024-03-11", "2024-03-12"]),
    ],
)
def test_a_session_begins_where_it_is_said_to(
    start: str, sessions: list[str], tmp_path: Path
) -> None:
    """Clocks in New York went forward on 10 March: 17:00 is 21:00 UTC from then on."""
    times = [
        datetime(2024, 3, 10, 22, tzinfo=UTC),
        datetime(2024, 3, 11, 3, 44, 59, tzinfo=UTC),
        datetime(2024, 3, 11, 21, tzinfo=UTC),
        datetime(2024, 3, 12, 3, 45, tzinfo=UTC),
    ]
    if "Kolkata" in start:
        times[0] = datetime(2024, 3, 11, 3, 45, tzinfo=UTC)
        times[1] = times[0] + timedelta(hours=1)
    prices = {name: [10.0] * 4 for name in ("open", "high", "low", "close")}
    bars = write(tmp_path / "bars", [pa.table({"timestamp": times, **prices})])
    label(bars, tmp_path / "out", session_start=start)
    groups = statistics(tmp_path / "out", "session").groups
    assert {group.name: group.bars for group in groups} == Counter(sessions)


def test_symbols_with_other_ticks_have_means_in_their_own(tmp_path: Path) -> None:
    """Two symbols whose increments are of different ticks add up in ticks."""
    bars = golden.bars("adjusted").drop_columns(
        [name for name in ("symbol",) if name in golden.bars("adjusted").column_names]
    )
    both = pa.concat_tables(
        [bars.append_column("symbol", pa.array([name] * len(bars))) for name in ("A", "B")]
    )
    config: dict[str, Any] = {"price_increment": 0.05}
    config["instruments"] = {"B": {"tick_size": 0.5, "price_increment": 0.05}}
    labeled = label(write(tmp_path / "bars", [both]), tmp_path / "out", details=True, **config)
    (group,) = expected(labeled.to_pylist(), "low_vol_long", KEYS[None]).values()
    mode = statistics(tmp_path / "out").total.modes[0]
    assert mode.mean_mae_ticks == group["mae"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    label(write(folder / "bars", [golden.bars("plain")]), folder / "out")
    return folder / "out"


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A copy of finished labels to do anything with."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


def rewrite(output: Path, change: Any, *, keep_tally: bool = True) -> None:
    """Change the labels of the only part file behind the product's back."""
    (path,) = output.glob("*.parquet")
    table = pq.read_table(path)
    metadata = table.schema.metadata
    table = change(table).replace_schema_metadata(metadata if keep_tally else None)
    pq.write_table(table, path)
    records = Ledger(output).folder / "chunks.jsonl"
    record = json.loads(records.read_text().splitlines()[-1])
    record["size_bytes"] = path.stat().st_size
    records.write_text(json.dumps(record) + "\n")


def changed(name: str, value: Any) -> Any:
    """A table whose first row has another value in one column."""

    def change(table: pa.Table) -> pa.Table:
        values = pa.concat_arrays([pa.array([value], table[name].type), *table[name][1:].chunks])
        return table.set_column(table.column_names.index(name), name, values)

    return change


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("label_low_vol_long", 2, "labels"),
        ("label_low_vol_long", None, "nulls"),
        ("weight_low_vol_short", 0.0, "weights"),
        ("weight_low_vol_short", float("nan"), "weights"),
        ("weight_low_vol_short", float("inf"), "weights"),
        ("weight_low_vol_short", None, "nulls"),
    ],
)
def test_a_wrong_label_fails_its_check(column: str, value: Any, check: str, out: Path) -> None:
    assert statistics(out).status == "pass"
    rewrite(out, changed(column, value))
    failed = [c for c in statistics(out).checks if c.status == "fail" and c.name != "tallies"]
    assert [(c.name, c.value) for c in failed] == [(check, 1)]
    assert column.partition("_")[2] in failed[0].message


def test_labels_that_their_tally_does_not_know_fail(out: Path) -> None:
    rewrite(out, lambda table: table.slice(1))
    failed = [c.name for c in statistics(out).checks if c.status == "fail"]
    assert failed == ["tallies"]


def test_part_files_without_a_tally_are_named(out: Path) -> None:
    rewrite(out, lambda table: table, keep_tally=False)
    result = CliRunner().invoke(main, ["stats", str(out)])
    assert result.exit_code == 3
    assert "carry no tally" in result.stderr


def test_the_command_prints_one_object_or_tables(out: Path) -> None:
    printed = CliRunner().invoke(main, ["stats", str(out), "--by", "month", "--json"])
    assert printed.exit_code == 0, printed.stderr
    assert json.loads(printed.stdout) == json.loads(json.dumps(statistics(out, "month").to_json()))
    text = CliRunner().invoke(main, ["stats", str(out), "--by", "month"]).stdout
    for word in ("4,000 bars", "low_vol_long", "By month", "2024-03", "win_rate", "pass"):
        assert word in text


@pytest.mark.parametrize(
    ("statuses", "fail_on", "fails"),
    [("p", "warn", False), ("pw", "fail", False), ("pw", "warn", True), ("pwf", "fail", True)],
)
def test_fail_on_says_how_bad_is_bad(statuses: str, fail_on: Any, fails: bool) -> None:
    words: Any = {"p": "pass", "w": "warn", "f": "fail"}
    checks = [Check("c", None, words[s], 1, "bars", "so") for s in statuses]
    error = complaint(checks, fail_on)
    assert (error is not None) == fails
    assert worst(checks) == words[statuses[-1]]
    if error is not None:
        assert error.exit_code == 5


def test_a_pipeline_stops_at_labels_of_one_kind(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [golden.bars("one")])
    label(bars, tmp_path / "out")
    result = CliRunner().invoke(main, ["stats", str(tmp_path / "out"), "--fail-on", "fail"])
    assert result.exit_code == 5
    assert "only one kind of label" in result.stderr
    assert "Outcomes" in result.stdout


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    result = CliRunner().invoke(main, ["stats", str(tmp_path / "other")])
    assert result.exit_code == 3
    assert "there are no labels" in result.stderr


def test_nothing_is_written_to_the_folder(out: Path) -> None:
    def seen() -> dict[str, Any]:
        return {str(p): p.stat().st_mtime_ns for p in sorted(out.rglob("*"))}

    before = seen()
    statistics(out, "session")
    assert seen() == before


def test_labels_moved_elsewhere_keep_their_statistics(out: Path, tmp_path: Path) -> None:
    before = statistics(out).total
    shutil.copytree(out, tmp_path / "elsewhere")
    assert statistics(tmp_path / "elsewhere").total == before
    assert os.listdir(out)


@pytest.mark.parametrize(("target", "entry_bar", "both"), [(2, 1.0, 1 / 3), (9, 0.5, 0.0)])
def test_trades_that_bars_hardly_tell_apart_are_told(
    tmp_path: Path, target: int, entry_bar: float, both: float
) -> None:
    """Three long trades, at 100 with a stop of 2 points; the target is 2 points, or 9."""
    seconds = [datetime(2024, 3, 4, 15, tzinfo=UTC) + timedelta(seconds=n) for n in range(4)]
    bars = pa.table(
        {
            "timestamp": pa.array(seconds, pa.timestamp("us", "UTC")),
            "open": [100.0, 100.0, 100.0, 100.0],
            # The first trade wins in its entry bar, or is stopped one bar later; the second meets
            # both, or the stop alone; the third wins, or meets no barrier.
            "high": [100.0, 102.0, 103.0, 102.0],
            "low": [100.0, 100.0, 97.0, 100.0],
            "close": [100.0, 100.0, 100.0, 100.0],
        }
    )
    write(tmp_path / "bars", [bars])
    mode = {"name": "a", "direction": "long", "stop": 2, "target": target}
    label(tmp_path / "bars", tmp_path / "out", details=True, tick_size=1, modes=[mode])
    checks = {check.name: check for check in statistics(tmp_path / "out").checks}
    assert checks["entry_bar"].value == entry_bar
    assert checks["both"].value == pytest.approx(both)
    assert checks["entry_bar"].status == ("warn" if entry_bar > 0.5 else "pass")
    assert checks["both"].status == ("warn" if both > 0.05 else "pass")
