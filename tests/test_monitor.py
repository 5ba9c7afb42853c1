"""What is measured while work goes on, from readings that the tests set."""

import itertools
import json
import random
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duck_label import MemoryManager, PerformanceMonitor
from duck_label.memory.budget import MemorySnapshot
from duck_label.memory.monitor import growth_per_second, report_text
from duck_label.memory.snapshots import SnapshotSeries

MB = 1_000_000


def snapshot(number: int, rss: int) -> MemorySnapshot:
    when = datetime(2024, 3, 4, tzinfo=UTC) + timedelta(seconds=number)
    return MemorySnapshot(when, rss, 2 * rss, 10**9, 50.0)


class Readings:
    """A memory whose readings are given one by one; the last one stays."""

    def __init__(self, *megabytes: int) -> None:
        self._left = [value * MB for value in megabytes]

    def read(self) -> int:
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


def monitor(*megabytes: int, cleanup_frequency: int = 10) -> PerformanceMonitor:
    """A monitor of a limit of 1 GB that samples when told to."""
    manager = MemoryManager(1.0, read_rss=Readings(*megabytes).read)
    return PerformanceMonitor(cleanup_frequency=cleanup_frequency, manager=manager, interval=3600)


@given(
    readings=st.lists(st.integers(0, 1000), min_size=1, max_size=300),
    capacity=st.sampled_from([2, 4, 16, 64]),
)
def test_a_series_is_bounded_keeps_peaks_and_lies_on_disk(
    readings: list[int], capacity: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("series") / "0001.jsonl"
    series = SnapshotSeries(capacity, path)
    for number, rss in enumerate(readings):
        series.add(snapshot(number, rss))
        assert len(series) < capacity
    series.flush()
    kept = list(series)
    assert max(one.rss_bytes for one in kept) == max(readings)
    assert kept == sorted(kept, key=lambda one: one.timestamp)
    assert {(one.timestamp, one.rss_bytes) for one in kept} <= {
        (one.timestamp, one.rss_bytes) for one in map(snapshot, range(len(readings)), readings)
    }
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["rss_bytes"] for line in lines] == [one.rss_bytes for one in kept]
    assert [datetime.fromisoformat(line["time"]) for line in lines] == [
        one.timestamp for one in kept
    ]
    assert list(path.parent.iterdir()) == [path]


def test_a_long_run_is_thinned_evenly() -> None:
    series = SnapshotSeries(100)
    for number in range(10_000):
        series.add(snapshot(number, 1000 - number % 7))
    times = [(one.timestamp - datetime(2024, 3, 4, tzinfo=UTC)).total_seconds() for one in series]
    assert 40 <= len(times) < 100
    assert times[0] < 200
    assert times[-1] > 9_700
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert max(gaps) < 2 * 10_000 / 40


def test_growth_is_the_slope_of_the_lows() -> None:
    lows = [(float(n), 100 * MB + 3 * MB * n) for n in range(20)]
    assert growth_per_second(lows) == 3 * MB


def test_a_sawtooth_is_no_leak_and_outliers_do_not_matter() -> None:
    teeth = [(float(n), 100 * MB + (n % 5) * MB) for n in range(60)]
    assert abs(growth_per_second(teeth)) < 0.05 * MB
    chance = random.Random(5)
    spoiled = [
        (when, 10**9 if chance.random() < 0.25 else 100 * MB + round(when * MB))
        for when, _ in teeth
    ]
    assert growth_per_second(spoiled) == pytest.approx(MB, rel=0.2)


def test_too_few_lows_say_nothing() -> None:
    assert growth_per_second([(0.0, 1), (1.0, 10**9), (2.0, 2 * 10**9)]) == 0


def test_lows_of_any_number_take_bounded_room() -> None:
    watched = monitor(100)
    watched.start_monitoring()
    for _ in range(5000):
        watched.note_low()
    assert len(watched._lows) < 128
    watched.stop()


def test_peaks_are_those_of_each_stretch_and_of_all() -> None:
    watched = monitor(10, 20, 50, 40, 30, 5)
    watched.start_monitoring()
    with watched.measure_peaks() as first:
        watched.sample()
        with watched.measure_peaks() as inside, watched.measure_peaks() as beside:
            watched.sample()
            watched.sample()
        watched.sample()
    with watched.measure_peaks() as after:
        watched.sample()
    with watched.measure_peaks() as empty:
        pass
    peaks = [one.rss_bytes for one in (first, inside, beside, after, empty)]
    assert peaks == [50 * MB, 50 * MB, 50 * MB, 5 * MB, 0]
    assert watched.finish_monitoring().peak_memory_mb == 50


def test_progress_cleans_up_at_every_nth_update_only() -> None:
    cleaned: list[int] = []
    watched = monitor(900, cleanup_frequency=3)
    # What frees enough is repeated as often as it is due.
    watched.get_memory_manager().register_cleanup_callback(lambda: cleaned.append(watched.rows))
    watched.start_monitoring(1000)
    for rows in (100, 200, 300, 400):
        watched.update_progress(rows)
    assert cleaned == [300]
    watched.stop()


def test_without_auto_cleanup_nothing_is_cleaned_up() -> None:
    manager = MemoryManager(1.0, read_rss=lambda: 900 * MB)
    watched = PerformanceMonitor(enable_auto_cleanup=False, cleanup_frequency=1, manager=manager)
    watched.start_monitoring()
    watched.update_progress(1)
    assert watched.finish_monitoring().memory_cleanup_events == []


def test_the_metrics_of_some_work() -> None:
    asleep, seen = itertools.count(1), threading.Event()

    def observe(snapshot: MemorySnapshot) -> None:
        if snapshot.step == "sleeping" and next(asleep) == 2:
            seen.set()

    watched = PerformanceMonitor(
        target_rows_per_minute=60, memory_limit_gb=100.0, interval=0.01, observe=observe
    )
    with watched.performance_context(500) as context:
        assert context is watched
        with watched.stage("a chunk", "sleeping"):
            began = time.perf_counter()
            assert seen.wait(60)
            slept = time.perf_counter() - began
        watched.update_progress(500)
        context.update_progress(500, "waiting")
    metrics = watched.metrics()
    assert metrics.rows_processed == 500
    assert metrics.rows_per_minute == pytest.approx(500 / metrics.elapsed_time * 60)
    assert metrics.projected_minutes(1000) == pytest.approx(2 * metrics.elapsed_time / 60)
    assert slept <= metrics.processing_stages["sleeping"] <= metrics.elapsed_time
    assert set(metrics.processing_stages) == {"sleeping", "waiting"}
    assert metrics.peak_memory_mb >= metrics.memory_snapshots[0].rss_mb > 1
    assert {one.step for one in metrics.memory_snapshots} >= {"sleeping"}
    assert len(metrics.memory_snapshots) >= 4
    assert metrics.memory_growth_rate_mb_per_minute == 0


def test_rates_before_the_first_row() -> None:
    metrics = monitor(10).metrics()
    assert metrics.rows_per_minute == 0
    assert metrics.projected_minutes(1000) == float("inf")


def test_the_report_is_narration(capsys: pytest.CaptureFixture[str]) -> None:
    watched = monitor(100, 700, 200)
    watched.start_monitoring(100)
    watched.update_progress(100, "labeling")
    watched.stop()
    watched.print_performance_report()
    said = capsys.readouterr()
    assert said.out == ""
    assert "100 rows" in said.err
    assert "times the target of 167,000" in said.err
    assert "peaked at 700 MB of 1 GB" in said.err
    assert "labeling: " in said.err


def test_an_exception_passes_through_and_ends_the_sampling() -> None:
    watched = monitor(100)
    with pytest.raises(KeyError), watched.performance_context(1):
        raise KeyError("work")
    assert watched.metrics().peak_memory_mb == 100
    assert watched._thread is None


def test_fragmentation_is_what_nobody_accounts_for() -> None:
    held = {"duckdb": 0}
    rss = {"mb": 100}
    manager = MemoryManager(1.0, read_rss=lambda: rss["mb"] * MB)
    watched = PerformanceMonitor(
        manager=manager, probe=lambda: (held["duckdb"] * MB, 0), interval=3600
    )
    watched.start_monitoring()
    for warm in (120, 130):
        rss["mb"] = warm
        watched.note_low()
    assert watched.fragmentation_bytes == 0
    rss["mb"], held["duckdb"] = 330, 200
    watched.note_low()
    assert watched.fragmentation_bytes == 0
    held["duckdb"] = 40
    watched.note_low()
    assert watched.fragmentation_bytes == 160 * MB
    assert watched.finish_monitoring().fragmentation_mb == 160


def test_ten_samples_a_second_are_less_than_one_percent_of_a_core() -> None:
    from duck_label.database import Database
    from duck_label.memory.budget import MemoryBudget

    budget = MemoryBudget.resolve("300MB")
    with Database(budget, 2, Path("unused")) as database:
        watched = PerformanceMonitor(
            manager=MemoryManager(1.0), probe=database.buffers_and_spill, interval=3600
        )
        watched.start_monitoring()
        took = []
        for _ in range(5):
            began = time.thread_time()
            for _ in range(20):
                watched.sample()
            took.append((time.thread_time() - began) / 20)
        watched.stop()
    assert 10 * min(took) < 0.01


def test_progress_takes_a_snapshot_but_not_twice_in_a_moment() -> None:
    monitor = PerformanceMonitor(interval=3600)
    monitor.start_monitoring(10)
    before = len(monitor.metrics().memory_snapshots)
    monitor._sampled -= 3600  # an hour later
    monitor.update_progress(1)
    monitor.update_progress(2)
    assert len(monitor.metrics().memory_snapshots) == before + 1
    monitor.stop()


def test_a_listener_that_fails_is_heard_of_and_ends_no_watching() -> None:
    seen = threading.Semaphore(0)

    def observe(snapshot: MemorySnapshot) -> None:  # noqa: ARG001
        if threading.current_thread().name == "memory-sampler":
            seen.release()
            raise ZeroDivisionError("of a listener")

    monitor = PerformanceMonitor(interval=0.01, observe=observe)
    monitor.start_monitoring(10)
    # It is asked again and again, though it fails each time.
    assert all(seen.acquire(timeout=10) for _ in range(3))
    with pytest.raises(ZeroDivisionError, match="of a listener"), monitor.stage(None, "next"):
        pass
    assert seen.acquire(timeout=10)
    monitor.stop()


def test_a_run_of_seconds_tells_no_growth_a_minute() -> None:
    short = PerformanceMonitor(manager=MemoryManager(1.0)).metrics()
    assert "a minute" not in report_text(short).splitlines()[1]
    assert "0 cleanups, 0 collections" in report_text(short)
    long = replace(short, elapsed_time=90.0, memory_growth_rate_mb_per_minute=2.5)
    assert "grew by 2.5 MB a minute" in report_text(long)
