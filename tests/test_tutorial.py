"""The tutorial, typed by a reader: every command and every line of Python, in order."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)(?: needs=(\w+))?\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment in which `duck-label` is the program that is tested."""
    program = tmp_path / "bin" / "duck-label"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m duck_label "$@"\n')
    program.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return kept | {"PATH": f"{program.parent}:{os.environ['PATH']}"}


@pytest.mark.long
def test_the_tutorial_does_what_it_says(shell: dict[str, str], tmp_path: Path) -> None:
    here, script, said = tmp_path, "", ""
    for language, needs, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language == "console":
            for command in (line.removeprefix("$ ") for line in text.splitlines()):
                if command.startswith("cd "):
                    here /= command.removeprefix("cd ")
                    continue
                ended = subprocess.run(
                    command.split(),
                    cwd=here,
                    check=False,
                    env=shell,
                    capture_output=True,
                    text=True,
                )
                assert ended.returncode == 0, f"{command}: {ended.stderr}"
                said += ended.stderr
        elif language == "toml":
            settings = here / "duck_label.toml"
            settings.write_text(text + settings.read_text(encoding="utf-8"), encoding="utf-8")
        elif needs and find_spec(needs) is None:
            compile(text, f"tutorial, for {needs}", "exec")
        else:
            assert language == "python"
            script += text
    assert "nothing to do" in said
    assert re.search(r"note: 1 new file .*: 1 of \d+ chunks again", said)
    assert (here / "report.html").exists()
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=here,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    counts = re.search(r"([\d,]+) examples to learn from, ([\d,]+) to test", ended.stdout)
    assert counts is not None
    learned, tested = (int(count.replace(",", "")) for count in counts.groups())
    assert 3 < learned / tested < 5
    found = re.findall(
        r"^(.+): ([\d,]+) labels, (.+)% win; worth (\d+) trades\n"
        r" +([+-].+) ticks a trade, standard error (.+)$",
        ended.stdout,
        flags=re.MULTILINE,
    )
    assert [name for name, *_ in found] == ["all bars", "the best tenth"]
    wins, labels, trades, ticks, errors = (
        [float(row[column].replace(",", "")) for row in found] for column in (2, 1, 3, 4, 5)
    )
    # What the page claims: more wins of the best tenth, and yet nothing that could be told from
    # zero, by a standard error that counts few of the labels.
    assert f"{labels[1]:,.0f} independent trades" in PAGE.read_text(encoding="utf-8")
    assert wins[1] > wins[0] + 2
    assert all(abs(mean) < 2 * error for mean, error in zip(ticks, errors, strict=True))
    assert labels[1] / trades[1] > 50
    assert all(0.3 < error < 1.5 for error in errors)
