"""The bars that a run labels: found good, or the bad ones set aside; and what all chunks share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from glob import escape
from typing import Any

from duck_label.bars import checks
from duck_label.bars.asked import events_parameters, refuse_events
from duck_label.bars.checks import BadBars
from duck_label.bars.complaint import complaint
from duck_label.bars.gathered import gathered, is_scattered
from duck_label.bars.mixture import mixture, refuse_mixture
from duck_label.bars.plan import pieces, whole_days
from duck_label.bars.selection import idle_instruments
from duck_label.bars.sessions import keep_sessions
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.errors import InputError
from duck_label.identity import label_identity, weighing_of, weight_identity
from duck_label.queries import render
from duck_label.query_values import parameters
from duck_label.ranges import without
from duck_label.records.checked import Checked, Rounded, month_name
from duck_label.records.chunk import ChunkRecord
from duck_label.records.ledger import Ledger
from duck_label.run import changes
from duck_label.run.asked import Asked, asking_files
from duck_label.run.changes import input_files, refuse_conflict
from duck_label.run.weighing import Weights


@dataclass(frozen=True)
class Bars:
    """The input as the steps see it: files, the names in them, and values all chunks share.

    `new_bars` is what joined the input since the folder was labeled; `doubts` are lines to be told.
    """

    source: Source
    context: Mapping[str, Any]
    parameters: Mapping[str, Any]
    new_bars: changes.NewBars | None = None
    doubts: tuple[str, ...] = ()
    # The finished chunks that were forgotten, because other bars of them are asked now.
    asked_anew: int = 0

    @classmethod
    def of(
        cls,
        source: Source,
        config: LabelingConfig,
        parameters: Mapping[str, Any],
        *,
        has_quarantine: bool,
    ) -> Bars:
        """The bars as another process knows them, from what it was sent."""
        context = source.admitted_context(config, has_quarantine=has_quarantine)
        return cls(source, context, parameters)

    def between(self, start: int, end: int) -> dict[str, Any]:
        """The parameters of a query over the files that may hold bars of a range."""
        return {**self.parameters, "files": self.source.paths_between(start, end)}

    @property
    def reference_month(self) -> str:
        """The month that the decay counts from."""
        return month_name(self.parameters["reference_month"])


def admit(
    database: Database,
    source: Source,
    config: LabelingConfig,
    ledger: Ledger,
    wanted: tuple[int, int],
    *,
    anew: bool,
) -> Bars:
    """Check the bars that this output folder has not seen yet, and the events; set bad bars aside.

    Where the labels in the folder are to be replaced (`anew`), they are removed once the new
    input is found good. Where files joined the input, or changed, the finished chunks that they
    change are forgotten. Many small files are gathered in the folder that the database spills to.
    Leaves the temp tables `grids` and `spans`.

    Raises:
        BadBarsError: if there are bad bars and they are not to be quarantined, or too many.
        InputError: if there is no good bar in the `wanted` range of time, they are of several
            instruments that nothing tells apart, or files of events or sessions cannot be meant.
    """
    values = parameters(config, source.bars) | events_parameters(config)
    given, of_given = source, source.context(config)
    raw = of_given
    before = None if anew else known(database, ledger)
    # Other machines of a cluster see nothing of this one's disk.
    if before is None and is_scattered(source) and config.run.engine == "local":
        source = gathered(database, given, of_given, database.temp_dir / "gathered")
        raw = source.context(config)
    everything = {**values, "files": source.paths, "quarantine": escape(str(ledger.quarantine))}
    database.run(render("input/grids", raw), everything)
    database.keep("grids")
    keep_sessions(database, source, config, raw)
    new = None if before is None else changes.addition(database, source, raw, before)
    bad_bars = 0 if before is None else before.bad_bars
    has_too_many = bad_bars > 0 and config.on_bad_rows == "fail"
    has_quarantine = before is not None and ledger.quarantine.exists()
    aside = ledger.unfinished(ledger.quarantine.name)
    bad = mixed = None
    if before is None or new is not None or has_too_many:
        mixed = mixture(database, given, config, of_given)
        refuse_mixture(mixed)
        bad = _check(database, source, config, raw, new, bad_bars)
        if bad:
            checks.quarantine(database, source, raw, aside)
            everything["quarantine"] = escape(str(aside))
            bad_bars, has_quarantine = bad.bars, True
        elif bad_bars and bad is not None:
            ledger.output.discard(ledger.quarantine)
            bad_bars, has_quarantine = 0, False
    context = source.admitted_context(config, has_quarantine=has_quarantine)
    database.run(render("input/spans", context), everything)
    database.keep("spans")
    latest, good = database.row(
        f"select {context['month_of'](context['clock']('max(last_time)'))}, sum(bars)::bigint "
        "from spans"
    )
    if latest is None:
        raise InputError("there is no good bar in the input")
    _refuse_emptiness(database, source, context, everything, wanted)
    asking = asking_files(config, ledger.output)
    if before is None or before.asking != asking:
        refuse_events(database, config, context)
    # From here on nothing in the input stands against labeling it.
    if before is None:
        ledger.start_anew()
    if bad:
        aside.replace(ledger.quarantine)
        everything["quarantine"] = escape(str(ledger.quarantine))
    values["quarantine"] = escape(str(ledger.quarantine.absolute()))
    month = values["reference_month"] = config.reference_month() or latest
    new_bars = None
    if before is not None and new is not None:
        new_bars = changes.new_bars(new, ledger.chunks(), before, weighing_of(config, month))
        ledger.withdraw(new_bars.stale)
    otherwise: Sequence[ChunkRecord] = ()
    if before is not None:
        asked = Asked(database, source, config, context)
        otherwise = asked.otherwise(ledger.chunks(), before, asking)
        ledger.withdraw(otherwise)
    files = input_files(given, before)
    of_weights = weight_identity(config), month
    if (
        before is None
        or before.files != files
        or before.asking != asking
        or (before.weights, before.reference_month) != of_weights
    ):
        repeated = source.rows - bad_bars - good if config.on_duplicates == "first" else 0
        rounded: list[Rounded] = []
        if config.on_off_grid == "round":
            rounded = [
                {"symbol": symbol, "month": month_name(month), "prices": prices}
                for symbol, month, prices in checks.rounded(database, context, everything)
            ]
        ledger.note_checked(
            Checked(
                label_identity(config),
                of_weights[0],
                files,
                bad_bars,
                source.columns,
                month,
                latest,
                rounded,
                repeated,
                asking,
            )
        )
    doubts = [] if mixed is None else [str(mixed)]
    symbols = (name for (name,) in database.rows("select symbol::varchar from grids"))
    doubts += idle_instruments(config, symbols)
    return Bars(source, context, values, new_bars, tuple(doubts), len(otherwise))


def _refuse_emptiness(
    database: Database,
    source: Source,
    context: Mapping[str, Any],
    values: Mapping[str, Any],
    wanted: tuple[int, int],
) -> None:
    time = context["time"]("source")
    start, end = (source.moment(clock) for clock in wanted)
    found = database.rows(
        f"select 1 from {context['source']} as source "
        f"where {time} >= {context['moment']('start')} "
        f"and {time} < {context['moment']('end')} limit 1",
        {**values, "files": source.paths_between(*wanted), "start": start, "end": end},
    )
    if not found:
        raise InputError(f"there is not a single bar between {start} and {end}")


def known(database: Database, ledger: Ledger) -> Checked | None:
    """What this output folder was labeled from, if its bad bars are set aside."""
    checked = ledger.checked()
    if checked is None or ledger.quarantined(database) != checked.bad_bars:
        return None
    return checked


def finished(
    database: Database, source: Source, config: LabelingConfig, ledger: Ledger
) -> Checked | None:
    """What this output folder was labeled from, if that is all of this input and nothing is left.

    From footers and records alone, and files that were moved or touched: of these it tells as they
    are now. Nothing is written.
    """
    checked = known(database, ledger)
    if checked is None or (checked.bad_bars and config.on_bad_rows == "fail"):
        return None
    refuse_conflict(ledger, source, config)
    done = [(record.start, record.end) for record in ledger.chunks()]
    left = without(whole_days(source.row_groups), done)
    has_bars_left = any(
        group.first < end and group.last >= start
        for start, end in left
        for group in source.row_groups
    )
    files = input_files(source, checked)
    month = config.reference_month() or checked.latest_month
    weights = Weights(config, checked.columns, month)
    if (
        changes.since(checked, files)
        or has_bars_left
        or ledger.unrecorded_parts()
        or weights.lacking(ledger.chunks())
    ):
        return None
    if _asked_otherwise(database, source, config, ledger, checked):
        return None
    return replace(
        checked,
        files=files,
        asking=asking_files(config, ledger.output),
        weights=weight_identity(config),
        reference_month=month,
    )


def _asked_otherwise(
    database: Database, source: Source, config: LabelingConfig, ledger: Ledger, checked: Checked
) -> list[ChunkRecord]:
    """The finished chunks that events and sessions as they are now ask otherwise."""
    asking = asking_files(config, ledger.output)
    if checked.asking == asking:
        return []
    context = source.context(config)
    database.run(
        render("input/grids", context),
        {**parameters(config, source.bars), "files": source.paths},
    )
    keep_sessions(database, source, config, context)
    return Asked(database, source, config, context).otherwise(ledger.chunks(), checked, asking)


def lasting(
    database: Database, source: Source, config: LabelingConfig, ledger: Ledger
) -> tuple[list[ChunkRecord], list[ChunkRecord]]:
    """The finished chunks that a run over this input would keep, if its new bars are good.

    And those of them that it would weigh anew.
    """
    done, checked = ledger.chunks(), known(database, ledger)
    if checked is None:
        return [], []
    raw = source.context(config)
    otherwise = _asked_otherwise(database, source, config, ledger, checked)
    done = [record for record in done if record not in otherwise]
    new = changes.addition(database, source, raw, checked)
    times = [] if new is None else [source.moment(last) for _, last in new.ranges]
    latest = max([checked.latest_month, *(12 * time.year + time.month for time in times)])
    weights = Weights(config, checked.columns, config.reference_month() or latest)
    if new is not None:
        stale = changes.new_bars(new, done, checked, weights.weighing).stale
        done = [record for record in done if record not in stale]
    return done, weights.lacking(done)


def _check(
    database: Database,
    source: Source,
    config: LabelingConfig,
    raw: Mapping[str, Any],
    new: changes.Addition | None,
    known_bad_bars: int,
) -> BadBars | None:
    """The bad bars of the input, or None where it has those that are known and no more.

    Raises:
        BadBarsError: if there are any and they are not to be quarantined, or too many.
    """
    ranges = [(piece.start, piece.end) for piece in pieces(source.row_groups)]
    bad = None
    # A column that is new is missing in every old file, and may be one of a bar's; and what
    # changed may have been bad, or the other one of two.
    has_changed = new is not None and new.changed > 0
    may_have_fewer = known_bad_bars > 0 and (has_changed or config.on_bad_rows == "fail")
    if new is not None and not new.has_new_columns and not may_have_fewer:
        near = [(start, end) for start, end in ranges if new.touches(start, end)]
        bad = checks.find_bad_bars(database, source, raw, near, new.files.paths)
        if not bad:
            return None
    if bad is None or config.on_bad_rows == "quarantine":
        bad = checks.find_bad_bars(database, source, raw, ranges)
    if bad:
        most = checks.excess(database, source, raw, bad, config.max_bad_share)
        if config.on_bad_rows == "fail" or most is not None:
            raise complaint(database, source, config, raw, bad, most)
    return bad
