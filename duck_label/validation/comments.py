"""A configuration file of comments alone, as `duck-label init` leaves one, and keys put into it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any


def is_text(path: Path) -> bool:
    """Whether a file may be a configuration, and not bars: those are not read whole for it."""
    if not path.is_file():
        return True
    with path.open("rb") as file:
        begin = file.read(4096)
    return b"\0" not in begin and not begin.startswith(b"PAR1")


def is_taken(path: Path) -> bool:
    """Whether a file of this name says something that a suggestion would replace."""
    try:
        return path.exists() and not sets_nothing(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return True


def sets_nothing(text: str) -> bool:
    """Whether a configuration file has comments and empty tables, and no key."""
    try:
        return not _has_keys(tomllib.loads(text.removeprefix("\ufeff")))
    except tomllib.TOMLDecodeError:
        return False


def _has_keys(table: dict[str, Any]) -> bool:
    return any(not isinstance(value, dict) or _has_keys(value) for value in table.values())


def put_into(comments: str, configuration: str) -> str:
    """Put the keys of a configuration into a file that sets nothing, and keep its comments.

    A key follows the comment that shows its default, where there is one; else it stands at the end
    of what comes before the first table, or at the beginning of its table. A table that the file
    lacks comes last.
    """
    lines = comments.removeprefix("\ufeff").splitlines()
    missing: list[str] = []
    for header, block in _tables(configuration):
        place = _place_of(header, lines)
        if place is None:
            missing += ["", *block]
            continue
        for line in block[1:] if header else block:
            if line and not line.startswith("#"):
                lines.insert(_line_for(line, place, lines), line)
    return "\n".join([*lines, *missing, ""])


def _tables(configuration: str) -> list[tuple[str, list[str]]]:
    """The headers of a configuration, the first one empty, and the lines of each.

    Comments before a header go with it.
    """
    tables: list[tuple[str, list[str]]] = [("", [])]
    waiting: list[str] = []
    for line in configuration.splitlines():
        if line.startswith("#") or not line:
            waiting += [line] if line else []
        elif line.startswith("["):
            tables.append((_header(line), [*waiting, line]))
            waiting = []
        else:
            tables[-1][1].extend([*waiting, line])
            waiting = []
    return [table for table in tables if table[1]]


def _header(line: str) -> str:
    return re.sub(r"\]\s*#.*", "]", line).strip()


def _place_of(header: str, lines: list[str]) -> int | None:
    """The line after which the keys of a table stand; -1 for those before the first table."""
    if not header:
        return -1
    found = [number for number, line in enumerate(lines) if _header(line) == header]
    return found[0] if found and not header.startswith("[[") else None


def _line_for(line: str, place: int, lines: list[str]) -> int:
    """Where a key goes: after the comment with its default."""
    key = line.partition("=")[0].strip()
    end = place + 1
    while end < len(lines) and not re.match(r"(# ?)?\[", lines[end]):
        if re.match(rf"#\s*{re.escape(key)}\s*=", lines[end]):
            return end + 1
        end += 1
    if place >= 0:
        return place + 1
    # The comments right before a table are the table's.
    while 0 < end < len(lines) and lines[end - 1].startswith("#"):
        end -= 1
    while end > 0 and not lines[end - 1]:
        end -= 1
    return end
