"""The queries that come with the package: those of `sql/inspect/`, by name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from duck_label.errors import QueryError
from duck_label.fields import nearest
from duck_label.queries import render, sql_folder


@dataclass(frozen=True)
class SavedQuery:
    """A query of `sql/inspect/`: its name, what it tells, and whether it needs `--details`."""

    name: str
    purpose: str
    needs_details: bool
    text: str


def saved_queries() -> dict[str, SavedQuery]:
    """The saved queries by name."""
    found = {}
    for path in sorted((sql_folder() / "inspect").glob("*.sql")):
        text = render(f"inspect/{path.stem}", {})
        header = dict(re.findall(r"^-- (\w+): +(.*)$", text, re.MULTILINE))
        needs_details = header.get("Needs") == "details"
        found[path.stem] = SavedQuery(path.stem, header["Purpose"], needs_details, text)
    return found


def saved_query(name: str) -> SavedQuery:
    """The saved query of that name.

    Raises:
        QueryError: if there is none, with the nearest name.
    """
    known = saved_queries()
    if name not in known:
        hint = nearest(name, list(known))
        raise QueryError(f"there is no saved query @{name}: {hint}")
    return known[name]
