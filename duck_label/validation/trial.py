"""Suggestions are tried: a configuration is suggested only if the bars pass the checks under it.

What a run would refuse is amended, one key at a time, and an amendment is kept if fewer bars are
bad under it. Where nothing helps, the reasons are handed back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from duck_label.bars import checks
from duck_label.bars.checks import BadBars, Excess
from duck_label.bars.plan import pieces
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.errors import ConfigError
from duck_label.queries import render
from duck_label.query_values import parameters
from duck_label.validation.suggestion import Suggestion

# Of rows that differ, so many times may be there twice before they are rather of two series.
_FEW_COPIES = 20


class Trial:
    """Tries configurations on the bars of an input. The last one leaves the checks' tables.

    `is_nameless`: of several files none says whose bars it holds.
    """

    def __init__(self, database: Database, source: Source, *, is_nameless: bool) -> None:
        self._database, self._source, self._is_nameless = database, source, is_nameless
        self.context: dict[str, Any] = {}

    def bad_bars(self, config: LabelingConfig) -> BadBars:
        """The bars that a configuration finds bad."""
        database, source = self._database, self._source
        self.context = source.context(config)
        values = {**parameters(config, source.bars), "files": source.paths}
        database.run(render("input/grids", self.context), values)
        database.keep("grids")
        ranges = [(piece.start, piece.end) for piece in pieces(source.row_groups)]
        return checks.find_bad_bars(database, source, self.context, ranges)

    def excess(self, config: LabelingConfig, bad: BadBars) -> Excess | None:
        """More bad bars, found last, than a configuration lets quarantine set aside."""
        return checks.excess(self._database, self._source, self.context, bad, config.max_bad_share)

    def settle(self, suggestion: Suggestion) -> tuple[BadBars, list[str]]:
        """Amend a suggestion until a run takes it; the bad bars, and why a run would refuse it."""
        _make_possible(suggestion)
        given = set(suggestion.values)
        bad = self.bad_bars(suggestion.config())
        for key, value, reason in self._amendments(suggestion, bad):
            if key in given or not bad:
                continue
            tried = suggestion.copy()
            tried.add(key, value, reason)
            found = self.bad_bars(tried.config())
            if found.bars < bad.bars:
                suggestion.add(key, value, reason)
                bad = found
        # The tables of the checks are those of what is suggested.
        config = suggestion.config()
        bad = self.bad_bars(config)
        if not bad:
            return bad, []
        why = self._objection(config, bad)
        if why is None and "on_bad_rows" not in given:
            reason = f"{bad.bars:,} bad bars: they are set aside and the rest is labeled"
            suggestion.add("on_bad_rows", "quarantine", reason)
        if why is None and suggestion.config().on_bad_rows == "fail":
            why = "on_bad_rows is fail"
        return bad, [] if why is None else [why]

    def _amendments(self, suggestion: Suggestion, bad: BadBars) -> Iterator[tuple[str, Any, str]]:
        rules = {rule for _, rule in bad.counts}
        if "duplicate" in rules:
            yield "on_duplicates", "first", "rows that are equal in every column count once"
        is_excess = self.excess(suggestion.config(), bad) is not None
        if is_excess and "off_grid" in rules and suggestion.finds_grids:
            yield (
                "on_off_grid",
                "round",
                "prices are adjusted or too short for their grid: each is taken for its nearest "
                "level",
            )
        if is_excess and "nonpositive_price" in rules:
            yield "allow_nonpositive_prices", True, "so many prices are not above 0"

    def _objection(self, config: LabelingConfig, bad: BadBars) -> str | None:
        """Why the bad bars cannot be set aside."""
        if bad.bars == self._source.rows:
            return "there is no good bar"
        copies = sum(bars for (_, rule), bars in bad.counts.items() if rule == "duplicate")
        if copies and (self._is_nameless or copies > _FEW_COPIES):
            return (
                f"{copies:,} rows of one symbol and time differ: quarantine would set aside all of "
                "them; say which are whose, or leave all but one out"
            )
        most = self.excess(config, bad)
        return None if most is None else f"{most} are bad, too many to set aside"


def _make_possible(suggestion: Suggestion) -> None:
    """Leave out what no configuration can hold: guesses beyond the limits of their keys."""
    order = ("modes", "instruments", "roll_gap_points", "price_increment", "tick_size")
    for name in order:
        try:
            suggestion.config()
        except ConfigError:
            suggestion.leave_out(name)
        else:
            return
