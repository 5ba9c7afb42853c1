"""Synthetic one-second bars of an ES-like future: what `duck-label sample` writes.

The model, one trading session (23 hours) at a time:

- *Activity* is an intraday profile (quiet night, busy United States open and close) times random
  factors that hold for an hour, a quarter of an hour and so on: volatility clusters on all scales.
- An *efficient price* in ticks walks at random, its variance per second proportional to activity.
- A second has a bar when it has a trade, which activity makes likelier: missing seconds cluster.
- A trade prints on one of the two grid prices around the efficient price, the nearer one the
  likelier. That is the bid-ask bounce: seconds revert while minutes diffuse.

Sessions last from 18:00 to 17:00 New York time, Sunday to Friday, and the contract rolls on the
second Thursday of March, June, September and December. Holidays and early closes are not modelled.

Measured (mean and standard deviation of twenty samples of five sessions):

                                                   calm            volatile
    seconds of a session without a bar, %          22.1 +- 0.7      9.7 +- 0.4
    bars that open at the last bar's close, %      58.8 +- 0.3     50.8 +- 0.1
    mean range (high - low), ticks                 0.44 +- 0.01    0.89 +- 0.02
    ticks by which highs rise, per bar            0.191 +- 0.002  0.351 +- 0.006
    median seconds to a gain of 12 ticks            347 +- 13       129 +- 4
    deviation of the five-minute change, ticks      9.5 +- 0.4     25.9 +- 0.7

The seconds to a gain run from an entry at a bar's open to the first bar whose high is 12 ticks up,
over the entries that get there within 900 seconds, however far the price falls in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import IO, Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from duck_label.whole import whole

Market = Literal["calm", "volatile"]

TICK: Final = 0.25  # points
START: Final = date(2024, 3, 12)
SEED: Final = 7  # of a sample that begins at START
ROW_GROUP_ROWS: Final = 122_880  # as in DuckDB's own tables, where one group is one unit of work
_TIME: Final = pa.timestamp("us", tz="UTC")
_PRICES: Final = [(name, pa.float64()) for name in ("open", "high", "low", "close")]
SCHEMA: Final = pa.schema(
    [("timestamp", _TIME), *_PRICES, ("volume", pa.int64()), ("symbol", pa.string())]
)

_NEW_YORK: Final = ZoneInfo("America/New_York")
_SESSION_SECONDS: Final = 23 * 3600
_START_TICKS: Final = 20_000.0  # 5000 points: the first price, and the level later prices lean to
_FLOOR_TICKS: Final = 400.0  # 100 points: the pull keeps well above; zero must not happen at all
_PULL: Final = 0.02  # share of the distance to the start level that a session takes back on average
_ROLL_TICKS: Final = (120, 240)  # 30 to 60 points, well beyond the 20 that mark a roll

# Activity at each half hour from 18:00 to 17:00 New York time, relative.
_PROFILE: Final = (
    0.60, 0.45, 0.45, 0.40, 0.40, 0.35, 0.35, 0.30, 0.30, 0.25, 0.25, 0.25, 0.25, 0.25, 0.30, 0.35,
    0.50, 0.60, 0.85, 0.85, 0.70, 0.60, 0.55, 0.50, 0.50, 0.50, 0.55, 0.65, 0.90, 1.60, 2.90, 4.20,
    3.20, 2.60, 2.20, 1.90, 1.60, 1.40, 1.30, 1.40, 1.60, 1.80, 2.30, 3.10, 3.40, 0.80, 0.45,
)  # fmt: skip
# Activity keeps each of its random factors, 1 +- at most the depth, for so many seconds.
_CLUSTERS: Final = ((82800, 0.15), (3600, 0.3), (900, 0.4), (180, 0.5), (36, 0.5), (6, 0.6))
_PUSH_SECONDS: Final = 20  # how long an order is worked, which moves the price one way
_PUSH_SHARE: Final = 0.6  # of the variance: makes twelve ticks in minutes out of few crossings
_PATIENCE: Final = 0.75  # chance that a lone trade stays on the side of the lone trade before


@dataclass(frozen=True)
class _Nature:
    """What tells one market from another."""

    variance: float  # of the efficient price, ticks squared per second at activity 1
    pace: float  # odds that a second has a trade, at activity 1
    crowd: float  # odds that a second with a trade has several, at activity 1
    gap: float  # largest move over the daily break, ticks; over a weekend four times that
    lot: float  # sets the volume: contracts


_MARKETS: Final[dict[Market, _Nature]] = {
    "calm": _Nature(variance=0.28, pace=8.3, crowd=3.0, gap=4.0, lot=5.0),
    "volatile": _Nature(variance=2.52, pace=25.0, crowd=9.0, gap=10.0, lot=12.0),
}


@dataclass(frozen=True)
class SampleSummary:
    """What was written. Times are UTC; `rolls` are the bars that open in a new contract."""

    rows: int
    first: datetime
    last: datetime
    rolls: tuple[datetime, ...]


@dataclass(frozen=True)
class _Session:
    ordinal: int  # from the first session of the sample
    opens: datetime  # UTC
    rolls: bool
    after_weekend: bool


def write_sample(
    path: Path,
    *,
    days: int = 5,
    seed: int | None = None,
    start: date = START,
    market: Market = "calm",
    overwrite: bool = False,
) -> SampleSummary:
    """Write `days` trading sessions of synthetic one-second bars to the Parquet file `path`.

    The first session is the first to open at 18:00 New York time on `start` or later. The default
    start puts a roll before the second session and a weekend after the third. A longer sample with
    the same seed, start and market begins with the bars of a shorter one. Without a seed every
    start has its own, so that files of different months are independent of each other.

    Holds a few sessions in memory, however long the sample. The file appears under its name only
    when it is whole. Raises FileExistsError when it is there already and `overwrite` is false, and
    OutputError when it cannot be written.
    """
    if days < 1:
        raise ValueError(f"days must be at least 1, not {days}")
    if seed is None:
        seed = _seed(start)
    if seed < 0:
        raise ValueError(f"seed must be at least 0, not {seed}")
    if market not in _MARKETS:
        raise ValueError(f"market must be one of {', '.join(_MARKETS)}; not {market!r}")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already; pass overwrite=True to replace it")

    with whole(path) as file:
        return _write(file, _sessions(start, days), seed, _MARKETS[market])


def _seed(start: date) -> int:
    """A seed for each start, which is the same on every machine."""
    return (SEED + start.toordinal() - START.toordinal()) % 2**32


def _write(
    file: IO[bytes], sessions: Iterator[_Session], seed: int, nature: _Nature
) -> SampleSummary:
    """Write the bars of `sessions` in full row groups; what does not fill one waits for more."""
    rows = 0
    rolls: list[datetime] = []
    first = last = datetime.min  # until the first session
    price = _START_TICKS
    pending = SCHEMA.empty_table()
    # Few prices and volumes recur in a group, so dictionaries suit them; timestamps never recur.
    dictionary = [name for name in SCHEMA.names if name != "timestamp"]
    with pq.ParquetWriter(file, SCHEMA, compression="zstd", use_dictionary=dictionary) as writer:
        for session in sessions:
            bars, price = _bars(session, price, seed, nature)
            opened, last = (bars["timestamp"][row].as_py().astimezone(UTC) for row in (0, -1))
            first = first if rows else opened
            rows += bars.num_rows
            if session.rolls:
                rolls.append(opened)
            pending = pa.concat_tables([pending, bars])
            while pending.num_rows >= ROW_GROUP_ROWS:
                writer.write_table(pending.slice(0, ROW_GROUP_ROWS))
                pending = pending.slice(ROW_GROUP_ROWS)
        if pending.num_rows:
            writer.write_table(pending)
    return SampleSummary(rows, first, last, tuple(rolls))


def _sessions(start: date, days: int) -> Iterator[_Session]:
    """Yield `days` sessions. A session trades for the day on which it closes, Monday to Friday."""
    trade_date = start
    for ordinal in range(days):
        trade_date += timedelta(days=1)
        while trade_date.isoweekday() > 5:
            trade_date += timedelta(days=1)
        # Clocks change early on Sunday, while the market is closed: every session lasts 23 hours.
        opens = datetime.combine(trade_date - timedelta(days=1), time(18), _NEW_YORK)
        # The first bar of a sample has no bar before it to jump from.
        rolls = ordinal > 0 and _is_roll_date(trade_date)
        yield _Session(ordinal, opens.astimezone(UTC), rolls, trade_date.isoweekday() == 1)


def _is_roll_date(day: date) -> bool:
    """Whether `day` is the second Thursday of a quarter's last month."""
    return day.month % 3 == 0 and day.isoweekday() == 4 and 8 <= day.day <= 14


def _bars(session: _Session, price: float, seed: int, nature: _Nature) -> tuple[pa.Table, float]:
    """Bars of one session, given the efficient price (ticks) before it; and the price after it.

    Nothing but uniform draws and operations that IEEE 754 rounds exactly (no exp, log or BLAS):
    the bars are the same to the bit on every platform.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, session.ordinal])))
    size, sign = rng.random(2).tolist()
    gap = size * nature.gap * (4 if session.after_weekend else 1)
    if session.rolls:
        gap = _ROLL_TICKS[0] + size * (_ROLL_TICKS[1] - _ROLL_TICKS[0])
    price += gap if sign < 0.5 else -gap

    activity = _profile().copy()
    for seconds, depth in _CLUSTERS:
        factor = 1 - depth + 2 * depth * rng.random(_SESSION_SECONDS // seconds)
        activity *= np.repeat(factor, seconds)

    # A cubed uniform has a variance of 1/7 and fatter tails than the normal distribution. The sum
    # of n equal pushes has n times the variance of the sum of n independent ones.
    shock = 2 * rng.random(_SESSION_SECONDS) - 1
    push = 2 * rng.random(_SESSION_SECONDS // _PUSH_SECONDS) - 1
    step = shock * shock * shock * np.sqrt(7 * (1 - _PUSH_SHARE))
    step += np.repeat(push * np.sqrt(3 * _PUSH_SHARE / _PUSH_SECONDS), _PUSH_SECONDS)
    step *= np.sqrt(nature.variance * activity)
    step += _PULL / _SESSION_SECONDS * (_START_TICKS - price)
    path = np.maximum(np.cumsum(np.concatenate(([price], step))), _FLOOR_TICKS)

    odds = nature.pace * activity
    traded = np.flatnonzero(rng.random(_SESSION_SECONDS) * (1 + odds) < odds)
    before, after, activity = path[traded], path[traded + 1], activity[traded]
    first, last, upper, lower, more, stay, rarity = rng.random((7, len(traded)))
    odds = nature.crowd * activity
    several = more * (1 + odds) < odds

    # floor(price + u), u uniform, is the upper of the two neighbours as often as the price is near
    # it. After a bar of several trades the next one bounces to the other side; a lone trade after
    # a lone trade often keeps its u.
    first[1:] = np.where(several[:-1], 1 - last[:-1], first[1:])
    renewed = stay >= _PATIENCE
    renewed[1:] |= several[:-1]
    renewed[0] = True
    first = first[np.maximum.accumulate(np.where(renewed, np.arange(len(traded)), 0))]
    opened = np.floor(before + first)
    closed = np.where(several, np.floor(after + last), opened)
    top, bottom = np.maximum(opened, closed), np.minimum(opened, closed)
    np.maximum(top, np.floor(np.maximum(before, after) + upper), out=top, where=several)
    np.minimum(bottom, np.floor(np.minimum(before, after) + lower), out=bottom, where=several)
    # Mostly a few contracts, now and then fifty times as many.
    volume = 1 + np.floor(nature.lot * activity * rarity / (1.02 - rarity) * (1 + several))

    times = np.datetime64(session.opens.replace(tzinfo=None), "us") + traded.astype("m8[s]")
    columns = [
        pa.array(times, _TIME),
        *(pa.array(ticks * TICK) for ticks in (opened, top, bottom, closed)),
        pa.array(volume.astype(np.int64)),
        pa.repeat("ES", len(traded)),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA), float(path[-1])


@cache
def _profile() -> npt.NDArray[np.float64]:
    """Expected activity in each second of a session: mean 1, linear between the half hours."""
    knots = np.array(_PROFILE)
    second = np.arange(_SESSION_SECONDS)
    knot, part = second // 1800, second % 1800 / 1800
    curve = knots[knot] * (1 - part) + knots[knot + 1] * part
    mean: float = np.cumsum(curve)[-1] / _SESSION_SECONDS
    return curve / mean
