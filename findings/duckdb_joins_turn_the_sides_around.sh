#!/usr/bin/env bash
# DuckDB 2.0.1: rows leave a left join in the order of the left table only while that is expected to be the larger one; else the sides are
# turned around, and the order is that of the other table. `row_number() over ()`, which streams, then numbers the rows by it. Of a
# POSITIONAL JOIN, which is only ever used where order counts, no row is expected, so the next join turns around whatever its size.
# Seen: of 50,000 rows none has another number beside a table of 1,000, thousands beside one of 500,000; 200,000 rows put together by place
# lose their order beside a table of 50,000, the same rows of one table keep it.
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

connection.execute("create table a as select i as x from range(200000) as r(i)")
connection.execute("create table b as select i as y from range(200000) as r(i)")
connection.execute("create table whole as select i as x, i as y from range(200000) as r(i)")
connection.execute("create table s as select (i * 7919) % 50000 as x, i as z from range(50000) as r(i)")
steps_back = {}
for name, source in (("by place", "(select * from a positional join b)"), ("one table", "whole")):
    rows = connection.execute(f"select p.x, s.z from {source} as p left join s on p.x = s.x").fetchall()
    assert len(rows) == 200_000
    steps_back[name] = sum(later[0] < earlier[0] for earlier, later in zip(rows, rows[1:]))
print("steps back in the order of rows:", steps_back)
assert steps_back["by place"] > 1000 and steps_back["one table"] == 0, "it has changed"
PYTHON
