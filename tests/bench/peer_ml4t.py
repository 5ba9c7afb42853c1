# mypy: ignore-errors
"""ml4t-engineer on the same bars: six calls, labels only. Needs Python 3.12 and `ml4t-engineer`.

Its barriers are shares of the price instead of ticks, as wide for a price of 5000; or multiples of
its ATR; or its stops trail. Run as `python peer_ml4t.py BARS.parquet OUT.parquet [atr|trailing]`.
"""

import sys

import polars as pl
from ml4t.engineer.config import LabelingConfig
from ml4t.engineer.labeling import atr_triple_barrier_labels, triple_barrier_labels

bars = pl.read_parquet(sys.argv[1])
kind = sys.argv[3] if len(sys.argv) > 3 else "fixed"
labeled = bars
for stop, target in ((6, 12), (8, 16), (10, 20)):
    for side in (1, -1):
        if kind == "atr":
            found = atr_triple_barrier_labels(
                bars,
                atr_tp_multiple=float(target),
                atr_sl_multiple=float(stop),
                atr_period=20,
                max_holding_bars="15m",
                side=side,
                price_col="close",
                timestamp_col="timestamp",
                group_col=[],
            )
        else:
            trails = {"trailing_stop": stop * 0.25 / 5000} if kind == "trailing" else {}
            config = LabelingConfig.triple_barrier(
                upper_barrier=target * 0.25 / 5000,
                lower_barrier=stop * 0.25 / 5000,
                max_holding_period="15m",
                side=side,
                **trails,
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
