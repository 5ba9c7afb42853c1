"""Peaks of chunks are foretold from the chunks before them."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.bars.asked import share_asked
from duck_label.database import Database
from duck_label.memory import budget
from duck_label.memory.budget import MemoryBudget
from duck_label.memory.prediction import PeakPredictor, bytes_per_row
from duck_label.records.ledger import FOLDER
from duck_label.run import schedule
from duck_label.sample import write_sample

SHARED = Path(__file__).parents[2] / "shared" / "data"


@given(
    per_row=st.integers(100, 5000),
    peak=st.integers(200, 8000),
    rows=st.integers(20_000, 10**7),
    needs=st.integers(50, 20_000),
)
def test_as_many_rows_as_fit_fit(per_row: int, peak: int, rows: int, needs: int) -> None:
    """Whatever was learned: the rows within a peak stay within it, and one more row would not."""
    predictor = PeakPredictor(per_row, [(rows, 130_000_000 + rows * needs)])
    fitting = predictor.rows_within(peak * 10**6)
    assert predictor.peak(fitting) <= peak * 10**6 + 1
    assert predictor.peak(fitting + 1) >= peak * 10**6 - 1


def test_what_chunks_needed_outweighs_what_was_expected() -> None:
    predictor = PeakPredictor(1000.0)
    assert predictor.factor == 1
    for _ in range(3):
        predictor.learn(100_000, 130_000_000 + 100_000 * 500)
    assert predictor.factor == 0.5
    assert predictor.peak(200_000) == 230_000_000


def test_one_odd_chunk_is_outvoted_and_old_ones_are_forgotten() -> None:
    usual = [(100_000, 330_000_000)] * 8
    assert PeakPredictor(1000.0, [*usual, (100_000, 8 * 10**9)]).factor == 2
    assert PeakPredictor(1000.0, [*usual, *[(100_000, 430_000_000)] * 9]).factor == 3


def test_small_chunks_teach_nothing() -> None:
    assert PeakPredictor(1000.0, [(100, 500_000_000)]).factor == 1


def test_more_modes_details_and_wider_bars_need_more() -> None:
    config = LabelingConfig()
    narrow = bytes_per_row(config, 50)
    assert bytes_per_row(config, 500) > narrow
    assert bytes_per_row(LabelingConfig(details=True), 50) > narrow
    assert bytes_per_row(LabelingConfig(uniqueness=True), 50) > narrow + 6 * 100
    assert bytes_per_row(LabelingConfig(modes=config.modes[:1]), 50) < narrow


def test_bars_that_are_not_asked_need_less_and_least_where_they_are_left_out() -> None:
    events = {"events": {"every_seconds": 100}}
    config, left_out = LabelingConfig(**events), LabelingConfig(**events, rows="asked")
    assert bytes_per_row(config, 50, 1) == bytes_per_row(left_out, 50, 1)
    assert bytes_per_row(left_out, 50, 0.01) < bytes_per_row(config, 50, 0.01)
    assert bytes_per_row(config, 50, 0.01) < bytes_per_row(config, 50, 0.1)
    # What a bar is worth is summed over all bars.
    worth = LabelingConfig(**events, rows="asked", uniqueness=True)
    assert bytes_per_row(worth, 50, 0.01) > bytes_per_row(left_out, 50, 0.01) + 6 * 100


def test_how_many_bars_are_asked_is_told_before_any_is_read(tmp_path: Path) -> None:
    write_sample(tmp_path / "bars.parquet", days=1)
    count = f"select count(*), min(timestamp), max(timestamp) from '{tmp_path}/bars.parquet'"
    bars, first, last = duckdb.execute(count).fetchall()[0]
    events = "from range(1000) t(n) select timestamp '2024-01-01' + to_seconds(n) as timestamp"
    duckdb.execute(f"copy ({events}) to '{tmp_path}/events.parquet'")
    begin, end = (int(moment.timestamp() * 1e6) for moment in (first, last))

    def share(**events: Any) -> float:
        config = LabelingConfig(**({"events": events} if events else {}))
        with Database(MemoryBudget.resolve("300MB"), 1, tmp_path) as database:
            return share_asked(database, config, begin, end, bars)

    assert share() == share(column="is_event") == 1
    assert share(file=str(tmp_path / "events.parquet")) == 1000 / bars
    assert share(every_seconds=60) == (last - first).total_seconds() / 60 / bars
    assert share(every_seconds=0.001) == 1


def test_chunks_are_twice_as_large_where_few_bars_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sample(tmp_path / "bars.parquet", days=1)
    monkeypatch.setattr(schedule, "MOST_ROWS", 5_000)
    monkeypatch.setattr(schedule, "LEAST_IN_FLIGHT", 1_000)
    monkeypatch.setattr(schedule, "_LITTLE", 5_000 * 500)

    def largest(**config: Any) -> int:
        engine = WeightedLabelingEngine(LabelingConfig(run={"threads": 1}, **config))
        planned = engine.plan_files([tmp_path / "bars.parquet"], tmp_path / "out")
        return max(chunk.rows for chunk in planned.chunks)

    few = {"events": {"every_seconds": 200}, "rows": "asked"}
    assert largest() == largest(**few, uniqueness=True) == largest(events={"every_seconds": 2})
    assert largest() <= 5_000 < 9_000 < largest(**few) <= 10_000


def run(bars: Path, output: Path, *options: str) -> list[dict[str, Any]]:
    """Label in a process of its own, whose memory is its own; returns the chunks with bars."""
    command = [sys.executable, "-m", "duck_label", "run", str(bars), "-o", str(output), "-q"]
    ended = subprocess.run([*command, *options], check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    lines = (output / FOLDER / "chunks.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["rows"]]


def errors_after_five(chunks: list[dict[str, Any]]) -> list[float]:
    assert len(chunks) > 8
    return [abs(c["predicted_peak_bytes"] / c["peak_rss_bytes"] - 1) for c in chunks[5:]]


def test_however_little_memory_is_left_a_chunk_has_a_thousand_bars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Smaller ones would be margin for the most part, and as many as there are bars."""
    monkeypatch.setattr(budget, "rss_bytes", lambda: 280_000_000)
    write_sample(tmp_path / "bars.parquet", days=1)
    engine = WeightedLabelingEngine(LabelingConfig(memory={"limit": "300MB"}))
    planned = engine.plan_files([tmp_path / "bars.parquet"], tmp_path / "out")
    rows = [chunk.rows for chunk in planned.chunks]
    # The first is an eighth, to see what a bar needs.
    assert max(rows) > 900
    assert min(rows[1:-1]) > 700


def test_a_process_that_holds_much_has_chunks_of_what_is_left() -> None:
    assert MemoryBudget(10 * 10**9, 10**9, baseline=10**9).comfortable == 6 * 10**9
    assert MemoryBudget(10 * 10**9, 10**9, baseline=8 * 10**9).comfortable == 8.8 * 10**9


@pytest.mark.long
def test_automatic_chunks_stay_below_sixty_percent_of_the_budget(tmp_path: Path) -> None:
    """Predicted and in fact, and the prediction is near."""
    write_sample(tmp_path / "bars.parquet", days=15)
    chunks = run(tmp_path / "bars.parquet", tmp_path / "out", "--memory-limit", "340MB")
    comfortable = MemoryBudget.resolve("340MB").comfortable
    # A chunk that is a fifth too large is not cut in two.
    assert max(chunk["predicted_peak_bytes"] for chunk in chunks) < 1.2 * comfortable
    assert median(chunk["peak_rss_bytes"] for chunk in chunks) < comfortable
    assert median(errors_after_five(chunks)) < 0.2


@pytest.mark.long
@pytest.mark.parametrize(
    "modes",
    [
        ["a:long:8*atr20:16*atr20", "b:short:12*atr20:24*atr20", "c:long:0.05%:0.1%"],
        ["a:long:8:16:trailing", "b:short:8:16:trailing", "c:long:12:24:trailing"],
    ],
)
def test_predictions_of_any_trade_are_near(modes: list[str], tmp_path: Path) -> None:
    write_sample(tmp_path / "bars.parquet", days=15)
    options = [option for mode in modes for option in ("--mode", mode)]
    chunks = run(
        *(tmp_path / "bars.parquet", tmp_path / "out", "--memory-limit", "340MB"),
        *("--volatility", "atr20=atr:20", *options),
    )
    assert median(errors_after_five(chunks)) < 0.2


@pytest.mark.long
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real bars are not here: no folder {SHARED}")
def test_predictions_on_real_bars_are_near_after_five_chunks(tmp_path: Path) -> None:
    chunks = run(
        SHARED / "lean_fx_5sym_1s.parquet",
        tmp_path,
        *("--tick-size", "0.00001", "--memory-limit", "420MB"),
        *("--set", "instruments.'*XAU*'.tick_size=0.001"),
    )
    assert median(errors_after_five(chunks)) < 0.2
