#!/usr/bin/env bash
# DuckDB 2.0.1: memory of a table that was dropped stays with the process. Setting memory_limit again, to the value that it
# has, gives it back to the operating system.
# Seen: 558 MB of RSS with the table, 558 MB after DROP TABLE, 77 MB after SET memory_limit.
# It matters to whoever counts the resident memory of a process: containers, budgets, several workers on one machine.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1 psutil==7.1.3
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb
import psutil

resident = psutil.Process().memory_info
connection = duckdb.connect(config={"memory_limit": "2GB", "threads": 2})
connection.execute("""
    create temp table t as
    select hash(i) as a, hash(i + 1) as b, hash(i + 2) as c from range(20000000) as r(i)
""")
held = resident().rss
connection.execute("drop table t")
dropped = resident().rss
connection.execute("set memory_limit = '2GB'")
given_back = resident().rss
sizes = [f"{size >> 20} MB" for size in (held, dropped, given_back)]
print("duckdb", duckdb.__version__, "with the table, dropped, limit set again:", *sizes)
assert dropped > 0.9 * held > 300e6 and given_back < 0.5 * dropped, "it has changed"
PYTHON
