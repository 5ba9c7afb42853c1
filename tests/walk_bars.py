# mypy: disable-error-code="import-untyped"
"""What the brute-force walk knows of bars before it walks: levels, rolls, distances, who is asked.

From the contract alone, in fractions and whole numbers, a bar at a time.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# A distance that no price ever goes.
NOWHERE = 2**62
_BARRIER = re.compile(
    r"""\s*(?: (?P<number>[0-9.]+(?:[eE][-+]?[0-9]+)?) \s* (?P<unit>ticks|points|%)?
        | (?: (?P<factor>[0-9.]+(?:[eE][-+]?[0-9]+)?) \s* \* \s* )?
          (?: "(?P<quoted>[^"]*)" | (?P<name>[^\s%*"]+) ) \s* (?P<of>ticks|points|%)? )\s*""",
    re.VERBOSE,
)


@dataclass
class Series:
    """The bars of one symbol in order of time: prices in whole increments, time in nanoseconds."""

    table: pa.Table
    symbol: str
    time: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    tick: Fraction
    increment: Fraction
    # Whether the close jumps at a bar, and whether a jump affects it.
    jumps: Flags
    rolled: Flags

    def __len__(self) -> int:
        return len(self.time)

    @property
    def per_tick(self) -> Fraction:
        return self.tick / self.increment


def parts_of(bars: pa.Table) -> Iterator[pa.Table]:
    """One table per symbol; a table without symbols is one series, even when it is empty."""
    edges = [0, len(bars)]
    if "symbol" in bars.column_names:
        symbol = bars["symbol"].combine_chunks()
        edges[1:1] = np.flatnonzero(pc.not_equal(symbol[1:], symbol[:-1])) + 1
    for start, stop in pairwise(edges):
        yield bars.slice(start, stop - start)


def series_of(bars: pa.Table, config: Mapping[str, Any]) -> Series:
    symbol = str(bars["symbol"][0]) if "symbol" in bars.column_names and len(bars) else ""
    tick = config.get("tick_size", 0.25)
    increment = config.get("price_increment")
    gap = config.get("roll_gap_points", 20.0)
    for pattern, own in config.get("instruments", {}).items():
        if fnmatchcase(symbol, pattern):
            # An increment belongs to the tick size it came with.
            increment = own.get("price_increment", None if "tick_size" in own else increment)
            tick = own.get("tick_size", tick)
            gap = own.get("roll_gap_points", gap)
            break
    step = exact(tick if increment is None else increment)
    open_, high, low, close = (
        _levels(bars[name], step) for name in ("open", "high", "low", "close")
    )
    n = len(close)
    jumps = np.zeros(n, np.bool_)
    rolled = np.zeros(n, np.bool_)
    for k in range(1, n):
        if gap and abs(int(close[k]) - int(close[k - 1])) * step > exact(gap):
            jumps[k] = True
            rolled[k - 1 : k + 6] = True
    when = _nanoseconds(bars["timestamp"])
    return Series(bars, symbol, when, open_, high, low, close, exact(tick), step, jumps, rolled)


def exact(number: float | str) -> Fraction:
    """The decimal that was written down: 0.01, not the double nearest to it."""
    return Fraction(str(number))


def _levels(prices: pa.ChunkedArray, increment: Fraction) -> Ints:
    """Prices as whole multiples of the increment, which the bars of a test always are."""
    return np.array([round(Fraction(p) / increment) for p in prices.to_pylist()], np.int64)


def _nanoseconds(times: pa.ChunkedArray) -> Ints:
    if pa.types.is_date32(times.type):
        days: Ints = times.cast(pa.int32()).to_numpy().astype(np.int64)
        return days * 86_400 * 10**9
    factor = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[times.type.unit]
    numbers: Ints = times.cast(pa.int64()).to_numpy()
    return numbers * factor


def months_of(when: Ints) -> Ints:
    """The calendar month (UTC), counted from January 1970."""
    months: Ints = when.view("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    return months


def reference_month(bars: pa.Table, config: Mapping[str, Any]) -> int:
    """The month that decay counts back from."""
    day = config.get("as_of")
    if day is None:
        return int(months_of(_nanoseconds(bars["timestamp"])).max()) if len(bars) else 0
    if isinstance(day, datetime) and day.tzinfo is not None:
        day = day.astimezone(UTC)
    return (day.year - 1970) * 12 + day.month - 1


def distances_of(
    written: float | str,
    series: Series,
    entry: Ints,
    enters_at_close: bool,
    volatilities: Mapping[str, list[Fraction | float | None]],
) -> list[int | None]:
    """Increments to a barrier for each bar: None where there is none, -1 where nobody knows."""
    n = len(series)
    if written == "none":
        return [None] * n
    match = _BARRIER.fullmatch(str(written))
    assert match, written
    unit = match["unit"] or match["of"]
    if match["number"]:
        number = exact(match["number"])
        if unit == "%":
            return [_whole(abs(int(e)) * number / 100) for e in entry]
        per = 1 / series.increment if unit == "points" else series.per_tick
        return [_whole(number * per)] * n
    name = match["quoted"] if match["quoted"] is not None else match["name"]
    factor = exact(match["factor"] or "1")
    if name in volatilities:
        return [
            -1
            if value is None or value <= 0
            else _whole(factor * value)
            if isinstance(value, Fraction)
            else _snapped(float(factor) * value)
            for value in volatilities[name]
        ]
    column = series.table[name].to_pylist()
    distances: list[int | None] = []
    for i, given in enumerate(column):
        value = math.nan if given is None else float(given)
        if not value > 0 or math.isinf(value):
            distances.append(-1)
        elif unit == "%":
            # The last bar has no entry, and what it lacks is not a distance.
            e = abs(int(entry[i])) if enters_at_close or i + 1 < n else 1
            distances.append(_snapped(e * (float(factor) * value) / 100))
        elif unit == "ticks":
            distances.append(_snapped(float(factor) * value * float(series.per_tick)))
        else:
            distances.append(_snapped(float(factor) * value / float(series.increment)))
    return distances


def _whole(distance: Fraction) -> int:
    whole = max(1, math.ceil(distance))
    return whole if whole <= NOWHERE else -1


def _snapped(distance: float) -> int:
    """The whole number within 1e-6 of a float, else the next one above."""
    if not distance <= NOWHERE:
        return -1
    near = round(distance)
    return max(1, near if abs(distance - near) <= 1e-6 else math.ceil(distance))


def volatilities_of(
    series: Series, config: Mapping[str, Any]
) -> dict[str, list[Fraction | float | None]]:
    return {
        name: [_volatility(series, i, rule["kind"], rule["bars"]) for i in range(len(series))]
        for name, rule in config.get("volatility", {}).items()
    }


def _volatility(series: Series, i: int, kind: str, bars: int) -> Fraction | float | None:
    """In increments, over the last bars up to and including bar `i`; None without enough."""
    first = i - bars + 1
    if first < 0 or (kind == "std" and first < 1):
        return None
    window = range(first, i + 1)
    if any(series.jumps[k] for k in window):
        return None
    high, low, close = series.high, series.low, series.close
    if kind == "range":
        return Fraction(int(max(high[k] for k in window) - min(low[k] for k in window)))
    if kind == "atr":
        total = 0
        for k in window:
            before = [int(close[k - 1])] if k else []
            total += max([int(high[k]), *before]) - min([int(low[k]), *before])
        return Fraction(total, bars)
    changes = [int(close[k]) - int(close[k - 1]) for k in window]
    spread = bars * sum(d * d for d in changes) - sum(changes) ** 2
    return math.sqrt(float(spread) / (bars * (bars - 1)))


def asked_bars(
    series: Series,
    config: Mapping[str, Any],
    events: pa.Table | None,
    spans: Sequence[tuple[int, int]] | None,
) -> tuple[Flags, Ints | None]:
    """Whether a bar is asked, and the side of its trade where there are any."""
    n = len(series)
    asked = np.ones(n, np.bool_)
    sides = None
    column = config.get("columns", {}).get("side", "side")
    if column in series.table.column_names:
        sides = np.array([_sign(value) for value in series.table[column].to_pylist()], np.int64)
    rule = config.get("events", {})
    if "column" in rule:
        values = series.table[rule["column"]].to_pylist()
        asked &= np.array([_sign(value) != 0 for value in values], np.bool_)
    if "every_seconds" in rule:
        stretch = series.time // int(exact(rule["every_seconds"]) * 10**9)
        asked &= np.append(True, stretch[1:] != stretch[:-1])[:n]
    if events is not None:
        at: dict[int, int] = {}
        for row, when in zip(events.to_pylist(), _nanoseconds(events["timestamp"]), strict=True):
            if row.get("symbol", series.symbol) == series.symbol:
                at[int(when)] = _sign(row.get("side"))
        asked &= np.array([int(t) in at for t in series.time], np.bool_)
        if sides is None and "side" in events.column_names:
            sides = np.array([at.get(int(t), 0) for t in series.time], np.int64)
    if spans is not None and config["session"].get("ask", "inside") == "inside":
        asked &= np.array([session_of(int(t), spans) is not None for t in series.time], np.bool_)
    return asked, sides


def _sign(value: float | None) -> int:
    if value is None or math.isnan(value):
        return 0
    return (value > 0) - (value < 0)


def session_of(when: int, spans: Sequence[tuple[int, int]]) -> int | None:
    for number, (opens, closes) in enumerate(spans):
        if opens <= when < closes:
            return number
    return None


def sessions_of(
    series: Series, config: Mapping[str, Any], sessions: pa.Table | None
) -> list[tuple[int, int]] | None:
    """The sessions in whose days the bars lie, in nanoseconds of UTC."""
    rule = config.get("session")
    if rule is None:
        return None
    if sessions is not None:
        rows = sessions.to_pylist()
        opens, closes = (_nanoseconds(sessions[name]) for name in ("open", "close"))
        return [
            (int(opens[k]), int(closes[k]))
            for k, row in enumerate(rows)
            if fnmatchcase(series.symbol, row.get("symbol", "*"))
        ]
    zone = ZoneInfo(rule["zone"])
    clocks = [time.fromisoformat(part.strip()) for part in rule["hours"].split("-")]
    days = _days(rule.get("days", "mon-sun"))
    first, last = (
        datetime.fromtimestamp(int(series.time[k]) // 10**9, UTC).date() for k in (0, -1)
    )
    spans = []
    day = first - timedelta(days=3)
    while day <= last + timedelta(days=3):
        if day.weekday() in days:
            after = day + timedelta(days=1) if clocks[1] <= clocks[0] else day
            spans.append((_moment(day, clocks[0], zone), _moment(after, clocks[1], zone)))
        day += timedelta(days=1)
    return spans


def _days(written: str) -> set[int]:
    days = set()
    for part in written.split(","):
        first, _, last = (word.strip() for word in part.partition("-"))
        day, end = _DAYS.index(first), _DAYS.index(last or first)
        while day != end:
            days.add(day)
            day = (day + 1) % 7
        days.add(end)
    return days


def _moment(day: date, clock: time, zone: ZoneInfo) -> int:
    """What a local clock means in UTC: the earlier of two, the jump where it means none."""
    local = datetime.combine(day, clock)
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local:
        # The clock jumps over it: the jump is the first second with the offset of after it.
        offset = moment.astimezone(zone).utcoffset()
        while (moment - timedelta(seconds=1)).astimezone(zone).utcoffset() == offset:
            moment -= timedelta(seconds=1)
    return int(moment.timestamp()) * 10**9
