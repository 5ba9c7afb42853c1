"""The options that set the configuration, each declared beside the key that it sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from duck_label.cli.values import HomePath, Moment

Command = TypeVar("Command", bound=Callable[..., Any])

# The keys of the configuration that options set, by the names of the options' values.
KEYS: dict[str, str] = {}


def _sets(key: str, flag: str, **how: Any) -> Callable[[Command], Command]:
    """An option that sets a key of the configuration."""
    name = flag.partition("/")[0].removeprefix("--").replace("-", "_")
    KEYS[name] = key
    return click.option(flag, **how)


# What the bars are: their files, columns, times, symbols and prices.
_BARS = (
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
    _sets(
        "timestamp_unit",
        "--timestamp-unit",
        type=click.Choice(["s", "ms", "us", "ns"]),
        help="Unit of timestamps that are whole numbers since 1970.",
    ),
    _sets(
        "timestamp_format",
        "--timestamp-format",
        metavar="'%Y%m%d %H%M%S'",
        help="Format of timestamps that are text (strptime).",
    ),
    _sets(
        "timestamp_zone",
        "--timestamp-zone",
        metavar="America/Chicago",
        help="Zone of timestamps that have none.  [default: UTC]",
    ),
    _sets(
        "price_scale",
        "--price-scale",
        type=float,
        help="Price that 1 stands for, where prices are whole numbers: 1e-9.",
    ),
    _sets(
        "symbol_from",
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
    _sets("tick_size", "--tick-size", type=float, help="Points per tick.  [default: 0.25]"),
    _sets(
        "price_increment",
        "--price-increment",
        type=float,
        help="Grid of the prices.  [default: tick size]",
    ),
)

# What is traded: modes, barriers, and how a trade is entered and decided.
_TRADES = (
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
    _sets(
        "entry",
        "--entry",
        type=click.Choice(["next_open", "close"]),
        help="Price of the entry.  [default: next_open]",
    ),
    _sets(
        "tie",
        "--tie",
        type=click.Choice(["stop", "target", "open", "null"]),
        help="What a bar that touches both barriers decides.  [default: stop]",
    ),
    _sets(
        "label",
        "--label",
        type=click.Choice(["win", "touch", "sign"]),
        help="1 at the target, else 0; or -1 at the stop; or the sign of the return too.  "
        "[default: win]",
    ),
)

# Which bars are asked, and which are written.
_ASKED = (
    _sets(
        "events.file",
        "--events",
        metavar="FILE",
        help="A Parquet file of events: only bars at these are asked.  [default: all bars]",
    ),
    _sets(
        "events.column",
        "--event-column",
        metavar="NAME",
        help="Or a column of the bars that is true, or not 0, where one is asked.",
    ),
    _sets(
        "events.every_seconds",
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
    _sets(
        "max_entry_gap_seconds",
        "--max-entry-gap-seconds",
        type=float,
        help="How long after its bar a trade may enter.  [default: however long]",
    ),
    _sets(
        "rows",
        "--rows",
        type=click.Choice(["all", "asked"]),
        help="Write all bars, or only those that are asked.  [default: all]",
    ),
)

# Horizon, labels, weights and what is written beside them.
_LABELS = (
    _sets(
        "uniqueness",
        "--uniqueness/--no-uniqueness",
        default=None,
        help="Also write what a label is worth beside those it overlaps with.",
    ),
    _sets(
        "timeout_seconds",
        "--timeout-seconds",
        type=float,
        help="Horizon in seconds.  [default: 900]",
    ),
    _sets("timeout_bars", "--timeout-bars", type=int, help="Horizon in bars instead of seconds."),
    _sets(
        "roll_gap_points",
        "--roll-gap-points",
        type=float,
        help="A larger move between two closes is a roll; 0 is off.  [default: 20]",
    ),
    _sets(
        "as_of",
        "--as-of",
        type=Moment(),
        help="Reference date of the decay.  [default: latest bar]",
    ),
    _sets(
        "unresolved",
        "--unresolved",
        type=click.Choice(["zero", "null"]),
        help="Label of roll, censored and none.  [default: zero]",
    ),
    _sets(
        "details",
        "--details/--no-details",
        default=None,
        help="Also write outcomes, excursions, exits and touch times.",
    ),
)

# What becomes of bars that break a rule.
_BAD_BARS = (
    _sets(
        "on_bad_rows",
        "--on-bad-rows",
        type=click.Choice(["fail", "quarantine"]),
        help="Stop at bad bars, or set them aside.  [default: fail]",
    ),
    _sets(
        "max_bad_share",
        "--max-bad-share",
        type=float,
        help="Share of a symbol's bars that may be set aside; ten always.  [default: 0.05]",
    ),
    _sets(
        "on_duplicates",
        "--on-duplicates",
        type=click.Choice(["fail", "first"]),
        help="Rows of one symbol and time are bad, or equal ones count once.  [default: fail]",
    ),
    _sets(
        "on_off_grid",
        "--on-off-grid",
        type=click.Choice(["bad", "round"]),
        help="Prices off the grid are bad, or taken for the nearest level.  [default: bad]",
    ),
    _sets(
        "allow_nonpositive_prices",
        "--allow-nonpositive-prices/--no-allow-nonpositive-prices",
        default=None,
        help="Take prices of 0 and below for good.",
    ),
)

# How a run works: chunks, memory, processes and folders.
_WORK = (
    _sets(
        "run.chunk",
        "--chunk",
        metavar="auto|5d|1w|1mo|ROWS",
        help="Bars labeled at a time: days, weeks, months or rows.  [default: auto]",
    ),
    _sets(
        "run.order",
        "--order",
        type=click.Choice(["auto", "chronological", "largest-first", "smallest-first"]),
        help="Order of the chunks.  [default: auto]",
    ),
    _sets(
        "memory.limit",
        "--memory-limit",
        metavar="8GB|512MiB|0.5|auto",
        help="Budget of the whole process.  [default: 8GB]",
    ),
    _sets(
        "memory.cleanup_threshold",
        "--cleanup-threshold",
        metavar="0.8|off",
        help="Part of the budget above which memory is cleaned up.  [default: 0.8]",
    ),
    _sets(
        "memory.critical_threshold",
        "--critical-threshold",
        metavar="0.95|off",
        help="Part of it above which work is interrupted and tried smaller.  [default: 0.95]",
    ),
    _sets(
        "memory.emergency_threshold",
        "--emergency-threshold",
        metavar="1.2|off",
        help="Part of it above which the promise counts as broken.  [default: 1.2]",
    ),
    _sets(
        "memory.cleanup_frequency",
        "--cleanup-frequency",
        type=int,
        help="Chunks after which memory is looked at besides.  [default: 10]",
    ),
    _sets(
        "memory.alert_command",
        "--alert-command",
        metavar="COMMAND",
        help="Run this when memory passes a line or recovers; DUCK_LABEL_EVENT says which.",
    ),
    _sets(
        "run.metrics_file",
        "--metrics-file",
        metavar="FILE.prom",
        help="Keep metrics here for Prometheus's node exporter.",
    ),
    _sets(
        "run.store_patience",
        "--store-patience",
        type=float,
        metavar="SECONDS",
        help="Try a store that fails again for so long.  [default: 60]",
    ),
    _sets(
        "run.threads",
        "--threads",
        type=int,
        help="Threads; with Ray, of one task.  [default: all cores]",
    ),
    _sets(
        "run.workers",
        "--workers",
        type=int,
        help="Processes that label, each with its share of memory and threads.  [default: 1]",
    ),
    _sets(
        "run.chunk_timeout",
        "--chunk-timeout",
        type=float,
        metavar="SECONDS",
        help="End a worker that takes longer over a chunk, and do the chunk again.",
    ),
    _sets(
        "run.engine",
        "--engine",
        type=click.Choice(["local", "ray"]),
        help="Who labels: this machine, or a Ray cluster (duck-label[ray]).  [default: local]",
    ),
    _sets(
        "run.ray_address",
        "--ray-address",
        metavar="HOST:PORT",
        help="The Ray cluster.  [default: RAY_ADDRESS, or a new one here]",
    ),
    _sets(
        "run.temp_dir",
        "--temp-dir",
        metavar="DIR",
        help="Where to spill.  [default: in the output]",
    ),
    _sets(
        "run.max_temp_size",
        "--max-temp-size",
        metavar="50GB",
        help="Most that may be spilled.  [default: the disk]",
    ),
)

# Any key at all.
_ANYTHING = (
    click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="KEY=VALUE",
        help="Any key of the configuration, such as weights.floor=0.4.",
    ),
)

# In the order of a command's help.
OPTIONS = (*_BARS, *_TRADES, *_ASKED, *_LABELS, *_BAD_BARS, *_WORK, *_ANYTHING)
