"""The views of an output folder: SQL that opens its labels and records in any DuckDB.

A run writes them to `OUT/_duck_label/views.sql`, with the folder's absolute path or URL; not beside
the parts, where readers of folders would take it for one. A folder that has moved is found by
`set variable labels_folder = '…'`, before or after the views are made.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from glob import escape
from typing import Any

from duck_label.bars.schema import written_time
from duck_label.columns import comment, identifier, literal
from duck_label.config import LabelingConfig
from duck_label.config_keys import BAR_COLUMNS
from duck_label.queries import VIEWS, render
from duck_label.storage.folders import Folder
from duck_label.storage.names import RECORDS

FILE = f"{RECORDS}/views.sql"
# The views that read part files, which a run that has just begun does not have.
LABEL_VIEWS = VIEWS[:2]
RECORD_VIEWS = VIEWS[2:]
# What `labels_long` calls its columns; a column of the input under one of these names stays out.
_LONG = (
    *("utc", "mode", "direction", "stop_ticks", "target_ticks", "label", "weight"),
    *("uniqueness", "attribution"),
    *("outcome", "mae_ticks", "mfe_ticks", "seconds", "touch_time"),
    *("exit_price", "return_ticks"),
)

_INTRODUCTION = """\
-- The views of the output of duck-label, for the DuckDB shell or any tool on top of it:
--
--     duckdb -init {file}
--
-- If this folder is moved: set variable labels_folder = '/where/it/is/now';
"""


def write_views(output: Folder, config: LabelingConfig, columns: Mapping[str, str]) -> None:
    """Write `views.sql` into an output folder; `columns` are the input's, with their types.

    A file that says the same already stays as it is.

    Raises:
        OutputError: if it cannot be written.
    """
    introduction = _INTRODUCTION.format(file=comment(shlex.quote(output.address(FILE))))
    views = (record_views(output), label_views(output, config, columns))
    output.write(FILE, "\n".join((introduction, *views)))


def record_views(output: Folder) -> str:
    """The views `runs`, `chunks`, `snapshots` and `memory_events`."""
    return "\n".join(render(name, {"folder": _folder(output)}) for name in RECORD_VIEWS)


def label_views(output: Folder, config: LabelingConfig, columns: Mapping[str, str]) -> str:
    """The views `labels` and `labels_long`; `columns` are the input's, with their types."""
    names = context(output, config, columns)
    return "\n".join(render(name, names) for name in LABEL_VIEWS)


def context(output: Folder, config: LabelingConfig, columns: Mapping[str, str]) -> dict[str, Any]:
    """What the templates of the views may name."""
    theirs = {ours: config.column(ours) for ours in BAR_COLUMNS}
    side = config.column("side")
    aside = left_aside(config, columns)
    further = [name for name in columns if name not in theirs.values() and name not in aside]
    timestamp, kind = identifier(theirs["timestamp"]), columns[theirs["timestamp"]]
    written = written_time(theirs["timestamp"], kind, config, output.address())
    return {
        "folder": _folder(output),
        "modes": config.modes,
        "details": config.details,
        "uniqueness": config.uniqueness,
        "side": f"{identifier(side)}::double" if side in columns else None,
        "further_columns": [identifier(name) for name in further],
        **{ours: identifier(name) if name in columns else None for ours, name in theirs.items()},
        "timestamp": timestamp if written is None else written.zoned(timestamp),
        "utc": _utc(timestamp, kind) if written is None else _utc(written.read(timestamp)),
    }


def left_aside(config: LabelingConfig, columns: Iterable[str]) -> list[str]:
    """The input's columns that `labels_long` leaves out, as one of its own is called so."""
    theirs = {config.column(ours) for ours in BAR_COLUMNS}
    taken = {name.casefold() for name in (*BAR_COLUMNS, *_LONG)}
    return [name for name in columns if name not in theirs and name.casefold() in taken]


def _utc(time: str, kind: str = "TIMESTAMP") -> str:
    """A time as a TIMESTAMP in UTC, down to the microsecond.

    Casts round nanoseconds up, into the next day and month; and of a time with a zone, the day and
    hour are those of whoever asks.
    """
    if kind in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"):
        time = f"timezone('UTC', {time})"
    return f"make_timestamp(epoch_us({time}))"


def _folder(output: Folder) -> str:
    path = literal(escape(output.address()))
    return f"coalesce(getvariable('labels_folder'), {path})"
