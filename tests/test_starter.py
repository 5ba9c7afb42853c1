# mypy: disable-error-code="import-untyped"
"""`duck-label init` leaves a repository of bars whose `make label` does what is new."""

import os
import re
import subprocess
import sys
import time
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from duck_label.cli import main
from duck_label.config import LabelingConfig
from duck_label.rules import Instrument, TradingMode, Weights
from duck_label.running import Memory, Run
from duck_label.sample import write_sample
from duck_label.settings import nested
from duck_label.validation.starter import commented_toml
from labeling import label, read


def make(folder: Path, *target: str) -> subprocess.CompletedProcess[str]:
    """What a user types, with the program that is tested."""
    return subprocess.run(
        ["make", *target, f"DUCK_LABEL={sys.executable} -m duck_label"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")},
    )


def everything(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


@pytest.mark.long
def test_a_month_arrives_in_a_repository_of_bars(tmp_path: Path) -> None:
    """init, bars in, make label, again, a new month, make label: as if labeled at once."""
    assert CliRunner().invoke(main, ["init", str(tmp_path / "es")]).exit_code == 0
    here = tmp_path / "es"
    write_sample(tmp_path / "all.parquet", days=6, start=date(2024, 2, 26))
    bars = pq.read_table(tmp_path / "all.parquet")
    bars = bars.take(list(range(0, len(bars), 20)))
    is_march = pc.equal(pc.month(bars["timestamp"]), 3)
    pq.write_table(bars.filter(pc.invert(is_march)), here / "bars" / "2024-02.parquet")
    (here / "duck_label.toml").write_text(
        commented_toml()
        .replace("# as_of = 2024-12-20", "as_of = 2024-02-29")
        .replace('# chunk = "auto"', 'chunk = "1d"')
    )
    first = make(here, "label")
    assert first.returncode == 0, first.stderr
    assert re.search(r"4 chunks|5 chunks", first.stderr), first.stderr
    before = everything(here)

    began = time.monotonic()
    again = make(here, "label")
    assert time.monotonic() - began < 10  # about half a second, on a machine that is not busy
    assert "nothing to do" in again.stderr
    assert everything(here) == before

    pq.write_table(bars.filter(is_march), here / "bars" / "2024-03.parquet")
    grown = make(here, "label")
    assert grown.returncode == 0, grown.stderr
    assert "note: 1 new file" in grown.stderr
    assert ": 1 of " in grown.stderr
    kept = {path for path, changed in everything(here).items() if before.get(path) == changed}
    assert len([path for path in kept if path.endswith(".parquet") and "labels" in path]) >= 3
    whole = label(here / "bars", tmp_path / "whole", as_of=date(2024, 2, 29))
    assert read(here / "labels").equals(whole)

    (here / "labels" / "mine.txt").write_text("of the user")
    assert make(here, "clean-labels").returncode == 0
    assert [path.name for path in (here / "labels").iterdir()] == ["mine.txt"]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("precious:")
    result = CliRunner().invoke(main, ["init", str(tmp_path)])
    assert result.exit_code == 2
    assert "Makefile already: pass --force" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["Makefile"]
    assert (tmp_path / "Makefile").read_text() == "precious:"
    assert CliRunner().invoke(main, ["init", str(tmp_path), "--force"]).exit_code == 0
    assert "precious" not in (tmp_path / "Makefile").read_text()
    assert (tmp_path / "bars").is_dir()


def test_the_makefile_is_short_and_its_targets_have_help(tmp_path: Path) -> None:
    CliRunner().invoke(main, ["init", str(tmp_path)])
    lines = (tmp_path / "Makefile").read_text().splitlines()
    assert len(lines) <= 15
    described = [line.split(":")[0] for line in lines if re.match(r"[a-z-]+: ##", line)]
    assert described == ["label", "stats", "report", "clean-labels"]


def test_the_configuration_says_nothing_until_it_is_touched() -> None:
    loaded = tomllib.loads(commented_toml())
    assert LabelingConfig(**loaded) == LabelingConfig()


def test_every_key_is_in_the_configuration_and_can_be_set() -> None:
    """With all # taken away it is a configuration again, that names every key there is."""
    text = re.sub(r"^# (?=[a-z_]+ = |\[)", "", commented_toml(), flags=re.MULTILINE)
    loaded = tomllib.loads(text)
    assert loaded.keys() == LabelingConfig.model_fields.keys()
    for name, model in (("weights", Weights), ("memory", Memory), ("run", Run)):
        assert loaded[name].keys() == model.model_fields.keys()
    assert loaded["instruments"]["GC*"].keys() == Instrument.model_fields.keys()
    assert len(loaded["modes"]) == 6 + 2
    keys = {key for mode in loaded["modes"] for key in mode}
    assert keys | {"timeout_bars"} == TradingMode.model_fields.keys()
    del loaded["modes"][6:]
    # Each excludes another one.
    del loaded["timeout_bars"], loaded["timestamp_unit"]
    assert LabelingConfig(**loaded).modes == LabelingConfig().modes


def test_bars_that_are_there_already_are_looked_at(tmp_path: Path) -> None:
    """Columns, grids and barriers of the vendor's bars are set, each with its reason."""
    (tmp_path / "bars").mkdir()
    write_sample(tmp_path / "sample.parquet", days=1, start=date(2024, 3, 4))
    bars = pq.read_table(tmp_path / "sample.parquet")
    bars = bars.take(list(range(0, len(bars), 10))).rename_columns(
        ["ts_event", "open", "high", "low", "close", "vol", "symbol"]
    )
    for price in ("open", "high", "low", "close"):
        index = bars.schema.get_field_index(price)
        bars = bars.set_column(index, price, pc.divide(bars[price], 25.0))
    pq.write_table(bars, tmp_path / "bars" / "2024-03.parquet")
    result = CliRunner().invoke(main, ["init", str(tmp_path)])
    assert result.exit_code == 0, result.stderr
    text = (tmp_path / "duck_label.toml").read_text()
    loaded = tomllib.loads(text)
    assert loaded["columns"] == {"timestamp": "ts_event", "volume": "vol"}
    assert loaded["tick_size"] == 0.01
    assert re.search(r"^tick_size = 0.01 +# \w+", text, flags=re.MULTILINE)
    assert make(tmp_path, "label", "ARGS=--details").returncode == 0
    assert "outcome_low_vol_long" in read(tmp_path / "labels").column_names
    assert read(tmp_path / "labels").num_rows == len(bars)


@pytest.mark.parametrize(
    "values",
    [
        {"tick_size": Decimal("0.00001"), "weights.floor": 0.25, "timeout_seconds": 3600},
        {"columns.timestamp": 'a "b"', "instruments.N Q*": {"tick_size": Decimal("0.5")}},
        {"modes": [{"name": "x", "direction": "long", "stop": 3, "target": 6}]},
    ],
)
def test_values_that_are_given_are_set_and_explained(values: dict[str, Any]) -> None:
    text = commented_toml(values, dict.fromkeys(values, "because of #1"))
    assert LabelingConfig(**tomllib.loads(text)) == LabelingConfig(**nested(values))
    assert text.count("# because of #1") == len(values)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    result = CliRunner().invoke(main, ["init", str(tmp_path / "new")])
    assert result.exit_code == 2
    assert "cannot be written to" in result.stderr
