# mypy: disable-error-code="import-untyped"
"""Who looks at labels is told where they are not all there are to be: a run was ended, or goes on.

Parts that are there are whole, so that nothing else tells.
"""

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import duck_label
import golden
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.cli import main
from duck_label.look.quality import Check
from duck_label.run.results import Silence
from duck_label.storage.folders import is_at_work, this_process
from labeling import TWO_MODES, label, read, write
from lengths import long_but

HOW: dict[str, Any] = {"run": {"chunk": "2500", "order": "chronological"}, "modes": TWO_MODES}
BARS = len(golden.bars("months"))
AGAIN = "the same run again goes on where it stopped"


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bars"), [golden.bars("months")])


class Disturbed(Silence):
    """Does something once the first chunk is finished."""

    def __init__(self, do: Callable[[], object]) -> None:
        self._do: Callable[[], object] | None = do

    def advance(self, *_: object) -> None:
        do, self._do = self._do, None
        if do is not None:
            do()


def run(
    bars: Path, output: Path, do: Callable[[], object], *, details: bool = False, **how: Any
) -> None:
    """A run that something happens to."""
    config = LabelingConfig(**HOW, details=details)
    engine = WeightedLabelingEngine(config, progress=Disturbed(do))
    engine.process_files([bars], output, **how)


def told(output: Path) -> str | None:
    """What is said by all who read labels, which must be the same; None where nothing is."""
    said = []
    examples = duck_label.read(output, columns=["label"])
    with duck_label.open(output) as opened:
        query = "select count(*) from labels"
        takes: tuple[Callable[[], object], ...] = (
            examples.to_arrow,
            examples.counts,
            lambda: opened.sql(query),
        )
        for take in takes:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                take()
            said.append([str(one.message) for one in caught])
    result = CliRunner().invoke(main, ["sql", str(output), query])
    assert result.exit_code == 0, result.output
    said.append([line.removeprefix("warning: ") for line in result.stderr.splitlines()])
    check = told_by_statistics(output)
    assert said == [[] if check is None else [f"{output}: {check}"]] * 4
    return check


def told_by_statistics(output: Path) -> str | None:
    """The same by one of them: what all of them say of each state is compared once."""
    check = finished(output)
    return None if check.status == "pass" else check.message


def finished(output: Path) -> Check:
    (check,) = [one for one in duck_label.statistics(output).checks if one.name == "finished"]
    return check


def assert_told(output: Path, told: Callable[[Path], str | None] = told) -> None:
    """That the last run did not finish, and how many bars there are by now."""
    labeled = read(output).num_rows
    assert 0 < labeled < BARS
    assert told(output) == (
        f"the last run did not finish: {labeled:,} of about {BARS:,} bars are labeled; {AGAIN}"
    )
    check = finished(output)
    assert (check.status, check.value) == ("warn", BARS - labeled)


KILLED = """
import os, signal, sys
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.run.results import Silence

class Killed(Silence):
    def advance(self, *_):
        os.kill(os.getpid(), signal.SIGKILL)

engine = WeightedLabelingEngine(LabelingConfig(**{how}), progress=Killed())
engine.process_files([sys.argv[1]], sys.argv[2])
"""


def test_a_run_that_was_killed_is_told_until_one_completes(bars: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = KILLED.format(how=HOW)
    ended = subprocess.run([sys.executable, "-c", script, str(bars), str(out)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert_told(out)
    label(bars, out, **HOW)
    assert told(out) is None


@pytest.mark.parametrize("error", long_but([KeyboardInterrupt], [KeyboardInterrupt, OSError]))
def test_a_run_that_ended_in_the_middle_is_told_until_one_completes(
    error: type[BaseException], bars: Path, tmp_path: Path
) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(error):
        run(bars, tmp_path / "out", fail)
    assert_told(tmp_path / "out")
    label(bars, tmp_path / "out", **HOW)
    assert told(tmp_path / "out") is None


def test_a_run_that_is_going_on_is_told_as_one(bars: Path, tmp_path: Path) -> None:
    out, said = tmp_path / "out", list[str | None]()
    run(bars, out, lambda: said.append(told(out) and f"{told(out)} {read(out).num_rows:,}"))
    ((line,),) = [said]
    assert line is not None
    labeled = line.split()[-1]
    assert line == (
        f"a run is just writing here: {labeled} of about {BARS:,} bars are labeled by now {labeled}"
    )
    assert told(out) is None


def test_a_part_of_a_range_that_was_labeled_whole_tells_nothing(bars: Path, tmp_path: Path) -> None:
    run(bars, tmp_path / "out", lambda: None, end="2024-02-01")
    assert 0 < read(tmp_path / "out").num_rows < BARS
    assert told(tmp_path / "out") is None


def test_the_same_run_again_settles_it_where_nothing_is_left(bars: Path, tmp_path: Path) -> None:
    """Killed after its last part, before it could record that it is over."""
    out = tmp_path / "out"
    label(bars, out, **HOW)
    records = out / "_duck_label" / "runs.jsonl"
    lines = records.read_text().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["event"] != "end"]
    assert len(kept) == len(lines) - 1
    records.write_text("".join(kept))
    assert told_by_statistics(out) is not None
    label(bars, out, **HOW)
    assert told_by_statistics(out) is None


def test_a_weighing_hides_no_run_that_did_not_finish(bars: Path, tmp_path: Path) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(bars, out, fail, details=True)
    assert_told(out, told_by_statistics)
    summary = duck_label.weigh(out, LabelingConfig(weights={"factors": ["decay"]}))
    assert summary.chunks_weighed > 0
    assert_told(out, told_by_statistics)


def test_who_holds_a_folder_is_at_work_if_that_process_is() -> None:
    assert is_at_work(this_process()) is True
    assert is_at_work("") is False
    # Another process of the same number held it, long before this one began.
    ours, _ = this_process().split(" since ")
    assert is_at_work(f"{ours} since 2001-01-01T00:00:00.000+00:00") is False
    # Of another machine nobody here can tell.
    assert is_at_work(f"process {os.getpid()} on elsewhere since 2024-01-01T00:00:00Z") is None
    with subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE) as other:
        pass
    assert is_at_work(this_process().replace(str(os.getpid()), str(other.pid), 1)) is False


def test_a_run_of_another_machine_may_be_going_on(bars: Path, tmp_path: Path) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(bars, out, fail)
    holder = out / "_duck_label" / "holder"
    holder.write_text("process 1 on elsewhere since 2024-01-01T00:00:00.000+00:00")
    line = told_by_statistics(out)
    assert line is not None
    assert line.endswith(f"; unless it is just writing here, {AGAIN}")
