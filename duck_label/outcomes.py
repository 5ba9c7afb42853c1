"""What can become of a trade: declared once, with what each outcome means wherever it is met."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """A way in which a trade ends, or does not begin.

    `has_path` tells whether there is a path to measure, `is_unresolved` whether the bars ran out
    before it was known, `has_no_label` whether it never has one. `why` ends a sentence.
    """

    name: str
    why: str
    colour: str
    has_path: bool = False
    is_unresolved: bool = False
    has_no_label: bool = False


# In the order of a tally and of the type in part files.
ALL = (
    Outcome("target", "the target was touched first", "#3f9b58", has_path=True),
    Outcome("stop", "the stop was touched first", "#cf4b4b", has_path=True),
    Outcome(
        "timeout",
        "the horizon ended before a barrier was touched",
        "#9aa0a8",
        has_path=True,
    ),
    Outcome(
        "close",
        "the session closed before a barrier was touched",
        "#6b8fb5",
        has_path=True,
    ),
    Outcome(
        "roll",
        "a jump of the price between contracts lies at the signal bar or on the path",
        "#8b6cc4",
        is_unresolved=True,
    ),
    Outcome(
        "censored",
        "the bars end before the horizon does",
        "#c9a227",
        has_path=True,
        is_unresolved=True,
    ),
    Outcome("none", "there is no bar to enter at", "#5f6670", is_unresolved=True),
    Outcome(
        "skipped",
        "the bar has no trade: it is not asked, has no side, a distance that nobody knows, or an "
        "entry bar that does not count",
        "#c7cbd1",
        has_no_label=True,
    ),
    Outcome(
        "both",
        "one bar touched both barriers, and nobody knows which came first",
        "#b0578d",
        has_no_label=True,
    ),
)
NAMES = tuple(outcome.name for outcome in ALL)
WITH_PATH = tuple(outcome.name for outcome in ALL if outcome.has_path)
UNRESOLVED = tuple(outcome.name for outcome in ALL if outcome.is_unresolved)
WITHOUT_LABEL = tuple(outcome.name for outcome in ALL if outcome.has_no_label)
BY_NAME = {outcome.name: outcome for outcome in ALL}

# What a tally holds of every mode: the bars of each outcome and of each label, those that one bar
# decided which touches both barriers, and sums over winners, or over all trades with an exit.
LABELS = {"label_1": 1, "label_0": 0, "label_minus_1": -1, "label_null": None}
SUMS = (*NAMES, *LABELS, "tied", "gains", "losses", "worth", "mae", "clocks")
