"""Where the configuration of a command comes from: options over files over defaults.

Every value keeps its origin, so that `duck-label config` can show it and an error can name it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from duck_label.config import LabelingConfig
from duck_label.errors import ConfigError
from duck_label.fields import explain
from duck_label.toml_file import read_toml

LOCAL_FILE = Path("duck_label.toml")
_DEFAULT = "default"
# Tables whose keys are layered one by one; a list of modes replaces the one below it.
_TABLES = (
    *("columns", "instruments", "weights", "volatility", "events", "session"),
    *("memory", "run"),
)
# Flat keywords of Python are taken here too; what they stand for is where a value is looked up.
_FLAT = {"threads": "run.threads", "chunk_size": "run.chunk"}
# A name in quotes may hold colons.
_BARRIER = r'(?:[^:"]|"[^"]*")+'
_PARTS = re.compile(
    rf"(?P<name>.+):(?P<direction>[^:]+):(?P<stop>{_BARRIER}):(?P<target>{_BARRIER})"
)
# A key of one layer replaces those of the layers below that exclude it.
_ASKS = ("events.column", "events.file", "events.every_seconds")
_EXCLUSIVE: dict[str, tuple[str, ...]] = {
    "timeout_seconds": ("timeout_bars",),
    "timeout_bars": ("timeout_seconds",),
    **{key: tuple(other for other in _ASKS if other != key) for key in _ASKS},
    "session.hours": ("session.file",),
    "session.file": ("session.hours", "session.days"),
}
_SESSION = re.compile(r"(?P<hours>\d\d?:\d\d\s*-\s*\d\d?:\d\d)\s+(?P<zone>\S+)(?:\s+(?P<days>.+))?")
# Options that go by another name than the last part of their key.
_NAMES = {
    "memory.limit": "--memory-limit",
    "modes": "--mode",
    "symbols": "--symbol",
    "events.file": "--events",
    "events.column": "--event-column",
}
# Options that set all keys of a table.
_OF_TABLES = {"columns": "--column", "session": "--session", "volatility": "--volatility"}


@dataclass(frozen=True)
class Settings:
    """The configuration in force, and for every dotted key that was set, by whom."""

    config: LabelingConfig
    origins: Mapping[str, str]

    def origin(self, key: str) -> str:
        """Who set a key: an option, a file, or the defaults."""
        return self.origins.get(key, _DEFAULT)


def load(
    options: Mapping[str, Any],
    config_file: Path | None = None,
    assignments: Sequence[Mapping[str, Any]] = (),
    output: Mapping[str, Any] | None = None,
) -> Settings:
    """Put together the options given, the `--config` file, and `duck_label.toml` in this folder.

    `options` maps dotted keys (`run.chunk`) to values, `assignments` are those of `--set`, and what
    nobody says is as the `output` has it.

    Raises:
        ConfigError: naming the key, the mistake, and the file or option that made it.
    """
    layers = [(path, _read(path)) for path in (LOCAL_FILE, config_file) if path is not None]
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    _lay(merged, origins, [(key, value, "the output") for key, value in (output or {}).items()])
    for path, values in layers:
        _lay(merged, origins, [(*item, str(path)) for item in _dotted(values)])
    _lay(merged, origins, [(*item, "--set") for a in assignments for item in _dotted(a)])
    _lay(merged, origins, [(key, value, _option(key)) for key, value in options.items()])
    values = nested(merged)
    try:
        return Settings(LabelingConfig.model_validate(values), origins)
    except ValidationError as error:
        raise ConfigError(_with_origins(explain(error, LabelingConfig, values), origins)) from None


def settings_of(config: LabelingConfig) -> Settings:
    """A configuration that was made in Python: it set what is not as by default."""
    values = config.model_dump(exclude_defaults=True)
    return Settings(config, {key: "the configuration" for key, _ in _dotted(values)})


def parse_assignment(text: str) -> dict[str, Any]:
    """A `KEY=VALUE` of the command line as TOML; a value that is not TOML is text.

    Raises:
        ConfigError: if it is not an assignment.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}: write KEY=VALUE, such as --set weights.floor=0.4")
    try:
        return tomllib.loads(f"{key} = {value}")
    except tomllib.TOMLDecodeError:
        pass
    try:
        return tomllib.loads(f"{key} = {json.dumps(value.strip())}")
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"--set {text}: is not TOML: {error}") from error


def parse_mode(text: str) -> dict[str, Any]:
    """A mode of the command line, `NAME:DIRECTION:STOP:TARGET[:trailing]`.

    Raises:
        ConfigError: if there are not so many parts.
    """
    head, colon, last = text.rpartition(":")
    trails = bool(colon) and last.strip() == "trailing"
    parts = _PARTS.fullmatch(head if trails else text)
    if parts is None:
        raise ConfigError(
            f"--mode {text}: write NAME:DIRECTION:STOP:TARGET, such as a:long:6:12, "
            "b:short:0.05%:0.1% or c:side:2*atr20:none"
        )
    mode: dict[str, Any] = {key: value.strip() for key, value in parts.groupdict().items()}
    return {**mode, "trailing": True} if trails else mode


def parse_volatility(text: str) -> dict[str, dict[str, Any]]:
    """A volatility of the command line, `NAME=KIND:BARS`, as its table.

    Raises:
        ConfigError: if it is not written so.
    """
    name, equals, rule = text.partition("=")
    kind, colon, bars = rule.partition(":")
    if not (equals and colon and name.strip() and bars.strip().isdecimal()):
        raise ConfigError(f"--volatility {text}: write NAME=KIND:BARS, such as atr20=atr:20")
    return {name.strip(): {"kind": kind.strip(), "bars": int(bars)}}


def parse_session(text: str) -> dict[str, str]:
    """The sessions of the command line as their table: hours, a zone and maybe days, or a file.

    Raises:
        ConfigError: for hours without a zone.
    """
    match = _SESSION.fullmatch(text.strip())
    if match is not None:
        return {key: value for key, value in match.groupdict().items() if value is not None}
    if re.match(r"\d\d?:", text.strip()):
        raise ConfigError(
            f"--session {text}: write hours and where their clock hangs, such as "
            "'08:30-15:00 America/Chicago mon-fri', or a file"
        )
    return {"file": text}


def to_toml(settings: Settings) -> str:
    """The configuration in force as a TOML file, each line with the origin of its value."""
    from duck_label.toml_writing import written  # loads tomlkit, which readers do without

    values = settings.config.model_dump(mode="python")
    origins = {key: settings.origin(key) for key in _keys(values)}
    origin = origins.pop("modes")
    origins |= {f"modes.{key}": origin for mode in values["modes"] for key in mode}
    return written(values, origins)


def _keys(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _keys(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def _read(path: Path) -> dict[str, Any]:
    if path == LOCAL_FILE and not path.exists():
        return {}
    return read_toml(path)


def _dotted(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if key in _TABLES and isinstance(value, dict):
            for inner, item in value.items():
                yield f"{key}.{inner}", item
        elif key == "memory_limit_gb":
            yield "memory.limit", f"{value}GB"
        else:
            yield _FLAT.get(key, key), value


def _lay(
    merged: dict[str, Any], origins: dict[str, str], layer: Sequence[tuple[str, Any, str]]
) -> None:
    """Put a layer of keys, values and origins over those below it; the last of a key holds."""
    # Such as the other kind of horizon.
    for key, _, _ in layer:
        for other in _EXCLUSIVE.get(key, ()):
            merged.pop(other, None)
            origins.pop(other, None)
    for key, value, origin in layer:
        origins[key] = origin
        if isinstance(value, dict):  # an instrument: its keys too are layered one by one
            below = merged.get(key)
            merged[key] = {**below, **value} if isinstance(below, dict) else value
            origins |= {f"{key}.{inner}": origin for inner in value}
        else:
            merged[key] = value


def nested(dotted: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys as tables: the values of a configuration file."""
    tables: dict[str, Any] = {}
    for key, value in dotted.items():
        table, dot, inner = key.partition(".")
        if dot:
            tables.setdefault(table, {})[inner] = value
        else:
            tables[key] = value
    return tables


def _option(key: str) -> str:
    """The option that sets a key: its last part, but for those that go by another name."""
    for table, option in _OF_TABLES.items():
        if key.startswith(f"{table}."):
            return option
    return _NAMES.get(key, f"--{key.rpartition('.')[2].replace('_', '-')}")


def _with_origins(message: str, origins: Mapping[str, str]) -> str:
    """Say after each complaint who set the key that it is about."""
    return "\n".join(
        f"{line} ({origin})" if (origin := _origin_of(line.split(": ")[0], origins)) else line
        for line in message.splitlines()
    )


def _origin_of(key: str, origins: Mapping[str, str]) -> str | None:
    while key:
        if key in origins:
            return origins[key]
        key = key.rpartition(".")[0]
    return None
