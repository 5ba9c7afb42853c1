#!/usr/bin/env bash
# DuckDB 2.0.1's profile counts no rows, and no row groups, of the tables of a `positional join`: its operator reads them itself, so the scans
# below it stand there with 0 rows and no time. The same tables behind a hash join are counted.
# Seen: total_rows_scanned is 0 for two tables of 100,000 rows that are read by their place, 200,000 for a join of them.
# It matters because what a query read is taken from that figure, by people and by what sums profiles up.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import json

import duckdb

con = duckdb.connect(config={"threads": 1})
con.execute("create table bars as select range as bar, range % 7 as close from range(100_000)")
con.execute("create table labels as select range as bar, range % 2 as label from range(100_000)")
con.execute("set enable_profiling = 'no_output'; set profiling_coverage = 'ALL'")
seen = []
for join in ("positional join labels", "join labels using (bar)"):
    ((total,),) = con.execute(f"select sum(close * label) from bars {join}").fetchall()
    seen.append((total, json.loads(con.get_profiling_information(format="json"))["query"]["total_rows_scanned"]))
print("duckdb", duckdb.__version__, "sum, rows scanned; by place:", seen[0], "joined:", seen[1])
assert seen[0][0] == seen[1][0], "the rows are the same"
assert (seen[0][1], seen[1][1]) == (0, 200_000), "it has changed"
PYTHON
