# mypy: disable-error-code="import-untyped"
"""What `check` finds in an output whose files somebody, or a disk, has changed."""

import json
import re
import shutil
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import duck_label
import golden
from duck_label.cli import main
from duck_label.errors import InputError, OutputConflictError
from duck_label.records.ledger import Ledger
from duck_label.storage.local import LocalFolder
from labeling import TWO_MODES, label, write
from lengths import long_but

HOW: dict[str, Any] = {"run": {"chunk": "2500"}, "modes": TWO_MODES}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    label(write(folder / "bars", [golden.bars("months")]), folder / "out", **HOW)
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
    label(output.parent / "bars", output, **HOW)
    assert duck_label.check(output).faults == []
    assert {path.name: path.read_bytes() for path in output.glob("*.parquet")}.keys() == (
        written.keys()
    )


QUERIES = ("@win_rates", "select count(*) from labels", "from chunks")


def told(take: Callable[[], object]) -> list[str]:
    """What is said while something is taken."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        take()
    return [str(one.message) for one in caught]


def told_by_readers(output: Path) -> list[list[str]]:
    """What is said of lost parts where labels are read: rows, counts, and queries by both doors."""
    examples = duck_label.read(output, columns=["label"])
    said: list[list[str]] = []
    with duck_label.open(output) as opened:
        takes: list[Callable[[], object]] = [examples.to_arrow, examples.counts]
        takes += [partial(opened.sql, query) for query in QUERIES]
        said += map(told, takes)
    for query in QUERIES:
        result = CliRunner().invoke(main, ["sql", str(output), query])
        assert result.exit_code == 0, result.output
        said.append([line.removeprefix("warning: ") for line in result.stderr.splitlines()])
    return said


def test_readers_are_told_of_parts_that_are_lost(output: Path) -> None:
    parts = sorted(output.glob("*.parquet"))
    parts[1].unlink()
    line = (
        f"{output}: 1 part file is missing or damaged: {parts[1].name}; unless a run is just "
        "writing here, the same run again labels it anew"
    )
    assert told_by_readers(output) == [*[[line]] * 4, [], *[[line]] * 2, []]
    # A file of another size counts, though it can be read.
    table = pq.read_table(parts[2])
    pq.write_table(table.slice(0, 5).replace_schema_metadata({"other": "tool"}), parts[2])
    (one_of_them,) = told(duck_label.read(output, columns=["label"]).to_arrow)
    assert f"2 part files are missing or damaged: {parts[1].name}, {parts[2].name}; " in one_of_them
    assert one_of_them.endswith("labels them anew")
    label(output.parent / "bars", output, **HOW)
    assert told_by_readers(output) == [[]] * 8


def test_readers_are_told_of_files_that_are_read_with_the_parts(output: Path) -> None:
    """A copy of a part counts its bars twice; what is called otherwise is not read."""
    part = min(output.glob("*.parquet"))
    shutil.copy(part, output / "copy.PARQUET")
    assert told_by_readers(output) == [[]] * 8
    shutil.copy(part, output / "copy.parquet")
    line = f"{output}: copy.parquet is no part of these labels, but is read with them: move it "
    assert told_by_readers(output) == [
        *[[f"{line}elsewhere"]] * 4,
        [],
        *[[f"{line}elsewhere"]] * 2,
        [],
    ]
    for name in "1234":
        shutil.copy(part, output / f"{name}.parquet")
    (line,) = told(duck_label.read(output, columns=["label"]).to_arrow)
    assert "1.parquet, 2.parquet, 3.parquet, … are no parts" in line


def test_a_part_that_is_finished_while_one_looks_is_no_stranger(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is recorded before it has its name: seen after the records were read, it has one."""
    records, recorded = Ledger(output).recorded(), Ledger.recorded
    reads = [records[:-1]]
    monkeypatch.setattr(Ledger, "recorded", lambda one: reads.pop() if reads else recorded(one))
    there, lost, strangers = Ledger(output).found()
    assert (there, lost, strangers) == (records[:-1], [], [])


def cut(part: Path) -> None:
    """A part as a full disk, or a copy that was ended, leaves it."""
    part.write_bytes(part.read_bytes()[:3000])


def spoiled(part: Path) -> None:
    """A part of the same size that is no Parquet any more."""
    part.write_bytes(part.read_bytes()[:-4] + b"????")


# The first part tells the columns of all.
@pytest.mark.parametrize("which", long_but([0], [0, 1]))
@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut, "1 part file is missing or damaged: {part}; .* the same run again labels it anew$"),
        (spoiled, "reading the labels: .*/{part}'; `duck-label check .*` tells which part files"),
    ],
)
@pytest.mark.filterwarnings("ignore:.* 1 part file is missing:UserWarning")
def test_a_part_that_cannot_be_read_is_named_with_what_to_do(
    output: Path, which: int, damage: Callable[[Path], None], says: str
) -> None:
    part = sorted(output.glob("*.parquet"))[which]
    damage(part)
    told = says.format(part=part.name)
    takes: list[Callable[[], object]] = [
        lambda: duck_label.read(output).to_arrow(),
        lambda: duck_label.read(output, columns=["label"]).counts(),
    ]
    with duck_label.open(output) as opened:
        takes.append(lambda: opened.sql("select sum(label) from labels_long").fetchall())
        for take in takes:
            with pytest.raises(InputError, match=told):
                take()
        # What the records tell can be asked all the same.
        assert len(opened.sql("select file from chunks").fetchall()) >= 2
    result = CliRunner().invoke(main, ["sql", str(output), "@win_rates"])
    assert result.exit_code == 3
    assert re.search(told, result.stderr.splitlines()[-1])
    if damage is spoiled:  # statistics leave out what is lost
        with pytest.raises(InputError, match=told):
            duck_label.statistics(output)


def test_of_many_lost_parts_three_are_named(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [golden.bars("months")])
    label(bars, tmp_path / "out", modes=TWO_MODES, run={"chunk": "1500"})
    parts = sorted((tmp_path / "out").glob("*.parquet"))
    assert len(parts) > 4
    for part in parts[:-1]:
        part.unlink()
    with pytest.warns(UserWarning, match="part files are") as told:
        duck_label.read(tmp_path / "out", columns=["label"]).to_arrow()
    (line,) = (str(one.message) for one in told)
    assert f"{len(parts) - 1} part files are" in line
    assert f": {', '.join(part.name for part in parts[:3])}, …; unless" in line


def test_lost_parts_take_no_look_of_their_own(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing of a store takes its time: there is one before labels are read, and one after."""
    looks, contents = list[str](), LocalFolder.contents

    def look(folder: LocalFolder) -> dict[str, int | None]:
        looks.append(str(folder))
        return contents(folder)

    examples = duck_label.read(output)
    monkeypatch.setattr(LocalFolder, "contents", look)
    for take in (examples.to_arrow, examples.counts):
        looks.clear()
        take()
        assert len(looks) == 2


def test_an_output_without_any_part_says_that_they_are_lost(output: Path) -> None:
    for part in output.glob("*.parquet"):
        part.unlink()
    for look in (duck_label.read, duck_label.statistics):
        with pytest.raises(InputError, match="3 part files are missing or damaged: 2024-01-15--"):
            look(output)
    result = CliRunner().invoke(main, ["sql", str(output), "from labels"])
    assert result.exit_code == 2
    assert "3 part files are missing or damaged" in result.stderr.splitlines()[-1]


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
