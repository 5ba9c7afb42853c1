"""The commands: parse, call, print. No logic.

What a command needs is imported when it runs, so that `--help` does not wait for DuckDB.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import click

from duck_label.cli import look, signals, weighing
from duck_label.cli.configuration import configuration, settings_of
from duck_label.cli.console import exit_codes
from duck_label.cli.options import debug, narration, resources, resources_of
from duck_label.cli.values import HomePath, Moment, ParquetPath, Place
from duck_label.errors import ConfigError


class _Group(click.Group):
    """Commands whose errors become messages and exit codes."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        with exit_codes(lambda: False):  # --help and --version are told here
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        with exit_codes(lambda: bool(ctx.meta.get("debug"))):
            return super().invoke(ctx)


def _tell_versions(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version  # loads what reads mail

        duck_label, duckdb, pyarrow = map(version, ("duck-label", "duckdb", "pyarrow"))
        click.echo(f"duck-label {duck_label} (DuckDB {duckdb}, pyarrow {pyarrow})")
        ctx.exit()


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_tell_versions,
    help="Show the version and exit.",
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
    type=Place(),
    help="Folder or URL for the labeled part files and the records of the run.",
)
@click.option("--start", type=Moment(), help="First moment (UTC) to label.  [default: all]")
@click.option("--end", type=Moment(), help="First moment not to label.  [default: all]")
@configuration
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Go on where an earlier run stopped, or label everything anew.",
)
@click.option("--overwrite", is_flag=True, help="Replace labels of another input or configuration.")
@click.option("--dry-run", is_flag=True, help="Print the plan and do nothing.")
@narration
@debug
def run(
    inputs: tuple[str, ...],
    output: str | Path,
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

    Folders are searched to any depth for .parquet, .parq and .pq files, in upper or lower case;
    names that begin with _ or . and outputs of other runs are left out. Folders such as symbol=ES/
    give their bars a column.
    A Delta table is read through its log, at its current version (needs duck-label[delta]).
    Any of them, and the output, may lie in a store: s3://, gs://, az:// or another URL of fsspec.

    \b
    duck-label run bars/ --output labels
    duck-label run 'bars/2024-*.parquet' -o labels --memory-limit 1GB --details
    """
    from duck_label.cli.progress import TerminalProgress, plan_text, summary_text
    from duck_label.profile import Profile
    from duck_label.run.engine import WeightedLabelingEngine

    config = settings_of(configuration).config
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
        whole = summary.seconds * summary.workers
        progress.note(steps.table(None if summary.chunks_in_flight > 1 else whole))
    if as_json:
        click.echo(json.dumps(summary.to_json()))


@main.command()
@configuration
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every origin.")
@debug
def config(as_json: bool, **configuration: Any) -> None:
    """Print the configuration in force, and where each value comes from.

    \b
    duck-label config
    duck-label config --tick-size 0.1 > duck_label.toml
    """
    from duck_label import settings

    loaded = settings_of(configuration)
    if as_json:
        values = loaded.config.model_dump(mode="json")
        click.echo(json.dumps({"config": values, "origins": dict(loaded.origins)}))
    else:
        click.echo(settings.to_toml(loaded), nl=False)


@main.command()
@click.argument("output", type=Place(), metavar="OUT")
@click.option(
    "-o",
    "--output",
    "path",
    required=True,
    type=HomePath(dir_okay=False),
    metavar="FILE.html",
    help="The file to write; an older one is replaced.",
)
@resources
@debug
def report(output: str | Path, path: Path, **resources: Any) -> None:
    """Write charts and tables of the labels and runs in OUT into one HTML file.

    It opens offline and needs nothing beside it: memory over time, predicted and measured peaks,
    win rates, outcomes, weights, checks, configuration. Needs duck-label[report].

    \b
    duck-label report labels -o report.html
    """
    from duck_label.look.report import write_report
    from duck_label.memory.budget import format_bytes

    size = write_report(output, path, resources_of(**resources))
    click.echo(f"{path}: {format_bytes(size)}")


@main.command()
@click.argument("folder", type=HomePath(file_okay=False), metavar="[DIR]", default=".")
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@debug
def init(folder: Path, force: bool) -> None:
    """Give a repository of bars a configuration, a Makefile and a .gitignore.

    Bars go into bars/, and `make label` labels what is new into labels/. Where there are bars
    already, the configuration is the one that suits them (see validate).

    \b
    duck-label init my-bars
    """
    from duck_label.validation.starter import write_starter

    for path in write_starter(folder, force=force):
        click.echo(path)


@main.command()
@click.argument("path", type=ParquetPath(), metavar="OUT.parquet")
@click.option(
    "--days", type=click.IntRange(1), default=5, show_default=True, help="Number of sessions."
)
@click.option(
    "--seed", type=click.IntRange(0), show_default="one for each --start", help="Seed of chance."
)
@click.option("--start", type=Moment(), default="2024-03-12", show_default=True, help="First day.")
@click.option(
    "--market",
    type=click.Choice(["calm", "volatile"]),
    default="calm",
    show_default=True,
    help="How much prices move.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@debug
def sample(
    path: Path, days: int, seed: int | None, start: date, market: Any, overwrite: bool
) -> None:
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
    click.echo(f"{path}: {made.rows:,} bars from {made.first} to {made.last}")


@main.command()
@click.argument("output", type=Place(exists=True), metavar="OUT")
@click.option(
    "--by",
    type=click.Choice(["month", "symbol", "session"]),
    help="Also by calendar month (UTC), symbol, or session.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["warn", "fail"]),
    help="Exit with 5 if a check warns or fails, or only if one fails.",
)
@resources
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@debug
def stats(output: str | Path, by: Any, fail_on: Any, as_json: bool, **resources: Any) -> None:
    """Print what was labeled in numbers: win rates, outcomes, weights, rolls, and quality checks.

    \b
    duck-label stats labels
    duck-label stats labels --by month --json
    duck-label stats labels --fail-on warn
    """
    from duck_label.cli.stats_tables import tables
    from duck_label.look import stats as numbers
    from duck_label.look.quality import complaint
    from duck_label.tables import show

    statistics = numbers.statistics(output, by, resources_of(**resources))
    if as_json:
        click.echo(json.dumps(statistics.to_json()))
    else:
        show(list(tables(statistics)))
    if fail_on is not None and (error := complaint(statistics.checks, fail_on)) is not None:
        raise error


@main.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@configuration
@click.option(
    "--write-config",
    type=HomePath(dir_okay=False),
    is_flag=False,
    flag_value="duck_label.toml",
    metavar="[FILE]",
    help="Write the suggested configuration.  [default: duck_label.toml]",
)
@click.option("--force", is_flag=True, help="Replace an existing configuration file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@debug
def validate(
    inputs: tuple[str, ...],
    write_config: Path | None,
    force: bool,
    as_json: bool,
    **configuration: Any,
) -> None:
    """Say what is wrong or odd in bars before a run, and suggest a configuration.

    Exits with 3 if a run would refuse the bars: with the configuration in force, or with the one
    that is written.

    \b
    duck-label validate bars/
    duck-label validate bars/ --write-config
    duck-label validate bars/ --column timestamp=ts_event --json
    """
    from duck_label.cli.validation_tables import tables
    from duck_label.tables import show
    from duck_label.validation import validation
    from duck_label.validation.comments import is_taken, is_text

    # What follows the option is the file to write, and may have been meant as bars.
    if write_config is not None and not is_text(write_config):
        raise ConfigError(f"{write_config}: is no configuration file: name the input first")
    if write_config is not None and is_taken(write_config) and not force:
        raise ConfigError(
            f"{write_config}: exists already and sets keys: pass --force to replace it"
        )
    found = validation.validate(inputs, settings_of(configuration))
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        show(list(tables(found)))
    if write_config is not None:
        validation.write_config(found, write_config)
    validation.refuse(found.refusals if write_config is None else found.suggested_refusals)


for command in (
    look.sql,
    look.check,
    look.explain,
    look.show_sql,
    look.completion,
    weighing.weigh,
    signals.sessions,
    signals.events,
):
    main.add_command(command)
