# mypy: disable-error-code="import-untyped"
"""The output as others read it: the folder, its parts and `views.sql`, in the tools people use."""

import glob
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import golden
from duck_label.records.ledger import FOLDER
from labeling import label_two as label
from labeling import write
from lengths import long_but

BARS = golden.bars("symbols_unsorted").num_rows
BAD = 2
VIEWS = ("labels", "labels_long", "runs", "chunks", "snapshots", "memory_events")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels in several parts, with bars that were set aside."""
    place = tmp_path_factory.mktemp("readers")
    bars = golden.bars("symbols_unsorted")
    high = bars.schema.get_field_index("high")
    bad = bars.slice(0, BAD).set_column(high, bars.schema.field(high), [[-1.0] * BAD])
    inputs = write(place / "bars", [bars.slice(BAD), bad])
    label(inputs, place / "labels", details=True, chunk_size=600, on_bad_rows="quarantine")
    assert len(list((place / "labels").glob("*.parquet"))) > 1
    return place / "labels"


def test_nothing_but_parts_is_found(folder: Path) -> None:
    """Neither beside the parts nor below them, under any pattern for Parquet files."""
    assert {path.suffix for path in folder.iterdir()} == {".parquet", ""}
    found = glob.glob(f"{folder}/**/*.parquet", recursive=True)
    assert sorted(found) == sorted(map(str, folder.glob("*.parquet")))
    assert (folder / FOLDER / "quarantine.bars").is_file()


def test_pandas_reads_the_folder(folder: Path) -> None:
    assert len(pd.read_parquet(folder)) == BARS - BAD


def test_pyarrow_reads_the_folder(folder: Path) -> None:
    assert ds.dataset(folder).count_rows() == BARS - BAD


@pytest.mark.parametrize("pattern", ["*.parquet", "**/*.parquet"])
def test_polars_reads_the_parts(folder: Path, pattern: str) -> None:
    assert pl.scan_parquet(folder / pattern).collect().height == BARS - BAD


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("pattern", ["", "*.parquet"])
def test_dask_reads_the_folder(folder: Path, pattern: str) -> None:
    import dask.dataframe as dd

    assert len(dd.read_parquet(str(folder / pattern))) == BARS - BAD


@pytest.mark.slow
@pytest.mark.parametrize("version", ["duckdb==1.4.*", "duckdb<2"])
@pytest.mark.parametrize("unit", ["us", "ns"])
def test_duckdb_1_opens_the_views(version: str, unit: str, tmp_path: Path) -> None:
    bars = golden.bars("symbols_unsorted")
    time = bars.schema.get_field_index("timestamp")
    instants = bars.column(time).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp(unit, "UTC"))
    inputs = write(tmp_path / "bars", [bars.set_column(time, "timestamp", instants)])
    label(inputs, tmp_path / "labels", chunk_size=600)
    install = (sys.executable, "-m", "pip", "install", "-q", "--target", tmp_path / "site")
    subprocess.run([*install, version, "pytz", "--no-deps"], check=True)
    script = (
        "import sys, duckdb; views = sys.argv[2:]; assert duckdb.__version__ < '2'\n"
        "connection = duckdb.connect(); connection.execute(open(sys.argv[1]).read())\n"
        "for view in views: print(len(connection.execute(f'from {view}').fetchall()))"
    )
    file = tmp_path / "labels" / FOLDER / "views.sql"
    result = subprocess.run(
        [sys.executable, "-c", script, file, *VIEWS],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    counts = list(map(int, result.stdout.split()))
    assert counts[:3] == [BARS, 6 * BARS, 1]


NAMES = ("a\r{}", "b\n{}", "c\r\n{}", "d\x0b\x0c\x85\u2028{}", "e'; {}")


@pytest.mark.parametrize("name", long_but(NAMES[2:4], NAMES))
def test_the_name_of_a_folder_is_never_a_statement(name: str, tmp_path: Path) -> None:
    output = tmp_path / name.format("create table seen (i integer); --")
    label(write(tmp_path / "bars", [golden.bars("tiny")]), output)
    # As a shell reads it, and as an editor or a driver that makes all ends of lines one.
    for text in ((output / FOLDER / "views.sql").read_bytes().decode(), None):
        with duckdb.connect() as connection:
            connection.execute(text or (output / FOLDER / "views.sql").read_text(encoding="utf-8"))
            assert connection.execute("select count(*) from duckdb_tables()").fetchall() == [(0,)]
            assert connection.execute("select count(*) from labels").fetchall() == [(2,)]
