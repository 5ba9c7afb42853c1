#!/usr/bin/env bash
# ml4t-engineer 0.2.1: `max_holding_period="5m"` ends at the first bar at or after five minutes, however much later that is. A trade
# of Friday evening is decided by Monday's first bar, and its label is the weekend's gap.
# Seen: entered on Friday at 20:58, label 1 from the bar of Monday at 13:30.
# It matters to everyone whose data has pauses: the horizon is no promise. Needs Python 3.12 or newer.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.12}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ml4t-engineer==0.2.1
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import datetime
from importlib.metadata import version

import polars as pl
from ml4t.engineer.config import LabelingConfig
from ml4t.engineer.labeling import triple_barrier_labels

times = [datetime(2024, 3, 8, 20, 58), datetime(2024, 3, 8, 20, 59), datetime(2024, 3, 11, 13, 30), datetime(2024, 3, 11, 13, 31)]
prices = {name: [100.0, 100.0, 103.0, 103.0] for name in ("open", "high", "low", "close")}
rule = LabelingConfig.triple_barrier(upper_barrier=0.02, lower_barrier=0.01, max_holding_period="5m")
labels = triple_barrier_labels(
    pl.DataFrame({"timestamp": times, **prices}), rule, timestamp_col="timestamp", high_col="high", low_col="low"
)
label, bars = labels["label"][0], labels["label_bars"][0]
print("ml4t-engineer", version("ml4t-engineer"), "label of Friday 20:58:", label, "after bars:", bars, "at", times[bars])
assert label == 1 and bars == 2, "it has changed"
PYTHON
