"""The commands that make inputs of labeling: parse, call, print."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from duck_label.cli.options import Day, HomePath, debug


@click.command()
@click.option("--calendar", required=True, metavar="NAME", help="Such as 'CME Globex Equity'.")
@click.option("--start", required=True, type=Day(), help="First date of a session.")
@click.option("--end", required=True, type=Day(), help="First date whose session is not written.")
@click.option(
    "-o",
    "--output",
    "path",
    required=True,
    type=HomePath(dir_okay=False),
    metavar="FILE.parquet",
    help="The file to write.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@debug
def sessions(calendar: str, start: date, end: date, path: Path, overwrite: bool) -> None:
    """Write the sessions of an exchange's calendar, with holidays, early closes and breaks.

    Columns open and close, in UTC; a session is half open, and what a break divides are two. Its
    date is the calendar's own: a session that opens in the evening has the next. Needs
    duck-label[calendars].

    \b
    duck-label sessions --calendar "CME Globex Equity" --start 2023-01-01 --end 2025-01-01 \\
        -o sessions.parquet
    """
    from duck_label.signals.sessions import write_sessions
    from duck_label.tables import counted

    made = write_sessions(path, calendar, start, end, overwrite=overwrite)
    click.echo(
        f"{path}: {counted(made.sessions, 'session')} from {made.first.open:%Y-%m-%d %H:%M} to "
        f"{made.last.close:%Y-%m-%d %H:%M} UTC"
    )
