#!/usr/bin/env bash
# DuckDB 2.0.1, ASOF join: where fewer than 64 rows are expected on the left (asof_loop_join_threshold), it is run as a loop
# over the right table, once for each left row. What is expected is a guess: rows that come out of an unnest, a lateral join or
# a view over an aggregate count as one, also where thousands come.
# Seen: for 1,000 rows where one is expected, the same join takes over ten times the CPU time that it takes with the threshold at 0.
# It grows with the product of both tables. It matters to whoever generates the times that he asks for.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import time

import duckdb

connection = duckdb.connect(config={"threads": 2})
connection.execute("create table quotes as select (i * 7919) % 200000 as t, i as price from range(200000) as r(i)")
seen = []
for threshold in (64, 0):
    connection.execute(f"set asof_loop_join_threshold = {threshold}")
    began = time.process_time()
    rows = connection.execute("""
        select count(*), sum(price)
        from (
            select t
            from (select max(t) as latest from quotes) as newest, lateral (select unnest(range(1000)) * 200 as t)
        ) as asked
        asof left join quotes on asked.t >= quotes.t
    """).fetchall()
    seen.append((rows, time.process_time() - began))
(by_loop, slow), (by_sorting, fast) = seen
print("duckdb", duckdb.__version__, f"CPU seconds as a loop {slow:.2f}, sorted {fast:.2f}; rows and sum", by_loop[0])
assert by_loop == by_sorting and slow > 4 * fast, "it has changed"
PYTHON
