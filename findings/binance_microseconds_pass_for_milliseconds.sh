#!/usr/bin/env bash
# Binance's archives of spot bars have times in milliseconds until 2024 and in microseconds since 2025-01-01. pandas 2.3.3 refuses
# microseconds that are read with unit="ms"; pandas 3.1.1, whose times need not be nanoseconds any more, takes them for the year 56971, and
# DuckDB 2.0.1 (epoch_ms, and what pandas writes to Parquet) does too.
# Seen: the first bar of 2025, OutOfBoundsDatetime under pandas 2, the year 56971 under pandas 3 and after a file.
# It matters because the error was what told old loaders that the files had changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
for pandas in 2.3.3 3.1.1; do
    python3 -m venv "$folder/$pandas"
    "$folder/$pandas/bin/pip" install --quiet pandas==$pandas duckdb==2.0.1 pyarrow==26.0.1
    FOLDER=$folder "$folder/$pandas/bin/python" - <<'PYTHON'
import os

import duckdb
import pandas as pd

first_of_2025 = 1_735_689_600_000_000
path = f"{os.environ['FOLDER']}/bars.parquet"
try:
    bars = pd.DataFrame({"timestamp": pd.to_datetime([first_of_2025], unit="ms")})
    bars.to_parquet(path)
    ((found, also),) = duckdb.execute(f"select year(timestamp), year(epoch_ms({first_of_2025})) from '{path}'").fetchall()
    seen = (bars["timestamp"][0].year, found, also)
except pd.errors.OutOfBoundsDatetime:
    seen = "OutOfBoundsDatetime"
print("pandas", pd.__version__, "duckdb", duckdb.__version__, "2025-01-01 in microseconds, read as milliseconds:", seen)
assert seen == ("OutOfBoundsDatetime" if pd.__version__.startswith("2") else (56971,) * 3), "it has changed"
PYTHON
done
