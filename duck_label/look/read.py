"""The labels of an output folder for whoever trains on them: in batches, or as a whole table.

The rows are those of the view `labels_long` that have a label. Every taking-out opens the folder
anew and streams from it, so that labels can be gone through again and again, also by several
processes, and batches need no more memory for many years than for one.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from duck_label import outcomes
from duck_label.columns import identifier, is_named
from duck_label.config import BAR_COLUMNS, LabelingConfig
from duck_label.database_errors import reason_of
from duck_label.errors import ConfigError, DuckLabelError, InputError, MemoryBudgetError, QueryError
from duck_label.fields import unknown
from duck_label.look.inspect import Output
from duck_label.look.lookup import EPOCH, MICROSECOND
from duck_label.look.resources import MEMORY_LIMIT, Resources
from duck_label.queries import render
from duck_label.records.views import left_aside
from duck_label.run.opened import Moment, clock_of

_ROWS = 100_000
# Times that compare with a moment as they are, so that row groups can be passed over.
_PLAIN = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
# The first and the last moment that times in nanoseconds tell, and those that Python tells.
_NANOSECONDS = (-(2**63 // 1000), 2**63 // 1000)
_MICROSECONDS = tuple(
    (moment.replace(tzinfo=UTC) - EPOCH) // MICROSECOND for moment in (datetime.min, datetime.max)
)
# What an output has only where it was labeled with details, or with uniqueness.
_DETAILS = (
    *("outcome", "mae_ticks", "mfe_ticks", "seconds", "touch_time"),
    *("exit_price", "return_ticks"),
)
_WORTH = ("uniqueness", "attribution")


@dataclass(frozen=True)
class Count:
    """Of the bars of a mode that were asked for: those with a label, and those without."""

    labels: int
    left_out: int


@dataclass(frozen=True)
class Labels:
    """Labels to train on: one row for every bar and mode that has a label.

    The modes follow each other as in the configuration; the rows of each lie as in the part files,
    which are in order of time, and each sorted by symbol and time. Nothing is read before it is
    taken out, and every taking-out reads anew.
    """

    output: str
    modes: tuple[str, ...]
    columns: tuple[str, ...]
    _asked: str = field(repr=False)
    _means: Resources = field(repr=False)

    def batches(self, rows: int = _ROWS) -> pa.RecordBatchReader:
        """Arrow batches of at most so many rows, out of core: the whole is never in memory.

        Iterate over them, or pass them on to whatever takes an Arrow stream.

        Raises:
            QueryError: for batches of no rows.
            InputError: if a part file cannot be read, or another one has taken its place, also
                while batches are taken and after the last.
            MemoryBudgetError: if the memory limit is too small.
        """
        if rows < 1:
            raise QueryError(f"rows={rows}: a batch has at least one row")
        opened = Output(self.output, self._means)
        parts = _parts(opened)
        try:
            reader = self._query(opened, "read/rows").to_arrow_reader(rows)
        except QueryError as error:  # the query is ours: what fails are the files
            opened.close()
            raise self._told(str(error)) from error
        return pa.RecordBatchReader.from_batches(reader.schema, self._stream(opened, reader, parts))

    def _stream(
        self, opened: Output, reader: pa.RecordBatchReader, parts: Mapping[str, str | None]
    ) -> Iterator[pa.RecordBatch]:
        with opened:
            try:
                yield from reader
            except (OSError, pa.ArrowException) as error:
                self._refuse_others(opened, parts)
                raise self._told(str(error)) from error
            self._refuse_others(opened, parts)

    def _refuse_others(self, opened: Output, parts: Mapping[str, str | None]) -> None:
        """Make sure that all is of one time: DuckDB opens a part only as it gets to it."""
        now = _parts(opened)
        others = [file for file, digest in parts.items() if now.get(file) != digest]
        if others:
            raise InputError(
                f"{self.output}: a run or weigh has written {others[0]} anew while labels were "
                "read: read them once more"
            )

    def _told(self, message: str) -> DuckLabelError:
        """What DuckDB complained of in the midst of a stream, which Arrow hands on as text."""
        reason = reason_of(duckdb.Error(message))
        if message.startswith("Out of Memory"):
            return MemoryBudgetError(
                f"{self.output}: reading the labels does not fit in {self._means.memory_limit}: "
                f"{reason}. Pass a larger memory_limit, fewer columns or fewer threads"
            )
        return InputError(
            f"{self.output}: reading the labels: {reason}; `duck-label check {self.output}` tells "
            "which part files are not as they were written"
        )

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table.

        Raises:
            InputError, MemoryBudgetError: as `batches`.
        """
        return self.batches().read_all()

    def to_pandas(self) -> Any:
        """All rows as a pandas DataFrame; mode, direction and outcome are categories.

        Raises:
            InputError, MemoryBudgetError: as `batches`.
        """
        # The table is let go column by column, so that rows are not held twice.
        return self.to_arrow().to_pandas(split_blocks=True, self_destruct=True)

    def to_polars(self) -> Any:
        """All rows as a Polars DataFrame; mode, direction and outcome are categories.

        Raises:
            ConfigError: if there is no Polars.
            InputError, MemoryBudgetError: as `batches`.
        """
        try:
            import polars
        except ImportError:
            raise ConfigError("to_polars needs Polars: pip install 'duck-label[polars]'") from None
        return polars.from_arrow(self.to_arrow())

    def counts(self) -> dict[str, Count]:
        """By mode, how many labels there are, and how many of the bars are left out without one.

        Raises:
            InputError, MemoryBudgetError: as `batches`.
        """
        with Output(self.output, self._means) as opened:
            found = self._query(opened, "read/counts").fetchall()
        counts = {mode: Count(labels, left_out) for mode, labels, left_out in found}
        return {mode: counts.get(mode, Count(0, 0)) for mode in self.modes}

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Let pandas, Polars, DuckDB and whatever else reads streams of Arrow read these."""
        return self.batches().__arrow_c_stream__(requested_schema)

    def _query(self, opened: Output, name: str) -> Any:
        return opened.sql(f"{self._asked}\n{render(name, {'columns': self.columns})}")


def read(
    output: str | Path,
    *,
    columns: Sequence[str] | None = None,
    modes: str | Sequence[str] | None = None,
    start: Moment = None,
    end: Moment = None,
    symbols: str | Sequence[str | int] | None = None,
    unresolved: Literal["null"] | None = None,
    memory_limit: str = MEMORY_LIMIT,
    threads: int | None = None,
    temp_dir: str | None = None,
) -> Labels:
    """The labels of an output folder to train on: a row for every bar and mode that has a label.

    A bar that has no label in a mode, since nobody asks for it or nobody knows what became of it,
    is left out for that mode; `Labels.counts` tells how many. Where labels were made with
    `unresolved = "zero"`, the default, trades that a roll or the end of the bars cut short have a
    label, 0; `unresolved="null"` leaves these out too, by their outcomes.

    Columns are called as in the view `labels_long`: `symbol`, `timestamp`, `mode`, `label`,
    `weight`, `uniqueness`, `touch_time` …, and the further columns of the bars by their own names.
    Without `columns` it is all that the output has. `start` and `end` (the first moment that is
    not read; UTC) go by the timestamp of the bar; `symbols` are names or patterns such as `NQ*`.

    Reading has this much memory and so many threads, and spills to `temp_dir`, as `open` does.

    Raises:
        InputError: for a folder without labels, or a symbol that is not in it.
        QueryError: for a column or a mode that it does not have, or a range that holds no time.
        ConfigError: for what is no moment, or no memory limit.
        OutputError: if there is nowhere to spill to.
        MemoryBudgetError: if the memory limit is too small.
    """
    resources = Resources(memory_limit, threads, temp_dir)
    with Output(output, resources) as opened:
        config, theirs = opened.config, opened.columns()
        chosen = _modes(config, _listed(modes))
        taken = _columns(opened, config, theirs, chosen, _listed(columns))
        if unresolved == "null" and config.unresolved == "zero" and not config.details:
            raise QueryError(
                f"{opened.folder}: does not tell unresolved trades: label with --details, or with "
                "--unresolved null"
            )
        kind = theirs[config.column("timestamp")]
        is_plain = kind in _PLAIN and not config.reads_times
        context = {
            "modes": [mode.name for mode in config.modes],
            "asked_modes": chosen,
            "outcomes": outcomes.NAMES,
            "unresolved": outcomes.UNRESOLVED if unresolved == "null" and config.details else (),
            # Written times are read, and dates have no hours.
            "time": "timestamp" if is_plain else "utc",
            "time_type": kind if is_plain else "timestamp",
            "symbols": _symbols(opened, theirs, _listed(symbols)),
            **_range(start, end, kind),
        }
    return Labels(
        opened.folder, tuple(chosen), tuple(taken), render("read/asked", context), resources
    )


def _parts(opened: Output) -> dict[str, str | None]:
    """The digest of each part file, as they are recorded by now."""
    return {str(record.file): record.digest for record in opened.chunks() if record.file}


def _listed(names: str | Sequence[str | int] | None) -> list[str] | None:
    """A text is one name, not the letters of it; symbols may be whole numbers."""
    return [names] if isinstance(names, str) else None if names is None else list(map(str, names))


def _modes(config: LabelingConfig, asked: list[str] | None) -> list[str]:
    """The modes that are asked for, in the order of the configuration."""
    known = [mode.name for mode in config.modes]
    for name in asked or ():
        if name not in known:
            raise QueryError(f"there is no mode {name!r}: {_hint(name, known)}")
    if asked == []:
        raise QueryError(f"modes is empty: leave it out for all of {', '.join(known)}")
    return [name for name in known if asked is None or name in asked]


def _columns(
    opened: Output,
    config: LabelingConfig,
    theirs: Mapping[str, str],
    modes: Sequence[str],
    asked: list[str] | None,
) -> list[str]:
    """The columns that are asked for, or all that the output has but for `utc`."""
    known = [name for name, *_ in opened.sql("describe labels_long").fetchall()]
    lacks = _lacking(config, theirs, modes)
    held = [name for name in known if name not in lacks]
    if asked is None:
        aside = left_aside(config, theirs)
        if aside:
            warnings.warn(
                f"{opened.folder}: columns of the bars that are called as those of labels stay "
                f"out: {', '.join(map(repr, aside))}; duck_label.open reads them",
                stacklevel=3,
            )
        return [name for name in held if name != "utc"]
    if not asked:
        raise QueryError("columns is empty: leave it out for all")
    own = {config.column(ours): ours for ours in BAR_COLUMNS}
    own |= {f"{name}_{mode}": name for name in held for mode in modes}
    for name in asked:
        if asked.count(name) > 1:
            raise QueryError(f"columns: {name!r} is there twice")
        if name in lacks:
            raise QueryError(f"{opened.folder}: has no column {name!r}: {lacks[name]}")
        if name not in known:
            hint = f"it is called {own[name]!r} here" if name in own else _hint(name, held)
            raise QueryError(f"{opened.folder}: has no column {name!r}: {hint}")
    return asked


def _lacking(
    config: LabelingConfig, theirs: Mapping[str, str], modes: Sequence[str]
) -> dict[str, str]:
    """The columns of `labels_long` that would be null for all modes, each with what it needs."""
    chosen = [mode for mode in config.modes if mode.name in modes]
    lacks = {
        name: "the bars have none"
        for name in ("volume", "symbol")
        if config.column(name) not in theirs
    }
    if not config.uniqueness:
        lacks |= dict.fromkeys(_WORTH, "label with --uniqueness")
    if not config.details:
        lacks |= dict.fromkeys(_DETAILS, "label with --details")
        for name, barriers in (
            ("stop_ticks", [mode.stop for mode in chosen]),
            ("target_ticks", [mode.target for mode in chosen]),
        ):
            if all(barrier.ticks is None for barrier in barriers):
                lacks[name] = "label with --details"
    if config.column("side") not in theirs and all(mode.direction == "side" for mode in chosen):
        lacks["direction"] = "a file of events tells the sides"
    return lacks


def _symbols(
    opened: Output, theirs: Mapping[str, str], asked: list[str] | None
) -> list[str] | None:
    """The symbols that names and patterns stand for; None for all."""
    if asked is None:
        return None
    column = opened.config.column("symbol")
    if column not in theirs:
        raise InputError(f"{opened.folder}: has no symbols: leave symbols out")
    rows = opened.sql(render("read/symbols", {"symbol": identifier(column)})).fetchall()
    known = [str(name) for (name,) in rows]
    for pattern in asked:
        if not any(is_named(name, pattern) for name in known):
            raise InputError(
                f"{opened.folder}: no symbol is or matches {pattern!r}: {_hint(pattern, known)}"
            )
    if not asked:
        raise QueryError("symbols is empty: leave it out for all")
    return [name for name in known if any(is_named(name, one) for one in asked)]


def _range(start: Moment, end: Moment, kind: str) -> dict[str, str | None]:
    """Both ends in UTC, as text that a query reads as times of the output's type.

    No bar lies beyond the first and the last time that the type holds.
    """
    clocks = [None if moment is None else clock_of(moment) for moment in (start, end)]
    if clocks[0] is not None and clocks[1] is not None and clocks[0] >= clocks[1]:
        raise QueryError(f"start={start} is not before end={end}, which is not read itself")
    first, last = _NANOSECONDS if kind.endswith("_NS") else _MICROSECONDS
    times = [
        None
        if clock is None
        else f"{EPOCH + min(max(clock, first), last) * MICROSECOND:%Y-%m-%d %H:%M:%S.%f}"
        for clock in clocks
    ]
    return dict(zip(("start", "end"), times, strict=True))


def _hint(name: str, known: Sequence[str]) -> str:
    return unknown(name, list(known)).partition("; ")[2]
