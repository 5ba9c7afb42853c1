# mypy: ignore-errors
"""mlfinpy on the first bars of a file: six calls, labels only.

Needs `mlfinpy`, pyarrow and scikit-learn. It looks at closes alone, and its barriers are shares of
the price instead of ticks: as wide, for a price of 5000. Run as `python peer_mlfinpy.py
BARS.parquet OUT.parquet ROWS`.
"""

import sys

import pandas as pd
from mlfinpy.labeling import add_vertical_barrier, get_bins, get_events

rows = int(sys.argv[3])
bars = pd.read_parquet(sys.argv[1]).set_index("timestamp").iloc[: rows + 900]
signals = bars.index[:rows]
horizon = add_vertical_barrier(signals, bars["close"], num_seconds=900)
labeled = bars.iloc[:rows].copy()
for stop, target in ((6, 12), (8, 16), (10, 20)):
    for side in (1.0, -1.0):
        events = get_events(
            close=bars["close"],
            t_events=signals,
            pt_sl=[target, stop],
            target=pd.Series(0.25 / 5000, index=bars.index),
            min_ret=0.0,
            num_threads=1,  # more are more processes, which cost more than these rows
            vertical_barrier_times=horizon,
            side_prediction=pd.Series(side, index=bars.index),
            verbose=False,
        )
        labeled[f"label_{stop}_{side:.0f}"] = get_bins(events, bars["close"])["bin"]
labeled.to_parquet(sys.argv[2], compression="zstd")
