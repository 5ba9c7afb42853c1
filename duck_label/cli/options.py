"""The options that commands share, and what becomes of them: the configuration in force."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from duck_label.errors import ConfigError
from duck_label.storage.names import is_url

if TYPE_CHECKING:
    from duck_label.look.means import Means
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
    "entry": "entry",
    "max_entry_gap_seconds": "max_entry_gap_seconds",
    "events": "events.file",
    "event_column": "events.column",
    "every_seconds": "events.every_seconds",
    "rows": "rows",
    "uniqueness": "uniqueness",
    "tie": "tie",
    "label": "label",
    "unresolved": "unresolved",
    "details": "details",
    "symbol_from": "symbol_from",
    "timestamp_unit": "timestamp_unit",
    "timestamp_format": "timestamp_format",
    "timestamp_zone": "timestamp_zone",
    "price_scale": "price_scale",
    "on_bad_rows": "on_bad_rows",
    "max_bad_share": "max_bad_share",
    "on_duplicates": "on_duplicates",
    "on_off_grid": "on_off_grid",
    "allow_nonpositive_prices": "allow_nonpositive_prices",
    "chunk": "run.chunk",
    "order": "run.order",
    "threads": "run.threads",
    "workers": "run.workers",
    "chunk_timeout": "run.chunk_timeout",
    "engine": "run.engine",
    "ray_address": "run.ray_address",
    "temp_dir": "run.temp_dir",
    "max_temp_size": "run.max_temp_size",
    "memory_limit": "memory.limit",
    "cleanup_threshold": "memory.cleanup_threshold",
    "critical_threshold": "memory.critical_threshold",
    "emergency_threshold": "memory.emergency_threshold",
    "cleanup_frequency": "memory.cleanup_frequency",
    "alert_command": "memory.alert_command",
    "metrics_file": "run.metrics_file",
    "store_patience": "run.store_patience",
}


class Moment(click.ParamType[date]):
    """A date, or a date and time, in ISO format."""

    name = "date"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> date | datetime:
        """Read an option's text."""
        try:
            return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date; write 2024-03-04 or 2024-03-04T14:30:00", param, ctx)


class Day(click.ParamType[date]):
    """A date in ISO format."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read an option's text."""
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date; write 2024-03-04", param, ctx)


class HomePath(click.Path):
    """A path, whose ~ a shell leaves alone in quotes and behind `--option=`."""

    def __init__(self, **kinds: Any) -> None:
        super().__init__(path_type=Path, **kinds)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Expand the home folder before anything else."""
        return super().convert(os.path.expanduser(value), param, ctx)


class Place(HomePath):
    """A folder of an output, or a URL, which is looked up only when it is used."""

    def __init__(self, *, exists: bool = False) -> None:
        super().__init__(exists=exists, file_okay=not exists)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A URL stays as it is: a path would lose one of its slashes."""
        return value if is_url(value) else super().convert(value, param, ctx)


def debug(command: Command) -> Command:
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


def narration(command: Command) -> Command:
    """Add the options of a command that works for a while: what it tells meanwhile, and after."""
    options = [
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."),
        click.option("-q", "--quiet", is_flag=True, help="Write nothing but errors to stderr."),
        click.option("-v", "--verbose", is_flag=True, help="Write a line for every chunk."),
        click.option("--no-progress", is_flag=True, help="Show no progress bar."),
        click.option("--profile", is_flag=True, help="Write what every SQL step took to stderr."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def configuration(command: Command) -> Command:
    """Add the options that set the configuration; each beats the configuration files."""
    options = [
        click.option(
            "-c",
            "--config",
            "config_file",
            type=HomePath(dir_okay=False, exists=True),
            help="Configuration file (TOML), over duck_label.toml in this folder.",
        ),
        click.option(
            "--column",
            "columns",
            multiple=True,
            metavar="OURS=THEIRS",
            help="Name of a column in the files, such as timestamp=ts_event.",
        ),
        click.option(
            "--timestamp-unit",
            type=click.Choice(["s", "ms", "us", "ns"]),
            help="Of timestamps that are whole numbers since 1970.",
        ),
        click.option(
            "--timestamp-format",
            metavar="'%Y%m%d %H%M%S'",
            help="Of timestamps that are text, as strptime has it.",
        ),
        click.option(
            "--timestamp-zone",
            metavar="America/Chicago",
            help="Where the clock hung, of timestamps without a zone.  [default: UTC]",
        ),
        click.option(
            "--price-scale",
            type=float,
            help="What one stands for in prices of whole numbers: 1e-9.",
        ),
        click.option(
            "--symbol-from",
            metavar="'{symbol}_1m.parquet'",
            help="Where the name of a file tells its symbol, and nothing else does.",
        ),
        click.option(
            "--symbol",
            "symbols",
            multiple=True,
            metavar="NAME|PATTERN",
            help="Label these symbols alone, such as ES or 'NQ*'.  [default: all]",
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
            help="A trading mode; any given replace the default six. Barriers are ticks, 0.05%, "
            "'1.5 points', 2*atr20 or none.",
        ),
        click.option(
            "--volatility",
            "volatilities",
            multiple=True,
            metavar="NAME=KIND:BARS",
            help="A volatility for barriers, such as atr20=atr:20; also range and std.",
        ),
        click.option(
            "--entry",
            type=click.Choice(["next_open", "close"]),
            help="Price of the entry.  [default: next_open]",
        ),
        click.option(
            "--tie",
            type=click.Choice(["stop", "target", "open", "null"]),
            help="What a bar decides that touches both barriers.  [default: stop]",
        ),
        click.option(
            "--label",
            type=click.Choice(["win", "touch", "sign"]),
            help="1 at the target, else 0; or -1 at the stop; or the sign of the return too.  "
            "[default: win]",
        ),
        click.option(
            "--events",
            metavar="FILE",
            help="A Parquet file of events: only bars at these are asked.  [default: all bars]",
        ),
        click.option(
            "--event-column",
            metavar="NAME",
            help="Or a column of the bars that is true, or not 0, where one is asked.",
        ),
        click.option(
            "--every-seconds",
            type=float,
            help="Or the first bar of a symbol in each such stretch of time.",
        ),
        click.option(
            "--session",
            metavar="'HOURS ZONE [DAYS]'|FILE",
            help="Ask only inside of sessions, and end trades with them: "
            "'08:30-15:00 America/Chicago mon-fri', or a file.",
        ),
        click.option(
            "--max-entry-gap-seconds",
            type=float,
            help="How long after its bar a trade may enter.  [default: however long]",
        ),
        click.option(
            "--rows",
            type=click.Choice(["all", "asked"]),
            help="Write all bars, or only those that are asked.  [default: all]",
        ),
        click.option(
            "--uniqueness/--no-uniqueness",
            default=None,
            help="Also write what a label is worth beside those it overlaps with.",
        ),
        click.option("--timeout-seconds", type=float, help="Horizon in seconds.  [default: 900]"),
        click.option("--timeout-bars", type=int, help="Horizon in bars instead of seconds."),
        click.option(
            "--roll-gap-points",
            type=float,
            help="A larger move between two closes is a roll; 0 is off.  [default: 20]",
        ),
        click.option(
            "--as-of", type=Moment(), help="Reference date of the decay.  [default: latest bar]"
        ),
        click.option(
            "--unresolved",
            type=click.Choice(["zero", "null"]),
            help="Label of roll, censored and none.  [default: zero]",
        ),
        click.option(
            "--details/--no-details",
            default=None,
            help="Also write outcomes, excursions, exits and touch times.",
        ),
        click.option(
            "--on-bad-rows",
            type=click.Choice(["fail", "quarantine"]),
            help="Stop at bad bars, or set them aside.  [default: fail]",
        ),
        click.option(
            "--max-bad-share",
            type=float,
            help="Share of a symbol's bars that may be set aside; ten always.  [default: 0.05]",
        ),
        click.option(
            "--on-duplicates",
            type=click.Choice(["fail", "first"]),
            help="Rows of one symbol and time are bad, or equal ones count once.  [default: fail]",
        ),
        click.option(
            "--on-off-grid",
            type=click.Choice(["bad", "round"]),
            help="Prices off the grid are bad, or taken for the nearest level.  [default: bad]",
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
        click.option(
            "--store-patience",
            type=float,
            metavar="SECONDS",
            help="Try a store that fails again for so long.  [default: 60]",
        ),
        click.option("--threads", type=int, help="Threads.  [default: all cores]"),
        click.option(
            "--workers",
            type=int,
            help="Processes that label, each with its share of memory and threads.  [default: 1]",
        ),
        click.option(
            "--chunk-timeout",
            type=float,
            metavar="SECONDS",
            help="End a worker that takes longer over a chunk, and do the chunk again.",
        ),
        click.option(
            "--engine",
            type=click.Choice(["local", "ray"]),
            help="Who labels: this machine, or a Ray cluster (duck-label[ray]).  [default: local]",
        ),
        click.option(
            "--ray-address",
            metavar="HOST:PORT",
            help="The cluster.  [default: RAY_ADDRESS, or a new one here]",
        ),
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


def means(command: Command) -> Command:
    """Add the options of what looking at an output may use."""
    options = [
        click.option(
            "--memory-limit",
            metavar="1GB|512MiB|0.5|auto",
            help="Budget of the whole process.  [default: 1GB]",
        ),
        click.option("--threads", type=int, help="Threads.  [default: run.threads, or all cores]"),
        click.option(
            "--temp-dir",
            metavar="DIR",
            help="Where to spill.  [default: run.temp_dir, or the system's folder]",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def means_of(memory_limit: str | None, threads: int | None, temp_dir: str | None) -> Means:
    """What looking may use, given the options of `means`.

    What `duck_label.toml` says of threads and spilling holds here too; its memory limit is a run's.

    Raises:
        ConfigError: naming the option, or the file and key, that is wrong.
    """
    from duck_label import settings
    from duck_label.look.means import MEMORY_LIMIT, Means

    options = {"run.threads": threads, "run.temp_dir": temp_dir}
    run = settings.load(
        {key: value for key, value in options.items() if value is not None}
    ).config.run
    return Means(memory_limit or MEMORY_LIMIT, run.threads, run.temp_dir, run.max_temp_size)


def settings_of(values: Mapping[str, Any]) -> Settings:
    """The configuration in force, given the values of the options of `configuration`.

    Raises:
        ConfigError: naming the option, or the file and key, that is wrong.
    """
    from duck_label import settings

    options = {key: values[name] for name, key in _KEYS.items() if values.get(name) is not None}
    for text in values["columns"]:
        ours, equals, theirs = text.partition("=")
        if not equals:
            raise ConfigError(f"--column {text}: write OURS=THEIRS, such as timestamp=ts_event")
        options[f"columns.{ours}"] = theirs
    if values["symbols"]:
        options["symbols"] = list(values["symbols"])
    if values["modes"]:
        options["modes"] = [settings.parse_mode(text) for text in values["modes"]]
    for text in values["volatilities"]:
        for name, rule in settings.parse_volatility(text).items():
            options[f"volatility.{name}"] = rule
    if values["session"] is not None:
        session = settings.parse_session(values["session"])
        options |= {f"session.{key}": value for key, value in session.items()}
    assignments = [settings.parse_assignment(text) for text in values["assignments"]]
    return settings.load(options, values["config_file"], assignments)
