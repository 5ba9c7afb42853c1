"""The bars that a run labels: found good, or the bad ones set aside; and what all chunks share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

from duck_label.bars import checks
from duck_label.bars.asked import events_parameters, refuse_events
from duck_label.bars.checks import BadBars
from duck_label.bars.complaint import complaint
from duck_label.bars.gathered import gathered, is_scattered
from duck_label.bars.mixture import mixture, refuse_mixture
from duck_label.bars.plan import pieces
from duck_label.bars.price_levels import levels_apart
from duck_label.bars.selection import idle_instruments, look_alikes
from duck_label.bars.sessions import keep_sessions
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.errors import InputError
from duck_label.identity import label_identity, weighing_of, weight_identity
from duck_label.queries import render
from duck_label.query_values import parameters
from duck_label.records.checked import Checked, Rounded, month_name
from duck_label.records.chunk import ChunkRecord
from duck_label.records.ledger import Ledger
from duck_label.run import changes
from duck_label.run.asked import AskedDigests, asking_files
from duck_label.run.changes import input_files
from duck_label.run.finished import known


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
    before = None if anew else known(database, ledger)
    given = source
    # Other machines of a cluster see nothing of this one's disk.
    if before is None and is_scattered(source) and config.run.engine == "local":
        source = gathered(database, given, given.context(config), database.temp_dir / "gathered")
    return _Admission(database, given, source, config, ledger, before).bars(wanted)


@dataclass(frozen=True)
class _Verdict:
    """What was found of bad bars: how many lie in quarantine, and what is odd in the files.

    Those that were found just now lie `aside` until nothing else stands against the input.
    """

    bad_bars: int
    has_quarantine: bool
    aside: Path | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Extent:
    """The good bars of the input: how many, and the month of the last (12 * year + month)."""

    bars: int
    latest_month: int


@dataclass(frozen=True)
class _Admission:
    """The way of an input into an output folder.

    The files are those that were `given`, or what they were gathered in (`source`). `before` is
    what the folder was labeled from, None where it is labeled anew.
    """

    database: Database
    given: Source
    source: Source
    config: LabelingConfig
    ledger: Ledger
    before: Checked | None

    def bars(self, wanted: tuple[int, int]) -> Bars:
        """Take every step, in an order that leaves the folder as it was until all is found good."""
        database, source, config = self.database, self.source, self.config
        ledger, before = self.ledger, self.before
        raw = source.context(config)
        shared = parameters(config, source.bars) | events_parameters(config)
        values = {**shared, "files": source.paths, "quarantine": escape(str(ledger.quarantine))}
        database.run(render("input/grids", raw), values)
        database.keep("grids")
        keep_sessions(database, source, config, raw)
        new = None if before is None else changes.addition(database, source, raw, before)
        verdict = self._judge(raw, new)
        if verdict.aside is not None:
            values["quarantine"] = escape(str(verdict.aside))
        context = source.admitted_context(config, has_quarantine=verdict.has_quarantine)
        extent = self._measure(context, values)
        _refuse_emptiness(database, source, context, values, wanted)
        asking = asking_files(config, ledger.output)
        if before is None or before.asking != asking:
            refuse_events(database, config, context)
        # From here on nothing in the input stands against labeling it.
        if before is None:
            ledger.start_anew()
        if verdict.aside is not None:
            verdict.aside.replace(ledger.quarantine)
            values["quarantine"] = escape(str(ledger.quarantine))
        shared["quarantine"] = escape(str(ledger.quarantine.absolute()))
        month = shared["reference_month"] = config.reference_month() or extent.latest_month
        new_bars, otherwise = self._withdraw(context, new, month, asking)
        self._record(context, values, verdict, extent, month, asking)
        symbols = [name for (name,) in database.rows("select symbol::varchar from grids")]
        doubts = (*verdict.doubts, *idle_instruments(config, symbols), *look_alikes(symbols))
        return Bars(source, context, shared, new_bars, doubts, len(otherwise))

    def _judge(self, raw: Mapping[str, Any], new: changes.Addition | None) -> _Verdict:
        """Look for bad bars where some may be that are not known, and set them aside.

        Raises:
            BadBarsError, InputError: as `admit`.
        """
        bad_bars = 0 if self.before is None else self.before.bad_bars
        has_quarantine = self.before is not None and self.ledger.quarantine.exists()
        has_too_many = bad_bars > 0 and self.config.on_bad_rows == "fail"
        if self.before is not None and new is None and not has_too_many:
            return _Verdict(bad_bars, has_quarantine)
        of_given = raw if self.given is self.source else self.given.context(self.config)
        mixed = mixture(self.database, self.given, self.config, of_given)
        refuse_mixture(mixed)
        odd = (mixed, levels_apart(self.database, self.given, self.config))
        doubts = tuple(str(one) for one in odd if one is not None)
        bad = _check(self.database, self.source, self.config, raw, new, bad_bars)
        if bad:
            aside = self.ledger.unfinished(self.ledger.quarantine.name)
            checks.quarantine(self.database, self.source, raw, aside)
            return _Verdict(bad.bars, True, aside, doubts)
        if bad_bars and bad is not None:
            self.ledger.output.discard(self.ledger.quarantine)
            return _Verdict(0, False, doubts=doubts)
        return _Verdict(bad_bars, has_quarantine, doubts=doubts)

    def _measure(self, context: Mapping[str, Any], values: Mapping[str, Any]) -> _Extent:
        """The good bars of the whole input. Leaves the temp table `spans`.

        Raises:
            InputError: if there is none.
        """
        self.database.run(render("input/spans", context), values)
        self.database.keep("spans")
        latest, good = self.database.row(
            f"select {context['month_of'](context['clock']('max(last_time)'))}, "
            "sum(bars)::bigint from spans"
        )
        if latest is None:
            raise InputError("there is no good bar in the input")
        return _Extent(good, latest)

    def _withdraw(
        self,
        context: Mapping[str, Any],
        new: changes.Addition | None,
        month: int,
        asking: Sequence[Sequence[str | int]],
    ) -> tuple[changes.NewBars | None, Sequence[ChunkRecord]]:
        """Forget the finished chunks that new bars change, and those that are asked otherwise."""
        if self.before is None:
            return None, ()
        ledger, new_bars = self.ledger, None
        if new is not None:
            weighing = weighing_of(self.config, month)
            new_bars = changes.new_bars(new, ledger.chunks(), self.before, weighing)
            ledger.withdraw(new_bars.stale)
        asked = AskedDigests(self.database, self.source, self.config, context)
        otherwise = asked.otherwise(ledger.chunks(), self.before, asking)
        ledger.withdraw(otherwise)
        return new_bars, otherwise

    def _record(
        self,
        context: Mapping[str, Any],
        values: Mapping[str, Any],
        verdict: _Verdict,
        extent: _Extent,
        month: int,
        asking: Sequence[Sequence[str | int]],
    ) -> None:
        """Record what the input is now, where that is not on record."""
        config, before = self.config, self.before
        files = input_files(self.given, before)
        weights = weight_identity(config)
        if (
            before is not None
            and before.files == files
            and before.asking == asking
            and (before.weights, before.reference_month) == (weights, month)
        ):
            return
        repeated = 0
        if config.on_duplicates == "first":
            repeated = self.source.rows - verdict.bad_bars - extent.bars
        rounded: list[Rounded] = []
        if config.on_off_grid == "round":
            rounded = [
                {"symbol": symbol, "month": month_name(its_month), "prices": prices}
                for symbol, its_month, prices in checks.rounded(self.database, context, values)
            ]
        checked = Checked(
            config=label_identity(config),
            weights=weights,
            files=files,
            bad_bars=verdict.bad_bars,
            columns=self.source.columns,
            reference_month=month,
            latest_month=extent.latest_month,
            rounded=rounded,
            repeated=repeated,
            asking=asking,
        )
        self.ledger.note_checked(checked)


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
