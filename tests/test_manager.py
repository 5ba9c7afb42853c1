"""What is done about memory: told by readings that the tests set, never by allocating."""

import itertools
import threading
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duck_label.memory import manager as module
from duck_label.memory.manager import MemoryEvent, MemoryManager

MB = 1_000_000
LIMIT = 1000  # megabytes


class Process:
    """A process whose memory is what a test says, and what cleaning up makes of it."""

    def __init__(self, rss_mb: int = 0, cleaned_mb: int | None = None) -> None:
        self.rss_mb = rss_mb
        self.cleaned_mb = cleaned_mb
        self.calls: list[str] = []

    def read(self) -> int:
        return self.rss_mb * MB

    def release(self) -> None:
        self.calls.append("release")
        if self.cleaned_mb is not None:
            self.rss_mb = self.cleaned_mb

    def interrupt(self) -> None:
        self.calls.append("interrupt")

    def manager(
        self, cleanup: float = 0.8, critical: float = 0.95, emergency: float = 1.2
    ) -> MemoryManager:
        manager = MemoryManager(1.0, cleanup, critical, emergency, read_rss=self.read)
        manager.govern(self.release, self.interrupt)
        return manager


def kinds(manager: MemoryManager) -> list[str]:
    return [event.kind for event in manager.events if event.kind != "gc"]


def observe(manager: MemoryManager, *readings_mb: int) -> None:
    for reading in readings_mb:
        manager.observe(reading * MB)


def test_below_the_cleanup_line_nothing_happens() -> None:
    process = Process(799)
    manager = process.manager()
    assert manager.check_memory_and_cleanup() == (False, 799, 799)
    assert process.calls == []
    assert kinds(manager) == []


def test_at_the_cleanup_line_callbacks_run_before_memory_is_released() -> None:
    process = Process(800, cleaned_mb=300)
    manager = process.manager()
    manager.register_cleanup_callback(lambda: process.calls.append("first"))
    manager.register_cleanup_callback(lambda: process.calls.append("second"))
    assert manager.check_memory_and_cleanup() == (True, 800, 300)
    assert process.calls == ["first", "second", "release"]
    event = manager.events[-1]
    assert (event.kind, event.freed_bytes) == ("cleanup", 500 * MB)
    assert event.reason == "above 80% of 1 GB"
    assert manager.freed_bytes == 500 * MB


def test_a_cleanup_can_be_forced() -> None:
    process = Process(10, cleaned_mb=5)
    assert process.manager().check_memory_and_cleanup(force=True) == (True, 10, 5)


def test_a_callback_that_raises_is_reported_and_stops_nothing() -> None:
    process = Process(900, cleaned_mb=100)
    manager = process.manager()

    def broken() -> None:
        raise ValueError("no cache to clear")

    manager.register_cleanup_callback(broken)
    manager.register_cleanup_callback(lambda: process.calls.append("second"))
    assert manager.check_memory_and_cleanup()[0]
    assert process.calls == ["second", "release"]
    failed = next(event for event in manager.events if event.kind == "callback_failed")
    assert failed.reason == "a cleanup callback raised ValueError: no cache to clear"


def test_a_cleanup_that_frees_nothing_waits_until_there_is_more() -> None:
    process = Process(850)
    manager = process.manager()
    assert manager.check_memory_and_cleanup()[0]
    process.rss_mb = 869
    assert not manager.check_memory_and_cleanup()[0]
    process.rss_mb = 871
    assert manager.check_memory_and_cleanup()[0]


def test_lines_are_reported_when_passed_upwards_and_pressure_when_over() -> None:
    manager = Process().manager()
    observe(manager, 500, 800, 820, 790, 810, 950, 900, 960, 1200, 1300, 750, 700, 699, 650, 800)
    assert kinds(manager) == ["warning", "critical", "emergency", "recovered", "warning"]
    assert [event.reason for event in manager.events][:2] == [
        "800 MB is 80% of 1 GB",
        "950 MB is 95% of 1 GB",
    ]


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        ((0, 0, 0), []),
        ((0.8, 0, 0), ["warning"]),
        ((0, 0.95, 0), ["critical"]),
        ((0, 0, 1.2), ["emergency"]),
    ],
)
def test_every_line_can_be_switched_off(lines: tuple[float, float, float], seen: list[str]) -> None:
    process = Process(2000)
    manager = process.manager(*lines)
    observe(manager, 100, 2000)
    assert kinds(manager) == seen
    assert manager.check_memory_and_cleanup()[0] == (lines[0] > 0)
    assert ("interrupt" in process.calls) == (lines[1] > 0 or lines[2] > 0)


def test_work_is_interrupted_each_time_the_critical_line_is_passed() -> None:
    process = Process()
    manager = process.manager()
    observe(manager, 949, 950, 960, 999)
    assert process.calls == ["interrupt"]
    observe(manager, 940, 970)
    assert process.calls == ["interrupt", "interrupt"]


@given(readings=st.lists(st.integers(0, 1500), max_size=60))
def test_events_tell_the_pressure_whatever_the_readings(readings: list[int]) -> None:
    """Between recoveries pressure only mounts, and it is over exactly when someone was warned."""
    process = Process()
    manager = process.manager()
    observe(manager, *readings)
    rank = {"recovered": 0, "warning": 1, "critical": 2, "emergency": 3}
    ranks = [0, *(rank[kind] for kind in kinds(manager))]
    for before, after in itertools.pairwise(ranks):
        assert after > before or (after == 0 and before > 0)
    highest = max(readings, default=0)
    assert (3 in ranks) == (highest >= 1200)
    assert (1 in ranks or 2 in ranks or 3 in ranks) == (highest >= 800)
    passed = sum(after >= 950 > before for before, after in itertools.pairwise([0, *readings]))
    assert process.calls.count("interrupt") == passed


def test_whoever_listens_is_told_with_the_place() -> None:
    process = Process(900, cleaned_mb=100)
    manager = process.manager()
    heard: list[MemoryEvent] = []
    manager.listen(heard.append)
    manager.place = ("2024-03-04", "label/06_touches")
    manager.check_memory_and_cleanup()
    assert heard == list(manager.events)
    assert (heard[-1].chunk, heard[-1].step) == ("2024-03-04", "label/06_touches")


def test_garbage_is_collected_and_counted() -> None:
    manager = Process(900).manager()
    cycle: list[object] = []
    cycle.append(cycle)
    del cycle
    manager.check_memory_and_cleanup()
    assert manager.counts["gc"] == 1


def test_collections_take_a_small_part_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One looks at every object of the caller's program, which may take a second."""
    clock, collected = [100.0], []

    def collect() -> int:
        collected.append(clock[0])
        clock[0] += 1
        return 0

    monkeypatch.setattr(module, "gc", SimpleNamespace(collect=collect))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    process = Process(900, cleaned_mb=100)
    manager = process.manager()
    for _ in range(1000):
        process.rss_mb = 900
        assert manager.check_memory_and_cleanup()[0]
        clock[0] += 0.1
    assert 2 <= len(collected) <= 3
    manager.check_memory_and_cleanup(force=True)
    manager.check_memory_and_cleanup(force=True)
    assert collected[-1] == collected[-2] + 1


def test_the_smallest_chunk_shows_what_is_needed_then_the_largest_come_first() -> None:
    manager = MemoryManager()
    assert manager.optimize_processing_order([]) == []
    assert manager.optimize_processing_order([7]) == [7]
    assert manager.optimize_processing_order([1, 1, 2]) == [1, 1, 2]
    chunks = [(0, 50), (50, 80), (80, 280), (280, 310)]
    ordered = manager.optimize_processing_order(chunks)
    assert ordered == [(50, 80), (80, 280), (0, 50), (280, 310)]


def test_a_snapshot_tells_what_this_process_really_uses() -> None:
    manager = MemoryManager()
    snapshot = manager.get_memory_snapshot()
    assert 1 < snapshot.rss_mb < snapshot.vms_mb
    assert snapshot.rss_mb == snapshot.rss_bytes / MB
    assert snapshot.available_mb > 0
    assert 0 < snapshot.percent_used < 100


def test_each_thread_is_at_a_place_of_its_own_and_others_see_all() -> None:
    manager = Process(100).manager()
    manager.place = ("2024-03-04", "label/06_touches")
    seen: list[tuple[str | None, str | None]] = [manager.place]

    def other() -> None:
        seen.append(manager.place)
        manager.place = ("2024-03-05", None)
        manager.report("retry", "of this thread", 1, 1)
        seen.append(manager.place)
        manager.place = (None, None)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    ours, theirs = ("2024-03-04", "label/06_touches"), ("2024-03-05", None)
    assert seen == [ours, ours, theirs]
    assert (manager.events[-1].chunk, manager.events[-1].step) == theirs
    assert manager.place == ours
