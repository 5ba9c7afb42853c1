"""What looking at an output may use: memory, threads, a folder to spill to."""

from pathlib import Path

import pytest
from click.testing import CliRunner

import duck_label
import golden
from duck_label.cli import main
from duck_label.errors import MemoryBudgetError
from duck_label.look.resources import Resources
from labeling import label_two as label
from labeling import write
from lengths import long_but


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resources")
    label(write(folder / "bars", [golden.bars("tiny")]), folder / "out")
    return folder / "out"


def commands(output: Path) -> list[list[str]]:
    """Everything that spills, but for runs."""
    return [
        ["sql", str(output), "select 1"],
        ["explain", str(output), "--at", "2024-01-02"],
        ["stats", str(output)],
        ["report", str(output), "-o", "report.html"],
        ["validate", str(output.parent / "bars")],
    ]


@pytest.mark.parametrize("place", long_but(["file"], ["option", "file"]))
def test_every_command_spills_where_it_is_told_to(
    place: str, output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").touch()
    told = ["--temp-dir", "taken"] if place == "option" else []
    if place == "file":
        Path("duck_label.toml").write_text('[run]\ntemp_dir = "taken"\n')
    for command in commands(output):
        result = CliRunner().invoke(main, [*command, *told])
        assert result.exit_code == 1, result.stderr
        assert "taken: cannot hold spilled data" in result.stderr


def test_a_query_has_the_resources_that_it_was_given(output: Path, tmp_path: Path) -> None:
    spill = tmp_path / "new" / "spill"
    asked = "select current_setting('threads'), current_setting('temp_directory')"
    with duck_label.open(output, memory_limit="256MB", threads=1, temp_dir=str(spill)) as opened:
        ((threads, folder),) = opened.sql(asked).fetchall()
        assert (threads, Path(folder).parent) == (1, spill)
        with (
            pytest.raises(MemoryBudgetError, match=r"256MB.*larger --memory-limit"),
            opened.complaints(),
        ):
            opened.sql("select list(i) from range(100000000) as r (i)").fetchall()
    assert list(spill.iterdir()) == []


def test_statistics_have_the_resources_that_they_were_given(tmp_path: Path) -> None:
    resources = Resources("300MB", 1, str(tmp_path / "spill"), "1GB")
    with resources.database("out") as database:
        assert database.temp_dir.parent == tmp_path / "spill"
        assert database.budget.limit == 300_000_000
        assert database.row("select current_setting('threads')") == (1,)
    assert list((tmp_path / "spill").iterdir()) == []


@pytest.mark.parametrize(
    ("option", "code", "message"),
    [
        (["--memory-limit", "10MB"], 4, "too small"),
        (["--memory-limit", "much"], 2, "is no size"),
        (["--threads", "0"], 2, "--threads"),
    ],
)
def test_resources_that_cannot_be(output: Path, option: list[str], code: int, message: str) -> None:
    for command in commands(output)[:4]:
        result = CliRunner().invoke(main, [*command, *option])
        assert result.exit_code == code, result.stderr
        assert message in result.stderr
