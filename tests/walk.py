# mypy: disable-error-code="import-untyped"
"""A brute-force walk of the whole label contract, one bar and mode at a time: the tests' oracle.

It takes a configuration as a TOML file holds it, shares no code with what it checks and takes no
shortcut: for every bar it walks the path and asks each bar on it whether it rolls, stops or wins.
Distances, volatilities and exits are fractions until the last step. Bars must be good ones.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from walk_bars import (
    NOWHERE,
    Flags,
    Ints,
    Series,
    asked_bars,
    distances_of,
    exact,
    months_of,
    parts_of,
    reference_month,
    series_of,
    session_of,
    sessions_of,
    volatilities_of,
)

Floats = NDArray[np.float64]
Follow = Callable[..., tuple[NDArray[np.int8], Ints, Ints, Ints, Ints]]

OUTCOMES = (
    "target",
    "stop",
    "timeout",
    "close",
    "roll",
    "censored",
    "none",
    "skipped",
    "both",
)
TARGET, STOP, TIMEOUT, CLOSE, ROLL, CENSORED, NONE, SKIPPED, BOTH = range(9)
_WITH_PATH = (TARGET, STOP, TIMEOUT, CLOSE, CENSORED)
_TIES = {"stop": 0, "target": 1, "open": 2, "null": 3}
_NEVER = 2**63 - 1
# To compile takes seconds, which the paths of so many bars do not.
_FEW = 300
_ONE = 2**40
_WEIGHTS = {
    "decay_rate": 0.05,
    "quality_best": 2.0,
    "quality_slope": 1.5,
    "velocity_best": 2.0,
    "velocity_slope": 1.5,
    "optimal_seconds": 300,
    "velocity_span_seconds": 600,
    "floor": 0.5,
    "factors": ["quality", "velocity", "decay"],
}
_DEFAULT_MODES = [
    {"name": f"{volatility}_vol_{direction}", "direction": direction, "stop": s, "target": 2 * s}
    for direction in ("long", "short")
    for volatility, s in (("low", 6), ("normal", 8), ("high", 10))
]


@dataclass
class Trades:
    """What became of the trades of one mode, a value for each bar."""

    outcome: NDArray[np.int8]
    last: Ints
    mae: Ints
    mfe: Ints
    exit: Ints
    direction: Ints
    entry: Ints
    # Increments; None where there is none, or nobody knows.
    stop: list[int | None]
    target: list[int | None]


def walk(
    bars: pa.Table,
    config: Mapping[str, Any],
    events: pa.Table | None = None,
    sessions: pa.Table | None = None,
) -> pa.Table:
    """Label every bar in every mode, details, uniqueness and attribution included.

    Sorted by (symbol, timestamp). `events` and `sessions` are the tables of the files that the
    configuration names.
    """
    keys = [name for name in ("symbol", "timestamp") if name in bars.column_names]
    bars = bars.sort_by([(key, "ascending") for key in keys])
    reference = reference_month(bars, config)
    return pa.concat_tables(
        _label(series_of(part, config), config, reference, events, sessions)
        for part in parts_of(bars)
    )


# The trade itself.


def _follow(
    time: Ints,
    open_: Ints,
    high: Ints,
    low: Ints,
    close: Ints,
    rolled: Flags,
    direction: Ints,
    entry: Ints,
    stop: Ints,
    target: Ints,
    is_skipped: Flags,
    is_late: Flags,
    end: Ints,
    ends_by_close: Flags,
    end_bars: int,
    trailing: bool,
    tie: int,
) -> tuple[NDArray[np.int8], Ints, Ints, Ints, Ints]:
    """The trade of every bar of one symbol: outcome, last bar of its path, MAE, MFE and exit.

    A short trade is a long one in the mirror: prices change sign, so that high and low change
    places. Plain loops over integers, so that numba can compile this very source.
    """
    n = len(time)
    outcome = np.full(n, 6, np.int8)  # NONE
    last = np.full(n, -1, np.int64)
    mae = np.zeros(n, np.int64)
    mfe = np.zeros(n, np.int64)
    exits = np.zeros(n, np.int64)
    for i in range(n):
        if is_skipped[i]:
            outcome[i] = 7
            continue
        if rolled[i]:
            outcome[i] = 4
            continue
        if i + 1 == n:
            continue
        if is_late[i]:
            outcome[i] = 7
            continue
        sign = direction[i]
        e = sign * entry[i]
        peak = e
        outcome[i] = 2 if i + 1 + end_bars <= n else 5  # unless the path says otherwise
        for j in range(i + 1, min(i + 1 + end_bars, n)):
            if time[j] >= end[i]:
                outcome[i] = 3 if ends_by_close[i] else 2
                break
            if rolled[j]:
                outcome[i] = 4
                break
            up = high[j] if sign > 0 else -low[j]
            down = low[j] if sign > 0 else -high[j]
            opens = sign * open_[j]
            last[i] = j
            exits[i] = close[j]
            mae[i] = max(mae[i], e - down)
            mfe[i] = max(mfe[i], up - e)
            from_ = peak if trailing else e
            stops = from_ - down >= stop[i]
            wins = up - e >= target[i]
            if stops and wins:
                if tie == 3:
                    outcome[i] = 8
                    break
                if tie == 1:
                    stops = False
                elif tie == 2:
                    # How far the open is from either; at or beyond one, it is that one.
                    to_stop = opens - (from_ - stop[i])
                    to_target = e + target[i] - opens
                    if to_stop > 0 and (to_target <= 0 or to_target < to_stop):
                        stops = False
            if stops:
                outcome[i] = 1
                exits[i] = sign * min(from_ - stop[i], opens)
                break
            if wins:
                outcome[i] = 0
                exits[i] = sign * (e + target[i])
                break
            peak = max(peak, up)
    return outcome, last, mae, mfe, exits


def _interpreted(*given: Any) -> tuple[NDArray[np.int8], Ints, Ints, Ints, Ints]:
    return _follow(*(one.tolist() if isinstance(one, np.ndarray) else one for one in given))


@cache
def _compiled() -> Follow:
    from numba import njit

    compiled: Follow = njit()(_follow)
    return compiled


def _trades(
    series: Series,
    mode: Mapping[str, Any],
    config: Mapping[str, Any],
    asked: Flags,
    spans: Sequence[tuple[int, int]] | None,
    sides: Ints | None,
) -> Trades:
    n = len(series)
    if mode["direction"] == "side":
        assert sides is not None
        direction = sides
    else:
        direction = np.full(n, 1 if mode["direction"] == "long" else -1, np.int64)
    enters_at_close = config.get("entry", "next_open") == "close"
    entry = series.close if enters_at_close else np.append(series.open[1:], 0)[:n]
    volatilities = volatilities_of(series, config)
    skipped = ~asked | (direction == 0)
    stop, target = (
        distances_of(mode[which], series, entry, enters_at_close, volatilities)
        for which in ("stop", "target")
    )
    for distances in (stop, target):
        skipped |= np.array([distance == -1 for distance in distances], np.bool_)

    late = np.zeros(n, np.bool_)
    gap = config.get("max_entry_gap_seconds")
    end = np.full(n, _NEVER, np.int64)
    by_close = np.zeros(n, np.bool_)
    seconds, end_bars = _horizon(mode, config)
    flat = spans is not None and config["session"].get("flat", True)
    for i in range(n - 1):
        t0 = int(series.time[i + 1])
        if gap is not None and t0 - int(series.time[i]) > exact(gap) * 10**9:
            late[i] = True
        if seconds is not None:
            end[i] = min(_NEVER, t0 + math.ceil(seconds * 10**9))
        if flat:
            assert spans is not None
            here, there = session_of(int(series.time[i]), spans), session_of(t0, spans)
            if there is None or (here is not None and here != there):
                late[i] = True
            elif spans[there][1] < end[i]:
                end[i], by_close[i] = spans[there][1], True
    follow = _interpreted if n <= _FEW else _compiled()
    outcome, last, mae, mfe, exits = follow(
        series.time,
        series.open,
        series.high,
        series.low,
        series.close,
        series.rolled,
        direction,
        entry,
        np.array([NOWHERE if d is None else d for d in stop], np.int64),
        np.array([NOWHERE if d is None else d for d in target], np.int64),
        skipped,
        late,
        end,
        by_close,
        min(end_bars, n + 1),
        bool(mode.get("trailing", False)),
        _TIES[config.get("tie", "stop")],
    )
    # Told for every bar that is asked, has a side and an entry, and whose distances are known.
    is_told = ~skipped & (np.arange(n) < n - 1)
    told = [
        [d if here else None for d, here in zip(distances, is_told, strict=True)]
        for distances in (stop, target)
    ]
    return Trades(outcome, last, mae, mfe, exits, direction, entry, told[0], told[1])


def _horizon(mode: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[Fraction | None, int]:
    """Seconds, or bars: the other is out of reach."""
    for place in (mode, config):
        if place.get("timeout_bars") is not None:
            return None, int(place["timeout_bars"])
        if place.get("timeout_seconds") is not None:
            return exact(place["timeout_seconds"]), 2**62
    return Fraction(900), 2**62


# Labels, weights, overlap.


def _label(
    series: Series,
    config: Mapping[str, Any],
    reference: int,
    events: pa.Table | None,
    sessions: pa.Table | None,
) -> pa.Table:
    n = len(series)
    spans = sessions_of(series, config, sessions) if n else None
    asked, sides = asked_bars(series, config, events, spans)
    weights = {**_WEIGHTS, **config.get("weights", {})}
    months = np.maximum(reference - months_of(series.time), 0)
    decay = np.exp(-weights["decay_rate"] * months)
    rows = {name: series.table[name] for name in series.table.column_names}
    for mode in config.get("modes", _DEFAULT_MODES):
        trades = _trades(series, mode, config, asked, spans, sides)
        rows |= _columns(series, mode, config, trades, weights, decay)
    return pa.table(rows)


def _columns(
    series: Series,
    mode: Mapping[str, Any],
    config: Mapping[str, Any],
    trades: Trades,
    weights: Mapping[str, Any],
    decay: Floats,
) -> dict[str, Any]:
    n = len(series)
    per_tick = series.per_tick
    fields: dict[str, list[Any]] = {
        name: [None] * n
        for name in (
            *("label", "weight", "mae_ticks", "mfe_ticks", "seconds", "exit_price"),
            *("return_ticks", "stop_ticks", "target_ticks", "uniqueness", "attribution"),
        )
    }
    touched: list[int | None] = [None] * n
    overlap = _overlap(series, trades)
    for i in range(n):
        for which, distance in (("stop", trades.stop[i]), ("target", trades.target[i])):
            plain = _plain_ticks(mode[which])
            if distance is not None:
                fields[f"{which}_ticks"][i] = float(distance / per_tick if plain is None else plain)
        outcome, last = int(trades.outcome[i]), int(trades.last[i])
        gain = 0
        if outcome in _WITH_PATH:
            gain = int(trades.direction[i]) * (int(trades.exit[i]) - int(trades.entry[i]))
            seconds = float(Fraction(int(series.time[last] - series.time[i + 1]), 10**9))
            fields["mae_ticks"][i] = float(int(trades.mae[i]) / per_tick)
            fields["mfe_ticks"][i] = float(int(trades.mfe[i]) / per_tick)
            fields["seconds"][i] = seconds
            fields["exit_price"][i] = float(int(trades.exit[i]) * series.increment)
            fields["return_ticks"][i] = float(gain / per_tick)
            fields["uniqueness"][i], fields["attribution"][i] = overlap[i] or (None, None)
            touched[i] = last
        label = _label_of(outcome, gain, mode, config)
        if label is None:
            continue
        fields["label"][i] = label
        factors = {"decay": decay[i]}
        if outcome == TARGET:
            factors["quality"] = _quality(series, mode, trades, i, weights)
            factors["velocity"] = _clipped(
                weights["velocity_best"]
                - weights["velocity_slope"]
                * (seconds - weights["optimal_seconds"])
                / weights["velocity_span_seconds"],
                weights["floor"],
                weights["velocity_best"],
            )
        unique = fields["uniqueness"][i]
        factors["uniqueness"] = 1.0 if unique is None else unique
        weight = 1.0
        for factor in ("quality", "velocity", "decay", "uniqueness"):
            if factor in weights["factors"]:
                weight *= factors.get(factor, 1.0)
        narrow = np.finfo(np.float32)
        fields["weight"][i] = min(max(weight, float(narrow.tiny)), float(narrow.max))
    name = mode["name"]
    types = {"label": pa.int8(), "weight": pa.float32()}
    columns = {
        f"{field}_{name}": pa.array(
            [None if v is None else np.float32(v) for v in values] if field == "weight" else values,
            types.get(field, pa.float64()),
        )
        for field, values in fields.items()
    }
    columns[f"outcome_{name}"] = pa.array([OUTCOMES[k] for k in trades.outcome], pa.string())
    times = series.table["timestamp"]
    columns[f"touch_time_{name}"] = times.take(pa.array(touched, pa.int64()))
    return columns


def _label_of(
    outcome: int, gain: int, mode: Mapping[str, Any], config: Mapping[str, Any]
) -> int | None:
    if outcome in (SKIPPED, BOTH):
        return None
    if outcome in (ROLL, CENSORED, NONE):
        return None if config.get("unresolved", "zero") == "null" else 0
    kind = config.get("label", "win")
    if outcome == TARGET:
        return 1
    if kind == "win":
        return 0
    if kind == "touch":
        return -1 if outcome == STOP else 0
    if outcome == STOP and not mode.get("trailing", False):
        return -1
    return (gain > 0) - (gain < 0)


def _plain_ticks(written: float | str) -> Fraction | None:
    match = re.fullmatch(r"\s*([0-9.eE+-]+)\s*(ticks)?\s*", str(written))
    return exact(match[1]) if match else None


def _quality(
    series: Series, mode: Mapping[str, Any], trades: Trades, i: int, weights: Mapping[str, Any]
) -> float:
    stop = trades.stop[i]
    if stop is None:
        return 1.0
    mae = int(trades.mae[i])
    plain = _plain_ticks(mode["stop"])
    excursion = (
        weights["quality_slope"] * mae / stop
        if plain is None
        else weights["quality_slope"] * float(mae / series.per_tick) / float(plain)
    )
    return _clipped(weights["quality_best"] - excursion, weights["floor"], weights["quality_best"])


def _clipped(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _overlap(series: Series, trades: Trades) -> list[tuple[float, float] | None]:
    """Uniqueness and attribution of every bar that has a span."""
    n = len(series)
    spans = [
        (i + 1, int(trades.last[i])) if trades.outcome[i] in _WITH_PATH else None for i in range(n)
    ]
    count = [0] * n
    for span in spans:
        if span is not None:
            for t in range(span[0], span[1] + 1):
                count[t] += 1
    share = [_ONE // c if c else 0 for c in count]
    # Sums up to each bar, in whole numbers: a span's sum is the difference of two.
    shares, moves = [0], [0]
    for t in range(n):
        shares.append(shares[-1] + share[t])
        change = int(series.close[t]) - int(series.close[t - 1]) if t else 0
        moves.append(moves[-1] + share[t] * change)
    worth: list[tuple[float, float] | None] = []
    for i, span in enumerate(spans):
        if span is None:
            worth.append(None)
            continue
        first, last = span
        moved = share[first] * (int(series.close[first]) - int(trades.entry[i]))
        moved += moves[last + 1] - moves[first + 1]
        worth.append(
            (
                float(shares[last + 1] - shares[first]) / (last - first + 1) / _ONE,
                float(abs(moved)) / _ONE / float(series.per_tick),
            )
        )
    return worth
