# mypy: disable-error-code="import-untyped"
"""No cut changes a label: random bars under random rules, against the scan and each other."""

import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import golden
from duck_label import query_names
from labeling import label, write
from lengths import AS_FOUND, BARS, EXAMPLES, FEW, long_but
from scan import Mode, Rules, scan

# Mostly neighbours, some holes, some edges of the horizons below, some weekends and months.
STEPS = (1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 30, 31, 59, 60, 61, 3600, 86_400, 3 * 86_400, 40 * 86_400)
# Quarter points: mostly still, some ticks, some jumps beyond the roll gap below.
MOVES = (0, 0, 0, 0, 1, -1, 1, -1, 2, -2, 3, -4, 9, -9, 21, -30)


# Bars on a grid of a quarter, or on one that is fine beside their moves.
COARSE, FINE = 1, 250


@st.composite
def series(draw: st.DrawFn, symbol: str, parts: int) -> list[dict[str, Any]]:
    """Bars of one symbol on a grid of so many parts of a quarter."""
    crumbs = st.integers(0, parts - 1)

    def moves(*quarters: int) -> int:
        return draw(st.sampled_from(quarters)) * parts + draw(crumbs)

    clock = draw(st.integers(0, 5)) + int(datetime(2024, 1, 30, 23, 59, tzinfo=UTC).timestamp())
    close, bars = (4000 + draw(st.integers(-3, 3))) * parts, []
    for _ in range(draw(st.integers(1, BARS))):
        clock += draw(st.sampled_from(STEPS))
        opens = close + moves(*MOVES[:10])
        close = opens + moves(*MOVES)
        high = max(opens, close) + moves(0, 0, 0, 1, 2, 8)
        low = min(opens, close) - moves(0, 0, 0, 1, 2, 8)
        prices = {"open": opens, "high": high, "low": low, "close": close}
        bars.append(
            {"timestamp": datetime.fromtimestamp(clock, UTC), "symbol": symbol}
            | {name: price / (4 * parts) for name, price in prices.items()}
        )
    return bars


@dataclass(frozen=True)
class Case:
    """Bars in some order, and the rules to label them by."""

    bars: pa.Table
    rules: Rules

    def config(self) -> dict[str, Any]:
        rules = self.rules
        horizon = (
            {"timeout_seconds": rules.timeout_seconds}
            if rules.timeout_bars is None
            else {"timeout_bars": rules.timeout_bars}
        )
        return {
            **horizon,
            "price_increment": rules.price_increment,
            "roll_gap_points": rules.roll_gap_points,
            "as_of": rules.as_of,
            "unresolved": rules.unresolved,
            "modes": [vars(mode) for mode in rules.modes],
            "details": True,
        }


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One to three symbols, shuffled; barriers and horizons short enough to be met."""
    symbols = draw(st.sampled_from((("ES",), ("ES", "NQ"), ("", "b's", "Ü"))))
    parts = draw(st.sampled_from((COARSE, COARSE, FINE)))
    rows = [bar for symbol in symbols for bar in draw(series(symbol, parts))]
    random.Random(draw(st.integers(0, 3))).shuffle(rows)
    table = pa.Table.from_pylist(rows)
    if len(symbols) == 1 and draw(st.booleans()):
        table = table.drop_columns(["symbol"])
    ticks = st.sampled_from((1.0, 2.0, 2.5, 3.0, 8.0, 12.0))
    modes = tuple(
        Mode(f"m{number}", direction, draw(ticks), draw(ticks))
        for number, direction in enumerate(draw(st.sampled_from((("long", "short"), ("short",)))))
    )
    timeout_bars = draw(st.sampled_from((None, None, 1, 2, 5, 100)))
    rules = Rules(
        price_increment=0.001 if parts == FINE else draw(st.sampled_from((None, 0.05, 0.25))),
        timeout_seconds=draw(st.sampled_from((0.5, 1.0, 5.0, 30.0, 60.0, 900.0, 1e7))),
        timeout_bars=timeout_bars,
        roll_gap_points=draw(st.sampled_from((5.0, 5.0, 0.0))),
        as_of=draw(st.sampled_from((None, date(2024, 3, 1)))),
        unresolved=draw(st.sampled_from(("zero", "null"))),
        modes=modes,
    )
    return Case(table, rules)


@st.composite
def cuts(draw: st.DrawFn) -> dict[str, Any]:
    """Ways to go about the same work."""
    return {
        "run": {
            "chunk": draw(st.sampled_from(("auto", "1d", "3d", "1w", "1mo", "1", "3", "10"))),
            "order": draw(st.sampled_from(("auto", "largest-first", "smallest-first"))),
            "threads": draw(st.integers(1, 3)),
        },
        # The process of the tests holds more than the smaller of these by itself.
        "memory": {
            "limit": draw(st.sampled_from(("300MB", "8GB"))),
            "cleanup_threshold": draw(st.sampled_from((0, 0.01))),
            "critical_threshold": 0,
            "emergency_threshold": 0,
        },
    }


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for one example; hypothesis runs many of them in one test."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@settings(max_examples=EXAMPLES, phases=AS_FOUND)
@given(
    case=cases(),
    cut=cuts(),
    files=st.integers(1, 4),
    row_group_size=st.sampled_from((None, 3)),
    block_bars=st.sampled_from((1, 2, 5, 64)),
)
def test_any_cut_equals_the_scan(
    case: Case, cut: dict[str, Any], files: int, row_group_size: int | None, block_bars: int
) -> None:
    rows = pa.array(range(len(case.bars)), pa.int64())
    parts = [case.bars.take(rows[n::files]) for n in range(files)]
    with folder() as here, patch.object(query_names, "BLOCK_BARS", block_bars):
        bars = write(here / "bars", parts, row_group_size)
        labeled = label(bars, here / "out", **cut, **case.config())
    assert golden.differences(labeled, scan(case.bars, case.rules)) == []


@settings(max_examples=FEW, phases=AS_FOUND)
@given(case=cases(), first=cuts(), second=cuts())
def test_any_two_cuts_are_the_same_to_the_bit(
    case: Case, first: dict[str, Any], second: dict[str, Any]
) -> None:
    with folder() as here:
        bars = write(here / "bars", [case.bars])
        one = label(bars, here / "one", **first, **case.config())
        two = label(bars, here / "two", **second, **case.config())
    assert one.equals(two)


@settings(max_examples=FEW, phases=AS_FOUND)
@given(case=cases(), cut=cuts(), moment=st.integers(0, 60 * 86_400))
def test_a_run_in_two_pieces_equals_one(case: Case, cut: dict[str, Any], moment: int) -> None:
    """`--end X`, then `--start X` into the same folder, cut in another way, is the whole run."""
    middle = datetime.fromtimestamp(datetime(2024, 1, 30, tzinfo=UTC).timestamp() + moment, UTC)
    times = case.bars["timestamp"].to_pylist()
    with folder() as here:
        bars = write(here / "bars", [case.bars])
        config = case.config()
        whole = label(bars, here / "whole", **config)
        if min(times) < middle:
            label(bars, here / "out", how={"end": middle}, **config)
        if max(times) >= middle:
            label(bars, here / "out", how={"start": middle}, **cut, **config)
        pieces = label(bars, here / "out", **config)
    assert pieces.equals(whole)


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on the other side of the date line's month."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.delenv("TZ")
    os.environ.pop("TZ", None)
    time.tzset()


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize("zone", long_but(["America/Chicago"], [None, "UTC", "America/Chicago"]))
def test_the_zone_of_the_machine_does_not_matter(zone: str | None, tmp_path: Path) -> None:
    """Months end in UTC, whatever the machine or the column says."""
    bars = golden.bars("months")
    times = bars["timestamp"].cast(pa.timestamp("us", zone))
    bars = bars.set_column(bars.schema.get_field_index("timestamp"), "timestamp", times)
    labeled = label(write(tmp_path / "bars", [bars]), tmp_path / "out", details=True)
    expected = golden.expected("months")
    names = [n for n in expected.column_names if n.startswith(("label_", "weight_", "outcome_"))]
    assert golden.differences(labeled, expected, names) == []
