# mypy: disable-error-code="import-untyped"
"""What `validate` suggests was tried: the configuration that it writes is one that runs."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duck_label.cli import main
from duck_label.settings import load
from duck_label.validation.validation import Validation, validate
from labeling import write
from lengths import AS_FOUND, EXAMPLES
from test_edges import replaced, walk

PRICES = ("open", "high", "low", "close")


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def examined(folder: Path, *tables: pa.Table, **options: Any) -> Validation:
    return validate([write(folder / "bars", tables)], load(options))


def scaled(bars: pa.Table, factor: float, kind: pa.DataType | None = None) -> pa.Table:
    for name in PRICES:
        prices = pa.array(bars[name].to_numpy() * factor)
        bars = replaced(bars, name, prices if kind is None else prices.cast(kind))
    return bars


def runs(folder: Path, bars: Path) -> None:
    """Write the configuration for some bars, and label them with it."""
    written = command("validate", str(bars), "--write-config", str(folder / "c.toml"))
    assert written.exit_code == 0, written.output
    ran = command("run", str(bars), "-o", str(folder / "out"), "-c", str(folder / "c.toml"), "-q")
    assert ran.exit_code == 0, ran.output


def test_prices_adjusted_by_a_factor_are_rounded(tmp_path: Path) -> None:
    """On no grid: ticks of a size for how far they move, and a hundredth to round to."""
    bars = scaled(walk(2000), 0.98765432123)
    found = examined(tmp_path, bars)
    assert found.suggestion.values["on_off_grid"] == "round"
    config = found.suggestion.config()
    assert config.tick_size / (config.price_increment or 1) == 100
    runs(tmp_path, tmp_path / "bars")


@pytest.mark.long
def test_floats_of_cents_in_doubles_have_the_grid_of_cents(tmp_path: Path) -> None:
    cents = scaled(walk(2000), 0.04)
    for name in PRICES:
        rounded = [float(np.float32(round(price, 2))) for price in cents[name].to_pylist()]
        cents = replaced(cents, name, pa.array(rounded, pa.float64()))
    found = examined(tmp_path, cents)
    assert found.suggestion.config().tick_size == Decimal("0.01")
    assert found.suggestion.values["on_off_grid"] == "round"
    runs(tmp_path, tmp_path / "bars")


def test_quarantine_is_not_suggested_for_two_contracts_that_overlap(tmp_path: Path) -> None:
    """Their rows of one time differ, and quarantine would drop both."""
    one = walk(3000)
    other = scaled(walk(3000, seed=2), 1)
    later = [time + timedelta(seconds=2950) for time in one["timestamp"].to_pylist()]
    other = replaced(other, "timestamp", pa.array(later).cast(one["timestamp"].type))
    found = examined(tmp_path, one, other)
    assert "on_bad_rows" not in found.suggestion.values
    assert "100 rows of one symbol and time differ" in found.suggested_refusals[-1]
    refused = command("validate", str(tmp_path / "bars"), "--write-config", str(tmp_path / "c"))
    assert refused.exit_code == 3
    assert "no configuration was written" in refused.output
    assert not (tmp_path / "c").exists()


@pytest.mark.long
def test_rows_of_overlapping_downloads_count_once(tmp_path: Path) -> None:
    bars = walk(3000)
    found = examined(tmp_path, bars[:2000], bars[1000:])
    assert found.suggestion.values["on_duplicates"] == "first"
    runs(tmp_path, tmp_path / "bars")


def test_prices_below_zero_are_allowed_where_they_are_many(tmp_path: Path) -> None:
    bars = walk(1000)
    for name in PRICES:
        bars = replaced(bars, name, pa.array(bars[name].to_numpy() - 5000))
    assert examined(tmp_path, bars).suggestion.values["allow_nonpositive_prices"] is True
    runs(tmp_path, tmp_path / "bars")


def test_one_bad_symbol_of_a_panel_is_not_set_aside(tmp_path: Path) -> None:
    sound = [walk(3000, seed=n, symbol=[f"S{n}"] * 3000) for n in range(3)]
    bad = walk(200, symbol=["BAD"] * 200)
    bad = replaced(bad, "high", pa.array([1.0] * 200))
    found = examined(tmp_path, pa.concat_tables([*sound, bad]))
    assert "on_bad_rows" not in found.suggestion.values
    assert "200 of the 200 bars of BAD" in found.suggested_refusals[-1]


@st.composite
def inputs(draw: st.DrawFn) -> list[pa.Table]:
    """Bars of one symbol or two, on some grid or none, with flaws here and there."""
    tables = []
    symbols: list[str | None] = draw(
        st.sampled_from([[None], ["ESH4"], ["ESH4", "ESM4"], ["ES", "EURUSD"]])
    )
    for number, symbol in enumerate(symbols):
        rows = draw(st.integers(2, 120))
        columns = {} if symbol is None else {"symbol": [symbol] * rows}
        table = walk(rows, seed=draw(st.integers(0, 99)) + number, **columns)
        factor = draw(st.sampled_from([1, 0.4, 0.04, 4e-8, 4e5, 0.98765, 1e-5, 400]))
        table = scaled(table, factor, draw(st.sampled_from([None, pa.float32()])) or pa.float64())
        for _ in range(draw(st.integers(0, 2))):
            name = draw(st.sampled_from(PRICES))
            values = table[name].to_pylist()
            value = draw(st.sampled_from([None, 0.0, -1.0, float("nan"), 1.2345678, 1e12]))
            values[draw(st.integers(0, rows - 1))] = value
            table = replaced(table, name, pa.array(values, pa.float64()))
        tables.append(table)
    if draw(st.booleans()):
        tables.append(tables[-1][: draw(st.integers(1, 30))])
    return tables


@settings(
    deadline=None,
    max_examples=min(12, EXAMPLES),
    phases=AS_FOUND,
    suppress_health_check=list(HealthCheck),
)
@given(tables=inputs())
def test_what_is_written_runs(tables: list[pa.Table]) -> None:
    """Whatever the bars are like: a configuration that runs, or none and the reason."""
    with TemporaryDirectory() as folder:
        here = Path(folder)
        bars = write(here / "bars", tables)
        written = command("validate", str(bars), "--write-config", str(here / "c.toml"))
        if written.exit_code == 0:
            ran = command(
                "run", str(bars), "-o", str(here / "out"), "-c", str(here / "c.toml"), "-q"
            )
            assert ran.exit_code == 0, ran.output
        else:
            assert written.exit_code == 3, written.output
            assert not (here / "c.toml").exists()
