"""Whether the hours of `[session]` leave out bars that look like sessions of their own.

A session belongs to the day on which it opens: that of Sunday evening is none of Monday to Friday.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from duck_label.asking import DAYS, Sessions
from duck_label.bars.footers import Stretch
from duck_label.moments import EPOCH, MICROSECOND

# Of the bars of a full session. A few odd trades on a Saturday are no session.
_LEAST = 0.1


def left_out_days(rules: Sessions | None, hours: Sequence[Stretch]) -> Iterator[str]:
    """A line where sessions of some weekday would have bars, and the days leave it out.

    `hours` are the bars of every hour; one that lies in no session as a whole counts for none.
    """
    if rules is None or rules.hours is None or rules.zone is None or not hours:
        return
    first, last = (EPOCH + timedelta(microseconds=t) for t in (hours[0].first, hours[-1].last))
    on_days = {opens for opens, _ in rules.between(first, last)}
    every_day = rules.model_copy(update={"days": "mon-sun"}).between(first, last)
    opens = [_microseconds(session[0]) for session in every_day]
    zone = ZoneInfo(rules.zone)
    bars: Counter[int] = Counter()
    sessions: dict[int, set[datetime]] = {}
    for hour in hours:
        place = bisect_right(opens, hour.first) - 1
        if place < 0 or hour.last >= _microseconds(every_day[place][1]):
            continue
        opened = every_day[place][0]
        weekday = opened.astimezone(zone).weekday()
        bars[weekday] += hour.rows
        sessions.setdefault(weekday, set()).add(opened)
    usual = {day: bars[day] / len(opened) for day, opened in sessions.items()}
    full = {day for day, count in usual.items() if count >= _LEAST * max(usual.values())}
    lost = {day for day in full if not sessions[day] & on_days}
    if lost:
        yield (
            f'hours = "{rules.hours}" with days = "{rules.days}" leave out the sessions that open '
            f"on {_named(lost)} ({rules.hours} {rules.zone}): "
            f"{sum(len(sessions[day]) for day in lost):,} of them, with about "
            f"{sum(bars[day] for day in lost):,} bars; a session belongs to the day on which it "
            f'opens: days = "{_named(full)}" has them'
        )


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _named(days: Iterable[int]) -> str:
    """Days as a configuration has them: sun-thu, where they follow one another, or mon,wed."""
    chosen = set(days)
    starts = [day for day in chosen if (day - 1) % 7 not in chosen]
    if len(chosen) == len(DAYS):
        return "mon-sun"
    if len(starts) == 1 and len(chosen) > 1:
        return f"{DAYS[starts[0]]}-{DAYS[(starts[0] + len(chosen) - 1) % 7]}"
    return ",".join(DAYS[day] for day in sorted(chosen))
