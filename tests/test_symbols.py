# mypy: disable-error-code="import-untyped"
"""Some symbols of a panel: as if the others were not there, and never without a word."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner, Result

import golden
from duck_label import LabelingConfig, WeightedLabelingEngine, validate
from duck_label.cli import main
from duck_label.errors import InputError
from labeling import TWO_MODES, TWO_OPTIONS, TWO_RULES, read, write
from labeling import label_two as label
from lengths import long_but
from scan import scan
from test_edges import replaced, walk

START = datetime(2024, 3, 1, tzinfo=UTC)


def panel() -> pa.Table:
    """Bars of ES, two of NQ, and gold on another grid, with bad bars and a later end."""
    tables = [
        walk(300, seed=n, symbol=[s] * 300) for n, s in enumerate(("ES", "NQH4", "NQM4", "GC"))
    ]
    gold = tables[3]
    spoilt = pa.array([4000.1 + n for n in range(300)])
    later = pa.array([START + timedelta(days=90, seconds=n) for n in range(300)])
    later = later.cast(gold["timestamp"].type)
    gold = replaced(replaced(gold, "open", spoilt), "timestamp", later)
    return pa.concat_tables([*tables[:3], gold])


def chosen(bars: pa.Table, *names: str) -> pa.Table:
    return bars.filter(pc.is_in(bars["symbol"], pa.array(names)))


def command(*arguments: str) -> Result:
    modes = TWO_OPTIONS if arguments[0] == "run" else []
    return CliRunner().invoke(main, [*arguments, *modes])


@pytest.mark.parametrize("chunk", long_but([400], [None, 400, 150]))
def test_labels_are_those_of_the_symbols_alone(chunk: int | None, tmp_path: Path) -> None:
    """The bars of gold are off the grid, and lie in a later month: neither is seen."""
    bars = panel()
    files = write(tmp_path / "bars", [bars], row_group_size=100)
    config: dict[str, Any] = {} if chunk is None else {"chunk_size": chunk}
    labeled = label(files, tmp_path / "out", details=True, symbols=["NQ*", "ES"], **config)
    alone = scan(chosen(bars, "ES", "NQH4", "NQM4"), TWO_RULES)
    assert golden.differences(labeled, alone) == []


def test_symbols_of_folders_are_chosen_too(tmp_path: Path) -> None:
    bars = panel()
    for symbol in ("ES", "GC"):
        one = chosen(bars, symbol).drop_columns(["symbol"])
        write(tmp_path / "bars" / f"symbol={symbol}", [one])
    labeled = label(tmp_path / "bars", tmp_path / "out", details=True, symbols=["ES"])
    assert golden.differences(labeled, scan(chosen(bars, "ES"), TWO_RULES)) == []


def test_a_run_says_what_it_leaves_out_and_its_output_is_of_these_symbols(tmp_path: Path) -> None:
    bars, out = str(write(tmp_path / "bars", [panel()])), str(tmp_path / "out")
    done = command("run", bars, "-o", out, "--symbol", "NQ*", "--json")
    assert done.exit_code == 0, done.output
    assert '"symbols_left_out": 2' in done.stdout
    assert "2 other symbols of 600 bars are left out: asked for are NQ*" in done.stderr
    assert set(read(Path(out))["symbol"].to_pylist()) == {"NQH4", "NQM4"}
    other = command("run", bars, "-o", out, "--symbol", "ES")
    assert other.exit_code == 2
    assert "symbols" in other.output


def test_every_command_that_reads_bars_takes_symbols(tmp_path: Path) -> None:
    bars, out = str(write(tmp_path / "bars", [panel()])), str(tmp_path / "out")
    planned = command("run", bars, "-o", out, "--symbol", "ES", "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "300 bars" in planned.output
    judged = command("validate", bars, "--symbol", "ES", "--symbol", "NQ*")
    assert judged.exit_code == 0, judged.output
    assert "GC" not in judged.output.replace("asked", "")
    assert command("validate", bars).exit_code == 3
    shown = command("show-sql", bars, "--symbol", "NQ*")
    assert shown.exit_code == 0, shown.output
    assert "glob 'NQ*'" in shown.output


def test_a_table_keeps_the_rows_that_are_not_asked_for() -> None:
    given = panel()
    engine = WeightedLabelingEngine(LabelingConfig(symbols=("ES",), modes=TWO_MODES))
    labeled = engine.process_dataframe(given)
    is_null = pc.is_null(labeled["label_low_vol_long"])
    assert set(labeled.filter(is_null)["symbol"].to_pylist()) == {"NQH4", "NQM4", "GC"}
    assert labeled.num_rows == given.num_rows


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        (
            ["ES", "NQH5"],
            "--symbol NQH5: no symbol .* matches it: near ones are NQH4",
        ),
        (["X*"], r"--symbol X\*: no symbol .* matches it: there are ES, GC, NQH4"),
    ],
)
def test_what_matches_nothing_is_an_error(symbols: list[str], message: str, tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [panel()])
    with pytest.raises(InputError, match=message):
        label(bars, tmp_path / "out", symbols=symbols)


def test_bars_without_symbols_have_none_to_choose_from(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [walk(10)])
    with pytest.raises(InputError, match="--symbol ES: the bars have no column 'symbol'"):
        label(bars, tmp_path / "out", symbols=["ES"])


@pytest.mark.parametrize("name", ["O'X", "BTC[perp]"])
def test_a_name_with_quotes_or_brackets_is_a_name(name: str, tmp_path: Path) -> None:
    bars = pa.concat_tables([walk(50, symbol=[name] * 50), walk(50, symbol=["OX"] * 50)])
    labeled = label(write(tmp_path / "bars", [bars]), tmp_path / "out", symbols=[name])
    assert labeled["symbol"].to_pylist() == [name] * 50


@pytest.mark.parametrize(
    ("patterns", "told"),
    [
        (["GC*", "[EN]*"], None),
        (["GC*", "N?"], 'instruments."N?"]: no symbol of the input takes'),
        (["*", "NQH4"], 'instruments."NQH4"]: no symbol'),  # the first that matches holds
    ],
)
def test_a_table_of_instruments_that_holds_for_nothing_is_told(
    patterns: list[str], told: str | None, tmp_path: Path
) -> None:
    names = ("ES", "NQH4", "GC")
    bars = pa.concat_tables([walk(60, seed=len(name), symbol=[name] * 60) for name in names])
    files = write(tmp_path / "bars", [bars])
    grid = {"tick_size": 0.5, "price_increment": 0.25}
    config = LabelingConfig(instruments=dict.fromkeys(patterns, grid), modes=TWO_MODES)
    summary = WeightedLabelingEngine(config).process_files(files, tmp_path / "out")
    warnings = [one for one in summary.warnings if "[instruments" in one]
    assert len(warnings) == (told is not None)
    if told:
        assert told in warnings[0]
        assert warnings[0].endswith(": there are ES, GC, NQH4")
    assert warnings == [one for one in validate(files, config).oddities if "[instruments" in one]


def test_a_name_that_looks_like_a_pattern_is_told_its_own_pattern(tmp_path: Path) -> None:
    bars = replaced(walk(50, symbol=[""] * 50), "symbol", pa.array(["BTC[perp]"] * 50))
    files = write(tmp_path / "bars", [bars])
    for name, told in (("BTC[perp]", ['"BTC[[]perp]"']), ("BTC[[]perp]", [])):
        own = {"tick_size": 0.5, "price_increment": 0.25}
        config = LabelingConfig(instruments={name: own}, modes=TWO_MODES)
        summary = WeightedLabelingEngine(config).process_files(files, tmp_path / name[3:5])
        warnings = [one for one in summary.warnings if "[instruments" in one]
        assert [one.rpartition(" is ")[2] for one in warnings] == told
