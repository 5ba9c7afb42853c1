#!/usr/bin/env bash
# DuckDB 2.0.1: a result of `execute` counts as unfinished until a fetch finds no row. After `fetchone` of a query that has one
# row, `sql` on the same connection is refused, while another `execute` is not.
# Seen: `count(*)` fetched by `fetchone`, then `sql` and `execute`, on a connection of one's own and on that of the module, which
# all code of a process shares.
# It matters because a count taken in one place makes `duckdb.sql` fail in another that has nothing to do with it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb


def after(place, fetch):
    """What `sql` and `execute` say once the only row of a query is fetched."""
    said = {}
    for name in ("sql", "execute"):
        fetch(place.execute("select count(*) from range(3)"))
        try:
            getattr(place, name)("select 1").fetchall()
            said[name] = "fine"
        except duckdb.Error as error:
            said[name] = type(error).__name__
            place.execute("select 1").fetchall()
    return said


for place in (duckdb.connect(), duckdb):
    by_one = after(place, lambda result: result.fetchone())
    by_all = after(place, lambda result: result.fetchall())
    print("duckdb", duckdb.__version__, "after fetchone:", by_one, "after fetchall:", by_all)
    assert by_one == {"sql": "ResourceInUseException", "execute": "fine"}, "it has changed"
    assert by_all == {"sql": "fine", "execute": "fine"}, "it has changed"
PYTHON
