"""What the labels in an output folder look like in numbers.

Outcomes, excursions, speed and rolls come from the tallies that part files carry; labels and
weights from their columns. Nothing is written to the folder, and a run may be writing there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple

from duck_label.columns import identifier
from duck_label.database import Database
from duck_label.errors import InputError
from duck_label.look.means import Means
from duck_label.look.quality import Check, Evidence, judge, worst
from duck_label.queries import OUTCOMES, render
from duck_label.records.ledger import ChunkRecord, Ledger, Rounded
from duck_label.run.admission import quarantined

By = Literal["month", "symbol", "session"]
_UNRESOLVED = ("roll", "censored", "none")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ModeTally:
    """What became of the trades of one mode: bars by outcome; means over winners, None if none."""

    mode: str
    bars: int
    labeled_bars: int
    outcomes: Mapping[str, int]
    mean_mae_ticks: float | None
    mean_seconds_to_target: float | None

    @property
    def winners(self) -> int:
        """The bars whose label is 1."""
        return self.outcomes["target"]

    @property
    def win_rate(self) -> float | None:
        """The share of winners among bars with a label."""
        return self.winners / self.labeled_bars if self.labeled_bars else None

    def to_json(self) -> dict[str, Any]:
        """Plain values; keys carry units."""
        return {**asdict(self), "winners": self.winners, "win_rate": self.win_rate}


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
    ledger = Ledger(output)
    ledger.refuse_other_format()
    chunks = [chunk for chunk in ledger.chunks() if chunk.file is not None]
    if not chunks:
        raise InputError(f"{output}: there are no labels in this folder: name the output of a run")
    with (means or Means()).database(output) as database:
        return _statistics(database, ledger, chunks, by)


def _statistics(
    database: Database, ledger: Ledger, chunks: list[ChunkRecord], by: By | None
) -> Statistics:
    checked = ledger.checked()
    config = {} if checked is None else checked.config
    leaves_nulls = config.get("unresolved") == "null"
    files = {"files": ledger.part_files(chunks)}
    database.run(render("stats/tallies", {"outcomes": OUTCOMES}), files)
    tallied_files, session_start = database.row(
        "select count(distinct file_name), any_value(session_start) from tallies"
    )
    if tallied_files == 0:
        raise InputError(
            f"{ledger.output}: its part files carry no tally of outcomes: an earlier version "
            "wrote them; label them again with run --overwrite"
        )
    (total,) = _groups(database, None, leaves_nulls)
    weights, evidence = {}, []
    for mode in total.modes:
        names = {kind: identifier(f"{kind}_{mode.mode}") for kind in ("label", "weight")}
        database.run(render("stats/weights", names), files)
        bars, labeled, winners, nulls, bad_labels, bad_weights, *distribution = database.row(
            render("stats/quality", {})
        )
        weights[mode.mode] = Weights(*distribution)
        evidence.append(
            Evidence(
                mode=mode.mode,
                bars=int(bars),
                bars_tallied=mode.bars,
                labeled=int(labeled),
                winners=int(winners),
                winners_tallied=mode.winners,
                nulls=int(nulls),
                nulls_expected=mode.bars - mode.labeled_bars,
                bad_labels=int(bad_labels),
                bad_weights=int(bad_weights),
                lost_to_rolls=mode.outcomes["roll"],
                **_ambiguous(database, config, mode.mode, files),
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
        groups=tuple(_groups(database, by, leaves_nulls)) if by else (),
        checks=tuple(judge(evidence, len(chunks) - tallied_files, set_aside)),
    )


def _ambiguous(
    database: Database, config: Mapping[str, Any], mode: str, files: Mapping[str, Any]
) -> dict[str, int]:
    """Trades that bars hardly tell apart, where the details of a mode in ticks are written."""
    targets = {one["name"]: str(one["target"]) for one in config.get("modes", ())}
    if not config.get("details") or not re.fullmatch(r"\d+(\.\d+)?", targets.get(mode, "")):
        return {}
    names = {kind: identifier(f"{kind}_{mode}") for kind in ("outcome", "seconds", "mfe_ticks")}
    touched, in_the_entry_bar, both = database.row(
        render("stats/ambiguous", names), {**files, "target": float(targets[mode])}
    )
    return {"touched": touched, "in_the_entry_bar": in_the_entry_bar, "both": both}


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
    mae: int
    clocks: int


def _groups(database: Database, by: By | None, leaves_nulls: bool) -> list[Group]:
    query = render("stats/groups", {"by": by, "outcomes": OUTCOMES})
    rows = [_Row(*row) for row in database.rows(query)]
    return [
        _group(name, list(of_group), leaves_nulls)
        for name, of_group in groupby(rows, lambda row: row.part_of)
    ]


def _group(name: str, rows: list[_Row], leaves_nulls: bool) -> Group:
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
        modes=tuple(_mode(of_mode, leaves_nulls) for of_mode in by_mode),
    )


def _mode(rows: list[_Row], leaves_nulls: bool) -> ModeTally:
    """One mode of a group. Sums stay exact until the last division, whatever the cut was."""
    outcomes = {name: int(sum(getattr(row, name) for row in rows)) for name in OUTCOMES}
    bars, winners = sum(outcomes.values()), outcomes["target"]
    unresolved = sum(outcomes[name] for name in _UNRESOLVED)
    mae = sum(Fraction(int(row.mae), row.increments_per_tick) for row in rows)
    seconds = sum(Fraction(int(row.clocks), row.clocks_per_second) for row in rows)
    return ModeTally(
        mode=rows[0].mode_name,
        bars=bars,
        labeled_bars=bars - unresolved if leaves_nulls else bars,
        outcomes=outcomes,
        mean_mae_ticks=float(mae / winners) if winners else None,
        mean_seconds_to_target=float(seconds / winners) if winners else None,
    )


def _moment(clock: int, clocks_per_second: int) -> datetime:
    return _EPOCH + timedelta(microseconds=clock * 1_000_000 // clocks_per_second)
