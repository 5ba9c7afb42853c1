"""What the tallies of part files add up to: bars, outcomes and labels of groups, mode by mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import groupby
from typing import Any, Literal, NamedTuple

from duck_label import outcomes
from duck_label.database import Database
from duck_label.moments import EPOCH
from duck_label.queries import render

By = Literal["month", "symbol", "session"]
# Of these a label is made that overlaps with no other.
_PARTS = 2**40


@dataclass(frozen=True)
class Returns:
    """What the trades of one mode return at their exits, in ticks: no costs are in it.

    `profit_factor` is what winning trades gain over what losing ones lose, None if none does.
    """

    trades: int
    total_ticks: float
    mean_ticks: float
    profit_factor: float | None


@dataclass(frozen=True)
class Worth:
    """What the labels of one mode are worth together, beside those that they overlap with.

    `effective_labels` is the sum of their uniqueness, of which `mean_uniqueness` is the mean.
    `labels_per_effective_label` is one divided by that mean, and so the harmonic mean of how many
    trades run at a bar, over the bars of each trade and over the trades.
    """

    trades: int
    effective_labels: float
    mean_uniqueness: float
    labels_per_effective_label: float


@dataclass(frozen=True)
class ModeTally:
    """What became of the trades of one mode: bars by outcome and by label.

    A bar that is not asked is `skipped`; `asked_bars` are all others. MAE and seconds are means
    over the outcome `target`, None if there is none. `tied` are trades that one bar decided which
    touches both barriers: the tie rule's share. `returns` are known where exits were asked for,
    `worth` where uniqueness was.
    """

    mode: str
    bars: int
    asked_bars: int
    labeled_bars: int
    outcomes: Mapping[str, int]
    labels: Mapping[str, int]
    tied: int
    mean_mae_ticks: float | None
    mean_seconds_to_target: float | None
    returns: Returns | None
    worth: Worth | None

    @property
    def winners(self) -> int:
        """The bars whose label is 1."""
        return self.labels["1"]

    @property
    def outcomes_of_the_asked(self) -> Mapping[str, int]:
        """The outcomes without the bars that are not asked."""
        skipped = self.outcomes["skipped"] - (self.bars - self.asked_bars)
        return {**self.outcomes, "skipped": skipped}

    @property
    def touched(self) -> int:
        """The trades that touch a barrier."""
        return sum(self.outcomes[name] for name in ("target", "stop", "both"))

    @property
    def tied_share(self) -> float | None:
        """The share of the trades that touch a barrier which one bar decided both ways."""
        return self.tied / self.touched if self.touched else None

    @property
    def win_rate(self) -> float | None:
        """The share of winners among bars with a label."""
        return self.winners / self.labeled_bars if self.labeled_bars else None

    def to_json(self) -> dict[str, Any]:
        """Plain values; keys carry units."""
        shares = {"win_rate": self.win_rate, "tied_share": self.tied_share}
        return {**asdict(self), "winners": self.winners, **shares}


@dataclass(frozen=True)
class Group:
    """The bars of one month, symbol or session, or of all: their range, rolls, and modes.

    `asked_bars` are those that events and sessions ask for: all bars, where there are none.
    """

    name: str
    first: datetime
    last: datetime
    bars: int
    asked_bars: int
    jumps: int
    rolled_bars: int
    modes: tuple[ModeTally, ...]

    @property
    def asks_some(self) -> bool:
        """Whether there are bars that are not asked."""
        return self.asked_bars < self.bars

    def to_json(self) -> dict[str, Any]:
        """Plain values; keys carry units."""
        return {
            **asdict(self),
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "modes": [mode.to_json() for mode in self.modes],
        }


class _Row(NamedTuple):
    """A row of stats/groups; clocks count from 1970."""

    part_of: str
    mode: int
    mode_name: str
    increments_per_tick: int
    clocks_per_second: int
    first: int
    last: int
    bars: int
    asked: int
    jumps: int
    rolled_bars: int
    target: int
    stop: int
    timeout: int
    close: int
    roll: int
    censored: int
    none: int
    skipped: int
    both: int
    label_1: int
    label_0: int
    label_minus_1: int
    label_null: int
    tied: int
    gains: int | None
    losses: int | None
    worth: int | None
    mae: int
    clocks: int


def groups(database: Database, by: By | None) -> list[Group]:
    """The groups of the table `tallies`, or all of it as one."""
    query = render("stats/groups", {"by": by, "sums": outcomes.SUMS})
    rows = [_Row(*row) for row in database.rows(query)]
    return [
        _group(name, list(of_group)) for name, of_group in groupby(rows, lambda row: row.part_of)
    ]


def _group(name: str, rows: list[_Row]) -> Group:
    """A group from its rows, one for each mode and each size of a tick."""
    by_mode = [list(of_mode) for _, of_mode in groupby(rows, lambda row: row.mode)]
    once = by_mode[0]  # every mode has seen every bar
    return Group(
        name=name,
        first=min(_moment(row.first, row.clocks_per_second) for row in once),
        last=max(_moment(row.last, row.clocks_per_second) for row in once),
        bars=int(sum(row.bars for row in once)),
        asked_bars=int(sum(row.asked for row in once)),
        jumps=int(sum(row.jumps for row in once)),
        rolled_bars=int(sum(row.rolled_bars for row in once)),
        modes=tuple(_mode(of_mode) for of_mode in by_mode),
    )


def _mode(rows: list[_Row]) -> ModeTally:
    """One mode of a group. Sums stay exact until the last division, whatever the cut was."""
    by_outcome = {name: int(sum(getattr(row, name) for row in rows)) for name in outcomes.NAMES}
    labels = {
        "null" if label is None else str(label): int(sum(getattr(row, name) for row in rows))
        for name, label in outcomes.LABELS.items()
    }
    trades = sum(by_outcome[name] for name in outcomes.WITH_PATH)
    bars, targets = sum(by_outcome.values()), by_outcome["target"]
    mae = sum(Fraction(int(row.mae), row.increments_per_tick) for row in rows)
    seconds = sum(Fraction(int(row.clocks), row.clocks_per_second) for row in rows)
    return ModeTally(
        mode=rows[0].mode_name,
        bars=bars,
        asked_bars=int(sum(row.asked for row in rows)),
        labeled_bars=bars - labels["null"],
        outcomes=by_outcome,
        labels=labels,
        tied=int(sum(row.tied for row in rows)),
        mean_mae_ticks=float(mae / targets) if targets else None,
        mean_seconds_to_target=float(seconds / targets) if targets else None,
        returns=_returns(rows, trades),
        worth=_worth(rows, trades),
    )


def _worth(rows: list[_Row], trades: int) -> Worth | None:
    parts = [row.worth for row in rows if row.worth is not None]
    if len(parts) < len(rows) or trades == 0:
        return None
    worth = Fraction(int(sum(parts)), _PARTS)
    return Worth(trades, float(worth), float(worth / trades), float(trades / worth))


def _returns(rows: list[_Row], trades: int) -> Returns | None:
    gains = losses = Fraction(0)
    for row in rows:
        if row.gains is None or row.losses is None:
            return None
        gains += Fraction(int(row.gains), row.increments_per_tick)
        losses += Fraction(int(row.losses), row.increments_per_tick)
    if trades == 0:
        return None
    total = gains - losses
    factor = float(gains / losses) if losses else None
    return Returns(trades, float(total), float(total / trades), factor)


def _moment(clock: int, clocks_per_second: int) -> datetime:
    return EPOCH + timedelta(microseconds=clock * 1_000_000 // clocks_per_second)
