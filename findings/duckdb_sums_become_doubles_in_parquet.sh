#!/usr/bin/env bash
# DuckDB 2.0.1: sum of BIGINT is a HUGEINT, so that it cannot overflow. Parquet has none, and COPY writes it as DOUBLE without a
# word: beyond 2^53 the sum that is read back is another one.
# Seen: 2^53 + 1, summed and written, comes back as 9007199254740992.0.
# It matters for volumes, nanoseconds and fixed-point prices, whose sums pass 2^53 soon; `sum(x)::bigint` keeps them.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
FOLDER=$folder "$folder/venv/bin/python" - <<'PYTHON'
import os

import duckdb

path = f"{os.environ['FOLDER']}/sums.parquet"
values = "(values (9007199254740992::bigint), (1::bigint)) as t(x)"
((kind, exact),) = duckdb.execute(f"select typeof(sum(x)), sum(x) from {values}").fetchall()
duckdb.execute(f"copy (select sum(x) as total from {values}) to '{path}' (format parquet)")
((written, found),) = duckdb.execute(f"select typeof(total), total from '{path}'").fetchall()
print("duckdb", duckdb.__version__, kind, exact, "is read back as", written, repr(found))
assert (kind, exact, written, found) == ("HUGEINT", 2**53 + 1, "DOUBLE", 2.0**53), "it has changed"
PYTHON
