"""What became of the trades of each mode, as tables that the terminal and the report share."""

from __future__ import annotations

from duck_label import outcomes
from duck_label.look.stats import Group
from duck_label.tables import Table, number, share

# Columns of these appear only where there is something to count.
_RARE = ("skipped", "both")


def outcomes_table(group: Group) -> Table:
    """Win rates or classes, the bars of every outcome, and the share that the tie rule decided."""
    names = [
        name
        for name in outcomes.NAMES
        if name not in _RARE or any(mode.outcomes[name] for mode in group.modes)
    ]
    has_classes = any(mode.labels["-1"] for mode in group.modes)
    classes = ("label 1", "label 0", "label -1") if has_classes else ("win rate",)
    rows = []
    for mode in group.modes:
        labels = [mode.labels[name] for name in ("1", "0", "-1")]
        shares = [count / mode.labeled_bars if mode.labeled_bars else None for count in labels]
        rows.append(
            (
                mode.mode,
                *map(share, shares if has_classes else [mode.win_rate]),
                *(number(mode.outcomes[name]) for name in names),
                share(mode.tied_share),
                number(mode.mean_mae_ticks, 2),
                number(mode.mean_seconds_to_target, 1),
            )
        )
    return Table("Outcomes", ("mode", *classes, *names, "tied", "MAE ticks", "seconds"), rows)


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
