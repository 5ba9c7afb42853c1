# mypy: disable-error-code="import-untyped"
"""What statistics, views and warnings tell of any trade, beside sums over its details."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import duck_label
import golden
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label import open as open_output
from duck_label.cli import main
from duck_label.errors import ConfigError
from duck_label.look.stats import statistics
from duck_label.look.tallies import ModeTally
from labeling import TWO_MODES, TWO_OPTIONS, label
from lengths import long_but


def labeled(case: str, folder: Path, **more: Any) -> tuple[pa.Table, dict[str, ModeTally]]:
    """The labels of a golden case, and what is told of each of its modes."""
    pq.write_table(golden.trade_tables(case)[0], folder / "bars.parquet")
    config = {**golden.trade_config(case), "details": True, **more}
    out = folder / "_".join(["labels", *map(str, more.values())])
    table = label(folder / "bars.parquet", out, **config)
    found = statistics(out)
    assert [check.name for check in found.checks if check.status == "fail"] == []
    return table, {mode.mode: mode for mode in found.total.modes}


def test_the_share_that_the_tie_rule_decides_is_the_same_whatever_the_rule(tmp_path: Path) -> None:
    told = {
        tie: labeled("tie_null", tmp_path, tie=tie) for tie in ("null", "stop", "target", "open")
    }
    table, modes = told["null"]
    for name, mode in modes.items():
        nobody_knows = pc.sum(pc.equal(table[f"outcome_{name}"].cast(pa.string()), "both")).as_py()
        assert nobody_knows > 0
        for _, others in told.values():
            assert others[name].tied == nobody_knows
            assert others[name].touched == mode.touched
            assert others[name].tied_share == nobody_knows / mode.touched


@pytest.mark.parametrize(
    "case", long_but(["trailing_sign"], ["label_sign", "trailing_sign", "side"])
)
def test_labels_and_returns_are_those_of_the_details(case: str, tmp_path: Path) -> None:
    table, modes = labeled(case, tmp_path)
    for name, mode in modes.items():
        counted = dict.fromkeys(mode.labels, 0)
        for value in table[f"label_{name}"].to_pylist():
            counted["null" if value is None else str(value)] += 1
        assert mode.labels == counted
        returns = [gain for gain in table[f"return_ticks_{name}"].to_pylist() if gain is not None]
        lost = -sum(gain for gain in returns if gain < 0)
        assert mode.returns is not None
        assert mode.returns.trades == len(returns)
        assert mode.returns.total_ticks == sum(returns)
        assert mode.returns.mean_ticks == pytest.approx(sum(returns) / len(returns))
        assert mode.returns.profit_factor == pytest.approx((sum(returns) + lost) / lost)


def test_without_exits_nothing_is_told_of_returns(tmp_path: Path) -> None:
    _, modes = labeled("points", tmp_path, details=False)
    assert {mode.returns for mode in modes.values()} == {None}


def test_the_long_view_has_the_side_of_each_bar(tmp_path: Path) -> None:
    table, _ = labeled("side", tmp_path)
    with open_output(tmp_path / "labels") as output:
        query = "select direction, return_ticks, stop_ticks from labels_long where mode = 'meta'"
        rows = output.sql(f"{query} order by symbol, timestamp").fetchall()
    sides = [0 if side is None or side != side else side for side in table["side"].to_pylist()]
    assert [direction for direction, *_ in rows] == [
        "long" if side > 0 else "short" if side < 0 else None for side in sides
    ]
    assert [gain for _, gain, _ in rows] == table["return_ticks_meta"].to_pylist()


def test_a_mode_that_can_never_win_is_told(tmp_path: Path) -> None:
    bars = str(tmp_path / "bars.parquet")
    pq.write_table(golden.trade_tables("one_sided")[0], bars)
    mode = {"name": "m", "direction": "long", "stop": 4, "target": "none"}
    said = "without a target no label of m is ever 1"
    summary = WeightedLabelingEngine(LabelingConfig(modes=[mode])).process_files(
        [bars], tmp_path / "win"
    )
    # Said once, and not again by what looks at the labels.
    assert [warning.split(":")[0] for warning in summary.warnings] == [said]
    for kind in ("touch", "sign"):
        engine = WeightedLabelingEngine(LabelingConfig(label=kind, modes=[mode]))
        assert engine.process_files([bars], tmp_path / kind).warnings == []
    assert said in CliRunner().invoke(main, ["validate", bars, "--mode", "m:long:4:none"]).stdout


def test_barriers_below_the_least_move_are_told() -> None:
    def said(stop: object, **others: Any) -> tuple[str, ...]:
        modes = [{"name": "m", "direction": "long", "stop": stop, "target": 6}]
        return LabelingConfig(modes=modes, **others).doubts

    (told,) = said(0.001)
    assert told.startswith("the stop of m is 0.001 ticks, which is less than a price moves")
    assert said("0.2 points") != ()
    assert said("0.001%") == said(1) == said("0.25 points") == ()
    # Where some symbols have a finer grid, it may be meant for them.
    assert said("0.2 points", instruments={"GC": {"tick_size": 0.1}}) == ()


ONE_PRICE = dict.fromkeys(("open", "high", "low"), "close")


@pytest.mark.parametrize(
    ("columns", "said"),
    long_but(
        [(ONE_PRICE, "open, high, low and close are one column, 'close'")],
        [
            ({"open": "close"}, "open and close are one column, 'close'"),
            (ONE_PRICE, "open, high, low and close are one column, 'close'"),
        ],
    ),
)
def test_one_column_for_several_prices_is_told(
    columns: dict[str, str], said: str, tmp_path: Path
) -> None:
    bars = str(tmp_path / "bars.parquet")
    pq.write_table(golden.bars("plain"), bars)
    engine = WeightedLabelingEngine(LabelingConfig(columns=columns, modes=TWO_MODES))
    (warning,) = engine.process_files([bars], tmp_path / "out").warnings
    assert warning.startswith(f"{said}: right only where")
    options = [option for ours in columns for option in ("--column", f"{ours}=close")]
    for command in (["validate", bars], ["run", bars, "-o", str(tmp_path / "again"), *TWO_OPTIONS]):
        result = CliRunner().invoke(main, [*command, *options])
        assert said in " ".join(result.output.split()), result.output
    with open_output(tmp_path / "out") as output:
        assert list(output.columns()) == golden.bars("plain").column_names


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"volume": "close"}, "close and volume are both 'close'"),
        ({"close": "timestamp"}, "timestamp and close are both 'timestamp'"),
        ({"symbol": "name", "volume": "name"}, "volume and symbol are both 'name'"),
    ],
)
def test_one_column_for_what_cannot_be_one_is_refused(columns: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=f"columns: {said}"):
        LabelingConfig(columns=columns)


def test_columns_may_change_places() -> None:
    assert LabelingConfig(columns={"open": "close", "close": "open"}).doubts == ()


def test_what_is_odd_in_columns_hides_nothing_of_the_labels(tmp_path: Path) -> None:
    """Barriers that are never touched are told beside it."""
    pq.write_table(golden.bars("plain"), tmp_path / "bars.parquet")
    config = LabelingConfig(
        tick_size=1000, price_increment=0.25, columns={"open": "close"}, modes=TWO_MODES
    )
    summary = WeightedLabelingEngine(config).process_files(
        [tmp_path / "bars.parquet"], tmp_path / "out"
    )
    assert [warning.split(",")[0].split(" with")[0] for warning in summary.warnings] == [
        "open and close are one column",
        "no barrier was touched",
    ]


def test_symbols_that_look_alike_are_told(tmp_path: Path) -> None:
    plain = golden.bars("tiny")
    names = ["ES", "es", " ES", "NQ", "NQ1", "\u00c4", "\u00e4 "]
    bars = str(tmp_path / "bars.parquet")

    def told(names: list[str]) -> list[str]:
        tables = [plain.append_column("symbol", pa.array([one] * len(plain))) for one in names]
        pq.write_table(pa.concat_tables(tables), bars)
        engine = WeightedLabelingEngine(LabelingConfig(modes=TWO_MODES))
        warnings = engine.process_files([bars], tmp_path / "_".join(names)).warnings
        oddities = duck_label.validate(bars).oddities
        said = [
            [line for line in lines if "symbols that" in line] for lines in (warnings, oddities)
        ]
        assert said[0] == said[1]
        return said[0]

    (line,) = told(names)
    assert line.startswith(
        "' ES' and 'ES' and 'es', '\u00c4' and '\u00e4 ': symbols that differ by"
    )
    assert told(["ES", "NQ", "NQ1", "E S"]) == []


def test_validate_suggests_a_volatility_that_can_be_set(tmp_path: Path) -> None:
    """Its comments, without their marks, are a configuration."""
    pq.write_table(golden.bars("plain"), tmp_path / "bars.parquet")
    options = [str(tmp_path / "bars.parquet"), "--write-config", str(tmp_path / "c.toml")]
    assert CliRunner().invoke(main, ["validate", *options]).exit_code == 0
    text = (tmp_path / "c.toml").read_text()
    commented = text[text.index("# [volatility.") :]
    (tmp_path / "d.toml").write_text(commented.replace("# ", "").replace("#\n", "\n"))
    (mode,) = LabelingConfig.from_file(tmp_path / "d.toml").modes
    assert mode.stop.name == mode.target.name
    assert float(mode.target.number or 0) == pytest.approx(
        2 * float(mode.stop.number or 0), rel=0.02
    )
