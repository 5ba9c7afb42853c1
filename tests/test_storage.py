# mypy: disable-error-code="import-untyped"
"""Files in a store: labels, records and errors are those of local files, whatever goes wrong."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

import duck_label
import golden
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.cli import main
from duck_label.database import Database
from duck_label.errors import BadBarsError, OutputError
from duck_label.identity import weighing_of
from duck_label.memory.budget import MemoryBudget
from duck_label.records.chunk import ChunkRecord
from duck_label.records.ledger import FOLDER, Ledger
from duck_label.sample import write_sample
from duck_label.storage import failures, httpfs, names, places, stores
from duck_label.storage.copies import Copies
from labeling import TWO_MODES, TWO_OPTIONS, read, write
from lengths import long_but
from s3 import KEY_ID, SECRET, TOKEN, Asked, Server, the_server

CONFIG = LabelingConfig(details=True, modes=TWO_MODES, run={"chunk": "1500"})
RUN = ("--details", "--chunk", "1500", *TWO_OPTIONS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = the_server()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_SESSION_TOKEN", TOKEN)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", server.url)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        # Small files are read as large ones are: not whole with their end.
        patch.setattr(stores, "_TAIL_BYTES", 1024)
        # What fails here fails for good, or passes with what s3fs itself tries.
        patch.setattr(failures, "PATIENCE", 0)
        server.forget()
        yield server


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """A folder in the store for one test alone."""
    return f"bars/{re.sub(r'[^a-z0-9]+', '_', request.node.name)}"


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bars of an hour or so in two files."""
    table = golden.bars("plain")
    return write(
        tmp_path_factory.mktemp("local") / "bars",
        [table.slice(0, 2500), table.slice(2500)],
        row_group_size=900,
    )


@pytest.fixture(scope="module")
def whole(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run over local files wrote."""
    output = tmp_path_factory.mktemp("whole") / "out"
    WeightedLabelingEngine(CONFIG).process_files([bars], output)
    return output


def upload(server: Server, folder: Path, place: str) -> str:
    for path in folder.glob("*.parquet"):
        server.files().put_file(str(path), f"{place}/{path.name}")
    return f"s3://{place}"


def parts(server: Server, place: str) -> dict[str, bytes]:
    found = server.files().glob(f"{place}/*.parquet")
    return {path.rpartition("/")[2]: server.files().cat_file(path) for path in found}


def labels(server: Server, place: str, folder: Path) -> pa.Table:
    """All labeled bars of an output in the store."""
    folder.mkdir()
    for name, content in parts(server, place).items():
        (folder / name).write_bytes(content)
    return read(folder)


def local_parts(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in output.glob("*.parquet")}


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def inputs(server: Server, bars: Path) -> list[str]:
    """The bars, one file here, one in the store."""
    upload(server, bars, "bars/mixed")
    return [str(bars / "bars_000.parquet"), "s3://bars/mixed/*_001.parquet"]


@pytest.fixture(scope="module")
def output(server: Server, inputs: list[str]) -> str:  # noqa: ARG001 - whose store it is
    """An output in the store."""
    result = call("run", *inputs, "-o", "s3://bars/output", *RUN)
    assert result.exit_code == 0, result.stderr
    return "s3://bars/output"


def test_labels_and_records_are_those_of_local_files(
    server: Server, inputs: list[str], output: str, whole: Path
) -> None:
    """All that looks at an output in a store says what it says of a local one."""
    assert parts(server, "bars/output") == local_parts(whole)
    at = golden.bars("plain")["timestamp"][1500].as_py().isoformat()
    for command in (["stats"], ["explain", "--at", at]):
        said = [call(command[0], out, *command[1:], "--json") for out in (output, str(whole))]
        stored, local = (re.sub(r'"output": "[^"]*"', "", one.stdout) for one in said)
        assert stored == local
        assert [one.exit_code for one in said] == [0, 0]
    query = "select chunk, rows, size_bytes from chunks where file is not null order by all"
    said = [call("sql", out, query, "--format", "json") for out in (output, str(whole))]
    assert said[0].stdout == said[1].stdout
    assert len(json.loads(said[0].stdout)) == len(list(whole.glob("*.parquet")))
    assert call("validate", *inputs).exit_code == 0
    views = server.files().cat("bars/output/_duck_label/views.sql").decode()
    assert f"coalesce(getvariable('labels_folder'), '{output}')" in views
    assert "nothing to do" in call("run", *inputs, "-o", output, *RUN).stderr


@pytest.mark.parametrize(
    "command", long_but([["explain"]], [["explain"], ["stats"], ["report"]]), ids=str
)
def test_who_looks_at_an_output_fetches_its_records_once(
    command: list[str], server: Server, output: str, tmp_path: Path
) -> None:
    more = {
        "explain": ["--at", golden.bars("plain")["timestamp"][1500].as_py().isoformat()],
        "report": ["-o", str(tmp_path / "report.html")],
    }
    key = f"bars/output/{FOLDER}/chunks.jsonl"
    before = server.read(key)
    looked = call(*command, output, *more.get(command[0], []))
    assert looked.exit_code == 0, looked.stderr
    assert server.read(key) - before == server.files().size(key)


@pytest.mark.long
def test_workers_label_from_a_store_into_a_store(
    server: Server, place: str, inputs: list[str], whole: Path, tmp_path: Path
) -> None:
    result = call("run", *inputs, "-o", f"s3://{place}", *RUN, "--workers", "2")
    assert result.exit_code == 0, result.stderr
    assert labels(server, place, tmp_path / "labels").equals(read(whole))
    left = {path.rpartition("/")[2] for path in server.files().find(place)}
    assert not [name for name in left if name.endswith(".tmp")]


def test_a_part_that_is_handed_over_in_the_store_is_taken_there(
    server: Server, place: str, tmp_path: Path
) -> None:
    """By whoever shares no folder with the run: it lies aside until it is recorded."""
    with Ledger(f"s3://{place}") as ledger:
        handover = ledger.output.handover()
        path = handover.unfinished("2024-01-01--2024-01-09.parquet", "token", tmp_path)
        assert path.parent == tmp_path
        path.write_bytes(b"bars")
        handover.deliver(path, "2024-01-01--2024-01-09.parquet")
        assert not path.exists()
        assert parts(server, place) == {}
        record = ChunkRecord(0, 1, "2024-01-01--2024-01-09.parquet", 1, 4, 1, 0, 0.0)
        ledger.finish(record)
        assert parts(server, place) == {"2024-01-01--2024-01-09.parquet": b"bars"}
        assert [found.file for found in ledger.chunks()] == ["2024-01-01--2024-01-09.parquet"]
        path.write_bytes(b"other")
        handover.deliver(path, "2024-01-02--2024-01-09.parquet")
        handover.remove("token", "2024-01-02--2024-01-09.parquet")
        assert not server.files().find(f"{place}/_duck_label/waiting")
        path.write_bytes(b"lost")
        handover.deliver(path, "2024-01-03--2024-01-09.parquet")
    with Ledger(f"s3://{place}"):  # the next run removes what nobody took
        assert not server.files().find(f"{place}/_duck_label/waiting")
    assert list(parts(server, place)) == ["2024-01-01--2024-01-09.parquet"]


def test_a_query_changes_nothing_in_a_store(server: Server, output: str) -> None:
    before = server.files().find("bars")
    asked = len(server.asked)
    for to in (f"{output}/x.csv", "s3://bars/other.csv"):
        assert call("sql", output, f"copy (select 1) to '{to}'").exit_code == 2
    assert {one.method for one in server.asked[asked:]} <= {"GET", "HEAD"}
    assert server.files().find("bars") == before


@pytest.mark.parametrize("scheme", long_but(["memory"], ["memory", "file"]))
def test_any_url_of_fsspec_will_do(scheme: str, bars: Path, whole: Path, tmp_path: Path) -> None:
    root = f"{scheme}://{tmp_path}"
    files = fsspec.filesystem(scheme)
    files.makedirs(f"{root}/bars")
    for path in bars.iterdir():
        files.pipe_file(f"{root}/bars/{path.name}", path.read_bytes())
    WeightedLabelingEngine(CONFIG).process_files([f"{root}/bars"], f"{root}/out")
    found = files.cat(f"{root}/out/*.parquet")
    assert {Path(name).name: content for name, content in found.items()} == local_parts(whole)
    assert call("stats", f"{root}/out").exit_code == 0


ITEMS = (
    *("", "a.parquet", "*.parquet", "?.parquet", "[ab].parquet", "*", "**/*.parquet"),
    *(
        "sub",
        "sub/*",
        "sub/*.parquet",
        "**",
        ".hidden/*",
        "_aside/*.parquet",
        "with [b]racket.parquet",
    ),
    *("none", "*.none", "empty", "output", "output/*"),
)


@pytest.fixture(scope="module")
def tree(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files under awkward names, here and in the store alike."""
    root = tmp_path_factory.mktemp("tree")
    for name in (
        *("a.parquet", "b.parquet", "note.txt", "sub/c.parquet", "sub/deeper/d.parquet"),
        *("_aside/e.parquet", "sub/_part.parquet", ".hidden/f.parquet", "sub/.g.parquet"),
        *("with [b]racket.parquet", "empty/note.txt"),
        *("output/_duck_label/runs.jsonl", "output/g.parquet", "output/deeper/h.parquet"),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
        server.files().pipe_file(f"bars/tree/{name}", b"x")
    return root


@pytest.mark.parametrize("item", ITEMS)
def test_names_find_what_they_find_on_a_disk(item: str, tree: Path) -> None:
    def found(root: str) -> list[str] | str:
        try:
            names = places.find_files([f"{root}/{item}".rstrip("/")]).paths
        except Exception as error:
            return type(error).__name__
        return [name.removeprefix(f"{root}/") for name in names]

    assert found("s3://bars/tree") == found(str(tree))


def test_a_query_reads_the_columns_of_the_row_groups_that_it_needs(
    server: Server, place: str, tmp_path: Path
) -> None:
    """Requested bytes against those of the column chunks, as the footer has them."""
    path = tmp_path / "bars.parquet"
    write_sample(path, days=4)
    server.files().put_file(str(path), f"{place}/bars.parquet")
    footer = pq.ParquetFile(path).metadata
    first, last = (f"2024-03-14 0{hour}:00:00+00" for hour in (2, 9))
    for columns in (["timestamp"], ["timestamp", "high"], ["timestamp", "open", "close", "volume"]):
        needed = sum(
            group.column(number).total_compressed_size
            for group in map(footer.row_group, range(footer.num_row_groups))
            for number in range(group.num_columns)
            if group.column(number).path_in_schema in columns
            and str(group.column(0).statistics.min) < last
            and str(group.column(0).statistics.max) >= first
        )
        stores.of_scheme.cache_clear()
        before = server.read(place)
        with Database(MemoryBudget.resolve("1GB"), 2, tmp_path / "spill") as database:
            ((rows, *_),) = database.rows(
                f"select count(*), {', '.join(f'hash({name}).max()' for name in columns)} "
                "from read_parquet($files) where timestamp >= $first and timestamp < $last",
                {"files": [f"s3://{place}/bars.parquet"], "first": first, "last": last},
            )
        assert rows > 10_000
        requested = server.read(place) - before
        # The footer is read with the end of the file: by ours, and by DuckDB in 16 KiB.
        assert needed <= requested <= 1.02 * needed + stores._TAIL_BYTES + 16 * 1024


def test_a_run_reads_every_byte_once(server: Server, place: str, bars: Path) -> None:
    inputs = upload(server, bars, f"{place}/bars")
    WeightedLabelingEngine(CONFIG).process_files([inputs], f"s3://{place}/out")
    size = sum(path.stat().st_size for path in bars.glob("*.parquet"))
    # Footers, which are at the end, are read twice.
    assert server.read(f"{place}/bars") <= size + 2 * len(list(bars.iterdir())) * 8192


@given(
    reads=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 30)), max_size=12),
    most=st.sampled_from((10, 1000)),
)
def test_copies_have_what_the_file_has(reads: list[tuple[int, int]], most: int) -> None:
    """Whatever is read, in whatever order; fetched once, as long as there is room to keep it."""
    content = bytes(range(120))
    fetched: list[int] = []

    def fetch(start: int, size: int) -> bytes:
        fetched.extend(range(start, start + size))
        return content[start : start + size]

    copies = Copies(most_bytes=most)
    for start, size in reads:
        assert copies.read("s3://bars/x", start, size, fetch) == content[start : start + size]
    wanted = {byte for start, size in reads for byte in range(start, start + size)}
    assert set(fetched) == wanted
    if most == 1000:
        assert len(fetched) == len(wanted)


def killing(process: list[subprocess.Popen[bytes]], key: str, call: int) -> Any:
    """A hook that kills a run at the N-th time that it writes a file, before it is stored."""
    seen = 0

    def hook(asked: Asked) -> Any:
        nonlocal seen
        if asked.method == "PUT" and re.search(key, asked.key):
            seen += 1
            if seen == call:
                return process[0].kill
        return None

    return hook


@pytest.mark.parametrize(
    ("key", "call"),
    [
        (r"--.*\.parquet", 2),
        pytest.param(r"--.*\.parquet", 1, marks=pytest.mark.slow),
        pytest.param(r"chunks\.jsonl", 2, marks=pytest.mark.slow),
        pytest.param(r"runs\.jsonl", 2, marks=pytest.mark.slow),
        pytest.param(r"views\.sql", 1, marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_at_any_point_is_completed(
    key: str, call: int, server: Server, place: str, bars: Path, whole: Path, tmp_path: Path
) -> None:
    inputs = upload(server, bars, f"{place}/bars")
    output = f"s3://{place}/out"
    command = [sys.executable, "-m", "duck_label", "run", inputs, "-o", output, *RUN]
    process: list[subprocess.Popen[bytes]] = []
    with server.failing(killing(process, key, call)):
        process.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        assert process[0].wait() == -signal.SIGKILL
    before = parts(server, f"{place}/out")
    assert before.items() <= local_parts(whole).items()
    # The lock that the dead left is no hindrance, as it was of this machine.
    assert server.files().exists(f"{place}/out/{FOLDER}/lock")
    cut_short = Ledger(output).cut_short([])
    assert cut_short is not None
    assert cut_short.is_going_on is False
    # What is left may be cut in another way.
    WeightedLabelingEngine(CONFIG).process_files([inputs], output)
    assert Ledger(output).cut_short([]) is None
    assert before.items() <= parts(server, f"{place}/out").items()
    assert labels(server, f"{place}/out", tmp_path / "labels").equals(read(whole))
    assert not server.files().exists(f"{place}/out/{FOLDER}/lock")


FAILURES = ("internal", "slow down", "reset", "cut", "lost")


def test_what_goes_wrong_for_a_while_changes_nothing(
    server: Server, place: str, bars: Path, whole: Path
) -> None:
    """Every seventh request fails, each time in another way."""
    inputs = upload(server, bars, f"{place}/bars")
    count = 0

    def hook(asked: Asked) -> str | None:  # noqa: ARG001
        nonlocal count
        count += 1
        return FAILURES[count // 7 % len(FAILURES)] if count % 7 == 0 else None

    with server.failing(hook):
        WeightedLabelingEngine(CONFIG).process_files([inputs], f"s3://{place}/out")
    assert count > 7 * len(FAILURES)
    assert parts(server, f"{place}/out") == local_parts(whole)
    assert not server.files().exists(f"{place}/out/{FOLDER}/lock")


@pytest.mark.slow
def test_a_read_that_stalls_is_asked_again(
    server: Server, place: str, bars: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = upload(server, bars, f"{place}/bars")
    monkeypatch.setitem(fsspec.config.conf, "s3", {"config_kwargs": {"read_timeout": 1}})
    stores.of_scheme.cache_clear()
    stalled = 0

    def hook(asked: Asked) -> str | None:
        nonlocal stalled
        stalled += asked.first is not None
        return "stall" if asked.first is not None and stalled in (3, 8) else None

    with server.failing(hook):
        WeightedLabelingEngine(CONFIG).process_files([inputs], f"s3://{place}/out")
    stores.of_scheme.cache_clear()
    assert stalled > 8
    assert parts(server, f"{place}/out") == local_parts(whole)


def test_a_folder_is_held_by_one_run(
    server: Server, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = f"s3://{place}/out"
    lock = f"{place}/out/{FOLDER}/lock"
    with Ledger(output) as ledger:
        ledger.append("runs", {"event": "start"})
        with pytest.raises(OutputError, match="another run is writing here"), Ledger(output):
            pass
        # On another machine nothing is known of this one's runs.
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        way_out = re.escape(f"if it was killed, remove s3://{lock}")
        who = rf"process {os.getpid()} on \S+ since 20"
        with pytest.raises(OutputError, match=f"{who}.*{way_out}"), Ledger(output):
            pass
    assert not server.files().exists(lock)
    # What another machine's run left when it was killed is for people to judge.
    server.files().pipe_file(lock, b'{"token": "theirs", "who": "process 1 on elsewhere"}')
    with pytest.raises(OutputError, match="process 1 on elsewhere"), Ledger(output):
        pass
    server.files().rm_file(lock)
    with Ledger(output) as ledger:
        assert json.loads((ledger.folder / "runs.jsonl").read_text())["event"] == "start"


def test_a_lock_is_made_though_the_answer_is_lost(server: Server, place: str) -> None:
    lost = iter(["lost"])
    output = f"s3://{place}/out"
    with (
        server.failing(lambda asked: next(lost, None) if "/lock" in asked.key else None),
        Ledger(output),
    ):
        assert server.files().exists(f"{place}/out/{FOLDER}/lock")


@pytest.mark.long
def test_changed_and_new_files_are_news(
    server: Server, place: str, bars: Path, tmp_path: Path
) -> None:
    inputs, output = f"s3://{place}/bars", f"s3://{place}/out"
    bars = Path(shutil.copytree(bars, tmp_path / "bars"))  # they change
    files = sorted(bars.glob("*.parquet"))
    server.files().put_file(str(files[0]), f"{place}/bars/{files[0].name}")
    engine = WeightedLabelingEngine(CONFIG)
    engine.process_files([inputs], output)
    server.files().put_file(str(files[1]), f"{place}/bars/{files[1].name}")
    assert engine.process_files([inputs], output).rows_labeled > 0
    engine.process_files([bars], tmp_path / "out")
    assert labels(server, f"{place}/out", tmp_path / "labels").equals(read(tmp_path / "out"))
    server.files().put_file(str(files[0]), f"{place}/bars/{files[1].name}")
    with pytest.raises(BadBarsError, match="duplicate"):
        engine.process_files([inputs], output)
    third = tmp_path / "bars_002.parquet"
    pq.write_table(pq.read_table(files[1])[::2], third)
    server.files().put_file(str(third), f"{place}/bars/{files[1].name}")
    assert engine.process_files([inputs], output).chunks_stale > 0
    shutil.copy(third, bars / files[1].name)
    engine.process_files([bars], tmp_path / "again")
    assert labels(server, f"{place}/out", tmp_path / "new").equals(read(tmp_path / "again"))


def test_records_are_fetched_once_until_they_change(server: Server, place: str, bars: Path) -> None:
    output = f"s3://{place}/out"
    WeightedLabelingEngine(CONFIG).process_files([bars], output)
    names = ("runs.jsonl", "chunks.jsonl", "input_0001.json")

    def fetched() -> list[int]:
        return [server.read(f"{place}/out/{FOLDER}/{name}") for name in names]

    with duck_label.open(output) as opened:
        before = fetched()
        assert opened.config == opened.config
        assert fetched() == before
        with Ledger(output) as ledger:
            # Once: whoever holds the folder looks again, and nothing has changed.
            sizes = [(ledger.folder / name).stat().st_size for name in names]
            assert fetched() == [sum(pair) for pair in zip(before, sizes, strict=True)]
            ledger.begin_run({})
            before = fetched()
            sizes = [(ledger.folder / name).stat().st_size for name in names]
        assert opened.config.details
        assert fetched() == [before[0] + sizes[0], *before[1:]]


def test_bad_bars_are_set_aside_in_the_store(server: Server, place: str, tmp_path: Path) -> None:
    table = golden.bars("plain")
    low = table["low"].to_pylist()
    low[100] += 1000.0
    bad = table.set_column(table.column_names.index("low"), "low", pa.array(low))
    inputs = upload(server, write(tmp_path / "bars", [bad]), f"{place}/bars")
    output, aside = f"s3://{place}/out", f"{place}/out/{FOLDER}/quarantine.bars"
    result = call("run", inputs, "-o", output, "--on-bad-rows", "quarantine", *TWO_OPTIONS)
    assert f"1 bad bars were set aside in s3://{aside}" in result.stderr
    assert pq.read_table(aside, filesystem=server.files())["duck_label_row"].to_pylist() == [100]
    again = call("run", inputs, "-o", output, "--on-bad-rows", "quarantine", *TWO_OPTIONS)
    assert "nothing to do" in again.stderr


COMPLAINTS = {
    "denied": "access is denied to these credentials",
    "bad key": "access is denied to these credentials",
    "expired": "the credentials have expired: renew them",
}


@pytest.mark.parametrize("failure", long_but(["expired"], COMPLAINTS))
def test_a_refusal_is_one_clear_message(
    failure: str, server: Server, place: str, bars: Path, tmp_path: Path
) -> None:
    """Of an input, of an output, and in the middle of a run; with the exit code of its kind."""
    inputs = upload(server, bars, f"{place}/bars")
    here, there = str(tmp_path / "out"), f"s3://{place}/out"

    def refused(key: str, exit_code: int, *arguments: str, from_call: int = 1) -> None:
        calls = 0

        def hook(asked: Asked) -> str | None:
            nonlocal calls
            calls += key in asked.key + asked.query
            return failure if calls >= from_call else None

        with server.failing(hook):
            result = call(*arguments)
        assert result.exit_code == exit_code, result.stderr
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        assert line.endswith(COMPLAINTS[failure] + line.partition(COMPLAINTS[failure])[2])
        assert COMPLAINTS[failure] in line
        assert "Traceback" not in result.stderr

    refused("bars", 3, "run", inputs, "-o", here, "-q")
    refused("bars", 3, "validate", inputs)
    refused("bars_001", 3, "run", inputs, "-o", here, "-q", from_call=4)
    refused("out", 1, "run", str(bars), "-o", there, "-q")
    refused("--", 1, "run", str(bars), "-o", there, "-q")


def test_what_is_not_there_is_named(bars: Path, tmp_path: Path) -> None:
    here = str(tmp_path / "out")
    for arguments, exit_code, message in (
        (("run", "s3://nowhere/bars", "-o", here), 3, "s3://nowhere/bars: there is no such bucket"),
        (("run", str(bars), "-o", "s3://nowhere/out"), 1, "there is no such bucket"),
        (("run", "s3://bars/none", "-o", here), 3, "s3://bars/none: there is no such file"),
        (("run", "s3://bars/none*.parquet", "-o", here), 3, "there is no such file"),
        (("stats", "s3://bars/none"), 3, "there are no labels in this folder"),
        (("sql", "s3://bars/none", "from runs"), 3, "holds no output of duck-label"),
        (("run", "nosuch://bars/x", "-o", here), 2, "is no kind of URL that fsspec knows"),
    ):
        result = call(*arguments)
        assert result.exit_code == exit_code
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in ("gcsfs", "adlfs"):
        monkeypatch.setitem(sys.modules, module, None)
    stores.of_scheme.cache_clear()
    for scheme, extra in (("gs", "gs"), ("gcs", "gs"), ("az", "az"), ("abfs", "az")):
        result = call("run", f"{scheme}://bars/x", "-o", str(tmp_path / "out"))
        assert result.exit_code == 2
        assert f"pip install 'duck-label[{extra}]'" in result.stderr


def test_credentials_are_nowhere_written(
    server: Server, place: str, bars: Path, tmp_path: Path
) -> None:
    """Neither in what is said, nor in records, nor in whatever else is written, here or there."""
    inputs = upload(server, bars, f"{place}/bars")
    said = [call("run", inputs, "-o", f"s3://{place}/out", *RUN, "-v", "--debug", "--profile")]
    count = 0

    def hook(asked: Asked) -> str | None:  # noqa: ARG001
        nonlocal count
        count += 1
        # How many requests there are depends on what is remembered of the store by then.
        return "denied" if count >= 2 else None

    with server.failing(hook):
        said.append(call("run", inputs, "-o", str(tmp_path / "out"), "-v", "--debug"))
    assert [one.exit_code for one in said] == [0, 3]
    written = [one.stdout + one.stderr for one in said]
    written += [
        server.files().cat_file(name).decode("latin-1") for name in server.files().find(place)
    ]
    written += [p.read_bytes().decode("latin-1") for p in tmp_path.rglob("*") if p.is_file()]
    locks = Path(os.environ["XDG_STATE_HOME"]).rglob("locks/*")
    written += [path.read_bytes().decode("latin-1") for path in locks]
    for secret in (KEY_ID, SECRET, TOKEN, "X-Amz-Signature", "AWS4-HMAC"):
        assert not any(secret in text for text in written)


@pytest.mark.parametrize(
    "url",
    [
        "https://me:hushhush@example.com/bars.parquet",
        "https://example.com/bars.parquet?X-Amz-Signature=hushhush",
        "az://bars/x.parquet?sv=2024&sig=hushhush",
        "https://hushhush@example.com/bars.parquet",
        "s3://KEY:hush/hushhush@bars/x.parquet",
        "https://example.com/bars.parquet#token=hushhush",
        "https://example.com/bars.parquet?hushhush",
    ],
)
def test_a_url_with_a_secret_is_refused_and_not_repeated(url: str, tmp_path: Path) -> None:
    for arguments in (("run", url, "-o", str(tmp_path / "out")), ("run", "x", "-o", url)):
        result = call(*arguments)
        assert result.exit_code == 2
        assert "has a user, password, token or query in it" in result.stderr
        assert "hushhush" not in result.stderr


@pytest.mark.usefixtures("server")
def test_locks_are_kept_where_nobody_else_writes(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with Ledger(f"s3://{place}/out"):
        folder = tmp_path / "duck_label" / "locks"
        assert folder.stat().st_mode & 0o777 == 0o700
    moved = folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(moved)
    with pytest.raises(OutputError, match="is a link"), Ledger(f"s3://{place}/out"):
        pass
    folder.unlink()
    moved.rename(folder)
    lock = next(path for path in folder.iterdir() if path.suffix != ".lock")
    lock.rename(tmp_path / "victim")
    lock.symlink_to(tmp_path / "victim")
    before = (tmp_path / "victim").read_bytes()
    with pytest.raises(OutputError, match="is a link"), Ledger(f"s3://{place}/out"):
        pass
    assert (tmp_path / "victim").read_bytes() == before


@pytest.mark.parametrize(
    "url",
    [
        "s3://bars/a@b.parquet",
        "s3://bars/2024-0?.parquet",
        "http://example.com:8080/a@b.parquet",
        "abfs://bars@account.dfs.core.windows.net/x.parquet",
        "s3://bars/symbol=ES/x.parquet",
    ],
)
def test_a_url_that_only_names_a_place_is_taken(url: str) -> None:
    assert names.settled(url) == url


def test_an_upload_in_pieces_is_whole_or_leaves_nothing(
    server: Server, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stores._UPLOADS["s3"], "chunksize", 5 << 20)
    path = tmp_path / "part.tmp"
    path.write_bytes(os.urandom(11 << 20))
    store = stores.of_scheme("s3")

    def uploads() -> list[str]:
        found = server.files().call_s3("list_multipart_uploads", Bucket="bars")
        return [one["Key"] for one in found.get("Uploads", ())]

    with (
        server.failing(lambda asked: "denied" if "partNumber=3" in asked.query else None),
        pytest.raises(OutputError, match="cannot be written: access is denied"),
    ):
        store.put(path, f"s3://{place}/part.parquet")
    assert not server.files().exists(f"{place}/part.parquet")
    assert uploads() == []
    store.put(path, f"s3://{place}/part.parquet")
    assert server.files().cat_file(f"{place}/part.parquet") == path.read_bytes()
    # What a run that was killed left under way is given up by the next, and nobody else's.
    for key in ("out/a.parquet", "outer/a.parquet"):
        key = f"{place.partition('/')[2]}/{key}"
        server.files().call_s3("create_multipart_upload", Bucket="bars", Key=key)
    with Ledger(f"s3://{place}/out"):
        assert [key.rpartition(place.partition("/")[2])[2] for key in uploads()] == [
            "/outer/a.parquet"
        ]


class Away:
    """A store that is away for some requests, and then has a file."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def cat_file(self, url: str) -> bytes:
        if self.errors:
            raise self.errors.pop(0)
        return url.encode()


def test_a_store_that_comes_back_in_time_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now, pauses = [0.0], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    files = failures.Patient(Away(*[OSError("unreachable")] * 6))
    files.patience = 24
    assert files.cat_file("x") == b"x"
    assert pauses == [0.5, 1, 2, 4, 8, 8]
    files = failures.Patient(Away(*[OSError("unreachable")] * 6))
    files.patience = 23
    with pytest.raises(OSError, match="unreachable"):
        files.cat_file("x")
    for final in (FileNotFoundError("x"), PermissionError("x"), RuntimeError("AccessDenied")):
        pauses.clear()
        with pytest.raises(type(final)):
            failures.Patient(Away(final)).cat_file("x")
        assert pauses == []


def test_a_snapshot_that_cannot_be_put_ends_nothing(server: Server, place: str) -> None:
    def hook(asked: Asked) -> str | None:
        is_told = "snapshots" in asked.key or "memory_events" in asked.key
        return "denied" if is_told and asked.method == "PUT" else None

    with server.failing(hook), Ledger(f"s3://{place}/out") as ledger:
        (ledger.folder / "snapshots").mkdir(exist_ok=True)
        (ledger.folder / "snapshots" / "1.jsonl").write_text("{}")
        ledger.append("memory_events", {"kind": "cleanup"})
        ledger.append("runs", {"event": "start"})
    assert server.files().exists(f"{place}/out/{FOLDER}/runs.jsonl")
    assert not server.files().exists(f"{place}/out/{FOLDER}/memory_events.jsonl")


class Connection:
    """Stands for a DuckDB whose httpfs is installed, or is not, or does not load."""

    def __init__(self, *, is_installed: bool, loads: bool = True) -> None:
        self.is_installed, self.loads = is_installed, loads
        self.ran: list[str] = []

    def execute(self, query: str) -> Any:
        self.ran.append(query)
        if query.startswith("load") and not self.loads:
            raise duckdb.IOException("it is of another version")
        return SimpleNamespace(fetchall=lambda: [(1,)] if self.is_installed else [])


def test_the_extension_of_duckdb_reads_where_it_is_there(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: Any = Connection(is_installed=True)
    assert httpfs.serves(there, "s3")
    assert not httpfs.serves(there, "gs")
    endpoint = server.url.removeprefix("http://")
    for told in (f"key_id '{KEY_ID}'", f"secret '{SECRET}'", f"endpoint '{endpoint}'"):
        assert told in there.ran[-1]
    absent: Any = Connection(is_installed=False)
    assert not httpfs.serves(absent, "s3")
    assert not any(query.startswith(("load", "install")) for query in absent.ran)
    broken: Any = Connection(is_installed=True, loads=False)
    assert not httpfs.serves(broken, "s3")
    # What fsspec alone is told of, fsspec alone can read.
    monkeypatch.setitem(fsspec.config.conf, "s3", {"anon": True})
    assert not httpfs.serves(Connection(is_installed=True), "s3")  # type: ignore[arg-type]


@pytest.mark.long
def test_a_weighing_killed_in_the_store_goes_on(
    server: Server, place: str, bars: Path, tmp_path: Path
) -> None:
    """While the second part is on its way; bars are not asked for at all."""
    output, others = f"s3://{place}/out", {"decay_rate": 0.2, "floor": 0.3}
    engine = WeightedLabelingEngine(CONFIG)
    engine.process_files([upload(server, bars, f"{place}/bars")], output)
    how: dict[str, Any] = {"details": True, "modes": TWO_MODES, "as_of": date(2025, 1, 1)}
    config = LabelingConfig(**how, weights=others)
    command = [sys.executable, "-m", "duck_label", "weigh", output, "--as-of", "2025-01-01"]
    command += ["--set", "weights.floor=0.3", "--set", "weights.decay_rate=0.2"]
    process: list[subprocess.Popen[bytes]] = []
    with server.failing(killing(process, r"--.*\.parquet", 2)):
        process.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        assert process[0].wait() == -signal.SIGKILL
    assert duck_label.check(output).faults == []
    # A store may have all of the part before its sender dies.
    weighings = [record.weighing for record in Ledger(output).chunks()]
    done = weighings.count(weighing_of(config, 12 * 2025 + 1))
    assert done in (1, 2)
    before = server.read(f"{place}/bars")
    assert duck_label.weigh(output, config).chunks_weighed == len(weighings) - done
    assert server.read(f"{place}/bars") == before
    WeightedLabelingEngine(config).process_files([bars], tmp_path / "fresh")
    weighed = labels(server, f"{place}/out", tmp_path / "labels")
    assert weighed.equals(read(tmp_path / "fresh"))


def test_names_that_name_nothing_are_told(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [golden.bars("plain")])
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "gone")
    for arguments, code, told in (
        (["run", "", "-o", str(tmp_path / "out")], 2, "name of a file or folder is empty"),
        (["run", str(bars), "-o", ""], 2, "the name is empty"),
        (
            ["run", str(bars), "-o", str(link)],
            1,
            f"link to {tmp_path / 'gone'}, which is not there",
        ),
    ):
        done = CliRunner().invoke(main, arguments)
        assert (done.exit_code, told in done.output) == (code, True), done.output
    (tmp_path / "gone").mkdir()
    assert CliRunner().invoke(main, ["run", str(bars), "-o", str(link)]).exit_code == 0
