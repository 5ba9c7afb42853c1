"""The brute-force walk agrees with the golden cases of every trade, which others computed."""

import pytest

import golden
from lengths import long_but
from walk import walk

QUICK = ("event_column", "everything", "session", "std")


@pytest.mark.parametrize("case", long_but(QUICK, golden.TRADE_CASES))
def test_walk_agrees_with_golden_case(case: str) -> None:
    bars, events, expected = golden.trade_tables(case)
    labeled = walk(bars, golden.trade_config(case), events)
    assert golden.differences(labeled, expected) == []
