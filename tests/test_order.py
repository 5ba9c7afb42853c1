# mypy: disable-error-code="import-untyped"
"""Bars come in order, almost in order or in none: labels are those of the scan, and parts in order.

Files whose bars are in order are labeled row by row, without a sort; these are the inputs that
could be taken for such files and are not.
"""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from duck_label.connection import Connection
from golden import differences
from labeling import label, write
from lengths import long_but
from scan import Mode, Rules, scan

START = datetime(2024, 3, 4, 23, 57, tzinfo=UTC)
MODES = (Mode("up", "long", 2, 3), Mode("down", "short", 2, 3))
RULES = Rules(tick_size=1, timeout_seconds=60, roll_gap_points=6, modes=MODES)


def walk(symbol: str, seed: int, bars: int = 400) -> pa.Table:
    """A walk over midnight, a second or a few from bar to bar, with a jump now and then."""
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    price, time = 100 * seed, START
    for _ in range(bars):
        time += timedelta(seconds=rng.choice((1, 1, 1, 7)))
        opened = price + rng.choice((0, 0, 1, -1, 9 if rng.random() < 0.02 else 0))
        price = opened + rng.choice((-1, 0, 1))
        high, low = max(opened, price) + rng.randrange(2), min(opened, price) - rng.randrange(2)
        prices = {"open": opened, "high": high, "low": low, "close": price}
        rows.append(
            {"symbol": symbol, "timestamp": time, **{k: float(v) for k, v in prices.items()}}
        )
    return pa.Table.from_pylist(rows)


def late(table: pa.Table) -> list[pa.Table]:
    """One bar comes after the next."""
    places = list(range(len(table)))
    places[200], places[201] = places[201], places[200]
    return [table.take(places)]


def interleaved(table: pa.Table) -> list[pa.Table]:
    return [table.sort_by("timestamp")]


def overlapping(table: pa.Table) -> list[pa.Table]:
    """Every other bar is in a second file."""
    places = range(len(table))
    return [table.take([i for i in places if i % 2 == odd]) for odd in (0, 1)]


def backwards(table: pa.Table) -> list[pa.Table]:
    return [table.take(list(reversed(range(len(table)))))]


ORDERS: Sequence[Callable[[pa.Table], list[pa.Table]]] = (
    lambda table: [table],
    lambda table: [table.slice(0, 300), table.slice(300)],
    late,
    interleaved,
    overlapping,
    backwards,
)


@pytest.mark.parametrize("order", long_but(ORDERS[2:], ORDERS))
@pytest.mark.parametrize("symbols", long_but(["BA"], ["A", "BA"]))
def test_labels_do_not_depend_on_the_order_of_the_bars(
    tmp_path: Path, order: Callable[[pa.Table], list[pa.Table]], symbols: str
) -> None:
    bars = pa.concat_tables(walk(symbol, seed) for seed, symbol in enumerate(sorted(symbols), 1))
    modes = [vars(mode) for mode in MODES]
    labeled = label(
        write(tmp_path / "bars", order(bars), row_group_size=64),
        tmp_path / "labels",
        tick_size=1,
        timeout_seconds=60,
        roll_gap_points=6,
        modes=modes,
        details=True,
        run={"chunk": "1d"},
    )
    expected = scan(bars, RULES)
    assert len(set(expected["outcome_up"].to_pylist())) >= 4
    assert differences(labeled, expected, expected.column_names) == []


@pytest.mark.parametrize(
    ("symbols", "order", "duplicates", "threads", "bars", "parts"),
    [
        # The steps that number bars and that write parts: in the order that is there, and sorted.
        ("A", ORDERS[1], "fail", 1, (2, 0), (2, 0)),
        # Each of two chunks in flight has a thread of its own; of three threads they share all, and
        # rows come from step to step in no order.
        ("A", ORDERS[1], "fail", 2, (2, 0), (2, 0)),
        ("A", ORDERS[1], "fail", 3, (2, 0), (0, 2)),
        ("A", backwards, "fail", 1, (1, 2), (0, 2)),
        ("BA", ORDERS[0], "fail", 1, (0, 2), (0, 2)),
        # Of equal rows one is taken: they are groups, and groups come in no order.
        ("A", ORDERS[0], "first", 1, (0, 2), (0, 2)),
    ],
)
def test_only_rows_that_are_not_in_order_are_sorted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    symbols: str,
    order: Callable[[pa.Table], list[pa.Table]],
    duplicates: str,
    threads: int,
    bars: tuple[int, int],
    parts: tuple[int, int],
) -> None:
    """Of one symbol they are taken as they come, until a chunk is found not to be in order."""
    sorts: dict[str, list[bool]] = {"create or replace temp table bars as": [], "copy": []}

    def remember(_: Connection, query: str) -> None:
        for begins, found in sorts.items():
            if f"\n{begins}" in f"\n{query}":
                found.append("order by series, clock" in query or "order by labels.bar" in query)

    after_each_query(monkeypatch, remember)
    table = pa.concat_tables(walk(symbol, seed) for seed, symbol in enumerate(symbols, 1))
    label(
        write(tmp_path / "bars", order(table), row_group_size=64),
        tmp_path / "labels",
        tick_size=1,
        timeout_seconds=60,
        on_duplicates=duplicates,
        run={"chunk": "1d", "threads": threads},
    )
    seen = [(found.count(False), found.count(True)) for found in sorts.values()]
    assert seen == [bars, parts]


@pytest.mark.parametrize(
    ("table", "is_rich", "threads"),
    [
        ("bars", False, 1),
        ("moves", False, 1),
        ("moves", True, 1),
        ("worths", True, 1),
        # Of three threads no order is expected from the beginning.
        ("moves", True, 3),
    ],
)
def test_a_chunk_whose_rows_do_not_lie_in_order_is_labeled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, is_rich: bool, threads: int
) -> None:
    """Whatever table it is whose rows come in another order than they should, once."""
    turned: list[str] = []
    parts: list[bool] = []

    def turn(connection: Connection, query: str) -> None:
        if "\ncopy (" in query:
            parts.append("order by" not in query)
        if f"create or replace temp table {table} as" in query and not turned:
            turned.append(table)
            connection.run(f"create or replace temp table {table} as from {table} order by bar % 7")

    bars = walk("A", 1)
    path = write(tmp_path / "bars", [bars], row_group_size=64)
    how: dict[str, Any] = {
        "tick_size": 1,
        "timeout_seconds": 60,
        "roll_gap_points": 6,
        "modes": [vars(mode) for mode in MODES],
        "details": is_rich,
        "uniqueness": is_rich,
        "run": {"chunk": "1d", "threads": threads},
    }
    expected = label(path, tmp_path / "in_order", **how)
    after_each_query(monkeypatch, turn)
    assert label(path, tmp_path / "turned", **how).equals(expected)
    assert (turned, parts) == ([table], [False, False])
    assert (
        differences(
            expected, scan(bars, RULES), ["label_up", "weight_up", "label_down", "weight_down"]
        )
        == []
    )


@pytest.mark.parametrize("threads", [1, 3])
def test_uniqueness_weighs_whether_rows_are_sorted_or_not(tmp_path: Path, threads: int) -> None:
    labeled = label(
        write(tmp_path / "bars", [walk("A", 1)], row_group_size=64),
        tmp_path / "labels",
        tick_size=1,
        timeout_seconds=60,
        modes=[vars(mode) for mode in MODES],
        uniqueness=True,
        weights={"factors": ["uniqueness"]},
        run={"chunk": "1d", "threads": threads},
    )
    for mode in MODES:
        labels, weights, worths = (
            labeled[f"{kind}_{mode.name}"].to_pylist() for kind in ("label", "weight", "uniqueness")
        )
        rounded = pa.array([1.0 if worth is None else worth for worth in worths], pa.float32())
        known = [
            None if one is None else worth
            for one, worth in zip(labels, rounded.to_pylist(), strict=True)
        ]
        assert weights == known
        assert len(set(weights)) > 20


def after_each_query(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[Connection, str], object]
) -> None:
    run = Connection.run

    def run_and_act(self: Connection, query: str, *values: Any) -> None:
        run(self, query, *values)
        act(self, query)

    monkeypatch.setattr(Connection, "run", run_and_act)
