# mypy: ignore-errors
"""triple-barrier on the first bars of a file: one object a trade, labels only.

Needs `triple-barrier` and pyarrow. A trade looks for its touches to the end of the bars that it is
given: here to the end of its horizon. Run as `python peer_triple_barrier.py BARS.parquet
OUT.parquet ROWS`.
"""

import sys
from datetime import timedelta

import pandas as pd
from triple_barrier import orders, trade_labeling, types

rows = int(sys.argv[3])
bars = pd.read_parquet(sys.argv[1]).set_index("timestamp").iloc[: rows + 901]
bars.index = bars.index.tz_localize(None)
labeled = bars.iloc[:rows].copy()
for stop, target in ((6, 12), (8, 16), (10, 20)):
    for side in (types.TradeSide.BUY, types.TradeSide.SELL):
        labels = []
        for signal in range(rows):
            path = bars.iloc[signal + 1 : signal + 901]
            opens, entry = path.index[0], path["open"].iloc[0]
            box = orders.Orders()
            box.open_time = opens
            box.open_price = entry
            box.take_profit_level = entry + side.value * target * 0.25
            box.stop_loss_level = entry - side.value * stop * 0.25
            box.time_limit = opens + timedelta(seconds=900)
            box.pip_decimal_position = 2
            box.trade_side = side
            prices = (path[name] for name in ("open", "high", "low", "close"))
            hits = trade_labeling.Labeler(*prices, box_setup=box).compute()
            labels.append(hits.first_hit.order_type is types.OrderType.TAKE_PROFIT)
        labeled[f"label_{stop}_{side.name}"] = labels
labeled.to_parquet(sys.argv[2], compression="zstd")
