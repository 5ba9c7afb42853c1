"""The statistics of an output folder as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple

from duck_label.look.outcome_tables import (
    outcomes_table,
    returns_table,
    told_asked,
    told_sessions,
    worth_table,
)
from duck_label.look.stats import Statistics
from duck_label.look.tallies import By, Group, ModeTally
from duck_label.memory.budget import format_bytes
from duck_label.run.results import rounded_note
from duck_label.tables import Table, counted, number, share

_SHOWN_SYMBOLS = 8


def tables(statistics: Statistics) -> Iterator[Table | str]:
    """What there is, then each mode, groups where asked for, and the checks."""
    total = statistics.total
    names = [symbol for symbol in statistics.symbols if symbol]
    more = f" and {len(names) - _SHOWN_SYMBOLS} more" if len(names) > _SHOWN_SYMBOLS else ""
    symbols = f", {', '.join(names[:_SHOWN_SYMBOLS])}{more}" if names else ""
    yield (
        f"{statistics.output}: {counted(total.bars, 'bar')} from {_when(total.first)} to "
        f"{_when(total.last)} UTC{symbols}; "
        f"{counted(statistics.part_files, 'part file')}, {format_bytes(statistics.size_bytes)}"
    )
    yield (
        f"rolls: {counted(total.jumps, 'jump')}, {counted(total.rolled_bars, 'bar')} beside them; "
        f"{counted(statistics.quarantined_bars, 'bad bar')} set aside"
    )
    yield from told_asked(statistics)
    if statistics.prices_rounded:
        yield rounded_note(statistics.prices_rounded)
    yield ""
    yield outcomes_table(total)
    yield "MAE and seconds are means over the outcome target; tied is the share of the trades that"
    yield "touch a barrier which one bar decided that touches both."
    if any(mode.returns for mode in total.modes):
        yield ""
        yield returns_table(total)
        yield "Of all trades with an exit, without costs; overlapping trades count each."
    if any(mode.worth for mode in total.modes):
        yield ""
        yield worth_table(total)
        yield "Labels that share bars count once together: so many are worth what they all are."
    yield ""
    yield Table(
        "Weights",
        ("mode", "mean", "std", "min", "5 %", "25 %", "50 %", "75 %", "95 %", "max"),
        [
            (
                mode,
                *(number(value, 4) for value in astuple(weights)),
            )
            for mode, weights in statistics.weights.items()
        ],
    )
    yield ""
    if statistics.by is not None:
        yield _by(statistics.by, statistics.groups)
        if statistics.by == "session":
            yield told_sessions(statistics)
        yield ""
    yield Table(
        "Checks",
        ("check", "mode", "status", "number", "what was found"),
        [
            (
                check.name,
                check.mode or "",
                check.status,
                share(check.value) if check.unit == "share" else number(check.value),
                check.message,
            )
            for check in statistics.checks
        ],
        left=5,
    )


def _by(by: By, groups: tuple[Group, ...]) -> Table:
    asked = ("asked",) if any(group.asks_some for group in groups) else ()
    has_worth = any(mode.worth for group in groups for mode in group.modes)
    worth = ("effective labels", "labels per effective one") if has_worth else ()
    return Table(
        f"By {by}",
        (
            by,
            "mode",
            "bars",
            *asked,
            "jumps",
            "win rate",
            "winners",
            "rolls",
            "MAE ticks",
            "seconds",
            *worth,
        ),
        [
            (
                group.name or "(none)",
                mode.mode,
                number(group.bars),
                *(number(group.asked_bars) for _ in asked),
                number(group.jumps),
                share(mode.win_rate),
                number(mode.winners),
                number(mode.outcomes["roll"]),
                number(mode.mean_mae_ticks, 2),
                number(mode.mean_seconds_to_target, 1),
                *(_worth(mode) if has_worth else ()),
            )
            for group in groups
            for mode in group.modes
        ],
        left=2,
    )


def _worth(mode: ModeTally) -> tuple[str, str]:
    if mode.worth is None:
        return "", ""
    effective, shared = mode.worth.effective_labels, mode.worth.labels_per_effective_label
    return number(effective, 1), number(shared, 1)


def _when(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
