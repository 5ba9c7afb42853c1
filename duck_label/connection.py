"""One connection to DuckDB: its queries, its temporary tables, and what may interrupt it.

What belongs to all connections of a DuckDB is the business of `database`: threads, the memory
limit, the tables that are kept, opening and closing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from duck_label import outcomes
from duck_label.memory.budget import MemoryBudget
from duck_label.profile import SETTINGS, Profile
from duck_label.storage.names import is_url, scheme_of

# What every query of a run counts on. With statistics a chunk without nulls would be written as if
# it could have none, and part files would differ in their schemas. An ASOF join of few rows would
# be run as a loop, and where DuckDB expects one row thousands may come.
_FARTHEST, _TOO_FAR = 2**62, 2**62 + 1
_SETTINGS = """\
set TimeZone = 'UTC';
set disabled_optimizers = 'statistics_propagation';
set asof_loop_join_threshold = 0;
"""
_TYPES = f"""\
create type outcome as enum {outcomes.NAMES};
"""
_MACROS = f"""\
-- A quotient of whole numbers above zero, rounded up: increments to a barrier, unknown beyond 2^62.
create or replace temp macro rounded_up(dividend, divisor) as (
    nullif(least(greatest(1, (dividend + divisor - 1) // divisor), {_TOO_FAR}), {_TOO_FAR})::bigint
);
-- The same of a share of a whole above zero. Where 64 bits hold all of it, they are far quicker.
create or replace temp macro share_rounded_up(whole, numerator, denominator) as (
    case
        when whole is null then null
        when whole <= ({_FARTHEST} - denominator) // numerator
            then greatest(
                1,
                (
                    whole::bigint * try_cast(numerator as bigint)
                    + try_cast(denominator as bigint)
                    - 1
                ) // try_cast(denominator as bigint)
            )
        else rounded_up(whole::hugeint * numerator, denominator)
    end
);
-- The whole number that lies within 1e-6 of a DOUBLE, else the next one above.
create or replace temp macro snapped(value) as (
    case
        when value <= {_FARTHEST}
            then greatest(
                1, if(abs(value - round(value)) <= 1e-6, round(value), ceil(value))
            )::bigint
    end
);
-- 1, -1 or 0; null and NaN are 0.
create or replace temp macro sign_of(value) as (
    case when value > 0 and not isnan(value) then 1 when value < 0 then -1 else 0 end::tinyint
);
-- The number of the stretch of so many clocks that a clock lies in, counted from 1970.
create or replace temp macro stretch_of(clock, clocks) as (
    clock // clocks - (clock % clocks < 0)::bigint
);
-- What a long and a short trade call by one name.
create or replace temp macro by_side(side, for_long, for_short) as (
    case when side > 0 then for_long when side < 0 then for_short end
);
-- The number of the cell that a level lies in; its place with a bar; the place that is found next,
-- or the end of the cell where that is in another one; and the bar of a place (see 05_crossings).
create or replace temp macro cell_of(level, cells) as (
    greatest(
        cells.first_cell,
        least(cells.last_cell, cells.first_cell + (level - cells.lowest) // cells.width)
    )
);
create or replace temp macro place_of(cell, bar) as (cell * 4294967296 + bar);
create or replace temp macro next_place(place, found) as (least(found, place | 4294967295));
create or replace temp macro bar_of(place) as (place & 4294967295);
"""
# Types are made once for all connections, settings and macros are each connection's own.
PREPARATION = _SETTINGS + _TYPES + _MACROS
OF_EACH = _SETTINGS + _MACROS
# Every chunk asks what the one before it asked, and every run of a process: a query is parsed once
# for all connections, as what is parsed knows of none. The oldest go: queries may name files.
_PARSED: dict[str, list[duckdb.Statement]] = {}
_MOST_PARSED = 500
_PARSING = threading.Lock()


class CancelledError(Exception):
    """The work of a connection was ended for good, by another thread."""


@dataclass
class Common:
    """What the connections of one DuckDB have in common."""

    budget: MemoryBudget
    temp_dir: Path
    profile: Profile | None
    # That DuckDB works with now.
    threads: int
    # Held while the memory limit is lowered: no step may begin under such a limit.
    gate: threading.Lock = field(default_factory=threading.Lock)
    # The stores that can be read by now.
    reached: set[str] = field(default_factory=set)
    reaching: threading.Lock = field(default_factory=threading.Lock)


class Connection:
    """A connection, at work for one thread at a time; only `interrupt` and `cancel` are for others.

    Its temporary tables and macros, its settings and its queries are its own.
    """

    def __init__(self, common: Common) -> None:
        self._common = common
        # Held while another thread asks: the connection must not go away under it.
        self._asking = threading.Lock()
        self._may_interrupt = threading.Event()
        self._is_interrupted = False
        self._is_cancelled = False

    def _connect(self, connection: duckdb.DuckDBPyConnection, preparation: str) -> None:
        self._connection = connection
        # DuckDB draws one of its own wherever it takes an interpreter for interactive.
        self.run("set enable_progress_bar = false")
        self.run(preparation)
        if self._common.profile is not None:
            self.run(SETTINGS)

    @property
    def budget(self) -> MemoryBudget:
        """That of the whole process."""
        return self._common.budget

    @property
    def temp_dir(self) -> Path:
        """Where all connections spill to."""
        return self._common.temp_dir

    @property
    def has_one_thread(self) -> bool:
        """Whether DuckDB works on the thread that asks, and on no other beside it."""
        return self._common.threads == 1

    @property
    def is_at_work(self) -> bool:
        """Whether a thread is inside `interruptible`."""
        return self._may_interrupt.is_set()

    def run(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        place: tuple[str, str] | None = None,
    ) -> None:
        """Execute every statement of a query, each with those of the parameters that it names.

        The chunk and the step of a `place` are the names under which a profile counts them.
        """
        for statement in self._statements(query):
            self._fetch(statement, parameters or {})
            if self._common.profile is not None and place is not None:
                figures = self._connection.get_profiling_information(format="json")
                self._common.profile.add(*place, figures)

    def rows(
        self, query: str, parameters: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """The rows of a query of one statement."""
        (statement,) = self._statements(query)
        return self._fetch(statement, parameters or {})

    def row(self, query: str, parameters: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
        """The only row of a query of one statement."""
        (row,) = self.rows(query, parameters)
        return row

    def named_rows(
        self, query: str, parameters: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The rows of a query of one statement, each by the names of its columns."""
        rows = self.rows(query, parameters)
        names = [name for name, *_ in self._connection.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _statements(self, query: str) -> list[duckdb.Statement]:
        statements = _PARSED.get(query)
        if statements is None:
            statements = self._connection.extract_statements(query)
            with _PARSING:
                while len(_PARSED) >= _MOST_PARSED:
                    del _PARSED[next(iter(_PARSED))]
                _PARSED[query] = statements
        return statements

    def table(self, query: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The rows of a query of one statement as an Arrow table."""
        (statement,) = self._statements(query)
        named = self._named(statement, parameters or {})
        with self._interruptions():
            return self._connection.sql(statement, params=named).to_arrow_table()

    def _fetch(
        self, statement: duckdb.Statement, parameters: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        named = self._named(statement, parameters)
        with self._interruptions():
            rows: list[tuple[Any, ...]] = self._connection.execute(statement, named).fetchall()
        return rows

    def _named(self, statement: duckdb.Statement, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that a statement names; the stores that they lead to can be read."""
        named = {name: parameters[name] for name in statement.named_parameters}
        self._reach(named)
        return named

    def _reach(self, parameters: Mapping[str, Any]) -> None:
        """Let all connections read the stores that parameters name, each once."""
        for value in parameters.values():
            for file in value if isinstance(value, list) else (value,):
                name = file["filename"] if isinstance(file, dict) else file
                if isinstance(name, str) and is_url(name):
                    self._attach(scheme_of(name))

    def _attach(self, scheme: str) -> None:
        with self._common.reaching:
            if scheme not in self._common.reached:
                self._common.reached.add(scheme)
                from duck_label.storage.filesystem import attach  # loads fsspec

                attach(self._connection, scheme, self.temp_dir)

    @contextmanager
    def _interruptions(self) -> Iterator[None]:
        """Tell a signal that comes inside a `with` block from an `interrupt`."""
        if self._is_cancelled:
            raise CancelledError
        # DuckDB forgets an interruption that comes while no statement runs.
        if self._is_interrupted:
            raise duckdb.InterruptException("Interrupted!")
        try:
            yield
        except duckdb.InterruptException as error:
            if self._is_cancelled:
                raise CancelledError from error
            raise
        except RuntimeError as error:
            # DuckDB's word for a signal that came while it worked, and at times for `interrupt`.
            if str(error) != "Query interrupted":
                raise
            if self._is_cancelled:
                raise CancelledError from error
            if self._is_interrupted:
                raise duckdb.InterruptException("Interrupted!") from error
            raise KeyboardInterrupt from error

    def drop_tables(self) -> None:
        """Drop all temporary tables of this connection."""
        for (name,) in self.rows("select table_name from duckdb_tables() where temporary"):
            self.run(f'drop table "{name}"')

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let `interrupt` end what runs inside a `with` block, and nothing else."""
        with self._common.gate:
            self._is_interrupted = False
            self._may_interrupt.set()
        try:
            yield
        finally:
            with self._asking:
                self._may_interrupt.clear()
                self._is_interrupted = False

    def interrupt(self) -> None:
        """End the statement that another thread is running, or would run next, if it may be."""
        with self._asking:
            if self._may_interrupt.is_set():
                self._is_interrupted = True
                self._connection.interrupt()

    def cancel(self) -> None:
        """End the work of another thread for good: whatever it asks from now on is refused."""
        with self._asking:
            self._is_cancelled = True
            self._connection.interrupt()
