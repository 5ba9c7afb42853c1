"""The configuration that suits some bars: guessed from what was measured of them.

Only keys that nobody set are guessed. Nothing here reads a bar: that is done in
`survey`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from duck_label.config import LabelingConfig
from duck_label.rules import DEFAULT_MODES
from duck_label.settings import Settings, nested
from duck_label.toml_writing import written
from duck_label.validation.families import Family, families, main_family, roll_gaps
from duck_label.validation.price_grids import SymbolGrid
from duck_label.validation.survey import SymbolReport, horizon_seconds

# The default targets are 1.2, 1.6 and 2 times what ES moves in a third of the horizon.
_TYPICAL_TICKS, _TOLERANCE = 10, 1.5
# Where prices lie on no grid: the parts of a tick they are rounded to, and the least height.
_PARTS, _LEAST_TICK = 100, 1e-9
# Symbols that move by so many times more steps than others want larger ticks.
_TOO_FAR_APART = 4
# Fewer do not tell how much an instrument moves.
_ENOUGH_BARS = 1000
# Fewer may all move by two ticks.
_FEW_BARS = 100
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
    # Lines that are told as comments: what could be set besides.
    remarks: list[str] = field(default_factory=list)
    # The keys that files and options set.
    given: frozenset[str] = frozenset()

    def add(self, key: str, value: Any, reason: str) -> None:
        """Suggest a value."""
        self.values[key] = value
        self.reasons[key] = reason

    def copy(self) -> Suggestion:
        """A suggestion of its own, with the same values."""
        return replace(
            self, values=dict(self.values), reasons=dict(self.reasons), remarks=list(self.remarks)
        )

    def leave_out(self, table: str) -> None:
        """Suggest nothing for a key, or for the keys of a table, unless it was given."""
        for key in [key for key in self.values if key.partition(".")[0] == table]:
            if key not in self.given:
                del self.values[key], self.reasons[key]

    @property
    def finds_grids(self) -> bool:
        """Whether grids are suggested: nobody set a tick, an increment or a table of some."""
        return not any(
            key in ("tick_size", "price_increment") or key.startswith("instruments.")
            for key in self.given
        )

    def config(self) -> LabelingConfig:
        """The configuration that it makes."""
        return LabelingConfig.model_validate(nested(self.values))

    def to_toml(self) -> str:
        """A configuration file of it, with the reasons as comments."""
        text = written(_set(nested(self.values)), self.reasons)
        remarks = "".join(f"# {line}".rstrip() + "\n" for line in self.remarks)
        return text + ("\n" + remarks if remarks else "")


def _set(value: Any) -> Any:
    """A value without the keys in it that nobody has set."""
    if isinstance(value, dict):
        return {key: _set(item) for key, item in value.items() if item is not None}
    return [_set(item) for item in value] if isinstance(value, list) else value


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
        if isinstance(value, tuple):
            value = list(value)
        elif key.startswith(("instruments.", "volatility.")):
            value = {name: item for name, item in value.items() if item is not None}
        kept.add(key, value, origin)
    return replace(kept, given=frozenset(kept.values))


# Beyond it, stops and targets have more digits than a configuration takes.
_MOST_SCALE = 10**7


def modes(typical_ticks: float) -> list[dict[str, Any]] | None:
    """The default modes for an instrument that moves otherwise than ES; None where they suit.

    None as well where they move further than barriers in ticks can lie: that is no tick.
    `typical_ticks` is the median height of a third of a horizon.
    """
    scale = typical_ticks / _TYPICAL_TICKS
    if scale == 0 or scale > _MOST_SCALE or 1 / _TOLERANCE <= scale <= _TOLERANCE:
        return None
    scaled = []
    for mode in DEFAULT_MODES:
        stop = max(1, int(float(f"{float(mode.stop.ticks or 0) * scale:.2g}")))
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
    if suggestion.finds_grids and "on_off_grid" not in given:
        reports = [_with_a_grid(report) for report in reports]
    found = families(_on_the_grid_of_most(reports, in_force))
    family = main_family(found)
    main = family.members[0]
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
    if main.sunday_bars > _SUNDAYS * main.bars and "session_start" not in given:
        add("session_start", "00:00 UTC", "there are bars on Sundays: a market that never closes")
    _suggest_instruments(found, family, in_force, suggestion)


def _with_a_grid(report: SymbolReport) -> SymbolReport:
    """One whose prices lie on no grid, with one that is fine for how far they move.

    Its prices are rounded to a hundredth of a tick, as `Trial` finds out.
    """
    if report.grid is not None or not report.typical_height or report.typical_height < _LEAST_TICK:
        return report
    digits = Decimal(f"{report.typical_height / _TYPICAL_TICKS:.0e}")
    tick = Decimal(1).scaleb(digits.adjusted())
    return replace(report, grid=SymbolGrid(tick, tick / _PARTS, report.bars))


def _on_the_grid_of_most(
    reports: Sequence[SymbolReport], in_force: LabelingConfig
) -> list[SymbolReport]:
    """Symbols of few bars go by the grid of most bars, where their own lies on it.

    So do those of a single price; where there are no others, by the grid in force.
    """
    bars: Counter[SymbolGrid] = Counter()
    for report in reports:
        if report.grid is not None and not report.grid.is_still and report.bars >= _FEW_BARS:
            bars[replace(report.grid, prices_off=0)] += report.bars
    increment = in_force.price_increment or in_force.tick_size
    common = max(bars, key=bars.__getitem__, default=SymbolGrid(in_force.tick_size, increment, 0))

    def on_it(report: SymbolReport) -> SymbolReport:
        own = report.grid
        is_unsure = own is not None and (own.is_still or (bars and report.bars < _FEW_BARS))
        if own is None or not is_unsure or not own.lies_on(common):
            return report
        is_still = own.is_still and not bars
        return replace(report, grid=replace(common, prices_off=own.prices_off, is_still=is_still))

    return [on_it(report) for report in reports]


def typical_ticks(
    report: SymbolReport, surveyed: LabelingConfig, config: LabelingConfig
) -> float | None:
    """How many steps prices move in a third of the horizon: heights were surveyed for another.

    Prices wander with the root of time.
    """
    if report.grid is None or report.typical_height is None:
        return None
    longer = horizon_seconds(config) / horizon_seconds(surveyed)
    return float(report.typical_height * longer**0.5) / float(report.grid.tick_size)


def ticks_under(
    report: SymbolReport, surveyed: LabelingConfig, config: LabelingConfig
) -> float | None:
    """How many ticks of a configuration a symbol moves in a third of its horizon."""
    steps = typical_ticks(report, surveyed, config)
    if steps is None or report.grid is None:
        return None
    grid = config.grid_of(report.symbol)
    tick = Fraction(grid.numerator * grid.increments_per_tick, grid.denominator)
    return float(steps * Fraction(report.grid.tick_size) / tick)


def _suggest_instruments(
    found: Sequence[Family], main: Family, in_force: LabelingConfig, suggestion: Suggestion
) -> None:
    """Grids, rolls and modes: of most bars, and of the families that want others."""
    given = set(suggestion.values)
    has_patterns = any(key.startswith("instruments.") for key in given)
    has_grid = has_patterns or bool({"tick_size", "price_increment"} & given)
    config = suggestion.config()
    heights = {
        family.pattern: ticks
        for family in found
        if family.members[0].bars >= _ENOUGH_BARS
        and (ticks := typical_ticks(family.members[0], in_force, config)) is not None
    }
    typical = heights.get(main.pattern)
    factors: dict[str, int] = {}
    if typical is not None and "modes" not in given:
        if not has_grid:
            typical, factors = common_ticks(heights, typical)
        else:
            typical *= float(main.grid.tick_size / in_force.tick_size) if main.grid else 1.0
    common, gaps = (
        (None, {}) if "roll_gap_points" in given else roll_gaps(found, in_force.roll_gap_points)
    )
    if main.grid is not None and not has_grid:
        keys, reason = _grid_keys(main.grid, factors.get(main.pattern, 1))
        suggestion.add("tick_size", keys["tick_size"], reason)
        if "price_increment" in keys:
            suggestion.add("price_increment", keys["price_increment"], _FINER)
    if common is not None:
        suggestion.add("roll_gap_points", *common)
    base = main.grid
    for family in () if has_patterns else found:
        if has_grid:
            keys, reasons = {}, []
        elif family.grid is None:
            continue  # on no grid: the top-level values hold
        else:
            factor = factors.get(family.pattern, 1)
            keys, reason = _grid_keys(family.grid, factor)
            is_other = base is None or keys != _grid_keys(base, factors.get(main.pattern, 1))[0]
            reasons = ([reason if factor > 1 else "another grid"]) if is_other else []
        if family.pattern in gaps:
            gap, why = gaps[family.pattern]
            keys["roll_gap_points"] = gap
            reasons.append(f"rolls: {why}")
        if reasons:
            suggestion.add(f"instruments.{family.pattern}", keys, "; ".join(reasons))
    if typical is not None and "modes" not in given:
        third = horizon_seconds(config) // 3
        _suggest_modes(typical, third, main.members[0].interval_seconds, suggestion)


def _suggest_modes(
    typical: float, seconds: int, interval_seconds: float | None, suggestion: Suggestion
) -> None:
    """Barriers that prices reach: they move so many ticks (`typical`) in so many seconds."""
    scaled = modes(typical)
    if scaled is not None:
        reason = f"prices move {typical:,.0f} ticks in {seconds:,} seconds (median)"
        suggestion.add("modes", scaled, reason)
    if typical and interval_seconds:
        bars = max(2, round(seconds / interval_seconds))
        suggestion.remarks += _volatility_mode(scaled, typical, bars)


def _volatility_mode(
    scaled: Sequence[Mapping[str, Any]] | None, typical: float, bars: int
) -> list[str]:
    """A mode whose barriers follow the market, as wide as those in ticks where it is as usual.

    `typical` is the median range of so many bars, in ticks.
    """
    stops = [mode["stop"] for mode in scaled] if scaled else [m.stop.ticks for m in DEFAULT_MODES]
    stop = sorted(float(one or 0) for one in stops)[len(stops) // 2]
    name, factor = f"range{bars}", stop / typical
    return [
        f"Barriers that follow the market; the stop is {stop:g} ticks away where that is usual:",
        f"[volatility.{name}]",
        'kind = "range"',
        f"bars = {bars}",
        "",
        "[[modes]]",
        f'name = "{name}_long"',
        'direction = "long"',
        f'stop = "{factor:.2g} * {name}"',
        f'target = "{2 * factor:.2g} * {name}"',
    ]


_FINER = "the grid of the prices: finer than a tick, as after an adjustment"


def _grid_keys(grid: SymbolGrid, factor: int) -> tuple[dict[str, Decimal], str]:
    """The keys of a grid, whose ticks are `factor` steps of the moves inside a bar; why."""
    keys = {"tick_size": grid.tick_size * factor}
    if grid.price_increment != keys["tick_size"]:
        keys["price_increment"] = grid.price_increment
    if grid.is_still:
        return keys, "points per tick: the one price lies on it, which never moves"
    if factor == 1:
        return keys, "points per tick: the step of moves inside a bar"
    return keys, (
        f"{factor:,} steps of {grid.tick_size:f}, so that the stops of all symbols suit; for ticks "
        "of its own, label it apart (--symbol)"
    )


def common_ticks(heights: Mapping[str, float], main: float) -> tuple[float, dict[str, int]]:
    """How far all symbols typically move, in ticks, and of how many steps a tick of each is.

    Modes are in ticks, the same for every symbol: where symbols move by very different numbers of
    steps, a tick of more steps is what makes one stop suit all.
    """
    if max(heights.values()) <= _TOO_FAR_APART * min(heights.values()):
        return main, {}
    # A tick cannot be less than a step, and fewer ticks than those of the default modes are few.
    typical = min(main, max(_TYPICAL_TICKS, min(heights.values())))
    return typical, {
        pattern: factor
        for pattern, height in heights.items()
        if (factor := _round_factor(height / typical)) > 1
    }


def _round_factor(ratio: float) -> int:
    """The whole number of one digit, 1, 2 or 5, that is nearest in ratio."""
    if ratio <= 1:
        return 1
    power: int = 10 ** (len(str(int(ratio))) - 1)
    return min((power * digit for digit in (1, 2, 5, 10)), key=lambda n: max(n / ratio, ratio / n))
