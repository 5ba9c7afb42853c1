# mypy: disable-error-code="import-untyped"
"""Any trade: golden cases of every barrier, side, tie, horizon and exit, however they are cut."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import golden
from labeling import label
from walk import walk

# What other cases need besides.
_LATER = ("events", "session", "max_entry_gap_seconds")
CASES = [
    case
    for case in golden.TRADE_CASES
    if not {*_LATER} & golden.trade_config(case).keys() and golden.trade_tables(case)[1] is None
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("chunk", ["auto", "2d", "333", "101"])
def test_golden_case(case: str, chunk: str, tmp_path: Path) -> None:
    bars, _, expected = golden.trade_tables(case)
    path = tmp_path / "bars.parquet"
    pq.write_table(bars, path)
    config = golden.trade_config(case)
    config = {**config, "details": True, "run": {"chunk": chunk}}
    config.pop("uniqueness", None)
    labeled = label(path, tmp_path / "out", **config)
    names = [name for name in expected.column_names if not name.startswith(("uniq", "attrib"))]
    assert golden.differences(labeled, expected, names) == []


# Any configuration: what it labels, in pieces of any size, is what the walk finds.


@st.composite
def barriers(draw: st.DrawFn) -> str | float:
    kind = draw(st.sampled_from(["ticks", "points", "%", "volatility", "column", "none"]))
    factor = draw(st.sampled_from(["0.5", "1", "1.5", "2", "3.25", "7"]))
    if kind == "ticks":
        return draw(st.sampled_from([1, 2, 3.5, 6, 9]))
    if kind == "points":
        return f"{factor} points"
    if kind == "%":
        return f"{draw(st.sampled_from(['0.005', '0.02', '0.05', '0.11']))}%"
    if kind == "volatility":
        return f"{factor} * {draw(st.sampled_from(['atr', 'range', 'std']))}"
    if kind == "column":
        return f"{factor} * {draw(st.sampled_from(['width', 'width ticks', 'share %']))}"
    return "none"


@st.composite
def modes(draw: st.DrawFn, number: int) -> dict[str, Any]:
    mode: dict[str, Any] = {
        "name": f"m{number}",
        "direction": draw(st.sampled_from(["long", "short", "side"])),
        "stop": draw(barriers()),
        "target": draw(barriers()),
    }
    if isinstance(mode["stop"], int | float) or "points" in str(mode["stop"]):
        mode["trailing"] = draw(st.booleans())
    horizon = draw(st.sampled_from([None, ("timeout_seconds", 25), ("timeout_bars", 9)]))
    return mode if horizon is None else {**mode, horizon[0]: horizon[1]}


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "tick_size": 0.25,
        "price_increment": draw(st.sampled_from([0.25, 0.05])),
        **draw(st.sampled_from([{"timeout_seconds": 40}, {"timeout_bars": 30}])),
        "roll_gap_points": draw(st.sampled_from([0, 4])),
        "entry": draw(st.sampled_from(["next_open", "close"])),
        "tie": draw(st.sampled_from(["stop", "target", "open", "null"])),
        "label": draw(st.sampled_from(["win", "touch", "sign"])),
        "unresolved": draw(st.sampled_from(["zero", "null"])),
        "weights": {
            "factors": draw(st.sampled_from([["quality", "velocity", "decay"], ["decay"]]))
        },
        "volatility": {
            "atr": {"kind": "atr", "bars": draw(st.integers(1, 12))},
            "range": {"kind": "range", "bars": draw(st.integers(1, 9))},
            "std": {"kind": "std", "bars": draw(st.integers(2, 9))},
        },
        "modes": [draw(modes(number)) for number in range(draw(st.integers(1, 4)))],
    }


def random_bars(seed: int, rows: int, increment: float) -> pa.Table:
    """Bars of two symbols that jump now and then, with gaps in time, and columns of all sorts."""
    chance = np.random.default_rng(seed)
    tables = []
    for symbol in ("ES", "NQ"):
        seconds = np.cumsum(chance.choice([1, 1, 1, 2, 7, 90], rows))
        moves = chance.integers(-6, 7, rows) + chance.choice(
            [0, 0, 0, 200], rows, p=[0.4, 0.4, 0.19, 0.01]
        )
        close = 20_000 + np.cumsum(moves)
        open_ = np.append(close[0], close[:-1]) + chance.integers(-2, 3, rows)
        high = np.maximum(open_, close) + chance.integers(0, 4, rows)
        low = np.minimum(open_, close) - chance.integers(0, 4, rows)
        start = np.datetime64("2024-03-30T22:00:00", "us")
        width = chance.choice([0.3, 1.0, 2.7, 0.0, np.nan, np.inf], rows)
        tables.append(
            pa.table(
                {
                    "timestamp": start + seconds * np.timedelta64(1_000_000, "us"),
                    **{
                        name: np.round(levels * increment, 2)
                        for name, levels in (
                            *(("open", open_), ("high", high)),
                            *(("low", low), ("close", close)),
                        )
                    },
                    "symbol": [symbol] * rows,
                    "side": pa.array(chance.choice([1.0, -2.5, 0.0, np.nan], rows)),
                    "width": pa.array(width, mask=chance.random(rows) < 0.1),
                    "share": pa.array(chance.choice([0.01, 0.034, -1.0], rows)),
                }
            )
        )
    return pa.concat_tables(tables)


@settings(deadline=None, max_examples=12, suppress_health_check=list(HealthCheck))
@given(configurations(), st.integers(0, 2**32 - 1), st.sampled_from(["auto", "61", "17"]))
def test_random_configurations_agree_with_the_walk(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, Any], seed: int, chunk: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    bars = random_bars(seed, 150, config["price_increment"])
    pq.write_table(bars, folder / "bars.parquet")
    how = {**config, "details": True, "run": {"chunk": chunk}}
    labeled = label(folder / "bars.parquet", folder / "out", **how)
    expected = walk(bars, config)
    names = [name for name in expected.column_names if not name.startswith(("uniq", "attrib"))]
    assert golden.differences(labeled, expected, names) == [], config
