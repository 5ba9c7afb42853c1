"""Every golden case, through the whole product, however it is cut."""

from pathlib import Path

import pytest

import golden
from labeling import label
from lengths import long_but

LABEL_COLUMNS = ("label_", "weight_")


@pytest.mark.parametrize("case", golden.CASES)
@pytest.mark.parametrize("chunk", long_but(["auto"], ["auto", "2d", "1000"]))
def test_golden_case(case: str, chunk: str, tmp_path: Path) -> None:
    bars = golden.FOLDER / f"{case}.bars.parquet"
    config = golden.config_overrides(case)
    labeled = label(bars, tmp_path / "out", details=True, run={"chunk": chunk}, **config)
    assert golden.differences(labeled, golden.expected(case)) == []


@pytest.mark.long
@pytest.mark.parametrize("case", ["plain", "symbols_unsorted", "cents", "rolls"])
def test_golden_case_in_small_chunks(case: str, tmp_path: Path) -> None:
    """Chunks far shorter than the horizon, whose margins reach over several other chunks."""
    bars = golden.FOLDER / f"{case}.bars.parquet"
    config = golden.config_overrides(case)
    labeled = label(bars, tmp_path / "out", details=True, run={"chunk": "150"}, **config)
    assert golden.differences(labeled, golden.expected(case)) == []


@pytest.mark.parametrize("case", long_but(["symbols_unsorted", "tiny"], golden.CASES))
def test_output_without_details(case: str, tmp_path: Path) -> None:
    """Without details there are the input's columns, and a label and a weight for each mode."""
    bars = golden.FOLDER / f"{case}.bars.parquet"
    labeled = label(bars, tmp_path / "out", **golden.config_overrides(case))
    expected = golden.expected(case)
    given = golden.bars(case).column_names
    added = labeled.column_names[len(given) :]
    assert labeled.column_names[: len(given)] == given
    assert set(added) == {name for name in expected.column_names if name.startswith(LABEL_COLUMNS)}
    assert golden.differences(labeled, expected, [*given, *added]) == []
