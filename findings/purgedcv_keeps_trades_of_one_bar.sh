#!/usr/bin/env bash
# purgedcv 0.1.11 takes a label as [prediction time, evaluation time), without its last moment. A label that is decided in the bar
# it begins with has no length then, and is purged by nothing.
# Seen: ten bars with labels of 3 bars, that of bar 5 decided in its own bar. The test's last label runs from bar 4 to bar 7, and
# the labels of bars 5 and 7 stay among those to learn from; with ends a moment later both are purged.
# It matters because labelers give the bar that decided (t1, touch_time), and the book counts that bar in.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet purgedcv==0.1.11
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import pandas as pd
from purgedcv import PurgedKFold

begins = pd.Series(pd.date_range("2024-03-04", periods=10, freq="s"))
ends = begins + pd.Timedelta(seconds=3)
ends[5] = begins[5]
seen = {}
for name, last in (("as given", ends), ("a moment later", ends + pd.Timedelta(milliseconds=1))):
    folds = PurgedKFold(2, prediction_times=begins, evaluation_times=last)
    train, test = next(folds.split(begins))
    seen[name] = [int(row) for row in train]
    print("purgedcv", version("purgedcv"), "test:", list(map(int, test)), name, "train:", seen[name])
# The test's last label runs from bar 4 to bar 7.
assert seen == {"as given": [5, 7, 8, 9], "a moment later": [8, 9]}, "it has changed"
PYTHON
