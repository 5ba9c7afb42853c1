"""Reading a TOML file that people wrote."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from duck_label.errors import ConfigError


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a file.

    Raises:
        ConfigError: if it cannot be read, or is no TOML.
    """
    try:
        # Editors of Windows put a byte order mark before UTF-8.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: is no text in UTF-8 (PowerShell's > writes UTF-16): save it as UTF-8"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
