# mypy: disable-error-code="import-untyped"
"""Whatever ends a run, nothing written is lost or half-written, and the next run completes it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import duck_label
import golden
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.bars.plan import Chunk
from duck_label.errors import InputError, OutputConflictError, OutputError
from duck_label.identity import config_of, label_identity, weighing_of, weight_identity
from duck_label.look.stats import statistics
from duck_label.records.chunk import ChunkRecord
from duck_label.records.ledger import FOLDER, Ledger
from duck_label.records.lines import FORMAT
from duck_label.run import watch
from duck_label.run.results import RunSummary, Silence
from duck_label.storage.scratch import owned, scratch, spill_folder
from labeling import TWO_MODES, TWO_OPTIONS, read, write
from labeling import label_two as label
from lengths import long_but

CHUNK = {"chunk": "1500"}

# Dies by its own hand, as by kill -9, at the N-th call of one function of the program.
DIE_AT = """
import os, signal, sys
from pathlib import Path
from typing import Any
import duck_label.{module} as module
from duck_label import LabelingConfig, WeightedLabelingEngine

original, calls = module.{function}, 0

def last_call(*arguments, **keywords):
    global calls
    calls += {when!r} in ("before", "after", arguments[-1])
    if calls == {call} and {when!r} != "after":
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*arguments, **keywords)
    if calls == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

module.{function} = last_call
run = {{"chunk": "{chunk}", "threads": 2}}
config = LabelingConfig(run=run, details=True, modes={modes})
WeightedLabelingEngine(config).process_files([sys.argv[1]], sys.argv[2])
"""


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bars")
    return write(folder / "bars", [golden.bars("months")])


@pytest.fixture(scope="module")
def whole(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """The labels of a run that nothing interrupted."""
    return label(bars, tmp_path_factory.mktemp("whole") / "out", details=True)


@pytest.fixture(scope="module")
def finished(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run without details has written, in several parts."""
    output = tmp_path_factory.mktemp("finished") / "out"
    label(bars, output, run={**CHUNK, "order": "chronological"})
    return output


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A copy of it to do anything with."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


def parts(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in output.glob("*.parquet")}


def assert_whole_parts(output: Path) -> None:
    """Every part file under its final name can be read to its last row."""
    for path in output.glob("*.parquet"):
        assert pq.read_table(path).num_rows == pq.ParquetFile(path).metadata.num_rows > 0


DEATHS = (
    ("records.journal", "os.replace", "before"),  # the chunk is recorded, its file not yet there
    ("records.journal", "os.replace", "after"),
    ("records.journal", "os.fsync", "before"),  # a record is being written
    ("run.watch", "on_step", watch.OVER),  # the part is written, nothing is recorded
    ("run.watch", "on_step", "label/03_bars"),
)


@pytest.mark.parametrize("call", long_but([3], [1, 3]))
@pytest.mark.parametrize(("module", "function", "when"), long_but([DEATHS[0]], DEATHS))
def test_a_run_killed_at_any_point_is_completed(
    module: str, function: str, when: str, call: int, bars: Path, whole: pa.Table, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    point = {"module": module, "function": function, "call": call, "when": when}
    script = DIE_AT.format(**point, **CHUNK, modes=TWO_MODES)
    ended = subprocess.run([sys.executable, "-c", script, str(bars), str(output)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert_whole_parts(output)
    before = parts(output)
    # Cut in another way, so that what is left does not fall on the same borders.
    label(bars, output, details=True, run={"chunk": "2500"})
    assert before.items() <= parts(output).items()
    assert read(output).equals(whole)


@pytest.mark.long
def test_a_run_killed_again_and_again_is_completed(
    bars: Path, whole: pa.Table, tmp_path: Path
) -> None:
    """kill -9 at whatever happens to be going on, until a run gets through."""
    output = tmp_path / "out"
    command = [sys.executable, "-m", "duck_label", "run", str(bars), "-o", str(output)]
    command += ["--details", "--chunk", "300", *TWO_OPTIONS]
    for attempt in range(8):
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            time.sleep(0.35 + 0.13 * attempt)
            process.kill()
        if output.exists():
            assert_whole_parts(output)
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    assert read(output).equals(whole)


def test_a_finished_run_is_not_done_again(bars: Path, out: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.parquet")}
    engine = WeightedLabelingEngine(LabelingConfig(run={"chunk": "1w"}, modes=TWO_MODES))
    summary = engine.process_files([bars], out)
    assert summary.rows_labeled == 0
    assert summary.rows_resumed == golden.bars("months").num_rows
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_no_resume_does_everything_again(bars: Path, out: Path) -> None:
    first, count = read(out), len(parts(out))
    again = label(bars, out, how={"resume": False})
    assert again.equals(first)
    assert len(parts(out)) < count


def test_damaged_parts_are_done_again(bars: Path, out: Path) -> None:
    whole = read(out)
    gone, cut, *_ = sorted(out.glob("*.parquet"))[1:]
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-100])
    assert label(bars, out, run=CHUNK).equals(whole)


def test_half_a_record_costs_its_chunk_only(bars: Path, out: Path) -> None:
    """The last line of the records was cut by a crash: nothing vouches for its part file."""
    whole = read(out)
    records = out / FOLDER / "chunks.jsonl"
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    records.write_bytes(records.read_bytes()[:-20])
    engine = WeightedLabelingEngine(LabelingConfig(run=CHUNK, modes=TWO_MODES))
    last_rows = lines[-1]["rows"]
    assert engine.process_files([bars], out).rows_labeled == last_rows > 0
    assert read(out).equals(whole)
    assert engine.process_files([bars], out).chunks_labeled == 0


def test_another_configuration_is_refused_and_named(bars: Path, out: Path) -> None:
    before = parts(out)
    with pytest.raises(OutputConflictError, match=r'tick_size was "0.25", is "0.5".*--overwrite'):
        label(bars, out, tick_size=0.5, price_increment=0.25)
    assert parts(out) == before


def test_overwrite_replaces_all_labels(bars: Path, out: Path, tmp_path: Path) -> None:
    config: dict[str, Any] = {"timeout_seconds": 30}
    replaced = label(bars, out, how={"overwrite": True}, **config)
    assert replaced.equals(label(bars, tmp_path / "fresh", timeout_seconds=30))


def test_overwrite_by_bad_bars_keeps_the_old_labels(out: Path, tmp_path: Path) -> None:
    before = parts(out)
    bad = golden.bars("plain")
    highs = pa.array([1.0] * len(bad))
    bad = bad.set_column(bad.schema.get_field_index("high"), "high", highs)
    with pytest.raises(Exception, match="bad bars"):
        label(write(tmp_path / "bad", [bad]), out, how={"overwrite": True})
    assert parts(out) == before


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    table = golden.bars("months")
    bars = write(tmp_path / "bars", [table[:4000], table[4000:]])
    label(bars, tmp_path / "out")
    (bars / "bars_001.parquet").unlink()
    with pytest.raises(OutputConflictError, match=r"bars_001\.parquet is gone"):
        label(bars, tmp_path / "out")


def test_overwrite_by_a_range_without_bars_keeps_the_old_labels(tmp_path: Path) -> None:
    table = pa.table(
        {
            "timestamp": [datetime(2024, 3, day, 12, tzinfo=UTC) for day in (1, 2, 9, 10)],
            **dict.fromkeys(("open", "high", "low", "close"), [100.0] * 4),
        }
    )
    bars = write(tmp_path / "bars", [table])
    label(bars, tmp_path / "out")
    before = parts(tmp_path / "out")
    how = {"overwrite": True, "start": "2024-03-04", "end": "2024-03-06"}
    with pytest.raises(InputError, match="not a single bar between 2024-03-04"):
        label(bars, tmp_path / "out", how=how, details=True)
    assert parts(tmp_path / "out") == before != {}
    assert Ledger(tmp_path / "out").chunks() != []


@pytest.mark.parametrize("number", long_but([99], [None, 99]))
def test_records_of_another_format_are_not_read(number: int | None, bars: Path, out: Path) -> None:
    whole = read(out)
    records = out / FOLDER / "runs.jsonl"
    text = records.read_text()
    assert f'"format": {FORMAT}, ' in text
    written = "" if number is None else f'"format": {number}, '
    records.write_text(text.replace(f'"format": {FORMAT}, ', written))
    (out / FOLDER / "chunks.jsonl").write_text('{"what": "is this"}\n')
    message = r"another format \(.*\): pass --overwrite"
    with pytest.raises(OutputConflictError, match=message):
        label(bars, out, run=CHUNK)
    with pytest.raises(OutputConflictError, match=message):
        statistics(out)
    with pytest.raises(OutputConflictError, match=message):
        duck_label.open(out)
    how = {"overwrite": True}
    assert label(bars, out, how=how, run={"chunk": "1mo"}).equals(whole)


def test_memory_threads_and_chunks_are_no_other_configuration(bars: Path, out: Path) -> None:
    whole = read(out)
    config: dict[str, Any] = {"memory": {"limit": "1GB"}, "run": {"chunk": "2d", "threads": 1}}
    assert label(bars, out, **config).equals(whole)


def test_as_of_of_the_same_month_is_the_same_configuration(bars: Path, tmp_path: Path) -> None:
    label(bars, tmp_path / "out", as_of=date(2024, 12, 1))
    label(bars, tmp_path / "out", as_of=date(2024, 12, 20))
    with pytest.raises(OutputConflictError, match="as_of"):
        label(bars, tmp_path / "out", as_of=date(2025, 1, 1))


def test_records_tell_what_labels_and_what_weights_depend_on(bars: Path, tmp_path: Path) -> None:
    """Other weights are other weights of the same labels; without a decay no month matters."""
    plain, other = LabelingConfig(), LabelingConfig(weights={"floor": 0.4}, as_of=date(2025, 1, 1))
    assert label_identity(plain) == label_identity(other)
    assert label_identity(plain) != label_identity(LabelingConfig(unresolved="null"))
    assert weight_identity(plain) != weight_identity(other)
    assert weighing_of(plain, 24_000) != weighing_of(other, 24_000)
    assert weighing_of(plain, 24_000) != weighing_of(plain, 24_001)
    ageless = LabelingConfig(weights={"factors": ["velocity"]})
    assert weighing_of(ageless, 24_000) == weighing_of(ageless, 24_001)
    label(bars, tmp_path / "out", as_of=date(2025, 3, 1), weights={"floor": 0.4})
    ledger = Ledger(tmp_path / "out")
    checked = ledger.checked()
    assert checked is not None
    assert config_of(checked.identity).weights.floor == 0.4
    last = pc.max(golden.bars("months")["timestamp"]).as_py()
    assert checked.latest_month == 12 * last.year + last.month
    assert checked.reference_month == 12 * 2025 + 3
    weighings = {record.weighing for record in ledger.chunks()}
    assert weighings == {weighing_of(other, 12 * 2025 + 3)}


def test_what_killed_runs_spilled_is_removed(bars: Path, tmp_path: Path) -> None:
    """Wherever it lies; and what another run is using stays."""
    places = (tmp_path / "out" / FOLDER, tmp_path / "shared")
    for place in places:
        dead = spill_folder(place)
        dead.mkdir(parents=True)
        (dead / "owner.lock").touch()
        (dead / "owned").touch()
        (dead / "duckdb_temp_storage-0.tmp").touch()
    with owned(spill_folder(tmp_path / "shared")):
        label(bars, tmp_path / "out")
        label(bars, tmp_path / "other", run={"temp_dir": str(tmp_path / "shared")})
        assert [len(list(place.glob("duck_label_*"))) for place in places] == [0, 1]
    assert not list((tmp_path / "shared").iterdir())


def test_only_what_its_owner_has_left_is_taken_for_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a folder that is being made, nor one of another user; and nobody else may look in."""
    being_made, others = spill_folder(tmp_path), spill_folder(tmp_path)
    for folder in (being_made, others):
        folder.mkdir()
        (folder / "owner.lock").touch()
    (others / "owned").touch()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: 4321)
        with scratch(tmp_path) as own:
            assert own.stat().st_mode & 0o777 == 0o700
    assert {*tmp_path.iterdir()} == {being_made, others}
    with scratch(tmp_path):
        pass
    assert {*tmp_path.iterdir()} == {being_made}


def test_a_temporary_folder_may_be_given_back_by_another_thread(tmp_path: Path) -> None:
    """As where what holds it is collected; a lock that stayed would hold on to its file."""
    held = ExitStack()
    held.enter_context(scratch(tmp_path))
    before = len(os.listdir("/proc/self/fd"))
    thread = threading.Thread(target=held.close)
    thread.start()
    thread.join()
    assert len(os.listdir("/proc/self/fd")) == before - 1
    assert not list(tmp_path.iterdir())


def test_a_held_output_says_who_holds_it(bars: Path, tmp_path: Path) -> None:
    with (
        Ledger(tmp_path / "out"),
        pytest.raises(OutputError, match=rf"another run.*process {os.getpid()} on"),
    ):
        label(bars, tmp_path / "out")
    label(bars, tmp_path / "out")


def test_files_of_others_are_never_touched(bars: Path, tmp_path: Path) -> None:
    precious = tmp_path / "out" / "precious.parquet"
    precious.parent.mkdir()
    precious.write_text("not yours")
    for overwrite in (False, True):
        with pytest.raises(OutputConflictError, match=r"precious\.parquet"):
            label(bars, tmp_path / "out", how={"overwrite": overwrite})
    assert precious.read_text() == "not yours"


def test_records_tell_what_was_done(out: Path) -> None:
    lines = (out / FOLDER / "chunks.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert sum(record["rows"] for record in records) == golden.bars("months").num_rows
    for record in records:
        if record["file"] is None:
            continue
        part = pq.ParquetFile(out / record["file"])
        assert part.metadata.num_rows == record["rows"]
        assert part.metadata.num_rows > 0
        assert record["peak_rss_bytes"] > 10_000_000
    left = {path.name for path in (out / FOLDER).iterdir()}
    assert left == {
        "chunks.jsonl",
        "input_0001.json",
        "runs.jsonl",
        "lock",
        "snapshots",
        "views.sql",
    }


def test_a_full_disk_is_one_message_and_loses_nothing(bars: Path, tmp_path: Path) -> None:
    """No file may grow beyond 12 kB: writing a part fails as on a full disk."""
    label(bars, tmp_path / "out", how={"end": date(2024, 11, 1)}, run=CHUNK)
    before = parts(tmp_path / "out")
    command = [sys.executable, "-m", "duck_label", "run", str(bars), "-o", str(tmp_path / "out")]
    command += TWO_OPTIONS
    script = f"ulimit -f 12; trap '' XFSZ; exec {' '.join(command)}"
    ended = subprocess.run(["bash", "-c", script], check=False, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "13_part: cannot be written: Could not write file" in ended.stderr, ended.stderr
    assert before.items() <= parts(tmp_path / "out").items()
    assert_whole_parts(tmp_path / "out")
    label(bars, tmp_path / "out")
    assert read(tmp_path / "out").num_rows == golden.bars("months").num_rows


class Meddler(Silence):
    """Does something to the input once the first chunk is labeled."""

    def __init__(self, meddle: Callable[[], Any]) -> None:
        self._meddle = meddle

    def advance(self, chunk: Chunk, record: ChunkRecord, left: int) -> None:
        super().advance(chunk, record, left)
        self._meddle()
        self._meddle = lambda: None


def meddled(meddle: Callable[[], Any], bars: Path, output: Path) -> RunSummary:
    # One chunk at a time: none is read while the input is meddled with.
    config = LabelingConfig(modes=TWO_MODES, run={**CHUNK, "threads": 1})
    return WeightedLabelingEngine(config, Meddler(meddle)).process_files([bars], output)


def test_a_file_that_changes_while_it_is_labeled_is_told(tmp_path: Path) -> None:
    """The next run finds that it has changed, and labels it as a run over the new file would."""
    table = golden.bars("months")
    bars = write(tmp_path / "bars", [table])
    (file,) = bars.iterdir()
    higher = table
    for name in ("open", "high", "low", "close"):
        moved = pc.add(table[name], 2.5)
        higher = higher.set_column(table.column_names.index(name), name, moved)
    summary = meddled(lambda: pq.write_table(higher, file), bars, tmp_path / "out")
    (warning,) = summary.warnings
    assert warning.startswith(f"{file} changed, or is gone, while it was labeled")
    again = label(bars, tmp_path / "out", run=CHUNK)
    assert again.equals(label(bars, tmp_path / "anew", run=CHUNK))


@pytest.mark.parametrize("meddle", [Path.unlink, lambda file: file.write_bytes(b"PAR1")])
def test_a_file_that_goes_while_it_is_labeled_is_named(
    meddle: Callable[[Path], Any], tmp_path: Path
) -> None:
    bars = write(tmp_path / "bars", [golden.bars("months")])
    (file,) = bars.iterdir()
    with pytest.raises(InputError, match="changed, or is gone, while it was labeled") as raised:
        meddled(lambda: meddle(file), bars, tmp_path / "out")
    assert str(file) in str(raised.value)
    assert "the same command again goes on" in str(raised.value)
