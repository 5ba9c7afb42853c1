"""Lines that are added to a record: whole, and on disk before who adds them goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def add_lines(path: Path, run: int, records: Iterable[Mapping[str, Any]]) -> None:
    """Add a line for each record, with the time and the ordinal of the run that adds it.

    Raises:
        OSError: if the file cannot be written.
    """
    added = [json.dumps({"time": _now(), "run": run, **record}) for record in records]
    # A run that was killed may have left half a line: end it, so that only it is lost.
    broken = path.exists() and path.stat().st_size > 0 and not _ends_a_line(path)
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * broken + "".join(f"{line}\n" for line in added))
        file.flush()
        os.fsync(file.fileno())


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
