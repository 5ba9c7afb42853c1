"""The tutorial, typed by a reader: every command and every line of Python, in order."""

import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "tutorial.md").read_text(encoding="utf-8")
PROSE = " ".join(PAGE.split())
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"[+-]?\d+(?:,\d{3})*(?:\.\d+)?")
pytestmark = pytest.mark.timeout(900)  # a busy machine takes minutes for them
LIBRARIES = ("purgedcv", "sklearn", "xgboost")  # the group `model` has them


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which `duck-label` is the program that is tested."""
    program = tmp_path_factory.mktemp("bin") / "duck-label"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m duck_label "$@"\n')
    program.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return kept | {"PATH": f"{program.parent}:{os.environ['PATH']}"}


def typed(folder: Path, shell: dict[str, str], names: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Do what the page says, block by block; of each the page's text for its output, and it."""
    blocks = [block for block in BLOCK.findall(PAGE) if not block[1].startswith("pip ")]
    for (language, text), (follows, expected) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        said = ""
        if language == "console":
            for command in (line.removeprefix("$ ") for line in text.splitlines()):
                if command.startswith("cd "):
                    folder /= command.removeprefix("cd ")
                    continue
                ended = subprocess.run(
                    command.split(), cwd=folder, env=shell, capture_output=True, text=True
                )
                assert ended.returncode == 0, f"{command}: {ended.stderr}"
                said += ended.stdout + ended.stderr
        elif language == "toml":
            settings = folder / "duck_label.toml"
            before = settings.read_text(encoding="utf-8")
            is_end = text.startswith("[")
            settings.write_text(before + text if is_end else text + before, encoding="utf-8")
        elif language == "python":
            with chdir(folder), redirect_stdout(StringIO()) as printed:
                exec(compile(text, "tutorial", "exec"), names)  # noqa: S102
            said = printed.getvalue()
        yield (expected if follows == "text" else ""), said


@pytest.fixture(scope="module")
def followed(
    shell: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """All outputs, and the names that the page's Python has left."""
    # Threads of XGBoost that wait for each other take ten times as long where other tests run.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for library in LIBRARIES:
        pytest.importorskip(library, reason="the tutorial's model is not installed")
    names: dict[str, Any] = {"__name__": "tutorial"}
    folder = tmp_path_factory.mktemp("tutorial")
    # The reader's own Python has no views of other pages; a view named as a variable comes first.
    duckdb.set_default_connection(duckdb.connect())
    outputs = list(typed(folder, shell, names))
    names["march"] = folder / "es" / "march.parquet"
    return outputs, names


def numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(text)]


@pytest.mark.long
def test_the_tutorial_prints_what_it_says(followed: tuple[list[tuple[str, str]], Any]) -> None:
    outputs = [(expected, said) for expected, said in followed[0] if expected]
    assert outputs
    for expected, said in outputs:
        message = f"the page has\n{expected}\nwhere this is printed:\n{said}"
        # Another release of XGBoost may draw another tree, and pick some other trades.
        assert NUMBER.sub("N", expected).split() == NUMBER.sub("N", said).split(), message
        assert numbers(said) == pytest.approx(numbers(expected), rel=0.1, abs=0.15), message
    said_of_commands = "".join(said for _, said in followed[0])
    assert "nothing to do" in said_of_commands
    assert re.search(r"note: 1 new file .*: 1 of \d+ chunks again", said_of_commands)


@pytest.mark.long
def test_folds_leave_out_what_has_seen_the_test(followed: tuple[Any, dict[str, Any]]) -> None:
    _, names = followed
    rows, minutes = names["rows"], names["pd"].Timedelta(minutes=5)
    for train, test in names["folds"]:
        begins = rows["entry_time"].iloc[test].min()
        over = rows["known_time"].iloc[test].max()
        stays = (rows["known_time"] <= begins) | (rows["entry_time"] > over + minutes)
        assert set(train) == set(stays.index[stays]) - set(test)
        assert len(train) + len(test) < len(rows)


@pytest.mark.long
def test_a_fold_learns_from_its_own_examples(followed: tuple[Any, dict[str, Any]]) -> None:
    _, names = followed
    rows = names["rows"]
    kept = rows.index.to_numpy() % 1_000 == 7
    kept[50_000:130_000] = False  # more than a batch without any
    labels, weights = [], []

    def take(data: Any, label: Any, weight: Any) -> None:
        assert len(data) == len(label)
        labels.extend(label.to_pylist())
        weights.extend(weight.to_pylist())

    batches = names["Batches"](names["march"], kept)
    for _ in range(2):  # XGBoost reads all of them more than once
        labels.clear()
        weights.clear()
        batches.reset()
        while batches.next(take):
            pass
        assert labels == rows["label"][kept].to_list()
        assert weights == rows["weight"][kept].to_list()


@pytest.mark.long
def test_what_the_tutorial_concludes_is_so(followed: tuple[Any, dict[str, Any]]) -> None:
    _, names = followed
    rows, best = names["rows"], names["best"]
    purged, shuffled = best(names["said"]), best(names["said_shuffled"])

    def naive(trades: Any) -> float:
        return 1.96 * float(trades["ticks"].std()) / math.sqrt(len(trades))

    def honest(trades: Any) -> float:
        return naive(trades) * math.sqrt((1 / trades["uniqueness"]).mean())

    assert abs(rows["ticks"].mean()) < honest(rows)
    assert naive(purged) < purged["ticks"].mean() < honest(purged)
    assert shuffled["ticks"].mean() > honest(shuffled)
    assert purged["label"].mean() > rows["label"].mean() + 0.05
    # Trades of different hours overlap little: sums by the hour know what they have in common.
    hours = rows["timestamp"].dt.floor("h")
    sums = (rows["ticks"] - rows["ticks"].mean()).groupby(hours).sum()
    by_hours = 1.96 * (sums**2).sum() ** 0.5 / len(rows)
    assert honest(rows) == pytest.approx(by_hours, rel=0.2)
    # One for about twenty.
    assert len(rows) / rows["uniqueness"].sum() == pytest.approx(20, rel=0.1)


@pytest.mark.long
def test_honest_intervals_hold_zero_day_by_day(followed: tuple[Any, dict[str, Any]]) -> None:
    """Prices walk at random, so 19 of 20 should; and means be as far from zero as they say."""
    _, names = followed
    rows, pd = names["rows"], names["pd"]
    day = (rows["timestamp"] + pd.Timedelta(hours=2)).dt.date  # sessions begin at 22:00 or 23:00
    days = rows.assign(others=1 / rows["uniqueness"]).groupby(day)
    mean, deviation, count = (getattr(days["ticks"], kind)() for kind in ("mean", "std", "count"))
    worth = {"naive": count, "honest": count / days["others"].mean()}
    errors = {name: mean / (deviation / number**0.5) for name, number in worth.items()}
    held = {name: int((abs(error) < 1.96).sum()) for name, error in errors.items()}
    told = re.search(
        r"(\d+) of (\d+) honest intervals hold zero \(19 are due\), and (\d+) of", PROSE
    )
    assert told is not None
    assert (held["honest"], len(days), held["naive"]) == tuple(map(int, told.groups()))
    assert errors["honest"].std() == pytest.approx(1, abs=0.25)


@pytest.mark.long
def test_uniqueness_as_a_weight_invents_a_loss(followed: tuple[Any, dict[str, Any]]) -> None:
    rows = followed[1]["rows"]
    weighed = (rows["ticks"] * rows["uniqueness"]).sum() / rows["uniqueness"].sum()
    error = rows["ticks"].std() / math.sqrt(rows["uniqueness"].sum())
    told = re.search(r"a loss of (\S+) ticks, (\d+) standard errors", PROSE)
    assert told is not None
    assert f"{-weighed:.2f} {-weighed / error:.0f}" == " ".join(told.groups())
