"""What became of the trades of each mode, as tables that the terminal and the report share."""

from __future__ import annotations

from collections.abc import Iterator

from duck_label import outcomes
from duck_label.look.stats import Statistics
from duck_label.look.tallies import Group
from duck_label.tables import Table, counted, number, share

# Columns of these appear only where there is something to count.
_RARE = ("close", "skipped", "both")


def outcomes_table(group: Group) -> Table:
    """Win rates or classes, the bars of every outcome, and the share that the tie rule decided.

    Where some bars are not asked, it has those that are; the others are among the skipped ones.
    """
    names = [
        name
        for name in outcomes.NAMES
        if name not in _RARE or any(mode.outcomes[name] for mode in group.modes)
    ]
    has_classes = any(mode.labels["-1"] for mode in group.modes)
    classes = ("label 1", "label 0", "label -1") if has_classes else ("win rate",)
    asked = ("asked",) if group.asks_some else ()
    rows = []
    for mode in group.modes:
        labels = [mode.labels[name] for name in ("1", "0", "-1")]
        shares = [count / mode.labeled_bars if mode.labeled_bars else None for count in labels]
        rows.append(
            (
                mode.mode,
                *map(share, shares if has_classes else [mode.win_rate]),
                *(number(mode.asked_bars) for _ in asked),
                *(number(mode.outcomes[name]) for name in names),
                share(mode.tied_share),
                number(mode.mean_mae_ticks, 2),
                number(mode.mean_seconds_to_target, 1),
            )
        )
    headers = ("mode", *classes, *asked, *names, "tied", "MAE ticks", "seconds")
    return Table("Outcomes", headers, rows)


def returns_table(group: Group) -> Table:
    """What trades return, in ticks."""
    return Table(
        "Returns",
        ("mode", "trades", "mean ticks", "sum ticks", "profit factor"),
        [
            (
                mode.mode,
                number(mode.returns.trades),
                number(mode.returns.mean_ticks, 3),
                number(mode.returns.total_ticks),
                number(mode.returns.profit_factor, 3),
            )
            for mode in group.modes
            if mode.returns is not None
        ],
    )


def worth_table(group: Group) -> Table:
    """What labels are worth beside those that they overlap with."""
    return Table(
        "Overlap",
        ("mode", "trades", "effective labels", "labels per effective one", "mean uniqueness"),
        [
            (
                mode.mode,
                number(mode.worth.trades),
                number(mode.worth.effective_labels, 1),
                number(mode.worth.labels_per_effective_label, 1),
                number(mode.worth.mean_uniqueness, 5),
            )
            for mode in group.modes
            if mode.worth is not None
        ],
    )


def told_asked(labels: Statistics) -> Iterator[str]:
    """How many bars are asked, and lie in a session, where that is not all of them."""
    total = labels.total
    if total.asks_some:
        yield f"{number(total.asked_bars)} of {counted(total.bars, 'bar')} are asked"
    if labels.bars_outside is not None:
        yield (
            f"{counted(labels.session_days, 'day')} with a session ({labels.session_start}), "
            f"{counted(labels.bars_outside, 'bar')} outside"
        )


def told_sessions(labels: Statistics) -> str:
    """Which session a bar counts for, in a sentence."""
    if labels.bars_outside is None:
        return f"A session begins at {labels.session_start}."
    return f"A bar counts for the day on which its session opens ({labels.session_start})."
