# mypy: disable-error-code="import-untyped"
"""Weights made anew from details equal those of labeling anew, and nothing else changes."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import warnings
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import duck_label
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.cli import main
from duck_label.errors import DamagedOutputError, InputError, OutputConflictError
from duck_label.look.check import check
from duck_label.look.explain import explain
from duck_label.look.inspect import open_output
from duck_label.memory.budget import MemorySnapshot
from duck_label.records.chunk import ChunkRecord
from duck_label.records.ledger import Ledger
from duck_label.run import weighing
from duck_label.run.watch import Watch
from labeling import TWO_MODES, TWO_OPTIONS, label, read, write
from lengths import AS_FOUND, EXAMPLES, long_but
from test_invariance import folder
from test_trades import asking_files, asking_tables, configurations, random_bars

MODE = "low_vol_long"
CHUNKS: dict[str, Any] = {"run": {"chunk": "1d"}, "details": True, "modes": TWO_MODES}
OTHERS: dict[str, Any] = {"as_of": date(2025, 1, 1), "weights": {"floor": 0.3, "decay_rate": 0.2}}


@st.composite
def weights(draw: st.DrawFn) -> dict[str, Any]:
    """Constants, factors and a reference date, where there is one."""
    names = ("quality", "velocity", "decay")
    return {
        "as_of": draw(st.sampled_from((None, date(2024, 3, 1), date(2024, 11, 3)))),
        "weights": {
            "factors": draw(st.lists(st.sampled_from(names), unique=True, max_size=3)),
            "decay_rate": draw(st.floats(0, 100)),
            "quality_best": draw(st.floats(0.5, 1e6)),
            "quality_slope": draw(st.floats(0, 1e3)),
            "velocity_best": draw(st.floats(0.5, 1e6)),
            "velocity_slope": draw(st.floats(0, 1e3)),
            "optimal_seconds": draw(st.floats(0, 60)),
            "velocity_span_seconds": draw(st.floats(0.001, 600)),
            "floor": draw(st.floats(1e-9, 0.5)),
        },
    }


def bars_over_two_months(seed: int, increment: float) -> pa.Table:
    """Bars from the last quarter of an hour of March on."""
    bars = random_bars(seed, 120, increment)
    times = bars["timestamp"].to_numpy() + np.timedelta64(25 * 3600 + 45 * 60, "s")
    return bars.set_column(0, "timestamp", pa.array(times))


@settings(max_examples=max(2, EXAMPLES // 3), phases=AS_FOUND)
@given(
    config=configurations(),
    seed=st.integers(0, 2**32 - 1),
    before=weights(),
    after=weights(),
    chunk=st.sampled_from(("auto", "41")),
    finer=st.booleans(),
)
def test_any_weights_equal_those_of_labeling_anew(
    config: dict[str, Any],
    seed: int,
    before: dict[str, Any],
    after: dict[str, Any],
    chunk: str,
    finer: bool,
) -> None:
    """For any trade: stops in ticks, in others and none, sides, ties and what nobody knows."""
    bars, tables = asking_tables(
        config, seed, bars_over_two_months(seed, config["price_increment"])
    )
    if config["uniqueness"]:
        for one in (before, after):
            one["weights"]["factors"] = ["uniqueness", *one["weights"]["factors"]]
    if finer:
        own = {"tick_size": 0.5, "price_increment": config["price_increment"]}
        config["instruments"] = {"N*": own}
    config |= {"details": True, "run": {"chunk": chunk}}
    with folder() as place:
        config |= asking_files(config, tables, place)
        inputs = write(place / "bars", [bars])
        first = label(inputs, place / "out", **{**config, **before})
        shutil.rmtree(inputs)
        duck_label.weigh(place / "out", LabelingConfig(**{**config, **after}))
        weighed = read(place / "out")
        fresh = label(write(place / "bars", [bars]), place / "fresh", **{**config, **after})
        assert check(place / "out").faults == []
    added = LabelingConfig(**config).output_columns()
    assert weighed.schema.equals(fresh.schema)
    assert weighed.select(added).equals(fresh.select(added)), (config, after)
    rest = [name for name in added if not name.startswith("weight_")]
    assert weighed.select(rest).equals(first.select(rest))


def days_of_bars(first: date, days: int, **more: Any) -> pa.Table:
    """A hundred bars a day, that go up and down by a tick and more."""
    chance = np.random.default_rng(days)
    midnight = datetime(first.year, first.month, first.day, tzinfo=UTC)
    times = [
        midnight + timedelta(days=day, seconds=second)
        for day in range(days)
        for second in range(100)
    ]
    close = 100 + 0.25 * np.cumsum(chance.integers(-3, 4, len(times)))
    open_ = np.append(close[0], close[:-1])
    return pa.table(
        {
            "timestamp": pa.array(times, pa.timestamp("us", "UTC")),
            "open": open_,
            "high": np.maximum(open_, close),
            "low": np.minimum(open_, close),
            "close": close,
            **{name: [value] * len(times) for name, value in more.items()},
        }
    )


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bars") / "bars", [days_of_bars(date(2024, 2, 26), 3)])


@pytest.fixture(scope="module")
def labeled(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels with details in three parts."""
    output = tmp_path_factory.mktemp("labeled") / "out"
    label(bars, output, **CHUNKS)
    assert len(list(output.glob("*.parquet"))) == 3
    return output


@pytest.fixture(scope="module")
def others(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """What labeling with other weights gives."""
    return label(bars, tmp_path_factory.mktemp("others") / "out", **CHUNKS, **OTHERS)


@pytest.fixture
def out(labeled: Path, tmp_path: Path) -> Path:
    """A copy of the labels to do anything with."""
    return Path(shutil.copytree(labeled, tmp_path / "out"))


def written(output: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in output.glob("*.parquet")}


def test_parts_are_weighed_once_and_tell_what_they_are(out: Path, others: pa.Table) -> None:
    config = LabelingConfig(**OTHERS)
    summary = duck_label.weigh(out, config)
    assert (summary.chunks_weighed, summary.rows_weighed) == (3, len(others))
    assert summary.reference_month == "2025-01"
    assert read(out).equals(others)
    before = written(out)
    assert duck_label.weigh(out, config).chunks_weighed == 0
    assert written(out) == before
    with open_output(out) as output:
        assert output.config.weights.floor == 0.3
        assert output.sql("select sum(rows) from chunks").fetchall() == [(len(others),)]
        runs = output.sql("select chunks_labeled, chunks_weighed from runs order by run")
        assert runs.fetchall() == [(3, 0), (0, 3)]
    # The latest bar of the input is known without the bars.
    assert duck_label.weigh(out).reference_month == "2024-02"


def test_memory_is_given_back_whole_after_some_parts(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled: list[int] = []
    settle = Watch.settle

    def settle_and_count(self: Watch) -> MemorySnapshot:
        low = settle(self)
        settled.append(low.rss_bytes)
        return low

    monkeypatch.setattr(Watch, "settle", settle_and_count)
    monkeypatch.setattr(weighing, "SETTLE_AFTER", 2)
    parts = len(list(out.glob("*.parquet")))
    duck_label.weigh(out, LabelingConfig(**OTHERS))
    assert len(settled) == parts // 2 > 0


@pytest.mark.parametrize("zone", long_but(["UTC"], [None, "UTC"]))
def test_times_columns_and_tallies_stay_what_they_are(zone: str | None, tmp_path: Path) -> None:
    """Names that a query might take for its own, and times that DuckDB reads as finer ones."""
    table = days_of_bars(date(2024, 2, 28), 2, decay=7, bars="b", source=1.5, weight=None)
    table = table.set_column(0, "timestamp", table["timestamp"].cast(pa.timestamp("ms", zone)))
    inputs = write(tmp_path / "bars", [table])
    label(inputs, tmp_path / "out", **CHUNKS)
    label(inputs, tmp_path / "fresh", **CHUNKS, **OTHERS)
    duck_label.weigh(tmp_path / "out", LabelingConfig(**OTHERS))
    for part in (tmp_path / "fresh").glob("*.parquet"):
        old, new = pq.ParquetFile(part), pq.ParquetFile(tmp_path / "out" / part.name)
        assert new.schema_arrow.equals(old.schema_arrow)
        assert new.metadata.metadata == old.metadata.metadata
        assert new.read().equals(old.read())


# Dies by its own hand, as by kill -9, at the second part.
DIE_AT = """
import os, signal, sys
from datetime import date
import duck_label
import duck_label.{module} as module
from duck_label import LabelingConfig

original, calls = module.{function}, 0

def last_call(*arguments, **keywords):
    global calls
    calls += 1
    if calls == 2 and not {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*arguments, **keywords)
    if calls == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

module.{function} = last_call
config = LabelingConfig(as_of=date(2025, 1, 1), weights={{"floor": 0.3, "decay_rate": 0.2}})
duck_label.weigh(sys.argv[1], config)
"""
DEATHS = (
    ("storage.local", "LocalFolder.take", False),  # the part is recorded, and not there yet
    ("storage.local", "LocalFolder.take", True),
    ("records.ledger", "Ledger._append_weighed", False),  # the part is whole, and not recorded
)


@pytest.mark.parametrize("by_run", long_but([True], [False, True]))
@pytest.mark.parametrize(("module", "function", "after"), long_but([DEATHS[0]], DEATHS))
def test_a_weighing_killed_at_any_point_goes_on(
    module: str,
    function: str,
    after: bool,
    by_run: bool,
    bars: Path,
    out: Path,
    others: pa.Table,
) -> None:
    script = DIE_AT.format(module=module, function=function, after=after)
    ended = subprocess.run([sys.executable, "-c", script, str(out)], check=False)
    assert ended.returncode == -signal.SIGKILL
    done = 2 if after else 1
    assert check(out).faults == []
    with open_output(out) as output:
        told = [
            explain(output, datetime(2024, 2, day, 0, 0, 30, tzinfo=UTC), mode=MODE)
            for day in (26, 28)
        ]
    assert [story.verdict for (story,) in told] == ["agrees", "cannot be checked"]
    assert "has other weights yet" in told[1][0].doubts[-1]
    before = written(out)
    if by_run:
        engine = WeightedLabelingEngine(LabelingConfig(**CHUNKS, **OTHERS))
        assert engine.plan_files([bars], out).chunks_to_weigh == 3 - done
        summary = engine.process_files([bars], out)
        assert summary.chunks_labeled == 0
    else:
        summary = duck_label.weigh(out, LabelingConfig(**OTHERS))
    assert summary.chunks_weighed == 3 - done
    assert len(written(out).items() & before.items()) == done
    assert read(out).equals(others)


def test_a_part_that_never_got_its_name_is_told_by_its_content(tmp_path: Path) -> None:
    """Also where both have one size, and whatever is recorded after it."""
    name = "2024-03-04--2024-03-05.parquet"

    def record(content: bytes, weighing: str) -> ChunkRecord:
        digest = hashlib.sha256(content).hexdigest()
        return ChunkRecord(
            *(0, 1, name, 1, len(content), 1, 1, 0.0), digest=digest, weighing=weighing
        )

    def weighings() -> list[str | None]:
        return [one.weighing for one in Ledger(tmp_path).chunks()]

    with Ledger(tmp_path) as ledger:
        ledger.unfinished(name).write_bytes(b"old")
        ledger.finish(record(b"old", "first"))
        ledger._append_weighed(record(b"new", "second"), 0.0)
        assert weighings() == ["first"]
    with Ledger(tmp_path) as ledger:
        assert weighings() == ["first"]
        ledger.finish(ChunkRecord(1, 2, None, 0, 0, 0, 1, 0.0))
        assert weighings() == ["first", None]
        ledger.unfinished(name).write_bytes(b"new")
        ledger.finish_weighing(record(b"new", "second"), 0.0)
        assert weighings() == ["second", None]
        ledger._append_weighed(record(b"longer", "third"), 0.0)
        assert weighings() == ["second", None]
    assert weighings() == ["second", None]


def test_a_run_with_other_weights_weighs(bars: Path, out: Path, others: pa.Table) -> None:
    arguments = ["run", str(bars), "-o", str(out), "--details", "--set", "weights.floor=0.3"]
    arguments += ["--set", "weights.decay_rate=0.2", "--as-of", "2025-01-01", *TWO_OPTIONS]
    planned = CliRunner().invoke(main, [*arguments, "--dry-run"])
    assert (
        "300 bars of those in 3 chunks get other weights, without being labeled" in planned.stdout
    )
    ran = CliRunner().invoke(main, [*arguments, "--json"])
    assert "3 finished chunks (300 bars) are weighed anew, not labeled" in ran.stderr
    assert json.loads(ran.stdout)["chunks_labeled"] == 0
    assert read(out).equals(others)
    assert "nothing to do" in CliRunner().invoke(main, arguments).stderr


def test_a_new_month_labels_what_is_new_and_weighs_the_rest(tmp_path: Path) -> None:
    table = days_of_bars(date(2024, 2, 27), 4)
    inputs = write(tmp_path / "bars", [table[:300]])
    label(inputs, tmp_path / "out", **CHUNKS)
    label(inputs, tmp_path / "plain", run={"chunk": "1d"}, modes=TWO_MODES)
    pq.write_table(table[300:], inputs / "new.parquet")
    config = LabelingConfig(**CHUNKS)
    plan = WeightedLabelingEngine(config).plan_files([inputs], tmp_path / "out")
    assert (plan.chunks_to_weigh, plan.rows_done) == (1, 100)
    summary = WeightedLabelingEngine(config).process_files([inputs], tmp_path / "out")
    # Trades that enter on the last day now end, also those of the day before it.
    assert (summary.chunks_weighed, summary.rows_labeled) == (1, len(table) - 100)
    assert read(tmp_path / "out").equals(label(inputs, tmp_path / "fresh", **CHUNKS))
    again = ["run", str(inputs), "-o", str(tmp_path / "plain"), *TWO_OPTIONS]
    told = CliRunner().invoke(main, again).stderr
    assert "in another month, from which the decay counts: 3 of 3 chunks again" in told
    assert "--as-of" in told
    assert "--details" in told


@pytest.mark.long
def test_without_a_decay_a_new_month_changes_no_weight(tmp_path: Path) -> None:
    table = days_of_bars(date(2024, 2, 27), 5)
    inputs = write(tmp_path / "bars", [table[:300]])
    config: dict[str, Any] = {"run": {"chunk": "1d"}, "weights": {"factors": ["quality"]}}
    label(inputs, tmp_path / "out", **config)
    pq.write_table(table[300:], inputs / "new.parquet")
    summary = WeightedLabelingEngine(LabelingConfig(**config)).process_files(
        [inputs], tmp_path / "out"
    )
    assert summary.chunks_stale == 2  # whose trades now end
    assert read(tmp_path / "out").equals(label(inputs, tmp_path / "fresh", **config))


def test_a_month_that_is_pinned_as_it_was_weighs_nothing(bars: Path, out: Path) -> None:
    before = written(out)
    pinned = LabelingConfig(as_of=date(2024, 2, 3))
    assert duck_label.weigh(out, pinned).chunks_weighed == 0
    with open_output(out) as output:
        assert output.config.reference_month() == 12 * 2024 + 2
    label(bars, out, as_of=date(2024, 2, 20), **CHUNKS)
    assert written(out) == before


def test_what_cannot_be_weighed_is_told(bars: Path, out: Path, tmp_path: Path) -> None:
    label(bars, tmp_path / "plain")
    with pytest.raises(InputError, match=r"holds no details.*label with --details"):
        duck_label.weigh(tmp_path / "plain")
    with pytest.raises(OutputConflictError, match=r"weights was.*--overwrite"):
        label(bars, tmp_path / "plain", weights={"floor": 0.4})
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no labels"):
        duck_label.weigh(tmp_path / "empty")
    before = written(out)
    with pytest.raises(OutputConflictError, match=r'tie is "stop" there, "open" here'):
        duck_label.weigh(out, LabelingConfig(tie="open", as_of=date(2025, 1, 1)))
    assert written(out) == before
    part = min(out.glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    with pytest.raises(DamagedOutputError, match=rf"{part.name}: has other bytes"):
        duck_label.weigh(out, LabelingConfig(**OTHERS))


def test_labels_of_options_are_weighed_by_options_of_weights_alone(
    bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What labels were made with need not be told again."""
    monkeypatch.chdir(tmp_path)
    modes = ["--mode", "a:long:2:3", "--timeout-seconds", "20", "--details"]
    for command in (
        ["run", str(bars), "-o", "out", *modes],
        ["weigh", "out", "--set", "weights.floor=0.1"],
        ["run", str(bars), "-o", "fresh", *modes, "--set", "weights.floor=0.1"],
    ):
        ended = CliRunner().invoke(main, command)
        assert ended.exit_code == 0, ended.stderr
    assert read(tmp_path / "out").equals(read(tmp_path / "fresh"))


def test_weighing_knows_from_the_output_that_there_is_uniqueness(
    bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And needs no side of the bars where a file of events tells it."""
    monkeypatch.chdir(tmp_path)
    times = pq.read_table(bars)["timestamp"][::7]
    pq.write_table(pa.table({"timestamp": times, "side": [1] * len(times)}), "events.parquet")
    how = ["--mode", "a:side:2:3", "--details", "--events", "events.parquet"]
    factors = ["--set", 'weights.factors=["decay", "uniqueness"]']
    for command in (
        ["run", str(bars), "-o", "out", *how, "--uniqueness"],
        ["weigh", "out", *factors],
        ["run", str(bars), "-o", "fresh", *how, "--uniqueness", *factors],
        ["run", str(bars), "-o", "without", *how],
    ):
        ended = CliRunner().invoke(main, command)
        assert ended.exit_code == 0, ended.stderr
    assert read(tmp_path / "out").equals(read(tmp_path / "fresh"))
    refused = CliRunner().invoke(main, ["weigh", "without", *factors])
    assert refused.exit_code == 2
    assert "set uniqueness = true (--uniqueness; uniqueness=True in Python)" in refused.stderr
    # Who sets it, as told, learns that it takes labels with it.
    refused = CliRunner().invoke(main, ["weigh", "without", "--uniqueness", *factors])
    assert refused.exit_code == 2
    assert "label anew with uniqueness (run --uniqueness --overwrite)" in refused.stderr
    with pytest.raises(OutputConflictError, match="was labeled without uniqueness"):
        duck_label.weigh("without", LabelingConfig(uniqueness=True))


def test_parts_that_are_lost_are_told_and_the_others_weighed(out: Path) -> None:
    first, second, third = sorted(out.glob("*.parquet"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    summary = duck_label.weigh(out, LabelingConfig(**OTHERS))
    assert summary.parts == [third.name]
    (line,) = summary.warnings
    assert f"2 part files are missing or damaged: {first.name}, {second.name}; " in line
    assert line.endswith("the same run again labels them anew")
    asked = CliRunner().invoke(main, ["weigh", str(out)])
    assert (asked.exit_code, f"warning: {line}" in asked.stderr) == (0, True)


def meanwhile(monkeypatch: pytest.MonkeyPatch, room: Any, name: str, out: Path) -> None:
    """Let the parts be weighed, once, when a look calls something for the first time."""
    called = getattr(room, name)
    weighings = [LabelingConfig(**OTHERS)]

    def call(*arguments: Any, **options: Any) -> Any:
        while weighings:
            duck_label.weigh(out, weighings.pop())
        return called(*arguments, **options)

    monkeypatch.setattr(room, name, call)


def test_statistics_do_not_mix_before_and_after(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import duck_label.look.stats

    meanwhile(monkeypatch, duck_label.look.stats, "groups", out)
    with pytest.raises(InputError, match=r"weigh has written 2024-02-26.* anew .*read them once"):
        duck_label.statistics(out)
    assert duck_label.statistics(out).part_files == 3


def test_a_query_does_not_write_before_and_after_into_one_file(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, pq, "ParquetWriter", out)
    target = tmp_path / "found.parquet"
    asked = ["sql", str(out), "-o", str(target)]
    told = CliRunner().invoke(main, [*asked, "from labels"])
    assert told.exit_code == 3
    assert "anew while labels were read" in told.stderr
    assert not target.exists()
    assert CliRunner().invoke(main, [*asked, "from labels"]).exit_code == 0
    assert pq.read_table(target).equals(read(out))


def test_a_query_of_records_does_not_care_for_weighing(out: Path) -> None:
    with open_output(out) as opened:
        reads = {query: opened.reads_labels(query) for query in QUERIES}
    assert reads == QUERIES


QUERIES = {
    "select count(*) from chunks": False,
    "@memory_over_time": False,
    "@win_rates": True,
    "select * from Labels_long": True,
}


def test_weights_of_two_kinds_are_told_until_the_weighing_goes_on(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        examples = duck_label.read(out)
        examples.to_arrow()
    assert duck_label.statistics(out).checks[-2].status == "pass"

    finish, finished = Ledger.finish_weighing, list[str]()

    def finish_one(ledger: Ledger, record: ChunkRecord, seconds: float) -> None:
        if finished:
            raise KeyboardInterrupt
        finished.append(str(record.file))
        finish(ledger, record, seconds)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "finish_weighing", finish_one)
        with pytest.raises(KeyboardInterrupt):
            duck_label.weigh(out, LabelingConfig(**OTHERS))

    told = "1 of 3 part files have other weights than the rest"
    with pytest.warns(UserWarning, match=told):
        examples.to_arrow()
    with open_output(out) as opened, pytest.warns(UserWarning, match=told) as warned:
        opened.sql("@win_rates")
    assert [one.filename for one in warned] == [__file__]
    with warnings.catch_warnings(), open_output(out) as opened:
        warnings.simplefilter("error")
        duck_label.read(out, columns=["label"]).to_arrow()
        opened.sql("from chunks")
    (check,) = [one for one in duck_label.statistics(out).checks if one.name == "weighing"]
    assert (check.status, check.value) == ("warn", 100)
    assert told in check.message
    asked = CliRunner().invoke(main, ["sql", str(out), "@win_rates"])
    assert (asked.exit_code, told in asked.stderr) == (0, True)
    assert told not in CliRunner().invoke(main, ["sql", str(out), "from chunks"]).stderr
    duck_label.weigh(out, LabelingConfig(**OTHERS))
    assert duck_label.statistics(out).checks[-2].status == "pass"


def test_a_part_that_is_weighed_while_it_is_checked_is_not_damaged(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duck_label.look.check

    meanwhile(monkeypatch, duck_label.look.check, "open_file", out)
    found = check(out)
    assert (found.parts, found.faults) == (3, [])
    part = min(out.glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    assert len(check(out).damaged) == 1
