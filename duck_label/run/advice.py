"""What follows from the figures of a run: advice that names the option to change."""

from __future__ import annotations

from collections.abc import Iterator

from duck_label.memory.budget import MB, SMALLEST_BUDGET, format_bytes
from duck_label.run.results import RunSummary
from duck_label.tables import counted

# Fewer chunks than this say nothing about a trend or about what chunks cost.
_ENOUGH_CHUNKS = 10
_LEAK_BYTES = 50 * MB
_MANY_ROWS = 5_000_000
_SHORT_SECONDS = 0.25
# Where a budget begins to be tight, and where most of it is never touched.
_TIGHT, _LOOSE = 0.9, 0.25


def advise(summary: RunSummary) -> list[str]:
    """What to change next time, the most urgent first; empty where all is well."""
    return list(_advice(summary))


def _advice(run: RunSummary) -> Iterator[str]:
    limit, chunks = run.memory_limit_bytes, run.chunks_labeled
    if chunks >= _ENOUGH_CHUNKS and run.growth_bytes > max(_LEAK_BYTES, 0.05 * limit):
        rate = format_bytes(run.growth_bytes_per_minute)
        yield (
            f"memory after cleanups grew by {rate} a minute: a leak. Label in pieces, each in a "
            "process of its own (--start, --end), and please report it"
        )
    if run.workers_lost:
        yield (
            f"workers that died or took too long: {run.workers_lost} (see memory_events): where "
            "the machine ran out of memory, pass a smaller --memory-limit or fewer --workers"
        )
    more = format_bytes(round(1.5 * limit, -8))
    # Lost workers are another reason to try again, which is said already.
    is_retried = run.chunks_retried and not run.workers_lost
    if is_retried or run.peak_rss_bytes > _TIGHT * limit:
        verb = "was" if run.chunks_retried == 1 else "were"
        tried = f"{counted(run.chunks_retried, 'chunk')} {verb} tried again"
        retried = tried if is_retried else ""
        peak = f"memory peaked at {run.peak_rss_bytes / limit:.0%} of the budget"
        smaller = f"--chunk {max(1, run.next_chunk_rows // 2)}"
        yield f"the budget is tight: {retried or peak}. Pass --memory-limit {more} or {smaller}"
    elif run.peak_spill_bytes > limit:
        yield (
            f"{format_bytes(run.peak_spill_bytes)} were spilled, more than the budget: the disk "
            f"sets the pace. Pass --memory-limit {more}, a smaller --chunk or a faster --temp-dir"
        )
    elif _is_loose(run):
        enough = format_bytes(max(SMALLEST_BUDGET, round(1.7 * run.peak_rss_bytes, -8)))
        yield f"the budget is far larger than the work: --memory-limit {enough} would do"
    if run.cleanups >= _ENOUGH_CHUNKS and run.cleanup_freed_bytes < 0.02 * limit * run.cleanups:
        each = format_bytes(run.cleanup_freed_bytes / run.cleanups)
        yield (
            f"{run.cleanups} cleanups freed {each} each: hardly anything. Pass a larger "
            "--memory-limit or --set memory.cleanup_threshold=0.9"
        )
    if run.fragmentation_bytes > max(0.1 * limit, _LEAK_BYTES):
        fragments = format_bytes(run.fragmentation_bytes)
        yield (
            f"{fragments} between chunks are fragments that nobody uses: pass a smaller --chunk "
            "or fewer --threads"
        )
    if chunks >= _ENOUGH_CHUNKS and run.seconds / chunks < _SHORT_SECONDS:
        yield (
            f"{chunks} chunks of {run.seconds / chunks:.2f} s: margins and files cost more than "
            "labels. Pass --chunk auto, or a larger --memory-limit where it is auto"
        )


def _is_loose(run: RunSummary) -> bool:
    """Whether a long run never came near its budget, which might be of use elsewhere."""
    is_long = run.rows_labeled >= _MANY_ROWS and run.memory_limit_bytes > 2 * SMALLEST_BUDGET
    return is_long and run.peak_rss_bytes < _LOOSE * run.memory_limit_bytes
