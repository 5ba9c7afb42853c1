"""What the labels in an output folder look like in numbers.

Outcomes, excursions, speed and rolls come from the tallies that part files carry; labels and
weights from their columns. Nothing is written to the folder, and a run may be writing there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from duck_label import outcomes
from duck_label.columns import identifier
from duck_label.database import Database
from duck_label.errors import InputError
from duck_label.look.quality import Check, Evidence, judge, worst
from duck_label.look.resources import Resources
from duck_label.look.tallies import By, Group, ModeTally, groups
from duck_label.look.unchanged import Unchanged
from duck_label.queries import render
from duck_label.records.checked import Rounded
from duck_label.records.chunk import ChunkRecord, parts_lost, weights_differ
from duck_label.records.ledger import Ledger
from duck_label.records.unfinished import Unfinished


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
class Statistics:
    """What `duck-label stats` tells; `groups` is empty unless asked for by something.

    `bars_outside` lie in none of the sessions that the configuration gives, None if it gives none.
    """

    output: str
    part_files: int
    size_bytes: int
    symbols: tuple[str, ...]
    quarantined_bars: int
    prices_rounded: tuple[Rounded, ...]
    session_start: str
    session_days: int
    bars_outside: int | None
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
            "session_days": self.session_days,
            "bars_outside": self.bars_outside,
            **total,
            "by": self.by,
            "groups": [group.to_json() for group in self.groups],
            "checks": [asdict(check) for check in self.checks],
            "status": self.status,
        }


def statistics(
    output: str | Path, by: By | None = None, resources: Resources | None = None
) -> Statistics:
    """Read the numbers of the labels in an output folder, grouped on request.

    Raises:
        InputError: if there are no labels in the folder, a part file is damaged, or one was written
            anew meanwhile.
        OutputError: if there is nowhere to spill to.
        MemoryBudgetError: if the memory limit is too small.
    """
    return statistics_of(Ledger(output), by, resources or Resources())


def statistics_of(ledger: Ledger, by: By | None, resources: Resources) -> Statistics:
    """See `statistics`: of an output whose records are open."""
    ledger.refuse_other_format()
    there, lost = ledger.there_and_lost()
    unfinished = ledger.cut_short(there)
    chunks = [chunk for chunk in there if chunk.file is not None]
    if not chunks:
        nothing = "there are no labels in this folder: name the output of a run"
        raise InputError(f"{ledger.output}: {parts_lost(lost) or nothing}")
    with Unchanged(ledger), resources.database(ledger.output) as database:
        return _statistics(database, ledger, chunks, lost, unfinished, by)


def _statistics(
    database: Database,
    ledger: Ledger,
    chunks: list[ChunkRecord],
    lost: list[ChunkRecord],
    unfinished: Unfinished | None,
    by: By | None,
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
    (total,) = groups(database, None)
    left_out = total.bars - total.asked_bars if config.get("rows") == "asked" else 0
    weights, evidence = {}, []
    for mode in total.modes:
        weights[mode.mode], found = _weighed(database, config, mode, files, left_out)
        evidence.append(found)
    set_aside = ledger.quarantined(database)
    session_days, bars_outside = database.row(
        "select count(distinct session) filter (where session <> 'outside'), "
        "coalesce(sum(bars) filter (where session = 'outside' and mode = 1), 0) from tallies"
    )
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
        session_days=session_days,
        bars_outside=None if config.get("session") is None else int(bars_outside),
        total=total,
        weights=weights,
        by=by,
        groups=tuple(groups(database, by)) if by else (),
        checks=tuple(
            judge(
                evidence,
                len(chunks) - tallied_files,
                set_aside,
                weights_differ(chunks),
                lost,
                unfinished,
            )
        ),
    )


def _weighed(
    database: Database,
    config: Mapping[str, Any],
    mode: ModeTally,
    files: Mapping[str, Any],
    left_out: int,
) -> tuple[Weights, Evidence]:
    """The weights of a mode, and what it is judged by; `left_out` bars were not written."""
    names = {kind: identifier(f"{kind}_{mode.mode}") for kind in ("label", "weight")}
    database.run(render("stats/weights", names), files)
    found = database.row(render("stats/quality", {}))
    (bars, *labels, nulls, bad_labels, bad_weights), distribution = found[:8], found[8:]
    evidence = Evidence(
        mode=mode.mode,
        bars=int(bars),
        bars_asked=mode.asked_bars,
        bars_tallied=mode.bars - left_out,
        labels=dict(zip(mode.labels, map(int, labels), strict=True)),
        labels_tallied={**mode.labels, "null": mode.labels["null"] - left_out},
        is_binary=config.get("label", "win") == "win",
        nulls=int(nulls),
        nulls_expected=_nulls_expected(mode, config) - left_out,
        bad_labels=int(bad_labels),
        bad_weights=int(bad_weights),
        lost_to_rolls=mode.outcomes["roll"],
        touched=mode.touched,
        tied=mode.tied,
        in_the_entry_bar=_in_the_entry_bar(database, config, mode.mode, files),
    )
    return Weights(*distribution), evidence


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
