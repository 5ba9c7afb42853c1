#!/usr/bin/env bash
# DuckDB 2.0.1, read_parquet of a list of files by name: a name with a bracket in it ("bars [ES].parquet") is a pattern,
# and it stays one where the bracket is escaped as patterns want it: the folder is listed for it, once for every name
# of the list. So the time grows with the square of the number of files. A struct {'filename': name} is a name.
# Seen: 50 listings for 50 escaped names, none for 50 structs, the same rows of both.
# It matters wherever contracts or venues stand in brackets in the names of files, one file a day.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1 fsspec==2026.2.0
FOLDER=$folder "$folder/venv/bin/python" - <<'PYTHON'
import os
from glob import escape

import duckdb
from fsspec.implementations.local import LocalFileSystem

listings = 0


class Counted(LocalFileSystem):
    protocol = "counted"

    @classmethod
    def _strip_protocol(cls, path):
        return LocalFileSystem._strip_protocol(path.removeprefix("counted://"))

    def glob(self, path, **options):
        global listings
        listings += 1
        return [f"counted://{name}" for name in super().glob(path, **options)]


folder, names = os.environ["FOLDER"], [f"bars [ES] {day}.parquet" for day in range(50)]
for name in names:
    duckdb.sql(f"copy (select 1 as open) to '{folder}/{name}' (format parquet)")
connection = duckdb.connect()
connection.register_filesystem(Counted())
seen = []
for files in (
    [f"counted://{escape(f'{folder}/{name}')}" for name in names],
    [{"filename": f"counted://{folder}/{name}"} for name in names],
):
    listings = 0
    ((rows,),) = connection.execute("select count(*) from read_parquet($files)", {"files": files}).fetchall()
    seen.append((listings, rows))
print("duckdb", duckdb.__version__, "listings and rows, by escaped name and by struct:", seen)
assert seen == [(50, 50), (0, 50)], "it has changed"
PYTHON
