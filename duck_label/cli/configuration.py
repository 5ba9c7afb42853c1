"""The options of the configuration on a command, and what becomes of them: what is in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from duck_label.cli.settings_options import KEYS, OPTIONS, Command
from duck_label.errors import ConfigError

if TYPE_CHECKING:
    from duck_label.settings import Settings


def configuration(command: Command) -> Command:
    """Add the options that set the configuration; each beats the configuration files."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def settings_of(values: Mapping[str, Any], output: Mapping[str, Any] | None = None) -> Settings:
    """The configuration in force, given the values of the options of `configuration`.

    What neither these nor files set is as the `output` has it.

    Raises:
        ConfigError: naming the option, or the file and key, that is wrong.
    """
    from duck_label import settings

    options = {key: values[name] for name, key in KEYS.items() if values.get(name) is not None}
    for text in values["columns"]:
        ours, equals, theirs = text.partition("=")
        if not equals:
            raise ConfigError(f"--column {text}: write OURS=THEIRS, such as timestamp=ts_event")
        options[f"columns.{ours}"] = theirs
    if values["symbols"]:
        options["symbols"] = list(values["symbols"])
    if values["modes"]:
        options["modes"] = [settings.parse_mode(text) for text in values["modes"]]
    for text in values["volatilities"]:
        for name, rule in settings.parse_volatility(text).items():
            options[f"volatility.{name}"] = rule
    if values["session"] is not None:
        session = settings.parse_session(values["session"])
        options |= {f"session.{key}": value for key, value in session.items()}
    assignments = [settings.parse_assignment(text) for text in values["assignments"]]
    return settings.load(options, values["config_file"], assignments, output)
