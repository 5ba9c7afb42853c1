"""How long would so many workers take? A simulation of the schedule with measured chunks.

Run as `python tests/bench/scaling.py LABELS [--bars 50e9] [--plot docs/scaling.svg]` on an output
folder of at least twenty chunks, labeled one after the other with the threads of one worker. Every
simulated chunk costs its bars times the seconds a bar of a chunk drawn from those, so that the
spread is the measured one. Before the first, all bars are checked by the parent alone, at the cost
a bar that the run had outside its chunks. Workers take chunks from one queue, largest first; what
the parent does for a chunk (`--parent`, seconds) it does for one at a time; a chunk is lost and
done again with the probability `--lost`. Prints a table, one row for each number of workers.
"""

import argparse
import heapq
import json
import random
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOUR = 3600
MOST_ROWS = 2_000_000  # of a chunk, sized automatically


@dataclass(frozen=True)
class Simulated:
    """What came of a simulated run."""

    workers: int
    hours: float
    check_hours: float  # of them, before the first chunk
    efficiency: float  # busy worker time over all worker time
    parent_busy: float  # the part of the time in which the parent was at work


def main() -> None:
    """Simulate what is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("labels", type=Path)
    parser.add_argument("--bars", type=float, default=50e9)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 32, 128, 512, 2048, 8192])
    parser.add_argument(
        "--runs", type=int, nargs="+", default=[1, 500], help="that the bars are divided among"
    )
    parser.add_argument("--parent", type=float, default=0.0005, help="seconds a chunk")
    parser.add_argument("--lost", type=float, default=0.001, help="probability of a chunk")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()

    costs, check = seconds_per_bar(asked.labels)
    chunks = sorted(chunk_rows(asked.bars, asked.symbols), reverse=True)
    middle, spread = statistics.median(costs), statistics.pstdev(costs) / statistics.mean(costs)
    print(
        f"{len(costs)} measured chunks: {1 / middle:,.0f} bars a second (median), costs spread by "
        f"{spread:.0%}, checks {1 / check:,.0f} bars a second; {len(chunks):,} chunks to simulate\n"
    )
    print("| runs | workers | hours | of them checks | workers busy | parent busy |")
    print("| --: | --: | --: | --: | --: | --: |")
    results = []
    for runs in asked.runs:
        for workers in asked.workers:
            dice = random.Random(asked.seed)
            work = [rows * dice.choice(costs) for rows in chunks]
            # Parents of runs side by side check where their workers will label.
            checked = check * asked.bars / min(runs, workers)
            parent = asked.parent / min(runs, workers)
            result = simulate(work, workers, checked, parent, asked.lost, dice)
            results.append((runs, result))
            print(
                f"| {runs:,} | {workers:,} | {result.hours:,.2f} | {result.check_hours:.2f} "
                f"| {result.efficiency:.0%} | {result.parent_busy:.1%} |"
            )
    if asked.plot:
        plot(results, asked.plot)


def seconds_per_bar(labels: Path) -> tuple[list[float], float]:
    """What a bar cost in every chunk but the piece a run calibrates with, and beside its chunks."""
    records = [json.loads(line) for line in (labels / "_duck_label/chunks.jsonl").open()]
    usual = statistics.median(record["rows"] for record in records)
    costs = [r["seconds"] / r["rows"] for r in records if r["rows"] > usual / 2]
    if len(costs) < 20:
        raise SystemExit(f"{labels}: {len(costs)} chunks are too few to know their spread")
    *_, end = (json.loads(line) for line in (labels / "_duck_label/runs.jsonl").open())
    beside = end["seconds"] - sum(record["seconds"] for record in records)
    return costs, beside / sum(record["rows"] for record in records)


def chunk_rows(bars: float, symbols: int) -> Iterator[float]:
    """Every symbol's history, cut into chunks of the largest size, and what is left."""
    for _ in range(symbols):
        left = bars / symbols
        while left > 0:
            yield min(left, MOST_ROWS)
            left -= MOST_ROWS


def simulate(
    work: list[float],
    workers: int,
    checked: float,
    parent: float,
    lost: float,
    dice: random.Random,
) -> Simulated:
    """Work off chunks of so many seconds: who has finished one is given the next."""
    queue = list(reversed(work))
    running: list[tuple[float, float, bool]] = []  # when it ends, the whole chunk, whether lost
    busy = parent_busy = 0.0
    parent_free = checked

    def give(at: float) -> None:
        """Let a worker that is free at some time take the next chunk, if there is one."""
        nonlocal busy
        if not queue:
            return
        seconds = queue.pop()
        is_lost = dice.random() < lost
        spent = seconds * dice.random() if is_lost else seconds
        busy += spent
        heapq.heappush(running, (at + spent, seconds, is_lost))

    for _ in range(workers):
        give(checked)
    while running:
        now, seconds, is_lost = heapq.heappop(running)
        if is_lost:
            queue.append(seconds)
            give(now)
            continue
        # The parent records one chunk at a time; until then its worker waits.
        parent_free = max(now, parent_free) + parent
        parent_busy += parent
        give(parent_free)
    ends = parent_free
    return Simulated(
        workers,
        ends / HOUR,
        checked / HOUR,
        busy / (ends * workers),
        parent_busy / ends,
    )


def plot(results: list[tuple[int, Simulated]], path: Path) -> None:
    """Hours by workers for each number of runs, beside what they would be if all were labeling."""
    import altair

    alt: Any = altair  # its types say less than its names
    _, alone = results[0]
    rows = [
        {"workers": one.workers, "hours": hours, "what": what}
        for runs, one in results
        for what, hours in (
            (f"{runs:,} run{'s' * (runs > 1)}", one.hours),
            ("if nothing were lost", alone.hours * alone.workers / one.workers),
        )
    ]
    base = alt.Chart(alt.Data(values=rows), width=520, height=280).encode(
        x=alt.X("workers:Q", scale=alt.Scale(type="log"), title="workers"),
        y=alt.Y("hours:Q", scale=alt.Scale(type="log"), title="hours for all bars"),
        color=alt.Color("what:N", title=None, sort=None),
    )
    (base.mark_line() + base.mark_point(filled=True)).save(path)


if __name__ == "__main__":
    main()
