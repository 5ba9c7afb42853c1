"""What a repository of bars starts with: a configuration, a Makefile, a .gitignore."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from duck_label.config import Instrument, LabelingConfig, Memory, Run, TradingMode, Weights
from duck_label.errors import ConfigError

_HEAD = """\
# How `make label` labels the bars. Every key is here with its default: remove the # to set it.
# `duck-label config` prints what is in force.
"""
_TABLES: Mapping[str, type[BaseModel]] = {"weights": Weights, "memory": Memory, "run": Run}


def write_starter(folder: Path, *, force: bool) -> list[Path]:
    """Write the files into a folder, and a folder for the bars; returns what was written.

    Raises:
        ConfigError: if one of them is there already, unless `force`, or it cannot be written.
    """
    texts = {
        folder / "duck_label.toml": commented_toml(),
        folder / "Makefile": _template("Makefile"),
        folder / ".gitignore": _template("gitignore"),
    }
    present = [path for path in texts if path.exists()]
    if present and not force:
        names = ", ".join(path.name for path in present)
        raise ConfigError(f"{folder}: has {names} already: pass --force to replace them")
    try:
        (folder / "bars").mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written to: {error.strerror}") from error
    return list(texts)


def commented_toml() -> str:
    """A configuration file in which every key is a comment, with its meaning and its default."""
    config = LabelingConfig()
    nested = {"columns", "modes", "instruments", *_TABLES}
    fields = {k: field for k, field in LabelingConfig.model_fields.items() if k not in nested}
    lines = [_HEAD]
    for key, field in fields.items():
        lines += _entry(key, field, getattr(config, key))
    lines += ["", "# Our column name = the name in the files.", "[columns]"]
    lines += ['# timestamp = "ts_event"']
    for name, model in _TABLES.items():
        lines += ["", f"# {model.__doc__}", f"[{name}]"]
        for key, field in model.model_fields.items():
            lines += _entry(key, field, getattr(getattr(config, name), key))
    lines += ["", f"# {Instrument.__doc__}", '# [instruments."GC*"]']
    for key, field in Instrument.model_fields.items():
        lines += _entry(key, field, None)
    lines += ["", "# The ways to trade every bar. Any that are given replace these.", ""]
    for mode in config.modes:
        lines += ["# [[modes]]"]
        lines += [f"# {key} = {_toml(getattr(mode, key))}" for key in TradingMode.model_fields]
        lines += [""]
    return "\n".join(lines)


def _entry(key: str, field: FieldInfo, default: Any) -> Iterator[str]:
    """A line for a key: its default, or where it has none, its example."""
    value = next(iter(field.examples or ())) if default is None else default
    yield f"# {key} = {_toml(value)}".ljust(36) + f" # {field.description}"


def _toml(value: Any) -> str:
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    return str(tomlkit.item(value).as_string())


def _template(name: str) -> str:
    return (files("duck_label") / "templates" / name).read_text(encoding="utf-8")
