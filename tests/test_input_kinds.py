"""What inputs may be: names of files and folders, differences between files, tables with a log."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.cli import main
from duck_label.errors import InputError
from duck_label.storage.places import find_files
from labeling import label
from test_edges import walk


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
