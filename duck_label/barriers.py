"""How a barrier is written: 6, "1.5 points", "0.05%", "2 * atr20" or "none"; and what is meant."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, ValidationError

from duck_label.fields import Ticks

Unit = Literal["ticks", "points", "%"]

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_BARRIER = re.compile(
    rf"""(?P<number>{_NUMBER}) \s* (?P<unit>ticks|points|%)?
    | (?: (?P<factor>{_NUMBER}) \s* \* \s* )?
      (?: "(?P<quoted>[^"]+)" | (?P<name>[^\s%*"]+) ) \s* (?P<of>ticks|points|%)?""",
    re.VERBOSE,
)
_NUMBERS: TypeAdapter[Decimal] = TypeAdapter(Ticks)
_LIKE_A_NUMBER = re.compile(r"[-+]?[.\d]")
# What people write for a unit, and what that stands for.
_LIKE_UNITS = {
    **dict.fromkeys(("t", "tick", "ticks"), "{} ticks"),
    **dict.fromkeys(("p", "pt", "pts", "point", "points"), "{} points"),
    **dict.fromkeys(("percent", "pct"), "{}%"),
}
_NEAR = 0.75  # "tics" is near to ticks, "pips" to nothing
_WAYS = '6, "1.5 points", "0.05%", "2 * NAME" of a volatility or a column, or "none"'


@dataclass(frozen=True)
class Barrier:
    """How far a barrier lies from the entry, as the contract writes it.

    A `number` of ticks, points or percent of the entry; or the `number` as a factor of what has a
    `name`: a volatility, or a column of the bars, which may have a unit. With neither there is no
    barrier.
    """

    number: Decimal | None = None
    unit: Unit | None = None
    name: str | None = None

    @property
    def is_none(self) -> bool:
        """Whether there is no such barrier."""
        return self.number is None

    @property
    def ticks(self) -> Decimal | None:
        """The number of ticks, where that is how the barrier is written."""
        return self.number if self.name is None and self.unit == "ticks" else None

    @property
    def is_fixed(self) -> bool:
        """Whether it lies equally far from every entry of a symbol: ticks or points."""
        return self.name is None and self.unit in ("ticks", "points")

    def __str__(self) -> str:
        if self.number is None:
            return "none"
        number = f"{self.number.normalize():f}"
        unit = "" if self.unit is None else "%" if self.unit == "%" else f" {self.unit}"
        if self.name is None:
            return f"{number}{unit}"
        name = self.name if _plain(self.name) else f'"{self.name}"'
        space = " " if unit == "%" else ""
        return f"{name if self.number == 1 else f'{number} * {name}'}{space}{unit}"


def _plain(name: str) -> bool:
    """Whether a name can stand without quotes."""
    match = _BARRIER.fullmatch(name)
    return match is not None and match["name"] == name and name not in ("none", "ticks", "points")


def barrier(written: object) -> Barrier:
    """Read a barrier: a number of ticks, or a text.

    Raises:
        ValueError: saying what it may be.
    """
    if isinstance(written, Barrier):
        return written
    if isinstance(written, bool) or not isinstance(written, str | int | float | Decimal):
        raise ValueError(f"expected {_WAYS}")
    text = str(written).strip()
    if text == "none":
        return Barrier()
    match = _BARRIER.fullmatch(text)
    if match is None or (match["name"] and _LIKE_A_NUMBER.match(match["name"])):
        raise ValueError(_mistake(text))
    if match["number"]:
        return Barrier(_number(match["number"]), _unit(match["unit"]) or "ticks")
    name = match["quoted"] or match["name"]
    return Barrier(_number(match["factor"] or "1"), _unit(match["of"]), name)


def _unit(text: str | None) -> Unit | None:
    return next((unit for unit in get_args(Unit) if unit == text), None)


def _number(text: str) -> Decimal:
    try:
        return _NUMBERS.validate_python(text)
    except ValidationError as error:
        message = str(error.errors()[0]["msg"])
        message = message.removeprefix("Decimal ").lower().removeprefix("input ")
        raise ValueError(f"the number {message}") from None


def _mistake(text: str) -> str:
    """What is wrong with a text that is no barrier."""
    match = re.fullmatch(rf"([-+]?{_NUMBER})\s*\*?\s*(.*)", text)
    if match is None:
        return f"expected {_WAYS}"
    number, word = match.groups()
    if float(number) <= 0:
        return "expected a number above zero"
    if not word.isidentifier():
        return f"expected {_WAYS}"
    near = difflib.get_close_matches(word.lower(), _LIKE_UNITS, n=1, cutoff=_NEAR)
    meant = _LIKE_UNITS[near[0]].format(number) if near else f"{number} * {word}"
    return f'did you mean "{meant}"? Expected {_WAYS}'


def _written(one: Barrier) -> Any:
    """A barrier as configurations hold it: ticks are a number."""
    return str(one) if one.ticks is None else one.ticks


AnyBarrier = Annotated[Barrier, PlainValidator(barrier), PlainSerializer(_written)]
