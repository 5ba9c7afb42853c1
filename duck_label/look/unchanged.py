"""Whether what was read of an output is of one time.

DuckDB opens a part file only as it gets to it, and a run or weigh may give it another content
before that: then some rows would be of before and some of after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from duck_label.errors import DuckLabelError, InputError
from duck_label.records.chunk import ChunkRecord, parts_lost, strangers_read, weights_differ
from duck_label.records.ledger import Ledger


class Unchanged:
    """Makes sure at its end that no part file was written anew since it was made.

    Parts that are added meanwhile do no harm. Use as a context manager around all of a reading.

    Raises:
        InputError: naming a part that was written anew, in place of what the reading complained of.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._there, self._lost, self._strangers = self._found()
        # Told even where the run ends while labels are read: its last ones may not be among them.
        self._unfinished = ledger.cut_short(self._there)

    def _found(self) -> tuple[list[ChunkRecord], list[ChunkRecord], list[str]]:
        self._ledger.output.fetch()
        return self._ledger.found()

    def doubts(self, *, weights: bool) -> Iterator[str]:
        """Lines that tell where the last run did not finish, parts are lost or others lie there.

        And where weights are of two kinds, if they are read.
        """
        if self._unfinished is not None:
            yield f"{self._ledger.output}: {self._unfinished}"
        if (lost := parts_lost(self._lost)) is not None:
            yield f"{self._ledger.output}: {lost}"
        if (strangers := strangers_read(self._strangers)) is not None:
            yield f"{self._ledger.output}: {strangers}"
        if weights and (others := weights_differ(self._there)) is not None:
            yield f"{self._ledger.output}: {others[1]}"

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
        before, now = _digests(self._there), _digests(self._found()[0])
        others = [file for file, digest in before.items() if now.get(file) != digest]
        if others:
            raise InputError(
                f"{self._ledger.output}: a run or weigh has written {min(others)} anew while "
                "labels were read: read them once more"
            ) from error


def _digests(records: Iterable[ChunkRecord]) -> dict[str, str | None]:
    return {str(one.file): one.digest for one in records if one.file}
