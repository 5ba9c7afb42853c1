"""What is recorded of an input that was found good: that which labels and weights are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from duck_label.records.inputs import InputFile


class Rounded(TypedDict):
    """So many prices of a symbol in a month (2024-03) that were taken for the nearest level."""

    symbol: str
    month: str
    prices: int


@dataclass(frozen=True)
class Checked:
    """An input that was found good, or its bad bars set aside: what labels were made of.

    `config` is the part of the configuration that labels depend on, `weights` the part that weights
    depend on beside; `columns` are those of the input with their types; `reference_month` (12 *
    year + month) is the month that the decay counts from, `latest_month` that of the last bar of
    the input. `rounded` is how many prices were taken for the nearest level, by symbol and
    month; `repeated`, how many rows were left out that equal another one.
    """

    config: Mapping[str, Any]
    weights: Mapping[str, Any]
    files: Sequence[InputFile]
    bad_bars: int
    columns: Sequence[Sequence[str]]
    reference_month: int
    latest_month: int
    rounded: Sequence[Rounded] = ()
    repeated: int = 0
    # Path, size, version and path from the output of the files of events and sessions.
    asking: Sequence[Sequence[str | int]] = ()

    @property
    def identity(self) -> dict[str, Any]:
        """The part of the configuration that labels and weights depend on."""
        return {**self.config, **self.weights}


def month_name(month: int) -> str:
    """A month as ISO 8601 writes it, from 12 * year + month."""
    year, months = divmod(month - 1, 12)
    return f"{year:04d}-{months + 1:02d}"
