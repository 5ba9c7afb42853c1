# mypy: disable-error-code="import-untyped"
"""Chunks cover the range exactly once, wherever the row groups lie."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duck_label import LabelingConfig
from duck_label.bars.density import Density, counted
from duck_label.bars.footers import Stretch
from duck_label.bars.plan import Chunk, plan, split, whole_days
from duck_label.bars.source import open_source
from duck_label.database import Database
from duck_label.memory.budget import MemoryBudget
from duck_label.ranges import merged, without

DAY = 86_400_000_000
AUTO = 1_000_000


def clock(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@st.composite
def row_groups(draw: st.DrawFn) -> list[Stretch]:
    """Row groups anywhere in fifty years, also before 1970, overlapping, or a single instant."""
    groups = []
    for _ in range(draw(st.integers(1, 6))):
        first = draw(st.integers(clock("1960-01-01"), clock("2030-01-01")))
        length = draw(st.sampled_from((0, 1, 10**6, DAY // 3, 40 * DAY, 2000 * DAY)))
        groups.append(Stretch(first, first + length, draw(st.integers(1, 10**6))))
    return groups


SPECS = st.sampled_from(("auto", "1d", "5d", "1w", "3w", "1mo", "13mo", "1000", "250000"))


@given(groups=row_groups(), spec=SPECS)
def test_every_bar_lies_in_exactly_one_chunk(groups: list[Stretch], spec: str) -> None:
    if spec[-1] in "dw" and any(g.last - g.first > 1000 * DAY for g in groups):
        spec = "1mo"
    chunks = plan(Density(groups), spec, AUTO, [whole_days(groups)])
    for before, after in pairwise(chunks):
        assert before.end <= after.start
        assert before.name < after.name
    for group in groups:
        for instant in (group.first, (group.first + group.last) // 2, group.last):
            assert sum(chunk.start <= instant < chunk.end for chunk in chunks) == 1


@given(groups=row_groups(), spec=SPECS, data=st.data())
def test_what_is_done_is_not_planned_again(
    groups: list[Stretch], spec: str, data: st.DataObject
) -> None:
    """The gaps between what is done are planned, and nothing else."""
    whole = whole_days(groups)
    instant = st.integers(*whole)
    done = [
        (min(pair), max(pair))
        for pair in data.draw(st.lists(st.tuples(instant, instant), max_size=4))
    ]
    left, together = without(whole, done), merged(done)
    assert all(one[1] < other[0] for one, other in pairwise(together))
    for moment in data.draw(st.lists(instant, min_size=5, max_size=5)):
        is_left = whole[0] <= moment < whole[1] and not any(a <= moment < b for a, b in done)
        assert sum(a <= moment < b for a, b in left) == is_left
        assert sum(a <= moment < b for a, b in together) == any(a <= moment < b for a, b in done)
    if spec[-1] not in "dw":
        for chunk in plan(Density(groups), spec, AUTO, left):
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
    groups = [Stretch(clock("2024-02-28T12:00"), clock("2024-03-11T12:00"), 1000)]
    chunks = plan(Density(groups), spec, AUTO, [whole_days(groups)])
    assert [chunk.name for chunk in chunks] == names


def test_quiet_ranges_are_no_chunks() -> None:
    groups = [
        Stretch(clock("2024-03-01T12:00"), clock("2024-03-01T13:00"), 10),
        Stretch(clock("2024-03-05T12:00"), clock("2024-03-05T13:00"), 10),
    ]
    names = [chunk.name for chunk in plan(Density(groups), "1d", AUTO, [whole_days(groups)])]
    assert names == ["2024-03-01--2024-03-02", "2024-03-05--2024-03-06"]


@pytest.mark.parametrize("rows", [100, 3000, 86_400, 500_000])
def test_chunks_by_rows_hold_about_as_many(rows: int) -> None:
    groups = [Stretch(clock("2024-03-01"), clock("2024-03-31") - 1, 30 * 86_400)]
    chunks = plan(Density(groups), str(rows), AUTO, [whole_days(groups)])
    assert sum(chunk.rows for chunk in chunks) == 30 * 86_400
    for chunk in chunks:
        assert 0.8 * rows <= chunk.rows <= 1.2 * rows


@pytest.mark.parametrize("sessions", [80, 950])
def test_however_long_a_history_its_chunks_are_as_large(sessions: int) -> None:
    """None holds more than asked for, and the cuts still fall on midnight."""
    begin = clock("2024-01-01")
    days = [begin + (day + 2 * (day // 5)) * DAY for day in range(sessions)]
    groups = [Stretch(day, day + DAY - 3_600_000_000, 64_400) for day in days]
    chunks = plan(Density(groups), "auto", 715_000, [whole_days(groups)])
    assert 0.85 * 715_000 < max(chunk.rows for chunk in chunks) <= 715_000
    assert all(chunk.start % DAY == 0 for chunk in chunks)


def test_pieces_of_a_chunk_cover_it() -> None:
    groups = [Stretch(clock("2024-03-01"), clock("2024-03-31") - 1, 30 * 86_400)]
    (chunk,) = plan(Density(groups), "1mo", AUTO, [whole_days(groups)])
    pieces = split(Density(groups), chunk, 500_000)
    assert (pieces[0].start, pieces[-1].end) == (chunk.start, chunk.end)
    assert all(before.end == after.start for before, after in pairwise(pieces))
    assert sum(piece.rows for piece in pieces) == chunk.rows
    assert len(pieces) == 6
    assert split(Density(groups), chunk, chunk.rows) == [chunk]


def test_names_tell_times_of_day_only_where_needed() -> None:
    assert Chunk(clock("2024-03-01"), clock("2024-03-02T00:00:01"), 1).name == (
        "2024-03-01--2024-03-02T000001"
    )
    assert Chunk(clock("1969-12-31T23:59:59.5"), 1, 1).name == (
        "1969-12-31T235959.500000--1970-01-01T000000.000001"
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    spill = tmp_path_factory.mktemp("spill")
    with Database(MemoryBudget.resolve("1GB"), 1, spill) as database:
        yield database


def density_of(
    database: Database, file: Path, clocks: list[int], unit: str, zone: str | None
) -> Density:
    """The density of flat bars at these times, in three row groups, as a run counts it."""
    flat = [10.0] * len(clocks)
    scale = 1000 if unit == "ns" else 1
    times = pa.array([clock * scale for clock in clocks], pa.timestamp(unit, zone))
    bars = pa.table({"timestamp": times} | dict.fromkeys(("open", "high", "low", "close"), flat))
    pq.write_table(bars, file, row_group_size=len(clocks) // 3 + 1)
    config = LabelingConfig()
    source = open_source(database, [str(file)], config)
    return counted(database, source, config, [whole_days(source.row_groups)])


@given(
    seconds=st.lists(st.integers(-5 * 86_400, 5 * 86_400), min_size=1, max_size=60, unique=True),
    kind=st.sampled_from((("us", "UTC"), ("us", None), ("ns", None), ("ns", "UTC"))),
)
def test_days_are_known_to_the_bar(
    database: Database, seconds: list[int], kind: tuple[str, str | None]
) -> None:
    """Wherever the bars lie inside of their row groups, and before 1970 too."""
    # Bars of January 1970 alone are taken for those of a lost unit.
    clocks = [1_000_000 * second for second in sorted({-1, *seconds})]
    with TemporaryDirectory() as folder:
        density = density_of(database, Path(folder) / "bars.parquet", clocks, *kind)
    whole = clocks[0] // DAY * DAY, clocks[-1] // DAY * DAY + DAY
    for chunk in plan(density, "1d", AUTO, [whole]):
        assert chunk.rows == sum(chunk.start <= clock < chunk.end for clock in clocks)


def test_a_weekend_inside_of_a_row_group_makes_no_chunk_smaller(
    database: Database, tmp_path: Path
) -> None:
    """Two weeks of bars a minute apart from Monday to Friday: cut in four, each has a quarter."""
    days = [clock("2024-03-04") + day * DAY for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11)]
    clocks = [day + minute * 60_000_000 for day in days for minute in range(1440)]
    density = density_of(database, tmp_path / "bars.parquet", clocks, "us", "UTC")
    chunks = plan(density, "3600", AUTO, [(days[0], days[-1] + DAY)])
    held = [sum(chunk.start <= clock < chunk.end for clock in clocks) for chunk in chunks]
    assert [chunk.rows for chunk in chunks] == held
    assert len(held) == 4
    assert max(held) < 1.15 * min(held)
