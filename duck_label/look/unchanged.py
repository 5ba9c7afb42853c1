"""Whether what was read of an output is of one time.

DuckDB opens a part file only as it gets to it, and a run or weigh may give it another content
before that: then some rows would be of before and some of after.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from duck_label.errors import DuckLabelError, InputError
from duck_label.records.ledger import Ledger


class Unchanged:
    """Makes sure at its end that no part file was written anew since it was made.

    Parts that are added meanwhile do no harm. Use as a context manager around all of a reading.

    Raises:
        InputError: naming a part that was written anew, in place of what the reading complained of.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._before = self._digests()

    def _digests(self) -> dict[str, str | None]:
        self._ledger.output.fetch()
        return {str(one.file): one.digest for one in self._ledger.chunks() if one.file}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None and not isinstance(error, DuckLabelError):
            return
        now = self._digests()
        others = [file for file, digest in self._before.items() if now.get(file) != digest]
        if others:
            raise InputError(
                f"{self._ledger.output}: a run or weigh has written {min(others)} anew while "
                "labels were read: read them once more"
            ) from error
