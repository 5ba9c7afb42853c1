"""How long would so many workers take? A simulation of the schedule with measured chunks.

Run as `python tests/bench/scaling.py LABELS [--bars 50e9] [--plot docs/scaling.svg]` on an output
folder of at least twenty chunks, labeled one after the other with the threads of one worker. Every
simulated chunk costs its bars times the seconds a bar of a chunk drawn from those, so that the
spread is the measured one. Workers take chunks from one queue, largest first; what the parent does
for a chunk (`--parent`, seconds) it does for one at a time; a chunk is lost and done again with the
probability `--lost`. Prints a table, one row for each number of workers.
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
    efficiency: float  # busy worker time over all worker time
    last_hours: float  # from the first idle worker to the end
    parent_busy: float  # the part of the time in which the parent was at work


def main() -> None:
    """Simulate what is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("labels", type=Path)
    parser.add_argument("--bars", type=float, default=50e9)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 32, 128, 512, 2048, 8192])
    parser.add_argument("--parent", type=float, default=0.005, help="seconds a chunk")
    parser.add_argument("--lost", type=float, default=0.001, help="probability of a chunk")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()

    costs = seconds_per_bar(asked.labels)
    chunks = sorted(chunk_rows(asked.bars, asked.symbols), reverse=True)
    middle, spread = statistics.median(costs), statistics.pstdev(costs) / statistics.mean(costs)
    print(
        f"{len(costs)} measured chunks: {1 / middle:,.0f} bars a second (median), costs spread by "
        f"{spread:.0%}; {len(chunks):,} chunks to simulate\n"
    )
    print("| workers | hours | busy | from the first idle worker to the end | parent busy |")
    print("| --: | --: | --: | --: | --: |")
    results = []
    for workers in asked.workers:
        dice = random.Random(asked.seed)
        work = [rows * dice.choice(costs) for rows in chunks]
        result = simulate(work, workers, asked.parent, asked.lost, dice)
        results.append(result)
        print(
            f"| {workers:,} | {result.hours:,.2f} | {result.efficiency:.1%} "
            f"| {result.last_hours * 60:.1f} min | {result.parent_busy:.1%} |"
        )
    if asked.plot:
        plot(results, asked.plot)


def seconds_per_bar(labels: Path) -> list[float]:
    """What a bar cost in every chunk of a run that was not the piece it calibrated with."""
    records = [json.loads(line) for line in (labels / "_duck_label/chunks.jsonl").open()]
    usual = statistics.median(record["rows"] for record in records)
    costs = [r["seconds"] / r["rows"] for r in records if r["rows"] > usual / 2]
    if len(costs) < 20:
        raise SystemExit(f"{labels}: {len(costs)} chunks are too few to know their spread")
    return costs


def chunk_rows(bars: float, symbols: int) -> Iterator[float]:
    """Every symbol's history, cut into chunks of the largest size, and what is left."""
    for _ in range(symbols):
        left = bars / symbols
        while left > 0:
            yield min(left, MOST_ROWS)
            left -= MOST_ROWS


def simulate(
    work: list[float], workers: int, parent: float, lost: float, dice: random.Random
) -> Simulated:
    """Work off chunks of so many seconds: who has finished one is given the next."""
    queue = list(reversed(work))
    running: list[tuple[float, float, bool]] = []  # when it ends, the whole chunk, whether lost
    idle: list[float] = []
    now = busy = parent_free = parent_busy = 0.0

    def give(at: float) -> None:
        """Let a worker that is free at some time take the next chunk, if there is one."""
        nonlocal busy
        if not queue:
            idle.append(at)
            return
        seconds = queue.pop()
        is_lost = dice.random() < lost
        spent = seconds * dice.random() if is_lost else seconds
        busy += spent
        heapq.heappush(running, (at + spent, seconds, is_lost))

    for _ in range(workers):
        give(0.0)
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
        busy / (ends * workers),
        (ends - min(idle)) / HOUR,
        parent_busy / ends,
    )


def plot(results: list[Simulated], path: Path) -> None:
    """Hours by workers, beside what they would be if nothing were lost to the schedule."""
    import altair

    alt: Any = altair  # its types say less than its names

    alone = results[0].hours * results[0].workers
    rows = [
        {"workers": r.workers, "hours": hours, "what": what}
        for r in results
        for what, hours in (("simulated", r.hours), ("ideal", alone / r.workers))
    ]
    base = alt.Chart(alt.Data(values=rows), width=520, height=280).encode(
        x=alt.X("workers:Q", scale=alt.Scale(type="log"), title="workers of two threads"),
        y=alt.Y("hours:Q", scale=alt.Scale(type="log"), title="hours for 50 billion bars"),
        color=alt.Color("what:N", title=None, scale=alt.Scale(range=["#9aa5b1", "#d1495b"])),
    )
    (base.mark_line() + base.mark_point(filled=True)).save(path)


if __name__ == "__main__":
    main()
