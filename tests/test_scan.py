# mypy: disable-error-code="import-untyped"
"""The oracle itself: it reproduces the golden cases, and cases small enough to work out by hand.

By hand means: a tick is one point, the stop is 2 and the target 4 ticks away, bars are seconds
apart and start at 100, unless a test says otherwise.
"""

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import golden
from golden import differences
from lengths import long_but
from scan import DEFAULT_MODES, Mode, Rules, scan

START = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
LONG = Mode("m", "long", 2, 4)
SHORT = Mode("m", "short", 2, 4)
RULES = Rules(tick_size=1, modes=(LONG,))

# open, high, low, close
Bar = tuple[float, float, float, float]
FLAT: Bar = (100, 100, 100, 100)
UP: Bar = (100, 104, 100, 100)  # touches a long target and no stop
DOWN: Bar = (100, 100, 96, 100)  # touches a short target and no stop
WIDE: Bar = (100, 104, 98, 100)  # touches both barriers of a long


def table(*bars: Bar, at: list[int] | None = None) -> pa.Table:
    """One symbol's bars, a second apart or `at` these seconds."""
    columns: dict[str, Any] = {
        "timestamp": [START + timedelta(seconds=s) for s in at or range(len(bars))]
    }
    for name, prices in zip(("open", "high", "low", "close"), zip(*bars, strict=True), strict=True):
        columns[name] = pa.array(prices, pa.float64())
    return pa.table(columns)


def labels(bars: pa.Table, rules: Rules = RULES) -> list[dict[str, Any]]:
    """The rows of mode `m`, its name left out of the keys."""
    rows: list[dict[str, Any]] = scan(bars, rules).to_pylist()
    return [{key.removesuffix("_m"): value for key, value in row.items()} for row in rows]


def outcomes(bars: pa.Table, rules: Rules = RULES) -> list[str]:
    return [row["outcome"] for row in labels(bars, rules)]


@pytest.mark.parametrize("case", golden.CASES)
def test_the_compiled_scan_reproduces_the_golden_case(case: str) -> None:
    actual = scan(golden.bars(case), golden.rules(case), compiled=True)
    assert differences(actual, golden.expected(case), actual.column_names) == []


@pytest.mark.parametrize(
    "case",
    long_but(["tiny", "one"], ["bars_horizon", "cents", "wide_bars", "tiny", "one"]),
)
def test_the_plain_scan_reproduces_the_golden_case(case: str) -> None:
    actual = scan(golden.bars(case), golden.rules(case))
    assert differences(actual, golden.expected(case), actual.column_names) == []


def test_every_golden_file_belongs_to_a_case() -> None:
    files = {path.name.split(".")[0] for path in golden.FOLDER.glob("*.parquet")}
    assert files == set(golden.CASES)


def test_a_winner() -> None:
    # Entry at 100, one second in. The next bar dips to 99 (MAE 1), the one 600 s after the entry
    # reaches 104. quality = 2 - 1.5 * 1 / 2 = 1.25; velocity = 2 - 1.5 * (600 - 300) / 600 = 1.25.
    row = labels(table(FLAT, FLAT, (100, 101, 99, 100), UP, at=[0, 1, 2, 601]))[0]
    assert row == {
        "timestamp": START,
        "label": 1,
        "weight": 1.5625,
        "outcome": "target",
        "mae_ticks": 1,
        "mfe_ticks": 4,
        "seconds": 600,
        "touch_time": START + timedelta(seconds=601),
    }


def test_the_entry_bar_itself_may_win() -> None:
    # No move against and no time: quality 2, velocity 2 - 1.5 * -300 / 600 = 2.75, clipped to 2.
    row = labels(table(FLAT, UP))[0]
    assert (row["outcome"], row["seconds"], row["weight"]) == ("target", 0, 4)
    assert row["touch_time"] == START + timedelta(seconds=1)


def test_the_signal_bar_is_not_on_the_path() -> None:
    assert outcomes(table(UP, FLAT)) == ["censored", "none"]


def test_both_barriers_in_one_bar_are_a_stop() -> None:
    row = labels(table(FLAT, WIDE))[0]
    assert (row["outcome"], row["label"], row["weight"]) == ("stop", 0, 1)
    assert (row["mae_ticks"], row["mfe_ticks"]) == (2, 4)


def test_a_short_is_a_mirrored_long() -> None:
    # Against a short from 100: the high of 101. For it: the low of 96.
    row = labels(table(FLAT, (100, 101, 99, 100), DOWN), replace(RULES, modes=(SHORT,)))[0]
    assert (row["outcome"], row["mae_ticks"], row["mfe_ticks"]) == ("target", 1, 4)
    assert row["weight"] == 2.5  # 1.25 * 2
    # 102 is its stop, and 98 a stop for the long only.
    stopped = table(FLAT, (100, 102, 98, 100))
    assert outcomes(stopped, replace(RULES, modes=(SHORT,))) == ["stop", "none"]


def test_prices_are_compared_on_the_grid() -> None:
    # Doubles fall short of both levels, of the target by the move and of the stop by the price.
    assert 4750.19 - 4750.07 < 0.12
    assert 4750.07 - 0.06 < 4750.01

    def outcome(high: float, low: float, direction: str = "long") -> str:
        bars = table((4750.07,) * 4, (4750.07, high, low, 4750.07))
        rules = replace(RULES, tick_size=0.01, modes=(Mode("m", direction, 6, 12),))
        return outcomes(bars, rules)[0]

    assert outcome(4750.19, 4750.02) == "target"
    assert outcome(4750.18, 4750.02) == "censored"
    assert outcome(4750.18, 4750.01) == "stop"
    assert outcome(4750.12, 4749.95, "short") == "target"
    assert outcome(4750.12, 4749.96, "short") == "censored"
    assert outcome(4750.13, 4749.96, "short") == "stop"


def test_a_level_between_two_grid_prices_is_touched_by_the_first_beyond_it() -> None:
    # 1.5 ticks from 100 is 101.5 or 98.5: 101 and 99 fall short, 102 and 98 are beyond.
    short_of, beyond = (100, 101, 99, 100), (100, 102, 100, 100)
    rules = replace(RULES, modes=(Mode("m", "long", 1.5, 1.5),))
    assert outcomes(table(FLAT, short_of), rules) == ["censored", "none"]
    assert outcomes(table(FLAT, beyond), rules) == ["target", "none"]
    # Where the increment is half a tick, the level is on the grid.
    rules = replace(rules, price_increment=0.5)
    half = (100, 101.5, 99.5, 100)
    row = labels(table(FLAT, half), rules)[0]
    assert (row["outcome"], row["mae_ticks"], row["mfe_ticks"]) == ("target", 0.5, 1.5)


def test_a_price_off_the_grid_is_refused() -> None:
    with pytest.raises(ValueError, match=r"100\.3 is not a multiple of 1"):
        scan(table((100, 100.3, 100, 100)), RULES)


def test_the_horizon_ends_just_before_the_timeout() -> None:
    # The entry is at second 1, so second 900 is 899 later and inside, second 901 is not.
    assert outcomes(table(FLAT, FLAT, UP, at=[0, 1, 900]))[0] == "target"
    row = labels(table(FLAT, FLAT, UP, at=[0, 1, 901]))[0]
    assert (row["outcome"], row["label"], row["seconds"]) == ("timeout", 0, 0)
    assert row["touch_time"] == START + timedelta(seconds=1)  # the path's last bar


def test_censored_when_the_last_bar_is_inside_the_horizon() -> None:
    assert outcomes(table(FLAT, FLAT, FLAT, at=[0, 1, 900])) == ["censored", "censored", "none"]
    # 900 seconds after the first entry, but it is the second entry itself.
    assert outcomes(table(FLAT, FLAT, FLAT, at=[0, 1, 901])) == ["timeout", "censored", "none"]


def test_a_horizon_in_bars() -> None:
    # Two bars each, however far apart. The first path is bars 1 and 2 and misses the touch in 3.
    rules = replace(RULES, timeout_bars=2)
    bars = table(FLAT, FLAT, FLAT, UP, FLAT, at=[0, 5000, 10000, 15000, 20000])
    assert outcomes(bars, rules) == ["timeout", "target", "target", "censored", "none"]
    # The last full path is bars 3 and 4: exactly two are left for it, so it timed out.
    flat = table(FLAT, FLAT, FLAT, FLAT, FLAT)
    assert outcomes(flat, rules) == ["timeout", "timeout", "timeout", "censored", "none"]
    assert outcomes(flat, replace(rules, timeout_bars=5)) == ["censored"] * 4 + ["none"]


def test_a_jump_affects_the_bar_before_it_to_the_fifth_after_it() -> None:
    # Prices jump by 21 at bar 3, so bars 2 to 8 are affected. With one bar to a path, bar 1 is the
    # first to meet one, and bar 8 the last to be one. Bar 10 has its one bar left, bar 11 none.
    high: Bar = (121, 121, 121, 121)
    rules = replace(RULES, timeout_bars=1)
    expected = ["timeout", *["roll"] * 8, "timeout", "timeout", "none"]
    assert outcomes(table(*[FLAT] * 3, *[high] * 9), rules) == expected
    # A jump is more than 20 points, and none is one when switched off.
    even: Bar = (120, 120, 120, 120)
    assert "roll" not in outcomes(table(*[FLAT] * 3, *[even] * 9), rules)
    for off in (0, None):
        bars = table(*[FLAT] * 3, *[high] * 9)
        assert "roll" not in outcomes(bars, replace(rules, roll_gap_points=off))


def test_a_roll_beats_everything() -> None:
    jump: Bar = (130, 130, 130, 130)
    # Bar 2 touches both barriers, but the jump at 3 affects it. Before it, bar 1 decides alone.
    row = labels(table(FLAT, FLAT, WIDE, jump))[0]
    assert (row["outcome"], row["label"], row["weight"]) == ("roll", 0, 1)
    details = ("mae_ticks", "mfe_ticks", "seconds", "touch_time")
    assert [row[name] for name in details] == [None] * 4
    assert outcomes(table(FLAT, UP, FLAT, jump))[0] == "target"
    # Even the last bar, which has no entry, is a roll when it is affected.
    assert outcomes(table(FLAT, FLAT, FLAT, jump)) == ["roll"] * 4


def test_decay_counts_calendar_months_back_from_the_reference() -> None:
    bars = table(FLAT, FLAT, FLAT)
    days = [datetime(2024, 11, 30, tzinfo=UTC), datetime(2024, 12, 31, 23, 59, tzinfo=UTC)]
    bars = bars.set_column(0, "timestamp", pa.array([*days, datetime(2025, 1, 1, tzinfo=UTC)]))
    e = math.exp

    def weights(as_of: date | None) -> list[float]:
        return [row["weight"] for row in labels(bars, replace(RULES, as_of=as_of))]

    # From the latest bar, in January: 2, 1 and 0 months.
    assert weights(None) == pytest.approx([e(-0.1), e(-0.05), 1])
    # From December: 1, 0, and 0 again for the bar after it.
    assert weights(date(2024, 12, 20)) == pytest.approx([e(-0.05), 1, 1])
    # In UTC it is still December.
    berlin = timezone(timedelta(hours=1))
    assert weights(datetime(2025, 1, 1, 0, 30, tzinfo=berlin)) == pytest.approx([e(-0.05), 1, 1])


def test_weights_are_never_zero() -> None:
    # A floor of 0 makes the slow winner worth 2 * 0; FLOAT keeps the least normal number instead.
    slow = table(FLAT, FLAT, UP, at=[0, 1, 5001])
    row = labels(slow, replace(RULES, floor=0, timeout_seconds=9000))[0]
    assert (row["outcome"], row["weight"]) == ("target", np.finfo(np.float32).tiny)


def test_unresolved_bars_may_be_null() -> None:
    jump: Bar = (130, 130, 130, 130)
    bars = table(FLAT, UP, *[jump] * 9, at=[*range(10), 2000])
    rows = labels(bars, replace(RULES, unresolved="null"))
    assert [row["outcome"] for row in rows] == [*["roll"] * 8, "timeout", "censored", "none"]
    known = [row["label"] is not None for row in rows]
    assert known == [row["weight"] is not None for row in rows]
    assert known == [*[False] * 8, True, False, False]


def test_nothing_looks_across_symbols() -> None:
    # Interleaved and backwards. A's entry at 100 must not see B's 900, nor the jump between them.
    bars = pa.table(
        {
            "symbol": ["B", "A", "B", "A"],
            "timestamp": [START + timedelta(seconds=s) for s in (1, 1, 0, 0)],
            **{name: [900.0, 100.0, 900.0, 100.0] for name in ("open", "high", "low", "close")},
        }
    )
    rows = labels(bars)
    assert [row["symbol"] for row in rows] == ["A", "A", "B", "B"]
    assert [row["outcome"] for row in rows] == ["censored", "none"] * 2
    assert outcomes(bars.slice(0, 0)) == []


def test_instruments_have_their_own_grids() -> None:
    # Ticks of 0.1 for GC, whose first pattern wins; ticks of a point for everything else.
    bars = pa.table(
        {
            "symbol": ["ES", "ES", "GCZ3", "GCZ3"],
            "timestamp": [START, START + timedelta(seconds=1)] * 2,
            **{name: [100.0] * 4 for name in ("open", "low", "close")},
            "high": [100.4, 100.4, 100.5, 100.5],
        }
    )
    rules = replace(RULES, price_increment=0.2, instruments=(("GC*", 0.1, None), ("G*", 7.0, None)))
    rows = labels(bars, rules)
    assert [row["outcome"] for row in rows] == ["censored", "none", "target", "none"]
    assert [row["mfe_ticks"] for row in rows] == [0.4, None, 5, None]
    # An increment alone keeps the top-level tick size.
    rules = replace(RULES, instruments=(("*", None, 0.1),))
    assert labels(bars, rules)[0]["mfe_ticks"] == 0.4


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_timestamps_keep_their_type(unit: str, zone: str | None) -> None:
    bars = table(FLAT, FLAT, UP, at=[0, 1, 900])
    stamps = bars["timestamp"].cast(pa.timestamp(unit, "UTC")).cast(pa.timestamp(unit, zone))
    rows = scan(bars.set_column(0, "timestamp", stamps), RULES)
    assert rows["timestamp"].type == rows["touch_time_m"].type == stamps.type
    assert rows["outcome_m"].to_pylist() == ["target", "target", "none"]
    assert rows["seconds_m"].to_pylist() == [899, 0, None]
    assert rows["touch_time_m"].to_pylist() == [stamps[2].as_py()] * 2 + [None]


def test_dates_are_timestamps() -> None:
    # Within 900 seconds there is only the entry day itself; within three days there are three.
    days = pa.array([date(2024, 3, day) for day in (4, 5, 6, 7)], pa.date32())
    bars = table(FLAT, FLAT, FLAT, UP).set_column(0, "timestamp", days)
    assert outcomes(bars) == ["timeout", "timeout", "target", "none"]
    rows = labels(bars, replace(RULES, timeout_seconds=3 * 86400))
    assert rows[0]["outcome"] == "target"
    assert rows[0]["seconds"] == 2 * 86400
    assert rows[0]["touch_time"] == date(2024, 3, 7)


def test_the_default_modes() -> None:
    names = {(mode.name, mode.direction, mode.stop, mode.target) for mode in DEFAULT_MODES}
    assert names == {
        ("low_vol_long", "long", 6, 12),
        ("low_vol_short", "short", 6, 12),
        ("normal_vol_long", "long", 8, 16),
        ("normal_vol_short", "short", 8, 16),
        ("high_vol_long", "long", 10, 20),
        ("high_vol_short", "short", 10, 20),
    }


def test_differences_are_told() -> None:
    one = pa.array([1.0, 1.0, 1.0, None], pa.float32())
    ulp = pa.array([1.0, 1.0 + 2**-23, 1.0 - 2**-24, None], pa.float32())
    two = pa.array([1.0, 1.0 + 2**-22, 1.0, 1.0], pa.float32())
    text = pa.array(["a", "b", None, "a"])
    expected = pa.table({"symbol": [""] * 4, "weight_m": one, "open": one, "outcome_m": text})
    same = pa.table({"weight_m": ulp, "open": one, "outcome_m": text.dictionary_encode()})

    assert differences(same, expected) == []
    assert differences(same.slice(1), expected) == ["3 rows, expected 4"]
    assert differences(same.select(["weight_m"]), expected, ["weight_m"]) == []
    assert differences(same.drop_columns("open"), expected) == ["open: missing"]
    assert differences(expected, same) == []  # more columns than expected are none of its business
    other = pa.table({"weight_m": two, "open": ulp, "outcome_m": [1, 2, 3, 4]})
    weight, price, outcome = differences(other, expected)
    # 2**-22 is two ulps; one ulp up and one down are no difference in a weight, but in a price.
    assert weight.startswith("weight_m: 2 of 4 rows differ, row 1: 1.0000002")
    assert weight.endswith(", expected 1.0; row 3: 1.0, expected None")
    assert price.startswith("open: 2 of 4 rows differ, row 1: 1.0000001")
    assert outcome == "outcome_m: int64, expected large_string"
    named = expected.set_column(0, "symbol", pa.array(["ES"] * 4))
    assert differences(same, named) == ["symbol: missing"]
