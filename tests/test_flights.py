# mypy: disable-error-code="import-untyped"
"""Several chunks in flight in one process: labels stay the same, whatever becomes of one of them.

What happens, happens at the steps that `on_step` is told of. Where two must be in flight, each
waits there for the other.
"""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import golden
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.connection import Connection
from duck_label.database import Database
from duck_label.memory.budget import MemoryBudget
from duck_label.memory.prediction import PeakPredictor
from duck_label.queries import LABEL_STEPS
from duck_label.run import labeling, schedule, watch
from duck_label.run.crews import alone
from duck_label.run.results import RunSummary
from labeling import TWO_MODES, label, read, write
from test_pressure import GB, Gauge, falling_gauge, gauge, records

__all__ = ["falling_gauge", "gauge"]  # fixtures

RUN = {"chunk": "2500", "threads": 2}  # of three chunks, two are in flight at first
MIDDLE = "label/06_touches"


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bars"), [golden.bars("months")])


@pytest.fixture(scope="module")
def one_by_one(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run without any company has written."""
    output = tmp_path_factory.mktemp("one") / "out"
    label(bars, output, details=True, modes=TWO_MODES, run={**RUN, "threads": 1})
    return output


@pytest.fixture(scope="module")
def expected(one_by_one: Path) -> pa.Table:
    return read(one_by_one)


def run(bars: Path, output: Path, **how: Any) -> RunSummary:
    config = LabelingConfig(details=True, modes=TWO_MODES, run={**RUN, **how})
    return WeightedLabelingEngine(config).process_files([bars], output)


def at_middle(monkeypatch: pytest.MonkeyPatch, act: Callable[[Connection, int], object]) -> None:
    """Do something at a step of each of the first two chunks, when both have come to it."""
    before, calls, both = watch.on_step, count(1), threading.Barrier(2, timeout=30)

    def on_step(connection: Connection, chunk: str, name: str) -> None:
        before(connection, chunk, name)
        if name == MIDDLE and (call := next(calls)) <= 2:
            both.wait()
            act(connection, call)

    monkeypatch.setattr(watch, "on_step", on_step)


def run_for_ever(connection: Connection) -> None:
    """As a step that only an interruption ends."""
    with connection.interruptible():
        connection.run("select sum(random()) from range(1_000_000_000_000)")


def test_as_many_as_threads_are_in_flight_and_write_what_one_by_one_do(
    bars: Path, one_by_one: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    used: set[Connection] = set()
    threads: list[int] = []

    def remember(connection: Connection, _: int) -> None:
        used.add(connection)
        threads.extend(connection.row("select current_setting('threads')"))

    at_middle(monkeypatch, remember)
    summary = run(bars, tmp_path)
    assert len(used) == summary.chunks_in_flight == 2
    # Where all threads have a chunk each, DuckDB keeps none to hand work to.
    assert set(threads) == {1}
    written = {path.name: path.read_bytes() for path in one_by_one.glob("*.parquet")}
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.parquet")} == written
    done = records(tmp_path, "chunks")
    assert len(done) == len(written) > 2
    assert all(record["bars_in_flight"] <= 2 * 2500 * 1.2 for record in done)
    assert sum(record["bars_in_flight"] > record["bars"] for record in done) >= 2
    # The first two were begun together, and expected to need memory for both.
    assert len({record["predicted_peak_bytes"] for record in done[:2]}) == 1


def test_a_run_that_goes_on_learns_from_all_bars_that_were_in_flight(
    bars: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at_middle(monkeypatch, lambda *_: None)
    run(bars, tmp_path)
    learned: list[int] = []
    monkeypatch.setattr(PeakPredictor, "learn", lambda _, rows, __: learned.append(rows))
    config = LabelingConfig(details=True, modes=TWO_MODES, run=RUN)
    WeightedLabelingEngine(config).plan_files([bars], tmp_path)
    done = records(tmp_path, "chunks")
    assert sorted(learned) == sorted(record["bars_in_flight"] for record in done)
    assert sorted(learned) != sorted(record["bars"] for record in done)


def test_memory_that_fails_one_of_two_has_it_done_alone_and_the_others_one_by_one(
    bars: Path, expected: pa.Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    threads: list[int] = []

    def fail(_: Connection, call: int) -> None:
        if call == 1:
            raise duckdb.OutOfMemoryException("failed to pin block")

    at_middle(monkeypatch, fail)
    before = watch.on_step

    def on_step(connection: Connection, chunk: str, name: str) -> None:
        before(connection, chunk, name)
        if isinstance(connection, Database) and name == MIDDLE:
            threads.extend(connection.row("select current_setting('threads')"))

    monkeypatch.setattr(watch, "on_step", on_step)
    summary = run(bars, tmp_path)
    assert read(tmp_path).equals(expected)
    done = records(tmp_path, "chunks")
    assert [record["attempts"] for record in done].count(2) == summary.chunks_retried == 1
    (event,) = [e for e in records(tmp_path, "memory_events") if e["kind"] == "retry"]
    assert " alone: " in event["reason"]
    # All but its companion were labeled by nobody but the first connection, with all threads.
    assert threads == [2] * (len(done) - 1)


def test_the_critical_line_interrupts_all_and_they_go_on_one_by_one(
    bars: Path,
    expected: pa.Table,
    falling_gauge: Gauge,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    # Memory must not fall again with the end of one before the other is at work.
    at_work = threading.Barrier(2, lambda: setattr(falling_gauge, "share", 0.97), timeout=30)

    def press(connection: Connection, _: int) -> None:
        with connection.interruptible():
            at_work.wait()
            while True:
                connection.run("select sum(random()) from range(10_000_000)")

    at_middle(monkeypatch, press)
    assert run(bars, tmp_path).chunks_retried == 2
    assert read(tmp_path).equals(expected)
    assert sorted(record["attempts"] for record in records(tmp_path, "chunks"))[-3:] == [1, 2, 2]


@pytest.mark.usefixtures("hears_ctrl_c")
def test_ctrl_c_ends_all_in_flight_and_the_next_run_completes_them(
    bars: Path, expected: pa.Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(connection: Connection, call: int) -> None:
        if call == 1:
            os.kill(os.getpid(), signal.SIGINT)
        run_for_ever(connection)

    with monkeypatch.context() as patch:
        at_middle(patch, interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(bars, tmp_path)
    assert not [one.name for one in threading.enumerate() if one.name.startswith("2024-")]
    assert not list(tmp_path.glob("*.parquet"))
    run(bars, tmp_path)
    assert read(tmp_path).equals(expected)


def test_an_error_of_one_ends_the_others(
    bars: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(connection: Connection, call: int) -> None:
        if call == 1:
            raise ZeroDivisionError
        run_for_ever(connection)

    at_middle(monkeypatch, fail)
    with pytest.raises(ZeroDivisionError):
        run(bars, tmp_path)


def test_duckdb_starts_anew_only_when_nothing_is_in_flight(
    bars: Path,
    expected: pa.Table,
    gauge: Gauge,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    reconnect, before, calls = Database.reconnect, watch.on_step, count(1)

    def on_step(connection: Connection, chunk: str, name: str) -> None:
        before(connection, chunk, name)
        # The first two times that nothing is in flight, after three chunks each, are warm-up.
        if name == LABEL_STEPS[0] and next(calls) == 8:
            gauge.share = 0.4

    def counted(database: Database) -> None:
        assert not any(one.name.startswith("2024-") for one in threading.enumerate())
        gauge.share = 0.1
        reconnect(database)

    monkeypatch.setattr(alone, "SETTLE_AFTER", 2)
    monkeypatch.setattr(watch, "on_step", on_step)
    monkeypatch.setattr(Database, "reconnect", counted)
    summary = run(bars, tmp_path, chunk="600")
    assert summary.reconnects == 1
    assert summary.chunks_in_flight == 2
    assert read(tmp_path).equals(expected)


@pytest.mark.parametrize(("threads", "chunks"), [(1, 1), (2, 2), (3, 3), (16, 7)])
def test_an_automatic_chunk_is_the_share_of_one_in_flight(
    threads: int, chunks: int, bars: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """7500 bars, of which each in flight has a thousand at least."""
    monkeypatch.setattr(schedule, "LEAST_IN_FLIGHT", 1000)
    config = LabelingConfig(run={"threads": threads})
    plan = WeightedLabelingEngine(config).plan_files([bars], tmp_path)
    assert len(plan.chunks) == chunks
    assert sum(chunk.rows for chunk in plan.chunks) == 7500


def test_where_it_is_not_known_what_a_bar_needs_each_in_flight_begins_with_a_piece(
    bars: Path, expected: pa.Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing else begins before one of these pieces has told it."""
    monkeypatch.setattr(schedule, "LEAST_IN_FLIGHT", 1000)
    monkeypatch.setattr(schedule.Schedule, "_has_ample_memory", lambda _: False)
    run(bars, tmp_path, chunk="auto", threads=2)
    assert read(tmp_path).equals(expected)
    first, *_ = done = records(tmp_path, "chunks")
    largest = max(record["bars"] for record in done)
    pieces = sorted(record["bars"] for record in done)[:2]
    assert first["bars_in_flight"] == sum(pieces)
    assert max(pieces) < largest / 6


def test_of_chunks_of_a_given_size_one_begins_where_it_is_not_known_what_a_bar_needs(
    bars: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(schedule.Schedule, "_has_ample_memory", lambda _: False)
    assert run(bars, tmp_path, chunk="1500", threads=2).chunks_in_flight == 2
    first, *later = records(tmp_path, "chunks")
    assert first["bars_in_flight"] == first["bars"]
    assert later[0]["bars_in_flight"] > later[0]["bars"]


def test_those_in_flight_divide_the_budget(
    bars: Path, expected: pa.Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    per_bar = 2_000_000
    monkeypatch.setattr(schedule, "LEAST_IN_FLIGHT", 500)
    monkeypatch.setattr(schedule, "bytes_per_row", lambda *_: per_bar)
    monkeypatch.setattr(PeakPredictor, "learn", lambda *_: None)
    summary = run(bars, tmp_path, chunk="auto", threads=4)
    assert summary.chunks_in_flight > 1
    assert read(tmp_path).equals(expected)
    done = records(tmp_path, "chunks")
    # 0.6 of the budget, and a little.
    assert max(record["bars_in_flight"] for record in done) * per_bar < 1.2 * 0.6 * 8 * GB
    assert max(record["bars"] for record in done) * per_bar < 1.2 * 0.6 * 8 * GB / 2


def test_what_a_connection_keeps_all_see_and_what_it_makes_nobody_else(tmp_path: Path) -> None:
    with Database(MemoryBudget.resolve("300MB"), 2, tmp_path) as database:
        database.run("create temp table own as select 1; create temp table of_all as select 2")
        database.keep("of_all")
        other = database.another()
        assert other.row("from of_all") == (2,)
        with pytest.raises(duckdb.CatalogException):
            other.rows("from own")
        # Each begins as the first: with the macros and settings that queries count on.
        query = "select sign_of(-2.5), current_setting('TimeZone'), null::outcome"
        assert other.row(query) == database.row(query) == (-1, "UTC", None)
        database.reconnect()
        assert other.row("from of_all") == (2,)


def test_memory_is_only_given_back_and_no_limit_lowered_while_another_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Database(MemoryBudget.resolve("300MB"), 2, tmp_path) as database:
        shares: list[float] = []
        monkeypatch.setattr(database, "_limit_to", shares.append)
        with database.another().interruptible():
            database.spill()
        assert shares == [1]
        database.spill()
        assert shares[1] < 1
        assert shares[-1] == 1


def test_the_whole_limit_holds_after_a_spill_though_others_held_all_of_the_lower_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Database(MemoryBudget.resolve("300MB"), 2, tmp_path) as database:
        limit = database.row("select current_setting('memory_limit')")
        limit_to = database._limit_to
        refusals = iter(range(3))

        def limit_once_there_is_memory(share: float) -> None:
            if share == 1 and next(refusals, None) is not None:
                assert database.row("select current_setting('memory_limit')") != limit
                database._settings.execute("select list(r) from range(20_000_000) r(r)")
            limit_to(share)

        monkeypatch.setattr(database, "_limit_to", limit_once_there_is_memory)
        database.spill()
        assert next(refusals, None) is None
        assert database.row("select current_setting('memory_limit')") == limit


@pytest.mark.parametrize("threads", [1, 2])
def test_a_query_is_asked_beside_other_work(threads: int, tmp_path: Path) -> None:
    with Database(MemoryBudget.resolve("300MB"), threads, tmp_path) as database:
        database.run("create temp table of_all as select 3 as a")
        database.keep("of_all")
        with database.beside("select a + $b from of_all", {"b": 4}) as answer:
            assert database.row("select 1") == (1,)
            assert answer() == [(7,)]
        database.reconnect()
        with pytest.raises(duckdb.CatalogException), database.beside("from nothing") as answer:
            answer()


def test_labels_are_not_looked_at_while_others_in_flight_hold_all_memory(
    bars: Path, expected: pa.Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What they can teach is told after the first chunk, or else at the end."""
    calls = iter(range(3))

    def doubts(*_: object) -> list[str]:
        if next(calls) == 0:
            raise duckdb.OutOfMemoryException
        return ["they are odd"]

    monkeypatch.setattr(labeling, "doubts", doubts)
    assert run(bars, tmp_path).warnings == ["they are odd"]
    assert read(tmp_path).equals(expected)


def test_what_is_asked_beside_other_work_may_be_interrupted(tmp_path: Path) -> None:
    with Database(MemoryBudget.resolve("300MB"), 2, tmp_path) as database:
        with database.beside("select sum(random()) from range(1_000_000_000_000)") as answer:
            interruption = threading.Timer(0.3, database.interrupt_all)
            interruption.start()
            with pytest.raises(duckdb.InterruptException):
                answer()
        assert database.row("select 1") == (1,)


def test_what_is_asked_beside_work_that_fails_is_ended(tmp_path: Path) -> None:
    """Else a Ctrl-C would wait for it."""
    endless = "select sum(random()) from range(1_000_000_000_000)"
    with Database(MemoryBudget.resolve("300MB"), 2, tmp_path) as database:
        with pytest.raises(KeyboardInterrupt), database.beside(endless):
            raise KeyboardInterrupt
        assert database.row("select 1") == (1,)


def test_an_interruption_between_two_statements_ends_the_second(tmp_path: Path) -> None:
    with Database(MemoryBudget.resolve("300MB"), 2, tmp_path) as database:
        with database.interruptible():
            database.run("select 1")
            database.interrupt()
            with pytest.raises(duckdb.InterruptException):
                database.run("select 1")
        database.run("select 1")


def test_whoever_is_cancelled_asks_no_more(tmp_path: Path) -> None:
    with Database(MemoryBudget.resolve("300MB"), 2, tmp_path) as database:
        other = database.another()
        ended: list[BaseException] = []

        def work() -> None:
            try:
                with suppress(duckdb.InterruptException):
                    other.run("select sum(random()) from range(1_000_000_000_000)")
                other.run("select 1")
            except BaseException as error:
                ended.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            other.cancel()
            thread.join(0.01)
        assert [type(error).__name__ for error in ended] == ["CancelledError"]
        assert database.row("select 1") == (1,)
