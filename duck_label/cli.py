"""The commands: parse, call, print. No logic.

What a command needs is imported when it runs, so that `--help` does not wait for DuckDB.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from duck_label.console import exit_codes
from duck_label.errors import ConfigError

if TYPE_CHECKING:
    from duck_label.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

# Options of the command line and the keys of the configuration that they set.
_KEYS = {
    "timeout_seconds": "timeout_seconds",
    "timeout_bars": "timeout_bars",
    "tick_size": "tick_size",
    "price_increment": "price_increment",
    "roll_gap_points": "roll_gap_points",
    "as_of": "as_of",
    "unresolved": "unresolved",
    "details": "details",
    "on_bad_rows": "on_bad_rows",
    "allow_nonpositive_prices": "allow_nonpositive_prices",
    "chunk": "run.chunk",
    "order": "run.order",
    "threads": "run.threads",
    "temp_dir": "run.temp_dir",
    "max_temp_size": "run.max_temp_size",
    "memory_limit": "memory.limit",
    "cleanup_threshold": "memory.cleanup_threshold",
    "critical_threshold": "memory.critical_threshold",
    "emergency_threshold": "memory.emergency_threshold",
    "cleanup_frequency": "memory.cleanup_frequency",
    "alert_command": "memory.alert_command",
    "metrics_file": "run.metrics_file",
}


class _Group(click.Group):
    """Commands whose errors become messages and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        with exit_codes(lambda: bool(ctx.meta.get("debug"))):
            return super().invoke(ctx)


class _Moment(click.ParamType[date]):
    """A date, or a date and time, in ISO format."""

    name = "date"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> date | datetime:
        try:
            return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date; write 2024-03-04 or 2024-03-04T14:30:00", param, ctx)


def _debug(command: Command) -> Command:
    """Add --debug to a command; it is kept where the group looks for it."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        ctx.meta["debug"] = value

    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=remember,
        help="Show where an error was raised.",
    )(command)


def _configuration(command: Command) -> Command:
    """Add the options that set the configuration; each beats the configuration files."""
    options = [
        click.option(
            "-c",
            "--config",
            "config_file",
            type=click.Path(dir_okay=False, exists=True, path_type=Path),
            help="Configuration file (TOML), over duck_label.toml in this folder.",
        ),
        click.option(
            "--column",
            "columns",
            multiple=True,
            metavar="OURS=THEIRS",
            help="Name of a column in the files, such as timestamp=ts_event.",
        ),
        click.option("--tick-size", type=float, help="Points per tick.  [default: 0.25]"),
        click.option(
            "--price-increment", type=float, help="Grid of the prices.  [default: tick size]"
        ),
        click.option(
            "--mode",
            "modes",
            multiple=True,
            metavar="NAME:DIRECTION:STOP:TARGET",
            help="A trading mode, in ticks; any given replace the default six.",
        ),
        click.option("--timeout-seconds", type=float, help="Horizon in seconds.  [default: 900]"),
        click.option("--timeout-bars", type=int, help="Horizon in bars instead of seconds."),
        click.option(
            "--roll-gap-points",
            type=float,
            help="A larger move between two closes is a roll; 0 is off.  [default: 20]",
        ),
        click.option(
            "--as-of", type=_Moment(), help="Reference date of the decay.  [default: latest bar]"
        ),
        click.option(
            "--unresolved",
            type=click.Choice(["zero", "null"]),
            help="Label of roll, censored and none.  [default: zero]",
        ),
        click.option(
            "--details/--no-details",
            default=None,
            help="Also write outcomes, excursions, seconds and touch times.",
        ),
        click.option(
            "--on-bad-rows",
            type=click.Choice(["fail", "quarantine"]),
            help="Stop at bad bars, or set them aside.  [default: fail]",
        ),
        click.option(
            "--allow-nonpositive-prices/--no-allow-nonpositive-prices",
            default=None,
            help="Take prices of 0 and below for good.",
        ),
        click.option(
            "--chunk",
            metavar="auto|5d|1w|1mo|ROWS",
            help="Bars labeled at a time: days, weeks, months or rows.  [default: auto]",
        ),
        click.option(
            "--order",
            type=click.Choice(["auto", "chronological", "largest-first", "smallest-first"]),
            help="Order of the chunks.  [default: auto]",
        ),
        click.option(
            "--memory-limit",
            metavar="8GB|512MiB|0.5|auto",
            help="Budget of the whole process.  [default: 8GB]",
        ),
        click.option(
            "--cleanup-threshold",
            metavar="0.8|off",
            help="Part of the budget above which memory is cleaned up.  [default: 0.8]",
        ),
        click.option(
            "--critical-threshold",
            metavar="0.95|off",
            help="Part of it above which work is interrupted and tried smaller.  [default: 0.95]",
        ),
        click.option(
            "--emergency-threshold",
            metavar="1.2|off",
            help="Part of it above which the promise counts as broken.  [default: 1.2]",
        ),
        click.option(
            "--cleanup-frequency",
            type=int,
            help="Chunks after which memory is looked at besides.  [default: 10]",
        ),
        click.option(
            "--alert-command",
            metavar="COMMAND",
            help="Run this when memory passes a line or recovers; DUCK_LABEL_EVENT says which.",
        ),
        click.option(
            "--metrics-file",
            metavar="FILE.prom",
            help="Keep metrics here for Prometheus's node exporter.",
        ),
        click.option("--threads", type=int, help="Threads.  [default: all cores]"),
        click.option("--temp-dir", metavar="DIR", help="Where to spill.  [default: in the output]"),
        click.option(
            "--max-temp-size", metavar="50GB", help="Most that may be spilled.  [default: the disk]"
        ),
        click.option(
            "--set",
            "assignments",
            multiple=True,
            metavar="KEY=VALUE",
            help="Any key of the configuration, such as weights.floor=0.4.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _settings(values: Mapping[str, Any]) -> Settings:
    from duck_label import settings

    options = {key: values[name] for name, key in _KEYS.items() if values.get(name) is not None}
    for text in values["columns"]:
        ours, equals, theirs = text.partition("=")
        if not equals:
            raise ConfigError(f"--column {text}: write OURS=THEIRS, such as timestamp=ts_event")
        options[f"columns.{ours}"] = theirs
    if values["modes"]:
        options["modes"] = [settings.parse_mode(text) for text in values["modes"]]
    assignments = [settings.parse_assignment(text) for text in values["assignments"]]
    return settings.load(options, values["config_file"], assignments)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    version("duck-label"),
    message=f"duck-label %(version)s (DuckDB {version('duckdb')}, pyarrow {version('pyarrow')})",
)
def main() -> None:
    """Label years of one-second bars with DuckDB, out of core.

    For every bar and trading mode: is the target touched before the stop, and what should that
    example weigh in training?
    """


@main.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder for the labeled part files and the records of the run.",
)
@click.option("--start", type=_Moment(), help="First moment (UTC) to label.  [default: all]")
@click.option("--end", type=_Moment(), help="First moment not to label.  [default: all]")
@_configuration
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Go on where an earlier run stopped, or label everything anew.",
)
@click.option("--overwrite", is_flag=True, help="Replace labels of another input or configuration.")
@click.option("--dry-run", is_flag=True, help="Print the plan and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Write nothing but errors to stderr.")
@click.option("-v", "--verbose", is_flag=True, help="Write a line for every chunk.")
@click.option("--no-progress", is_flag=True, help="Show no progress bar.")
@click.option("--profile", is_flag=True, help="Write what every SQL step took to stderr.")
@_debug
def run(
    inputs: tuple[str, ...],
    output: Path,
    start: date | None,
    end: date | None,
    resume: bool,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    no_progress: bool,
    profile: bool,
    **configuration: Any,
) -> None:
    """Label Parquet files, folders and globs of bars into part files.

    \b
    duck-label run bars/ --output labels
    duck-label run 'bars/2024-*.parquet' -o labels --memory-limit 1GB --details
    """
    from duck_label.engine import WeightedLabelingEngine
    from duck_label.profile import Profile
    from duck_label.progress import TerminalProgress, plan_text, summary_text

    config = _settings(configuration).config
    steps = Profile() if profile else None
    where: dict[str, Any] = {"start": start, "end": end, "resume": resume, "overwrite": overwrite}
    if dry_run:
        plan = WeightedLabelingEngine(config).plan_files(inputs, output, **where)
        click.echo(json.dumps(plan.to_json()) if as_json else plan_text(plan))
        return
    with TerminalProgress(quiet=quiet, verbose=verbose, show_bar=not no_progress) as progress:
        engine = WeightedLabelingEngine(config, progress, steps)
        summary = engine.process_files(inputs, output, **where)
    progress.note(summary_text(summary))
    if steps is not None:
        progress.note(steps.table(summary.seconds))
    if as_json:
        click.echo(json.dumps(summary.to_json()))


@main.command()
@_configuration
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every origin.")
@_debug
def config(as_json: bool, **configuration: Any) -> None:
    """Print the configuration in force, and where each value comes from.

    \b
    duck-label config
    duck-label config --tick-size 0.1 > duck_label.toml
    """
    from duck_label import settings

    loaded = _settings(configuration)
    if as_json:
        values = loaded.config.model_dump(mode="json")
        click.echo(json.dumps({"config": values, "origins": dict(loaded.origins)}))
    else:
        click.echo(settings.to_toml(loaded), nl=False)


@main.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.parquet")
@click.option("--days", type=click.IntRange(1), default=5, show_default=True, help="Sessions.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Of chance.")
@click.option("--start", type=_Moment(), default="2024-03-12", show_default=True, help="First day.")
@click.option(
    "--market",
    type=click.Choice(["calm", "volatile"]),
    default="calm",
    show_default=True,
    help="How much prices move.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@_debug
def sample(path: Path, days: int, seed: int, start: date, market: Any, overwrite: bool) -> None:
    """Write one-second bars that look like real ones: sessions, gaps and a contract roll.

    \b
    duck-label sample bars.parquet --days 20
    """
    from duck_label.sample import write_sample

    try:
        made = write_sample(
            path, days=days, seed=seed, start=start, market=market, overwrite=overwrite
        )
    except FileExistsError:
        raise ConfigError(f"{path}: exists already: pass --overwrite to replace it") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from error
    click.echo(f"{path}: {made.rows:,} bars from {made.first} to {made.last}")
