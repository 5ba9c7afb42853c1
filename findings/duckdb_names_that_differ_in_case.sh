#!/usr/bin/env bash
# DuckDB 2.0.1, a Parquet file with the columns close and Close, as pandas and Arrow write them: the second one is called Close_1.
# Who asks for "Close" gets the values of close, without a word, also in double quotes.
# Seen: select "Close" returns 1.0, the value of close; that of Close, 2.0, is in "Close_1".
# It matters where a vendor's columns (Close, Volume) and one's own (close, volume) stand side by side.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1 pyarrow==26.0.1
FOLDER=$folder "$folder/venv/bin/python" - <<'PYTHON'
import os

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

path = f"{os.environ['FOLDER']}/bars.parquet"
pq.write_table(pa.table({"close": [1.0], "Close": [2.0]}), path)
names = [name for name, *_ in duckdb.execute(f"describe from '{path}'").fetchall()]
((found,),) = duckdb.execute(f"""select "Close" from '{path}'""").fetchall()
print("duckdb", duckdb.__version__, "columns:", names, "Close:", found)
assert names == ["close", "Close_1"] and found == 1.0, "it has changed"
PYTHON
