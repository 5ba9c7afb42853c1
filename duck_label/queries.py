"""Finds the files in `sql/` and renders them; and which of them are the steps of a chunk.

Values reach a query as parameters (`query_values`). Rendered are only the things that a parameter
cannot express (`query_names`): names of columns and a column per mode or barrier.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from duck_label.columns import identifier, literal
from duck_label.compiled import compiled_templates
from duck_label.trades import Trades

LABEL_STEPS = (
    "label/01_symbols",
    "label/02_series",
    "label/03_bars",
    "label/04_rolls",
    "label/05_crossings",
    "label/06_touches",
    "label/07_trades",
    "label/08_own_touches",
    "label/09_outcomes",
    "label/10_moves",
    "label/11_overlaps",
    "label/12_tally",
    "label/13_part",
)

# The tables of an output folder; `labels_long` reads `labels`.
VIEWS = (
    "views/labels",
    "views/labels_long",
    "views/runs",
    "views/chunks",
    "views/snapshots",
    "views/memory_events",
)


def label_steps(trades: Trades) -> tuple[str, ...]:
    """The steps of a chunk that the trades of a configuration need, in order."""
    needed = {
        "label/05_crossings": bool(trades.sides),
        "label/06_touches": trades.has_shared,
        "label/07_trades": trades.has_shared,
        "label/08_own_touches": trades.has_questions_of_a_bar,
        "label/11_overlaps": trades.weighs_overlap,
    }
    return tuple(step for step in LABEL_STEPS if needed.get(step, True))


@cache
def sql_folder() -> Path:
    """The folder of the SQL files: inside the installed package, or beside it in a checkout."""
    package = Path(str(files("duck_label")))
    shipped = package / "sql"
    return shipped if shipped.is_dir() else package.parent / "sql"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(sql_folder()),
        bytecode_cache=compiled_templates(),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - this renders SQL, whose names `identifier` quotes
    )
    environment.filters["identifier"] = identifier
    environment.filters["literal"] = literal
    return environment


def render(name: str, context: Mapping[str, Any]) -> str:
    """The text of `sql/NAME.sql` for one configuration and input."""
    return _environment().get_template(f"{name}.sql").render(context)
