#!/usr/bin/env bash
# DuckDB 2.0.1, COPY to a local file: an old file is replaced when the new one is whole (it is written as tmp_NAME meanwhile), but
# where there is no old file, the new one grows under its final name. A reader of the folder finds it without a footer, and where
# the process is killed it stays so. `use_tmp_file true` writes beside in both cases.
# Seen while COPY runs: NAME alone the first time; NAME and tmp_NAME over an old file; tmp_NAME alone with the option.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
mkdir "$folder/out"
FOLDER=$folder/out "$folder/venv/bin/python" - <<'PYTHON'
import os
import threading

import duckdb

folder = os.environ["FOLDER"]
connection = duckdb.connect(config={"threads": 2})


def names_during_a_copy(options=""):
    """The longest list of names that the folder has while a file is written."""
    is_done, seen = threading.Event(), set()

    def look():
        while not is_done.is_set():
            seen.add(tuple(sorted(os.listdir(folder))))

    watcher = threading.Thread(target=look)
    watcher.start()
    connection.execute(
        f"copy (select hash(i) as a, hash(i + 1) as b from range(3000000) as r(i)) to '{folder}/bars.parquet' (format parquet{options})"
    )
    is_done.set()
    watcher.join()
    return seen - {()}


first = names_during_a_copy()
again = names_during_a_copy()
os.remove(f"{folder}/bars.parquet")
beside = names_during_a_copy(", use_tmp_file true")
print("duckdb", duckdb.__version__, "first:", first, "over an old one:", again, "use_tmp_file:", beside)
new, temporary = "bars.parquet", "tmp_bars.parquet"
assert first == {(new,)} and (new, temporary) in again and (temporary,) in beside, "it has changed"
PYTHON
