"""The commands that make inputs of labeling: parse, call, print."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import click

from duck_label.cli.configuration import configuration, settings_of
from duck_label.cli.options import debug
from duck_label.cli.values import Day, ParquetPath


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="BARS...")
@click.option(
    "-o",
    "--output",
    "path",
    required=True,
    type=ParquetPath(),
    metavar="FILE.parquet",
    help="The file to write, or to go on with.",
)
@click.option(
    "--cusum",
    required=True,
    metavar="'20 ticks'|'1.5 points'|'0.1%'",
    help="How far closes move to an event; percent are of log differences.",
)
@configuration
@click.option("--overwrite", is_flag=True, help="Make all events anew.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Write nothing but errors to stderr.")
@click.option("--no-progress", is_flag=True, help="Show no progress bar.")
@debug
def events(
    inputs: tuple[str, ...],
    path: Path,
    cusum: str,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    no_progress: bool,
    **configuration: Any,
) -> None:
    """Write the bars at which prices have moved: the events of a symmetric CUSUM filter.

    Changes of the close add up, of each symbol from bar to bar, to a sum that is never below 0 and
    one that is never above. Where one passes the threshold there is an event, its side is 1 or -1,
    and that sum is 0 again. Where a contract rolls (roll_gap_points) both begin anew.

    The columns are timestamp, symbol if the bars have one, and side. The same command goes on where
    the file ends, from bars that joined the input after its last one.

    \b
    duck-label events bars/ -o events.parquet --cusum "20 ticks"
    duck-label events bars/ -o events.parquet --cusum "0.1%"
    """
    from duck_label.cli.progress import ReadingProgress
    from duck_label.signals.cusum import Threshold
    from duck_label.signals.events import write_events
    from duck_label.tables import counted

    threshold = Threshold.read(cusum)
    config = settings_of(configuration).config
    with ReadingProgress(quiet=quiet, show_bar=not no_progress) as progress:
        found = write_events(inputs, path, threshold, config, progress, overwrite=overwrite)
    if as_json:
        click.echo(json.dumps(found.to_json()))
        return
    new = f"{counted(found.new_events, 'event')} in {counted(found.new_bars, 'new bar')}"
    total = f"{counted(found.events, 'event')} of {counted(found.symbols, 'symbol')} in all"
    click.echo(f"{path}: {new}; {total}" if found.new_bars else f"{path}: no new bars; {total}")


@click.command()
@click.option("--calendar", required=True, metavar="NAME", help="Such as 'CME Globex Equity'.")
@click.option("--start", required=True, type=Day(), help="First date of a session.")
@click.option("--end", required=True, type=Day(), help="First date whose session is not written.")
@click.option(
    "-o",
    "--output",
    "path",
    required=True,
    type=ParquetPath(),
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
