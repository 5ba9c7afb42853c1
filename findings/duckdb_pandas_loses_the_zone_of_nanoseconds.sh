#!/usr/bin/env bash
# DuckDB 2.0.1, .df(): a TIMESTAMPTZ comes to pandas as UTC, a TIMESTAMPTZ_NS without a zone. Compared with the other, or with
# what pandas reads from the same Parquet file, it raises; in a plot or a join by local time it is hours off.
# Seen: datetime64[us, UTC] and datetime64[ns] for the same moment.
# It matters because Databento, Polars and pandas write nanoseconds in UTC.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1 pandas==3.1.1
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb
import pandas

connection = duckdb.connect()
connection.execute("set TimeZone = 'UTC'")
frame = connection.execute(
    "select '2024-03-05 15:00:00+00'::timestamptz as micro, '2024-03-05 15:00:00+00'::timestamptz_ns as nano"
).df()
print("duckdb", duckdb.__version__, "pandas", pandas.__version__, dict(frame.dtypes.astype(str)))
assert str(frame["micro"].dt.tz) == "UTC" and frame["nano"].dt.tz is None, "it has changed"
PYTHON
