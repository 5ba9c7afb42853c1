"""Where whole part files wait for their name: who writes them is not who records them.

Either in a folder that both see, or, where none is shared, in the store of the output.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from duck_label.storage.names import is_url
from duck_label.storage.stores import store

# Of a folder in a store, below its records.
WAITING = "waiting"


@dataclass(frozen=True)
class Handover:
    """A place for part files, a folder or a URL, known to both sides."""

    place: str

    def unfinished(self, part: str, token: str, own: Path) -> Path:
        """Where somebody of this token writes a part; `own` is a folder of theirs alone."""
        return (own if is_url(self.place) else Path(self.place)) / f"{part}.{token}.tmp"

    def deliver(self, path: Path, part: str) -> None:
        """Leave a part that is whole.

        Raises:
            OutputError: if it cannot be written.
        """
        if is_url(self.place):
            url = f"{self.place}/{part}"
            store(url).put(path, url)
            path.unlink()
        else:
            os.replace(path, Path(self.place) / f"{part}.tmp")

    def remove(self, token: str, part: str | None = None) -> None:
        """Remove what somebody of this token did not finish, and a part of which they did not tell.

        Raises:
            OutputError: if it cannot be removed.
        """
        if is_url(self.place):
            if part is not None:
                store(self.place).remove(f"{self.place}/{part}")
            return
        for path in Path(self.place).glob(f"*.{token}.tmp"):
            path.unlink(missing_ok=True)
        if part is not None:
            (Path(self.place) / f"{part}.tmp").unlink(missing_ok=True)
