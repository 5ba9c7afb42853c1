#!/usr/bin/env bash
# ml4t-diagnostic 0.2.0, CombinatorialCV with `label_horizon`: training rows are purged before a test group, none after it, where the labels
# of the last test rows run on into the training rows. An embargo that is shorter than the horizon leaves the rest of them.
# Seen: 100 rows with labels of five rows; the test is rows 20 to 39, whose labels end at row 44. Rows 40 to 44 are trained on, with an
# embargo of three rows 43 and 44.
# It matters because purging is by what labels see, on both sides, and scores come out too good. Needs Python 3.12 or newer.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.12}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ml4t-diagnostic==0.2.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from ml4t.diagnostic.splitters import CombinatorialCV

horizon, seen = 5, {}
for embargo in (0, 3):
    folds = CombinatorialCV(n_groups=5, n_test_groups=1, label_horizon=horizon, embargo_size=embargo).split(np.zeros((100, 1)))
    train, test = next((train, test) for train, test in folds if test.min() == 20)
    before = [int(row) for row in train if row < test.min() <= row + horizon]
    after = [int(row) for row in train if test.max() < row <= test.max() + horizon]
    seen[embargo] = (before, after)
print("ml4t-diagnostic", version("ml4t-diagnostic"), "trained on before and after the test, by embargo:", seen)
assert seen == {0: ([], [40, 41, 42, 43, 44]), 3: ([], [43, 44])}, "it has changed"
PYTHON
