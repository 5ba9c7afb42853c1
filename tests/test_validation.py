# mypy: disable-error-code="import-untyped"
"""What an input is found to be, and that the configuration suggested for it suits it."""

import json
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import duck_label
import golden
from duck_label.cli import main
from duck_label.config import LabelingConfig
from duck_label.errors import InputError
from duck_label.settings import load
from duck_label.validation.column_names import guess_columns
from duck_label.validation.comments import put_into, sets_nothing
from duck_label.validation.families import families, main_family, roll_gap, roll_gaps
from duck_label.validation.price_grids import INCREMENTS, Fit, SymbolGrid, grid
from duck_label.validation.suggestion import common_ticks, modes
from duck_label.validation.survey import Move, SymbolReport
from duck_label.validation.validation import Validation, validate
from labeling import write
from lengths import long_but

START = datetime(2024, 3, 4, 15, tzinfo=UTC)
DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands read and write configuration files in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def walk(
    rows: int,
    step: float,
    *,
    price: float = 4000.0,
    seconds: float = 1.0,
    symbol: str | None = None,
    start: datetime = START,
) -> pa.Table:
    """Bars whose prices wander by whole steps, a fixed time apart."""
    rng = np.random.default_rng(rows)
    moves = rng.integers(-2, 3, rows)
    close = round(price / step) + np.cumsum(moves)
    open_ = close - rng.integers(-1, 2, rows)
    high = np.maximum(open_, close) + rng.integers(0, 2, rows)
    low = np.minimum(open_, close) - rng.integers(0, 2, rows)
    exact = Decimal(str(step))
    columns: dict[str, Any] = {
        "timestamp": [start + timedelta(seconds=seconds * row) for row in range(rows)]
    }
    for name, levels in (("open", open_), ("high", high), ("low", low), ("close", close)):
        columns[name] = [float(int(level) * exact) for level in levels]
    if symbol is not None:
        columns["symbol"] = [symbol] * rows
    return pa.table(columns)


def examined(tmp_path: Path, *tables: pa.Table, **options: Any) -> Validation:
    return validate([write(tmp_path / "bars", tables)], load(options))


@pytest.mark.parametrize(
    "step",
    long_but(
        ["0.25", "0.00001", "0.015625", "250000000"],
        ["0.25", "0.1", "0.01", "0.00001", "0.015625", "5", "0.0078125", "250000000"],
    ),
)
def test_the_grid_is_found_and_labels_the_bars(step: str, tmp_path: Path) -> None:
    """A tick of futures, cents, currencies, bonds in 64ths and 128ths, and fixed-point integers."""
    bars = walk(3000, float(step), price=4000 * float(step))
    found = examined(tmp_path, bars)
    assert found.suggestion.values["tick_size"] == Decimal(step)
    assert "price_increment" not in found.suggestion.values
    assert found.suggested_refusals == ()
    assert bool(found.refusals) == ((Decimal(step) / Decimal("0.25")) % 1 != 0)


def still(price: float, rows: int, symbol: str | None = None) -> pa.Table:
    """Bars of one price."""
    bars = walk(rows, 0.25, symbol=symbol)
    for name in ("open", "high", "low", "close"):
        bars = bars.set_column(bars.column_names.index(name), name, pa.array([price] * rows))
    return bars


@pytest.mark.parametrize(("price", "tick"), [(4500.0, "0.25"), (1.0837, "0.0001")])
def test_one_price_tells_no_tick(price: float, tick: str, tmp_path: Path) -> None:
    """It lies on steps of 500 too, which is no reason for a stop of 3,000 points."""
    found = examined(tmp_path, still(price, 300))
    assert found.suggestion.values["tick_size"] == Decimal(tick)
    assert "never moves" in found.suggestion.reasons["tick_size"]
    assert "the bars: all prices are the same: they tell no tick" in found.oddities
    assert found.symbols[0].to_json()["grid"] is None
    assert found.suggested_refusals == ()


def test_symbols_of_few_bars_or_one_price_go_by_the_grid_of_the_others(tmp_path: Path) -> None:
    dead, short = still(4500.0, 300, "DEAD"), walk(3, 0.5, symbol="SHORT")
    found = examined(tmp_path, walk(1500, 0.25, symbol="ES"), dead, short)
    assert found.suggestion.values["tick_size"] == Decimal("0.25")
    assert not any(key.startswith("instruments.") for key in found.suggestion.values)
    assert not any("DEAD moves" in line for line in found.oddities)
    assert found.suggested_refusals == ()


def test_one_price_off_the_grid_of_the_others_has_its_own(tmp_path: Path) -> None:
    found = examined(tmp_path, walk(1500, 0.25, symbol="ES"), still(12.34, 300, "DEAD"))
    assert "instruments.DEAD" in found.suggestion.values
    assert found.suggested_refusals == ()


def test_adjusted_prices_keep_their_tick(tmp_path: Path) -> None:
    """Shifted by an odd amount, prices still move by ticks."""
    bars = walk(3000, 0.25)
    for name in ("open", "high", "low", "close"):
        shifted = [round(price + 0.15, 6) for price in bars[name].to_pylist()]
        bars = bars.set_column(bars.column_names.index(name), name, pa.array(shifted))
    values = examined(tmp_path, bars).suggestion.values
    assert (values["tick_size"], values["price_increment"]) == (Decimal("0.25"), Decimal("0.05"))


def test_float_prices_lie_on_the_grid_of_their_decimals(here: Path) -> None:
    """What 189.37 is as a FLOAT lies on no grid of its own; a run takes what is suggested."""
    table = walk(600, 0.01, price=189.37)
    for name in ("open", "high", "low", "close"):
        floats = table[name].cast(pa.float32())
        table = table.set_column(table.schema.get_field_index(name), name, floats)
    bars = write(here / "bars", [table])
    found = validate([bars], load({}))
    assert found.suggestion.config().tick_size == Decimal("0.01")
    assert found.suggested_refusals == ()
    command("validate", str(bars), "--write-config", "c.toml")
    assert command("run", str(bars), "-o", "out", "--config", "c.toml").exit_code == 0


def test_instruments_on_other_grids_get_their_own(tmp_path: Path) -> None:
    tables = [
        walk(4000, 0.25, symbol="ESH4"),
        walk(3000, 0.25, symbol="ESM4"),
        walk(2000, 0.1, price=2000, symbol="GCG4"),
        walk(2000, 0.1, price=2000, symbol="GCJ4"),
        walk(1000, 0.005, price=20, symbol="X[1]*"),
    ]
    found = examined(tmp_path, pa.concat_tables(tables))
    assert {
        key: value
        for key, value in found.suggestion.values.items()
        if key.startswith(("tick", "instruments"))
    } == {
        "tick_size": Decimal("0.25"),
        "instruments.GC[FGHJKMNQUVXZ][0-9]*": {"tick_size": Decimal("0.1")},
        "instruments.X[[]1][*]": {"tick_size": Decimal("0.005")},
    }
    assert found.suggested_refusals == ()


def test_a_pattern_for_contracts_never_takes_another_grid() -> None:
    fine, coarse = (SymbolGrid(Decimal(t), Decimal(t), 0) for t in ("0.1", "0.5"))
    found = families([report("AH4", 9, fine), report("BH4", 1, coarse), report("BM4", 1, fine)])
    assert {family.pattern: family.grid for family in found} == {
        "A[FGHJKMNQUVXZ][0-9]*": fine,
        "BH4": coarse,
        "BM4": fine,
    }
    assert main_family(found).pattern == "A[FGHJKMNQUVXZ][0-9]*"
    # The spread looks like a contract to a pattern: GCG4 and GCJ4 are named one by one.
    found = families(
        [report("GCG4", 9, fine), report("GCJ4", 8, fine), report("GCG4-J4", 1, coarse)]
    )
    assert [family.pattern for family in found] == ["GCG4", "GCJ4", "GCG4-J4"]


def report(
    symbol: str, bars: int, found: SymbolGrid | None, moves: tuple[Move, ...] = ()
) -> SymbolReport:
    nothing: dict[str, Any] = dict.fromkeys(
        ("interval_seconds", "missing_share", "longest_pause_seconds", "typical_height")
    )
    counts = dict.fromkeys(("sessions", "sunday_bars", "odd_spacings", "pauses"), 0)
    return SymbolReport(
        symbol=symbol,
        bars=bars,
        first=START,
        last=START,
        grid=found,
        largest_moves=moves,
        **counts,
        **nothing,
    )


def fit(off: Callable[[Decimal], int], prices: int = 10_000) -> Fit:
    counts = [off(step) for step in INCREMENTS]
    return Fit(prices, counts, prices, counts, levels=1000)


@pytest.mark.parametrize(
    ("off", "tick", "prices_off"),
    [
        (lambda step: 0 if Decimal("0.01") % step == 0 else 6000, "0.01", 0),
        # One price in a hundred has eight decimals: bad bars, and no reason for another grid.
        (lambda step: 100 if Decimal("0.01") % step == 0 else 6000, "0.01", 100),
        (lambda step: 0 if step < Decimal("1e-7") else 100 + 5900 * (step > 1), "1", 100),
        # One price off a quarter, but on a twentieth.
        (
            lambda step: (
                6000 - 5999 * (Decimal("0.25") % step == 0) - (Decimal("0.05") % step == 0)
            ),
            "0.25",
            1,
        ),
        (lambda _: 4000, None, None),
    ],
)
def test_a_few_garbled_prices_do_not_make_the_grid(
    off: Any, tick: str | None, prices_off: int
) -> None:
    found = grid(fit(off))
    if tick is None:
        assert found is None
    else:
        assert found == SymbolGrid(Decimal(tick), Decimal(tick), prices_off)


def test_bad_bars_are_shown_with_their_rules_and_rows(tmp_path: Path) -> None:
    bars = walk(1000, 0.25)
    high = bars["high"].to_pylist()
    high[7] = high[7] - 100
    times = bars["timestamp"].to_pylist()
    times[20] = times[19]
    bars = bars.set_column(2, "high", pa.array(high)).set_column(0, "timestamp", pa.array(times))
    found = examined(tmp_path, bars)
    assert {rule.rule: rule.bars for rule in found.broken_rules} == {
        "high_below_low": 1,
        "high_too_low": 1,
        "duplicate": 2,
    }
    (shown,) = (rule.examples for rule in found.broken_rules if rule.rule == "high_below_low")
    assert shown[0].startswith("row 7: ")
    assert found.bad_bars == 3
    assert "bad bars" in found.refusals[0]
    assert found.suggestion.values["on_bad_rows"] == "quarantine"
    assert found.suggested_refusals == ()


def test_many_bad_bars_are_not_set_aside_by_a_suggestion(tmp_path: Path) -> None:
    bars = walk(1000, 0.25)
    bars = bars.set_column(2, "high", pa.array([0.25] * 1000))
    found = examined(tmp_path, bars)
    assert "on_bad_rows" not in found.suggestion.values
    assert found.suggested_refusals


def test_holes_pauses_and_sessions_are_counted(tmp_path: Path) -> None:
    """Three trading days; every fourth second missing on the last; cut into chunks or not."""
    days = [walk(800, 0.25, start=START + timedelta(days=day)) for day in range(3)]
    days[2] = days[2].filter(pa.array([row % 4 != 1 for row in range(800)]))
    (report,) = examined(tmp_path, *days).symbols
    assert (report.bars, report.sessions, report.pauses) == (2200, 3, 2)
    assert report.interval_seconds == 1
    assert report.longest_pause_seconds == 86_400 - 799
    assert report.missing_share == pytest.approx(200 / 2397)
    assert (report.first, report.last) == (START, START + timedelta(days=2, seconds=799))


def test_files_that_overlap_are_counted(tmp_path: Path) -> None:
    one, two = walk(400, 0.25, symbol="A"), walk(300, 0.25, symbol="B")
    later = walk(100, 0.25, symbol="A", start=START + timedelta(days=1))
    found = examined(tmp_path, one, two, later)
    assert (found.files, found.overlapping_files, found.rows) == (3, 1, 800)
    assert any("overlap" in oddity for oddity in found.oddities)


VENDORS = [
    {"timestamp": "ts_event"},  # Databento
    {"timestamp": "Date", "open": "Open", "high": "High", "low": "Low", "close": "Close"},
    {"timestamp": "window_start", "symbol": "ticker"},  # Polygon
    {"timestamp": "t", "open": "o", "high": "h", "low": "l", "close": "c", "symbol": "S"},
    {"timestamp": "datetime", "symbol": "instrument"},
]


@pytest.mark.parametrize("names", VENDORS, ids=lambda names: names["timestamp"])
def test_columns_of_vendors_are_recognized(names: dict[str, str], tmp_path: Path) -> None:
    bars = walk(1000, 0.25, symbol="ES")
    bars = bars.rename_columns([names.get(name, name) for name in bars.column_names])
    found = examined(tmp_path, bars)
    assert {ours: found.columns[ours] for ours in names} == names
    assert "no column" in found.refusals[0] or names.keys() == {"symbol"}
    assert found.suggested_refusals == ()


def test_a_column_is_not_guessed_where_ours_is_there() -> None:
    config = LabelingConfig(columns={"symbol": "code"})
    names = ["timestamp", "open", "high", "low", "close", "ts_event", "ticker", "code"]
    assert guess_columns(dict.fromkeys(names, "DOUBLE"), config) == {}


def move(points: float, across: bool = False) -> Move:
    return Move(points, across)


@pytest.mark.parametrize(
    ("moves", "gap"),
    [
        # A roll of 53 points, weekends below 4, seconds below 2: the default tells them apart.
        ([move(53, True), move(3.75, True), move(1.25)], None),
        # Rolls of 8 points: the default would miss them.
        ([move(8, True), move(7.5, True), move(1.5, True), move(1)], (1.5, 7.5)),
        # A currency: a spike is no roll, and the default is out of reach.
        ([move(0.0035), move(0.0012), move(0.001, True)], None),
        # A wild market: everything moves by more than the default.
        ([move(679), move(559), move(500)], (0, 0)),
        # Contracts spliced without a pause.
        ([move(3000), move(2900), move(30), move(25)], (30, 2900)),
        ([], None),
    ],
)
def test_roll_gaps_lie_between_moves_and_rolls(
    moves: list[Move], gap: tuple[float, float] | None
) -> None:
    found = roll_gap([moves], Decimal(20))
    if gap is None:
        assert found is None
    elif gap == (0, 0):
        assert found is not None
        assert found[0] == 0
    else:
        assert found is not None
        assert gap[0] < found[0] < gap[1]


def test_a_roll_gap_spares_the_ordinary_moves_of_every_symbol() -> None:
    rolled = [move(12.5, True), move(3.25)]
    found = roll_gap([rolled, [move(8.75), move(7)]], Decimal(2))
    assert found is not None
    assert 8.75 < found[0] < 12.5


def test_families_whose_rolls_are_of_another_size_get_gaps_of_their_own() -> None:
    """Rolls of 53 points in ES; of 0.004 in a currency; and bitcoin, which moves by hundreds."""
    cents = SymbolGrid(Decimal("0.01"), Decimal("0.01"), 0)
    panel = [
        report("ESH4", 9, cents, (move(53, True), move(3.75, True), move(1.25))),
        report("6EH4", 5, cents, (move(0.004, True), move(0.0005))),
        report("BTC", 5, cents, (move(679), move(559), move(500))),
        report("EURUSD", 5, cents, (move(0.0005),)),
    ]
    common, others = roll_gaps(families(panel), Decimal(20))
    assert common is None  # 20 points suit ES, and the currency without rolls
    assert others.keys() == {"6E[FGHJKMNQUVXZ][0-9]*", "BTC"}
    assert 0.0005 < others["6E[FGHJKMNQUVXZ][0-9]*"][0] < 0.004
    assert others["BTC"][0] == 0


def test_ticks_of_more_steps_where_symbols_move_by_very_different_numbers() -> None:
    assert common_ticks({"ES": 10, "NQ": 30}, 10) == (10, {})
    # 15 ticks of a currency were a stop of 0.015 in gold, which moves by 800.
    assert common_ticks({"EURUSD": 15, "XAUUSD": 800}, 15) == (15, {"XAUUSD": 50})
    # Most bars are of what moves most: its own ticks grow too.
    assert common_ticks({"BTC": 6000, "ES": 10}, 6000) == (10, {"BTC": 500})


def test_modes_scale_with_the_moves_and_stay_where_they_suit() -> None:
    assert modes(10) is None
    scaled = modes(100)
    assert scaled is not None
    assert [mode["stop"] for mode in scaled] == [60, 60, 80, 80, 100, 100]
    assert all(mode["target"] == 2 * mode["stop"] for mode in scaled)


def test_no_barrier_is_guessed_from_dollars_and_cents(tmp_path: Path) -> None:
    """Nor is the step between the files a roll to set a gap by. Other symbols are as before."""
    dollars = walk(2000, 0.25, symbol="ES")
    cents = walk(2400, 25, price=400_000, symbol="ES", start=START + timedelta(days=1))
    alone = examined(tmp_path / "alone", dollars).suggestion
    assert {"modes", "tick_size"} <= alone.values.keys()
    found = examined(tmp_path / "mixed", dollars, cents)
    assert "in two units" in found.oddities[0]
    assert not {"modes", "roll_gap_points"} & found.suggestion.values.keys()
    assert "from ES: some files are in another unit" in found.suggestion.to_toml()
    assert found.suggestion.config().roll_gap_points == LabelingConfig().roll_gap_points

    other = walk(6000, 0.25, symbol="NQ")
    examined_panel = examined(tmp_path / "panel", dollars, cents, other)
    assert not any("no stop and target suit both" in line for line in examined_panel.oddities)
    panel = examined_panel.suggestion
    assert panel.values["modes"] == examined(tmp_path / "other", other).suggestion.values["modes"]
    assert "roll_gap_points" not in panel.values
    assert "from ES: some" in panel.to_toml()
    # Names that are guessed tell the closes too.
    theirs = [table.rename_columns({"close": "Close"}) for table in (dollars, cents)]
    assert "in two units" in examined(tmp_path / "theirs", *theirs).oddities[0]


def test_minute_bars_get_a_longer_horizon(tmp_path: Path) -> None:
    values = examined(tmp_path, walk(3000, 0.25, seconds=60)).suggestion.values
    assert values["timeout_seconds"] == 3600
    assert values["weights.optimal_seconds"] / values["timeout_seconds"] == 300 / 900


def test_a_market_that_never_closes_has_days_of_utc(tmp_path: Path) -> None:
    values = examined(tmp_path, walk(3000, 0.01, seconds=600)).suggestion.values
    assert values["session_start"] == "00:00 UTC"
    weekday = examined(tmp_path / "weekday", walk(3000, 0.01)).suggestion.values
    assert "session_start" not in weekday


def test_what_is_set_is_kept_and_judged(here: Path) -> None:
    """A tick size that was set stays, and bars that do not fit it are refused."""
    write(here / "bars", [walk(2000, 0.1)])
    result = command("validate", "bars", "--tick-size", "0.25", "--json")
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert found["suggestion"]["tick_size"] == 0.25
    assert "off_grid" in found["suggested_refusals"][0]
    fits = command("validate", "bars", "--tick-size", "0.1")
    assert fits.exit_code == 0
    assert "off_grid" not in fits.stdout


@pytest.mark.parametrize("case", long_but(["symbols_unsorted", "cents", "one"], golden.CASES))
def test_a_run_takes_what_is_written(case: str, here: Path) -> None:
    bars = str(golden.FOLDER / f"{case}.bars.parquet")
    written = command("validate", bars, "--write-config", "my.toml")
    assert written.exit_code == 0, written.stderr
    text = (here / "my.toml").read_text()
    assert text.strip() in written.stdout
    assert "#" in text
    result = command("run", bars, "-c", "my.toml", "-o", "out", "-q", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["rows_quarantined"] == 0


def test_a_configuration_is_not_overwritten_unless_forced(here: Path) -> None:
    write(here / "bars", [walk(2000, 0.01)])
    assert command("validate", "bars", "--write-config").exit_code == 0
    path = here / "duck_label.toml"
    assert tomllib.loads(path.read_text())["tick_size"] == 0.01
    path.write_text("tick_size = 0.005\n")
    refused = command("validate", "bars", "--write-config")
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    (bars,) = (here / "bars").iterdir()
    before = bars.read_bytes()
    refused = command("validate", "bars", "--force", "--write-config", str(bars))
    assert (refused.exit_code, bars.read_bytes()) == (2, before)
    assert "is no configuration file: name the input first" in refused.stderr
    assert command("validate", "bars", "--write-config", "--force").exit_code == 0
    # What the file had set is in force, and kept.
    assert tomllib.loads(path.read_text())["tick_size"] == 0.005


def test_comments_of_a_configuration_that_sets_nothing_stay(here: Path) -> None:
    """`init` before there are bars, then `validate --write-config`."""
    assert command("init", ".").exit_code == 0
    path = here / "duck_label.toml"
    path.write_text("# Ours, of the desk.\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    before = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    bars = walk(2000, 0.01).rename_columns({"timestamp": "ts_event"})
    write(here / "bars", [bars])
    assert command("validate", "bars", "--write-config", "alone.toml").exit_code == 0
    assert command("validate", "bars", "--write-config").exit_code == 0
    text = path.read_text(encoding="utf-8")
    assert tomllib.loads(text) == {
        "weights": {},
        "memory": {},
        "run": {},
    } | tomllib.loads((here / "alone.toml").read_text(encoding="utf-8"))
    after = text.splitlines()
    assert [line for line in after if line in before] == before
    assert after[
        after.index(next(line for line in before if line.startswith("# tick_size"))) + 1
    ] == (next(line for line in after if line.startswith("tick_size")))
    # Now it sets something, and is not replaced.
    assert command("validate", "bars", "--write-config").exit_code == 2


def test_keys_go_into_a_file_of_comments() -> None:
    suggested = (
        'tick_size = 0.1 # guessed\n\n[weights]\nfloor = 1\n\n# Why.\n[[modes]]\nname = "a"\n'
    )
    comments = "# Ours.\n\n# Of weights.\n[weights]\n# floor = 0.5\n# decay_rate = 0.05\n"
    assert sets_nothing(comments)
    assert not sets_nothing("# Ours.\n[memory]\nlimit = '1GB'\n")
    assert not sets_nothing("no TOML")
    assert put_into(comments, suggested) == (
        "# Ours.\ntick_size = 0.1 # guessed\n\n# Of weights.\n[weights]\n# floor = 0.5\nfloor = 1\n"
        '# decay_rate = 0.05\n\n# Why.\n[[modes]]\nname = "a"\n'
    )


def test_every_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "bars", [walk(500, 0.25), walk(500, 0.25, symbol="A")])
    (folder / "broken.parquet").write_bytes(b"PAR1 but no more")
    pq.write_table(pa.table({"close": ["text"]}), folder / "other.parquet")
    found = validate([folder], load({}))
    assert len(found.refusals) >= 2
    assert any("broken.parquet" in refusal for refusal in found.refusals)
    assert any("other.parquet" in refusal for refusal in found.refusals)
    assert found.rows == 1000


def test_an_input_that_is_no_bars_is_refused(here: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), here / "a.parquet")
    result = command("validate", "a.parquet")
    assert result.exit_code == 3
    assert "no column 'timestamp'" in result.stderr
    with pytest.raises(InputError, match="no such file"):
        validate(["missing.parquet"], load({}))


def test_one_object_and_tables_tell_the_same(here: Path) -> None:
    write(here / "bars", [walk(2000, 0.1, symbol="GCZ3")])
    found = json.loads(command("validate", "bars", "--json").stdout)
    assert found["symbols"][0]["grid"]["tick_size"] == 0.1
    assert found["symbols"][0]["interval_seconds"] == 1
    text = command("validate", "bars").stdout
    for word in ("GCZ3", "2,000 bars in 1 file", "tick_size = 0.1", "refuses this input"):
        assert word in text


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real bars are not here: no folder {DATA}")
@pytest.mark.parametrize(
    ("file", "ticks"),
    long_but(
        [("lean_gcz3_1s", {"": "0.1"})],
        [
            ("lean_es_1m", {"": "0.25"}),
            ("lean_gcz3_1s", {"": "0.1"}),
            ("lean_coinbase_btcusd_1s", {"": "0.01"}),
            ("lean_fx_5sym_1s", {"": "0.00001", "OANDA:XAUUSD": "0.05"}),
            ("bitfinex_btcusd_2017_1m", {"": "0.01"}),
        ],
    ),
)
def test_real_bars_get_the_configuration_of_an_expert(file: str, ticks: dict[str, str]) -> None:
    """Gold moves by fifty times more steps of 0.001 than currencies by theirs: its ticks grow."""
    path = str(DATA / f"{file}.parquet")
    assert command("validate", path, "--write-config").exit_code == 0
    config = load({}).config
    assert config.tick_size == Decimal(ticks.pop(""))
    assert {name: str(own.tick_size) for name, own in config.instruments.items()} == ticks
    result = command("run", path, "-o", "out", "-q", "--json")
    assert result.exit_code == 0, result.stderr
    assert command("stats", "out", "--fail-on", "fail").exit_code == 0


def test_a_guess_goes_by_type_as_well_as_by_name() -> None:
    columns = {"ts_event": "BIGINT", "time": "TIMESTAMP", "Open": "VARCHAR", "o": "DOUBLE"}
    assert guess_columns(columns, LabelingConfig()) == {"timestamp": "time", "open": "o"}
    unnamed = {"__index_level_0__": "TIMESTAMP WITH TIME ZONE", "open": "DOUBLE"}
    assert guess_columns(unnamed, LabelingConfig()) == {"timestamp": "__index_level_0__"}
    # Where no type suits, the name is all there is.
    assert guess_columns({"ts_event": "BIGINT"}, LabelingConfig()) == {"timestamp": "ts_event"}


def test_what_a_configuration_sets_is_kept_from_python(here: Path) -> None:
    write(here / "bars", [walk(2000, 0.01)])
    guessed = duck_label.validate("bars").suggestion.values
    kept = duck_label.validate(["bars"], LabelingConfig(tick_size=0.005)).suggestion
    assert (guessed["tick_size"], kept.values["tick_size"]) == (Decimal("0.01"), Decimal("0.005"))
    assert kept.reasons["tick_size"] == "the configuration"


def test_in_python_validate_guesses_what_nobody_set(tmp_path: Path) -> None:
    table = walk(300, 0.25, seconds=60)
    pq.write_table(table, tmp_path / "bars.parquet")
    guessed = duck_label.validate(tmp_path / "bars.parquet").suggestion.values
    assert guessed["timeout_seconds"] == 3600
    with pytest.raises(TypeError, match="takes files, not a Table"):
        duck_label.validate(table)


def test_modes_are_suggested_only_as_a_configuration_takes_them() -> None:
    """From prices that hardly move to such as are in another unit, and move billions of ticks."""
    found = [modes(10.0**power) for power in range(-3, 19)]
    for scaled in found:
        assert scaled is None or len(LabelingConfig(modes=scaled).modes) == 6
    assert found[7] is not None
    assert found[-1] is None
