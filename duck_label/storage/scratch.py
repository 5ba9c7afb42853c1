"""A temporary folder: what does not fit in memory lies there, and is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from duck_label.errors import OutputError
from duck_label.storage.places import settled


@contextmanager
def scratch(parent: str | None) -> Iterator[Path]:
    """A new folder in another (made if need be), or where the system has its temporary files.

    Raises:
        OutputError: if it cannot be made.
    """
    try:
        if parent is not None:
            parent = settled(parent)
            Path(parent).mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(
            prefix="duck_label_", dir=parent, ignore_cleanup_errors=True
        )
    except OSError as error:
        where = parent or "the system's folder for temporary files"
        raise OutputError(
            f"{where}: cannot hold spilled data: {error.strerror}: pass another --temp-dir"
        ) from error
    with folder as name:
        yield Path(name)
