# mypy: disable-error-code="import-untyped"
"""A brute-force scan of the label contract, one bar and mode at a time: the tests' oracle.

It shares no code with what it checks and takes no shortcut: for every bar it walks the path and
asks each bar on it whether it rolls, stops or wins. Bars must be good ones; what a bad bar is, and
what happens to it, is not decided here.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

OUTCOMES = ("target", "stop", "timeout", "roll", "censored", "none")
TARGET, STOP, TIMEOUT, ROLL, CENSORED, NONE = range(6)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Walk = Callable[..., tuple[NDArray[np.int8], Ints, Ints, Ints]]


@dataclass(frozen=True)
class Mode:
    """One trade to try from every bar; stop and target are distances from the entry in ticks."""

    name: str
    direction: str
    stop: float
    target: float


DEFAULT_MODES: tuple[Mode, ...] = tuple(
    Mode(f"{volatility}_vol_{direction}", direction, stop, target)
    for direction in ("long", "short")
    for volatility, stop, target in (("low", 6, 12), ("normal", 8, 16), ("high", 10, 20))
)


Instrument = tuple[str, float | None, float | None] | tuple[str, float | None, float | None, float]


@dataclass(frozen=True)
class Rules:
    """Every setting that can change a label, with the contract's default."""

    tick_size: float = 0.25
    price_increment: float | None = None
    timeout_seconds: float = 900
    timeout_bars: int | None = None
    roll_gap_points: float | None = 20.0
    as_of: date | None = None  # or a datetime, which is a date
    unresolved: str = "zero"
    modes: tuple[Mode, ...] = DEFAULT_MODES
    decay_rate: float = 0.05
    quality_best: float = 2.0
    quality_slope: float = 1.5
    velocity_best: float = 2.0
    velocity_slope: float = 1.5
    optimal_seconds: float = 300
    velocity_span_seconds: float = 600
    floor: float = 0.5
    # (symbol pattern, tick_size, price_increment, roll_gap_points), the first match wins
    instruments: tuple[Instrument, ...] = ()


def scan(bars: pa.Table, rules: Rules, *, compiled: bool = False) -> pa.Table:
    """Label every bar in every mode, details included, sorted by (symbol, timestamp).

    `compiled` hands the same walk to numba, for inputs of more than a few thousand bars.
    """
    keys = [name for name in ("symbol", "timestamp") if name in bars.column_names]
    bars = bars.select([*keys, "open", "high", "low", "close"])
    if "symbol" in keys and pa.types.is_dictionary(bars["symbol"].type):
        # Arrow sorts text, not dictionaries of text.
        bars = bars.set_column(0, "symbol", bars["symbol"].cast(bars["symbol"].type.value_type))
    bars = bars.sort_by([(key, "ascending") for key in keys])
    reference = _reference_month(bars, rules)
    walk = _compiled_walk() if compiled else _walk
    return pa.concat_tables(_label(part, rules, reference, walk) for part in _series(bars))


def _walk(
    time: Ints,
    open_: Ints,
    high: Ints,
    low: Ints,
    rolled: Flags,
    stop: int,
    target: int,
    timeout: int,
    timeout_bars: int,
) -> tuple[NDArray[np.int8], Ints, Ints, Ints]:
    """Go long after every bar of one symbol: how each trade ends, on which bar, its MAE and MFE.

    Plain loops over integers, so that numba can compile this very source.
    """
    n = len(time)
    outcome = np.full(n, NONE, np.int8)
    last = np.full(n, -1, np.int64)
    mae = np.zeros(n, np.int64)
    mfe = np.zeros(n, np.int64)
    for i in range(n):
        if rolled[i]:  # beats everything, even having no entry bar
            outcome[i] = ROLL
            continue
        if i + 1 == n:
            continue
        entry, t0 = open_[i + 1], time[i + 1]
        end = i + 1 + timeout_bars
        outcome[i] = TIMEOUT if end <= n else CENSORED  # unless the path says otherwise
        for j in range(i + 1, min(end, n)):
            if time[j] - t0 >= timeout:
                outcome[i] = TIMEOUT
                break
            if rolled[j]:
                outcome[i] = ROLL
                break
            last[i] = j
            mae[i] = max(mae[i], entry - low[j])
            mfe[i] = max(mfe[i], high[j] - entry)
            if entry - low[j] >= stop:
                outcome[i] = STOP
                break
            if high[j] - entry >= target:
                outcome[i] = TARGET
                break
    return outcome, last, mae, mfe


@cache
def _compiled_walk() -> Walk:
    from numba import njit  # here, because only the long scans need it

    compiled: Walk = njit()(_walk)
    return compiled


def _label(bars: pa.Table, rules: Rules, reference: int, walk: Walk) -> pa.Table:
    """The rows of one symbol, whose bars come sorted."""
    tick, increment, gap = _grid(bars, rules)
    per_tick = tick / increment
    open_, high, low, close = (
        _on_grid(bars[name], increment) for name in ("open", "high", "low", "close")
    )
    n = len(bars)
    time, per_second = _epochs(bars["timestamp"])
    # Exactly one horizon is in force; the other is put out of reach.
    timeout, timeout_bars = np.iinfo(np.int64).max, n
    if rules.timeout_bars is None:
        timeout = min(timeout, math.ceil(_exact(rules.timeout_seconds) * per_second))
    else:
        timeout_bars = min(rules.timeout_bars, n)
    rolled = _rolled(close, gap, increment)
    months_ago = np.maximum(reference - _months(bars["timestamp"]), 0)
    decay = np.exp(-rules.decay_rate * months_ago)

    rows = {name: bars[name] for name in ("symbol", "timestamp") if name in bars.column_names}
    for mode in rules.modes:
        # A short trade is a long one in the mirror: prices change sign, so high and low change
        # places. A level between two grid prices is touched by the first one beyond it: ceil.
        sides = (open_, high, low) if mode.direction == "long" else (-open_, -low, -high)
        stop, target = (math.ceil(_exact(ticks) * per_tick) for ticks in (mode.stop, mode.target))
        outcome, last, mae, mfe = walk(time, *sides, rolled, stop, target, timeout, timeout_bars)

        no_path = (outcome == ROLL) | (last < 0)
        unresolved = np.isin(outcome, (ROLL, CENSORED, NONE)) & (rules.unresolved == "null")
        won = outcome == TARGET
        mae_ticks = mae * per_tick.denominator / per_tick.numerator
        mfe_ticks = mfe * per_tick.denominator / per_tick.numerator
        entry_bar = np.minimum(np.arange(1, n + 1), n - 1)  # any bar will do where there is none
        seconds = (time[last] - time[entry_bar]) * per_second.denominator / per_second.numerator
        weight = np.where(won, _merit(mae_ticks, mode.stop, seconds, rules) * decay, decay)

        rows[f"label_{mode.name}"] = pa.array(won.astype(np.int8), mask=unresolved)
        rows[f"weight_{mode.name}"] = pa.array(_positive_float(weight), mask=unresolved)
        rows[f"outcome_{mode.name}"] = pa.array(OUTCOMES).take(pa.array(outcome))
        rows[f"mae_ticks_{mode.name}"] = pa.array(mae_ticks, mask=no_path)
        rows[f"mfe_ticks_{mode.name}"] = pa.array(mfe_ticks, mask=no_path)
        rows[f"seconds_{mode.name}"] = pa.array(seconds, mask=no_path)
        rows[f"touch_time_{mode.name}"] = bars["timestamp"].take(pa.array(last, mask=no_path))
    return pa.table(rows)


def _merit(mae_ticks: Floats, stop_ticks: float, seconds: Floats, rules: Rules) -> Floats:
    """Quality times velocity: what a win with this MAE, after these seconds, is worth."""
    late = seconds - rules.optimal_seconds
    quality = rules.quality_best - rules.quality_slope * mae_ticks / stop_ticks
    velocity = rules.velocity_best - rules.velocity_slope * late / rules.velocity_span_seconds
    quality = np.clip(quality, rules.floor, rules.quality_best)
    velocity = np.clip(velocity, rules.floor, rules.velocity_best)
    return quality * velocity


def _positive_float(weight: Floats) -> NDArray[np.float32]:
    """As FLOAT, which would turn the smallest doubles into 0 and the largest into infinity."""
    narrow = np.finfo(np.float32)
    return np.clip(weight, float(narrow.tiny), float(narrow.max)).astype(np.float32)


def _rolled(close: Ints, points: float | None, increment: Fraction) -> Flags:
    """Which bars a price jump affects: the one before it to the fifth after it."""
    rolled = np.zeros(len(close), np.bool_)
    if points:
        # Closes differ by whole increments: a whole number is above the gap when above its floor.
        gap = math.floor(_exact(points) / increment)
        for jump in np.flatnonzero(np.abs(np.diff(close)) > gap) + 1:
            rolled[jump - 1 : jump + 6] = True
    return rolled


def _series(bars: pa.Table) -> Iterator[pa.Table]:
    """One table per symbol; a table without symbols is one series, even when it is empty."""
    edges = [0, len(bars)]
    if "symbol" in bars.column_names:
        symbol = bars["symbol"].combine_chunks()
        edges[1:1] = np.flatnonzero(pc.not_equal(symbol[1:], symbol[:-1])) + 1
    for start, stop in pairwise(edges):
        yield bars.slice(start, stop - start)


def _grid(bars: pa.Table, rules: Rules) -> tuple[Fraction, Fraction, float | None]:
    """The tick size, the price increment and the roll gap of one symbol."""
    tick, increment, gap = rules.tick_size, rules.price_increment, rules.roll_gap_points
    if "symbol" in bars.column_names and len(bars):
        symbol = str(bars["symbol"][0])
        for pattern, own_tick, own_increment, *own_gap in rules.instruments:
            if fnmatchcase(symbol, pattern):
                # An increment belongs to the tick size it came with, so one's own tick size
                # does not go with the increment of everything else.
                increment = own_increment or (increment if own_tick is None else None)
                tick = own_tick or tick
                gap = own_gap[0] if own_gap else gap
                break
    return _exact(tick), _exact(tick if increment is None else increment), gap


def _exact(number: float) -> Fraction:
    """The decimal that was written down: 0.01, not the double nearest to it."""
    return Fraction(str(number))


def _on_grid(prices: pa.ChunkedArray, increment: Fraction) -> Ints:
    """Prices as whole multiples of the increment: each distinct price once, in fractions."""
    encoded = prices.combine_chunks().dictionary_encode()
    multiples = []
    for price in encoded.dictionary.to_pylist():
        exact = Fraction(price) / increment
        multiples.append(round(exact))
        if abs(exact - multiples[-1]) > Fraction(1, 10**6):
            raise ValueError(f"{price} is not a multiple of {increment}: a bad bar for the scan")
    indices: Ints = encoded.indices.to_numpy()
    return np.array(multiples, np.int64)[indices]


def _epochs(timestamp: pa.ChunkedArray) -> tuple[Ints, Fraction]:
    """Timestamps as integers in their own unit, and how many of these make a second."""
    if pa.types.is_date32(timestamp.type):
        return timestamp.cast(pa.int32()).to_numpy().astype(np.int64), Fraction(1, 86400)
    units = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
    return timestamp.cast(pa.int64()).to_numpy(), Fraction(units[timestamp.type.unit])


def _months(timestamp: pa.ChunkedArray) -> Ints:
    """The calendar month (UTC) of each timestamp, counted from January 1970."""
    unit = "D" if pa.types.is_date32(timestamp.type) else timestamp.type.unit
    time, _ = _epochs(timestamp)
    months: Ints = time.view(f"datetime64[{unit}]").astype("datetime64[M]").astype(np.int64)
    return months


def _reference_month(bars: pa.Table, rules: Rules) -> int:
    """The month that decay counts back from."""
    if rules.as_of is None:
        return int(_months(bars["timestamp"]).max()) if len(bars) else 0
    day = rules.as_of
    if isinstance(day, datetime) and day.tzinfo is not None:
        day = day.astimezone(UTC)
    return (day.year - 1970) * 12 + day.month - 1
