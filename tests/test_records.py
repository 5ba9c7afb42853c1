"""The records of an output folder, with lines in them that no run wrote."""

import json
import resource
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import golden
from duck_label.cli import main
from duck_label.errors import OutputError
from duck_label.records.ledger import FOLDER
from duck_label.storage.outputs import folder
from labeling import TWO_OPTIONS, write
from labeling import label_two as label
from lengths import long_but

FOREIGN = {
    "no UTF-8": b"\xff\xfe\x00",
    "null": b"null",
    "no field": b"{}",
    "number": b"5",
    "list": b"[]",
    "text": b'"event"',
    "half": b'{"event": "sta',
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("records")
    write(place / "bars", [golden.bars("plain")])
    label(place / "bars", place / "labels", chunk_size=1000)
    return place


@pytest.fixture
def place(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished / "labels", tmp_path / "labels")
    return tmp_path


@pytest.fixture
def bars(finished: Path) -> Path:
    return finished / "bars"


def command(*arguments: str | Path) -> Result:
    modes = TWO_OPTIONS if arguments[0] == "run" else []
    return CliRunner().invoke(main, [*map(str, arguments), *modes])


def parts(place: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (place / "labels").glob("*.parquet")}


def of_other_types(line: bytes) -> bytes:
    """The line, every field of another type."""
    return json.dumps({key: [[value]] for key, value in json.loads(line).items()}).encode()


@pytest.mark.long
@pytest.mark.parametrize("foreign", long_but(["all"], ["all", *FOREIGN, "other types"]))
def test_a_foreign_line_counts_for_nothing(place: Path, bars: Path, foreign: str) -> None:
    for name in ("runs.jsonl", "chunks.jsonl", "snapshots/0001.jsonl"):
        record = place / "labels" / FOLDER / name
        own = record.read_bytes()
        lines = {**FOREIGN, "other types": of_other_types(own.splitlines()[0])}
        added = b"".join(lines[name] + b"\n" for name in (lines if foreign == "all" else [foreign]))
        record.write_bytes(added + own + added)
    before = parts(place)
    labels = place / "labels"
    for arguments in (
        ("run", bars, "-o", labels, "-q"),
        ("stats", labels),
        ("report", labels, "-o", place / "report.html"),
        ("sql", labels, "from runs"),
        ("sql", labels, "from chunks"),
    ):
        result = command(*arguments)
        assert result.exit_code == 0, (arguments, result.output)
    assert parts(place) == before
    result = command("run", bars, "-o", labels, "-q", "--overwrite")
    assert result.exit_code == 0, result.output
    assert parts(place)


VICTIMS = ("../victim.txt", "victim.txt", "/victim.txt", "a/b.parquet")


@pytest.mark.parametrize("name", long_but(VICTIMS[:1], VICTIMS))
def test_only_parts_are_removed(place: Path, bars: Path, name: str) -> None:
    """Whatever file a record names."""
    victim = (place / "labels" / name.lstrip("/")).resolve()
    victim.parent.mkdir(exist_ok=True)
    victim.write_text("precious")
    named = str(victim) if name.startswith("/") else name
    record = place / "labels" / FOLDER / "chunks.jsonl"
    line = {**json.loads(record.read_text().splitlines()[0]), "file": named, "start": 0}
    with record.open("a") as file:
        file.write(json.dumps(line) + "\n")
    result = command("run", bars, "-o", place / "labels", "-q", "--overwrite")
    assert result.exit_code == 0, result.output
    assert victim.read_text() == "precious"


def test_labels_stay_where_the_new_input_has_no_good_bar(place: Path, bars: Path) -> None:
    before = parts(place)
    table = golden.bars("plain")
    high = table.schema.get_field_index("high")
    bad = table.set_column(high, table.schema.field(high), [[-1.0] * table.num_rows])
    write(place / "bad", [bad])
    result = command(
        *("run", place / "bad", "-o", place / "labels", "-q", "--overwrite"),
        *("--on-bad-rows", "quarantine"),
    )
    assert result.exit_code != 0
    assert parts(place) == before
    assert command("run", bars, "-o", place / "labels", "-q").exit_code == 0
    assert parts(place) == before


def test_a_full_disk_leaves_no_half_of_the_views(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    out = folder(tmp_path / "out", "_duck_label")
    out.write("views.sql", "select 1;")
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, unlimited[1]))
    try:
        with pytest.raises(OutputError, match=r"views\.sql: cannot be written: File too large"):
            out.write("views.sql", "select 2;")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["views.sql"]
    assert (tmp_path / "out" / "views.sql").read_text() == "select 1;"
