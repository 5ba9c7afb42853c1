#!/usr/bin/env bash
# DuckDB 2.0.1, TIMESTAMP_NS: a time in the last nanosecond of a day. Functions that cut a time to a unit go through
# microseconds and round: `date_trunc`, `time_bucket` and `day` tell the next day, `hour` this one's last hour.
# Seen: day 6, date_trunc 2024-03-06, time_bucket 2024-03-06, hour 23, for 2024-03-05 23:59:59.999999999.
# It matters for statistics by day or month over nanosecond bars, which Databento and Polars write.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

seen = duckdb.sql("""
    select day(t), left(date_trunc('day', t)::varchar, 10), left(time_bucket(interval 1 day, t)::varchar, 10), hour(t)
    from (select '2024-03-05 23:59:59.999999999'::timestamp_ns as t)
""").fetchall()[0]
print("duckdb", duckdb.__version__, seen)
assert seen == (6, "2024-03-06", "2024-03-06", 23), "it has changed"
PYTHON
