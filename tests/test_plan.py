"""Chunks cover the range exactly once, wherever the row groups lie."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duck_label.bars.plan import Chunk, plan, split, whole_days, without
from duck_label.bars.source import RowGroup

DAY = 86_400_000_000
AUTO = 1_000_000


def clock(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@st.composite
def row_groups(draw: st.DrawFn) -> list[RowGroup]:
    """Row groups anywhere in fifty years, also before 1970, overlapping, or a single instant."""
    groups = []
    for _ in range(draw(st.integers(1, 6))):
        first = draw(st.integers(clock("1960-01-01"), clock("2030-01-01")))
        length = draw(st.sampled_from((0, 1, 10**6, DAY // 3, 40 * DAY, 2000 * DAY)))
        groups.append(RowGroup(first, first + length, draw(st.integers(1, 10**6))))
    return groups


SPECS = st.sampled_from(("auto", "1d", "5d", "1w", "3w", "1mo", "13mo", "1000", "250000"))


@given(groups=row_groups(), spec=SPECS)
def test_every_bar_lies_in_exactly_one_chunk(groups: list[RowGroup], spec: str) -> None:
    if spec[-1] in "dw" and any(g.last - g.first > 1000 * DAY for g in groups):
        spec = "1mo"
    chunks = plan(groups, spec, AUTO, [whole_days(groups)])
    for before, after in pairwise(chunks):
        assert before.end <= after.start
        assert before.name < after.name
    for group in groups:
        for instant in (group.first, (group.first + group.last) // 2, group.last):
            assert sum(chunk.start <= instant < chunk.end for chunk in chunks) == 1


@given(groups=row_groups(), spec=SPECS, data=st.data())
def test_what_is_done_is_not_planned_again(
    groups: list[RowGroup], spec: str, data: st.DataObject
) -> None:
    """The gaps between what is done are planned, and nothing else."""
    whole = whole_days(groups)
    instant = st.integers(*whole)
    done = [
        (min(pair), max(pair))
        for pair in data.draw(st.lists(st.tuples(instant, instant), max_size=4))
    ]
    left = without(whole, done)
    for moment in data.draw(st.lists(instant, min_size=5, max_size=5)):
        is_left = whole[0] <= moment < whole[1] and not any(a <= moment < b for a, b in done)
        assert sum(a <= moment < b for a, b in left) == is_left
    if spec[-1] not in "dw":
        for chunk in plan(groups, spec, AUTO, left):
            assert all(chunk.end <= a or chunk.start >= b for a, b in done if a < b)


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ("1w", ["2024-02-28--2024-03-04", "2024-03-04--2024-03-11", "2024-03-11--2024-03-12"]),
        ("1mo", ["2024-02-28--2024-03-01", "2024-03-01--2024-03-12"]),
        ("12mo", ["2024-02-28--2024-03-12"]),
        ("999999mo", ["2024-02-28--2024-03-12"]),
        ("13d", ["2024-02-28--2024-03-04", "2024-03-04--2024-03-12"]),
    ],
)
def test_calendar_chunks_begin_on_mondays_and_firsts(spec: str, names: list[str]) -> None:
    # 1522 times 13 days after 1970-01-01.
    assert clock("2024-03-04") == 1522 * 13 * DAY
    groups = [RowGroup(clock("2024-02-28T12:00"), clock("2024-03-11T12:00"), 1000)]
    chunks = plan(groups, spec, AUTO, [whole_days(groups)])
    assert [chunk.name for chunk in chunks] == names


def test_quiet_ranges_are_no_chunks() -> None:
    groups = [
        RowGroup(clock("2024-03-01T12:00"), clock("2024-03-01T13:00"), 10),
        RowGroup(clock("2024-03-05T12:00"), clock("2024-03-05T13:00"), 10),
    ]
    names = [chunk.name for chunk in plan(groups, "1d", AUTO, [whole_days(groups)])]
    assert names == ["2024-03-01--2024-03-02", "2024-03-05--2024-03-06"]


@pytest.mark.parametrize("rows", [100, 3000, 86_400, 500_000])
def test_chunks_by_rows_hold_about_as_many(rows: int) -> None:
    groups = [RowGroup(clock("2024-03-01"), clock("2024-03-31") - 1, 30 * 86_400)]
    chunks = plan(groups, str(rows), AUTO, [whole_days(groups)])
    assert sum(chunk.rows for chunk in chunks) == 30 * 86_400
    for chunk in chunks:
        assert 0.8 * rows <= chunk.rows <= 1.2 * rows


@pytest.mark.parametrize("sessions", [80, 950])
def test_however_long_a_history_its_chunks_are_as_large(sessions: int) -> None:
    """None holds more than asked for, and the cuts still fall on midnight."""
    begin = clock("2024-01-01")
    days = [begin + (day + 2 * (day // 5)) * DAY for day in range(sessions)]
    groups = [RowGroup(day, day + DAY - 3_600_000_000, 64_400) for day in days]
    chunks = plan(groups, "auto", 715_000, [whole_days(groups)])
    assert 0.8 * 715_000 < max(chunk.rows for chunk in chunks) <= 715_000
    assert all(chunk.start % DAY == 0 for chunk in chunks)


def test_pieces_of_a_chunk_cover_it() -> None:
    groups = [RowGroup(clock("2024-03-01"), clock("2024-03-31") - 1, 30 * 86_400)]
    (chunk,) = plan(groups, "1mo", AUTO, [whole_days(groups)])
    pieces = split(groups, chunk, 500_000)
    assert (pieces[0].start, pieces[-1].end) == (chunk.start, chunk.end)
    assert all(before.end == after.start for before, after in pairwise(pieces))
    assert sum(piece.rows for piece in pieces) == chunk.rows
    assert len(pieces) == 6
    assert split(groups, chunk, chunk.rows) == [chunk]


def test_names_tell_times_of_day_only_where_needed() -> None:
    assert Chunk(clock("2024-03-01"), clock("2024-03-02T00:00:01"), 1).name == (
        "2024-03-01--2024-03-02T000001"
    )
    assert Chunk(clock("1969-12-31T23:59:59.5"), 1, 1).name == (
        "1969-12-31T235959.500000--1970-01-01T000000.000001"
    )
