"""Which labels of an output folder are wanted for training: modes, columns, times, symbols.

The rows are those of the view `labels_long` that have a label. Nothing of them is read here.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from duck_label import outcomes
from duck_label.columns import identifier, is_named
from duck_label.config import LabelingConfig
from duck_label.config_keys import BAR_COLUMNS
from duck_label.errors import InputError, QueryError
from duck_label.fields import nearest
from duck_label.look.inspect import Output
from duck_label.look.labels import Labels
from duck_label.look.resources import MEMORY_LIMIT, Resources
from duck_label.moments import EPOCH, MICROSECOND, Moment, clock_of
from duck_label.queries import render
from duck_label.records.views import left_aside

# Times that compare with a moment as they are, so that row groups can be passed over.
_PLAIN = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
# The first and the last moment that times in nanoseconds tell, and those that Python tells.
_NANOSECONDS = (-(2**63 // 1000), 2**63 // 1000)
_MICROSECONDS = tuple(
    (moment.replace(tzinfo=UTC) - EPOCH) // MICROSECOND for moment in (datetime.min, datetime.max)
)
# What an output has only where it was labeled with details, or with uniqueness.
_DETAILS = (
    *("outcome", "mae_ticks", "mfe_ticks", "seconds", "touch_time"),
    *("exit_price", "return_ticks"),
)
_WORTH = ("uniqueness", "attribution")


def read(
    output: str | Path,
    *,
    columns: Sequence[str] | None = None,
    modes: str | Sequence[str] | None = None,
    start: Moment = None,
    end: Moment = None,
    symbols: str | Sequence[str | int] | None = None,
    unresolved: Literal["null"] | None = None,
    memory_limit: str = MEMORY_LIMIT,
    threads: int | None = None,
    temp_dir: str | None = None,
) -> Labels:
    """The labels of an output folder to train on: a row for every bar and mode that has a label.

    A bar that has no label in a mode, since nobody asks for it or nobody knows what became of it,
    is left out for that mode; `Labels.counts` tells how many. Where labels were made with
    `unresolved = "zero"`, the default, trades that a roll or the end of the bars cut short have a
    label, 0; `unresolved="null"` leaves these out too, by their outcomes.

    Columns are called as in the view `labels_long`: `symbol`, `timestamp`, `mode`, `label`,
    `weight`, `uniqueness`, `touch_time` …, and the further columns of the bars by their own names.
    Without `columns` it is all that the output has. `start` and `end` (the first moment that is
    not read; UTC) go by the timestamp of the bar; `symbols` are names or patterns such as `NQ*`.

    Reading has this much memory and so many threads, and spills to `temp_dir`, as `open` does.

    Raises:
        InputError: for a folder without labels, or a symbol that is not in it.
        QueryError: for a column or a mode that it does not have, or a range that holds no time.
        ConfigError: for what is no moment, or no memory limit.
        OutputError: if there is nowhere to spill to.
        MemoryBudgetError: if the memory limit is too small.
    """
    resources = Resources(memory_limit, threads, temp_dir)
    with Output(output, resources) as opened:
        config, theirs = opened.config, opened.columns()
        chosen = _modes(config, _listed(modes))
        taken = _columns(opened, config, theirs, chosen, _listed(columns))
        if unresolved == "null" and config.unresolved == "zero" and not config.details:
            raise QueryError(
                f"{opened.folder}: does not tell unresolved trades: label with --details, or with "
                "--unresolved null"
            )
        kind = theirs[config.column("timestamp")]
        is_plain = kind in _PLAIN and not config.reads_times
        context = {
            "modes": [mode.name for mode in config.modes],
            "asked_modes": chosen,
            "outcomes": outcomes.NAMES,
            "unresolved": outcomes.UNRESOLVED if unresolved == "null" and config.details else (),
            # Written times are read, and dates have no hours.
            "time": "timestamp" if is_plain else "utc",
            "time_type": kind if is_plain else "timestamp",
            "symbols": _symbols(opened, theirs, _listed(symbols)),
            **_range(start, end, kind),
        }
    return Labels(
        opened.folder, tuple(chosen), tuple(taken), render("read/asked", context), resources
    )


def _listed(names: str | Sequence[str | int] | None) -> list[str] | None:
    """A text is one name, not the letters of it; symbols may be whole numbers."""
    return [names] if isinstance(names, str) else None if names is None else list(map(str, names))


def _modes(config: LabelingConfig, asked: list[str] | None) -> list[str]:
    """The modes that are asked for, in the order of the configuration."""
    known = [mode.name for mode in config.modes]
    for name in asked or ():
        if name not in known:
            raise QueryError(f"there is no mode {name!r}: {nearest(name, known)}")
    if asked == []:
        raise QueryError(f"modes is empty: leave it out for all of {', '.join(known)}")
    return [name for name in known if asked is None or name in asked]


def _columns(
    opened: Output,
    config: LabelingConfig,
    theirs: Mapping[str, str],
    modes: Sequence[str],
    asked: list[str] | None,
) -> list[str]:
    """The columns that are asked for, or all that the output has but for `utc`."""
    known = [name for name, *_ in opened.ask("describe labels_long").fetchall()]
    lacks = _lacking(config, theirs, modes)
    present = [name for name in known if name not in lacks]
    if asked is None:
        aside = left_aside(config, theirs)
        if aside:
            warnings.warn(
                f"{opened.folder}: columns of the bars that are called as those of labels stay "
                f"out: {', '.join(map(repr, aside))}; duck_label.open reads them",
                stacklevel=3,
            )
        return [name for name in present if name != "utc"]
    if not asked:
        raise QueryError("columns is empty: leave it out for all")
    own = {config.column(ours): ours for ours in BAR_COLUMNS}
    own |= {f"{name}_{mode}": name for name in present for mode in modes}
    for name in asked:
        if asked.count(name) > 1:
            raise QueryError(f"columns: {name!r} is there twice")
        if name in lacks:
            raise QueryError(f"{opened.folder}: has no column {name!r}: {lacks[name]}")
        if name not in known:
            hint = f"it is called {own[name]!r} here" if name in own else nearest(name, present)
            raise QueryError(f"{opened.folder}: has no column {name!r}: {hint}")
    return asked


def _lacking(
    config: LabelingConfig, theirs: Mapping[str, str], modes: Sequence[str]
) -> dict[str, str]:
    """The columns of `labels_long` that would be null for all modes, each with what it needs."""
    chosen = [mode for mode in config.modes if mode.name in modes]
    lacks = {
        name: "the bars have none"
        for name in ("volume", "symbol")
        if config.column(name) not in theirs
    }
    if not config.uniqueness:
        lacks |= dict.fromkeys(_WORTH, "label with --uniqueness")
    if not config.details:
        lacks |= dict.fromkeys(_DETAILS, "label with --details")
        for name, barriers in (
            ("stop_ticks", [mode.stop for mode in chosen]),
            ("target_ticks", [mode.target for mode in chosen]),
        ):
            if all(barrier.ticks is None for barrier in barriers):
                lacks[name] = "label with --details"
    if config.column("side") not in theirs and all(mode.direction == "side" for mode in chosen):
        lacks["direction"] = "a file of events tells the sides"
    return lacks


def _symbols(
    opened: Output, theirs: Mapping[str, str], asked: list[str] | None
) -> list[str] | None:
    """The symbols that names and patterns stand for; None for all."""
    if asked is None:
        return None
    column = opened.config.column("symbol")
    if column not in theirs:
        raise InputError(f"{opened.folder}: has no symbols: leave symbols out")
    rows = opened.ask(render("read/symbols", {"symbol": identifier(column)})).fetchall()
    known = [str(name) for (name,) in rows]
    for pattern in asked:
        if not any(is_named(name, pattern) for name in known):
            raise InputError(
                f"{opened.folder}: no symbol is or matches {pattern!r}: {nearest(pattern, known)}"
            )
    if not asked:
        raise QueryError("symbols is empty: leave it out for all")
    return [name for name in known if any(is_named(name, one) for one in asked)]


def _range(start: Moment, end: Moment, kind: str) -> dict[str, str | None]:
    """Both ends in UTC, as text that a query reads as times of the output's type.

    No bar lies beyond the first and the last time that the type holds.
    """
    clocks = [None if moment is None else clock_of(moment) for moment in (start, end)]
    if clocks[0] is not None and clocks[1] is not None and clocks[0] >= clocks[1]:
        raise QueryError(f"start={start} is not before end={end}, which is not read itself")
    first, last = _NANOSECONDS if kind.endswith("_NS") else _MICROSECONDS
    times = [
        None
        if clock is None
        else f"{EPOCH + min(max(clock, first), last) * MICROSECOND:%Y-%m-%d %H:%M:%S.%f}"
        for clock in clocks
    ]
    return dict(zip(("start", "end"), times, strict=True))
