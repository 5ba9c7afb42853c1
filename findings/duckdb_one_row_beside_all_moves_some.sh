#!/usr/bin/env bash
# Behind a cross join with a table of one row (the parameters of a contract, say) DuckDB 2.0.1 hands on some rows later than those that
# followed them, where a filter left few of a vector: with one thread, and with `preserve_insertion_order` on. The same rows keep their order
# behind a WHERE, and with the constant written out.
# Seen: of 337,147 bars in order two are followed by an earlier one behind the cross join, none without it.
# It matters because `lag(x) over ()`, and a table that is read beside another one by its place, then take the wrong neighbours, and
# because it happens only where few rows of a vector are left.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

con = duckdb.connect(config={"threads": 1})
con.execute("create table bars as select range as bar from range(500_000)")
con.execute("create table contract as select 0.25 as tick")
# Of every third vector of 2,048 rows some forty are left.
some = "from bars {} where (bar // 2048) % 3 <> 1 or bar % 50 = 0"


def early(query: str) -> tuple[int, int]:
    con.execute(f"create or replace table found as {query}")
    counts = "select count(*), count_if(is_early) from (select bar < lag(bar) over () as is_early from found)"
    (row,) = con.execute(counts).fetchall()
    return row


alone = early(f"select bar, 0.25 as tick {some.format('')}")
beside = early(f"select bar, tick {some.format('cross join contract')}")
print("duckdb", duckdb.__version__, "rows, and those behind a later one; without a join:", alone, "beside one row:", beside)
assert (alone, beside) == ((337_147, 0), (337_147, 2)), "it has changed"
PYTHON
