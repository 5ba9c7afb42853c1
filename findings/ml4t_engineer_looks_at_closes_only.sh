#!/usr/bin/env bash
# ml4t-engineer 0.2.1, triple_barrier_labels: a frame with the columns open, high, low and close is labeled by closes alone, without a
# word, unless `high_col` and `low_col` name the other two. Most touches inside of bars are then not seen.
# Seen: a bar with high 103 and close 100 does not touch a target at 102; with the two arguments it does.
# Needs Python 3.12 or newer.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.12}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ml4t-engineer==0.2.1
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import datetime, timedelta
from importlib.metadata import version

import polars as pl
from ml4t.engineer.config import LabelingConfig
from ml4t.engineer.labeling import triple_barrier_labels

bars = pl.DataFrame(
    {
        "timestamp": [datetime(2024, 3, 4, 15) + timedelta(seconds=second) for second in range(3)],
        "open": [100.0, 100.0, 100.0],
        "high": [100.0, 103.0, 100.0],
        "low": [100.0, 100.0, 100.0],
        "close": [100.0, 100.0, 100.0],
    }
)
rule = LabelingConfig.triple_barrier(upper_barrier=0.02, lower_barrier=0.01, max_holding_period=2)
plain, named = (
    triple_barrier_labels(bars, rule, timestamp_col="timestamp", **columns)["label"].to_list()
    for columns in ({}, {"high_col": "high", "low_col": "low"})
)
print("ml4t-engineer", version("ml4t-engineer"), "labels:", plain, "with high_col and low_col:", named)
assert plain == [0, 0, 0] and named == [1, 0, 0], "it has changed"
PYTHON
