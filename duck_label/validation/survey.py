"""What the bars of an input are like, symbol by symbol: read once, a range of dates at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from duck_label.bars.plan import pieces
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.moments import EPOCH
from duck_label.queries import render
from duck_label.query_values import parameters
from duck_label.validation.price_grids import INCREMENTS, Fit, SymbolGrid, grid

# The market is closed, or nobody trades: longer than the daily break of futures is half an hour.
PAUSE_SECONDS = 1800


@dataclass(frozen=True)
class Move:
    """A move between two closes, and whether a pause lies between them."""

    points: float
    is_across_pause: bool


@dataclass(frozen=True)
class SymbolReport:
    """The bars of one symbol. `missing_share` is of the bars due between pauses."""

    symbol: str
    bars: int
    first: datetime
    last: datetime
    sessions: int
    sunday_bars: int
    interval_seconds: float | None
    missing_share: float | None
    odd_spacings: int
    pauses: int
    longest_pause_seconds: float | None
    grid: SymbolGrid | None
    typical_height: float | None
    largest_moves: tuple[Move, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values; keys carry units."""
        values = asdict(replace(self, largest_moves=self.largest_moves[:5]))
        values |= {"first": self.first.isoformat(), "last": self.last.isoformat()}
        if self.grid is not None and self.grid.is_still:
            values["grid"] = None
        elif self.grid is not None:
            values["grid"] = {
                "tick_size": float(self.grid.tick_size),
                "price_increment": float(self.grid.price_increment),
                "prices_off": self.grid.prices_off,
            }
        values["typical_height_points"] = values.pop("typical_height")
        return values


def survey(database: Database, source: Source, config: LabelingConfig) -> tuple[SymbolReport, ...]:
    """Read all bars: prices at once, neighbours range after range. Most bars come first.

    Prices, moves and holes are counted bad bars included; a bar without a symbol is left out.
    """
    context = source.context(config)
    clocks = source.bars.clocks_per_second
    values = {
        **parameters(config, source.bars),
        "files": source.paths,
        "span": horizon_seconds(config) * clocks // 3,
        "pause": PAUSE_SECONDS * clocks,
    }
    database.run(render("validate/prices", context), values)
    ratios = [step.as_integer_ratio() for step in INCREMENTS]
    fits = database.rows(
        render("validate/fits", context),
        {"numerators": [n for n, _ in ratios], "denominators": [d for _, d in ratios]},
    )
    database.run("drop table prices")
    database.run(render("validate/start", context))
    neighbours = render("validate/neighbours", context)
    for chunk in pieces(source.row_groups):
        chunk_range = {
            "files": source.paths_between(chunk.start, chunk.end),
            "chunk_from": source.moment(chunk.start),
            "chunk_until": source.moment(chunk.end),
        }
        database.run(neighbours, values | chunk_range)
        database.release()
    grids = _grids(fits)
    return tuple(
        _report(_Row(*row), clocks, grids)
        for row in database.rows(render("validate/symbols", context), values)
        if row[0] is not None
    )


def horizon_seconds(config: LabelingConfig) -> int:
    """The horizon; one in bars as if they were a second apart."""
    return max(3, int(config.timeout_seconds or config.timeout_bars or 0))


def _grids(rows: Sequence[tuple[Any, ...]]) -> dict[str, SymbolGrid]:
    """The grid of every symbol that has one, from the rows of validate/fits, in order of steps."""
    by_symbol: dict[str, list[tuple[int, ...]]] = {}
    for symbol, _, *counts in rows:
        by_symbol.setdefault(symbol, []).append(tuple(int(count) for count in counts))
    grids = {}
    for symbol, steps in by_symbol.items():
        levels, prices, prices_off, moves, moves_off = zip(*steps, strict=True)
        found = grid(Fit(prices[0], prices_off, moves[0], moves_off, levels[0]))
        if found is not None:
            grids[symbol] = found
    return grids


class _Row(NamedTuple):
    """A row of validate/symbols."""

    symbol: str
    first: int
    last: int
    bars: int
    sessions: int
    sunday_bars: int
    interval: int | None
    bars_due: float | None
    bars_there: int | None
    pauses: int | None
    longest_pause: int | None
    odd_spacings: int | None
    height: float | None
    moves: list[dict[str, Any]] | None


def _report(row: _Row, clocks: int, grids: Mapping[str, SymbolGrid]) -> SymbolReport:
    def seconds(clock: int | None) -> float | None:
        return None if clock is None else int(clock) / clocks

    missing = None
    if row.bars_due and row.bars_there:
        missing = 1 - float(row.bars_there) / float(row.bars_due)
    return SymbolReport(
        symbol=row.symbol,
        bars=int(row.bars),
        first=EPOCH + timedelta(microseconds=row.first),
        last=EPOCH + timedelta(microseconds=row.last),
        sessions=int(row.sessions),
        sunday_bars=int(row.sunday_bars),
        interval_seconds=seconds(row.interval),
        missing_share=missing,
        odd_spacings=int(row.odd_spacings or 0),
        pauses=int(row.pauses or 0),
        longest_pause_seconds=seconds(row.longest_pause),
        grid=grids.get(row.symbol),
        typical_height=row.height,
        largest_moves=tuple(
            Move(move["move"], move["spacing"] > PAUSE_SECONDS * clocks) for move in row.moves or ()
        ),
    )
