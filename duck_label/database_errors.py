"""What DuckDB says when something fails, as one of our errors."""

from __future__ import annotations

import json
import re

import duckdb

from duck_label.connection import Connection
from duck_label.errors import DuckLabelError, InputError, MemoryBudgetError, OutputError, SpillError
from duck_label.memory.budget import format_bytes

# What DuckDB says when the folder that it spills to is full.
_SPILL_FULL = ("max_temp_directory_size", "failed to offload data block")
# What it says of a file that is cut, or has other bytes than were written.
_DAMAGED = ("Failed to read file", "No magic bytes found")


def explain(error: duckdb.Error, doing: str, database: Connection) -> DuckLabelError:
    """One of our errors for an error of DuckDB's, naming the step in which it happened."""
    reason = reason_of(error)
    if isinstance(error, duckdb.HTTPException) or of_a_store(error):
        return InputError(f"{doing}: {reason}")
    is_write = isinstance(error, duckdb.IOException) and "write" in reason
    # What is gathered lies where others spill.
    if any(sign in reason for sign in _SPILL_FULL) or (
        is_write and str(database.temp_dir) in reason
    ):
        return SpillError(
            f"{doing}: no room to spill to {database.temp_dir}: {reason}. "
            "Pass another --temp-dir, a larger --max-temp-size or a smaller --chunk"
        )
    if isinstance(error, duckdb.OutOfMemoryException | duckdb.InterruptException):
        return MemoryBudgetError(
            f"{doing}: does not fit in {format_bytes(database.budget.limit)}: {reason}. "
            "Pass a larger --memory-limit, a smaller --chunk or fewer --threads"
        )
    if is_write:
        return OutputError(
            f"{doing}: cannot be written: {reason}. What is finished stays; once there is room, "
            "the same command goes on from there"
        )
    if any(sign in reason for sign in _DAMAGED):
        return InputError(f"{doing}: {reason}: the file is damaged")
    return DuckLabelError(f"{doing}: {reason}")


def reason_of(error: duckdb.Error) -> str:
    """The first line of DuckDB's message, or of the message that it wraps.

    It wraps its own as JSON, and one of ours, from where a store is read, as a traceback.
    """
    text = str(error).strip()
    own = of_a_store(error)
    if own is not None:
        return own
    wrapped = re.search(r'"exception_message":("(?:[^"\\]|\\.)*")', text)
    return str(json.loads(wrapped[1])) if wrapped else text.splitlines()[0].rstrip(".")


def of_a_store(error: duckdb.Error) -> str | None:
    """What we said where a store could not be read; None for any other error."""
    own = re.search(r"^(?:[\w.]+\.)?InputError: (.*)$", str(error), re.MULTILINE)
    return None if own is None else own[1]
