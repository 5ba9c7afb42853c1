#!/usr/bin/env bash
# nautilus_trader 1.231.0: the Parquet files of a catalog have prices as 16 bytes, whole numbers of 1e-16 with the lowest byte first, not as
# decimals. Other readers take them for bytes, and compare them from the first one on: `max(high)`, `order by close` and the statistics
# of row groups give an answer without an error, and it is the wrong bar.
# Seen: bars with highs from 5750.00 to 5759.00; by DuckDB 2.0.1, `arg_max(ts_event, high)` is not the last bar.
# It matters to who reads a catalog with anything else: turn the bytes into numbers first. Needs Python 3.12 or newer.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.12}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nautilus_trader==1.231.0 duckdb==2.0.1
FOLDER=$folder "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import os

import duckdb
import nautilus_trader
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.persistence.catalog import ParquetDataCatalog

kind, minute = BarType.from_str("ESM5.GLBX-1-MINUTE-LAST-EXTERNAL"), 60_000_000_000
bars = [
    Bar(kind, *[Price(5750 + n, 2)] * 4, Quantity.from_int(1), n * minute, n * minute)
    for n in range(10)
]
ParquetDataCatalog(os.environ["FOLDER"]).write_data(bars)
rows = duckdb.execute(
    "select typeof(high), high, ts_event from read_parquet($files) order by ts_event",
    {"files": f"{os.environ['FOLDER']}/data/bar/**/*.parquet"},
).fetchall()
highest = max(rows, key=lambda row: row[1])
numbers = [int.from_bytes(high, "little", signed=True) / 10**16 for _, high, _ in rows]
((found,),) = duckdb.execute(
    "select arg_max(ts_event, high) // $minute from read_parquet($files)",
    {"files": f"{os.environ['FOLDER']}/data/bar/**/*.parquet", "minute": minute},
).fetchall()
print("nautilus_trader", nautilus_trader.__version__, "duckdb", duckdb.__version__, rows[0][0], "as numbers:", numbers)
print("the bar of the highest high is number", found, "for DuckDB; it is 9")
assert rows[0][0] == "BLOB" and numbers == [5750.0 + n for n in range(10)], "it has changed"
assert found == highest[2] // minute != 9, "it has changed"
PYTHON
