#!/usr/bin/env bash
# mlfinpy 0.1.2, PurgedKFold: nothing is purged before a test fold. Training rows whose labels end after the test has begun stay.
# Seen: 12 days with labels of 3 days in 3 folds: rows 2 and 3 train for the test of rows 4 to 7, the first of which
# begins before their labels end.
# It matters because the class exists to prevent that: scores come out too good.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mlfinpy==0.1.2 scikit-learn==1.5.2
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import pandas as pd
from mlfinpy.cross_validation.cross_validation import PurgedKFold

days = pd.date_range("2024-01-01", periods=12)
ends = pd.Series(days + pd.Timedelta(days=3), index=days)
folds = PurgedKFold(3, ends, 0.0).split(pd.DataFrame({"x": range(12)}, index=days))
train, test = list(folds)[1]
# Strictly inside: a label that ends where the test begins is not counted.
leaks = [int(row) for row in train if days[row] < days[test[0]] < ends.iloc[row]]
print("mlfinpy", version("mlfinpy"), "test:", list(test), "train:", list(train), "overlap:", leaks)
assert leaks == [2, 3], "it has changed"
PYTHON
