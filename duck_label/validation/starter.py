"""What a repository of bars starts with: a configuration, a Makefile, a .gitignore."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from duck_label.config import LabelingConfig
from duck_label.errors import ConfigError
from duck_label.rules import Instrument, Weights
from duck_label.running import Memory, Run
from duck_label.settings import Settings
from duck_label.storage.names import is_bars
from duck_label.toml_writing import toml_text

_HEAD = """\
# How `make label` labels the bars. A key that is not set is here with its default: remove the # to
# set it. `duck-label config` prints what is in force.
"""
_TABLES: Mapping[str, type[BaseModel]] = {"weights": Weights, "memory": Memory, "run": Run}
_PATTERN = 'instruments."GC*"'
# What most modes set; the others are told below.
_KEYS = ("name", "direction", "stop", "target")
_ANY_TRADE = """\
# A barrier can be in points, in percent of the entry, a multiple of a volatility or of a column of
# the bars, or missing; a mode can take the sign of a column as its side, have a horizon of its own,
# and a stop in ticks or points can trail.
# [volatility.atr20]
# kind = "atr"                     # or "range", "std"
# bars = 20
#
# [[modes]]
# name = "signal"
# direction = "side"
# stop = "1.5 * atr20"
# target = "0.1%"
# timeout_seconds = 1800
#
# [[modes]]
# name = "trail"
# direction = "long"
# stop = 8
# target = "none"
# trailing = true
#
# Only some bars may be asked: those where a column is true, those of a file (duck-label events
# writes one), or the first in every so many seconds; and only inside of sessions, with which their
# trades end.
# [events]
# column = "is_event"              # or file = "events.parquet", or every_seconds = 60
#
# [session]
# hours = "08:30-15:00"            # or file = "sessions.parquet"
# zone = "America/Chicago"
# days = "mon-fri"
# ask = "inside"                   # or "all"
# flat = true"""


def write_starter(folder: Path, *, force: bool) -> list[Path]:
    """Write the files into a folder, and a folder for the bars; returns what was written.

    Where there are bars already, the configuration is the one that suits them.

    Raises:
        ConfigError: if one of them is there already, unless `force`, or it cannot be written.
        InputError: if the bars that are there cannot be read.
    """
    paths = [folder / name for name in ("duck_label.toml", "Makefile", ".gitignore")]
    present = [path for path in paths if path.exists()]
    if present and not force:
        names = ", ".join(path.name for path in present)
        raise ConfigError(f"{folder}: has {names} already: pass --force to write anew")
    texts = (_configuration(folder / "bars"), _template("Makefile"), _template("gitignore"))
    try:
        (folder / "bars").mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written to: {error.strerror}") from error
    return paths


def _configuration(bars: Path) -> str:
    if not any(is_bars(path.name) for path in bars.rglob("*")):
        return commented_toml()
    from duck_label.validation.validation import (
        validate,  # loads DuckDB, which an empty folder can do without
    )

    suggestion = validate([bars], Settings(LabelingConfig(), {})).suggestion
    return commented_toml(suggestion.values, suggestion.reasons)


def commented_toml(
    values: Mapping[str, Any] | None = None, reasons: Mapping[str, str] | None = None
) -> str:
    """A configuration file with every key: set, with the reason, or a comment with its default.

    `values` and `reasons` have dotted keys, such as `weights.floor` or `instruments.NQ*`.
    """
    values, reasons = values or {}, reasons or {}
    config = LabelingConfig()
    nested = {"columns", "modes", "instruments", "volatility", "events", "session", *_TABLES}
    lines = [_HEAD]

    def add(key: str, name: str, field: FieldInfo, default: Any) -> None:
        if key in values:
            lines.append(_line(name, values[key], reasons[key]))
        else:
            example = next(iter(field.examples or ())) if default is None else default
            lines.append("# " + _line(name, example, str(field.description)))

    for key, field in LabelingConfig.model_fields.items():
        if key not in nested:
            add(key, key, field, getattr(config, key))
    lines += ["", "# Our column name = the name in the files.", "[columns]"]
    names = {key: value for key, value in values.items() if key.startswith("columns.")}
    lines += [_line(key.partition(".")[2], names[key], reasons[key]) for key in names]
    lines += [] if names else ['# timestamp = "ts_event"']
    for table, model in _TABLES.items():
        lines += ["", f"# {model.__doc__}", f"[{table}]"]
        for name, field in model.model_fields.items():
            add(f"{table}.{name}", name, field, getattr(getattr(config, table), name))
    lines += ["", f"# {Instrument.__doc__}"]
    patterns = [key for key in values if key.startswith("instruments.")]
    for key in patterns:
        pattern = toml_text(key.partition(".")[2])
        lines += [f"[instruments.{pattern}] # {reasons[key]}"]
        lines += [f"{name} = {toml_text(value)}" for name, value in values[key].items()]
    if not patterns:
        lines += [f"# [{_PATTERN}]"]
        for name, field in Instrument.model_fields.items():
            add(f"{_PATTERN}.{name}", name, field, None)
    modes = [mode.model_dump() for mode in config.modes]
    lines += ["", "# The ways to trade every bar. Any that are given replace the default six."]
    lines += [f"# {reasons['modes']}" for _ in range("modes" in values)]
    mark = "" if "modes" in values else "# "
    for mode in values.get("modes", modes):
        lines += ["", f"{mark}[[modes]]"]
        lines += [f"{mark}{key} = {toml_text(mode[key])}" for key in _KEYS if key in mode]
    lines += ["", *_ANY_TRADE.splitlines()]
    return "\n".join([*lines, ""])


def _line(key: str, value: Any, remark: str) -> str:
    return f"{key} = {toml_text(value)}".ljust(34) + f" # {remark}"


def _template(name: str) -> str:
    return (files("duck_label") / "templates" / name).read_text(encoding="utf-8")
