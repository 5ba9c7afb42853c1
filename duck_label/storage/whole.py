"""A file of this machine that appears under its name only when it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from duck_label.errors import OutputError


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write inside a `with` block; it takes its name, or another's place, at the end.

    Where the block fails, what had the name before keeps it.

    Raises:
        OutputError: if it cannot be written.
    """
    try:
        # Made as any other file is, so that who may read it is the umask's to say.
        unfinished = path.with_name(f".{path.name}.{uuid4().hex}")
        with unfinished.open("xb") as file:
            try:
                yield file
                file.close()
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
