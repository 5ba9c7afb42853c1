#!/usr/bin/env bash
# Polars 2.1.0, scan_parquet of a folder: every file below it must end in .parquet. A file of another ending is refused
# also where the other readers of data folders do not look: with an underscore or a dot before its name, or in a folder
# that is called so. Only an empty file (_SUCCESS) is passed over.
# Seen: pandas 3.1.1 and PyArrow 26.0.1 read the same folder; Polars raises "different file extensions" for each.
# It matters to tables that keep a log beside their files, and to writers that leave metadata in the folder.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet polars==2.1.0 pandas==3.1.1 pyarrow==26.0.1
FOLDER=$folder "$folder/venv/bin/python" - <<'PYTHON'
import os
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

seen = {}
for beside in ("_SUCCESS", "_log.jsonl", ".log.jsonl", "_log/0.jsonl", ".log/0.jsonl"):
    bars = Path(os.environ["FOLDER"], beside.replace("/", "-"), "bars")
    (bars / beside).parent.mkdir(parents=True)
    pq.write_table(pa.table({"close": [1.0, 2.0]}), bars / "2024-03.parquet")
    (bars / beside).write_text("" if beside == "_SUCCESS" else "{}\n")
    assert len(pd.read_parquet(bars)) == 2
    assert ds.dataset(bars).count_rows() == 2
    try:
        seen[beside] = len(pl.scan_parquet(bars).collect())
    except pl.exceptions.InvalidOperationError as error:
        seen[beside] = "different file extensions" if "extension" in str(error) else str(error)
print("polars", pl.__version__, "rows or refusal, by what lies beside:", seen)
refused = "different file extensions"
assert seen == {name: 2 if name == "_SUCCESS" else refused for name in seen}, "it has changed"
PYTHON
