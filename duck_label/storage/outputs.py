"""Which kind of folder an output's name stands for."""

from __future__ import annotations

from pathlib import Path

from duck_label.storage.folders import Folder
from duck_label.storage.local import LocalFolder
from duck_label.storage.names import is_url, settled


def folder(name: str | Path, records: str, work: str | Path | None = None) -> Folder:
    """The folder of a name, with its records in one in it of that name.

    The records of one in a store are worked on in a copy below `work`.

    Raises:
        ConfigError: for a URL with a secret in it, or whose library is not installed.
        OutputError: if the store cannot be read, or there is no room to work.
    """
    name = settled(name)
    if not is_url(name):
        return LocalFolder(Path(name), records)
    from duck_label.storage.stored import StoredFolder  # a path needs nothing of it

    return StoredFolder(name, records, work)
