"""Tables for people: colours and lines on a terminal, plain columns anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table as RichTable

_COLOURS = {"pass": "green", "warn": "yellow", "fail": "bold red"}


@dataclass(frozen=True)
class Table:
    """Rows of text under headers; the first `left` columns are words, the others numbers."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1


def counted(number: int, thing: str) -> str:
    """A number of things in words: 1 chunk, 2,000 chunks."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def show(parts: Sequence[Table | str]) -> None:
    """Write tables and lines to stdout."""
    from rich.console import Console  # takes a while, and most commands show no table

    is_terminal = sys.stdout.isatty()
    # Anywhere but on a terminal a row is one line, however long.
    console = Console(file=sys.stdout, width=None if is_terminal else 10_000, highlight=False)
    with console.capture() as captured:
        for part in parts:
            console.print(
                part if isinstance(part, str) else _drawn(part, is_terminal), markup=False
            )
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _drawn(table: Table, is_terminal: bool) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(
        title=Text(table.title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD if is_terminal else None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for place, header in enumerate(table.headers):
        drawn.add_column(Text(header), justify="left" if place < table.left else "right")
    for row in table.rows:
        drawn.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in row))
    return drawn


def number(value: float | None, digits: int = 0) -> str:
    """A number as people write it; nothing for none."""
    return "" if value is None else f"{value:,.{digits}f}"


def share(value: float | None) -> str:
    """A share in percent; nothing for none."""
    return "" if value is None else f"{value:.1%}"
