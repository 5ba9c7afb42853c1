# mypy: disable-error-code="import-untyped"
"""Real bars of five markets, every row against the scan. They lie beside the checkout, or not."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import golden
from labeling import label
from lengths import long_but
from scan import Mode, Rules, scan

FOLDER = Path(__file__).parents[2] / "shared" / "data"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"the real bars are not here: no folder {FOLDER}"
)


def both_ways(*barriers: tuple[float, float]) -> tuple[Mode, ...]:
    """A long and a short mode for each stop and target."""
    return tuple(
        Mode(f"{direction}_{stop:g}_{target:g}", direction, stop, target)
        for stop, target in barriers
        for direction in ("long", "short")
    )


@dataclass(frozen=True)
class Market:
    """A file, and a configuration that suits its instrument."""

    file: str
    rules: Rules
    config: dict[str, Any] = field(default_factory=dict)


MARKETS = (
    Market("lean_gcz3_1s", Rules(tick_size=0.1)),
    Market("lean_es_1m", Rules(timeout_seconds=3600)),
    Market(
        "lean_coinbase_btcusd_1s",
        Rules(tick_size=0.01, roll_gap_points=5, modes=both_ways((20, 40), (50, 100), (100, 150))),
    ),
    Market(
        "lean_fx_5sym_1s",
        Rules(
            tick_size=0.00001,
            instruments=(("*XAU*", 0.001, None),),
            modes=both_ways((10, 20), (30, 60), (50, 100)),
        ),
        {"instruments": {"*XAU*": {"tick_size": 0.001}}},
    ),
    Market(
        "bitfinex_btcusd_2017_1m",
        Rules(
            tick_size=0.01,
            timeout_seconds=14_400,
            roll_gap_points=500,
            modes=both_ways((1000, 2000), (3000, 6000), (5000, 10_000)),
        ),
        {"on_bad_rows": "quarantine"},
    ),
)


def on_the_cent(bars: pa.Table) -> pa.Array:
    """Which bars have all prices on a grid of 0.01."""
    prices = np.stack([bars[name].to_numpy() for name in ("open", "high", "low", "close")])
    return pa.array(np.all(np.abs(prices * 100 - np.round(prices * 100)) <= 1e-6, axis=0))


@pytest.mark.parametrize("market", long_but(MARKETS[:1], MARKETS), ids=lambda market: market.file)
def test_real_bars_equal_the_scan_on_every_row(market: Market, tmp_path: Path) -> None:
    path = FOLDER / f"{market.file}.parquet"
    rules = market.rules
    labeled = label(
        path,
        tmp_path / "out",
        details=True,
        tick_size=rules.tick_size,
        timeout_seconds=rules.timeout_seconds,
        roll_gap_points=rules.roll_gap_points,
        modes=[vars(mode) for mode in rules.modes],
        **market.config,
    )
    bars = pq.read_table(path)
    if "on_bad_rows" in market.config:
        bars = bars.filter(on_the_cent(bars))
    assert golden.differences(labeled, scan(bars, rules, compiled=True)) == []
