#!/usr/bin/env bash
# A window without an ORDER BY passes rows on as they come if it stands on a table, and takes all of them into memory first if it stands on a
# join, whose rows have no order that it could keep: the same `lag(close) over ()`, or a running sum. A second window on top of the first one
# passes them on again. DuckDB 2.0.1; the plan says STREAMING_WINDOW and WINDOW.
# Seen: over four million bars of twelve columns, which take 473 MB themselves, a peak of 473 MB from the table alone and of 925 MB behind a
# left join with a table of ten rows.
# It matters because memory is what a run over years of bars has least of, and a join of a few rolls or holidays is easily written first.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import json
import re

import duckdb

con = duckdb.connect(config={"threads": 1})
columns = ", ".join(f"(range * {n})::bigint as column_{n}" for n in range(1, 12))
con.execute(f"create table bars as select range as bar, {columns} from range(4_000_000)")
con.execute("create table rolls as select range * 1000 as bar, 1 as is_roll from range(10)")
windows = {
    "table": "select bars.*, lag(column_1) over () as before from bars",
    "join": "select bars.*, is_roll, lag(column_1) over () as before from bars left join rolls using (bar)",
    "window on a window": "select *, sum(before) over (rows unbounded preceding) as so_far from ("
    "select bars.*, is_roll, lag(column_1) over () as before from bars left join rolls using (bar))",
}
found, peaks = {}, {}
for name, query in windows.items():
    ((_, plan),) = con.execute(f"explain (format json) {query}").fetchall()
    found[name] = re.findall(r"\w*WINDOW", plan)
    con.execute("pragma enable_profiling = 'no_output'")
    con.execute(f"select max(before), max(columns(b.* exclude (before))) from ({query}) as b").fetchall()
    peaks[name] = json.loads(con.get_profiling_information(format="json"))["system"]["peak_buffer_memory"] / 1e6
    con.execute("pragma disable_profiling")
print("duckdb", duckdb.__version__, found, {name: f"{peak:.0f} MB" for name, peak in peaks.items()})
assert found == {
    "table": ["STREAMING_WINDOW"],
    "join": ["WINDOW"],
    "window on a window": ["STREAMING_WINDOW", "WINDOW"],
}, "it has changed"
assert peaks["join"] > peaks["table"] + 300, "it has changed"
PYTHON
