#!/usr/bin/env bash
# DuckDB 2.0.1: a POSITIONAL JOIN puts two tables together by place, and the optimizer expects no row of it. The next join
# therefore builds its hash table on that side, however large it is, and the rows come out in the order of the other table.
# Seen: 200,000 rows in order, put together by place and left joined with a table of 50,000 in another order, come out of order;
# the same rows from one table stay in order.
# It matters because a positional join is only ever used where the order of rows is what counts.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

connection = duckdb.connect(config={"threads": 1})
connection.execute("create table a as select i as x from range(200000) as r(i)")
connection.execute("create table b as select i as y from range(200000) as r(i)")
connection.execute("create table whole as select i as x, i as y from range(200000) as r(i)")
connection.execute("create table s as select (i * 7919) % 50000 as x, i as z from range(50000) as r(i)")
steps_back = {}
for name, source in (("by place", "(select * from a positional join b)"), ("one table", "whole")):
    rows = connection.execute(f"select p.x, s.z from {source} as p left join s on p.x = s.x").fetchall()
    assert len(rows) == 200000
    steps_back[name] = sum(later[0] < earlier[0] for earlier, later in zip(rows, rows[1:]))
print("duckdb", duckdb.__version__, "steps back in the order of rows:", steps_back)
assert steps_back["by place"] > 1000 and steps_back["one table"] == 0, "it has changed"
PYTHON
