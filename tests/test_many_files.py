# mypy: disable-error-code="import-untyped"
"""Inputs of many small files: gathered once, and labeled as if they were one."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import duck_label
import golden
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.bars import footers, gathered, source
from duck_label.bars.source import open_source
from duck_label.database import Database
from duck_label.errors import SpillError
from duck_label.memory.budget import MemoryBudget
from duck_label.run import admission
from duck_label.validation import validation
from labeling import TWO_MODES, TWO_RULES
from labeling import label_two as label
from lengths import long_but
from scan import scan
from test_edges import replaced, walk


def scattered(folder: Path, table: pa.Table, rows: int = 3) -> Path:
    folder.mkdir(parents=True)
    for start in range(0, len(table), rows):
        pq.write_table(table[start : start + rows], folder / f"bars_{start:04d}.parquet")
    return folder


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many files each source had that was gathered."""
    counts: list[int] = []

    def counting(database: Any, given: Any, *others: Any) -> Any:
        counts.append(len(given.files))
        found = gathered.gathered(database, given, *others)
        assert len(found.files) == 1
        return found

    monkeypatch.setattr(admission, "gathered", counting)
    return counts


RUNS: list[dict[str, Any]] = [{}, {"chunk": "140"}, {"chunk": "140", "workers": 2}]


@pytest.mark.parametrize("run", long_but(RUNS[1:2], RUNS))
def test_many_files_are_labeled_as_one(
    run: dict[str, Any], calls: list[int], tmp_path: Path
) -> None:
    table = walk(330, file_row_number=list(range(330)))
    out = tmp_path / "out"
    labeled = label(scattered(tmp_path / "bars", table), out, details=True, run=run)
    assert calls == [110]
    assert golden.differences(labeled, scan(table, TWO_RULES)) == []
    assert labeled.column_names[: len(table.column_names)] == table.column_names
    assert labeled["file_row_number"].equals(table["file_row_number"])
    assert not list(out.rglob("gathered"))


def test_few_files_are_read_as_they_are(calls: list[int], tmp_path: Path) -> None:
    label(scattered(tmp_path / "bars", walk(330), 30), tmp_path / "out")
    assert calls == []


def test_symbols_of_folders_are_gathered_too(calls: list[int], tmp_path: Path) -> None:
    tables = [walk(165, seed=seed) for seed in (1, 2)]
    for symbol, table in zip(("ES", "NQ"), tables, strict=True):
        scattered(tmp_path / "bars" / f"symbol={symbol}", table)
    labeled = label(tmp_path / "bars", tmp_path / "out", details=True)
    assert calls == [110]
    both = [
        table.append_column("symbol", pa.array([symbol] * 165))
        for symbol, table in zip(("ES", "NQ"), tables, strict=True)
    ]
    assert golden.differences(labeled, scan(pa.concat_tables(both), TWO_RULES)) == []


def test_files_that_differ_are_gathered_into_one_type(calls: list[int], tmp_path: Path) -> None:
    table = walk(330)
    bars = scattered(tmp_path / "bars", table)
    narrow = pq.read_table(bars / "bars_0003.parquet")
    pq.write_table(narrow.append_column("note", pa.array([1, 2, 3])), bars / "bars_0003.parquet")
    labeled = label(bars, tmp_path / "out")
    assert calls == [110]
    assert labeled["note"].to_pylist() == [None] * 3 + [1, 2, 3] + [None] * 324


def test_bad_bars_are_named_by_the_file_they_came_from(calls: list[int], tmp_path: Path) -> None:
    table = walk(330)
    high = table["high"].to_pylist()
    high[100] = 0.25
    bars = scattered(tmp_path / "bars", replaced(table, "high", pa.array(high)))
    label(bars, tmp_path / "out", on_bad_rows="quarantine")
    assert calls == [110]
    aside = pq.read_table(tmp_path / "out" / "_duck_label" / "quarantine.bars").to_pylist()
    assert [(Path(bar["duck_label_file"]).name, bar["duck_label_row"]) for bar in aside] == [
        ("bars_0099.parquet", 1)
    ]
    assert set(aside[0]) == {*table.column_names, "duck_label_file", "duck_label_row"} | {
        "duck_label_rules"
    }


def test_footers_of_known_files_are_not_read_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing to do: no file is opened; one that was touched is."""
    bars, out = scattered(tmp_path / "bars", walk(330)), tmp_path / "out"
    label(bars, out)
    read: list[int] = []

    def counting(database: Any, paths: Any, columns: Any) -> Any:
        read.append(len(paths))
        return footers.footers(database, paths, columns)

    monkeypatch.setattr(source, "footers", counting)
    monkeypatch.setattr(footers, "open_file", None)
    engine = WeightedLabelingEngine(LabelingConfig(modes=TWO_MODES))
    assert engine.process_files([bars], out).rows_labeled == 0
    assert read == [0]
    monkeypatch.undo()
    monkeypatch.setattr(source, "footers", counting)
    (bars / "bars_0003.parquet").touch()
    assert engine.process_files([bars], out).rows_labeled == 0
    assert read == [0, 1]


def test_a_link_and_its_file_are_one(tmp_path: Path) -> None:
    bars = scattered(tmp_path / "bars", walk(9))
    (bars / "again.parquet").symlink_to(bars / "bars_0000.parquet")
    (tmp_path / "folder").symlink_to(bars)
    budget = MemoryBudget.resolve("1GB")
    with Database(budget, 1, tmp_path / "spill") as database:
        found = open_source(database, [str(bars), str(tmp_path / "folder")], LabelingConfig())
    assert found.rows == 9


def test_validate_gathers_them_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What it says is of the files that were given."""
    counts: list[int] = []

    def counting(database: Any, given: Any, *others: Any) -> Any:
        counts.append(len(given.files))
        return gathered.gathered(database, given, *others)

    monkeypatch.setattr(validation, "gathered", counting)
    table = walk(330)
    high = table["high"].to_pylist()
    high[100] = 0.25
    bars = scattered(tmp_path / "bars", replaced(table, "high", pa.array(high)))
    found = duck_label.validate(bars)
    assert counts == [110]
    assert (found.files, found.rows, found.bad_bars) == (110, 330, 1)
    assert {Path(rule.file).name for rule in found.broken_rules} == {"bars_0099.parquet"}


def test_no_room_to_gather_names_the_folder_and_the_option(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*given: Any) -> Any:
        raise duckdb.IOException(
            f'Could not write file "{given[-1]}/000000.parquet": No space left'
        )

    monkeypatch.setattr(admission, "gathered", full)
    with pytest.raises(SpillError, match=r"no room to spill to .*Pass another --temp-dir"):
        label(scattered(tmp_path / "bars", walk(330)), tmp_path / "out")
