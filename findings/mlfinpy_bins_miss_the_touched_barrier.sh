#!/usr/bin/env bash
# mlfinpy 0.1.2, from mlfinlab's last open version: get_events finds the touch by the simple return, get_bins compares the log
# return with log(1 + target) times the multiple. The further the barrier, the more trades that touched it get label 0.
# Seen: target 10 % twice, the close goes to +20.2 %: touched on the third day, and bin is 0 (log(1.202) < 2 * log(1.1)).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mlfinpy==0.1.2 scikit-learn==1.5.2
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import pandas as pd
from mlfinpy.labeling.labeling import get_bins, get_events

days = pd.date_range("2024-01-01", periods=5)
close = pd.Series([100, 100, 120.2, 120.2, 120.2], index=days)
events = get_events(
    close,
    days[:1],
    [2, 2],
    pd.Series(0.1, index=days),
    0.0,
    1,
    vertical_barrier_times=pd.Series(days[4], index=days[:1]),
    side_prediction=pd.Series(1, index=days),
)
touched, ret, label = events["t1"].iloc[0], *get_bins(events, close)[["ret", "bin"]].iloc[0]
print("mlfinpy", version("mlfinpy"), "touched on", touched.date(), f"return {ret:.3f}, bin {label:.0f}")
assert touched == days[2] and label == 0, "it has changed"
PYTHON
