"""The values of the configuration: how each is written, and how a mistake in one is told."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from duck_label.errors import ConfigError
from duck_label.sizes import bytes_of, share_of, size_of

_CHUNK = re.compile(r"auto|[1-9]\d*(?:d|w|mo)?")


def _decimal(value: object) -> object:
    """Read a float as the decimal it was written as."""
    return Decimal(str(value)) if isinstance(value, float) else value


def _off(value: object) -> object:
    return 0 if value in (None, "none", "off") else value


def _off_by_name(value: object) -> object:
    return value if value is None else _off(value)


def _chunk(value: object) -> object:
    text = str(value)
    if not _CHUNK.fullmatch(text):
        raise ValueError("expected auto, days, weeks or months (5d, 1w, 1mo) or a number of rows")
    return text


def _limit(value: object) -> object:
    text = str(value).strip()
    if text.lower() == "auto":
        return "auto"
    if share_of(text) is None and bytes_of(text) is None:
        raise ValueError("expected auto, a size (8GB, 512MiB) or a fraction of the machine (0.5)")
    return text


def _size(value: object) -> object:
    text = str(value).strip()
    if size_of(text) is None:
        raise ValueError("expected a size (50GB, 512MiB)")
    return text


def _path(value: object) -> object:
    """A path with its ~ expanded: no shell does that in a file or in Python."""
    return os.path.expanduser(value) if isinstance(value, str) else value


def _symbol_from(value: object) -> object:
    if str(value).count("{symbol}") != 1:
        raise ValueError("expected {symbol} once, as in {symbol}_1m.parquet")
    return value


def _in_order(values: tuple[str, ...]) -> tuple[str, ...]:
    """In whatever order they are given, they ask for the same."""
    if "" in values:
        raise ValueError("expected names or patterns, such as ES or NQ*")
    return tuple(sorted(set(values)))


def has_offset(form: str) -> bool:
    """Whether a format of times reads their time zone too, as an offset or by its name."""
    return re.search("%[zZ]", form.replace("%%", "")) is not None


def _session(value: object) -> object:
    match = re.fullmatch(r"([01]\d|2[0-3]):(00|15|30|45) (\S+)", str(value).strip())
    if match is None:
        raise ValueError("expected a quarter of an hour and a time zone, such as 00:00 UTC")
    _zone(match[3])
    return match[0]


def _zone(value: object) -> object:
    try:
        ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        cities = {zone.rpartition("/")[2]: zone for zone in sorted(available_timezones())}
        near = cities.get(str(value).strip().title().replace(" ", "_"))
        hint = f"did you mean {near!r}?" if near else "write it as America/New_York"
        raise ValueError(f"{value!r} is no time zone; {hint}") from None
    return value


Ticks = Annotated[Decimal, BeforeValidator(_decimal), Field(gt=0, max_digits=18, decimal_places=9)]
Points = Annotated[
    # Whole numbers of 1e-9 points, as some files have prices, have up to ten digits more.
    Decimal,
    BeforeValidator(_decimal),
    Field(gt=0, max_digits=34, decimal_places=15),
]
RollGap = Annotated[
    Decimal, BeforeValidator(_decimal), Field(ge=0, max_digits=34, decimal_places=15)
]
Finite = Annotated[float, Field(allow_inf_nan=False)]
HomePath = Annotated[str, BeforeValidator(_path)]
Threshold = Annotated[float, BeforeValidator(_off), Field(ge=0, le=10, allow_inf_nan=False)]
Off = BeforeValidator(_off)
OffByName = BeforeValidator(_off_by_name)
Chunk = Annotated[str, BeforeValidator(_chunk)]
Limit = Annotated[str, BeforeValidator(_limit)]
Size = Annotated[str, BeforeValidator(_size)]
SymbolFrom = Annotated[str, BeforeValidator(_symbol_from)]
Patterns = Annotated[tuple[str, ...], AfterValidator(_in_order)]
Session = Annotated[str, BeforeValidator(_session)]
Zone = Annotated[str, BeforeValidator(_zone)]


class Model(BaseModel):
    """A table of the configuration: no key but its own, no change once it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(explain(error, type(self), values)) from None

    # Models inside models are validated in place, without this constructor, so that a mistake is
    # reported once, from the outermost one, with its whole path.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


_WAY_AROUND = "docs/limits.md tells the way around"


def unknown(name: str, known: Sequence[str]) -> str:
    """Say that a key is unknown, with the nearest one that is not."""
    return f"unknown key {name!r}; {nearest(name, known)}"


def nearest(name: str, known: Sequence[str]) -> str:
    """What may have been meant by an unknown name."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    there = f"known are: {', '.join(known)}" if known else "there are none"
    return f"did you mean {close[0]!r}?" if close else there


def explain(
    error: ValidationError, model: type[BaseModel], values: Mapping[str, Any] | None = None
) -> str:
    """One line per mistake, each naming the key it is about.

    Given the values, the items of a list are told by their names too.
    """
    lines = (_explain_one(dict(item), model, values or {}) for item in error.errors())
    # What may be of two types is told once for each.
    return "\n".join(dict.fromkeys(lines))


def _named(location: tuple[Any, ...], values: Mapping[str, Any]) -> str:
    """The name of the item of a list that a key belongs to, as a remark."""
    if len(location) < 2 or not isinstance(location[1], int):
        return ""
    items = values.get(str(location[0]))
    one = items[location[1]] if isinstance(items, list | tuple) else None
    name = one.get("name") if isinstance(one, Mapping) else getattr(one, "name", None)
    return "" if name is None else f" of {name!r}"


def _explain_one(item: dict[str, Any], model: type[BaseModel], values: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in item["loc"])
    is_in_a_table = len(item["loc"]) > 1 and item["type"] in ("extra_forbidden", "string_type")
    if is_in_a_table and (name := str(item["loc"][-1])) in model.model_fields:
        what = f"{name!r} is a key of the top level: put it above the first [table]"
        return f"{path}{_named(item['loc'], values)}: {what}"
    if item["type"] == "extra_forbidden":
        *parents, name = (str(part) for part in item["loc"])
        known = list(_model_at(model, parents).model_fields)
        # Also where a name looks like another: who asks for a commission has not mistyped session.
        limit = f" ({_WAY_AROUND} where there is no key)"
        named = _named(item["loc"], values)
        return f"{'.'.join([*parents, ''])}{name}{named}: {unknown(name, known)}{limit}"
    if _IS_A_DATE.match(item["type"]) and item["loc"][-1] in ("date", "datetime"):
        path = path.rpartition(".")[0]
    message = _expected(item) or str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "value_error" and not path:
        return message
    has_value = item["type"] != "missing" and not isinstance(item["input"], dict)
    value = _written(item["input"])
    given = f", not {value}" if has_value and value not in message else ""
    return f"{path}{_named(item['loc'], values)}: {message[0].lower()}{message[1:]}{given}"


def _written(value: object) -> str:
    """A value as a file or an option has it, where Python has another word for it."""
    return str(value) if isinstance(value, Decimal) else repr(value)


_IS_A_DATE = re.compile("date(time)?_")


def _expected(item: Mapping[str, Any]) -> str | None:
    """What a key expects, where pydantic says it in words of Python."""
    key, *inner = (str(part) for part in item["loc"]) if item["loc"] else ("",)
    if item["type"] in ("model_type", "dict_type"):
        # Volatilities and instruments have names.
        return f"expected a table, [{key}.NAME]" if inner else f"expected a table, [{key}]"
    if item["type"] == "tuple_type" and key == "modes":
        return "expected a list of tables: write [[modes]] in double brackets before each"
    if item["type"] == "tuple_type":
        return "expected a list" + f' such as ["{item["input"]}"]' * isinstance(item["input"], str)
    if item["type"] == "string_type":
        return "expected text, in quotes"
    if _IS_A_DATE.match(item["type"]):
        return "expected a date, such as 2024-12-20"
    return None


def _model_at(model: type[BaseModel], path: list[str]) -> type[BaseModel]:
    """The model that describes the keys below a path such as memory, or modes.0."""
    kind = model.model_fields[path[0]].annotation if path else model
    kinds = [one for one in (kind, *get_args(kind)) if isinstance(one, type)]
    return next((one for one in kinds if issubclass(one, BaseModel)), model)
