"""Why a bar got its label: its trades, walked anew, beside what the output holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from duck_label.config import LabelingConfig
from duck_label.errors import ConfigError, InputError
from duck_label.fields import nearest
from duck_label.identity import weighing_of
from duck_label.look.asking import Asking
from duck_label.look.inspect import Output
from duck_label.look.lookup import BarLookup, Surroundings, lookups
from duck_label.look.path import Bar
from duck_label.look.walk import Asked, Trade, Walk
from duck_label.moments import EPOCH, MICROSECOND
from duck_label.rules import TradingMode

_KINDS = (
    *("label", "weight", "outcome", "mae_ticks", "mfe_ticks", "seconds"),
    *("exit_price", "return_ticks", "stop_ticks", "target_ticks"),
)


@dataclass(frozen=True)
class Story:
    """A trade beside what is stored for it: `differences` are empty where both agree.

    `doubts` say what the part files do not tell; with a doubt, a difference proves nothing.
    """

    symbol: str | None
    signal: Bar
    trade: Trade
    clocks_per_second: int
    weights: Mapping[str, float]
    factors: tuple[str, ...]
    enters_at_close: bool
    stored: Mapping[str, Any]
    differences: tuple[str, ...]
    doubts: tuple[str, ...]

    @property
    def verdict(self) -> Literal["agrees", "differs", "cannot be checked"]:
        """Whether the stored label is what the walk found."""
        if not self.differences:
            return "agrees"
        return "cannot be checked" if self.doubts else "differs"

    def moment(self, bar: Bar) -> datetime:
        """The time of a bar, in UTC; a part of a microsecond is left out."""
        return self._time(bar.clock)

    @property
    def closes(self) -> datetime | None:
        """When the session ends the trade, in UTC; None where none does."""
        return None if self.trade.closes is None else self._time(self.trade.closes)

    def _time(self, clock: int) -> datetime:
        return EPOCH + clock // (self.clocks_per_second // 1_000_000) * MICROSECOND


def explain(
    output: Output, at: date | datetime, symbol: str | None = None, mode: str | None = None
) -> list[Story]:
    """The stories of the bar at a time (UTC unless it has a zone): of one mode, or of each.

    Raises:
        InputError: if there is no bar at that time, or one of several symbols.
        ConfigError: if there is no such mode.
    """
    config = output.config
    chosen = _modes(config, mode)
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day, tzinfo=UTC)
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    with lookups(output, config) as (bars, labels):
        row, symbol = bars.row(at, symbol)
        stored_row = row
        if bars is not labels:
            stored_row = _labeled(labels, at, symbol)
        around = bars.around(at, symbol)
        month = output.checked.reference_month
        is_weighed = _weighing(output, at) in (None, weighing_of(config, month))
        asking = Asking(output, config, bars)
        asked = asking.of(around.bars, around.signal, str(symbol or ""), row)
        clocks_per_second = bars.columns.clocks_per_second
    grid = config.grid_of(str(symbol or ""))
    worth = {one.name: stored_row.get(f"uniqueness_{one.name}") for one in chosen}
    bars_around, signal = around.bars, around.signal
    walk = Walk(config, grid, clocks_per_second, month, bars_around, signal, row, asked, worth)
    stories = []
    for one in chosen:
        trade = walk.trade(one)
        names = {kind: f"{kind}_{one.name}" for kind in _KINDS}
        stored = {kind: stored_row[name] for kind, name in names.items() if name in stored_row}
        stories.append(
            Story(
                symbol=symbol,
                signal=bars_around[signal],
                trade=trade,
                clocks_per_second=clocks_per_second,
                weights=config.weights.model_dump(exclude={"factors"}),
                factors=config.weights.factors,
                enters_at_close=config.entry == "close",
                stored=stored,
                differences=tuple(_differences(trade, stored, asked)),
                doubts=(
                    *_doubts(around, is_weighed=is_weighed),
                    *asking.doubts,
                ),
            )
        )
    return stories


def _modes(config: LabelingConfig, name: str | None) -> list[TradingMode]:
    known = {mode.name: mode for mode in config.modes}
    if name is None:
        return list(known.values())
    if name not in known:
        hint = nearest(name, list(known))
        raise ConfigError(f"there is no mode {name!r} in this output: {hint}")
    return [known[name]]


def _labeled(labels: BarLookup, at: datetime, symbol: Any) -> dict[str, Any]:
    """The row of a bar in the output, without columns where it has none, as it is not asked."""
    if not any(start <= at < end for start, end in labels.covered):
        raise InputError(f"the bar at {at} is not labeled in {labels.place}: name one that is")
    name = None if symbol is None else str(symbol)
    return next(iter(labels.rows(at, name)), {})


def _differences(trade: Trade, stored: Mapping[str, Any], asked: Asked) -> Iterator[str]:
    if not stored and asked.refusal is None:
        yield "the output has no such bar, but by the walk it is asked"
    for kind, value in stored.items():
        walked = getattr(trade, kind)
        if isinstance(walked, float) and value is not None:
            # A stored weight is a FLOAT, and exp() has no last bit that all agree on.
            is_same = math.isclose(walked, value, rel_tol=2e-7)
        else:
            is_same = walked == value
        if not is_same:
            yield f"{kind} is {value} in the output, but {walked} by the walk"


def _doubts(around: Surroundings, *, is_weighed: bool) -> Iterator[str]:
    if not around.has_all_after:
        yield "the labeled bars end before the trade does: what came later was not looked at"
    if not around.has_all_before:
        yield "the labeled bars begin here: rolls and volatility before them were not looked at"
    if not is_weighed:
        yield "this part has other weights yet: a weighing goes on, or give its command again"


def _weighing(output: Output, at: datetime) -> str | None:
    """What the weights of the labels at a time were made of."""
    clock = (at - EPOCH) // MICROSECOND
    return next((c.weighing for c in output.chunks() if c.start <= clock < c.end), None)
