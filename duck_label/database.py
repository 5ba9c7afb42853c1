"""One DuckDB connection under a memory budget: its limits, its queries, the tables it keeps."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from duck_label import outcomes
from duck_label.memory.budget import MemoryBudget
from duck_label.profile import SETTINGS, Profile
from duck_label.storage.names import is_url, scheme_of

# The shares of its memory that DuckDB is asked to do with while it spills.
_SHARES = (1 / 2, 1 / 4, 1 / 8, 1 / 16)

# What every query of a run counts on. With statistics a chunk without nulls would be written as if
# it could have none, and part files would differ in their schemas. An ASOF join of few rows would
# be run as a loop, and where DuckDB expects one row thousands may come.
_FARTHEST, _TOO_FAR = 2**62, 2**62 + 1
PREPARATION = f"""\
set TimeZone = 'UTC';
set disabled_optimizers = 'statistics_propagation';
set asof_loop_join_threshold = 0;
create type outcome as enum {outcomes.NAMES};
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
"""


class Database:
    """A DuckDB in memory that spills to a folder of its own.

    Use as a context manager: an open connection at the interpreter's exit is noisy.
    """

    def __init__(
        self,
        budget: MemoryBudget,
        threads: int,
        temp_dir: Path,
        max_temp_size: str | None = None,
        profile: Profile | None = None,
    ) -> None:
        self._profile = profile
        self.budget = budget
        self.temp_dir = temp_dir
        self.threads = threads
        self._max_temp_size = max_temp_size
        # Temporary tables that hold for as long as this does.
        self._kept: set[str] = set()
        # Held while another thread asks: the connection must not go away under it.
        self._asking = threading.Lock()
        self._may_interrupt = threading.Event()
        self._is_interrupted = False
        self._open()

    def _open(self) -> None:
        settings: dict[str, Any] = {
            "memory_limit": f"{self.budget.duckdb}B",
            "threads": self.threads,
            "temp_directory": str(self.temp_dir),
            "autoinstall_known_extensions": False,
        }
        if self._max_temp_size is not None:
            settings["max_temp_directory_size"] = self._max_temp_size
        self._connection = duckdb.connect(":memory:", config=settings)
        self._watcher = self._connection.cursor()
        # Every chunk asks what the one before it asked: a query is parsed once.
        self._parsed: dict[str, list[duckdb.Statement]] = {}
        self._reached: set[str] = set()
        # DuckDB draws one of its own wherever it takes an interpreter for interactive.
        self.run("set enable_progress_bar = false")
        self.run(PREPARATION)
        if self._profile is not None:
            self.run(SETTINGS)

    def _reach(self, parameters: Mapping[str, Any]) -> None:
        """Let this connection read the stores that parameters name, each once."""
        for value in parameters.values():
            for file in value if isinstance(value, list) else (value,):
                name = file["filename"] if isinstance(file, dict) else file
                if isinstance(name, str) and is_url(name) and scheme_of(name) not in self._reached:
                    self._reached.add(scheme_of(name))
                    from duck_label.storage.filesystem import attach  # loads fsspec

                    attach(self._connection, scheme_of(name), self.temp_dir)

    def run(
        self, query: str, parameters: Mapping[str, Any] | None = None, step: str | None = None
    ) -> None:
        """Execute every statement of a query, each with those of the parameters that it names.

        A `step` is the name under which a profile counts them.
        """
        for statement in self._statements(query):
            self._fetch(statement, parameters or {})
            if self._profile is not None and step is not None:
                figures = self._connection.get_profiling_information(format="json")
                self._profile.add(step, figures)

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

    def _statements(self, query: str) -> list[duckdb.Statement]:
        if query not in self._parsed:
            self._parsed[query] = self._connection.extract_statements(query)
        return self._parsed[query]

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

    @contextmanager
    def _interruptions(self) -> Iterator[None]:
        """Tell a signal that comes inside a `with` block from an `interrupt`."""
        try:
            yield
        except RuntimeError as error:
            # DuckDB's word for a signal that came while it worked, and at times for `interrupt`.
            if str(error) != "Query interrupted":
                raise
            if self._is_interrupted:
                raise duckdb.InterruptException("Interrupted!") from error
            raise KeyboardInterrupt from error

    def keep(self, table: str) -> None:
        """Have a temporary table last: it is not dropped, and outlives DuckDB being opened anew."""
        self._kept.add(table)

    def drop_tables(self) -> None:
        """Drop all temporary tables but those that are kept."""
        for (name,) in self.rows(
            "select table_name from duckdb_tables() "
            "where temporary and not list_contains($kept, table_name)",
            {"kept": [*self._kept]},
        ):
            self.run(f'drop table "{name}"')

    def release(self) -> None:
        """Give freed memory back to the operating system: setting the limit again evicts it."""
        self.run(f"set memory_limit = '{self.budget.duckdb}B'")

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Work with one thread inside a `with` block: each thread holds memory of its own."""
        threads, self.threads = self.threads, 1
        self.run("set threads = 1")
        try:
            yield
        finally:
            self.threads = threads
            self.run(f"set threads = {threads}")

    def buffers_and_spill(self) -> tuple[int, int] | None:
        """What DuckDB holds in its buffers and in its files on disk, in bytes.

        From any thread, at any time; None where DuckDB cannot say.
        """
        with self._asking:
            try:
                ((buffers, files),) = self._watcher.execute(
                    "select sum(memory_usage_bytes)::bigint, sum(temporary_storage_bytes)::bigint "
                    "from duckdb_memory()"
                ).fetchall()
            except duckdb.Error:
                return None
        return int(buffers), int(files)

    def reconnect(self) -> None:
        """Close DuckDB and open it anew, with the tables that are kept."""
        file = self.temp_dir / "kept.duckdb"
        self.save_kept(file)
        with self._asking:
            self.close()
            self._open()
        self.load_kept(file)
        file.unlink()

    def save_kept(self, file: Path) -> None:
        """Write the tables that are kept to a file, from which another can load them."""
        self.run(f"attach {_quoted(file)} as kept")
        for (name,) in self.rows(
            "select table_name from duckdb_tables() "
            "where temporary and list_contains($kept, table_name)",
            {"kept": [*self._kept]},
        ):
            self.run(f"create or replace table kept.{name} as from temp.{name}")
        self.run("detach kept")

    def load_kept(self, file: Path) -> None:
        """Have the tables that were saved to a file, and keep them."""
        self.run(f"attach {_quoted(file)} as kept (read_only)")
        for (name,) in self.rows(
            "select table_name from duckdb_tables() where database_name = 'kept'"
        ):
            self.run(f"create temp table {name} as from kept.{name}")
            self.keep(name)
        self.run("detach kept")

    def spill(self) -> None:
        """Move to disk what can be moved, and give the memory back to the operating system.

        DuckDB evicts down to a limit that is set below what it holds, and refuses one that it
        cannot reach.
        """
        try:
            for share in _SHARES:
                self.run(f"set memory_limit = '{int(self.budget.duckdb * share)}B'")
        except duckdb.OutOfMemoryException:
            pass
        finally:
            self.release()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let `interrupt` end what runs inside a `with` block, and nothing else."""
        self._is_interrupted = False
        self._may_interrupt.set()
        try:
            yield
        finally:
            with self._asking:
                self._may_interrupt.clear()
                self._is_interrupted = False

    def interrupt(self) -> None:
        """End the statement that another thread is running, if it may be ended."""
        with self._asking:
            if self._may_interrupt.is_set():
                self._is_interrupted = True
                self._connection.interrupt()

    def close(self) -> None:
        """Close the connection and remove what it spilled."""
        self._watcher.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
