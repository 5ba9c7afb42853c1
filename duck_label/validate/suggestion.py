"""The configuration that suits some bars: guessed from what was measured of them.

Only keys that nobody set are guessed. Nothing here reads a bar: that is done in
`survey`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any

import tomlkit
from tomlkit.items import Float, Trivia

from duck_label.bars.schema import suits
from duck_label.config import BAR_COLUMNS, DEFAULT_MODES, LabelingConfig
from duck_label.settings import Settings, nested
from duck_label.validate.price_grids import SymbolGrid, instruments
from duck_label.validate.survey import Move, SymbolReport, horizon_seconds

# What vendors and libraries call our columns, in lower case.
_NAMES = {
    "timestamp": (
        "ts_event datetime date_time time ts timestamp_utc time_utc bar_time window_start "
        "open_time opentime start_time date t __index_level_0__"
    ),
    "open": "open_price px_open first o",
    "high": "high_price px_high max h",
    "low": "low_price px_low min l",
    "close": "close_price px_close px_last last c",
    "volume": "vol total_volume tick_volume trade_volume volume_traded qty quantity size v",
    "symbol": "ticker sym instrument raw_symbol instrument_id contract code pair product s",
}
# So many times larger than all ordinary ones, a move is a roll: across a pause, and anywhere.
_STANDS_APART, _STANDS_ALONE = 2, 10
# The default targets are 1.2, 1.6 and 2 times what ES moves in a third of the horizon.
_TYPICAL_TICKS, _TOLERANCE = 10, 1.5
# Fewer do not tell how much an instrument moves.
_ENOUGH_BARS = 1000
# Markets that never close have a seventh of their bars on Sundays; others open early at times.
_SUNDAYS = 0.05
# Bars as long as this many seconds want a longer horizon.
_LONG = 15
_LONGEST_SECONDS = 999_999_999


@dataclass
class Suggestion:
    """Keys of the configuration and why they have their values, in order."""

    values: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, value: Any, reason: str) -> None:
        """Suggest a value."""
        self.values[key] = value
        self.reasons[key] = reason

    def config(self) -> LabelingConfig:
        """The configuration that it makes."""
        return LabelingConfig.model_validate(nested(self.values))

    def to_toml(self) -> str:
        """A configuration file of it, with the reasons as comments."""
        document = tomlkit.document()
        tables: dict[str, Any] = {}
        for key, value in self.values.items():
            name, dot, inner = key.partition(".")
            if key == "modes":
                continue  # as the last one: nothing may follow tables in a list
            if not dot:
                _add(document, key, value, self.reasons[key])
            elif name == "instruments":
                table = tables.setdefault(name, tomlkit.table(is_super_table=True))
                pattern = tomlkit.table()
                pattern.comment(self.reasons[key])
                for inner_key, item in value.items():
                    pattern.add(inner_key, _item(item))
                table.add(inner, pattern)
            else:
                _add(tables.setdefault(name, tomlkit.table()), inner, value, self.reasons[key])
        for name, table in tables.items():
            document.add(name, table)
        if "modes" in self.values:
            document.add(tomlkit.nl())
            document.add(tomlkit.comment(self.reasons["modes"]))
            modes = tomlkit.aot()
            for mode in self.values["modes"]:
                table = tomlkit.table()
                for key, value in mode.items():
                    table.add(key, _item(value))
                modes.append(table)
            document.add("modes", modes)
        return tomlkit.dumps(document)


def _add(container: Any, key: str, value: Any, reason: str) -> None:
    container.add(key, _item(value).comment(reason))


def _item(value: Any) -> Any:
    if isinstance(value, Decimal):
        whole = value == value.to_integral_value()
        # As people write it: 0.00001 and not 1e-05.
        return tomlkit.item(int(value)) if whole else Float(float(value), Trivia(), f"{value:f}")
    return tomlkit.item(value)


def given(settings: Settings) -> Suggestion:
    """The keys that files and options set: a suggestion leaves them as they are."""
    kept = Suggestion()
    values = settings.config.model_dump(mode="python")
    for key, origin in settings.origins.items():
        table, _, inner = key.partition(".")
        value = values[table]
        if inner and (not isinstance(value, dict) or inner not in value):
            continue  # a key inside a table that is listed as a whole
        value = value[inner] if inner else value
        if key == "modes":
            value = list(value)
        elif key.startswith("instruments."):
            value = {name: item for name, item in value.items() if item is not None}
        kept.add(key, value, origin)
    return kept


def guess_columns(columns: Mapping[str, str], config: LabelingConfig) -> dict[str, str]:
    """Our columns that the files call otherwise, and their names there.

    `columns` are names with types: a column whose type suits comes before one that only has a
    likely name.
    """
    by_lower = {name.lower(): name for name in columns}
    guessed: dict[str, str] = {}
    for ours in BAR_COLUMNS:
        if ours in config.columns or ours in columns:
            continue
        likely = [by_lower[name] for name in (ours, *_NAMES[ours].split()) if name in by_lower]
        likely = [theirs for theirs in likely if theirs not in BAR_COLUMNS]
        likely.sort(key=lambda theirs: not suits(ours, columns[theirs]))
        if likely:
            guessed[ours] = likely[0]
    return guessed


def roll_gap(moves: Iterable[Sequence[Move]], default: Decimal) -> tuple[Decimal, str] | None:
    """A gap between the ordinary moves and the rolls of all symbols; None where the default does.

    `moves` are the largest of each symbol, largest first.
    """
    ordinary, rolls = 0.0, []
    for largest in moves:
        apart = _standing_apart(largest)
        rolls += [move.points for move in largest[:apart]]
        ordinary = max([ordinary, *(move.points for move in largest[apart : apart + 1])])
    smallest_roll = min(rolls, default=None)
    if ordinary <= default and (smallest_roll is None or default < smallest_roll):
        return None
    if smallest_roll is not None and ordinary < smallest_roll:
        between = _round_between(ordinary, smallest_roll)
        return between, f"{len(rolls)} moves stand apart, from {smallest_roll:g} points on"
    return Decimal(0), f"off: ordinary moves reach {ordinary:g}, and no roll stands apart from them"


def _standing_apart(largest: Sequence[Move]) -> int:
    """How many of a symbol's largest moves stand apart from the rest, where the break is widest."""
    apart, widest = 0, 0.0
    for place, (move, following) in enumerate(pairwise(largest), start=1):
        are_pauses = all(other.is_across_pause for other in largest[:place])
        ratio = move.points / following.points
        if ratio >= (_STANDS_APART if are_pauses else _STANDS_ALONE) and ratio > widest:
            apart, widest = place, ratio
    return apart


def _round_between(low: float, high: float) -> Decimal:
    """The roundest number above `low` and below `high`, near the middle of their ratio."""
    middle = (max(low, high / 100) * high) ** 0.5
    for digits in range(1, 16):
        rounded = Decimal(f"{middle:.{digits}g}")
        if low < rounded < high:
            return rounded.normalize()
    return Decimal(str(middle))


def modes(typical_ticks: float) -> list[dict[str, Any]] | None:
    """The default modes for an instrument that moves otherwise than ES; None where they suit.

    `typical_ticks` is the median height of a third of a horizon.
    """
    scale = typical_ticks / _TYPICAL_TICKS
    if scale == 0 or 1 / _TOLERANCE <= scale <= _TOLERANCE:
        return None
    scaled = []
    for mode in DEFAULT_MODES:
        stop = max(1, int(float(f"{float(mode.stop) * scale:.2g}")))
        scaled.append(
            {"name": mode.name, "direction": mode.direction, "stop": stop, "target": 2 * stop}
        )
    return scaled


def suggest(
    reports: Sequence[SymbolReport], in_force: LabelingConfig, suggestion: Suggestion
) -> None:
    """Add to a suggestion what nobody set, from what the bars are like."""
    if not reports:
        return
    add, given = suggestion.add, suggestion.values
    grids = {report.symbol: report.grid for report in reports if report.grid is not None}
    has_grid = any(
        key in ("tick_size", "price_increment") or key.startswith("instruments.") for key in given
    )
    if grids and not has_grid:
        _suggest_grids(grids, {report.symbol: report.bars for report in reports}, suggestion)
    main = _main(reports)
    interval = main.interval_seconds
    if (
        interval is not None
        and interval > _LONG
        and not {"timeout_seconds", "timeout_bars"} & given.keys()
    ):
        # No horizon is longer than some thirty years.
        seconds = min(int(60 * interval), _LONGEST_SECONDS)
        add("timeout_seconds", seconds, f"60 bars, of {interval:g} seconds each")
        add("weights.optimal_seconds", seconds // 3, "a third of the horizon, as for 900")
        add("weights.velocity_span_seconds", seconds * 2 // 3, "two thirds, as for 900")
    if "roll_gap_points" not in given:
        gap = roll_gap([report.largest_moves for report in reports], in_force.roll_gap_points)
        if gap is not None:
            add("roll_gap_points", *gap)
    if main.sunday_bars > _SUNDAYS * main.bars and "session_start" not in given:
        add("session_start", "00:00 UTC", "there are bars on Sundays: a market that never closes")
    if "modes" not in given and main.bars >= _ENOUGH_BARS:
        config = suggestion.config()
        typical = typical_ticks(main, in_force, config)
        scaled = None if typical is None else modes(typical)
        if scaled is not None:
            third = horizon_seconds(config) // 3
            add("modes", scaled, f"prices move {typical:,.0f} ticks in {third:,} seconds (median)")


def typical_ticks(
    report: SymbolReport, surveyed: LabelingConfig, config: LabelingConfig
) -> float | None:
    """How many ticks prices move in a third of the horizon: heights were surveyed for another.

    Prices wander with the root of time.
    """
    if report.grid is None or report.typical_height is None:
        return None
    longer = horizon_seconds(config) / horizon_seconds(surveyed)
    return float(report.typical_height * longer**0.5) / float(report.grid.tick_size)


def _suggest_grids(
    grids: Mapping[str, SymbolGrid], bars: Mapping[str, int], suggestion: Suggestion
) -> None:
    common, others = instruments(grids, bars)
    suggestion.add("tick_size", common.tick_size, "points per tick: the step of moves inside a bar")
    if common.price_increment != common.tick_size:
        reason = "the grid of the prices: finer than a tick, as after an adjustment"
        suggestion.add("price_increment", common.price_increment, reason)
    for pattern, found in others.items():
        keys = {"tick_size": found.tick_size}
        if found.price_increment != found.tick_size:
            keys["price_increment"] = found.price_increment
        suggestion.add(f"instruments.{pattern}", keys, "another grid")


def _main(reports: Sequence[SymbolReport]) -> SymbolReport:
    """The symbol with most bars among those of the most common tick."""
    bars: Counter[Decimal | None] = Counter()
    for report in reports:
        bars[_tick(report)] += report.bars
    tick = bars.most_common(1)[0][0]
    return max((r for r in reports if _tick(r) == tick), key=lambda report: report.bars)


def _tick(report: SymbolReport) -> Decimal | None:
    return None if report.grid is None else report.grid.tick_size
