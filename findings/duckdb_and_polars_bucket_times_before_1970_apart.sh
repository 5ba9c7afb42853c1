#!/usr/bin/env bash
# DuckDB 2.0.1 and Polars 2.1.0: whole seconds since 1970, gathered into minutes by `//`. DuckDB divides towards zero,
# Polars downwards, and so do `time_bucket` of DuckDB and Python itself.
# Seen: for -61, -60, -59, 59 and 60 DuckDB says -1, -1, 0, 0, 1, and Polars -2, -1, -1, 0, 1: in DuckDB the minute 0
# holds two minutes of bars, 119 seconds of them, and all bars before it lie in the minute after their own, but for
# the first of each.
# It matters where bars before 1970 (daily bars of shares and futures reach that far) are gathered by a clock.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1 polars==2.1.0
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb
import polars

clocks = [-61, -60, -59, 59, 60]
ours = [duckdb.execute("select $1::bigint // 60", [clock]).fetchone()[0] for clock in clocks]
bucket = "select epoch(time_bucket(interval 1 minute, make_timestamp($1::bigint * 1000000)))::bigint"
theirs = [duckdb.execute(bucket, [clock]).fetchone()[0] // 60 for clock in clocks]
frame = polars.DataFrame({"clock": clocks}).select(polars.col("clock") // 60)["clock"].to_list()
print("duckdb", duckdb.__version__, "//", ours, "time_bucket", theirs)
print("polars", polars.__version__, "//", frame)
assert ours == [-1, -1, 0, 0, 1], "it has changed"
assert theirs == frame == [-2, -1, -1, 0, 1], "it has changed"
PYTHON
