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
from walk import walk

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


@pytest.mark.parametrize(
    ("file", "tick", "gap", "trail"),
    [
        pytest.param("lean_es_1m", 0.25, 20, 8, marks=pytest.mark.long),
        pytest.param("lean_coinbase_btcusd_1s", 0.01, 2000, 800, marks=pytest.mark.long),
    ],
)
def test_any_trade_of_real_bars_is_what_the_walk_finds(
    file: str, tick: float, gap: float, trail: int, tmp_path: Path
) -> None:
    config: dict[str, Any] = {
        "tick_size": tick,
        "roll_gap_points": gap,
        "volatility": {"atr20": {"kind": "atr", "bars": 20}},
        "modes": [
            {"name": "v", "direction": "long", "stop": "5 * atr20", "target": "10 * atr20"},
            {"name": "p", "direction": "short", "stop": "0.05%", "target": "0.1%"},
            {
                "name": "t",
                "direction": "long",
                "stop": trail,
                "target": "none",
                "trailing": True,
            },
        ],
    }
    path = FOLDER / f"{file}.parquet"
    labeled = label(path, tmp_path / "out", details=True, run={"chunk": "7001"}, **config)
    expected = walk(pq.read_table(path), config)
    names = [name for name in expected.column_names if not name.startswith(("uniq", "attrib"))]
    assert golden.differences(labeled, expected, names) == []
