# mypy: disable-error-code="import-untyped"
"""What `check` finds in an output whose files somebody, or a disk, has changed."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import duck_label
import golden
from duck_label.cli import main
from duck_label.errors import InputError, OutputConflictError
from labeling import label, write

CHUNK = {"chunk": "2500"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    label(write(folder / "bars", [golden.bars("months")]), folder / "out", run=CHUNK)
    return folder


@pytest.fixture
def output(finished: Path, tmp_path: Path) -> Path:
    """A copy of finished labels, beside their bars, to do anything with."""
    return Path(shutil.copytree(finished, tmp_path / "copy")) / "out"


def test_every_kind_of_damage_is_found_and_mended_by_the_next_run(output: Path) -> None:
    first, second, third = sorted(output.glob("*.parquet"))[:3]
    written = {path.name: path.read_bytes() for path in output.glob("*.parquet")}
    lost_rows = sum(pq.read_metadata(path).num_rows for path in (second, third))
    found = duck_label.check(output)
    assert (found.parts, found.faults) == (len(written), [])

    # A byte in the midst, which neither size nor footer tells of.
    content = bytearray(written[first.name])
    content[len(content) // 3] ^= 1
    first.write_bytes(content)
    second.unlink()
    third.write_bytes(written[third.name][:-9])
    (output / "other.PARQUET").write_bytes(b"what is this")
    (output / "README.txt").write_text("mine")
    found = duck_label.check(output)
    assert found.parts == len(written) - 3
    assert [(one.file, one.reason.split()[0]) for one in found.damaged] == [
        (first.name, "has"),
        (third.name, "has"),
    ]
    assert "other bytes" in found.damaged[0].reason
    assert " 9 bytes" not in found.damaged[1].reason
    assert found.missing == (second.name,)
    assert found.foreign == ("README.txt", "other.PARQUET")

    told = CliRunner().invoke(main, ["check", str(output), "--json"])
    assert json.loads(told.stdout.splitlines()[0]) == json.loads(json.dumps(found.to_json()))
    (parts,) = [one for one in duck_label.statistics(output).checks if one.name == "parts"]
    assert (parts.status, parts.value) == ("fail", lost_rows)
    assert second.name in parts.message
    assert third.name in parts.message
    assert first.name not in parts.message  # only reading it whole tells
    first.unlink()
    (output / "other.PARQUET").unlink()
    label(output.parent / "bars", output, run=CHUNK)
    assert duck_label.check(output).faults == []
    assert {path.name: path.read_bytes() for path in output.glob("*.parquet")}.keys() == (
        written.keys()
    )


def test_damage_ends_with_the_exit_code_of_checks(output: Path) -> None:
    assert CliRunner().invoke(main, ["check", str(output)]).exit_code == 0
    part = min(output.glob("*.parquet"))
    part.unlink()
    result = CliRunner().invoke(main, ["check", str(output)])
    assert result.exit_code == 5
    assert f"{part.name}: is missing: run again" in result.output


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no output of duck-label"):
        duck_label.check(tmp_path)


def test_a_folder_named_like_a_part_is_told_before_anything_is_removed(output: Path) -> None:
    before = {path.name for path in output.glob("*.parquet")}
    (output / "1999-01-01--1999-01-02.parquet").mkdir()
    with pytest.raises(OutputConflictError, match="is a folder, where a part file is to be"):
        label(output.parent / "bars", output, how={"overwrite": True}, details=True)
    assert before < {path.name for path in output.glob("*.parquet")}
