# mypy: disable-error-code="import-untyped"
"""Any trade: golden cases of every barrier, side, tie, horizon and exit, however they are cut."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import golden
from duck_label import LabelingConfig, query_names
from duck_label.barriers import Barrier
from duck_label.cli.story import tell
from duck_label.connection import PREPARATION
from duck_label.errors import ConfigError, InputError
from duck_label.look.explain import explain
from duck_label.look.inspect import Output
from duck_label.rules import TradingMode
from duck_label.settings import parse_mode, parse_volatility
from labeling import label, write
from lengths import AS_FOUND, EXAMPLES, long_but
from test_invariance import cuts, folder
from walk import walk

CASES = golden.TRADE_CASES


def files_of(case: str, folder: Path) -> tuple[Path, dict[str, Any], pa.Table]:
    """The bars of a case in a file, its configuration with any events in another, and labels."""
    bars, events, expected = golden.trade_tables(case)
    path = folder / "bars.parquet"
    pq.write_table(bars, path)
    config = {**golden.trade_config(case), "details": True}
    if events is not None:
        pq.write_table(events, folder / "events.parquet")
        config["events"] = {"file": str(folder / "events.parquet")}
    return path, config, expected


CHUNKS = ("auto", "2d", "333", "101")
CUT_UP = [("entry_gap", "333"), ("session_bars", "333")]
# Of these, others have it all: `session_bars` has every day, `event_sides` a file of events,
# `months_percent` percent, and `volatility_roll` each kind of volatility.
BESIDE = ("session_hours_only", "event_file", "percent", "atr")
WHOLE = [(case, "auto") for case in CASES if case not in (*BESIDE, *dict(CUT_UP))]


@pytest.mark.parametrize(
    ("case", "chunk"),
    long_but(WHOLE + CUT_UP, product(CASES, CHUNKS)),
)
def test_golden_case(case: str, chunk: str, tmp_path: Path) -> None:
    path, config, expected = files_of(case, tmp_path)
    config = {**config, "uniqueness": True, "run": {"chunk": chunk}}
    labeled = label(path, tmp_path / "out", **config)
    assert golden.differences(labeled, expected) == []


@pytest.mark.parametrize("case", long_but(["event_sides", "trailing", "tie_open"], CASES))
def test_labels_and_weights_are_the_same_without_details(case: str, tmp_path: Path) -> None:
    path, config, expected = files_of(case, tmp_path)
    labeled = label(path, tmp_path / "out", **{**config, "details": False})
    names = [name for name in expected.column_names if name.startswith(("label_", "weight_"))]
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
def askings(draw: st.DrawFn) -> dict[str, Any]:
    """Which bars are asked, and when their trades must end; files are written by whoever labels."""
    asking: dict[str, Any] = {}
    events = draw(st.sampled_from([None, None, "column", "file", "every"]))
    if events == "column":
        asking["events"] = {"column": draw(st.sampled_from(["is_event", "width"]))}
    elif events == "file":
        asking["events"] = {"file": "events.parquet"}
    elif events == "every":
        asking["events"] = {"every_seconds": draw(st.sampled_from([5, 7, 60, 0.5]))}
    sessions = draw(st.sampled_from([None, None, "hours", "file"]))
    if sessions is not None:
        hours = draw(st.sampled_from(["22:02-22:09", "22:04-22:03", "22:00-22:00"]))
        zone = {"hours": hours, "zone": "UTC", "days": draw(st.sampled_from(["sat-sun", "mon"]))}
        asking["session"] = {
            **(zone if sessions == "hours" else {"file": "sessions.parquet"}),
            "ask": draw(st.sampled_from(["inside", "all"])),
            "flat": draw(st.booleans()),
        }
    gap = draw(st.sampled_from([None, None, 1, 6.5]))
    return asking if gap is None else {**asking, "max_entry_gap_seconds": gap}


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    config = {
        **draw(askings()),
        "tick_size": 0.25,
        "price_increment": draw(st.sampled_from([0.25, 0.05])),
        **draw(st.sampled_from([{"timeout_seconds": 40}, {"timeout_bars": 30}])),
        "roll_gap_points": draw(st.sampled_from([0, 4])),
        "entry": draw(st.sampled_from(["next_open", "close"])),
        "tie": draw(st.sampled_from(["stop", "target", "open", "null"])),
        "label": draw(st.sampled_from(["win", "touch", "sign"])),
        "unresolved": draw(st.sampled_from(["zero", "null"])),
        "weights": {
            "factors": draw(
                st.sampled_from(
                    [
                        ["quality", "velocity", "decay"],
                        ["decay"],
                        ["uniqueness"],
                        ["uniqueness", "quality", "decay", "velocity"],
                    ]
                )
            )
        },
        "uniqueness": draw(st.booleans()),
        "volatility": {
            "atr": {"kind": "atr", "bars": draw(st.integers(1, 12))},
            "range": {"kind": "range", "bars": draw(st.integers(1, 9))},
            "std": {"kind": "std", "bars": draw(st.integers(2, 9))},
        },
        "modes": [draw(modes(number)) for number in range(draw(st.integers(1, 4)))],
    }
    is_factor = "uniqueness" in config["weights"]["factors"]
    return {**config, "uniqueness": is_factor or draw(st.booleans())}


def random_bars(
    seed: int, rows: int, increment: float, symbols: Sequence[str] = ("ES", "NQ")
) -> pa.Table:
    """Bars of symbols that jump now and then, with gaps in time, and columns of all sorts."""
    chance = np.random.default_rng(seed)
    tables = []
    for symbol in symbols:
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
                    "is_event": pa.array(chance.random(rows) < 0.3, mask=chance.random(rows) < 0.1),
                }
            )
        )
    return pa.concat_tables(tables)


def random_events(seed: int, bars: pa.Table) -> pa.Table:
    """Events at some bars, some twice, and at some times without a bar; maybe with more columns."""
    chance = np.random.default_rng(seed)
    rows = chance.choice(len(bars), len(bars) // 5)
    events = bars.take(pa.array(np.append(rows, rows[:3]))).select(["timestamp", "symbol"])
    lone = events.slice(0, 4)
    later = pc.add(lone["timestamp"], np.timedelta64(int(chance.choice([1, 500_000])), "us"))
    events = pa.concat_tables([events, lone.set_column(0, "timestamp", later)])
    if chance.random() < 0.5:
        # One side for each time, whoever's bar it is.
        clock = events["timestamp"].cast(pa.int64()).to_numpy()
        events = events.append_column("side", pa.array((clock // 1_000_000 % 3 - 1) * 1.5))
    return events if chance.random() < 0.5 else events.drop_columns(["symbol"])


def random_sessions(seed: int, bars: pa.Table) -> pa.Table:
    """Sessions that touch or lie apart, of every symbol or of one."""
    chance = np.random.default_rng(seed)
    times = np.sort(chance.choice(bars["timestamp"].unique().to_numpy(), 8, replace=False))
    opens, closes = times[:-1:2], times[1::2]
    if chance.random() < 0.5:
        opens, closes = times[:-1], times[1:]
    sessions = pa.table({"open": pa.array(opens), "close": pa.array(closes)})
    if chance.random() < 0.5:
        names = pa.array(chance.choice(["ES", "N?"], len(opens)))
        sessions = sessions.append_column("symbol", names)
    return sessions


def asking_tables(
    config: dict[str, Any], seed: int, bars: pa.Table
) -> tuple[pa.Table, dict[str, pa.Table]]:
    """Tables for the files that a configuration names; bars have no sides where events have."""
    tables = {}
    if "file" in config.get("events", {}):
        tables["events"] = random_events(seed, bars)
        if "side" in tables["events"].column_names:
            bars = bars.drop_columns(["side"])
    if "file" in config.get("session", {}):
        tables["session"] = random_sessions(seed, bars)
    return bars, tables


def asking_files(
    config: dict[str, Any], tables: dict[str, pa.Table], place: Path
) -> dict[str, Any]:
    """Write the tables, and name them in what a configuration says of events and sessions."""
    named = {}
    for key, table in tables.items():
        pq.write_table(table, place / f"{key}.parquet")
        named[key] = {**config[key], "file": str(place / f"{key}.parquet")}
    return named


@settings(
    deadline=None,
    max_examples=max(3, EXAMPLES // 3),
    phases=AS_FOUND,
    suppress_health_check=list(HealthCheck),
)
@given(
    config=configurations(),
    seed=st.integers(0, 2**32 - 1),
    cut=cuts(),
    chunk=st.sampled_from(("auto", "97", "41")),
    files=st.integers(1, 3),
    symbols=st.sampled_from((("ES",), ("ES", "NQ"))),
    in_order=st.booleans(),
    block_bars=st.sampled_from((1, 5, 64)),
    trail_bars=st.sampled_from((1, 16)),
    few=st.sampled_from((0, 4, 1_000)),
)
def test_random_configurations_agree_with_the_walk(
    config: dict[str, Any],
    seed: int,
    cut: dict[str, Any],
    chunk: str,
    files: int,
    symbols: Sequence[str],
    in_order: bool,
    block_bars: int,
    trail_bars: int,
    few: int,
) -> None:
    """However the work is cut, ordered and given to threads, and the bars are split into files."""
    bars = random_bars(seed, 240 // len(symbols), config["price_increment"], symbols)
    bars, tables = asking_tables(config, seed, bars)
    how = {
        **config,
        "details": True,
        "memory": cut["memory"],
        "run": {**cut["run"], "chunk": chunk},
    }
    with folder() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(query_names, "BLOCK_BARS", block_bars)
        patch.setattr(query_names, "_TRAIL_BARS", trail_bars)
        patch.setattr(query_names, "_FEW", few)
        order = np.arange(len(bars))
        if not in_order:
            order = np.random.default_rng(seed).permutation(order)
        write(place / "bars", [bars.take(np.sort(part)) for part in np.array_split(order, files)])
        labeled = label(
            place / "bars", place / "out", **{**how, **asking_files(config, tables, place)}
        )
    expected = walk(bars, config, tables.get("events"), tables.get("session"))
    names = [
        name
        for name in expected.column_names
        if config["uniqueness"] or not name.startswith(("uniq", "attrib"))
    ]
    assert golden.differences(labeled, expected, names) == [], config


@pytest.mark.parametrize("kind", ["atr", "range", "std"])
def test_volatilities_where_nothing_is_a_roll(kind: str, tmp_path: Path) -> None:
    bars = random_bars(3, 60, 0.05)
    pq.write_table(bars, tmp_path / "bars.parquet")
    config: dict[str, Any] = {
        "price_increment": 0.05,
        "roll_gap_points": 0,
        "volatility": {"own": {"kind": kind, "bars": 5}},
        "modes": [{"name": "m", "direction": "long", "stop": "own", "target": "2 * own"}],
    }
    labeled = label(tmp_path / "bars.parquet", tmp_path / "out", details=True, **config)
    expected = walk(bars, config)
    names = [name for name in expected.column_names if not name.startswith(("uniq", "attrib"))]
    assert golden.differences(labeled, expected, names) == []


# The quick ones have each direction and each kind of target once at least.
@pytest.mark.parametrize(
    ("direction", "target"),
    long_but(
        [("long", 6), ("short", "0.02%"), ("side", "2 * atr"), ("long", "0.5 * share %")],
        product(["long", "short", "side"], [6, "0.02%", "2 * atr", "0.5 * share %"]),
    ),
)
def test_a_stop_trails_whatever_the_target_is(direction: str, target: Any, tmp_path: Path) -> None:
    bars = random_bars(2, 120, 0.05)
    pq.write_table(bars, tmp_path / "bars.parquet")
    mode = {"name": "m", "direction": direction, "stop": 2, "target": target, "trailing": True}
    config: dict[str, Any] = {
        "price_increment": 0.05,
        "timeout_seconds": 25,
        "roll_gap_points": 4,
        "volatility": {"atr": {"kind": "atr", "bars": 9}},
        "modes": [mode],
    }
    labeled = label(tmp_path / "bars.parquet", tmp_path / "out", details=True, **config)
    expected = walk(bars, config)
    names = [name for name in expected.column_names if not name.startswith(("uniq", "attrib"))]
    assert golden.differences(labeled, expected, names) == []


def test_no_symbol_looks_into_the_next(tmp_path: Path) -> None:
    """Symbols lie one after the other; neighbours, volatilities and trails end with their own."""
    bars = random_bars(4, 80, 0.05)
    pq.write_table(bars, tmp_path / "bars.parquet")
    config: dict[str, Any] = {
        "price_increment": 0.05,
        "timeout_bars": 20,
        "roll_gap_points": 4,
        "volatility": {
            "atr": {"kind": "atr", "bars": 9},
            "std": {"kind": "std", "bars": 7},
            "range": {"kind": "range", "bars": 5},
        },
        "modes": [
            {"name": "a", "direction": "long", "stop": 2, "target": "2 * atr", "trailing": True},
            {"name": "s", "direction": "short", "stop": "3 * std", "target": "range"},
            {"name": "t", "direction": "short", "stop": 3, "target": 5, "trailing": True},
        ],
    }
    labeled = label(tmp_path / "bars.parquet", tmp_path / "out", details=True, **config)
    expected = walk(bars, config)
    names = [name for name in expected.column_names if not name.startswith(("uniq", "attrib"))]
    assert golden.differences(labeled, expected, names) == []


@pytest.fixture(scope="module")
def prepared() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB that knows the macros."""
    with duckdb.connect() as connection:
        connection.execute(PREPARATION)
        yield connection


@pytest.mark.parametrize("whole", [0, 1, 19, 2**31, 2**62, 2**66])
@pytest.mark.parametrize("ratio", ["0.05", "1", "1.5", "12", "1e15", "1e-15"])
def test_shares_are_rounded_up_exactly(
    whole: int, ratio: str, prepared: duckdb.DuckDBPyConnection
) -> None:
    numerator, denominator = Decimal(ratio).as_integer_ratio()
    (share,) = prepared.execute(
        "select share_rounded_up($1::hugeint, $2::hugeint, $3::hugeint)",
        [whole, numerator, denominator],
    ).fetchall()[0]
    expected = max(1, -(-whole * numerator // denominator))
    assert share == (expected if expected <= 2**62 else None)


def test_a_distance_farther_than_prices_go_is_unknown(tmp_path: Path) -> None:
    """A billion percent of 10^12 increments are more than 2^62 of them."""
    start = np.datetime64("2024-03-04T14:30:00", "us")
    times = [start + np.timedelta64(second, "s") for second in range(5)]
    prices = {name: [1e6] * 5 for name in ("open", "high", "low", "close")}
    pq.write_table(pa.table({"timestamp": times, **prices}), tmp_path / "bars.parquet")
    mode = {"name": "m", "direction": "long", "stop": "999999999%", "target": 4}
    labeled = label(
        *(tmp_path / "bars.parquet", tmp_path / "out"), details=True, tick_size=1e-6, modes=[mode]
    )
    assert labeled["outcome_m"].to_pylist() == ["skipped"] * 4 + ["none"]
    assert labeled["label_m"].to_pylist() == [None] * 4 + [0]


# What explain walks, which is the product's own, agrees with what is stored.


@pytest.mark.parametrize("case", long_but(["trailing"], CASES))
def test_explain_agrees_with_golden_case(case: str, tmp_path: Path) -> None:
    path, config, _ = files_of(case, tmp_path)
    weights = {"factors": ["quality", "velocity", "decay", "uniqueness"]}
    config = {**config, "uniqueness": True, "weights": {**config.get("weights", {}), **weights}}
    labeled = label(path, tmp_path / "out", **config)
    symbol = labeled["symbol"] if "symbol" in labeled.column_names else [None] * len(labeled)
    with Output(tmp_path / "out") as output:
        for row in range(0, len(labeled), len(labeled) // 7):
            name = None if symbol[row] is None else str(symbol[row])
            for story in explain(output, labeled["timestamp"][row].as_py(), name):
                assert story.differences == (), (row, story.trade)
                assert tell(story)


# How trades are written, and what is said of mistakes.


@pytest.mark.parametrize(
    ("written", "barrier"),
    [
        (6, Barrier(Decimal(6), "ticks")),
        ("6.5 ticks", Barrier(Decimal("6.5"), "ticks")),
        ("1.5points", Barrier(Decimal("1.5"), "points")),
        ("0.05%", Barrier(Decimal("0.05"), "%")),
        (" 2*atr ", Barrier(Decimal(2), None, "atr")),
        ("my.vol ticks", Barrier(Decimal(1), "ticks", "my.vol")),
        ('1.5 * "my vol" %', Barrier(Decimal("1.5"), "%", "my vol")),
        ("none", Barrier()),
    ],
)
def test_barriers_as_they_are_written(written: Any, barrier: Barrier) -> None:
    mode = TradingMode(name="m", direction="long", stop=written, target=12)
    assert mode.stop == barrier
    assert TradingMode.model_validate(mode.model_dump(mode="json")) == mode
    # A text of it means the same.
    assert TradingMode(name="m", direction="long", stop=str(barrier), target=12) == mode


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (0, "should be greater than 0"),
        ("-3", "expected a number above zero"),
        ("6tick", 'did you mean "6 ticks"'),
        ("1.5 atr20", 'did you mean "1.5 * atr20"'),
        ("5 pct", 'did you mean "5%"'),
        ("6tics", 'did you mean "6 ticks"'),
        ("1,5 points", "stop of 'm': expected 6, \"1.5 points\""),
        ("5 foo bar", 'expected 6, "1.5 points"'),
        (True, "expected 6"),
    ],
)
def test_a_mistake_in_a_barrier_is_told(written: Any, said: str) -> None:
    mode = {"name": "m", "direction": "long", "stop": written, "target": 12}
    with pytest.raises(ConfigError, match=re.escape(said)) as error:
        LabelingConfig(modes=[mode])
    assert "modes.0.stop of 'm':" in str(error.value)
    assert repr(written) in str(error.value)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"stop": "2 * atr2"}, "neither a volatility nor a column 'atr2': did you mean 'atr20'"),
        ({"stop": "2 * symbol"}, "column 'symbol' is VARCHAR, not a number"),
        ({"direction": "side", "stop": 3}, "no column 'side' for the side"),
        ({"stop": "width"}, "has a column 'width', and there is a volatility of that name"),
        ({"stop": "atr20 ticks"}, "leave the unit out"),
        ({"stop": "0.1%", "trailing": True}, "a stop that trails is a number of ticks or points"),
        ({"stop": 3, "timeout_seconds": 5, "timeout_bars": 5}, "exclude each other"),
    ],
)
def test_what_a_mode_cannot_be_read_from_is_told(
    config: dict[str, Any], said: str, tmp_path: Path
) -> None:
    bars = random_bars(1, 20, 0.25).drop_columns(["side"])
    pq.write_table(bars, tmp_path / "bars.parquet")
    mode = {"name": "m", "direction": "long", "target": 4, **config}
    volatility = {"atr20": ("atr", 20), "width": ("range", 5)}
    with pytest.raises((ConfigError, InputError), match=re.escape(said)):
        label(tmp_path / "bars.parquet", tmp_path / "out", modes=[mode], volatility=volatility)


def test_modes_of_the_command_line() -> None:
    assert parse_mode("vol:long:1.5*atr20:3*atr20") == {
        "name": "vol",
        "direction": "long",
        "stop": "1.5*atr20",
        "target": "3*atr20",
    }
    assert parse_mode('a:b:side:2 * "x:y":0.1%:trailing') == {
        "name": "a:b",
        "direction": "side",
        "stop": '2 * "x:y"',
        "target": "0.1%",
        "trailing": True,
    }
    assert parse_volatility("atr20=atr:20") == {"atr20": {"kind": "atr", "bars": 20}}
    for text in ("vol:long:6", "long:6:12"):
        with pytest.raises(ConfigError, match="write NAME:DIRECTION:STOP:TARGET"):
            parse_mode(text)
    with pytest.raises(ConfigError, match="write NAME=KIND:BARS"):
        parse_volatility("atr20")


def test_a_share_of_no_entry_is_no_unknown_distance(tmp_path: Path) -> None:
    """At the last bar nothing is entered, however wide the column says: there is no trade."""
    prices = {name: [10.0, 10.0, 10.0] for name in ("open", "high", "low", "close")}
    times = pa.array([1_709_562_600 + second for second in range(3)], pa.timestamp("s", "UTC"))
    bars = pa.table({"timestamp": times, **prices, "width": [1e300, 5.0, 1e300]})
    modes = [{"name": "m", "direction": "long", "stop": "width %", "target": "width %"}]
    labeled = label(write(tmp_path / "bars", [bars]), tmp_path / "out", details=True, modes=modes)
    assert labeled["outcome_m"].to_pylist() == ["skipped", "censored", "none"]
    assert labeled["label_m"].to_pylist() == [None, 0, 0]


@pytest.mark.parametrize("share", [2, 8])
def test_paths_of_asked_bars_run_over_many_blocks(share: int, tmp_path: Path) -> None:
    """One bar in two, or in eight, wherever it stands in its block, and wherever its path ends."""
    bars = random_bars(7, 700, 0.25)
    chance = np.random.default_rng(share)
    asked = pa.array(chance.random(len(bars)) < 1 / share)
    bars = bars.set_column(bars.column_names.index("is_event"), "is_event", asked)
    pq.write_table(bars, tmp_path / "bars.parquet")
    config: dict[str, Any] = {
        "price_increment": 0.25,
        "timeout_bars": 230,
        "roll_gap_points": 0,
        "tie": "open",
        "events": {"column": "is_event"},
        "modes": [
            {"name": "near", "direction": "long", "stop": 25, "target": 25},
            {"name": "far", "direction": "short", "stop": 300, "target": 80},
            {"name": "trail", "direction": "long", "stop": 60, "target": 150, "trailing": True},
        ],
    }
    expected = walk(bars, config)
    assert max(pc.max(expected[f"seconds_{name}"]).as_py() for name in ("far", "trail")) > 1_000
    labeled = label(tmp_path / "bars.parquet", tmp_path / "out", details=True, **config)
    names = [name for name in expected.column_names if not name.startswith(("uniq", "attrib"))]
    assert golden.differences(labeled, expected, names) == []
