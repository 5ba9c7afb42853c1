"""TOML as people have it in files, read. How it is written is the business of `toml_writing`."""

from __future__ import annotations

import re
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
        text = path.read_text(encoding="utf-8-sig")
        return tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: is no text in UTF-8 (PowerShell's > writes UTF-16): save it as UTF-8"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}{_line_of(error, text)}") from error


def _line_of(error: tomllib.TOMLDecodeError, text: str) -> str:
    """The line that an error of a file is about, and what is most often wrong there."""
    place = re.search(r"at line (\d+)", str(error))
    lines = text.splitlines()
    if place is None or not 0 < int(place[1]) <= len(lines):
        return ""
    line = lines[int(place[1]) - 1].strip()
    lacks_quotes = re.fullmatch(r"""[\w."-]+\s*=\s*[^\s"'\[{].*""", line) is not None
    return f': "{line}"' + ' (text stands in quotes, such as "0.1%")' * lacks_quotes
