"""Whether the labels of a run can teach anything: what is most likely wrong, where they cannot.

The checks of finished labels, with all their figures, are the business of `look.quality`.
"""

from __future__ import annotations

from collections.abc import Sequence

from duck_label import outcomes
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.queries import render

# Fewer bars may well be all alike.
_ENOUGH_BARS = 100
_MOST_ROLLED = 0.9
_WAY = "duck-label validate INPUT --write-config writes a configuration that suits the bars"


def doubts(
    database: Database, config: LabelingConfig, files: Sequence[dict[str, str]]
) -> list[str]:
    """What is odd in the labels of part files, a line each; from the sums that they carry."""
    database.run(render("stats/tallies", {"sums": outcomes.SUMS}), {"files": files})
    modes = database.named_rows(
        "select sum(bars) as bars, sum(roll) as roll, sum(skipped) as skipped, "
        'sum("none") as "none", sum(target + stop + "both") as touched, '
        "(sum(label_1) > 0)::integer + (sum(label_0) > 0)::integer "
        "+ (sum(label_minus_1) > 0)::integer as classes "
        "from tallies group by mode"
    )
    database.run("drop table tallies")
    bars = max((mode["bars"] for mode in modes), default=0)
    if bars < _ENOUGH_BARS:
        return []
    if all(mode["none"] == mode["bars"] for mode in modes):
        return [
            "no bar has a trade: each is the last of its symbol, so there is none to enter at; is "
            "'symbol' the right column?"
        ]
    # A symbol's last bar has no trade either, whatever it knows.
    if all(mode["skipped"] + mode["none"] == mode["bars"] for mode in modes):
        return [
            "no bar has a trade: all are skipped, as none is asked, has a side, knows its "
            "distances, or enters in its session and within max_entry_gap_seconds; an event has "
            "the very timestamp of its bar, in UTC"
        ]
    rolled = max(mode["roll"] for mode in modes) / bars
    if rolled >= _MOST_ROLLED:
        return [
            f"{rolled:.1%} of the bars were lost to rolls: is roll_gap_points = "
            f"{config.roll_gap_points:f} smaller than an ordinary move, or are the prices in "
            f"another unit? {_WAY}"
        ]
    ticks = f"with a tick_size of {config.tick_size:f}"
    has_barriers = any(not one.is_none for mode in config.modes for one in mode.barriers)
    if has_barriers and not any(mode["touched"] for mode in modes):
        return [f"no barrier was touched {ticks}: are the prices in another unit? {_WAY}"]
    # Modes without a target are told from the beginning.
    is_told = config.label == "win" and any(mode.target.is_none for mode in config.modes)
    if not is_told and not any(mode["classes"] > 1 for mode in modes):
        what = "not one label is 1" if config.label == "win" else "all labels of a mode are alike"
        return [f"{what} {ticks}: nothing can be learned from them. {_WAY}"]
    return []
