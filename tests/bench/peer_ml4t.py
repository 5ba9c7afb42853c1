# mypy: ignore-errors
"""ml4t-engineer on the same bars: six calls, labels only. Needs Python 3.12 and `ml4t-engineer`.

Its barriers are shares of the price instead of ticks: as wide, for a price of 5000. Run as
`python peer_ml4t.py BARS.parquet OUT.parquet`.
"""

import sys

import polars as pl
from ml4t.engineer.config import LabelingConfig
from ml4t.engineer.labeling import triple_barrier_labels

bars = pl.read_parquet(sys.argv[1])
labeled = bars
for stop, target in ((6, 12), (8, 16), (10, 20)):
    for side in (1, -1):
        config = LabelingConfig.triple_barrier(
            upper_barrier=target * 0.25 / 5000,
            lower_barrier=stop * 0.25 / 5000,
            max_holding_period="15m",
            side=side,
        )
        found = triple_barrier_labels(
            bars,
            config,
            price_col="close",
            high_col="high",
            low_col="low",
            timestamp_col="timestamp",
            group_col=[],
        )
        labeled = labeled.with_columns(found["label"].alias(f"label_{stop}_{side}"))
labeled.write_parquet(sys.argv[2], compression="zstd")
