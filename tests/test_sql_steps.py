# mypy: disable-error-code="import-untyped"
"""Each step of `sql/label/` by itself: small rows in, exact rows out, worked out by hand."""

import math
import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duck_label import LabelingConfig
from duck_label.columns import BarColumns
from duck_label.database import Database
from duck_label.memory.budget import MemoryBudget
from duck_label.outcomes import SUMS
from duck_label.queries import render
from duck_label.query_names import context
from duck_label.query_values import parameters
from duck_label.trades import Trades

START = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
COLUMNS = BarColumns(
    "timestamp", "open", "high", "low", "close", None, "symbol", "TIMESTAMP WITH TIME ZONE"
)
NAMES = ("timestamp", "open", "high", "low", "close", "symbol")
# The place after all bars of a cell.
END = 2**32 - 1
# One long mode that loses 2 ticks or wins 3, and within a minute.
CONFIG = LabelingConfig(
    timeout_seconds=60,
    roll_gap_points=5,
    modes=[{"name": "m", "direction": "long", "stop": 2, "target": 3}],
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(MemoryBudget.resolve("1GB"), 2, tmp_path / "spill") as database:
        yield database


def second(number: float) -> datetime:
    return START + timedelta(seconds=number)


def clock(number: float) -> int:
    return round(second(number).timestamp() * 1_000_000)


def run(database: Database, step: str, config: LabelingConfig = CONFIG, **values: Any) -> None:
    names = context(config, COLUMNS, NAMES, has_quarantine=False)
    database.run(render(f"label/{step}", names), parameters(config, COLUMNS) | values)


def make(database: Database, name: str, columns: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """A temp table with columns `name type, …` and these rows."""
    database.run(f"create temp table {name} ({columns})")
    for row in rows:
        places = ", ".join(f"${position + 1}" for position in range(len(row)))
        values = {str(position + 1): value for position, value in enumerate(row)}
        database.run(f"insert into {name} values ({places})", values)


def bar_file(path: Path, rows: Sequence[tuple[float, float, float, float, float, str]]) -> str:
    """Bars (second, open, high, low, close, symbol) as a file."""
    table = pa.Table.from_pylist(
        [dict(zip(NAMES, (second(row[0]), *row[1:]), strict=True)) for row in rows]
    )
    pq.write_table(table, path)
    return str(path)


def flat(
    seconds: Sequence[float], symbol: str
) -> list[tuple[float, float, float, float, float, str]]:
    return [(at, 10.0, 10.0, 10.0, 10.0, symbol) for at in seconds]


GRIDS = (
    "symbol varchar, pattern varchar, numerator bigint, denominator bigint, "
    "increments_per_tick bigint, roll_gap bigint"
)
SPANS = "symbol varchar, first_time timestamptz, last_time timestamptz"


def search(database: Database, files: list[str], search_from: float, search_until: float) -> Any:
    """Look for the margins of the chunk from second 100 to second 200."""
    chunk: dict[str, Any] = {"files": files, "chunk_from": second(100), "chunk_until": second(200)}
    run(database, "01_symbols", **chunk)
    run(
        database,
        "02_series",
        **chunk,
        search_from=second(search_from),
        search_until=second(search_until),
    )
    return database.rows(
        "select symbol, series, epoch_us(read_from), epoch_us(read_to), is_complete, last_clock "
        "from series order by series"
    )


def test_margins_hold_six_bars_before_and_one_past_the_horizon(
    database: Database, tmp_path: Path
) -> None:
    """A: far bars on both sides. B: begins and ends in the chunk. C: has no bar in it."""
    a = flat([0, 10, 20, 30, 40, 50, 60, 70, 150, 500, 520, 559, 560, 561, 9000], "A")
    files = [bar_file(tmp_path / "bars.parquet", a + flat([120, 130], "B") + flat([50, 250], "C"))]
    make(database, "grids", GRIDS, [(symbol, "*", 1, 4, 1, 20) for symbol in "ABC"])
    spans = [("A", 0, 9000), ("B", 120, 130), ("C", 50, 250)]
    make(database, "spans", SPANS, [(s, second(a), second(b)) for s, a, b in spans])
    # Six bars back from 150 lie from 20 to 70. The entry is at 500, its horizon ends before 560,
    # and the bar at 560 is the one more that tells whether the bar at 559 is rolled.
    b = ("B", 2, clock(100), clock(200), True, clock(130))
    assert search(database, files, 0, 10_000) == [
        ("A", 1, clock(20), clock(560), True, clock(9000)),
        b,
    ]
    for search_from, search_until in ((30, 10_000), (0, 560), (0, 300)):
        incomplete, other = search(database, files, search_from, search_until)
        assert incomplete[4] is False
        assert other == b


def test_bars_are_numbered_on_the_grid_with_entry_and_horizon(
    database: Database, tmp_path: Path
) -> None:
    """Two symbols in one file, out of order; the bar beyond the margin is not read."""
    rows = [
        (2, 10.25, 10.75, 10.25, 10.5, "A"),
        (1, 10.0, 10.25, 9.75, 10.0, "A"),
        (62, 11.0, 11.0, 11.0, 17.0, "A"),
        (99, 1.0, 1.0, 1.0, 1.0, "A"),
        (1, 5.0, 5.0, 5.0, 5.0, "B"),
    ]
    files = [bar_file(tmp_path / "bars.parquet", rows)]
    make(
        database,
        "series",
        "symbol varchar, series integer, last_clock bigint, numerator bigint, denominator bigint,"
        " increments_per_tick bigint, roll_gap bigint, read_from timestamptz, read_to timestamptz",
        [
            ("A", 1, clock(62), 1, 4, 1, 20, second(0), second(98)),
            ("B", 2, clock(1), 1, 4, 1, 20, second(0), second(98)),
        ],
    )
    run(
        database,
        "03_bars",
        files=files,
        chunk_from=second(0),
        chunk_until=second(62),
        read_from=second(0),
        read_to=second(99),
    )
    run(database, "04_rolls")
    found = database.rows(
        "select series, bar, clock, high, low, previous_high, previous_low, jumps, entry, "
        "entry_clock, entry_high, entry_low, is_wanted, horizon_1, is_cut_short_1 "
        "from bars order by series, bar"
    )
    # A's last close jumps by 6.5 points, more than 5. Its second bar enters at second 62: a
    # horizon of a minute from there is cut short by the end of the symbol; so is the first's.
    assert found == [
        (1, 1, clock(1), 41, 39, None, None, None, 41, clock(2), 43, 41, True, clock(62), False),
        (1, 2, clock(2), 43, 41, 41, 39, False, 44, clock(62), 44, 44, True, clock(122), True),
        (1, 3, clock(62), 44, 44, 43, 41, True, None, None, None, None, False, None, None),
        # Bars are numbered through, symbol after symbol.
        (2, 4, clock(1), 20, 20, None, None, None, None, None, None, None, True, None, None),
    ]
    # The jump at bar 3 affects bars 2 to 8; bars 2 and 3 are there.
    assert database.rows("select * from rolls order by bar") == [
        (1, 2, clock(2), True, False),
        (1, 3, clock(62), False, True),
    ]
    # Bar 1 meets one on its path; the others are affected themselves.
    assert database.rows("select * from rolled_paths order by bar") == [
        (1, 1, 2, clock(2)),
        (1, 2, 2, clock(2)),
        (1, 3, 3, clock(62)),
    ]


BARS = (
    "series integer, bar bigint, clock bigint, high bigint, low bigint, "
    "previous_high bigint, previous_low bigint, entry bigint, entry_clock bigint, "
    "entry_high bigint, entry_low bigint, is_wanted boolean, horizon_1 bigint, "
    "is_cut_short_1 boolean"
)


def bars_of(
    highs: Sequence[int], lows: Sequence[int], opens: Sequence[int], horizon: int = 60
) -> list[tuple[Any, ...]]:
    """Rows of `bars` for one series of bars a second apart, all wanted."""
    rows: list[tuple[Any, ...]] = []
    last = len(highs) - 1
    for i in range(len(highs)):
        before = (highs[i - 1], lows[i - 1]) if i else (None, None)
        entry: tuple[Any, ...] = (None, None, None, None)
        if i < last:
            entry = (opens[i + 1], clock(i + 1), highs[i + 1], lows[i + 1])
        ends = clock(i + 1 + horizon) if i < last else None
        is_cut_short = clock(last) < ends if ends is not None else None
        own = (1, i + 1, clock(i), highs[i], lows[i])
        rows.append((*own, *before, *entry, True, ends, is_cut_short))
    return rows


def test_no_asof_join_is_run_as_a_loop_however_few_rows_are_expected(
    database: Database, tmp_path: Path
) -> None:
    """DuckDB expects one row where thousands of bars come near a roll, and would loop over them."""
    jumping = [(at, p, p, p, p, "A") for at in range(100, 140) for p in [10.0 + 100 * (at % 2)]]
    files = [bar_file(tmp_path / "bars.parquet", jumping)]
    make(database, "grids", GRIDS, [("A", "*", 1, 4, 1, 20)])
    make(database, "spans", SPANS, [("A", second(100), second(139))])
    search(database, files, 0, 300)
    values: dict[str, Any] = {
        **parameters(CONFIG, COLUMNS),
        "files": files,
        **{name: second(100) for name in ("chunk_from", "read_from")},
        **{name: second(200) for name in ("chunk_until", "read_to")},
    }
    run(database, "03_bars", **values)
    text = render("label/04_rolls", context(CONFIG, COLUMNS, NAMES, has_quarantine=False))
    database.run(text)
    select = text.rpartition("create or replace temp table rolled_paths as")[2]
    ((_, plan),) = database.rows(f"explain {select}")
    assert plan.count("Asof Join") == 2
    database.run("set asof_loop_join_threshold = 64")
    ((_, looping),) = database.rows(f"explain {select}")
    assert looping.count("Asof Join") < 2


def test_crossings_are_the_levels_a_bar_climbs_over(database: Database) -> None:
    highs, lows = [10, 12, 11, 13, 13], [9, 10, 7, 8, 8]
    make(database, "bars", BARS, bars_of(highs, lows, [10] * 5))
    run(database, "05_crossings")
    level = "cells.{0}.lowest + (place >> 32) - cells.{0}.first_cell"
    up = f"select {level.format('up')}, bar, reach from crossings_up, cells order by place"
    # From 10 to 12: over 11 and 12. From 11 to 13: over 12, for the second time, and 13.
    assert database.rows(up) == [(11, 2, 12), (12, 2, 12), (12, 4, 13), (13, 4, 13)]
    down = f"select {level.format('down')}, bar, reach from crossings_down, cells order by place"
    # From 10 down to 7, mirrored: over -9, -8 and -7.
    assert database.rows(down) == [(-9, 3, -7), (-8, 3, -7), (-7, 3, -7)]


def test_cells_widen_with_the_climbs(database: Database) -> None:
    """Two climbs of 4000 over four bars: 8000 // 4 = 2000 levels a cell."""
    make(database, "bars", BARS, bars_of([0, 4000, 0, 4000], [0] * 4, [0] * 4))
    run(database, "05_crossings")
    assert database.rows("select up.width, down.width from cells") == [(2000, 1)]
    # Each climb, over the levels 1 to 4000, reaches the tops of cells 0 and 1, at 1999 and 3999,
    # and ends inside cell 2, which nobody crosses.
    counts = database.rows("select bar, count(*) from crossings_up group by bar order by bar")
    assert counts == [(2, 2), (4, 2)]
    peaks = database.rows(
        "select bar, reach, next_crossing >> 32, next_crossing & 4294967295 from peaks_up "
        "order by bar"
    )
    assert peaks == [(2, 4000, 2, END), (4, 4000, 2, END)]


def test_cells_are_numbered_through_below_2_to_the_31(database: Database) -> None:
    """Of three series, whose prices lie next to each other or as far apart as a grid has levels."""
    far = 2**53 - 1
    series_of_highs = ([5, 7, 6], [-far, far, 0, far], [0, 0])
    rows: list[tuple[Any, ...]] = []
    for number, highs in enumerate(series_of_highs, start=1):
        series = bars_of(highs, [0] * len(highs), [0] * len(highs))
        rows += [(number, len(rows) + row[1], *row[2:]) for row in series]
    make(database, "bars", BARS, rows)
    run(database, "05_crossings")
    cells = database.rows("select unnest(up) from cells order by series")
    assert [first for first, *_ in cells] == [0, *(last + 1 for _, last, *_ in cells[:-1])]
    assert cells[-1][1] < 2**31
    # The cell above the highest reach is the last one.
    for (first, last, lowest, width), highs in zip(cells, series_of_highs, strict=True):
        assert last == first + (max(highs) - lowest) // width + 1
    assert [width for *_, width in cells[::2]] == [1, 1]
    places = database.rows("select place >> 32, place & 4294967295, bar from crossings_up")
    assert all(cell <= cells[-1][1] and low == bar for cell, low, bar in places)


SERIES = "symbol varchar, series integer, increments_per_tick bigint"


def make_series(database: Database, config: LabelingConfig, increments_per_tick: int = 1) -> None:
    """One series, with the distances of its barriers."""
    grid = replace(config.grids()[-1], increments_per_tick=increments_per_tick)
    distances = [(d.number, grid.distance(d.barrier)) for d in Trades(config).fixed]
    columns = "".join(f", distance_{number} bigint" for number, _ in distances)
    row = ("A", 1, increments_per_tick, *(distance for _, distance in distances))
    make(database, "series", SERIES + columns, [row])


@pytest.mark.parametrize("scale", [1, 1000])
def test_touches_are_the_first_at_or_after_the_entry(database: Database, scale: int) -> None:
    """Whether a cell is one level or hundreds, and whether the ladder has one rung or two."""
    modes = [
        {"name": "near", "direction": "long", "stop": 1, "target": 2},
        {"name": "far", "direction": "long", "stop": 1, "target": 4},
    ]
    config = CONFIG.model_copy(update={"modes": LabelingConfig(modes=modes).modes})
    highs, lows, opens = [10, 11, 12, 10, 13, 14], [9, 9, 10, 8, 10, 13], [10, 10, 11, 10, 10, 13]
    highs, lows, opens = ([scale * price for price in row] for row in (highs, lows, opens))
    make(database, "bars", BARS, bars_of(highs, lows, opens))
    make_series(database, config, scale)
    run(database, "05_crossings", config)
    run(database, "06_touches", config)
    # Entries 10, 11, 10, 10, 13 at bars 2 to 6 look for 12, 13, 12, 12, 15. They are of one block:
    # entry 10 asks once, from bar 2 on, and entry 13 has no touch.
    shared = "inner join questions using (question) where lone_bar = 0 order by bar"
    up = f"select rungs_up.entry // {scale}, rungs_up.bar from rungs_up {shared}"
    assert database.rows(up) == [(10, 3), (11, 5)]
    # The stops at 9, 10, 9, 9, 12: the low of the entry bar counts.
    down = f"select rungs_down.entry // {scale}, rungs_down.bar from rungs_down {shared}"
    assert database.rows(down) == [(10, 2), (11, 3)]
    # Bar 3 enters at bar 4, after both touches that bar 1 found: it and bar 4 ask for themselves.
    lone = database.rows(
        "select bar, enters_after_up, enters_after_down from lone_bars order by bar"
    )
    assert lone == [(3, True, True), (4, True, True)]
    # From the rung on, 12 and 14, or 13 and 15. The rungs of bars 3 and 4 are their entry bars.
    far = f"select entry // {scale}, rung, bar_1, bar_2 from touches_up order by entry, rung"
    assert database.rows(far) == [(10, 3, 3, 6), (10, 4, 5, 6), (10, 5, 5, 6), (11, 5, 5, None)]
    far = f"select entry // {scale}, rung, bar_1 from touches_down order by entry, rung"
    assert database.rows(far) == [(10, 2, 2), (10, 4, 4), (10, 5, None), (11, 3, 3)]


def test_a_bar_that_is_late_on_one_side_keeps_the_touch_of_the_other(database: Database) -> None:
    config = CONFIG.model_copy(
        update={
            "modes": LabelingConfig(
                modes=[{"name": "m", "direction": "long", "stop": 1, "target": 2}]
            ).modes
        }
    )
    # All enter at 10. The target at 12 is touched at bar 6 only, the stop at 9 at bars 3 and 5.
    make(database, "bars", BARS, bars_of([10] * 5 + [12], [10, 10, 9, 10, 9, 10], [10] * 6))
    make_series(database, config)
    run(database, "05_crossings", config)
    run(database, "06_touches", config)
    lone = database.rows(
        "select bar, enters_after_up, enters_after_down from lone_bars order by bar"
    )
    assert lone == [(3, False, True), (4, False, True), (5, False, True)]
    columns = "series integer, bar bigint, roll_bar bigint, roll_clock bigint"
    make(database, "rolled_paths", columns, [])
    run(database, "07_trades", config)
    trades = database.rows(
        "select lone_bar, touch_bar_1, touched_1::varchar from trades order by lone_bar"
    )
    assert trades == [(0, 3, "stop"), (3, 5, "stop"), (4, 5, "stop"), (5, 6, "target")]


def test_the_last_bar_of_a_block_can_be_late_by_one(database: Database) -> None:
    """Bar 3 enters at bar 4, just after the stop that bars 1 and 2 touch at bar 3."""
    modes = [{"name": "m", "direction": "long", "stop": 1, "target": 2}]
    config = CONFIG.model_copy(update={"modes": LabelingConfig(modes=modes).modes})
    make(database, "bars", BARS, bars_of([10] * 4, [10, 10, 9, 9], [10] * 4))
    make_series(database, config)
    run(database, "05_crossings", config)
    run(database, "06_touches", config)
    assert database.rows("select bar, enters_after_down from lone_bars") == [(3, True)]


# A walk of steps of hundreds of price increments: cells are wide, and many end inside them.
FINE_WALK = f"""
with
steps as (
    select
        range as bar,
        (hash(range, 'step') % 801)::bigint - 400 as step,
        (hash(range, 'above') % 300)::bigint as above,
        (hash(range, 'below') % 300)::bigint as below
    from range(1, 20001)
),

walk as (
    select
        *,
        1000000 + sum(step) over (order by bar)::bigint as price
    from steps
),

bars as (
    select
        1::integer as series,
        bar,
        {clock(0)} + 1000000 * bar as clock,
        price + above as high,
        price - below as low,
        lag(high) over (order by bar) as previous_high,
        lag(low) over (order by bar) as previous_low,
        lead(price) over (order by bar) as entry,
        lead(clock) over (order by bar) as entry_clock,
        lead(high) over (order by bar) as entry_high,
        lead(low) over (order by bar) as entry_low,
        true as is_wanted,
        entry_clock + 900000000 as horizon_1
    from walk
)

select * from bars
"""


def interrupt_touches(folder: Path, late: Any) -> None:
    """Interrupt the search for touches at several moments; `late` becomes the longest return."""
    config = CONFIG.model_copy(update={"modes": LabelingConfig(tick_size=1).modes})
    rng = random.Random(5)
    with Database(MemoryBudget.resolve("1GB"), 2, folder) as database:
        database.run(f"create temp table bars as {FINE_WALK}")
        make_series(database, config, 100)
        run(database, "05_crossings", config)
        began = time.perf_counter()
        run(database, "06_touches", config)
        whole = time.perf_counter() - began
        interrupted = 0.0

        def interrupt() -> None:
            nonlocal interrupted
            interrupted = time.perf_counter()
            database.interrupt()

        for _ in range(12):
            run(database, "05_crossings", config)
            timer = threading.Timer(rng.random() * whole, interrupt)
            timer.start()
            try:
                with database.interruptible():
                    run(database, "06_touches", config)
            except duckdb.InterruptException:
                late.value = max(late.value, time.perf_counter() - interrupted)
            timer.join()


@pytest.mark.long
def test_touches_can_be_interrupted_at_any_moment(tmp_path: Path) -> None:
    """In a process of its own: what hangs inside DuckDB can only be killed."""
    processes = multiprocessing.get_context("spawn")
    late = processes.Value("d", 0.0)
    process = processes.Process(target=interrupt_touches, args=(tmp_path, late))
    process.start()
    process.join(120)
    hangs = process.is_alive()
    process.kill()
    process.join()
    assert not hangs
    assert process.exitcode == 0
    assert 0 < late.value < 2


OUTCOME = "outcome_1::varchar, path_1, decided_1"


def outcomes(
    database: Database,
    bars: Sequence[tuple[Any, ...]],
    *,
    rolls: dict[int, int] | None = None,
    up: dict[int, int | None] | None = None,
    down: dict[int, int | None] | None = None,
    block_touch: int = 0,
    config: LabelingConfig = CONFIG,
) -> Any:
    """Outcomes of bars of one block: what lone bars touch, and what all others do, both ways."""
    # With details, opens and closes travel along.
    make(database, "all_but_two", BARS, bars)
    database.run("create temp table bars as select *, high as open, low as close from all_but_two")
    columns = "series integer, bar bigint, roll_bar bigint, roll_clock bigint"
    paths = [(1, bar, roll, clock(roll - 1)) for bar, roll in (rolls or {}).items()]
    make(database, "rolled_paths", columns, paths)
    lone = sorted({*(up or {}), *(down or {})})
    make(database, "lone_bars", "series integer, bar bigint", [(1, bar) for bar in lone])
    columns = "question integer, series integer, entry bigint, block bigint, lone_bar bigint"
    make(database, "questions", columns, [(bar, 1, 10, 0, bar) for bar in (0, *lone)])
    for side, touches in (("up", up or {}), ("down", down or {})):
        found = {0: block_touch or None, **touches}
        rungs = [(question, 1, 10, bar) for question, bar in found.items() if bar is not None]
        columns = "question integer, series integer, entry bigint, bar bigint"
        make(database, f"rungs_{side}", columns, rungs)
        columns = "series integer, entry bigint, rung bigint, bar_1 bigint, clock_1 bigint"
        bars_touched = sorted({bar for _, _, _, bar in rungs})
        rows = [(1, 10, bar, bar, clock(bar - 1)) for bar in bars_touched]
        make(database, f"touches_{side}", columns, rows)
    run(database, "07_trades", config)
    run(database, "09_outcomes", config)
    return database.rows(f"select bar, {OUTCOME} from outcomes order by bar")


def test_the_first_touch_decides_and_one_bar_may_touch_both(database: Database) -> None:
    bars = bars_of([10] * 6, [10] * 6, [10] * 6, horizon=2)
    found = outcomes(database, bars, up={1: 3, 2: 4, 3: 6}, down={1: 4, 2: 4, 3: 5})
    # Bar 3: the stop at bar 5 comes before the target at bar 6, which is past the horizon anyway.
    # Bar 4: nothing is touched and bar 6 is inside the horizon. Bar 6: there is no entry.
    assert found == [
        (1, "target", 2, clock(2)),
        (2, "both", 0, None),
        (3, "stop", 0, None),
        (4, "censored", 0, None),
        (5, "censored", 0, None),
        (6, "none", 0, None),
    ]


def test_a_touch_past_the_horizon_is_none(database: Database) -> None:
    bars = bars_of([10] * 6, [10] * 6, [10] * 6, horizon=2)
    # The path of bar 1 holds bars 2 and 3: bar 4 opens when the horizon ends.
    assert outcomes(database, bars, up={1: 4})[0] == (1, "timeout", 0, None)


def test_a_lone_bar_has_a_trade_of_its_own(database: Database) -> None:
    bars = bars_of([10] * 6, [10] * 6, [10] * 6)
    # On both sides at one bar; with details the path tells at which bar.
    config = CONFIG.model_copy(update={"details": True})
    lone: dict[int, int | None] = {3: 5, 4: None}
    found = outcomes(database, bars, config=config, up=lone, down=lone, block_touch=3)
    assert [row[:3] for row in found[:4]] == [
        (1, "both", 2),
        (2, "both", 1),
        (3, "both", 2),
        (4, "censored", 2),
    ]


def test_a_roll_beats_all_that_does_not_come_before_it(database: Database) -> None:
    bars = bars_of([10] * 6, [10] * 6, [10] * 6)
    found = outcomes(
        database, bars, rolls=dict.fromkeys((1, 2, 3, 4), 4), up={1: 3, 2: 4, 3: 5}, down={}
    )
    assert [row[1] for row in found] == ["target", "roll", "roll", "roll", "censored", "none"]


BEHIND_OUTCOMES = ("bars", "rolled_paths", "lone_bars", "trades")


# The bars are of March; the reference is June: three months of decay.
DECAY = 0.8607079764250578  # exp(-0.15)


def test_moves_are_those_of_the_path(database: Database) -> None:
    """Two winners; one dips by one tick of two increments, one takes 700 seconds."""
    make(database, "series", SERIES, [("A", 1, 2)])
    columns = (
        "series integer, bar bigint, clock bigint, is_wanted boolean, "
        "high bigint, low bigint, entry bigint, entry_clock bigint, outcome_1 outcome, "
        "path_1 bigint, decided_1 bigint"
    )
    rows = [
        (1, 1, clock(0), True, 20, 20, 20, clock(1), "target", 2, clock(2)),
        (1, 2, clock(1), True, 20, 18, 20, clock(2), "target", 1, clock(702)),
        (1, 3, clock(2), True, 26, 20, 20, clock(3), "timeout", 0, None),
        (1, 4, clock(3), True, 26, 20, 20, clock(4), "both", 0, None),
        (1, 5, clock(4), False, 26, 1, None, None, "none", 0, None),
    ]
    make(database, "decided", columns, rows)
    database.run("create temp view outcomes as from decided")
    for table in BEHIND_OUTCOMES:
        make(database, table, "series integer", [])
    run(database, "10_moves", reference_month=12 * 2024 + 6)
    assert database.rows("select touched_1, mae_1, clocks_1 from moves order by clock") == [
        ("target", 2, 1_000_000),
        ("target", 0, 700_000_000),
        ("timeout", None, None),
        # The tally is told of a tie, which is labeled as a stop.
        ("both", None, None),
    ]
    assert database.rows("select distinct decay from moves") == [(pytest.approx(DECAY),)]


def test_a_part_holds_the_input_and_the_labels_in_order(database: Database, tmp_path: Path) -> None:
    seconds = {"B": [3, 1], "A": [2, 9, 4, 5]}
    bars = [bar for symbol, at in seconds.items() for bar in flat(at, symbol)]
    files = [bar_file(tmp_path / "bars.parquet", bars)]
    make(database, "series", SERIES, [("A", 1, 2), ("B", 2, 1)])
    columns = (
        "series integer, bar integer, clock bigint, decay double, touched_1 outcome, "
        "mae_1 bigint, clocks_1 bigint"
    )
    moves = [
        (2, 9, clock(1), 1.0, "stop", None, None),
        (1, 6, clock(2), DECAY, "target", 2, 1_000_000),
        (1, 7, clock(4), DECAY, "target", 0, 700_000_000),
        (1, 8, clock(5), DECAY, "timeout", None, None),
        (2, 10, clock(3), 0.5, "both", None, None),
    ]
    make(database, "moves", columns, moves)
    part = tmp_path / "part.parquet"
    limits: dict[str, Any] = {"chunk_from": second(0), "chunk_until": second(9)}
    database.run("set variable tally = '[7]'")
    run(database, "13_part", files=files, part=str(part), **limits)
    table = pq.read_table(part)
    assert table.column_names == [*NAMES, "label_m", "weight_m"]
    assert pq.read_metadata(part).metadata[b"duck_label_tally"] == b"[7]"
    assert table["symbol"].to_pylist() == ["A", "A", "A", "B", "B"]
    assert table["timestamp"].to_pylist() == [second(at) for at in (2, 4, 5, 1, 3)]
    assert table["label_m"].to_pylist() == [1, 1, 0, 0, 0]
    # The stop of two ticks is four increments away: 2 - 1.5 * 2 / 4 = 1.25. The other winner is
    # slow: 2 - 1.5 * (700 - 300) / 600 = 1. Without dip, and in one second, both are clipped to 2.
    weights = [1.25 * 2 * DECAY, 2 * 1 * DECAY, DECAY, 1.0, 0.5]
    assert table["weight_m"].to_pylist() == pytest.approx(weights, rel=1e-7)


def test_a_tally_adds_up_by_symbol_month_and_session(database: Database) -> None:
    """Three bars before and one after 17:00 in New York on the last of May; a margin; symbol B."""
    make(database, "series", SERIES, [("A", 1, 2), ("B", 2, 1)])
    evening = datetime(2024, 5, 31, 21, tzinfo=UTC)

    def at(seconds: float) -> int:
        return round((evening + timedelta(seconds=seconds)).timestamp() * 1_000_000)

    make(
        database,
        "moves",
        "series integer, clock bigint, touched_1 outcome, mae_1 bigint, clocks_1 bigint",
        [
            (1, at(-2), "target", 3, 5_000_000),
            (1, at(-1), "both", None, None),
            (1, at(-0.5), "both", None, None),
            (1, at(0), "target", 4, 2_500_000),
            (2, at(5 * 3600), "none", None, None),
        ],
    )
    columns = "series integer, bar bigint, clock bigint, is_wanted boolean, jumps boolean"
    rolls = [(1, 2, at(-1), True, None), (1, 3, at(0), True, True), (1, 4, at(7), False, True)]
    make(database, "rolls", columns, rolls)
    run(database, "12_tally")
    found = database.rows(
        "select symbol, month, session::varchar, increments_per_tick, first, last, bars, jumps, "
        "rolled_bars, modes from tally order by symbol, session"
    )
    nothing = dict.fromkeys(
        # Nobody asks for exits, or what labels are worth.
        (name for name in SUMS if name not in ("gains", "losses", "worth")),
        0,
    )

    def sums(**counts: int) -> list[dict[str, int]]:
        return [{**nothing, **counts}]

    first = sums(target=1, stop=2, label_1=1, label_0=2, tied=2, mae=3, clocks=5_000_000)
    second = sums(target=1, label_1=1, mae=4, clocks=2_500_000)
    third = sums(none=1, label_0=1)
    assert found == [
        ("A", "2024-05", "2024-05-31", 2, at(-2), at(-0.5), 3, 0, 1, first),
        ("A", "2024-05", "2024-06-01", 2, at(0), at(0), 1, 1, 1, second),
        ("B", "2024-06", "2024-06-01", 1, *[at(5 * 3600)] * 2, 1, 0, 0, third),
    ]


def rules_broken(prices: Sequence[float | None], volume: float | None) -> set[str]:
    """The rules of a bar, one by one, for prices on a grid of quarters."""
    others = {"null_price"} if None in prices else set()
    there = [price for price in prices if price is not None]
    open_, high, low, close = prices
    broken = {
        "not_finite": not all(math.isfinite(price) for price in there),
        "high_below_low": high is not None and low is not None and above(low, high),
        "high_too_low": high is not None
        and any(price is not None and above(price, high) for price in (open_, close)),
        "low_too_high": low is not None
        and any(price is not None and above(low, price) for price in (open_, close)),
        "beyond_grid": any(math.isfinite(p) and abs(p * 4) >= 2**53 for p in there),
        "off_grid": any(math.isfinite(p) and p * 4 != round(p * 4) for p in there),
        "nonpositive_price": any(not math.isnan(p) and p <= 0 for p in there),
        "negative_volume": volume is not None and volume < 0,
    }
    return others | {rule for rule, holds in broken.items() if holds}


def above(price: float, other: float) -> bool:
    """DuckDB takes NaN for more than any other number."""
    return price > other or (math.isnan(price) and not math.isnan(other))


def test_a_bar_with_any_odd_price_is_counted_by_each_rule_that_it_breaks(
    database: Database, tmp_path: Path
) -> None:
    odd = (None, math.nan, math.inf, -math.inf, 0.0, -0.25, 9.9, 2.0**60, 12.0, 10.0)
    cases: list[tuple[list[float | None], float | None]] = [([11, 13, 9, 12], 1.0)]
    for place in range(4):
        for price in odd:
            prices: list[float | None] = [11, 13, 9, 12]
            prices[place] = price
            cases += [(prices, volume) for volume in (1.0, None, math.nan)]
    cases.append(([11, 13, 9, 12], -1.0))
    kinds = [pa.timestamp("us", "UTC"), *[pa.float64()] * 4, pa.string(), pa.float64()]
    schema = pa.schema(list(zip([*NAMES, "volume"], kinds, strict=True)))
    rows = [
        dict(zip([*NAMES, "volume"], (second(number), *prices, "A", volume), strict=True))
        for number, (prices, volume) in enumerate(cases)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "bars.parquet")
    expected = Counter(rule for case in cases for rule in rules_broken(*case))
    assert len(expected) == 9
    columns = replace(COLUMNS, volume="volume")
    names = context(CONFIG, columns, [*NAMES, "volume"], has_quarantine=False)
    make(database, "grids", GRIDS, [("A", "*", 1, 4, 1, 20)])
    files = [str(tmp_path / "bars.parquet")]
    found = database.rows(render("checks/bad_bars", names), {"files": files})
    assert {rule: bars for _, rule, bars in found} == expected
