"""What inputs may be: names of files and folders, differences between files, tables with a log."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import golden
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.cli import main
from duck_label.errors import ConfigError, InputError, OutputConflictError
from duck_label.storage.places import find_files
from labeling import TWO_MODES, TWO_RULES, write
from labeling import label_two as label
from lengths import long_but
from scan import scan
from test_edges import replaced, walk


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_a_tilde_is_the_home_folder_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(here)
    pq.write_table(walk(30), home / "bars.parquet")
    (home / "ours.toml").write_text(
        '[run]\ntemp_dir = "~/spill"\nmetrics_file = "~/metrics.prom"\nthreads = 1\n'
    )
    done = run("run", "~/bars.parquet", "-o", "~/labels", "-c", "~/ours.toml", "--json", "-q")
    assert done.exit_code == 0, done.output
    assert list((home / "labels").glob("*.parquet"))
    assert (home / "spill").is_dir()
    assert (home / "metrics.prom").exists()
    shown = run("sql", "~/labels", "select 1 as one", "-o", "~/one.csv", "--temp-dir", "~/looked")
    assert shown.exit_code == 0, shown.output
    assert (home / "one.csv").exists()
    assert (home / "looked").is_dir()
    config = LabelingConfig(run={"temp_dir": "~/more", "threads": 1})
    summary = WeightedLabelingEngine(config).process_files("~/bars.parquet", Path("~/again"))
    assert summary.rows_labeled == 30
    assert (home / "more").is_dir()
    assert (home / "again").is_dir()
    assert run("show-sql", "~/bars.parquet").exit_code == 0
    assert list(here.iterdir()) == []


def test_parquet_has_several_endings_and_the_rest_of_a_folder_is_told(tmp_path: Path) -> None:
    bars, table = tmp_path / "bars", walk(90)
    (bars / "deeper").mkdir(parents=True)
    for name, part in (("a.parquet", 0), ("b.PARQUET", 30), ("deeper/c.Pq", 60)):
        pq.write_table(table[part : part + 30], bars / name)
    pq.write_table(table[:1], bars / "_old.parquet")
    for name in ("d.csv", "_SUCCESS", ".a.parquet.crc"):
        (bars / name).write_text("")
    done = run("run", str(bars), "-o", str(tmp_path / "out"), "--no-progress")
    assert done.exit_code == 0, done.output
    assert "labeled 90 bars" in done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("note: "))
    assert "2 other files (_old.parquet, d.csv) are left out" in line
    examined = run("validate", str(bars))
    assert "2 other files (_old.parquet, d.csv) are left out" in examined.output


def test_a_folder_without_bars_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text("")
    with pytest.raises(
        InputError, match=r"no .parquet file in this folder, but 1 other file \(bar"
    ):
        label(tmp_path, tmp_path / "out")


def test_no_line_where_all_of_a_folder_is_bars(tmp_path: Path) -> None:
    pq.write_table(walk(3), tmp_path / "a.parq")
    assert find_files([str(tmp_path)]).notes == ()


# The vector of rows 3, 4, 7, 11, 18 and 29 that the description of the format has.
INLINE = "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L"

DIFFERENCES = {
    "int32 beside int64": (pa.int32(), pa.int64(), "BIGINT"),
    "signed beside unsigned": (pa.int32(), pa.uint32(), "BIGINT"),
    "whole beside double": (pa.int64(), pa.float64(), "DOUBLE"),
    "whole beside float": (pa.int32(), pa.float32(), "FLOAT"),
    "float beside double": (pa.float32(), pa.float64(), "DOUBLE"),
    "whole beside decimal": (pa.int64(), pa.decimal128(18, 4), "DECIMAL(23,4)"),
    "decimal beside double": (pa.decimal128(12, 2), pa.float64(), "DOUBLE"),
    "nothing beside whole": (pa.null(), pa.int32(), "INTEGER"),
    "nothing beside text": (pa.null(), pa.string(), "VARCHAR"),
}

USUAL_DIFFERENCES = ("whole beside decimal",)


@pytest.mark.parametrize("case", long_but(USUAL_DIFFERENCES, DIFFERENCES))
@pytest.mark.parametrize("turned", long_but([False], [False, True]))
def test_differences_that_lose_nothing(case: str, turned: bool, tmp_path: Path) -> None:
    """The part files have one type, whichever file a chunk lies in."""
    *kinds, wide = DIFFERENCES[case]
    table, parts, expected = walk(90), [], []
    for number, kind in enumerate(kinds[::-1] if turned else kinds):
        values = [None if kind == pa.null() else 7] * 45
        filled = pa.array(values).cast(pa.int32() if kind != pa.null() else kind).cast(kind)
        part = table[45 * number : 45 * number + 45]
        parts.append(part.append_column("note", filled))
        expected += values
    out = tmp_path / "out"
    labeled = label(write(tmp_path / "bars", parts), out, details=True, run={"chunk": "30"})
    assert golden.differences(labeled.drop_columns("note"), scan(table, TWO_RULES)) == []
    texts = {"VARCHAR": str}
    given = [None if value is None else texts.get(wide, int)(value) for value in expected]
    assert labeled["note"].to_pylist() == given
    types = {pq.read_schema(path).field("note").type for path in out.glob("*.parquet")}
    assert len(types) == 1


@pytest.mark.parametrize("zone", long_but(["UTC"], [None, "UTC"]))
def test_nanoseconds_beside_microseconds(zone: str | None, tmp_path: Path) -> None:
    table, parts = walk(90), []
    for number, unit in enumerate(("us", "ns", "us")):
        part = table[30 * number : 30 * number + 30]
        times = part["timestamp"].cast(pa.timestamp("us", zone)).cast(pa.timestamp(unit, zone))
        parts.append(replaced(part, "timestamp", times))
    bars = write(tmp_path / "bars", parts)
    labeled = label(bars, tmp_path / "out", run={"chunk": "45"})
    plain = label(write(tmp_path / "plain", [table]), tmp_path / "same")
    assert labeled.drop_columns("timestamp").equals(plain.drop_columns("timestamp"))
    assert labeled.schema.field("timestamp").type == pa.timestamp("ns", zone and "UTC")


def test_files_without_rows_have_no_say_in_types(tmp_path: Path) -> None:
    table = walk(40)
    nothing = pa.table({name: pa.array([], pa.string()) for name in table.column_names})
    bars = write(tmp_path / "bars", [nothing, table])
    assert len(label(bars, tmp_path / "out")) == 40
    done = run("run", str(bars), "-o", str(tmp_path / "told"), "--no-progress", "-v")
    assert "1 file without rows is left out" in done.stderr
    mixed = nothing.set_column(0, "timestamp", pa.array([], pa.null()))
    none = write(tmp_path / "none", [nothing, mixed])
    with pytest.raises(InputError, match="not a single bar"):
        label(none, tmp_path / "no")


def delta(folder: Path, table: pa.Table, **how: Any) -> None:
    deltalake.write_deltalake(str(folder), table, **how)


@pytest.mark.parametrize("named", long_but(["", "pattern"], ["", "..", "part", "pattern"]))
def test_a_delta_table_is_read_through_its_log(named: str, tmp_path: Path) -> None:
    root, table = tmp_path / "deep" / "table", walk(60)
    root.mkdir(parents=True)
    delta(root, table[:20])
    delta(root, table[20:40], mode="overwrite")
    delta(root, table[40:], mode="append")
    assert len(list(root.glob("*.parquet"))) == 3
    live = [Path(path) for path in deltalake.DeltaTable(str(root)).file_uris()]
    items = {"": [root], "..": [tmp_path / "deep"], "part": live, "pattern": [root / "*.parquet"]}
    labeled = label(items[named], tmp_path / "out")
    assert labeled["timestamp"].to_pylist() == table["timestamp"][20:].to_pylist()
    records = (tmp_path / "out").rglob("runs.jsonl")
    assert any("Delta table, read at version 2" in path.read_text() for path in records)
    assert "Delta table, read at version 2" in find_files([str(items[named][0])]).notes[0]


def test_a_delta_table_that_was_optimized_has_changed_nothing(tmp_path: Path) -> None:
    """The new files stand for the old ones; bars that went into them as well are new."""
    root, table, out = tmp_path / "table", walk(90), tmp_path / "out"
    for start in (0, 30):
        delta(root, table[start : start + 30], mode="append")
    label(root, out, details=True, run={"chunk": "45"})
    before = {part.name: part.stat().st_mtime_ns for part in out.glob("*.parquet")}
    deltalake.DeltaTable(str(root)).optimize.compact()
    engine = WeightedLabelingEngine(
        LabelingConfig(details=True, run={"chunk": "45"}, modes=TWO_MODES)
    )
    assert engine.process_files([root], out).rows_labeled == 0
    assert {part.name: part.stat().st_mtime_ns for part in out.glob("*.parquet")} == before
    delta(root, table[60:], mode="append")
    assert (
        golden.differences(
            label(root, out, details=True, run={"chunk": "45"}), scan(table, TWO_RULES)
        )
        == []
    )
    assert engine.process_files([root], out).rows_labeled == 0


def test_new_bars_that_a_delta_table_optimized_away_are_a_conflict(tmp_path: Path) -> None:
    root, table, out = tmp_path / "table", walk(90), tmp_path / "out"
    delta(root, table[:30])
    label(root, out)
    delta(root, table[30:], mode="append")
    deltalake.DeltaTable(str(root)).optimize.compact()
    with pytest.raises(OutputConflictError, match=r"gone: version 2 of the Delta table .*table "):
        label(root, out)


def test_as_many_other_bars_in_a_delta_table_are_a_conflict(tmp_path: Path) -> None:
    root, out = tmp_path / "table", tmp_path / "out"
    delta(root, walk(30))
    label(root, out)
    delta(root, walk(30, seed=2), mode="overwrite")
    with pytest.raises(OutputConflictError, match=r"gone: version 1 of the Delta table .* removed"):
        label(root, out)


def test_bars_that_a_delta_table_deleted_are_a_conflict_that_names_the_version(
    tmp_path: Path,
) -> None:
    root, table, out = tmp_path / "table", walk(60), tmp_path / "out"
    delta(root, table[:30])
    delta(root, table[30:], mode="append")
    label(root, out)
    deltalake.DeltaTable(str(root)).delete()
    delta(root, table[:30], mode="append")
    with pytest.raises(OutputConflictError, match=r"gone: version 2 of the Delta table .* rem"):
        label(root, out)


def test_a_removed_file_of_a_delta_table_is_refused_by_name(tmp_path: Path) -> None:
    root = tmp_path / "table"
    delta(root, walk(20))
    (old,) = root.glob("*.parquet")
    delta(root, walk(20), mode="overwrite")
    with pytest.raises(InputError, match="no file of the current version of the Delta table"):
        label(old, tmp_path / "out")


def test_partitions_of_a_delta_table_may_be_hidden_or_named(tmp_path: Path) -> None:
    root, table = tmp_path / "table", walk(40)
    days = pa.array(["a"] * 20 + ["b"] * 20)
    delta(root, table.append_column("_day", days), partition_by=["_day"])
    assert len(find_files([str(root)]).paths) == 2
    assert len(find_files([str(root / "_day=a")]).paths) == 1


TABLES = {
    "column mapping": {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "5"},
    "deletion vectors": {"delta.enableDeletionVectors": "true"},
}


@pytest.mark.parametrize("feature", TABLES)
def test_delta_tables_that_are_more_than_files_are_refused(feature: str, tmp_path: Path) -> None:
    root = tmp_path / "table"
    delta(root, walk(40))
    log = root / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "metaData" in action:
            schema = json.loads(action["metaData"]["schemaString"])
            for number, field in enumerate(schema["fields"] if "mapping" in feature else [], 1):
                keys = {"id": number, "physicalName": f"col-{number}"}
                field["metadata"] = {f"delta.columnMapping.{k}": v for k, v in keys.items()}
            action["metaData"] |= {
                "configuration": TABLES[feature],
                "schemaString": json.dumps(schema),
            }
        if "protocol" in action:
            names = ["columnMapping"] if feature == "column mapping" else ["deletionVectors"]
            features = {"readerFeatures": names, "writerFeatures": names}
            action["protocol"] = {"minReaderVersion": 3, "minWriterVersion": 7, **features}
            action["protocol"]["readerFeatures"] = [*names, "timestampNtz"]
            action["protocol"]["writerFeatures"] = [*names, "timestampNtz"]
        if "add" in action and feature == "deletion vectors":
            vector = {"storageType": "i", "pathOrInlineDv": INLINE, "sizeInBytes": 40}
            action["add"]["deletionVector"] = {**vector, "cardinality": 6}
    log.write_text("\n".join(map(json.dumps, actions)))
    with pytest.raises(InputError, match=feature):
        label(root, tmp_path / "out")


def test_a_delta_table_without_its_library_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delta(tmp_path / "table", walk(20))
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(ConfigError, match=r"pip install 'duck-label\[delta\]'"):
        find_files([str(tmp_path)])


def test_an_iceberg_table_is_refused_with_a_way_on(tmp_path: Path) -> None:
    root = tmp_path / "table"
    (root / "metadata").mkdir(parents=True)
    (root / "metadata" / "00000-a.metadata.json").write_text("{}")
    write(root / "data", [walk(20)])
    for item in (root, tmp_path, root / "data" / "*.parquet"):
        with pytest.raises(InputError, match=r"Iceberg table.*pyiceberg"):
            label(item, tmp_path / "out")


LOSSES: dict[str, tuple[str, Callable[[pa.Table], pa.Array], str]] = {
    "a zone": (
        "timestamp",
        lambda part: part["timestamp"].cast(pa.timestamp("us")),
        "times with and without a zone",
    ),
    "past 2^53": ("note", lambda part: pa.array([2**53 + 1] * len(part)), "survive as DOUBLE"),
    "no type of Parquet": ("note", lambda part: pa.array(["x"] * len(part)), "one type"),
}


@pytest.mark.parametrize("case", LOSSES)
def test_differences_that_lose_something_are_refused(case: str, tmp_path: Path) -> None:
    name, other, message = LOSSES[case]
    table = walk(40).append_column("note", pa.array([1.5] * 40))
    spoiled = replaced(table[20:], name, other(table[20:]))
    with pytest.raises(InputError, match=message):
        label(write(tmp_path / "bars", [table[:20], spoiled]), tmp_path / "out")


def test_what_differs_is_told_to_those_who_ask(tmp_path: Path) -> None:
    first, second = (walk(40)[:20], walk(40)[20:])
    first = first.append_column("volume", pa.array([1] * 20)).append_column("n", pa.array([1] * 20))
    bars = write(tmp_path / "bars", [first, second.append_column("volume", pa.array([1.5] * 20))])
    quiet = run("run", str(bars), "-o", str(tmp_path / "out"), "--no-progress")
    assert "read as" not in quiet.stderr
    told = run("run", str(bars), "-o", str(tmp_path / "out"), "--no-progress", "-v")
    assert "'volume' is BIGINT and DOUBLE: read as DOUBLE" in told.stderr
    assert "'n' is missing in 1 of 2 files: null there" in told.stderr


def test_a_wider_file_that_joins_changes_every_part(tmp_path: Path) -> None:
    table = walk(90)
    bars = write(tmp_path / "bars", [table[:45].append_column("volume", pa.array([1] * 45))])
    label(bars, tmp_path / "out", run={"chunk": "45"})
    joined = table[45:].append_column("volume", pa.array([1.5] * 45))
    pq.write_table(joined, bars / "joined.parquet")
    labeled = label(bars, tmp_path / "out", run={"chunk": "45"})
    assert labeled["volume"].to_pylist() == [1.0] * 45 + [1.5] * 45
