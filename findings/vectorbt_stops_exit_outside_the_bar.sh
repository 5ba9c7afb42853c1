#!/usr/bin/env bash
# vectorbt 1.2.0, OHLCSTX: where a bar opens beyond the stop, the exit is at the stop all the same, a price that was never traded.
# Seen: a stop at 97 and a bar from 91 down to 89: the exit price is 97. Losses over gaps come out too small.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet vectorbt==1.2.0
"$folder/venv/bin/python" - <<'PYTHON'
import pandas as pd
import vectorbt as vbt

high, low = pd.Series([101.0, 101.0, 91.0]), pd.Series([99.0, 99.0, 89.0])
price = pd.Series([100.0, 100.0, 90.0])
found = vbt.OHLCSTX.run(pd.Series([True, False, False]), price, high, low, price, sl_stop=[0.03])
exits, prices = found.exits.to_numpy().ravel(), found.stop_price.to_numpy().ravel()
print("vectorbt", vbt.__version__, "exits:", exits.tolist(), "at", prices.tolist(), "the bar's high is", high[2])
assert exits.tolist() == [False, False, True] and prices[2] == 97 > high[2], "it has changed"
PYTHON
