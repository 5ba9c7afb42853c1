#!/usr/bin/env bash
# DuckDB 2.0.1: an aggregate of DOUBLE over a sliding frame is put together from parts that lie where the table happens
# to begin, so the same hundred rows give other bits in another table. Sums of whole numbers are the same everywhere.
# Seen: of the rows that both tables have, thousands differ in stddev_samp and in avg, none in the sum of HUGEINT.
# It matters for volatility columns that are computed piece by piece, or again when a new day has come.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

frame = "over (order by i rows 99 preceding)"
windows = f"""
    select i, stddev_samp(x) {frame} as std, avg(x) {frame} as mean, sum(n::hugeint * n) {frame} as whole from
"""
rows = "(select i, hash(i) % 1000003 as n, (hash(i) % 1000003) / 7.0 as x from range(40000) as t(i))"
(std, mean, whole), = duckdb.sql(f"""
    select count_if(a.std <> b.std), count_if(a.mean <> b.mean), count_if(a.whole <> b.whole)
    from ({windows} {rows}) as a
    inner join ({windows} (from {rows} where i >= 12345)) as b on a.i = b.i and a.i >= 12345 + 99
""").fetchall()
print("duckdb", duckdb.__version__, "rows that differ: std", std, "mean", mean, "sum of whole numbers", whole)
assert std > 1000 and mean > 1000 and whole == 0, "it has changed"
PYTHON
