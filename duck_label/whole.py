"""A file of this machine that appears under its name only when it is whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from duck_label.errors import OutputError


@contextmanager
def whole(path: Path, *, on_disk: bool = False) -> Iterator[IO[bytes]]:
    """A file to write inside a `with` block; it takes its name, or another's place, at the end.

    Where the block fails, what had the name before keeps it. `on_disk`: not even a machine that
    loses power leaves less of it under that name.

    Raises:
        OutputError: if it cannot be written.
    """
    try:
        # Made as any other file is, so that who may read it is the umask's to say. By its ending
        # the records of a run know what was left by one that was killed.
        unfinished = path.with_name(f".duck_label_{uuid4().hex}.tmp")
        with unfinished.open("xb") as file:
            try:
                yield file
                if on_disk:
                    file.flush()
                    os.fsync(file.fileno())
                file.close()
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def sealed(part: Path) -> tuple[int, str]:
    """The size and the digest of a part file that is whole, once it is on disk.

    Raises:
        OutputError: if it cannot be written.
    """
    try:
        with part.open("rb+") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return file.tell(), digest
    except OSError as error:
        raise OutputError(f"{part}: cannot be written: {error.strerror}") from error
