# mypy: disable-error-code="import-untyped"
"""A run under pressure: it cleans up, retries smaller, or fails with numbers; labels stay the same.

Readings of the memory come from the one function that reads them, and pressure comes at the steps
that `on_step` is told of: these tests replace both. Two runs are under a real limit: of the
process's memory, and of the folder that it spills to.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import golden
from duck_label import LabelingConfig, WeightedLabelingEngine, connection
from duck_label.database import Database
from duck_label.errors import MemoryBudgetError, SpillError
from duck_label.memory import budget as memory
from duck_label.memory.budget import MemoryBudget
from duck_label.memory.manager import MemoryManager
from duck_label.memory.prediction import PeakPredictor
from duck_label.queries import LABEL_STEPS
from duck_label.records.ledger import FOLDER
from duck_label.run import labeling, schedule, watch
from duck_label.run.sense import doubts
from duck_label.sample import write_sample
from duck_label.storage.names import exactly
from labeling import label, read, write
from lengths import long_but

GB = 10**9


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bars"), [golden.bars("months")])


@pytest.fixture(scope="module")
def expected(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    return label(bars, tmp_path_factory.mktemp("calm") / "out")


class Gauge:
    """What every reading of the memory says."""

    def __init__(self) -> None:
        self.share = 0.1  # of 8 GB

    def read(self) -> int:
        return round(self.share * 8 * GB)


@pytest.fixture
def gauge(monkeypatch: pytest.MonkeyPatch) -> Gauge:
    gauge = Gauge()
    monkeypatch.setattr(memory, "rss_bytes", gauge.read)
    return gauge


@pytest.fixture
def falling_gauge(gauge: Gauge, monkeypatch: pytest.MonkeyPatch) -> Gauge:
    """It falls when a chunk, or an attempt at it, is over."""
    at_step(monkeypatch, watch.OVER, lambda *_: setattr(gauge, "share", 0.1))
    return gauge


def records(output: Path, name: str) -> list[dict[str, Any]]:
    path = output / FOLDER / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def at_step(
    monkeypatch: pytest.MonkeyPatch, step: str, act: Callable[[Database, int], object]
) -> None:
    """Do something when a step is about to run, with the number of times it has come to that."""
    before, calls = watch.on_step, count(1)

    def on_step(database: Database, chunk: str, name: str) -> None:
        before(database, chunk, name)
        if name == step:
            act(database, next(calls))

    monkeypatch.setattr(watch, "on_step", on_step)


def test_pressure_between_steps_is_cleaned_up_and_told(
    bars: Path, expected: pa.Table, gauge: Gauge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spilled = []

    def spill(self: Database) -> None:
        spilled.append(self.buffers_and_spill())
        gauge.share = 0.1

    def press(_: Database, __: int) -> None:
        gauge.share = 0.85

    monkeypatch.setattr(Database, "spill", spill)
    at_step(monkeypatch, "label/09_outcomes", press)
    engine = WeightedLabelingEngine(LabelingConfig())
    summary = engine.process_files([bars], tmp_path)
    assert read(tmp_path).equals(expected)
    assert len(spilled) == summary.cleanups == 1
    assert summary.cleanup_freed_bytes == 6 * GB
    assert summary.chunks_retried == 0
    (event,) = [e for e in records(tmp_path, "memory_events") if e["kind"] == "cleanup"]
    assert (event["before_bytes"], event["after_bytes"]) == (6.8 * GB, 0.8 * GB)
    assert event["chunk"] == records(tmp_path, "chunks")[0]["file"].removesuffix(".parquet")


def test_work_that_passes_the_critical_line_is_interrupted_and_tried_with_one_thread(
    bars: Path,
    expected: pa.Table,
    falling_gauge: Gauge,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    threads: list[int] = []

    def press(database: Database, time: int) -> None:
        threads.extend(database.row("select current_setting('threads')"))
        if time == 1:
            # As if the step took for ever: only an interruption ends it.
            with database.interruptible():
                falling_gauge.share = 0.97
                database.run("select sum(random()) from range(1_000_000_000_000)")

    at_step(monkeypatch, "label/10_moves", press)
    engine = WeightedLabelingEngine(LabelingConfig(run={"threads": 2}))
    summary = engine.process_files([bars], tmp_path)
    assert read(tmp_path).equals(expected)
    assert threads == [2, 1]
    assert summary.chunks_retried == 1
    assert records(tmp_path, "chunks")[0]["attempts"] == 2
    kinds = [event["kind"] for event in records(tmp_path, "memory_events")]
    assert kinds == ["critical", "recovered", "retry"]


def test_whoever_passes_the_line_after_a_step_was_let_begin_is_interrupted(
    bars: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A step is let begin when it can be interrupted already: there is no moment in between."""
    at_work: list[bool] = []

    def watch_the_check(database: Database, _: int) -> None:
        is_critical = MemoryManager.is_critical

        def check(manager: MemoryManager, rss: int | None = None) -> bool:
            if rss is None:
                at_work.append(database.is_at_work)
            return is_critical(manager, rss)

        monkeypatch.setattr(MemoryManager, "is_critical", check)

    at_step(monkeypatch, "label/13_part", watch_the_check)
    WeightedLabelingEngine(LabelingConfig(run={"threads": 1})).process_files([bars], tmp_path)
    assert at_work[0]


@pytest.mark.parametrize("error", long_but(["critical"], ["critical", "out of memory"]))
def test_what_does_not_fit_is_done_in_halves(
    error: str,
    bars: Path,
    expected: pa.Table,
    falling_gauge: Gauge,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Chunks above a size never fit: by the reading before a step, or by DuckDB's own word."""
    most = 4000
    sizes = []

    def press(database: Database, _: int) -> None:
        (size,) = database.row("select count(*) from bars where is_wanted")
        sizes.append(size)
        if size > most and error == "critical":
            falling_gauge.share = 0.97
        while size > most and error == "out of memory":
            # Again where the limit was set back in between, as a reading of the memory may do.
            database.run("set memory_limit = '40MB'")
            database.run("select list(r) from range(20_000_000) r(r)")

    at_step(monkeypatch, "label/05_crossings", press)
    engine = WeightedLabelingEngine(LabelingConfig(run={"threads": 2}))
    summary = engine.process_files([bars], tmp_path)
    assert read(tmp_path).equals(expected)
    assert max(sizes) == len(expected)
    done = [record["rows"] for record in records(tmp_path, "chunks")]
    assert sum(done) == len(expected)
    assert max(done) <= most
    assert sizes[:2] == [len(expected)] * 2  # with two threads, then with one
    assert summary.chunks_labeled == len(done)


def test_tables_are_dropped_once_there_is_memory_to_do_it(
    bars: Path, expected: pa.Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Others in flight may hold all memory when a chunk drops its tables, and a while longer."""
    drops, limit_to = connection.Connection.drop_tables, Database._limit_to
    limits: list[tuple[str]] = []

    def drop_tables(one: connection.Connection) -> None:
        if not limits:
            one.run("set memory_limit = '1MB'")
        limits.append(one.row("select current_setting('memory_limit')"))
        one.run("select list(r) from range(2_000_000) r(r)")  # as much as the drop would take
        drops(one)

    def limit_once_there_is_memory(database: Database, share: float) -> None:
        if 1 <= len(limits) < 3:
            database._settings.execute("select list(r) from range(2_000_000) r(r)")
        limit_to(database, share)

    monkeypatch.setattr(connection.Connection, "drop_tables", drop_tables)
    monkeypatch.setattr(Database, "_limit_to", limit_once_there_is_memory)
    WeightedLabelingEngine(LabelingConfig()).process_files([bars], tmp_path)
    assert limits[0] == limits[1] == limits[2] != limits[3]
    assert read(tmp_path).equals(expected)


def test_where_nothing_fits_the_run_ends_with_the_numbers(
    bars: Path, gauge: Gauge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at_step(monkeypatch, "label/03_bars", lambda *_: setattr(gauge, "share", 1.3))
    with pytest.raises(MemoryBudgetError) as raised:
        WeightedLabelingEngine(LabelingConfig()).process_files([bars], tmp_path)
    message = str(raised.value)
    assert "holds 10.4 GB of 8 GB" in message
    assert "No smaller chunk would do; 16 GB might" in message
    assert raised.value.exit_code == 4
    assert not list(tmp_path.glob("*.parquet"))
    assert "emergency" in {event["kind"] for event in records(tmp_path, "memory_events")}
    assert records(tmp_path, "runs")[-1]["event"] == "end"


def test_a_chunk_that_is_predicted_not_to_fit_is_split_before_it_runs(
    bars: Path, expected: pa.Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(schedule, "bytes_per_row", lambda *_: 2 * 10**6)
    monkeypatch.setattr(PeakPredictor, "learn", lambda *_: None)
    labeled = label(bars, tmp_path, run={"chunk": "1mo"})
    assert labeled.equals(expected)
    done = records(tmp_path, "chunks")
    assert max(record["rows"] for record in done) <= 1.3 * 8 * GB / (2 * 10**6)
    assert all(record["predicted_peak_bytes"] < 1.3 * 8 * GB for record in done)
    assert {record["attempts"] for record in done} == {1}


@pytest.mark.long
def test_memory_that_nobody_holds_makes_duckdb_start_anew(
    bars: Path, expected: pa.Table, gauge: Gauge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The tables that hold for the whole run are carried over: the chunks after it need them."""

    def fragment(_: Database, chunk: int) -> None:
        gauge.share = 0.4 if chunk == 5 else 0.1

    at_step(monkeypatch, LABEL_STEPS[0], fragment)
    engine = WeightedLabelingEngine(LabelingConfig(run={"chunk": "500", "threads": 1}))
    summary = engine.process_files([bars], tmp_path)
    assert read(tmp_path).equals(expected)
    assert summary.chunks_labeled > 6
    assert summary.reconnects == 1
    (event,) = [e for e in records(tmp_path, "memory_events") if e["kind"] == "reconnect"]
    assert event["reason"] == "2.4 GB are held by nobody between chunks"


def test_what_duckdb_holds_is_told_as_it_is_by_now(tmp_path: Path) -> None:
    """In memory and on disk, before and after, though the query is planned once."""
    with Database(MemoryBudget.resolve("300MB"), 1, tmp_path) as database:
        assert database.buffers_and_spill() == (0, 0)
        database.run("set memory_limit = '30MB'")
        database.run("create temp table wide as select range as a from range(9_000_000)")
        buffers, spill = database.buffers_and_spill() or (0, 0)
        # 72 MB that nothing compresses in memory.
        assert 0 < buffers <= 30_000_000
        assert buffers + spill > 50_000_000
        database.drop_tables()
        assert database.buffers_and_spill() == (0, 0)


def test_the_sums_of_many_part_files_take_little_memory(tmp_path: Path) -> None:
    """Chunks are small where memory is short, and part files many."""
    write_sample(tmp_path / "bars.parquet", days=1)
    label(tmp_path / "bars.parquet", tmp_path / "out")
    (part,) = (tmp_path / "out").glob("*.parquet")
    with Database(MemoryBudget.resolve("256MB"), 2, tmp_path) as database:
        database.run("set memory_limit = '60MB'; set max_temp_directory_size = '0B'")
        assert doubts(database, LabelingConfig(), exactly([str(part)] * 600)) == []


def test_memory_that_fails_after_the_last_chunk_is_told_as_all_else(
    bars: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(database: Database, *_: object) -> None:
        database.run("set memory_limit = '1MB'")
        database.run("select list(r) from range(2_000_000) r(r)")

    monkeypatch.setattr(labeling, "doubts", fail)
    with pytest.raises(MemoryBudgetError, match=r"labeling: does not fit .* --memory-limit"):
        WeightedLabelingEngine(LabelingConfig()).process_files([bars], tmp_path)
    assert len(list(tmp_path.glob("*.parquet"))) == 1


def test_queries_are_parsed_once_for_all_and_few_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is parsed knows no table of who asked first, and outlives its connection."""
    monkeypatch.setattr(connection, "_MOST_PARSED", 20)
    budget = MemoryBudget.resolve("300MB")
    query = "select a from here where a is distinct from $other"
    kept = []
    for made, other in (("'x'", "y"), ("7", 8)):
        with Database(budget, 1, tmp_path) as database:
            database.run(f"create temp table here as select {made} as a")
            assert database.rows(query, {"other": other}) == database.rows(f"select {made}")
            kept.append(connection._PARSED[query])
    assert kept[0] is kept[1]
    with Database(budget, 1, tmp_path) as database:
        for number in range(30):
            assert database.row(f"select {number}") == (number,)
    assert query not in connection._PARSED
    assert len(connection._PARSED) == 20


def test_tables_that_are_kept_outlast_a_cleanup_and_a_start_anew(tmp_path: Path) -> None:
    budget = MemoryBudget.resolve("300MB")
    with Database(budget, 1, tmp_path) as database, Database(budget, 1, tmp_path) as other:
        database.run("create temp table here as select 1; create temp table gone as select 2")
        database.keep("here")
        database.drop_tables()
        database.reconnect()
        database.save_kept(tmp_path / "given.duckdb")
        # Whoever is given them keeps them too.
        other.load_kept(tmp_path / "given.duckdb")
        other.drop_tables()
        other.reconnect()
        for one in (database, other):
            assert one.rows("select table_name from duckdb_tables()") == [("here",)]
            assert one.row("from here") == (1,)


def test_a_budget_below_the_smallest_fails_before_any_work(bars: Path, tmp_path: Path) -> None:
    with pytest.raises(MemoryBudgetError, match="pass --memory-limit 256 MB or more"):
        label(bars, tmp_path / "out", memory={"limit": "255MB"})
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_what_a_run_learns_is_kept_for_the_next(
    bars: Path, gauge: Gauge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Even where the next one replaces the labels, and with them the records of their chunks."""
    monkeypatch.setattr("duck_label.memory.prediction._LEAST_ROWS", 1)
    at_step(monkeypatch, LABEL_STEPS[0], lambda *_: setattr(gauge, "share", 0.1))
    gauge.share = 0.02
    label(bars, tmp_path, run={"chunk": "1mo"})
    first = records(tmp_path, "chunks")[0]
    assert first["peak_rss_bytes"] == 0.8 * GB
    assert first["predicted_peak_bytes"] < 0.3 * GB
    gauge.share = 0.02
    label(bars, tmp_path, how={"overwrite": True}, run={"chunk": "1mo"})
    # The second is the largest.
    assert records(tmp_path, "chunks")[1]["predicted_peak_bytes"] > 0.4 * GB


HARD_LIMIT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_DATA, ({limit}, {limit}))
from duck_label.cli import main
main(sys.argv[1:])
"""


def peak_rss(stderr: str) -> int:
    return int(stderr.rpartition("VmHWM:")[2].split()[0]) * 1024


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="limits of processes are Linux's")
def test_the_promise_holds_under_a_hard_limit_of_the_process(tmp_path: Path) -> None:
    """Labels under a limit of the kernel's equal those of a run with all the room it likes."""
    write_sample(tmp_path / "bars.parquet", days=5, market="volatile")
    script = HARD_LIMIT.format(limit=900_000_000)
    script = script.replace("main(sys.argv[1:])", "main(sys.argv[1:], standalone_mode=False)\n")
    script += "sys.stderr.write(open('/proc/self/status').read())\n"
    tight = [sys.executable, "-c", script, "run", "bars.parquet", "-o", "tight"]
    ended = subprocess.run(
        [*tight, "--memory-limit", "300MB", "-q"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert peak_rss(ended.stderr) < 300_000_000
    roomy = label(tmp_path / "bars.parquet", tmp_path / "roomy", run={"chunk": "1mo"})
    assert read(tmp_path / "tight").equals(roomy)
    assert len(list((tmp_path / "tight").glob("*.parquet"))) > 2


UNSUSPECTING = """
import sys
from duck_label.cli import main
from duck_label.run import schedule
schedule.bytes_per_row = lambda *_: 1.0
main(sys.argv[1:])
"""


@pytest.mark.long
def test_a_full_folder_for_spilling_means_smaller_chunks(tmp_path: Path) -> None:
    """Chunks too large for both memory and folder end up in pieces that need neither."""
    write_sample(tmp_path / "bars.parquet", days=3)
    options = "--memory-limit 256MB --max-temp-size 2MB --chunk 1mo"
    options += " --critical-threshold off --emergency-threshold off"
    run = (sys.executable, "-c", UNSUSPECTING, "run", "bars.parquet", "-o", "out")
    ended = subprocess.run(
        [*run, *options.split()],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert "no room to spill" in ended.stderr
    assert "going on with smaller chunks" in ended.stderr
    whole = label(tmp_path / "bars.parquet", tmp_path / "whole")
    assert read(tmp_path / "out").equals(whole)


def test_a_folder_that_holds_nothing_is_named(
    bars: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise SpillError("no room to spill to here. Pass another --temp-dir")

    at_step(monkeypatch, "label/06_touches", full)
    with pytest.raises(SpillError, match="--temp-dir"):
        label(bars, tmp_path / "out")
