#!/usr/bin/env bash
# DuckDB 2.0.1: while a statement runs, a Python signal handler is called at once, but what it raises never arrives: the caller
# gets RuntimeError("Query interrupted"), with neither cause nor context, the same as for Ctrl-C.
# Seen: a handler of SIGALRM that raises an exception of its own, once while DuckDB counts and once while Python does.
# It matters because limits of time are set so (by test runners, too): a test that took too long fails with another error, and
# whoever takes that text for Ctrl-C ends the whole run.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import signal

import duckdb


class OutOfTime(Exception):
    pass


def ring(*_):
    raise OutOfTime("half a second is over")


def caught(work):
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        work()
    except Exception as error:
        return type(error).__name__, str(error), error.__cause__, error.__context__
    raise SystemExit("the work was over too soon")


def count():
    for _ in range(10**10):
        pass


signal.signal(signal.SIGALRM, ring)
connection = duckdb.connect()
query = "select sum(a.i * b.i) from range(200000) as a(i), range(200000) as b(i)"
seen = {"Python": caught(count), "DuckDB": caught(lambda: connection.execute(query).fetchall())}
print("duckdb", duckdb.__version__, seen)
assert seen["Python"][0] == "OutOfTime", "it has changed"
assert seen["DuckDB"] == ("RuntimeError", "Query interrupted", None, None), "it has changed"
PYTHON
