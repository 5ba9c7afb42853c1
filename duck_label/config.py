"""What a run is asked to do: the configuration, and what follows from it.

The keys, their defaults and their rules are those of `config_keys`. Where the values come from
(files, options) is the business of `settings`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError, model_validator

from duck_label.barriers import Barrier
from duck_label.config_keys import ConfigKeys
from duck_label.errors import ConfigError
from duck_label.fields import explain
from duck_label.rules import Grid, TradingMode, Volatility
from duck_label.toml_file import read_toml


class LabelingConfig(ConfigKeys):
    """Everything a run can be told. Field names are the keys of the configuration file.

    Also takes the flat keywords `memory_limit_gb`, `chunk_size` (rows), `threads` and
    `enable_memory_optimization` (False switches all memory thresholds off).

    Raises:
        ConfigError: for an unknown key or an impossible value, naming the key.
    """

    if TYPE_CHECKING:

        def __init__(self, **values: Any) -> None:
            """Take keys, flat keywords, and plain values such as TOML has in place of models."""

    @model_validator(mode="after")
    def _prices_can_be_counted(self) -> Self:
        self.grids()
        return self

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
        found += [
            f"{', '.join(ours[:-1])} and {ours[-1]} are one column, {theirs!r}: right only where "
            "bars have no prices of their own for these"
            for theirs, ours in self.columns_of_several().items()
        ]
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
        return tuple(f"{kind}_{mode.name}" for mode in self.modes for kind in self.output_kinds())

    def output_kinds(self) -> tuple[str, ...]:
        """What labeling says of every mode, in order."""
        details = (
            *("outcome", "mae_ticks", "mfe_ticks", "seconds", "touch_time"),
            *("exit_price", "return_ticks", "stop_ticks", "target_ticks"),
        )
        worth = ("uniqueness", "attribution") if self.uniqueness else ()
        return ("label", "weight", *(details if self.details else ()), *worth)

    def reference_month(self) -> int | None:
        """12 * year + month of `as_of` in UTC, or None where the input's latest bar decides."""
        when = self.as_of
        if isinstance(when, datetime) and when.tzinfo is not None:
            when = when.astimezone(UTC)
        return None if when is None else 12 * when.year + when.month
