"""Which chunks a run is made of: ranges of time, cut by how many bars lie in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import cached_property
from itertools import pairwise

from duck_label.bars.density import Density
from duck_label.bars.footers import Stretch
from duck_label.moments import EPOCH, MICROSECOND

# Measured: larger chunks are not faster.
MOST_ROWS = 2_000_000

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
    time = EPOCH + timedelta(microseconds=clock)
    if clock % _DAY == 0:
        return f"{time:%Y-%m-%d}"
    text = f"{time:%Y-%m-%dT%H%M%S}"
    return text if clock % _SECOND == 0 else f"{text}.{clock % _SECOND:06d}"


def plan(
    density: Density, spec: str, auto_rows: int, ranges: Sequence[tuple[int, int]]
) -> list[Chunk]:
    """Cut ranges of time into chunks, in order of time; parts that hold no row group are left out.

    `spec` is `auto` (about `auto_rows`), a number of rows, or a number of days, weeks or months
    (`5d`, `1w`, `1mo`), which start at midnight, on a Monday, and on the first (UTC).
    """
    chunks = []
    for start, end in ranges:
        cuts = [start, *_cuts(density, spec, auto_rows, start, end), end]
        for a, b in pairwise(cuts):
            if density.may_hold(a, b):
                chunks.append(Chunk(a, b, density.between(a, b)))
    return chunks


def pieces(groups: Sequence[Stretch]) -> list[Chunk]:
    """All of an input in parts that can be read at once, by its row groups alone."""
    return plan(Density(groups), "auto", MOST_ROWS, [whole_days(groups)])


def split(density: Density, chunk: Chunk, rows: int) -> list[Chunk]:
    """The chunk in pieces of about so many rows; itself if it has no more."""
    if chunk.rows <= rows:
        return [chunk]
    return plan(density, str(rows), rows, [(chunk.start, chunk.end)])


def whole_days(groups: Sequence[Stretch]) -> tuple[int, int]:
    """The days from the first to the last bar, as a range."""
    first, last = min(group.first for group in groups), max(group.last for group in groups)
    return first - first % _DAY, last - last % _DAY + _DAY


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
    time = EPOCH + timedelta(microseconds=start)
    month = (12 * time.year + time.month - 1) // count * count
    while True:
        month += count
        if month >= 12 * MAXYEAR:
            return
        first = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        clock = (first - EPOCH) // MICROSECOND
        if clock >= end:
            return
        yield clock


def _share(density: Density, most: int, start: int, end: int) -> int:
    """The rows to cut by so that no chunk has more than `most`: a ninth less where cuts need it."""
    for eighteenths in (18, 17, 16):
        rows = max(1, most * eighteenths // 18)
        cuts = [start, *_by_rows(density, rows, start, end), end]
        if all(density.between(a, b) <= most for a, b in pairwise(cuts)):
            break
    return rows


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
