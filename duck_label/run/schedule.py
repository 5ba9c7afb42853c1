"""The loop over chunks: in what order, cut to what fits, and what is tried when one does not.

A crew labels them. A chunk that memory fails is tried again in halves, down to the smallest; one
that is lost with its worker, as it is, a few times.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from duck_label.bars.asked import share_asked
from duck_label.bars.density import counted
from duck_label.bars.hours import left_out_days
from duck_label.bars.plan import MOST_ROWS, Chunk, plan, split, whole_days
from duck_label.bars.source import Source
from duck_label.errors import MemoryBudgetError, SpillError, WorkerLostError
from duck_label.memory.budget import MB, MemoryBudget, format_bytes
from duck_label.memory.manager import MemoryManager
from duck_label.memory.prediction import PeakPredictor, bytes_per_row
from duck_label.ranges import without
from duck_label.records.chunk import ChunkRecord
from duck_label.run.crews.alone import Crew, Failed, Task
from duck_label.run.opened import Opened

# Below this, a chunk is mostly margin: half of it would need as much.
SMALLEST_ROWS = 1_000
# Peaks scatter: who aims at a line is beyond it half the time.
_AIM = 0.95
# A run begins with pieces of an automatic chunk, so many times smaller, to see what a bar needs,
# unless so many times what is predicted fits in the budget.
_CALIBRATION = 8
_AMPLE = 3
# Bars are cut for several chunks at a time only where each has so many. Measured: two of that size
# take a twelfth less time than one of twice the size. Smaller ones were not measured.
LEAST_IN_FLIGHT = 150_000
# More bars in flight are no faster, unless they need no more than this: where one bar in a hundred
# or in ten is asked, twice as many take a twelfth less time, as more of it is planning.
_LITTLE = 1000 * MB
# By so much more than fits a chunk, or all in flight, may be.
_A_LITTLE = 1.2
# Cuts at round times make some chunks larger than others, by this at most.
_UNEVEN = 9 / 8
# A chunk that as many workers died over, or took too long over, is not tried again.
MOST_LOSSES = 3


@dataclass
class _Flight:
    """A chunk that a crew has: the most bars in flight meanwhile, and how many chunks might be."""

    bars: int
    most: int
    alone: bool


class Schedule:
    """The chunks of a run: planned, put in order, worked through, and learned from.

    The bars are read from `source`. `done` are the chunks that were finished here before: they tell
    what is left, and, with what the last run learned, what a bar needs. `budget` is that of each of
    those who label, and `most` how many chunks at most share it at a time.
    """

    def __init__(
        self,
        opened: Opened,
        source: Source,
        done: Sequence[ChunkRecord],
        budget: MemoryBudget,
        most: int,
        manager: MemoryManager,
    ) -> None:
        config, factor = opened.config, opened.ledger.memory_factor()
        self._run = config.run
        self._session = config.session
        self._manager = manager
        self._left = without(opened.wanted, ((record.start, record.end) for record in done))
        self._density = counted(opened.database, source, config, self._left)
        days = whole_days(source.row_groups)
        asked = share_asked(opened.database, config, *days, source.rows)
        per_row = bytes_per_row(config, opened.source.row_width, asked)
        self._best_rows = min(2 * MOST_ROWS, max(MOST_ROWS, int(_LITTLE / per_row)))
        self.predictor = PeakPredictor(
            per_row,
            ((record.bars_in_flight or record.bars, record.peak_rss_bytes) for record in done),
            factor,
            budget.baseline,
        )
        # Sized by us, a chunk keeps well inside the budget; sized by the user, just inside.
        is_automatic = config.run.chunk == "auto"
        self._comfortable = int(_AIM * budget.comfortable)
        self._most_bytes = self._comfortable if is_automatic else budget.limit
        self._most = most
        # Bars to label, rounded once for each range: of many chunks the roundings add up.
        self.rows_left = sum(self._density.between(*one) for one in self._left)
        # The most that one process labeled at a time so far.
        self.most_in_flight = 1
        self._flights: dict[Chunk, _Flight] = {}
        # What did not fit beside others.
        self._alone: set[Chunk] = set()
        self._pieces_ahead = 1
        self._is_calibrated = bool(done) or factor != 1.0 or self._has_ample_memory()

    @property
    def rows_per_chunk(self) -> int:
        """The bars of an automatic chunk, from what was learned so far.

        As many as are best in flight at a time are divided among the chunks in flight; and there
        are as many chunks as keep all of them busy to the end.
        """
        at_a_time = self._at_a_time
        fitting = self.predictor.rows_within(self._comfortable) // at_a_time
        rows = min(fitting, max(self._best_rows // at_a_time, LEAST_IN_FLIGHT))
        if at_a_time > 1:
            rounds = -(-self.rows_left // (rows * at_a_time))
            rows = min(fitting, int(_UNEVEN * self.rows_left / (rounds * at_a_time)) + 1)
        return max(SMALLEST_ROWS, rows)

    @property
    def _at_a_time(self) -> int:
        """How many chunks of an automatic size are in flight, from what was learned so far."""
        fitting = self.predictor.rows_within(self._comfortable)
        return max(1, min(self._most, min(fitting, self.rows_left) // LEAST_IN_FLIGHT))

    def _has_ample_memory(self) -> bool:
        """Whether what would be in flight fits, however much the prediction is off."""
        rows = min(self.rows_left, self._at_a_time * self.rows_per_chunk)
        return _AMPLE * rows <= self.predictor.rows_within(self._comfortable)

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
        """Begin with pieces of an automatic chunk, where it is not known what a bar needs.

        With as many as chunks will be in flight, and half of them all at most.
        """
        if self._is_calibrated or self._run.chunk != "auto" or len(chunks) < 2:
            return chunks
        first, *later = chunks
        pieces = split(self._density, first, first.rows // _CALIBRATION + 1)
        self._pieces_ahead = max(1, min(self._at_a_time, len(pieces) // 2))
        ahead, rest = pieces[: self._pieces_ahead], pieces[self._pieces_ahead :]
        if not rest:
            return chunks
        remainder = Chunk(rest[0].start, first.end, sum(chunk.rows for chunk in rest))
        return [*ahead, *later, remainder]

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
            for task in self._ready(queue, crew):
                crew.submit(task)
            result = crew.next()
            flight = self._flights.pop(result.chunk)
            if isinstance(result, Failed) and isinstance(result.error, WorkerLostError):
                lost[result.chunk] += 1
                if lost[result.chunk] == MOST_LOSSES:
                    raise _given_up(result.error)
                queue.appendleft(result.chunk)
                continue
            if isinstance(result, Failed) and not flight.alone:
                self._retry_alone(result, flight)
                queue.appendleft(result.chunk)
                continue
            if isinstance(result, Failed):
                queue.extendleft(reversed(self._halves(result.chunk, result.error)))
                note(f"warning: {result.error}; going on with smaller chunks")
                continue
            record = result.record
            more = lost[result.chunk] + (result.chunk in self._alone)
            bars = flight.bars - result.chunk.rows + record.bars
            record = replace(record, attempts=record.attempts + more, bars_in_flight=bars)
            self.predictor.learn(bars, record.peak_rss_bytes)
            self._is_calibrated = True
            yield result.chunk, record, len(queue) + crew.busy

    def _ready(self, queue: deque[Chunk], crew: Crew) -> list[Task]:
        """The chunks to begin now: as many as the crew has room for, and as fit in the budget."""
        ready: list[Chunk] = []
        # What a bar needs is seen on the pieces that are ahead before others are begun.
        room = crew.room if self._is_calibrated else min(crew.room, self._pieces_ahead)
        while queue and crew.busy + len(ready) < room:
            chunk = queue.popleft()
            if len(pieces := self._pieces(chunk)) > 1:
                queue.extendleft(reversed(pieces))
            elif crew.shares_memory and not self._fit([*self._flights, *ready, chunk]):
                queue.appendleft(chunk)
                break
            else:
                ready.append(chunk)
        if not crew.shares_memory:
            self._flights |= {chunk: _Flight(chunk.rows, 1, alone=True) for chunk in ready}
            return [Task(chunk, self.predictor.peak(chunk.rows)) for chunk in ready]
        flying = [*self._flights, *ready]
        bars, at_a_time = sum(chunk.rows for chunk in flying), len(flying)
        self.most_in_flight = max(self.most_in_flight, at_a_time)
        for flight in self._flights.values():
            flight.bars = max(flight.bars, bars)
        self._flights |= {chunk: _Flight(bars, self._most, at_a_time == 1) for chunk in ready}
        return [Task(chunk, self.predictor.peak(bars), at_a_time) for chunk in ready]

    def _pieces(self, chunk: Chunk) -> list[Chunk]:
        """The chunk in pieces that fit; itself if it does."""
        fitting = self.predictor.rows_within(self._most_bytes)
        if self._run.chunk == "auto":
            fitting //= self._at_a_time
        fitting = max(fitting, SMALLEST_ROWS)
        # A chunk that is only a little too large is more work in two than in one.
        too_large = chunk.rows > _A_LITTLE * fitting
        return split(self._density, chunk, fitting) if too_large else [chunk]

    def _fit(self, chunks: Sequence[Chunk]) -> bool:
        """Whether chunks may be in flight at the same time; one alone may."""
        if len(chunks) == 1:
            return True
        return (
            len(chunks) <= self._most
            and self._alone.isdisjoint(chunks)
            and sum(chunk.rows for chunk in chunks)
            <= _A_LITTLE * self.predictor.rows_within(self._comfortable)
        )

    def _retry_alone(self, failed: Failed, flight: _Flight) -> None:
        """Memory failed a chunk beside others: it is tried alone, and fewer are in flight."""
        self._alone.add(failed.chunk)
        self._most = min(self._most, max(1, flight.most // 2))
        rss = self._manager.read_rss()
        self._manager.report("retry", f"{failed.chunk.name} alone: {failed.error}", rss, rss)

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
