# mypy: disable-error-code="import-untyped"
"""What overlapping labels are worth: many at once, and the same however bars come and are cut."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import golden
from duck_label import LabelingConfig
from duck_label.connection import Connection
from duck_label.errors import ConfigError
from duck_label.look.stats import statistics
from duck_label.records.ledger import Ledger
from labeling import label, read
from lengths import long_but
from walk import walk

START = datetime(2024, 3, 4, 15, tzinfo=UTC)
# Bars that the chunk of a cut may depend on: two horizons of four, and some more.
BARS, HORIZON = 26, 4


def bars_of(close: Any, seconds: int = 60) -> pa.Table:
    """Bars so many seconds apart whose prices are quarters."""
    close = np.asarray(close)
    times = [START + timedelta(seconds=seconds * n) for n in range(len(close))]
    levels = {"open": close, "high": close + 1, "low": close - 1, "close": close}
    prices = {name: pa.array(one * 0.25) for name, one in levels.items()}
    return pa.table({"timestamp": pa.array(times, pa.timestamp("us", "UTC")), **prices})


def test_more_labels_overlap_than_16_bits_count(tmp_path: Path) -> None:
    """Prices that never move, and a horizon past the end: bar t lies in the t spans before it."""
    count = 40_002
    pq.write_table(bars_of(np.full(count, 4000), seconds=1), tmp_path / "bars.parquet")
    mode = {"name": "m", "direction": "long", "stop": 20, "target": 20}
    labeled = label(
        tmp_path / "bars.parquet",
        tmp_path / "out",
        uniqueness=True,
        timeout_seconds=86_400,
        modes=[mode],
    )
    shares = 2**40 // np.arange(1, count, dtype=np.int64)
    sums = np.cumsum(shares[::-1])[::-1]
    expected = sums.astype(float) / np.arange(count - 1, 0, -1) / 2**40
    worth = labeled["uniqueness_m"].to_numpy()
    assert worth[:-1].tolist() == expected.tolist()
    assert np.isnan(worth[-1])
    assert worth[-2] == (2**40 // 40_001) / 2**40 > 0
    assert labeled["attribution_m"].to_pylist() == [0.0] * (count - 1) + [None]
    # What is summed up is the uniqueness of each in whole parts of 2^40, none of them rounded up.
    (part,) = (tmp_path / "out").glob("*.parquet")
    tallied = json.loads(pq.read_metadata(part).metadata[b"duck_label_tally"])["rows"]
    worths = [row["modes"][0]["worth"] for row in tallied]
    assert sum(worths) == sum(math.floor(one * 2**40) for one in expected)


CONFIG: dict[str, Any] = {
    "uniqueness": True,
    "timeout_bars": HORIZON,
    "roll_gap_points": 4,
    "modes": [
        {"name": "m", "direction": "long", "stop": 6, "target": 8},
        {"name": "n", "direction": "short", "stop": 5, "target": "none", "timeout_seconds": 150},
    ],
}


@pytest.fixture(scope="module")
def bars() -> pa.Table:
    chance = np.random.default_rng(11)
    moves = chance.integers(-3, 4, BARS)
    moves[9] = 40  # a jump
    return bars_of(4000 + np.cumsum(moves))


@pytest.fixture(scope="module")
def whole(bars: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    folder = tmp_path_factory.mktemp("whole")
    pq.write_table(bars, folder / "bars.parquet")
    labeled = label(folder / "bars.parquet", folder / "out", **CONFIG)
    expected = walk(bars, CONFIG)
    names = ["label_m", "weight_m", "uniqueness_m", "attribution_m", "uniqueness_n"]
    assert golden.differences(labeled, expected, names) == []
    return labeled


@pytest.mark.parametrize("cut", long_but([12], range(1, BARS)))
def test_a_cut_at_any_bar_changes_nothing(
    cut: int, bars: pa.Table, whole: pa.Table, tmp_path: Path
) -> None:
    pq.write_table(bars, tmp_path / "bars.parquet")
    moment = bars["timestamp"][cut].as_py()
    label(tmp_path / "bars.parquet", tmp_path / "out", how={"start": moment}, **CONFIG)
    label(tmp_path / "bars.parquet", tmp_path / "out", how={"end": moment}, **CONFIG)
    assert read(tmp_path / "out").equals(whole)


@pytest.mark.parametrize("cut", long_but([14], range(2, BARS)))
def test_bars_that_are_appended_at_any_time_change_nothing(
    cut: int, bars: pa.Table, whole: pa.Table, tmp_path: Path
) -> None:
    (tmp_path / "bars").mkdir()
    pq.write_table(bars[:cut], tmp_path / "bars" / "a.parquet")
    # Chunks of a few minutes, so that some are far from what joins.
    config = {**CONFIG, "run": {"chunk": "5"}}
    label(tmp_path / "bars", tmp_path / "out", **config)
    pq.write_table(bars[cut:], tmp_path / "bars" / "b.parquet")
    label(tmp_path / "bars", tmp_path / "out", **config)
    assert read(tmp_path / "out").equals(whole)


@pytest.mark.parametrize(
    ("steps", "is_narrow"),
    [
        # A share of 2^40 times a change of 2^23 increments takes 64 bits; so do the sums of twelve
        # changes of 2^21. Where prices go up and down by as much, there is nothing that does.
        ([0, 2**23], False),
        ([2**21] * 12, False),
        ([2**21, -(2**21)], True),
    ],
)
@pytest.mark.parametrize("threads", [1, 3])
def test_sums_that_are_too_wide_for_a_bigint_are_wider(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    steps: list[int],
    is_narrow: bool,
    threads: int,
) -> None:
    bars = bars_of(10**6 + np.cumsum(np.tile(steps, 60)[:60]))
    config = {
        **CONFIG,
        "roll_gap_points": 10**8,
        # One after the other: a bar lies in one span.
        "timeout_bars": 1,
        "modes": [{"name": "m", "direction": "long", "stop": 10**8, "target": 10**8}],
        "run": {"chunk": "20", "threads": threads},
    }
    queries = []
    run = Connection.run

    def run_and_remember(self: Connection, query: str, *values: Any) -> None:
        run(self, query, *values)
        if "temp table worths" in query:
            queries.append("::hugeint" in query)

    monkeypatch.setattr(Connection, "run", run_and_remember)
    pq.write_table(bars, tmp_path / "bars.parquet")
    labeled = label(tmp_path / "bars.parquet", tmp_path / "out", **config)
    assert queries == [not is_narrow] * 3
    expected = walk(bars, config)
    assert golden.differences(labeled, expected, ["uniqueness_m", "attribution_m"]) == []
    assert set(expected["uniqueness_m"].to_pylist()) == {1.0, None}


def test_a_factor_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match=r"weights\.factors: .* set uniqueness = true"):
        LabelingConfig(weights={"factors": ["decay", "uniqueness"]})


def test_statistics_tell_what_labels_are_worth(bars: pa.Table, tmp_path: Path) -> None:
    """The sum of the uniqueness of all labels, whatever the cut."""
    pq.write_table(bars, tmp_path / "bars.parquet")
    for name, chunk in (("one", "auto"), ("many", "9")):
        config = {**CONFIG, "run": {"chunk": chunk}}
        labeled = label(tmp_path / "bars.parquet", tmp_path / name, **config)
    uniqueness = [value for value in labeled["uniqueness_m"].to_pylist() if value is not None]
    one, many = (statistics(tmp_path / name).total.modes[0].worth for name in ("one", "many"))
    assert one == many
    assert one is not None
    assert one.trades == len(uniqueness)
    assert one.effective_labels == pytest.approx(sum(uniqueness), rel=1e-9)
    assert one.mean_uniqueness == pytest.approx(np.mean(uniqueness), rel=1e-9)


def test_a_trade_that_enters_long_after_its_bar_overlaps_across_a_cut(tmp_path: Path) -> None:
    """The first bar enters at second 100 and holds until 159, which the bars from 158 on share."""
    seconds = [0, 100, 101, 150, 157, 158, 159, 162, 170, 300]
    table = bars_of([4000] * len(seconds))
    times = pa.array([START + timedelta(seconds=n) for n in seconds], pa.timestamp("us", "UTC"))
    pq.write_table(table.set_column(0, "timestamp", times), tmp_path / "bars.parquet")
    config: dict[str, Any] = {
        "uniqueness": True,
        "timeout_seconds": 60,
        "modes": [{"name": "m", "direction": "long", "stop": 20, "target": 20}],
    }
    whole = label(tmp_path / "bars.parquet", tmp_path / "whole", **config)
    # Its bars are 100, 101, 150, 157, 158 and 159; of these so many trades hold each.
    shares = [2**40 // trades for trades in (1, 2, 3, 4, 5, 6)]
    assert whole["uniqueness_m"][0].as_py() == sum(shares) / 6 / 2**40
    moment = START + timedelta(seconds=158)
    for how in ({"start": moment}, {"end": moment}):
        label(tmp_path / "bars.parquet", tmp_path / "out", how=how, **config)
    assert read(tmp_path / "out").equals(whole)


@pytest.mark.parametrize("longer", ["timeout_seconds", "timeout_bars"])
def test_the_longest_horizon_of_any_mode_reaches_across_a_cut(longer: str, tmp_path: Path) -> None:
    """Bars a minute apart whose prices stand still: trades go on for one, or for seven."""
    minutes = {"timeout_seconds": 1, "timeout_bars": 1, longer: 7}
    horizons = (("m", "timeout_bars", 1), ("n", "timeout_seconds", 60))
    config: dict[str, Any] = {
        "uniqueness": True,
        "modes": [
            {
                "name": name,
                "direction": "long",
                "stop": 20,
                "target": 20,
                kind: minutes[kind] * unit,
            }
            for name, kind, unit in horizons
        ],
    }
    pq.write_table(bars_of([4000] * 30), tmp_path / "bars.parquet")
    moment = START + timedelta(minutes=15)
    for how in ({"start": moment}, {"end": moment}):
        labeled = label(tmp_path / "bars.parquet", tmp_path / "out", how=how, **config)
    for name, kind, _ in horizons:
        # A bar lies in as many spans as each of them has bars.
        of_mode = labeled[f"uniqueness_{name}"].to_pylist()
        assert set(of_mode[8:20]) == {(2**40 // minutes[kind]) / 2**40}


def test_events_that_join_change_what_labels_beside_them_are_worth(
    bars: pa.Table, tmp_path: Path
) -> None:
    pq.write_table(bars, tmp_path / "bars.parquet")
    times = bars.select(["timestamp"])
    mode = {"name": "m", "direction": "long", "stop": 60, "target": 60}
    events = {"file": str(tmp_path / "events.parquet")}
    config: dict[str, Any] = {**CONFIG, "modes": [mode], "events": events}
    chunks = {"run": {"chunk": "9"}}
    pq.write_table(times.take(pa.array([2, 15])), tmp_path / "events.parquet")
    before = label(tmp_path / "bars.parquet", tmp_path / "out", **config, **chunks)
    # Bar 17 is of another chunk than bar 15, and enters while its trade of four bars goes on.
    starts = [record.start for record in Ledger(tmp_path / "out").chunks()]
    assert len(starts) == 3
    assert any(15 < (start / 1e6 - START.timestamp()) / 60 <= 17 for start in starts)
    pq.write_table(times.take(pa.array([2, 15, 17])), tmp_path / "events.parquet")
    after = label(tmp_path / "bars.parquet", tmp_path / "out", **config, **chunks)
    assert after.equals(label(tmp_path / "bars.parquet", tmp_path / "whole", **config))
    assert before["uniqueness_m"][15].as_py() == 1
    assert after["uniqueness_m"][15].as_py() == after["uniqueness_m"][17].as_py() == 0.75
    assert after["uniqueness_m"][2].as_py() == 1
