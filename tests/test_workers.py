# mypy: disable-error-code="import-untyped"
"""Labels are the same however many processes make them, and whatever becomes of those.

Workers are killed as by the kernel: what kills them is put before the program that they run.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

import golden
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.errors import (
    ConfigError,
    DuckLabelError,
    MemoryBudgetError,
    OutputError,
    WorkerLostError,
)
from duck_label.memory.budget import rss_bytes
from duck_label.records.ledger import FOLDER
from duck_label.run.crews import processes
from duck_label.run.results import Silence
from duck_label.sample import write_sample
from labeling import label, read, write
from lengths import long_but

# What a worker does late in a chunk, of which most is done; `first` is true once in all workers.
LATE = """
import os, signal, time
from pathlib import Path
from duck_label.errors import *
from duck_label.run import watch

def first(marker={marker!r}):
    try:
        Path(marker).open("x").close()
    except FileExistsError:
        return False
    return True

def on_step(database, chunk, step):
    if step == "label/10_moves":
        {act}
watch.on_step = on_step
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bars"), [golden.bars("months")])


@pytest.fixture(scope="module")
def whole(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """The labels that one process makes at one go."""
    return label(bars, tmp_path_factory.mktemp("whole") / "out", details=True)


def sabotage(monkeypatch: pytest.MonkeyPatch, folder: Path, act: str) -> None:
    """Have every worker do something before its last steps."""
    before = LATE.format(marker=str(folder / "marker"), act=act)
    monkeypatch.setattr(processes, "_MAIN", before + processes._MAIN)


def records(output: Path, name: str) -> list[dict[str, Any]]:
    path = output / FOLDER / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def working() -> list[psutil.Process]:
    """The workers that are there now; other tests leave other children."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if is_worker(child)]


def is_worker(process: psutil.Process) -> bool:
    try:
        return "duck_label.run.crews.worker" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def assert_nothing_is_left(output: Path) -> None:
    assert working() == []
    left = {path.name for path in (output / FOLDER).iterdir()}
    known = {"chunks.jsonl", "runs.jsonl", "memory_events.jsonl", "lock", "snapshots"}
    assert left <= known | {"input_0001.json", "views.sql"}


@pytest.mark.parametrize(("count", "chunk"), long_but([(2, "2500")], [(2, "2500"), (3, "1500")]))
def test_workers_make_the_labels_of_one_process(
    count: int, chunk: str, bars: Path, whole: pa.Table, tmp_path: Path
) -> None:
    run = {"chunk": chunk, "workers": count}
    seen = []

    class Onlooker(Silence):
        def advance(self, *_: object) -> None:
            seen.append(len(working()))

    engine = WeightedLabelingEngine(LabelingConfig(run=run, details=True), Onlooker())
    summary = engine.process_files([bars], tmp_path)
    assert read(tmp_path).equals(whole)
    assert max(seen) == count
    assert (summary.workers, summary.workers_lost, summary.chunks_retried) == (count, 0, 0)
    assert summary.chunks_labeled == len(records(tmp_path, "chunks")) == len(seen)
    assert summary.step_seconds.keys() == records(tmp_path, "chunks")[0]["steps"].keys()
    # Each holds an interpreter with DuckDB, and their sum is what the run holds.
    one = max(record["peak_rss_bytes"] for record in records(tmp_path, "chunks"))
    assert summary.peak_rss_bytes > one + (count - 1) * 50e6
    assert_nothing_is_left(tmp_path)


@pytest.mark.long
def test_workers_know_of_bars_that_were_set_aside(tmp_path: Path) -> None:
    table = golden.bars("months")
    bad = table.slice(700, 3)
    bars = write(tmp_path / "bars", [table, bad])  # the same bars twice
    config: dict[str, Any] = {"on_bad_rows": "quarantine"}
    alone = label(bars, tmp_path / "alone", **config)
    assert len(alone) == len(table) - 3
    run = {"workers": 2, "chunk": "3000"}
    assert label(bars, tmp_path / "out", run=run, **config).equals(alone)


def test_the_chunk_of_a_killed_worker_is_done_again(
    bars: Path, whole: pa.Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sabotage(monkeypatch, tmp_path, f"if first(): {KILL}")
    run = {"chunk": "2500", "workers": 2}
    engine = WeightedLabelingEngine(LabelingConfig(run=run, details=True))
    summary = engine.process_files([bars], tmp_path / "out")
    assert read(tmp_path / "out").equals(whole)
    assert summary.workers_lost == summary.chunks_retried == 1
    assert "workers that died or took too long: 1 " in summary.advice[0]
    attempts = {
        record["file"].removesuffix(".parquet"): record["attempts"]
        for record in records(tmp_path / "out", "chunks")
        if record["file"] is not None
    }
    (event,) = records(tmp_path / "out", "memory_events")
    assert event["kind"] == "worker_lost"
    assert "killed by SIGKILL" in event["reason"]
    assert attempts.pop(event["chunk"]) == 2
    assert set(attempts.values()) == {1}
    assert_nothing_is_left(tmp_path / "out")


@pytest.mark.long
def test_an_idle_worker_that_is_killed_breaks_nothing(
    bars: Path, whole: pa.Table, tmp_path: Path
) -> None:
    class Killer(Silence):
        """Kills a worker when the first chunk has just been given back."""

        def advance(self, *_: object) -> None:
            for victim in [] if killed else working()[:1]:
                victim.kill()
                killed.append(victim)

    killed: list[psutil.Process] = []
    config = LabelingConfig(run={"chunk": "2500", "workers": 2}, details=True)
    WeightedLabelingEngine(config, Killer()).process_files([bars], tmp_path)
    assert len(killed) == 1
    assert read(tmp_path).equals(whole)


@pytest.mark.long
def test_a_chunk_that_kills_every_worker_ends_the_run(
    bars: Path, whole: pa.Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        sabotage(patch, tmp_path, f"if '2024-12' in chunk.split('--')[0]: {KILL}")
        with pytest.raises(WorkerLostError, match=r"2024-12.* died: .*It was tried 3 times") as err:
            label(bars, tmp_path / "out", run={"chunk": "1mo", "workers": 2}, details=True)
    assert err.value.exit_code == 6
    kinds = [event["kind"] for event in records(tmp_path / "out", "memory_events")]
    assert kinds == ["worker_lost"] * 3
    assert records(tmp_path / "out", "runs")[-1]["event"] == "end"
    assert_nothing_is_left(tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.parquet")}
    assert before
    assert label(bars, tmp_path / "out", details=True).equals(whole)
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.long
def test_a_worker_that_hangs_is_ended_and_counted(
    bars: Path, whole: pa.Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With one worker too: a process cannot end itself when it hangs."""
    sabotage(monkeypatch, tmp_path, "if first(): time.sleep(600)")
    engine = WeightedLabelingEngine(LabelingConfig(run={"chunk_timeout": 3}, details=True))
    summary = engine.process_files([bars], tmp_path / "out")
    assert read(tmp_path / "out").equals(whole)
    assert summary.workers_lost >= 1
    events = records(tmp_path / "out", "memory_events")
    assert {event["kind"] for event in events} == {"timeout"}
    assert "not done within --chunk-timeout 3: pass a longer one" in events[0]["reason"]
    assert max(record["attempts"] for record in records(tmp_path / "out", "chunks")) > 1
    assert_nothing_is_left(tmp_path / "out")


@pytest.mark.long
def test_what_memory_fails_in_a_worker_is_done_in_halves(
    bars: Path, whole: pa.Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    size = "database.row('select sum(bars) from symbols')[0]"
    act = f"if {size} > 4000: raise MemoryBudgetError('too much')"
    sabotage(monkeypatch, tmp_path, act)
    run = {"workers": 2, "threads": 4}
    assert label(bars, tmp_path / "out", run=run, details=True).equals(whole)
    assert max(record["rows"] for record in records(tmp_path / "out", "chunks")) < 5000
    events = records(tmp_path / "out", "memory_events")
    assert {event["kind"] for event in events} == {"retry"}  # each with one thread first
    assert all(event["reason"].startswith("worker ") for event in events)


@pytest.mark.parametrize(
    ("act", "kind", "message"),
    [
        pytest.param(
            "raise OutputError('the disk is full')",
            OutputError,
            "the disk is full",
            marks=pytest.mark.long,
        ),
        ("raise KeyError('a wheel')", RuntimeError, r"KeyError\('a wheel'\)"),
    ],
)
def test_what_is_no_fault_of_the_chunk_ends_the_run(
    act: str,
    kind: type[Exception],
    message: str,
    bars: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    sabotage(monkeypatch, tmp_path, act)
    with pytest.raises(kind, match=message):
        label(bars, tmp_path / "out", run={"workers": 2})
    assert_nothing_is_left(tmp_path / "out")


def test_a_share_that_is_too_small_is_refused_with_what_would_do(
    bars: Path, tmp_path: Path
) -> None:
    run = {"workers": 8}
    # Beside what this very process holds by now.
    limit = f"{rss_bytes() // 1_000_000 + 1000}MB"
    with pytest.raises(MemoryBudgetError, match=r"8 workers .* GB.* or --workers \d$") as err:
        label(bars, tmp_path / "out", run=run, memory={"limit": limit})
    enough = str(err.value).partition("--memory-limit ")[2].split(" or ")[0]
    with pytest.raises(DuckLabelError, match="workers"):
        WeightedLabelingEngine(LabelingConfig(run=run, memory={"limit": limit})).plan_files(
            [bars], tmp_path / "out2"
        )
    config = LabelingConfig(run=run, memory={"limit": enough.replace(" ", "")})
    assert WeightedLabelingEngine(config).plan_files([bars], tmp_path / "out2").chunks


def test_a_cluster_without_ray_is_one_clear_message(
    bars: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'duck-label\[ray\]'"):
        label(bars, tmp_path, run={"engine": "ray"})


# A program without `if __name__ == "__main__"`, whose workers stop in the middle of a chunk.
PROGRAM = """
import sys
from duck_label.run.crews import processes
processes._MAIN = {before!r} + processes._MAIN
from duck_label.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("how", long_but([signal.SIGTERM], [signal.SIGTERM, signal.SIGKILL]))
def test_whatever_ends_the_run_leaves_no_process_behind(
    how: signal.Signals, bars: Path, tmp_path: Path
) -> None:
    act = "Path(str(os.getpid()) + '.stuck').touch(); time.sleep(600)"
    before = LATE.format(marker="marker", act=f"if not first(): {act}")
    (tmp_path / "program.py").write_text(PROGRAM.format(before=before))
    command = [sys.executable, "program.py", "run", str(bars), "-o", "out", "--workers", "2"]
    with subprocess.Popen(
        [*command, "--chunk", "2500"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as program:
        deadline = time.monotonic() + 60
        while len(stuck := list(tmp_path.glob("*.stuck"))) < 2:
            assert program.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        at_work = [psutil.Process(int(path.stem)) for path in stuck]
        os.kill(program.pid, how)
        _, said = program.communicate(timeout=30)
    assert psutil.wait_procs(at_work, timeout=10)[1] == []
    if how == signal.SIGKILL:
        assert program.returncode == -signal.SIGKILL
    else:
        assert (program.returncode, "interrupted: nothing is half-written" in said) == (130, True)
        assert len(said.splitlines()) == 1
    assert "Traceback" not in said
    assert not list((tmp_path / "out" / FOLDER).glob("*.tmp"))


@pytest.mark.long
def test_the_budget_holds_for_all_processes_together(tmp_path: Path) -> None:
    """As seen from outside: the sum of what the parent and the workers hold."""
    limit = 760_000_000
    write_sample(tmp_path / "bars.parquet", days=2)
    command = [sys.executable, "-m", "duck_label", "run", "bars.parquet", "-o", "out"]
    command += ["--workers", "2", "--memory-limit", str(limit), "--threads", "2", "-q", "--json"]
    peak = 0
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as program:
        family = psutil.Process(program.pid)
        while program.poll() is None:
            peak = max(peak, sum(rss(one) for one in [family, *family.children()]))
            time.sleep(0.02)
        assert program.stdout is not None
        summary = json.load(program.stdout)
    assert summary["chunks_labeled"] > 2
    assert 300_000_000 < peak < limit
    assert 0.8 * peak < summary["peak_rss_bytes"] < limit


def rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
