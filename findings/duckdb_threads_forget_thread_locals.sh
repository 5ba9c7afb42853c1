#!/usr/bin/env bash
# DuckDB 2.0.1, files by fsspec (register_filesystem): DuckDB's own threads read them, and Python makes a new thread state for
# each call and drops it afterwards. A threading.local is therefore empty at every call, though threading.get_ident() tells the
# same threads. A connection, a session or a position that a file system keeps in one is opened anew for every read, or lost.
# Seen: the value is missing at every call of DuckDB's threads, far more often than there are threads.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1 fsspec==2026.9.0
FOLDER=$folder "$folder/venv/bin/python" - <<'PYTHON'
import os
import threading

import duckdb
from fsspec.implementations.local import LocalFileSystem

main, kept = threading.get_ident(), threading.local()
calls, missing, threads = 0, 0, set()


class Counted:
    """DuckDB shares a file among its threads, and seeks before it reads: each thread has its own place here."""

    def __init__(self, file):
        self.file, self.places, self.lock = file, {}, threading.Lock()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def seek(self, place, whence=0):
        with self.lock:
            self.places[threading.get_ident()] = self.file.seek(place, whence)
            return self.places[threading.get_ident()]

    def read(self, size=-1):
        global calls, missing
        with self.lock:
            if threading.get_ident() != main:
                calls, missing = calls + 1, missing + (not hasattr(kept, "value"))
                kept.value = True
                threads.add(threading.get_ident())
            self.file.seek(self.places.get(threading.get_ident(), 0))
            return self.file.read(size)


class Files(LocalFileSystem):
    protocol = "counted"

    @classmethod
    def _strip_protocol(cls, path):
        return LocalFileSystem._strip_protocol(path.removeprefix("counted://"))

    def _open(self, path, mode="rb", **options):
        return Counted(super()._open(path, mode, **options))


path = f"{os.environ['FOLDER']}/rows.parquet"
duckdb.execute(f"copy (select hash(i) as x, i as y from range(4000000) as r(i)) to '{path}' (row_group_size 20000)")
connection = duckdb.connect(config={"threads": 4})
connection.register_filesystem(Files())
connection.execute(f"select sum(x % 7) from 'counted://{path}'").fetchall()
print("duckdb", duckdb.__version__, "calls:", calls, "without the value:", missing, "threads:", len(threads))
assert missing == calls > 4 * len(threads) > 0, "it has changed"
PYTHON
