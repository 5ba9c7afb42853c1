# mypy: disable-error-code="import-untyped"
"""Hundreds of small hostile series in one run, against the scan.

What hypothesis looks for in one series at a time, this looks for in bulk, as a run costs as much
for three hundred symbols as for one: jumps, holes, coarse and fine grids, all horizons.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest

import golden
from duck_label import query_names
from labeling import label, write
from lengths import long_but
from scan import Mode, Rules, scan
from test_invariance import STEPS, Case

SERIES, LONGEST = 300, 80
START = int(datetime(2024, 1, 30, 23, 59, tzinfo=UTC).timestamp())


def many_series(seed: int) -> Case:
    """Bars on a grid of 1, 5 or 250 increments a tick of a quarter, and rules they often decide."""
    random = np.random.default_rng(seed)
    per_tick = int(random.choice((1, 5, 250)))
    tables = [_series(random, f"S{number:03d}", per_tick) for number in range(SERIES)]
    bars = pa.concat_tables(tables)
    ticks = (1.0, 2.0, 2.5, 3.0, 8.0, 12.0, 20.0)
    modes = tuple(
        Mode(f"m{number}", str(random.choice(("long", "short"))), *random.choice(ticks, 2).tolist())
        for number in range(random.integers(1, 7))
    )
    rules = Rules(
        price_increment=0.25 / per_tick,
        timeout_seconds=float(random.choice((1, 5, 60, 900, 1e7))),
        timeout_bars=(None, None, 2, 20, 100)[random.integers(5)],
        roll_gap_points=float(random.choice((0, 2, 5, 20))),
        as_of=(None, date(2024, 3, 1))[random.integers(2)],
        modes=modes,
    )
    return Case(bars.take(random.permutation(len(bars))), rules)


def _series(random: np.random.Generator, symbol: str, per_tick: int) -> pa.Table:
    count = int(random.integers(1, LONGEST))
    # Each series has its own pace and unrest: some never move, some jump at every other bar.
    pace = random.integers(1, len(STEPS) + 1)
    clock = START + np.cumsum(random.choice(STEPS[:pace], count))
    unrest = random.choice((0, 1, 3, 9)) * per_tick

    def moves(size: int) -> np.ndarray:
        return random.integers(-size, size + 1, count) * (random.random(count) < random.random())

    jumps = random.choice((-100, -21, 21, 100), count) * per_tick
    jumps *= random.random(count) < random.choice((0, 0.02, 0.2))
    close = 4000 * per_tick + np.cumsum(moves(unrest) + jumps)
    opens = np.concatenate([[4000 * per_tick], close[:-1]]) + moves(unrest) // 2
    high = np.maximum(opens, close) + np.abs(moves(2 * per_tick))
    low = np.minimum(opens, close) - np.abs(moves(2 * per_tick))
    prices = {"open": opens, "high": high, "low": low, "close": close}
    return pa.table(
        {
            "timestamp": pa.array(clock * 1_000_000, pa.timestamp("us", "UTC")),
            "symbol": pa.array([symbol] * count, pa.string()),
        }
        | {name: pa.array(price / (4 * per_tick)) for name, price in prices.items()}
    )


SEEDS = (
    *long_but((2,), range(6)),
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 300)),
)


@pytest.mark.parametrize("seed", SEEDS)
def test_many_series_equal_the_scan(seed: int, tmp_path: Path) -> None:
    case = many_series(seed)
    with patch.object(query_names, "BLOCK_BARS", (32, 4, 1)[seed % 3]):
        bars = write(tmp_path / "bars", [case.bars])
        chunk = ("auto", "1w", "1500")[seed // 3 % 3]
        labeled = label(bars, tmp_path / "out", run={"chunk": chunk}, **case.config())
    assert golden.differences(labeled, scan(case.bars, case.rules)) == []


def test_bars_before_and_after_a_roll_share_an_entry_price(tmp_path: Path) -> None:
    """Prices fall through a level during a roll and stay there: the bar after it touches still."""
    prices = (  # open, high, low, close; the second jumps, which affects the first to the seventh
        (999.75, 999.75, 997.75, 999.75),
        (991.25, 991.75, 991.25, 991.25),
        (991.25, 991.25, 987.00, 989.00),
        (988.75, 989.00, 987.75, 987.75),
        (988.00, 988.00, 987.75, 988.00),
        (986.75, 987.00, 986.50, 986.50),
        (986.50, 987.00, 984.00, 987.00),
        (987.25, 988.50, 984.00, 988.00),
        (988.00, 988.00, 983.50, 985.75),
        (985.75, 992.00, 985.75, 990.00),
    )
    opens, high, low, close = (list(column) for column in zip(*prices, strict=True))
    seconds = [datetime(2024, 1, 2, 15, 0, second, tzinfo=UTC) for second in range(len(prices))]
    columns = {"timestamp": seconds, "open": opens, "high": high, "low": low, "close": close}
    # The nearest level below an entry at 988 is 987.5: asked for once, by the fourth bar.
    modes = (Mode("m", "long", 8.0, 8.0), Mode("n", "short", 12.0, 2.0))
    case = Case(pa.table(columns), Rules(roll_gap_points=5.0, modes=modes))
    labeled = label(write(tmp_path / "bars", [case.bars]), tmp_path / "out", **case.config())
    assert golden.differences(labeled, scan(case.bars, case.rules)) == []
    assert labeled["outcome_m"].to_pylist() == ["roll"] * 7 + ["stop", "target", "none"]
