"""The synthetic bars: that they look like real ones, and that they can be had again."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duck_label import sample
from duck_label.errors import OutputError
from duck_label.sample import Market, SampleSummary, write_sample

NEW_YORK = ZoneInfo("America/New_York")
SESSION_SECONDS = 23 * 3600
HORIZON_SECONDS = 900

# Real ES on 2018-05-07, and how far a sample of five sessions may be from it.
CALM = {
    "missing": (0.22, 0.02),
    "open_at_close": (0.59, 0.04),
    "range_ticks": (0.44, 0.05),
    "crossings": (0.19, 0.03),
    "seconds_to_target": (324.0, 0.2 * 324.0),
}
# As the module's docstring gives them.
VOLATILE = {
    "missing": (0.097, 0.02),
    "open_at_close": (0.508, 0.04),
    "range_ticks": (0.89, 0.10),
    "crossings": (0.351, 0.03),
    "seconds_to_target": (129.0, 0.2 * 129.0),
}


def made(folder: Path, **arguments: Any) -> tuple[SampleSummary, pa.Table]:
    path = folder / "sample.parquet"
    summary = write_sample(path, overwrite=True, **arguments)
    return summary, pq.read_table(path)


def ticks(bars: pa.Table, column: str) -> npt.NDArray[np.int32]:
    points: npt.NDArray[np.float64] = bars[column].to_numpy()
    return np.rint(points / sample.TICK).astype(np.int32)


def seconds(bars: pa.Table) -> npt.NDArray[np.int64]:
    microseconds: npt.NDArray[np.int64] = bars["timestamp"].cast(pa.int64()).to_numpy()
    return microseconds // 1_000_000


def measured(bars: pa.Table, days: int) -> dict[str, float]:
    """The statistics in the order of the module's docstring."""
    opened, high, low, close = (ticks(bars, name) for name in ("open", "high", "low", "close"))
    return {
        "missing": 1 - len(opened) / (days * SESSION_SECONDS),
        "open_at_close": float(np.mean(opened[1:] == close[:-1])),
        "range_ticks": float(np.mean(high - low)),
        "crossings": float(np.maximum(0, np.diff(high)).sum() / len(high)),
        "seconds_to_target": median_seconds_to_target(seconds(bars), opened, high),
    }


def median_seconds_to_target(
    when: npt.NDArray[np.int64], opened: npt.NDArray[np.int32], high: npt.NDArray[np.int32]
) -> float:
    """Median over every fiftieth entry; bars are seconds apart, so 900 of them span the horizon."""
    windows = np.lib.stride_tricks.sliding_window_view(high, HORIZON_SECONDS)
    entries = np.arange(1, len(windows), 50)
    touched = windows[entries] >= opened[entries, None] + 12
    taken = when[entries + touched.argmax(axis=1)] - when[entries]
    return float(np.median(taken[touched.any(axis=1) & (taken < HORIZON_SECONDS)]))


@pytest.mark.parametrize("seed", [1, 7, 42])
@pytest.mark.parametrize(("market", "expected"), [("calm", CALM), ("volatile", VOLATILE)])
def test_bars_look_like_the_real_ones(
    tmp_path: Path, market: Market, expected: dict[str, tuple[float, float]], seed: int
) -> None:
    _, bars = made(tmp_path, seed=seed, market=market)
    found = measured(bars, days=5)
    for name, (value, tolerance) in expected.items():
        assert found[name] == pytest.approx(value, abs=tolerance), name


def test_a_volatile_market_moves_three_times_as_far(tmp_path: Path) -> None:
    moves = []
    for market in ("calm", "volatile"):
        _, bars = made(tmp_path, market=market)
        change = np.diff(ticks(bars, "close")[::240])
        # Leaves out the roll.
        moves.append(change[abs(change) < 80].std())
    assert 2.4 < moves[1] / moves[0] < 3.6


@pytest.mark.parametrize("market", ["calm", "volatile"])
def test_every_bar_is_a_good_bar(tmp_path: Path, market: Market) -> None:
    summary, bars = made(tmp_path, market=market)
    assert bars.schema == sample.SCHEMA
    assert all(column.null_count == 0 for column in bars.columns)
    assert set(bars["symbol"].unique().to_pylist()) == {"ES"}
    assert (np.diff(seconds(bars)) > 0).all()
    assert (bars["timestamp"].cast(pa.int64()).to_numpy() % 1_000_000 == 0).all()
    assert (bars["volume"].to_numpy() > 0).all()
    prices = {name: bars[name].to_numpy() for name in ("open", "high", "low", "close")}
    for price in prices.values():
        assert (price == np.rint(price / 0.25) * 0.25).all()
        assert ((price > 4000) & (price < 6000)).all()
    assert (prices["high"] >= np.maximum(prices["open"], prices["close"])).all()
    assert (prices["low"] <= np.minimum(prices["open"], prices["close"])).all()
    assert summary.rows == bars.num_rows


def test_summary_names_first_and_last_bar_in_utc(tmp_path: Path) -> None:
    summary, bars = made(tmp_path)
    when = seconds(bars)
    assert summary.first == datetime.fromtimestamp(int(when[0]), UTC)
    assert summary.last == datetime.fromtimestamp(int(when[-1]), UTC)
    assert summary.first.tzinfo is UTC
    assert summary.last.tzinfo is UTC


@pytest.mark.parametrize("market", ["calm", "volatile"])
def test_the_roll_is_the_only_jump_of_more_than_20_points(tmp_path: Path, market: Market) -> None:
    summary, bars = made(tmp_path, market=market)
    jump = np.diff(bars["close"].to_numpy())
    at = np.flatnonzero(abs(jump) > 20)
    assert 25 < abs(jump[at[0]]) < 65
    assert [datetime.fromtimestamp(int(when), UTC) for when in seconds(bars)[at + 1]] == list(
        summary.rolls
    )
    # Thursday 14 March 2024 begins at 18:00 New York time, on daylight saving time, of Wednesday.
    assert summary.rolls[0].replace(second=0) == datetime(2024, 3, 13, 22, 0, tzinfo=UTC)


def test_rolls_go_both_ways(tmp_path: Path) -> None:
    jumps = []
    for seed in range(8):
        _, bars = made(tmp_path, seed=seed, days=2)
        jump = np.diff(bars["close"].to_numpy())
        jumps.append(jump[abs(jump).argmax()])
    assert min(jumps) < -25
    assert max(jumps) > 25


def test_contracts_roll_on_the_second_thursday_of_each_quarter() -> None:
    # 262 weekdays a year.
    rolls = [session.opens for session in sample._sessions(date(2024, 1, 1), 262) if session.rolls]
    assert [opens.astimezone(NEW_YORK).date() + timedelta(days=1) for opens in rolls] == [
        date(2024, 3, 14),
        date(2024, 6, 13),
        date(2024, 9, 12),
        date(2024, 12, 12),
    ]


def test_sessions_open_at_18_in_new_york_all_year() -> None:
    sessions = list(sample._sessions(date(2024, 3, 7), 600))
    opens = [session.opens.astimezone(NEW_YORK) for session in sessions]
    assert {moment.time() for moment in opens} == {time(18)}
    assert {moment.isoweekday() for moment in opens} == {7, 1, 2, 3, 4}
    assert {moment.hour for moment in (session.opens for session in sessions)} == {22, 23}
    closes = [session.opens + timedelta(seconds=SESSION_SECONDS) for session in sessions]
    assert {moment.astimezone(NEW_YORK).time() for moment in closes} == {time(17)}


@pytest.mark.parametrize("start", [date(2024, 3, 7), date(2024, 10, 31)])
def test_bars_keep_to_the_sessions_when_the_clocks_change(tmp_path: Path, start: date) -> None:
    _, bars = made(tmp_path, start=start, days=2)
    when = seconds(bars)
    edge = int(np.diff(when).argmax())
    friday = datetime.combine(start + timedelta(days=1), time(17), NEW_YORK)
    sunday = datetime.combine(start + timedelta(days=3), time(18), NEW_YORK)
    assert friday.utcoffset() != sunday.utcoffset()
    assert friday.timestamp() - 120 < when[edge] < friday.timestamp()
    assert sunday.timestamp() <= when[edge + 1] < sunday.timestamp() + 120


def test_a_start_on_the_weekend_waits_for_sunday(tmp_path: Path) -> None:
    friday, _ = made(tmp_path, start=date(2024, 3, 15), days=1, seed=7)
    sunday, _ = made(tmp_path, start=date(2024, 3, 17), days=1, seed=7)
    assert friday == sunday
    assert sunday.first.astimezone(NEW_YORK).date() == date(2024, 3, 17)


def test_a_longer_sample_begins_with_the_shorter_one(tmp_path: Path) -> None:
    short, few = made(tmp_path, days=5)
    long, many = made(tmp_path, days=20)
    assert many.slice(0, few.num_rows).equals(few)
    assert (long.first, long.rolls) == (short.first, short.rolls)
    assert long.rows > 3 * short.rows


def test_the_seed_and_nothing_else_decides(tmp_path: Path) -> None:
    _, bars = made(tmp_path, days=1)
    _, again = made(tmp_path, days=1)
    _, other = made(tmp_path, days=1, seed=8)
    assert again.equals(bars)
    assert not other.equals(bars)


def test_another_start_has_another_seed(tmp_path: Path) -> None:
    """So that a model finds nothing of March's bars in April's."""
    _, march = made(tmp_path, days=1, start=date(2024, 3, 18))
    _, april = made(tmp_path, days=1, start=date(2024, 4, 1))
    _, told = made(tmp_path, days=1, start=date(2024, 4, 1), seed=27)
    assert not march["close"][:1000].equals(april["close"][:1000])
    assert april.equals(told)
    assert made(tmp_path, days=1, start=date(1970, 1, 1))[1].num_rows > 0


@pytest.mark.parametrize(
    ("market", "digest"),
    [
        ("calm", "4a511892d31707f46ce83a3e0b0afffc5c9ccc19a335fe7d783c2ddd9ad1883d"),
        ("volatile", "71443e56260c406e205cee54168f667e94b6bda64ed9e214ca2b16c08227a4a0"),
    ],
)
def test_bars_are_the_same_on_every_platform(tmp_path: Path, market: Market, digest: str) -> None:
    _, bars = made(tmp_path, market=market, days=2)
    found = hashlib.sha256(seconds(bars).astype("<i8").tobytes())
    for name in ("open", "high", "low", "close"):
        found.update(ticks(bars, name).astype("<i4").tobytes())
    found.update(bars["volume"].to_numpy().astype("<i8").tobytes())
    assert found.hexdigest() == digest


def test_the_price_finds_its_way_back_and_never_reaches_zero() -> None:
    """From far off, where no sample is expected to get: the worst that decades could do."""
    for start, back in ((-1000.0, 1), (60_000.0, -1)):
        price = start
        for session in sample._sessions(date(2024, 3, 12), 20):
            bars, price = sample._bars(session, price, 7, sample._MARKETS["volatile"])
            assert bars["low"].to_numpy().min() >= 100
        assert (price - start) * back > 2000


def test_file_comes_in_full_row_groups_of_zstd(tmp_path: Path) -> None:
    path = tmp_path / "sample.parquet"
    summary = write_sample(path)
    metadata = pq.read_metadata(path)
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    assert set(sizes[:-1]) == {sample.ROW_GROUP_ROWS}
    assert sum(sizes) == summary.rows
    assert metadata.row_group(0).column(0).compression == "ZSTD"


def test_an_existing_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "sample.parquet"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match=r"sample\.parquet exists already"):
        write_sample(path, days=1)
    assert path.read_text() == "mine"
    write_sample(path, days=1, overwrite=True)
    assert pq.read_metadata(path).num_rows > 0


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sample.parquet"
    path.write_text("mine")
    whole = sample._bars

    def breaks(session: sample._Session, *rest: Any) -> tuple[pa.Table, float]:
        if session.ordinal == 2:
            raise OSError("disk full")
        return whole(session, *rest)

    monkeypatch.setattr(sample, "_bars", breaks)
    with pytest.raises(OutputError, match="cannot be written: disk full"):
        write_sample(path, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["sample.parquet"]
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"days": 0}, "days must be at least 1, not 0"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"market": "wild"}, "market must be one of calm, volatile; not 'wild'"),
    ],
)
def test_arguments_out_of_range_are_named(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_sample(tmp_path / "sample.parquet", **arguments)
    assert not list(tmp_path.iterdir())
