#!/usr/bin/env bash
# DuckDB 2.0.1: outcomes in an ENUM, and a constant beside them. Compared with the ENUM, the constant 'skipped' becomes
# one of its values. In a CASE, a coalesce or an if beside the ENUM it does not: the whole column becomes VARCHAR.
# 1::ubigint << a bar's number is of 128 bits in the same silence (bit masks of touches are written so).
# Seen: `case when is_skipped then 'skipped' else outcome end` is VARCHAR, and so are the others; with
# 'skipped'::outcome it is the ENUM. A table of two million bars with six such columns, uncompressed as temporary tables
# are, takes 489 blocks in place of 50. The shift is a HUGEINT unless its other side is ::ubigint too.
# It matters where labels of many modes pass through many steps: nothing fails, every step only carries 16 bytes for
# one. A run with volatility barriers took a sixth more time.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys

import duckdb

print("duckdb", duckdb.__version__)
connection = duckdb.connect(f"{sys.argv[1]}/bars.duckdb")
connection.execute("create type outcome as enum ('target', 'stop', 'timeout', 'skipped')")
connection.execute(
    "create table bars as select i as bar, i % 7 = 0 as is_skipped, (case i % 3 when 0 then 'target' "
    "when 1 then 'stop' else 'timeout' end)::outcome as outcome from range(2_000_000) as bars(i)"
)


def kind(expression):
    return connection.execute(f"select typeof({expression}) from bars limit 1").fetchone()[0]


beside = {
    "case": kind("case when is_skipped then 'skipped' else outcome end"),
    "coalesce": kind("coalesce(outcome, 'skipped')"),
    "if": kind("if(is_skipped, 'skipped', outcome)"),
    "typed": kind("case when is_skipped then 'skipped'::outcome else outcome end"),
    "shift": kind("1::ubigint << bar"),
    "typed shift": kind("1::ubigint << (bar % 64)::ubigint"),
}
plan = connection.execute("explain select count_if(outcome = 'stop') from bars").fetchone()[1]
print(beside, "compared:", "CAST" in plan)


def blocks(constant):
    columns = ", ".join(
        f"case when is_skipped then {constant} else outcome end as outcome_{n}" for n in range(6)
    )
    connection.execute("set force_compression = 'uncompressed'")
    connection.execute(f"create or replace table labels as select {columns} from bars")
    connection.execute("checkpoint")
    found = connection.execute("select count(distinct block_id) from pragma_storage_info('labels')")
    return found.fetchone()[0]


text, typed = blocks("'skipped'"), blocks("'skipped'::outcome")
print("blocks of six columns:", text, "as text,", typed, "as the ENUM")
enum = "ENUM('target', 'stop', 'timeout', 'skipped')"
assert beside["case"] == beside["coalesce"] == beside["if"] == "VARCHAR", "it has changed"
assert beside["typed"] == enum and "CAST" not in plan, "it has changed"
assert (beside["shift"], beside["typed shift"]) == ("HUGEINT", "UBIGINT"), "it has changed"
assert text > 5 * typed, "it has changed"
PYTHON
