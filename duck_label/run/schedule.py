"""The loop over chunks: in what order, cut to what fits, and what is tried when one does not.

A crew labels them. A chunk that memory fails is tried again in halves, down to the smallest; one
that is lost with its worker, as it is, a few times.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from duck_label.bars.density import counted
from duck_label.bars.hours import left_out_days
from duck_label.bars.plan import MOST_ROWS, Chunk, plan, split
from duck_label.bars.source import Source
from duck_label.errors import MemoryBudgetError, SpillError, WorkerLostError
from duck_label.memory.budget import MemoryBudget, format_bytes
from duck_label.memory.manager import MemoryManager
from duck_label.memory.prediction import PeakPredictor, bytes_per_row
from duck_label.ranges import without
from duck_label.records.ledger import ChunkRecord
from duck_label.run.crews.alone import Crew, Failed, Task
from duck_label.run.opened import Opened

# Below this, a chunk is mostly margin: half of it would need as much.
SMALLEST_ROWS = 1_000
# Peaks scatter: who aims at a line is beyond it half the time.
_AIM = 0.95
# The part of an automatic chunk that a run begins with, to see what a bar needs.
_CALIBRATION = 8
# A chunk that as many workers died over, or took too long over, is not tried again.
MOST_LOSSES = 3


class Schedule:
    """The chunks of a run: planned, put in order, worked through, and learned from.

    The bars are read from `source`. `done` are the chunks that were finished here before: they tell
    what is left, and, with what the last run learned, what a bar needs. `budget` is that of each of
    those who label.
    """

    def __init__(
        self,
        opened: Opened,
        source: Source,
        done: Sequence[ChunkRecord],
        budget: MemoryBudget,
        manager: MemoryManager,
    ) -> None:
        config, factor = opened.config, opened.ledger.memory_factor()
        self._run = config.run
        self._session = config.session
        self._manager = manager
        self._left = without(opened.wanted, ((record.start, record.end) for record in done))
        self._density = counted(opened.database, source, config, self._left)
        self.predictor = PeakPredictor(
            bytes_per_row(config, opened.source.row_width),
            ((record.bars, record.peak_rss_bytes) for record in done),
            factor,
            budget.held,
        )
        # Sized by us, a chunk keeps well inside the budget; sized by the user, just inside.
        is_automatic = config.run.chunk == "auto"
        self._most = int(_AIM * budget.comfortable) if is_automatic else budget.limit
        self._knows = bool(done) or factor != 1.0

    @property
    def rows_per_chunk(self) -> int:
        """The bars of an automatic chunk, from what was learned so far."""
        return min(MOST_ROWS, max(SMALLEST_ROWS, self.predictor.rows_within(self._most)))

    @property
    def doubts(self) -> list[str]:
        """What is odd in how the bars to label lie in time, a line each."""
        return list(left_out_days(self._session, self._density.hours))

    def chunks(self) -> list[Chunk]:
        """The chunks of what is left to label, in the order in which to do them."""
        chunks = plan(self._density, self._run.chunk, self.rows_per_chunk, self._left)
        if self._run.order == "auto":
            return self._calibrating(self._manager.optimize_processing_order(chunks))
        if self._run.order == "chronological":
            return chunks
        largest_first = self._run.order == "largest-first"
        return sorted(chunks, key=lambda chunk: chunk.rows, reverse=largest_first)

    def _calibrating(self, chunks: list[Chunk]) -> list[Chunk]:
        """Begin with a piece of an automatic chunk, where it is not known what a bar needs."""
        if self._knows or self._run.chunk != "auto" or len(chunks) < 2:
            return chunks
        first, *others = chunks
        piece, *rest = split(self._density, first, first.rows // _CALIBRATION + 1)
        if not rest:
            return chunks
        left = Chunk(rest[0].start, first.end, sum(chunk.rows for chunk in rest))
        return [piece, *others, left]

    def work(
        self, chunks: Sequence[Chunk], crew: Crew, note: Callable[[str], object]
    ) -> Iterator[tuple[Chunk, ChunkRecord, int]]:
        """Label the chunks, or the pieces of those that do not fit; says how many are left.

        Raises:
            MemoryBudgetError, SpillError: if not even the smallest piece fits, with one thread.
            WorkerLostError: if the same chunk is lost with its worker each time.
        """
        queue = deque(chunks)
        lost: Counter[Chunk] = Counter()
        while queue or crew.busy:
            # What a bar needs is seen on one chunk before others are begun.
            while queue and crew.busy < (crew.room if self._knows else 1):
                self._submit(queue, crew)
            result = crew.next()
            if isinstance(result, Failed) and isinstance(result.error, WorkerLostError):
                lost[result.chunk] += 1
                if lost[result.chunk] == MOST_LOSSES:
                    raise _given_up(result.error)
                queue.appendleft(result.chunk)
                continue
            if isinstance(result, Failed):
                queue.extendleft(reversed(self._halves(result.chunk, result.error)))
                note(f"warning: {result.error}; going on with smaller chunks")
                continue
            record = result.record
            record = replace(record, attempts=record.attempts + lost[result.chunk])
            self.predictor.learn(record.bars, record.peak_rss_bytes)
            self._knows = True
            yield result.chunk, record, len(queue) + crew.busy

    def _submit(self, queue: deque[Chunk], crew: Crew) -> None:
        """Give the first chunk to the crew, or leave it in pieces that fit."""
        chunk = queue.popleft()
        fitting = max(self.predictor.rows_within(self._most), SMALLEST_ROWS)
        # A chunk that is only a little too large is more work in two than in one.
        pieces = split(self._density, chunk, fitting) if chunk.rows > 1.2 * fitting else [chunk]
        if len(pieces) > 1:
            queue.extendleft(reversed(pieces))
        else:
            crew.submit(Task(chunk, self.predictor.peak(chunk.rows)))

    def _halves(self, chunk: Chunk, error: Exception) -> list[Chunk]:
        if not isinstance(error, MemoryBudgetError | SpillError):
            raise error
        halves = split(self._density, chunk, chunk.rows // 2 + 1)
        if chunk.rows >= 2 * SMALLEST_ROWS and len(halves) > 1:
            return halves
        if isinstance(error, SpillError):
            raise error
        enough = format_bytes(2 * self._manager.limit_bytes)
        raise MemoryBudgetError(f"{error}. No smaller chunk would do; {enough} might") from error


def _given_up(error: WorkerLostError) -> WorkerLostError:
    return WorkerLostError(
        f"{error}. It was tried {MOST_LOSSES} times. What is finished stays; the same command goes "
        "on from there"
    )
