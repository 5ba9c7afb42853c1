"""What the labels in an output folder look like in numbers.

Outcomes, excursions, speed and rolls come from the tallies that part files carry; labels and
weights from their columns. Nothing is written to the folder, and a run may be writing there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple

from duck_label import outcomes
from duck_label.columns import identifier
from duck_label.database import Database
from duck_label.errors import InputError
from duck_label.look.means import Means
from duck_label.look.quality import Check, Evidence, judge, worst
from duck_label.queries import render
from duck_label.records.ledger import ChunkRecord, Ledger, Rounded
from duck_label.run.admission import quarantined

By = Literal["month", "symbol", "session"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
class ModeTally:
    """What became of the trades of one mode: bars by outcome and by label.

    MAE and seconds are means over the outcome `target`, None if there is none. `tied` are trades
    that one bar decided which touches both barriers: the tie rule's share. `returns` are known
    where exits were asked for.
    """

    mode: str
    bars: int
    labeled_bars: int
    outcomes: Mapping[str, int]
    labels: Mapping[str, int]
    tied: int
    mean_mae_ticks: float | None
    mean_seconds_to_target: float | None
    returns: Returns | None

    @property
    def winners(self) -> int:
        """The bars whose label is 1."""
        return self.labels["1"]

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
class Weights:
    """The weights of one mode: each is None where no weight is good."""

    mean: float | None
    standard_deviation: float | None
    min: float | None
    p5: float | None
    p25: float | None
    p50: float | None
    p75: float | None
    p95: float | None
    max: float | None


@dataclass(frozen=True)
class Group:
    """The bars of one month, symbol or session, or of all: their range, rolls, and modes."""

    name: str
    first: datetime
    last: datetime
    bars: int
    jumps: int
    rolled_bars: int
    modes: tuple[ModeTally, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values; keys carry units."""
        return {
            **asdict(self),
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "modes": [mode.to_json() for mode in self.modes],
        }


@dataclass(frozen=True)
class Statistics:
    """What `duck-label stats` tells; `groups` is empty unless asked for by something."""

    output: str
    part_files: int
    size_bytes: int
    symbols: tuple[str, ...]
    quarantined_bars: int
    prices_rounded: tuple[Rounded, ...]
    session_start: str
    total: Group
    weights: Mapping[str, Weights]
    by: By | None
    groups: tuple[Group, ...]
    checks: tuple[Check, ...]

    @property
    def status(self) -> str:
        """The worst of the checks: pass, warn or fail."""
        return worst(self.checks)

    def to_json(self) -> dict[str, Any]:
        """Plain values; keys carry units."""
        total = self.total.to_json()
        del total["name"]
        for mode in total["modes"]:
            mode["weight"] = asdict(self.weights[mode["mode"]])
        return {
            "output": self.output,
            "part_files": self.part_files,
            "size_bytes": self.size_bytes,
            "symbols": list(self.symbols),
            "quarantined_bars": self.quarantined_bars,
            "prices_rounded": list(self.prices_rounded),
            "session_start": self.session_start,
            **total,
            "by": self.by,
            "groups": [group.to_json() for group in self.groups],
            "checks": [asdict(check) for check in self.checks],
            "status": self.status,
        }


def statistics(output: str | Path, by: By | None = None, means: Means | None = None) -> Statistics:
    """Read the numbers of the labels in an output folder, grouped on request.

    Raises:
        InputError: if there are no labels in the folder, or a part file is damaged.
        OutputError: if there is nowhere to spill to.
        MemoryBudgetError: if the memory limit is too small.
    """
    return statistics_of(Ledger(output), by, means or Means())


def statistics_of(ledger: Ledger, by: By | None, means: Means) -> Statistics:
    """See `statistics`: of an output whose records are open."""
    ledger.refuse_other_format()
    chunks = [chunk for chunk in ledger.chunks() if chunk.file is not None]
    if not chunks:
        raise InputError(
            f"{ledger.output}: there are no labels in this folder: name the output of a run"
        )
    with means.database(ledger.output) as database:
        return _statistics(database, ledger, chunks, by)


def _statistics(
    database: Database, ledger: Ledger, chunks: list[ChunkRecord], by: By | None
) -> Statistics:
    checked = ledger.checked()
    config = {} if checked is None else checked.config
    files = {"files": ledger.part_files(chunks)}
    database.run(render("stats/tallies", {"sums": outcomes.SUMS}), files)
    tallied_files, session_start = database.row(
        "select count(distinct file_name), any_value(session_start) from tallies"
    )
    if tallied_files == 0:
        raise InputError(
            f"{ledger.output}: its part files carry no tally of outcomes: an earlier version "
            "wrote them; label them again with run --overwrite"
        )
    (total,) = _groups(database, None)
    weights, evidence = {}, []
    for mode in total.modes:
        names = {kind: identifier(f"{kind}_{mode.mode}") for kind in ("label", "weight")}
        database.run(render("stats/weights", names), files)
        found = database.row(render("stats/quality", {}))
        (bars, *labels, nulls, bad_labels, bad_weights), distribution = found[:8], found[8:]
        weights[mode.mode] = Weights(*distribution)
        evidence.append(
            Evidence(
                mode=mode.mode,
                bars=int(bars),
                bars_tallied=mode.bars,
                labels=dict(zip(mode.labels, map(int, labels), strict=True)),
                labels_tallied=mode.labels,
                is_binary=config.get("label", "win") == "win",
                nulls=int(nulls),
                nulls_expected=_nulls_expected(mode, config),
                bad_labels=int(bad_labels),
                bad_weights=int(bad_weights),
                lost_to_rolls=mode.outcomes["roll"],
                touched=mode.touched,
                tied=mode.tied,
                in_the_entry_bar=_in_the_entry_bar(database, config, mode.mode, files),
            )
        )
    set_aside = quarantined(database, ledger)
    return Statistics(
        output=str(ledger.output),
        part_files=len(chunks),
        size_bytes=sum(chunk.size_bytes for chunk in chunks),
        symbols=tuple(
            symbol
            for (symbol,) in database.rows("select distinct symbol from tallies order by symbol")
        ),
        quarantined_bars=set_aside,
        prices_rounded=() if checked is None else tuple(checked.rounded),
        session_start=session_start,
        total=total,
        weights=weights,
        by=by,
        groups=tuple(_groups(database, by)) if by else (),
        checks=tuple(judge(evidence, len(chunks) - tallied_files, set_aside)),
    )


def _nulls_expected(mode: ModeTally, config: Mapping[str, Any]) -> int:
    """The bars that are to have no label, by what became of their trades."""
    unlabeled = [*outcomes.WITHOUT_LABEL]
    if config.get("unresolved") == "null":
        unlabeled += outcomes.UNRESOLVED
    return sum(mode.outcomes[name] for name in unlabeled)


def _in_the_entry_bar(
    database: Database, config: Mapping[str, Any], mode: str, files: Mapping[str, Any]
) -> int | None:
    """The trades that are decided in the bar that they enter at, where details tell."""
    if not config.get("details"):
        return None
    names = {kind: identifier(f"{kind}_{mode}") for kind in ("outcome", "seconds")}
    (count,) = database.row(render("stats/ambiguous", names), files)
    return int(count)


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
    jumps: int
    rolled_bars: int
    target: int
    stop: int
    timeout: int
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
    mae: int
    clocks: int


def _groups(database: Database, by: By | None) -> list[Group]:
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
    bars, targets = sum(by_outcome.values()), by_outcome["target"]
    mae = sum(Fraction(int(row.mae), row.increments_per_tick) for row in rows)
    seconds = sum(Fraction(int(row.clocks), row.clocks_per_second) for row in rows)
    return ModeTally(
        mode=rows[0].mode_name,
        bars=bars,
        labeled_bars=bars - labels["null"],
        outcomes=by_outcome,
        labels=labels,
        tied=int(sum(row.tied for row in rows)),
        mean_mae_ticks=float(mae / targets) if targets else None,
        mean_seconds_to_target=float(seconds / targets) if targets else None,
        returns=_returns(rows, sum(by_outcome[name] for name in outcomes.WITH_PATH)),
    )


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
    return _EPOCH + timedelta(microseconds=clock * 1_000_000 // clocks_per_second)
