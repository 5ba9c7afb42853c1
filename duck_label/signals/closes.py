"""The bars that a filter walks over: found good, or the bad ones left out, and read in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from glob import escape
from typing import Any

from duck_label.bars import checks
from duck_label.bars.complaint import complaint
from duck_label.bars.mixture import mixture, refuse_mixture
from duck_label.bars.plan import Chunk, pieces
from duck_label.bars.source import Source
from duck_label.columns import MILLISECONDS, BarColumns, identifier
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.queries import render
from duck_label.query_values import parameters


@dataclass(frozen=True)
class Series:
    """A symbol, as text (empty where the bars have none), and its price grid.

    `jump` is the largest change of the close that is no jump to another contract, in increments.
    """

    symbol: str
    increment: Fraction
    increments_per_tick: int
    jump: int | None


@dataclass(frozen=True)
class Closes:
    """The closes of good bars, which are a part of `everything`. Needs the temp table `series`."""

    database: Database
    everything: Source
    source: Source
    context: Mapping[str, Any]
    values: Mapping[str, Any]
    scale: Fraction

    def series(self) -> list[Series]:
        """The symbols in the order of their numbers."""
        rows = self.database.rows(
            "select symbol::varchar, numerator, denominator, increments_per_tick, roll_gap "
            "from series order by series"
        )
        return [
            Series(symbol, Fraction(numerator, denominator) * self.scale, per_tick, gap)
            for symbol, numerator, denominator, per_tick, gap in rows
        ]

    def symbols(self) -> Any:
        """The symbols as the bars have them, an Arrow column; None where the bars have none."""
        if self.source.bars.symbol is None:
            return None
        return self.database.table("select symbol from series order by series")["symbol"]

    def between(self, chunk: Chunk, after: int) -> Any:
        """The bars of a range of time after a clock, as an Arrow table: see signals/closes."""
        query = render("signals/closes", self.context)
        return self.database.table(query, self._within(self.source, chunk) | {"after": after})

    def checksums(self, chunks: Sequence[Chunk], after: int, last: int) -> Counter[str]:
        """By file, a sum over its bars after a clock up to another, which lie in these ranges.

        Where equal rows count once, a bar counts in one file, of those that were `kept` if it can.
        """
        query = render("signals/checksums", self.context)
        once = self.context["keeps_first"]
        source = self.everything if once else self.source
        if chunks and not once:
            # Nothing is held of rows that are only added up.
            chunks = [Chunk(chunks[0].start, chunks[-1].end, source.rows)]
        own = {file.path: file.identity for file in self.source.files}
        kept = [file.path for file in source.files if file.path not in own]
        sums: Counter[str] = Counter()
        for chunk in chunks:
            bounds = {"after": after, "last": last, "kept": kept}
            for path, checksum in self.database.rows(query, self._within(source, chunk) | bounds):
                if path in own:
                    sums[own[path]] += int(checksum)
        return sums

    def _within(self, source: Source, chunk: Chunk) -> dict[str, Any]:
        """The parameters of a query over a range of time."""
        return {
            **self.values,
            "files": source.paths_between(chunk.start, chunk.end),
            "chunk_from": source.moment(chunk.start),
            "chunk_until": source.moment(chunk.end),
        }


def admit(
    database: Database,
    everything: Source,
    source: Source,
    config: LabelingConfig,
    note: Callable[[str], None],
) -> Closes:
    """Make sure that the bars of a source, a part of `everything`, are good.

    Bad ones are left out where they are to be set aside. Leaves the temp table `series`.

    Raises:
        BadBarsError: if there are bad bars and they are not to be set aside, or too many.
        InputError: if they are of several instruments that nothing tells apart.
    """
    raw = source.context(config)
    values = {**parameters(config, source.bars), "files": source.paths}
    database.run(render("input/grids", raw), values)
    database.keep("grids")
    mixed = mixture(database, everything, config, raw)
    refuse_mixture(mixed)
    if mixed is not None:
        note(f"warning: {mixed}")
    ranges = [(piece.start, piece.end) for piece in pieces(source.row_groups)]
    bad = checks.find_bad_bars(database, source, raw, ranges)
    if bad:
        most = checks.excess(database, source, raw, bad, config.max_bad_share)
        if config.on_bad_rows == "fail" or most is not None:
            raise complaint(database, source, config, raw, bad, most)
        aside = database.temp_dir / "quarantine.parquet"
        checks.quarantine(database, source, raw, aside)
        values["quarantine"] = escape(str(aside))
        note(f"warning: {bad.bars:,} bad bars are left out")
    context = source.admitted_context(config, has_quarantine=bool(bad))
    context["event_time"] = _event_time(source.bars, context)
    database.run(render("signals/series", context))
    return Closes(database, everything, source, context, values, Fraction(config.price_scale or 1))


def _event_time(bars: BarColumns, context: Mapping[str, Any]) -> str:
    """The time of a bar as a file of events has it: as the bars write it, if that can be read.

    Text, and what a local clock showed, are in UTC there.
    """
    column = f"source.{identifier(bars.timestamp)}"
    if bars.written is None:
        is_coarse = bars.timestamp in bars.milliseconds
        return f"{column}::{MILLISECONDS.lower()}" if is_coarse else column
    if bars.written.unit is not None:
        return column
    return str(context["time_of"](context["clock"](bars.time("source"))))
