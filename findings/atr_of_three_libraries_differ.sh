#!/usr/bin/env bash
# Wilder's ATR(14), by three libraries over the same bars. ta 0.11.0 is 0, not missing, until its window is full: a stop of twice that has
# no width, and no check for nulls finds it. TA-Lib 0.8.2 leaves out the first bar, which has no close before it, so that it begins a bar
# later and stays apart from ta for good. pandas_ta 0.4.71b0 is the one or the other, by whether TA-Lib is installed.
# Seen: 13 zeros of ta; the same call of pandas_ta before and after `pip install TA-Lib`, with other values.
# It matters because barriers are multiples of it: labels change with what else lies in the environment. Needs Python 3.12 or newer.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.12}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ta==0.11.0 pandas_ta==0.4.71b0 pandas==3.1.1
cat > "$folder/atr.py" <<'PYTHON'
import sys
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pandas_ta
import ta

rng, name = np.random.default_rng(0), f"{sys.argv[1]}/before.npy"
close = pd.Series(100 + rng.normal(0, 1, 200).cumsum())
high, low = close + rng.random(200), close - rng.random(200)
by_ta = ta.volatility.AverageTrueRange(high, low, close, 14).average_true_range().to_numpy()
by_pandas_ta = pandas_ta.atr(high, low, close, 14).to_numpy()
first = int(np.flatnonzero(~np.isnan(by_pandas_ta))[0])
if not find_spec("talib"):
    np.save(name, by_pandas_ta)
    print("ta", version("ta"), "zeros:", int((by_ta == 0).sum()), "| pandas_ta", version("pandas_ta"), "begins at bar", first)
    assert (by_ta == 0).sum() == 13 and first == 13 and np.allclose(by_ta[13:], by_pandas_ta[13:]), "it has changed"
else:
    apart = np.abs(by_pandas_ta - np.load(name))
    print("pandas_ta beside TA-Lib", version("TA-Lib"), "begins at bar", first, "| apart from before:", apart[[14, 50, 199]])
    assert first == 14 and apart[14] > 0.01 and apart[199] > 0, "it has changed"
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/atr.py" "$folder"
"$folder/venv/bin/pip" install --quiet TA-Lib==0.8.2
"$folder/venv/bin/python" -W ignore "$folder/atr.py" "$folder"
