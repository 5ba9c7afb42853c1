#!/usr/bin/env bash
# DuckDB 2.0.1, COPY to Parquet: whether a column is REQUIRED or OPTIONAL in the file follows from the rows that the
# query happens to read. Where statistics say that there is no null, the column is required; one null makes it optional.
# Files of one query over different days then have different schemas, which strict readers refuse to append or to join.
# Seen: the same query writes OPTIONAL over rows with a null, REQUIRED over rows without, and OPTIONAL over both with
# the optimizer's statistics_propagation switched off.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
FOLDER=$folder "$folder/venv/bin/python" - <<'PYTHON'
import os

import duckdb

folder, seen = os.environ["FOLDER"], []
for disabled in ("", "statistics_propagation"):
    connection = duckdb.connect()
    connection.execute(f"set disabled_optimizers = '{disabled}'")
    connection.execute("create table day as select * from (values (1, 10), (2, null), (3, 30)) as t(day, x)")
    for day in (2, 3):
        path = f"{folder}/{day}{disabled}.parquet"
        connection.execute(f"create or replace table one as select x from day where day = {day}")
        connection.execute(f"copy (select x from one) to '{path}' (format parquet)")
        schema = f"select repetition_type from parquet_schema('{path}') where name = 'x'"
        seen.append(connection.execute(schema).fetchall()[0][0])
print("duckdb", duckdb.__version__, "with a null, without, and both without statistics propagation:", seen)
assert seen == ["OPTIONAL", "REQUIRED", "OPTIONAL", "OPTIONAL"], "it has changed"
PYTHON
