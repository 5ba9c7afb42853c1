"""Labels one chunk: finds its margins, runs the steps of `sql/label/`, writes its part file."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from glob import escape
from pathlib import Path
from typing import Any

import duckdb

from duck_label.bars.plan import Chunk
from duck_label.columns import MILLISECONDS
from duck_label.config import LabelingConfig
from duck_label.connection import Connection
from duck_label.database_errors import explain
from duck_label.errors import DuckLabelError
from duck_label.memory.budget import MemorySnapshot
from duck_label.queries import LABEL_STEPS, label_steps, render
from duck_label.query_names import OUT_OF_PLACE
from duck_label.records.chunk import ChunkRecord, Reach
from duck_label.run.admission import Bars
from duck_label.run.asked import AskedDigests
from duck_label.run.watch import Watch
from duck_label.whole import sealed

# The first two steps are asked for answers; the others follow, one after the other. Which events
# have a bar is known as soon as the bars are numbered.
_COUNT, _FIND_MARGINS, _NUMBER_BARS, *_ = LABEL_STEPS
# What takes rows to lie in the order of the bars, where they may, and tells if they do not.
_BY_PLACE = ("label/10_moves", "label/11_overlaps", "label/13_part")
_OVERLAPS = "label/11_overlaps"
_OUT_OF_RANGE = duckdb.ConversionException, duckdb.OutOfRangeException
_HOUR = 3_600_000_000
# How much wider the next search for a margin is: four reach from an hour over a long weekend.
_WIDER = 8


class _OutOfPlaceError(Exception):
    """Rows that were taken to lie in the order of the bars do not."""


class _TooNarrowError(Exception):
    """A sum does not fit in a BIGINT."""


class ChunkLabeler:
    """Labels chunks of one run with one connection, one at a time.

    `unfinished` says where a part file of some name is written.
    """

    def __init__(
        self,
        connection: Connection,
        bars: Bars,
        config: LabelingConfig,
        unfinished: Callable[[str], Path],
        watch: Watch,
    ) -> None:
        self._connection = connection
        self._bars = bars
        self._unfinished = unfinished
        self._watch = watch
        self._seconds: dict[str, float] = {}
        self._lone_events = 0
        # Bars of one symbol need not be told apart, and those that come in order, as most do, need
        # no sort. On one thread their rows keep that order from step to step.
        (symbols,) = connection.row("select count(*) from spans")
        names = {**bars.context, "has_one_symbol": symbols == 1, "sums_are_narrow": True}
        self._names = names
        self._may_come_in_order = symbols == 1 and names["keeps_order"]
        self._as_they_come = render(_NUMBER_BARS, {**names, "as_they_come": True})
        self._render_steps()
        self._asked = AskedDigests(connection, bars.source, config, bars.context)
        groups = bars.source.row_groups
        self._extent = min(g.first for g in groups), max(g.last for g in groups) + 1
        # A horizon in bars is first looked for as if they were a second apart.
        longest = max(config.longest_seconds or 0, config.longest_bars or 0)
        horizon = math.ceil(longest * 1_000_000)
        # Where trades overlap with those of other chunks, these are read with all of their paths.
        self._before = config.bars_before * 1_000_000 + horizon * config.uniqueness
        self._after = horizon * (1 + config.uniqueness)

    def _render_steps(self) -> None:
        names = self._names
        self._steps = {step: render(step, names) for step in label_steps(names["trades"])}
        self._by_place = {
            step: render(step, {**names, "by_place": True})
            for step in _BY_PLACE
            if step in self._steps
        }

    def label(self, chunk: Chunk, predicted_peak: int, *, alone: bool = True) -> ChunkRecord:
        """Label a chunk and write its part file, whole or not at all.

        `predicted_peak` is the RSS in bytes that it is expected to bring, for the record. `alone`:
        no other chunk is labeled in this process meanwhile. Then what memory fails is tried once
        more with one thread.

        Raises:
            MemoryBudgetError: if a step does not fit in the budget.
            OutputError: if the part cannot be written.
            DuckLabelError: if it is not what was to be written.
        """
        began = time.perf_counter()
        attempts = 1
        with self._watch.monitor.measure_peaks() as peaks:
            if alone:
                work = partial(self._attempt, chunk, alone=True)
                (part, low), attempts = self._watch.attempt(chunk.name, work)
            else:
                part, low = self._attempt(chunk, alone=False)
        return ChunkRecord(
            start=chunk.start,
            end=chunk.end,
            file=None if part is None else part.file,
            rows=0 if part is None else part.rows,
            bars=0 if part is None else part.bars,
            lone_events=self._lone_events,
            size_bytes=0 if part is None else part.size_bytes,
            predicted_rows=chunk.rows,
            predicted_peak_bytes=predicted_peak,
            peak_rss_bytes=peaks.rss_bytes,
            floor_rss_bytes=low.rss_bytes,
            spill_bytes=peaks.spill_bytes,
            seconds=round(time.perf_counter() - began, 3),
            steps={step: round(seconds, 3) for step, seconds in self._seconds.items()},
            attempts=attempts,
            digest=None if part is None else part.digest,
            reach=Reach(chunk.start, chunk.end - 1) if part is None else part.reach,
        )

    def _attempt(self, chunk: Chunk, *, alone: bool) -> tuple[_Part | None, MemorySnapshot]:
        self._seconds.clear()
        try:
            part = self._labeled_part(chunk)
        except duckdb.Error as error:
            raise explain(error, chunk.name, self._connection) from error
        finally:
            low = self._watch.give_back(self._connection, chunk.name, settles=alone)
        return part, low

    def _labeled_part(self, chunk: Chunk) -> _Part | None:
        source = self._bars.source
        values: dict[str, Any] = {
            "chunk_from": source.moment(chunk.start),
            "chunk_until": source.moment(chunk.end),
        }
        bars = rows = self._count(chunk, values)
        if bars == 0:
            values |= self._bars.between(chunk.start, chunk.end)
            self._lone_events = self._count_lone_events(values, has_bars=False)
            return None
        reach = self._find_margins(chunk, values)
        (reach,) = self._asked.with_digests([(chunk.start, chunk.end, reach)])
        values |= self._bars.between(reach.first, reach.last + 1)
        values |= {"read_from": source.moment(reach.first), "read_to": source.moment(reach.last)}
        part = self._unfinished(f"{chunk.name}.parquet")
        values["part"] = str(part)
        try:
            self._run_steps(chunk, values)
        except _OutOfPlaceError:
            self._may_come_in_order = False
            self._run_steps(chunk, values)
        if self._bars.context["leaves_out"]:
            (rows,) = self._connection.row("select coalesce(sum(asked), 0)::bigint from tally")
        return replace(self._check(part, chunk, rows, reach), bars=bars)

    def _count(self, chunk: Chunk, values: Mapping[str, Any]) -> int:
        """The bars of the chunk."""
        self._run(_COUNT, chunk, {**values, **self._bars.between(chunk.start, chunk.end)})
        (bars,) = self._connection.row("select coalesce(sum(bars), 0) from symbols")
        return int(bars)

    def _find_margins(self, chunk: Chunk, values: Mapping[str, Any]) -> Reach:
        """What to read so that labels do not depend on the cut."""
        source, first, end = self._bars.source, *self._extent
        width = _HOUR
        while True:
            search_from = max(min(first, chunk.start), chunk.start - self._before - width)
            search_until = min(max(end, chunk.end), chunk.end + self._after + width)
            searched = {
                **values,
                **self._bars.between(search_from, search_until),
                "search_from": source.moment(search_from),
                "search_until": source.moment(search_until),
            }
            self._run(_FIND_MARGINS, chunk, searched)
            clock = self._bars.context["clock"]
            incomplete, read_from, read_to, *opens = self._connection.row(
                f"select count_if(not is_complete), min({clock('read_from')}), "
                f"max({clock('read_to')}), "
                "list(symbol::varchar order by series) filter (is_open_before), "
                "list(symbol::varchar order by series) filter (is_open_after) from series"
            )
            if incomplete == 0:
                scale = source.bars.clocks_per_second // 1_000_000
                open_before, open_after = (tuple(symbols or ()) for symbols in opens)
                # A last nanosecond lies inside a microsecond.
                return Reach(read_from // scale, read_to // scale + 1, open_before, open_after)
            width *= _WIDER

    def _count_lone_events(self, values: Mapping[str, Any], *, has_bars: bool) -> int:
        """The events in the chunk at which no bar stands."""
        if self._bars.context["events"] is None:
            return 0
        query = render("label/lone_events", {**self._bars.context, "has_bars": has_bars})
        (lone,) = self._connection.row(query, values)
        return int(lone)

    def _run_steps(self, chunk: Chunk, values: Mapping[str, Any]) -> None:
        """Run all steps that follow the search for margins.

        Raises:
            _OutOfPlaceError: if rows that were taken to lie in order do not.
        """
        for step in self._steps:
            if step in (_COUNT, _FIND_MARGINS):
                continue
            if step == _NUMBER_BARS:
                self._number_bars(chunk, values)
                self._lone_events = self._count_lone_events(values, has_bars=True)
            elif step == _OVERLAPS:
                self._weigh_overlaps(chunk, values)
            else:
                self._run_by_place(step, chunk, values)

    def _run_by_place(self, step: str, chunk: Chunk, values: Mapping[str, Any]) -> None:
        """Run a step, by place if the rows of this chunk may lie in order."""
        lies_in_order = self._may_come_in_order and not self._names["asks_some"]
        by_place = lies_in_order and self._connection.has_one_thread
        self._run(step, chunk, values, self._by_place.get(step) if by_place else None)

    def _weigh_overlaps(self, chunk: Chunk, values: Mapping[str, Any]) -> None:
        """Sum up in BIGINT, and where that does not hold a sum, from then on in HUGEINT."""
        try:
            self._run_by_place(_OVERLAPS, chunk, values)
        except _TooNarrowError:
            self._names["sums_are_narrow"] = False
            self._render_steps()
            self._run_by_place(_OVERLAPS, chunk, values)

    def _number_bars(self, chunk: Chunk, values: Mapping[str, Any]) -> None:
        """Number the bars as they come, and where these are not in order, sort them first."""
        if self._may_come_in_order:
            self._run(_NUMBER_BARS, chunk, values, self._as_they_come)
            # Numbers and neighbours are of one order: it is that of time if each is followed by a
            # later one. What one file has out of order, the others are likely to have too.
            (early,) = self._connection.row("select count(*) from bars where entry_clock <= clock")
            self._may_come_in_order = early == 0
        if not self._may_come_in_order:
            self._run(_NUMBER_BARS, chunk, values)

    def _run(
        self, step: str, chunk: Chunk, values: Mapping[str, Any], query: str | None = None
    ) -> None:
        """Run a step, or another query in its place."""
        query = query or self._steps[step]
        began = time.perf_counter()
        try:
            with self._watch.step(self._connection, chunk.name, step):
                self._connection.run(query, values, (chunk.name, step))
        except duckdb.Error as error:
            if OUT_OF_PLACE in str(error):
                raise _OutOfPlaceError from error
            is_out_of_range = isinstance(error, _OUT_OF_RANGE)
            if step == _OVERLAPS and self._names["sums_are_narrow"] and is_out_of_range:
                raise _TooNarrowError from error
            raise explain(error, f"{chunk.name}: {step}", self._connection) from error
        finally:
            taken = time.perf_counter() - began
            self._seconds[step] = self._seconds.get(step, 0.0) + taken

    def _check(self, part: Path, chunk: Chunk, expected: int, reach: Reach) -> _Part:
        """Make sure that a part holds every bar of the chunk once, with all columns."""
        written = {"part": escape(str(part))}
        (rows,) = self._connection.row(
            "select coalesce(sum(num_rows), 0) from parquet_file_metadata($part)", written
        )
        described = self._connection.rows("describe from read_parquet($part)", written)
        columns = [(name, kind) for name, kind, *_ in described]
        given = [
            (name, "TIMESTAMP" if kind == MILLISECONDS else kind)
            for name, kind in self._bars.source.columns
        ]
        outputs = self._bars.context["output_columns"]
        if (
            rows != expected
            or columns[: len(given)] != given
            or len(columns) != len(given) + len(outputs)
        ):
            part.unlink(missing_ok=True)
            raise DuckLabelError(
                f"{chunk.name}: the part file came out wrong: {rows:,} rows of {expected:,}, "
                f"{len(columns)} columns of {len(given) + len(outputs)}: nothing of it was kept"
            )
        size, digest = sealed(part)
        return _Part(f"{chunk.name}.parquet", rows, size, reach, digest)


@dataclass(frozen=True)
class _Part:
    file: str
    rows: int
    size_bytes: int
    reach: Reach
    digest: str
    bars: int = 0
