"""The values that a configuration gives to the queries, as their parameters."""

from __future__ import annotations

import math
from typing import Any

from duck_label.columns import BarColumns
from duck_label.config import LabelingConfig
from duck_label.trades import Trades


def parameters(config: LabelingConfig, bars: BarColumns) -> dict[str, Any]:
    """The parameters of a configuration and the kind of its bars, the same for every chunk.

    Times are in clock units of the bars (micro- or nanoseconds), distances in price increments.
    """
    trades = Trades(config)
    return {
        "clocks_per_second": bars.clocks_per_second,
        "bars_before": config.bars_before,
        **_of_days(config),
        **_of_grids(config, trades),
        **_of_times(config, trades, bars.clocks_per_second),
        **_of_distances(trades),
        **_of_modes(trades),
        **config.weights.model_dump(exclude={"factors"}),
    }


def _of_days(config: LabelingConfig) -> dict[str, Any]:
    """By what a trading day is counted: the sessions, where there are any."""
    zone, shift = config.trading_day()
    start = config.session_start
    if config.session is not None:
        zone, shift, start = config.session.zone or "UTC", 0, str(config.session)
    return {"session_start": start, "session_zone": zone, "session_shift": shift}


def _of_grids(config: LabelingConfig, trades: Trades) -> dict[str, Any]:
    """Each price grid, with the distances that are the same for every entry on it."""
    values: dict[str, Any] = {}
    for number, grid in enumerate(config.grids(), start=1):
        values |= {
            f"grid_{number}_pattern": grid.pattern,
            f"grid_{number}_numerator": grid.numerator,
            f"grid_{number}_denominator": grid.denominator,
            f"grid_{number}_increments_per_tick": grid.increments_per_tick,
            f"grid_{number}_roll_gap": grid.roll_gap,
            f"grid_{number}_increment_numerator": grid.increment.numerator,
            f"grid_{number}_increment_denominator": grid.increment.denominator,
        }
        for distance in trades.fixed:
            values[f"grid_{number}_distance_{distance.number}"] = grid.distance(distance.barrier)
    return values


def _of_times(config: LabelingConfig, trades: Trades, clocks_per_second: int) -> dict[str, Any]:
    """Horizons, the gap before an entry, and stretches of time that ask once."""
    values: dict[str, Any] = {}
    if config.uniqueness:
        values["longest_timeout"] = math.ceil((config.longest_seconds or 0) * clocks_per_second)
        values["longest_timeout_bars"] = config.longest_bars or 0
    if config.max_entry_gap_seconds is not None:
        values["entry_gap"] = int(config.max_entry_gap_seconds * clocks_per_second)
    if config.events is not None and config.events.every_seconds is not None:
        values["stretch"] = int(config.events.every_seconds * clocks_per_second)
    for horizon in trades.horizons:
        # A bar in the last fraction of a clock unit still lies inside the horizon.
        scale = 1 if horizon.in_bars else clocks_per_second
        values[horizon.parameter] = math.ceil(horizon.value * scale)
    return values


def _of_distances(trades: Trades) -> dict[str, Any]:
    """The factors of distances that depend on the entry or the bar."""
    values: dict[str, Any] = {}
    for distance in trades.distances:
        if distance.is_fixed:
            continue
        prefix, bars_in = f"distance_{distance.number}", 1
        if distance.volatility is not None:
            _, volatility = trades.volatilities[distance.volatility - 1]
            # A mean true range comes as a sum over its bars, which stays whole.
            bars_in = volatility.bars if volatility.kind == "atr" else 1
        values[f"{prefix}_factor"] = float(distance.barrier.number or 0)
        values[f"{prefix}_numerator"] = distance.numerator
        values[f"{prefix}_denominator"] = distance.denominator * bars_in
    return values


def _of_modes(trades: Trades) -> dict[str, Any]:
    """The name of each mode, and its barriers where they are written in ticks."""
    values: dict[str, Any] = {}
    for mode in trades.modes:
        values[f"mode_{mode.number}_name"] = mode.name
        for what, distance in (("stop", mode.stop), ("target", mode.target)):
            if distance is not None and distance.is_ticks:
                values[f"mode_{mode.number}_{what}"] = float(distance.barrier.number or 0)
    return values
