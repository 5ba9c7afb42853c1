"""The keys of the configuration: their types, defaults, descriptions, and the rules between them.

They are those of the TOML file (see docs/configuration.md). Numbers that fix prices (ticks,
increments, gaps) are decimals, so that 0.1 is one tenth and nothing else. What a run makes of them
is the business of `config`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from duck_label.asking import Events, Sessions
from duck_label.fields import (
    Model,
    Off,
    Patterns,
    Points,
    RollGap,
    Session,
    SymbolFrom,
    Ticks,
    Zone,
    has_offset,
    unknown,
)
from duck_label.rules import (
    DEFAULT_MODES,
    AnyVolatility,
    Instrument,
    TradingMode,
    Weights,
)
from duck_label.running import Memory, Run

PRICES = ("open", "high", "low", "close")
BAR_COLUMNS = ("timestamp", *PRICES, "volume", "symbol")


class ConfigKeys(Model):
    """Every key that a configuration may set."""

    tick_size: Points = Field(default=Decimal("0.25"), description="points per tick")
    price_increment: Points | None = Field(
        default=None,
        description="the grid that prices lie on; default: tick_size",
        examples=[0.25],
    )
    timeout_seconds: Ticks | None = Field(
        default=None, description="the horizon in seconds; 900 unless timeout_bars is given"
    )
    timeout_bars: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="the horizon in bars instead of seconds",
        examples=[900],
    )
    roll_gap_points: Annotated[RollGap, Off] = Field(
        default=Decimal("20.0"), description="a larger move between closes is a roll; 0: off"
    )
    as_of: datetime | date | None = Field(
        default=None,
        description="the reference date of the decay; default: the latest timestamp",
        examples=[date(2024, 12, 20)],
    )
    unresolved: Literal["zero", "null"] = Field(
        default="zero", description="what bars get whose outcome is roll, censored or none"
    )
    entry: Literal["next_open", "close"] = Field(
        default="next_open",
        description="the entry price: the open of the next bar, or the close of the bar itself",
    )
    tie: Literal["stop", "target", "open", "null"] = Field(
        default="stop",
        description="what a bar that touches both barriers decides: stop, target, whichever its "
        "open is nearer to, or null",
    )
    label: Literal["win", "touch", "sign"] = Field(
        default="win",
        description="win: 1 at the target, else 0; touch: -1 at the stop; sign: also the sign of "
        "what a trade without a touch returns",
    )
    max_entry_gap_seconds: Ticks | None = Field(
        default=None,
        description="how long after its signal bar an entry bar may stand; default: however long",
        examples=[1800],
    )
    rows: Literal["all", "asked"] = Field(
        default="all", description="write every bar, or only those that are asked"
    )
    details: bool = Field(
        default=False, description="also write outcomes, excursions, exits and times"
    )
    uniqueness: bool = Field(
        default=False, description="also write what a label is worth beside those it overlaps with"
    )
    on_bad_rows: Literal["fail", "quarantine"] = Field(
        default="fail", description="stop at bad bars, or set them aside and label the rest"
    )
    max_bad_share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        default=0.05,
        description="the share of a symbol's bars that quarantine may set aside; ten always",
    )
    on_duplicates: Literal["fail", "first"] = Field(
        default="fail",
        description="rows of one symbol and time are bad, or equal ones count once",
    )
    on_off_grid: Literal["bad", "round"] = Field(
        default="bad",
        description="prices off the grid are bad, or taken for the nearest level and counted",
    )
    allow_nonpositive_prices: bool = Field(
        default=False, description="take prices of 0 and below for good"
    )
    session_start: Session = Field(
        default="17:00 America/New_York",
        description="when a trading day begins; statistics by session count by it, where there is "
        "no [session]",
    )
    timestamp_unit: Literal["s", "ms", "us", "ns"] | None = Field(
        default=None,
        description="the unit of timestamps that are whole numbers since 1970",
        examples=["ns"],
    )
    timestamp_format: str | None = Field(
        default=None,
        min_length=2,
        description="the format of timestamps that are text (strptime)",
        examples=["%Y%m%d %H%M%S"],
    )
    timestamp_zone: Zone | None = Field(
        default=None,
        description="the zone of timestamps that have none; default: UTC",
        examples=["America/Chicago"],
    )
    price_scale: Points | None = Field(
        default=None,
        description="the price that 1 stands for, where prices are whole numbers",
        examples=[1e-9],
    )
    symbol_from: SymbolFrom | None = Field(
        default=None,
        description="where the name of a file tells its symbol; * stands for anything else",
        examples=["{symbol}_1m.parquet"],
    )
    symbols: Patterns = Field(
        default=(), description="names or patterns of the symbols to label; default: all"
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="our column name = the name in the files"
    )
    weights: Weights = Field(default_factory=Weights)
    modes: tuple[TradingMode, ...] = Field(default=DEFAULT_MODES)
    volatility: dict[str, AnyVolatility] = Field(
        default_factory=dict, description="volatilities by name, for barriers such as 2 * NAME"
    )
    events: Events | None = Field(
        default=None, description="which bars are asked; default: all of them"
    )
    session: Sessions | None = Field(
        default=None, description="when trades may be asked for and must end; default: any time"
    )
    instruments: dict[str, Instrument] = Field(
        default_factory=dict, description="grids and rolls by symbol pattern; the first match holds"
    )
    memory: Memory = Field(default_factory=Memory)
    run: Run = Field(default_factory=Run)

    @model_validator(mode="before")
    @classmethod
    def _flat_keywords(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        values = dict(values)
        memory: dict[str, Any] = {}
        run: dict[str, Any] = {}
        if (limit := values.pop("memory_limit_gb", None)) is not None:
            memory["limit"] = f"{limit}GB"
        is_optimized = values.pop("enable_memory_optimization", True)
        if is_optimized not in (True, False):
            raise ValueError(f"enable_memory_optimization: is True or False, not {is_optimized!r}")
        if not is_optimized:
            memory |= dict.fromkeys(
                ("cleanup_threshold", "critical_threshold", "emergency_threshold"), 0
            )
        if (rows := values.pop("chunk_size", None)) is not None:
            run["chunk"] = rows
        if (threads := values.pop("threads", None)) is not None:
            run["threads"] = threads
        for name, given in (("memory", memory), ("run", run)):
            table = values.get(name, {})
            if isinstance(table, BaseModel):
                table = table.model_dump()
            if isinstance(table, Mapping):  # what is no table is told so by its own model
                values[name] = {**table, **given}
        return values

    @model_validator(mode="before")
    @classmethod
    def _horizon(cls, values: Any) -> Any:
        is_given = isinstance(values, dict) and values.keys() & {"timeout_seconds", "timeout_bars"}
        return values if is_given else {**values, "timeout_seconds": 900}

    @model_validator(mode="after")
    def _rules_between_keys(self) -> Self:
        if (self.timeout_seconds is None) == (self.timeout_bars is None):
            raise ValueError("timeout_seconds and timeout_bars exclude each other: give one")
        for ours in self.columns:
            if ours not in (*BAR_COLUMNS, "side"):
                raise ValueError(f"columns.{ours}: {unknown(ours, (*BAR_COLUMNS, 'side'))}")
        for theirs, several in self.columns_of_several().items():
            if not set(several) <= set(PRICES):
                raise ValueError(
                    f"columns: {' and '.join(several)} are both {theirs!r}, and one column is not "
                    "both: name another"
                )
        if self.timestamp_unit is not None and (self.timestamp_format or self.timestamp_zone):
            raise ValueError(
                "timestamp_unit is for whole numbers, which are in UTC: leave timestamp_format and "
                "timestamp_zone out"
            )
        if self.timestamp_zone is not None and has_offset(self.timestamp_format or ""):
            raise ValueError(
                "timestamp_format reads the time zone of each time (%z): leave timestamp_zone out"
            )
        if not self.modes:
            raise ValueError("modes: give at least one")
        names = [mode.name.casefold() for mode in self.modes]
        for mode in self.modes:
            if names.count(mode.name.casefold()) > 1:
                raise ValueError(
                    f"modes: {mode.name!r} is given twice (upper and lower case are the same)"
                )
            if "\0" in mode.name:
                raise ValueError(f"modes: {mode.name!r} cannot name a column")
            self._check_barriers(mode)
        if "uniqueness" in self.weights.factors and not self.uniqueness:
            raise ValueError(
                'weights.factors: "uniqueness" is one of them: set uniqueness = true '
                "(--uniqueness; uniqueness=True in Python), which writes it beside the weights"
            )
        for name in self.volatility:
            if not name or '"' in name or name in ("none", "ticks", "points"):
                raise ValueError(f"volatility: {name!r} cannot name a volatility")
        return self

    def columns_of_several(self) -> dict[str, list[str]]:
        """The columns of the files that stand for several of a bar's, with ours."""
        by_name: dict[str, list[str]] = {}
        for ours in BAR_COLUMNS:
            by_name.setdefault(self.columns.get(ours, ours), []).append(ours)
        return {theirs: ours for theirs, ours in by_name.items() if len(ours) > 1}

    def _check_barriers(self, mode: TradingMode) -> None:
        for key, barrier in (("stop", mode.stop), ("target", mode.target)):
            if barrier.unit is not None and barrier.name in self.volatility:
                raise ValueError(
                    f"modes: {key} of {mode.name!r}: {str(barrier)!r}: {barrier.name!r} is a "
                    "volatility, which is in price increments: leave the unit out"
                )
