"""The loop over chunks: in what order, cut to what fits, and what is tried when one does not.

A chunk that memory fails is tried again with one thread, then in halves, down to the smallest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from duck_label.config import LabelingConfig
from duck_label.errors import MemoryBudgetError
from duck_label.governor import MemoryManager
from duck_label.labeler import ChunkLabeler
from duck_label.ledger import ChunkRecord
from duck_label.memory import MOST_ROWS, MemoryBudget, format_bytes
from duck_label.plan import Chunk, plan, split
from duck_label.prediction import PeakPredictor
from duck_label.source import RowGroup

# Below this, a chunk is mostly margin: half of it would need as much.
SMALLEST_ROWS = 1_000


class Schedule:
    """The chunks of a run: planned, put in order, worked through, and learned from.

    `done` are the chunks that were finished before, which tell what a bar needs.
    """

    def __init__(
        self,
        config: LabelingConfig,
        budget: MemoryBudget,
        manager: MemoryManager,
        done: Sequence[ChunkRecord],
        groups: Sequence[RowGroup],
    ) -> None:
        self._run = config.run
        self._manager = manager
        self._groups = groups
        self._predictor = PeakPredictor((record.rows, record.peak_rss_bytes) for record in done)
        # Sized by us, a chunk keeps well inside the budget; sized by the user, just inside.
        self._most = budget.comfortable if config.run.chunk == "auto" else budget.limit

    def chunks(self, left: Sequence[tuple[int, int]]) -> list[Chunk]:
        """The chunks of the ranges that are left to label, in the order in which to do them."""
        auto = min(MOST_ROWS, self._predictor.rows_within(self._most))
        chunks = plan(self._groups, self._run.chunk, auto, left)
        if self._run.order == "auto":
            return self._manager.optimize_processing_order(chunks)
        if self._run.order == "chronological":
            return chunks
        largest_first = self._run.order == "largest-first"
        return sorted(chunks, key=lambda chunk: chunk.rows, reverse=largest_first)

    def work(
        self, chunks: Sequence[Chunk], labeler: ChunkLabeler, note: Callable[[str], object]
    ) -> Iterator[tuple[Chunk, ChunkRecord]]:
        """Label the chunks, or the pieces of those that do not fit.

        Raises:
            MemoryBudgetError: if not even the smallest piece fits, with one thread.
        """
        queue = deque(chunks)
        while queue:
            chunk = queue.popleft()
            fitting = max(self._predictor.rows_within(self._most), SMALLEST_ROWS)
            # A chunk that is only a little too large is more work in two than in one.
            if chunk.rows > 1.2 * fitting:
                pieces = split(self._groups, chunk, fitting)
                if len(pieces) > 1:
                    queue.extendleft(reversed(pieces))
                    continue
            try:
                record = labeler.label(chunk, self._predictor.peak(chunk.rows))
            except MemoryBudgetError as error:
                queue.extendleft(reversed(self._halves(chunk, error)))
                note(f"warning: {error}; going on with smaller chunks")
                continue
            self._predictor.learn(record.rows, record.peak_rss_bytes)
            yield chunk, record

    def _halves(self, chunk: Chunk, error: MemoryBudgetError) -> list[Chunk]:
        halves = split(self._groups, chunk, chunk.rows // 2 + 1)
        if chunk.rows < 2 * SMALLEST_ROWS or len(halves) < 2:
            raise MemoryBudgetError(
                f"{error}. No smaller chunk would do: at least "
                f"{format_bytes(2 * self._manager.limit_bytes)} might"
            ) from error
        return halves
