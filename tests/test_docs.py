"""What the documentation shows works, and what the commands can do is documented."""

import os
import re
import shlex
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from runpy import run_path
from typing import Any

import click
import duckdb
import pytest
from click.testing import CliRunner
from cogapp import Cog

from duck_label import ConfigError, LabelingConfig
from duck_label.cli import main
from lengths import long_but

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# What a command has that only a shell understands; ours without it are run in this process.
NEEDS_A_SHELL = re.compile(r"[\\|>]")
GENERATED = ("docs/commands.md", "docs/configuration.md", "docs/explain.md")
# Pages whose commands, queries and scripts are for labels of three days with details.
PAGES = ("docs/sql.md", "docs/explain.md")
# Pages whose commands are typed in an empty folder.
PAGES_FROM_NOTHING = ("docs/statistics.md", "docs/validation.md")


def blocks(language: str, text: str = README) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def type_commands(text: str, folder: Path) -> None:
    """Run the `duck-label` commands of a page in a folder, one after another."""
    commands = [line[2:] for block in blocks("console", text) for line in block.splitlines()]
    typed = [shlex.split(command) for command in commands if command.startswith("duck-label")]
    assert typed
    with chdir(folder):
        for _, *arguments in typed:
            ended = CliRunner().invoke(main, arguments)
            assert ended.exit_code == 0, ended.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a reader has typed all commands of the README, in order."""
    folder = tmp_path_factory.mktemp("reader")
    made = subprocess.run(["make", "-n", "-B", "label"], cwd=ROOT, check=True, capture_output=True)
    # What `make label` does, but for the environment.
    (folder / "sample").mkdir()
    steps = re.findall(r"^\S+/(duck-label .+)$", made.stdout.decode(), flags=re.MULTILINE)
    type_commands("".join(f"```console\n$ {step}\n```\n" for step in steps), folder)
    type_commands(README, folder)
    return folder


def test_the_first_commands_work_in_a_shell_that_knows_nothing_yet() -> None:
    commands = [line.removeprefix("$ ") for line in blocks("console")[0].splitlines()]
    made, activated, *_, tested = commands
    assert (made, tested) == ("make label", "make test")
    printed = {}
    for target in ("label", "test"):
        dry = subprocess.run(["make", "-n", target], cwd=ROOT, check=False, capture_output=True)
        assert dry.returncode == 0
        printed[target] = dry.stdout.decode()
    # The environment of the Makefile, whose bin is on nobody's path until it is activated.
    assert activated == ". .venv/bin/activate"
    assert f"printf 'For `duck-label` itself in this shell: {activated}" in printed["label"]
    assert printed["label"].count(".venv/bin/duck-label run") == 1
    assert all(command.split()[0] == "duck-label" for command in commands[2:-1])


@pytest.mark.long
def test_the_five_rows_at_the_top_are_those_of_the_sample(folder: Path) -> None:
    header, *rows = (line.split() for line in blocks("text")[0].splitlines())
    assert len(rows) == 5
    columns = ", ".join(header)
    for day, time, *values in rows:
        query = (
            f"select {columns} from read_parquet('{folder}/labels/*.parquet') where timestamp = "
        )
        ((_, *found),) = duckdb.execute(query + f"timestamptz '{day} {time}+00'").fetchall()
        assert found == [float(value) for value in values]


@pytest.mark.long
def test_python_of_the_readme(folder: Path) -> None:
    (script,) = blocks("python")
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    header, *rows = ended.stdout.splitlines()
    assert header.split() == ["timestamp", "label_scalp", "weight_scalp"]
    assert len(rows) == 5


@pytest.mark.long
def test_python_of_the_page_on_memory(folder: Path) -> None:
    (script,) = blocks("python", (ROOT / "docs" / "memory.md").read_text(encoding="utf-8"))
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("1,000,000 rows, ")
    assert ended.stdout.endswith("\nTrue\n")
    assert "cleaning up" not in ended.stdout
    assert "times the target of 167,000" in ended.stderr


@pytest.mark.long
def test_sql_of_the_readme(folder: Path) -> None:
    (query,) = blocks("sql")
    before = Path.cwd()
    os.chdir(folder)
    try:
        rows = duckdb.execute(query).fetchall()
    finally:
        os.chdir(before)
    assert {row[0] for row in rows} == {0, 1}


@pytest.fixture(scope="module")
def labeled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample bars of the pages, labeled with details."""
    folder = tmp_path_factory.mktemp("pages")
    for command in ("sample bars.parquet --days 3", "run bars.parquet -o labels --details -q"):
        with chdir(folder):
            assert CliRunner().invoke(main, command.split()).exit_code == 0
    return folder


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES)
def test_everything_on_a_page_runs(page: str, labeled: Path, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": str(tmp_path)}
    commands = [line[2:] for block in blocks("console", text) for line in block.splitlines()]
    assert commands
    scripts = [f"{sys.executable} -c {shlex.quote(script)}" for script in blocks("python", text)]
    queries = [f"duck-label sql labels {shlex.quote(query)}" for query in blocks("sql", text)]
    for command in (*commands, *scripts, *queries):
        if command.startswith("duck-label ") and not NEEDS_A_SHELL.search(command):
            with chdir(labeled):
                told = CliRunner().invoke(main, shlex.split(command)[1:])
            assert told.exit_code == 0, f"{command}: {told.stderr}"
            continue
        ended = subprocess.run(
            command,
            shell=True,
            cwd=labeled,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, f"{command}: {ended.stderr}"
    if page == "docs/explain.md":
        assert (labeled / "trade.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES_FROM_NOTHING)
def test_commands_of_the_pages(page: str, tmp_path: Path) -> None:
    """Typed one after another in an empty folder, as a reader would; then what is Python."""
    text = (ROOT / page).read_text(encoding="utf-8")
    type_commands(text, tmp_path)
    (script,) = blocks("python", text)
    ended = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True)
    assert ended.returncode == 0, ended.stderr
    assert (
        b"tick_size = 0.25" if "validation" in page else b"'low_vol_long': 0.26"
    ) in ended.stdout


def test_a_configuration_is_read_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    Path("duck_label.toml").write_text(blocks("toml", text)[0], encoding="utf-8")
    (script,) = blocks("python", text)
    Path("script.py").write_text(script, encoding="utf-8")
    config = run_path("script.py")["config"]
    assert config.timeout_seconds == 900
    assert config.column("timestamp") == "ts_event"
    assert [mode.name for mode in config.modes] == ["scalp"]
    Path("wrong.toml").write_text("tick_sise = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"wrong\.toml: tick_sise: unknown key .* 'tick_size'"):
        LabelingConfig.from_file("wrong.toml")
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        LabelingConfig.from_file("none.toml")


@pytest.mark.parametrize("page", long_but(GENERATED[:2], GENERATED))
def test_generated_pages_are_up_to_date(page: str) -> None:
    assert Cog().main(["cog", "--check", str(ROOT / page)]) == 0, "run: make docs"


def test_every_command_and_option_has_help() -> None:
    for name, command in main.commands.items():
        assert command.help, name
        assert f"duck-label {name}" in command.help, f"{name}: no worked example in its help"
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.opts}"
        assert f"duck-label {name}" in README, f"the README does not mention {name}"


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    text = re.sub(
        r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", text):
            leads_to = page.parent / target if target else page
            assert leads_to.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(leads_to), f"{page.name}: {target}#{anchor}"


@pytest.mark.parametrize(
    ("values", "row"),
    [
        ({"commission": 2}, "| costs |"),
        ({"trading_hours": "08:30-15:00"}, "| trading hours"),
    ],
)
def test_errors_that_meet_a_limit_lead_to_its_page(values: dict[str, Any], row: str) -> None:
    with pytest.raises(ConfigError, match=r"docs/limits\.md tells the way around"):
        LabelingConfig(**values)
    assert row in (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
