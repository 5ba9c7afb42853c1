"""How the bars lie in time: by the row groups, or by the hour, which is what chunks are cut by.

Weekends and quiet hours lie inside of row groups, whose statistics do not tell of them: cut by
these alone, chunks that were to be equal have half and twice the bars.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise

import duckdb

from duck_label.bars.footers import Stretch
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.database_errors import explain
from duck_label.queries import render


class Density:
    """How many bars lie before a time: a line from knot to knot.

    Where no `hours` were counted, the bars of a row group are taken to be spread evenly over it.
    """

    def __init__(self, groups: Sequence[Stretch], hours: Sequence[Stretch] = ()) -> None:
        self._groups = groups
        self.hours = hours
        slopes: dict[int, float] = {}
        for stretch in hours or groups:
            rate = stretch.rows / (stretch.last + 1 - stretch.first)
            slopes[stretch.first] = slopes.get(stretch.first, 0.0) + rate
            slopes[stretch.last + 1] = slopes.get(stretch.last + 1, 0.0) - rate
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

    def may_hold(self, start: int, end: int) -> bool:
        """Whether bars may lie from `start` until before `end`, by the row groups."""
        return any(group.first < end and group.last >= start for group in self._groups)

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


def counted(
    database: Database,
    source: Source,
    config: LabelingConfig,
    ranges: Sequence[tuple[int, int]],
) -> Density:
    """The density by the hour, from the first of some ranges to the last; reads times only.

    Raises:
        InputError: if a file is damaged.
    """
    if not ranges:
        return Density(source.row_groups)
    start, end = ranges[0][0], ranges[-1][1]
    raw = source.context(config)
    values = {
        "files": source.paths_between(start, end),
        "range_from": source.moment(start),
        "range_until": source.moment(end),
        "clocks_per_second": source.bars.clocks_per_second,
    }
    try:
        hours = database.rows(render("input/hours", raw), values)
    except duckdb.Error as error:
        raise explain(error, "counting the bars", database) from error
    return Density(source.row_groups, [Stretch(*hour) for hour in hours])
