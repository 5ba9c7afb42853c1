"""What a run is asked to do: the models of the configuration, their defaults and their rules.

The keys and their meaning are those of the TOML file (see docs/configuration.md). Numbers that fix
prices (ticks, increments, gaps) are decimals, so that 0.1 is one tenth and nothing else. Where the
values come from (files, options) is the business of `settings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from duck_label.asking import Events, Sessions
from duck_label.errors import ConfigError
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
    explain,
    has_offset,
    unknown,
)
from duck_label.rules import (
    DEFAULT_MODES,
    AnyVolatility,
    Barrier,
    Grid,
    Instrument,
    TradingMode,
    Volatility,
    Weights,
)
from duck_label.running import Memory, Run
from duck_label.toml_file import read_toml

PRICES = ("open", "high", "low", "close")
BAR_COLUMNS = ("timestamp", *PRICES, "volume", "symbol")


class LabelingConfig(Model):
    """Everything a run can be told. Field names are the keys of the configuration file.

    Also takes the flat keywords `memory_limit_gb`, `chunk_size` (rows), `threads` and
    `enable_memory_optimization` (False switches all memory thresholds off).

    Raises:
        ConfigError: for an unknown key or an impossible value, naming the key.
    """

    if TYPE_CHECKING:

        def __init__(self, **values: Any) -> None:
            """Take keys, flat keywords, and plain values such as TOML has in place of models."""

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
    allow_nonpositive_prices: bool = Field(default=False, description="crude oil closed at -37.63")
    session_start: Session = Field(
        default="17:00 America/New_York",
        description="when a trading day begins; statistics by session count by it, where there is "
        "no [session]",
    )
    timestamp_unit: Literal["s", "ms", "us", "ns"] | None = Field(
        default=None, description="of timestamps in whole numbers since 1970", examples=["ns"]
    )
    timestamp_format: str | None = Field(
        default=None,
        min_length=2,
        description="of timestamps in text, as strptime has it",
        examples=["%Y%m%d %H%M%S"],
    )
    timestamp_zone: Zone | None = Field(
        default=None,
        description="where the clock hung, of timestamps without a zone; default: UTC",
        examples=["America/Chicago"],
    )
    price_scale: Points | None = Field(
        default=None,
        description="what one stands for in prices that are whole numbers",
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
                "(--uniqueness), which writes it beside the weights"
            )
        for name in self.volatility:
            if not name or '"' in name or name in ("none", "ticks", "points"):
                raise ValueError(f"volatility: {name!r} cannot name a volatility")
        self.grids()
        return self

    def _check_barriers(self, mode: TradingMode) -> None:
        for key, barrier in (("stop", mode.stop), ("target", mode.target)):
            if barrier.unit is not None and barrier.name in self.volatility:
                raise ValueError(
                    f"modes: {key} of {mode.name!r}: {str(barrier)!r}: {barrier.name!r} is a "
                    "volatility, which is in price increments: leave the unit out"
                )

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """The configuration of a TOML file such as `duck_label.toml`.

        Raises:
            ConfigError: if it cannot be read, or has an unknown key or an impossible value.
        """
        values = read_toml(Path(path))
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(f"{path}: {explain(error, cls, values)}") from None

    @property
    def reads_times(self) -> bool:
        """Whether timestamps are told to be numbers, text or those of a local clock."""
        return any((self.timestamp_unit, self.timestamp_format, self.timestamp_zone))

    def trading_day(self) -> tuple[str, int]:
        """The time zone of the sessions, and how many minutes later a session's date begins there.

        A session has the date on which most of it lies: one that opens at 17:00 has the next.
        """
        time, zone = self.session_start.split()
        minutes = 60 * int(time[:2]) + int(time[3:])
        return zone, -minutes if minutes < 12 * 60 else 24 * 60 - minutes

    def of_bars(self) -> Self:
        """What bars are read by, without what trades are read from and asked by."""
        return self.model_copy(update={"events": None, "session": None, "modes": ()})

    def column(self, ours: str) -> str:
        """The name in the files of one of our columns."""
        return self.columns.get(ours, ours)

    def grids(self) -> list[Grid]:
        """One price grid per instrument pattern, in order; the last, `*`, is everyone else's."""
        patterns = [
            (
                pattern,
                f"instruments.{pattern!r}.",
                instrument.tick_size or self.tick_size,
                instrument.price_increment
                or instrument.tick_size
                or self.price_increment
                or self.tick_size,
                self.roll_gap_points
                if instrument.roll_gap_points is None
                else instrument.roll_gap_points,
            )
            for pattern, instrument in self.instruments.items()
        ]
        increment = self.price_increment or self.tick_size
        patterns.append(("*", "", self.tick_size, increment, self.roll_gap_points))
        scale = Fraction(self.price_scale or 1)
        barriers = [barrier for mode in self.modes for barrier in mode.barriers]
        return [Grid.of(*pattern, scale, barriers) for pattern in patterns]

    def grid_of(self, symbol: str) -> Grid:
        """The price grid of a symbol: that of the first pattern that matches it."""
        return next(grid for grid in self.grids() if fnmatchcase(symbol, grid.pattern))

    def is_volatility(self, barrier: Barrier) -> bool:
        """Whether a barrier is a factor of a volatility."""
        return barrier.name in self.volatility

    @property
    def columns_of_barriers(self) -> dict[str, tuple[str, str, str]]:
        """The columns of the bars that barriers are read from.

        Each with the first mode that does, which of its barriers, and how that is written.
        """
        columns: dict[str, tuple[str, str, str]] = {}
        for mode in self.modes:
            for key, barrier in (("stop", mode.stop), ("target", mode.target)):
                if barrier.name is not None and not self.is_volatility(barrier):
                    columns.setdefault(barrier.name, (mode.name, key, str(barrier)))
        return columns

    @property
    def has_sides(self) -> bool:
        """Whether some mode takes its direction from the bars."""
        return any(mode.direction == "side" for mode in self.modes)

    @property
    def has_exits(self) -> bool:
        """Whether the exit of a trade is asked for."""
        return self.details or self.label == "sign"

    @property
    def asks_some(self) -> bool:
        """Whether there may be bars that are not asked."""
        return self.events is not None or (
            self.session is not None and self.session.ask == "inside"
        )

    @property
    def may_enter_late(self) -> bool:
        """Whether a bar that is asked may have an entry bar that does not count."""
        return self.max_entry_gap_seconds is not None or (
            self.session is not None and self.session.flat
        )

    @property
    def may_be_null(self) -> bool:
        """Whether a good bar may have no label, by what is asked alone."""
        return (
            self.unresolved == "null"
            or self.asks_some
            or self.may_enter_late
            or self.tie == "null"
            or self.has_sides
            or any(barrier.name is not None for mode in self.modes for barrier in mode.barriers)
        )

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is odd in what is asked, a line each."""
        found = []
        never = [mode.name for mode in self.modes if mode.target.is_none]
        if self.label == "win" and never:
            found.append(
                f"without a target no label of {', '.join(never)} is ever 1: "
                'label = "sign" labels what trades return'
            )
        # Who writes 0.001 for a tenth of a percent gets a tick.
        small = [
            f"the {key} of {mode.name} is {one}"
            for mode in self.modes
            for key, one in (("stop", mode.stop), ("target", mode.target))
            if one.is_fixed and all(grid.is_within_a_step(one) for grid in self.grids())
        ]
        if small:
            found.append(
                f"{', '.join(small)}, which is less than a price moves at least, and counts as "
                'one step: percent of the entry are written "0.1%"'
            )
        return tuple(found)

    def horizon(self, mode: TradingMode) -> tuple[Decimal | None, int | None]:
        """The horizon of a mode in seconds or in bars: its own, or that of all."""
        if mode.timeout_seconds is None and mode.timeout_bars is None:
            return self.timeout_seconds, self.timeout_bars
        return mode.timeout_seconds, mode.timeout_bars

    @property
    def longest_seconds(self) -> Decimal | None:
        """The longest horizon in seconds of any mode."""
        return max((s for s, _ in map(self.horizon, self.modes) if s is not None), default=None)

    @property
    def longest_bars(self) -> int | None:
        """The longest horizon in bars of any mode."""
        return max((b for _, b in map(self.horizon, self.modes) if b is not None), default=None)

    @property
    def volatilities(self) -> dict[str, Volatility]:
        """The volatilities that some barrier is a factor of."""
        names = {barrier.name for mode in self.modes for barrier in mode.barriers}
        return {name: one for name, one in self.volatility.items() if name in names}

    @property
    def bars_before(self) -> int:
        """The bars before a bar on which its label may depend: rolls look back on six."""
        return max(6, *(one.bars for one in self.volatilities.values()), 6)

    def output_columns(self) -> tuple[str, ...]:
        """The names of the columns that labeling adds, in order."""
        details = (
            *("outcome", "mae_ticks", "mfe_ticks", "seconds", "touch_time"),
            *("exit_price", "return_ticks", "stop_ticks", "target_ticks"),
        )
        worth = ("uniqueness", "attribution") if self.uniqueness else ()
        kinds = ("label", "weight", *(details if self.details else ()), *worth)
        return tuple(f"{kind}_{mode.name}" for mode in self.modes for kind in kinds)

    def reference_month(self) -> int | None:
        """12 * year + month of `as_of` in UTC, or None where the input's latest bar decides."""
        when = self.as_of
        if isinstance(when, datetime) and when.tzinfo is not None:
            when = when.astimezone(UTC)
        return None if when is None else 12 * when.year + when.month
