"""Advice follows from the figures of a run, and names the option to change."""

from typing import Any

import pytest

from duck_label.run.advice import advise
from duck_label.run.results import RunSummary

GB, MB = 10**9, 10**6


def summary(**figures: Any) -> RunSummary:
    """A long run in good order, but for these figures."""
    usual: dict[str, Any] = {
        "rows_labeled": 50_000_000,
        "chunks_labeled": 100,
        "seconds": 300.0,
        "peak_rss_bytes": int(4.5 * GB),
        "memory_limit_bytes": 8 * GB,
        "next_chunk_rows": 2_000_000,
    }
    return RunSummary("out", **usual | figures)


def test_a_run_in_good_order_needs_no_advice() -> None:
    assert advise(summary()) == []


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"growth_bytes_per_minute": 200 * MB}, ["200 MB a minute: a leak", "--start"]),
        ({"chunks_retried": 3}, ["tight: 3 chunks were tried again", "--memory-limit 12 GB"]),
        ({"peak_rss_bytes": int(7.6 * GB)}, ["peaked at 95%", "--chunk 1000000"]),
        ({"peak_spill_bytes": 20 * GB}, ["20 GB were spilled", "--temp-dir"]),
        ({"peak_rss_bytes": GB}, ["far larger than the work: --memory-limit 1.7 GB"]),
        (
            {"cleanups": 50, "cleanup_freed_bytes": 500 * MB},
            ["50 cleanups freed 10 MB each", "memory.cleanup_threshold"],
        ),
        ({"fragmentation_bytes": GB}, ["1 GB between chunks are fragments", "--threads"]),
        ({"chunks_labeled": 5000}, ["5000 chunks of 0.06 s", "--chunk auto"]),
    ],
)
def test_every_trouble_has_its_advice(figures: dict[str, Any], words: list[str]) -> None:
    (advice,) = advise(summary(**figures))
    for word in words:
        assert word in advice


def test_a_short_run_says_nothing_about_trends_or_budgets() -> None:
    short = summary(
        chunks_labeled=3,
        rows_labeled=100_000,
        seconds=0.3,
        growth_bytes_per_minute=10 * GB,
        peak_rss_bytes=200 * MB,
    )
    assert advise(short) == []
