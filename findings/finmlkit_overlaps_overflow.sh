#!/usr/bin/env bash
# finmlkit 0.1.11 counts how many labels lie over a bar in 16 bits. 40,000 overlapping labels, as one-second bars with a
# horizon of half a day have them, turn the count negative, and with it the weights.
# Seen: a count of -32,768 somewhere, and weights below zero.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet finmlkit==0.1.11
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from finmlkit.label.weights import average_uniqueness

bars = 40_001
clocks = np.arange(bars, dtype=np.int64) * 1_000_000_000
events = np.arange(bars - 1, dtype=np.int64)
weights, concurrency = average_uniqueness(clocks, events, np.full(bars - 1, bars - 1, dtype=np.int64))
print("finmlkit", version("finmlkit"), "least count", concurrency.min(), "least weight", weights.min())
assert concurrency.min() == -32_768 and weights.min() < 0, "it has changed"
PYTHON
