# mypy: disable-error-code="import-untyped"
"""What a strong engineer would write instead: one pass over integer ticks in Numba, two threads.

A yardstick, not a product: one symbol, sorted, good bars, the six default modes, everything in
memory. Run as `python by_hand.py BARS.parquet OUT.parquet`; with `--check LABELS` it compares its
labels with a folder of labels and says where they differ.
"""

import sys
from pathlib import Path

import duckdb
import numba as nb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TICKS = np.array([(6, 12), (8, 16), (10, 20)])
BLOCK = 64


@nb.njit(cache=True)
def blocks(high, low, rolled):  # type: ignore[no-untyped-def]
    """The highest high, the lowest low and whether a bar is rolled, for every block of bars."""
    count = (len(high) + BLOCK - 1) // BLOCK
    highest, lowest = np.empty(count, np.int32), np.empty(count, np.int32)
    rolls = np.zeros(count, np.bool_)
    for block in range(count):
        part = slice(block * BLOCK, min(len(high), (block + 1) * BLOCK))
        highest[block], lowest[block] = high[part].max(), low[part].min()
        rolls[block] = rolled[part].any()
    return highest, lowest, rolls


@nb.njit(cache=True, parallel=True)
def walk(time, open_, high, low, rolled, decay, stop, target):  # type: ignore[no-untyped-def]
    """Label and weight of a long trade from every bar, over whole blocks where nothing happens."""
    n = len(time)
    label, weight = np.zeros(n, np.int8), decay.astype(np.float32)
    highest, lowest, rolls = blocks(high, low, rolled)
    for i in nb.prange(n - 1):
        if rolled[i]:
            continue
        entry, ends = open_[i + 1], time[i + 1] + 900_000_000
        up, down = entry + target, entry - stop
        worst, j = entry, i + 1
        while j < n and time[j] < ends:
            block = j // BLOCK
            is_whole = j % BLOCK == 0 and j + BLOCK <= n and time[j + BLOCK - 1] < ends
            if is_whole and highest[block] < up and lowest[block] > down and not rolls[block]:
                worst = min(worst, lowest[block])
                j += BLOCK
                continue
            if rolled[j] or low[j] <= down:
                break
            worst = min(worst, low[j])
            if high[j] >= up:
                label[i] = 1
                quality = 2.0 - 1.5 * (entry - worst) / stop
                velocity = 2.0 - 1.5 * ((time[j] - time[i + 1]) / 1e6 - 300.0) / 600.0
                quality = min(2.0, max(0.5, quality))
                velocity = min(2.0, max(0.5, velocity))
                weight[i] = quality * velocity * decay[i]
                break
            j += 1
    return label, weight


def labels(bars: pa.Table) -> dict[str, np.ndarray]:
    """The labels and weights of the default modes."""
    time = bars["timestamp"].cast(pa.timestamp("us", "UTC")).to_numpy()
    months = time.astype("datetime64[M]").astype(np.int64)
    decay = np.exp(-0.05 * (months.max() - months))
    clock = time.astype(np.int64)
    open_, high, low, close = (
        np.rint(bars[name].to_numpy() * 4).astype(np.int32)
        for name in ("open", "high", "low", "close")
    )
    rolled = np.zeros(len(clock), np.bool_)
    for jump in np.flatnonzero(np.abs(np.diff(close)) > 80) + 1:
        rolled[jump - 1 : jump + 6] = True
    found = {}
    for name, (stop, target) in zip(("low", "normal", "high"), TICKS, strict=True):
        # A short trade is a long one in the mirror.
        for way, prices in (("long", (open_, high, low)), ("short", (-open_, -low, -high))):
            label, weight = walk(clock, *prices, rolled, decay, stop, target)
            found[f"label_{name}_vol_{way}"] = label
            found[f"weight_{name}_vol_{way}"] = weight
    return found


def check(found: dict[str, np.ndarray], folder: Path) -> None:
    """Stop where a label differs, or a weight by more than its last bit."""
    ours = duckdb.execute(
        "from read_parquet($1) order by timestamp", [f"{folder}/*.parquet"]
    ).fetchnumpy()
    for name, values in found.items():
        if name.startswith("label"):
            differ = int((values != ours[name]).sum())
        else:
            differ = int((~np.isclose(values, ours[name], rtol=1.2e-7, atol=0)).sum())
        if differ:
            raise SystemExit(f"{name}: {differ:,} of {len(values):,} differ")
    print(f"{len(found)} columns are equal")


def main() -> None:
    """Label a file."""
    nb.set_num_threads(2)
    bars = pq.read_table(sys.argv[1])
    found = labels(bars)
    if sys.argv[2] == "--check":
        check(found, Path(sys.argv[3]))
        return
    labeled = pa.table({**{name: bars[name] for name in bars.column_names}, **found})
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.register("labeled", labeled)
        connection.execute("copy labeled to $1 (format parquet, compression zstd)", sys.argv[2:3])


if __name__ == "__main__":
    main()
