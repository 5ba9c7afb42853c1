"""Which chunks a run is made of: ranges of time, cut from the statistics of the row groups.

No bar is read to plan. Where a row group lies is known, how its bars lie inside it is not: they
are taken to be spread evenly, which is near enough to size a chunk.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import cached_property
from itertools import accumulate, pairwise

from duck_label.bars.source import RowGroup

# Measured: larger chunks are not faster.
MOST_ROWS = 2_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_ROUND_TIMES = (_DAY, 3600 * _SECOND, 60 * _SECOND, _SECOND, 1)


@dataclass(frozen=True)
class Chunk:
    """Bars from `start` until before `end` (microseconds since 1970), about `rows` of them."""

    start: int
    end: int
    rows: int

    @cached_property
    def name(self) -> str:
        """The range as file names write it (ISO 8601): times of day only where not midnight."""
        return f"{_name(self.start)}--{_name(self.end)}"


def _name(clock: int) -> str:
    time = _EPOCH + timedelta(microseconds=clock)
    if clock % _DAY == 0:
        return f"{time:%Y-%m-%d}"
    text = f"{time:%Y-%m-%dT%H%M%S}"
    return text if clock % _SECOND == 0 else f"{text}.{clock % _SECOND:06d}"


class Density:
    """How many bars lie before a time, from the row groups: a line from knot to knot."""

    def __init__(self, groups: Iterable[RowGroup]) -> None:
        slopes: dict[int, float] = {}
        for group in groups:
            rate = group.rows / (group.last + 1 - group.first)
            slopes[group.first] = slopes.get(group.first, 0.0) + rate
            slopes[group.last + 1] = slopes.get(group.last + 1, 0.0) - rate
        self._knots = sorted(slopes)
        self._rates = list(accumulate(slopes[knot] for knot in self._knots))
        spans = pairwise(self._knots)
        steps = (rate * (b - a) for rate, (a, b) in zip(self._rates, spans, strict=False))
        self._rows = list(accumulate(steps, initial=0.0))

    @property
    def first(self) -> int:
        """The earliest time of any bar."""
        return self._knots[0]

    @property
    def end(self) -> int:
        """The first time after all bars."""
        return self._knots[-1]

    def before(self, clock: int) -> float:
        """The bars before a time."""
        if clock <= self.first:
            return 0.0
        knot = min(bisect_right(self._knots, clock) - 1, len(self._knots) - 1)
        return self._rows[knot] + self._rates[knot] * (clock - self._knots[knot])

    def between(self, start: int, end: int) -> int:
        """About how many bars lie from `start` until before `end`."""
        return round(max(0.0, self.before(end) - self.before(start)))

    def when(self, rows: float) -> int:
        """The time before which so many bars lie."""
        knot = min(bisect_right(self._rows, rows) - 1, len(self._knots) - 1)
        rate = self._rates[knot]
        ahead = (rows - self._rows[knot]) / rate if rate > 0 else 0.0
        return self._knots[knot] + round(ahead)


def plan(
    groups: Sequence[RowGroup], spec: str, auto_rows: int, ranges: Sequence[tuple[int, int]]
) -> list[Chunk]:
    """Cut ranges of time into chunks, in order of time; parts that hold no row group are left out.

    `spec` is `auto` (about `auto_rows`), a number of rows, or a number of days, weeks or months
    (`5d`, `1w`, `1mo`), which start at midnight, on a Monday, and on the first (UTC).
    """
    density = Density(groups)
    chunks = []
    for start, end in ranges:
        cuts = [start, *_cuts(density, spec, auto_rows, start, end), end]
        for a, b in pairwise(cuts):
            if any(group.first < b and group.last >= a for group in groups):
                chunks.append(Chunk(a, b, density.between(a, b)))
    return chunks


def split(groups: Sequence[RowGroup], chunk: Chunk, rows: int) -> list[Chunk]:
    """The chunk in pieces of about so many rows; itself if it has no more."""
    if chunk.rows <= rows:
        return [chunk]
    return plan(groups, str(rows), rows, [(chunk.start, chunk.end)])


def whole_days(groups: Sequence[RowGroup]) -> tuple[int, int]:
    """The days from the first to the last bar, as a range."""
    first, last = min(group.first for group in groups), max(group.last for group in groups)
    return first - first % _DAY, last - last % _DAY + _DAY


def without(whole: tuple[int, int], done: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of a range when others are taken out of it."""
    left, (start, end) = [], whole
    for done_start, done_end in sorted(done):
        if done_start > start:
            left.append((start, min(done_start, end)))
        start = max(start, done_end)
        if start >= end:
            return left
    return [*left, (start, end)]


def _cuts(density: Density, spec: str, auto_rows: int, start: int, end: int) -> Iterator[int]:
    match = re.fullmatch(r"(\d+)(d|w|mo)", spec)
    if match is None:
        rows = _share(density, auto_rows, start, end) if spec == "auto" else int(spec)
        yield from _by_rows(density, rows, start, end)
    elif match[2] == "mo":
        yield from _by_months(int(match[1]), start, end)
    else:
        # 1970-01-05 was a Monday.
        step, origin = (7 * _DAY, 4 * _DAY) if match[2] == "w" else (_DAY, 0)
        step *= int(match[1])
        yield from range(start - (start - origin) % step + step, end, step)


def _by_months(count: int, start: int, end: int) -> Iterator[int]:
    time = _EPOCH + timedelta(microseconds=start)
    month = (12 * time.year + time.month - 1) // count * count
    while True:
        month += count
        if month >= 12 * MAXYEAR:
            return
        first = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        clock = (first - _EPOCH) // timedelta(microseconds=1)
        if clock >= end:
            return
        yield clock


def _share(density: Density, most: int, start: int, end: int) -> int:
    """The rows to cut by so that no chunk has more than `most`, wherever the round times lie."""
    return most if density.between(start, end) <= most else max(1, most * 8 // 9)


def _by_rows(density: Density, rows: int, start: int, end: int) -> Iterator[int]:
    """Equal shares of rows, cut at the roundest times that change a share by an eighth at most."""
    chunks = max(1, -(-density.between(start, end) // rows))
    share = (density.before(end) - density.before(start)) / chunks
    last = max(start, density.first)
    for number in range(1, chunks):
        exact = density.when(density.before(start) + number * share)
        unit = next((unit for unit in _ROUND_TIMES if 8 * unit <= exact - last), 1)
        cut = exact - exact % unit
        if last < cut < end:
            yield cut
            last = cut
