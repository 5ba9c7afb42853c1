"""A run whose labels can teach nothing says so, and what is most likely wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.run.results import Silence


class Notes(Silence):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


def bars(scale: float = 1.0, step: float = 0.25, rows: int = 3000) -> pd.DataFrame:
    """A walk over prices around 5,000, as many times as large as `scale` says."""
    closes = 5000 + np.cumsum(np.random.default_rng(3).integers(-2, 3, rows)) * step
    opens = np.r_[closes[0], closes[:-1]]
    prices = {
        "open": opens,
        "high": np.maximum(opens, closes),
        "low": np.minimum(opens, closes),
        "close": closes,
    }
    whole = {name: np.round(values * scale, 12) for name, values in prices.items()}
    return pd.DataFrame(
        {"timestamp": pd.date_range("2024-03-04", periods=rows, freq="1s", tz="UTC"), **whole}
    )


def run(table: pd.DataFrame, folder: Path, **config: Any) -> tuple[list[str], list[str]]:
    """The warnings of the summary, and what was said while the run went."""
    table.to_parquet(folder / "bars.parquet", index=False)
    notes = Notes()
    engine = WeightedLabelingEngine(LabelingConfig(**config), notes)
    summary = engine.process_files([folder / "bars.parquet"], folder / "out")
    return summary.warnings, notes.said


def test_ordinary_labels_are_not_doubted(tmp_path: Path) -> None:
    assert run(bars(), tmp_path) == ([], [])


@pytest.mark.parametrize(
    ("scale", "config", "told"),
    [
        # Databento's whole numbers of 1e-9 points: every move is a roll.
        (1e9, {"allow_nonpositive_prices": True}, "of the bars were lost to rolls"),
        # Moves of a hundredth of a tick, on a grid that knows them.
        (1.0, {"tick_size": 25, "price_increment": 0.25}, "no barrier was touched"),
    ],
)
def test_units_that_are_off_are_told(
    scale: float, config: dict[str, Any], told: str, tmp_path: Path
) -> None:
    warnings, said = run(bars(scale), tmp_path, **config, run={"chunk": "1500"})
    (warning,) = warnings
    assert told in warning
    assert "validate INPUT --write-config" in warning
    # After the first chunk, and at the end.
    assert len(said) == 2
    assert said[-1] == f"warning: {warning}"


def test_a_run_without_a_trade_is_told(tmp_path: Path) -> None:
    (warning,), _ = run(bars().assign(asks=False), tmp_path, events={"column": "asks"})
    assert warning.startswith("no bar has a trade")


def test_a_run_in_which_all_trades_enter_too_late_is_told(tmp_path: Path) -> None:
    """It says so, and does not ask whether the prices are in another unit."""
    (warning,), _ = run(bars(), tmp_path, max_entry_gap_seconds=0.5)
    assert warning.startswith("no bar has a trade: all are skipped")
    assert "max_entry_gap_seconds" in warning


def test_a_symbol_for_every_bar_is_told(tmp_path: Path) -> None:
    names = [f"trade-{number}" for number in range(200)]
    (warning,), _ = run(bars(rows=200).assign(symbol=names), tmp_path)
    assert warning.startswith("no bar has a trade: each is the last of its symbol")


def test_labels_of_one_kind_are_told(tmp_path: Path) -> None:
    modes = [{"name": "m", "direction": "long", "stop": 1, "target": 100_000}]
    (warning,), _ = run(bars(), tmp_path, modes=modes)
    assert "not one label is 1" in warning


def test_a_few_bars_may_be_all_alike(tmp_path: Path) -> None:
    assert run(bars(rows=50), tmp_path)[0] == []
