#!/usr/bin/env bash
# DuckDB 2.0.1: window functions without ORDER BY and PARTITION BY stream (row_number, lag, lead over ()), which is many times faster
# than sorting rows that are in order already. They take rows as they come, and behind a left join that is the order of the left
# table only while it is the larger one: then the sides are turned around, and row_number() follows the other table.
# Seen: of 50,000 rows none has another number beside a table of 1,000, thousands beside one of 500,000. The query is the same.
# It matters because tests are small: what numbers rows rightly there does not where the other table has grown.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

connection = duckdb.connect(config={"threads": 1})
connection.execute("create table bars as select i as bar from range(50000) as r(i)")
moved = {}
for rows in (1_000, 500_000):
    connection.execute(f"create or replace table other as select (i * 7919) % {rows} as bar, i as y from range({rows}) as r(i)")
    query = "select bar, row_number() over () - 1 as number, y from bars left join other using (bar)"
    ((moved[rows],),) = connection.execute(f"select count(*) from ({query}) where number <> bar").fetchall()
print("duckdb", duckdb.__version__, "rows with another number, by the size of the other table:", moved)
assert moved[1_000] == 0 and moved[500_000] > 1_000, "it has changed"
PYTHON
