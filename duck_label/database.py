"""A DuckDB under a memory budget: what belongs to all of its connections.

Those are its threads, its memory limit, what it spills, the tables that are kept, and whether it is
open at all. What one connection does is said in `connection`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

import duckdb

from duck_label.connection import OF_EACH, PREPARATION, Common, Connection
from duck_label.memory.budget import MemoryBudget
from duck_label.profile import Profile

# The shares of its memory that DuckDB is asked to do with while it spills.
_SHARES = (1 / 2, 1 / 4, 1 / 8, 1 / 16)
# Seconds between attempts at what takes a little memory: a minute and a half in all.
_WAITS = [0.01 * 2**attempt for attempt in range(13)]
# Seconds between two attempts to end a statement: one may just not have begun.
INSISTENCE = 0.05


class Database(Connection):
    """A DuckDB in memory that spills to a folder of its own, and the first connection to it.

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
        super().__init__(Common(budget, temp_dir, profile, threads))
        self.threads = threads
        self._max_temp_size = max_temp_size
        self._others: list[Connection] = []
        self._open()

    def _open(self) -> None:
        settings: dict[str, Any] = {
            "memory_limit": f"{self.budget.duckdb}B",
            "threads": self._common.threads,
            "temp_directory": str(self.temp_dir),
            "autoinstall_known_extensions": False,
        }
        if self._max_temp_size is not None:
            settings["max_temp_directory_size"] = self._max_temp_size
        connection = duckdb.connect(":memory:", config=settings)
        # One looks in while others work, the other sets what holds for all of them.
        self._watcher, self._settings = connection.cursor(), connection.cursor()
        # Asked many times a second: to plan it anew would take four times as long.
        self._watcher.execute(
            "prepare buffers_and_spill as select sum(memory_usage_bytes)::bigint, "
            "sum(temporary_storage_bytes)::bigint from duckdb_memory()"
        )
        self._common.reached.clear()
        self._connect(connection, PREPARATION)
        for other in self._others:
            other._connect(connection.cursor(), OF_EACH)

    def another(self) -> Connection:
        """Another connection, for another thread to work with; it closes with this one."""
        other = Connection(self._common)
        other._connect(self._connection.cursor(), OF_EACH)
        self._others.append(other)
        return other

    @contextmanager
    def beside(
        self, query: str, parameters: Mapping[str, Any] | None = None
    ) -> Iterator[Callable[[], list[tuple[Any, ...]]]]:
        """Ask for the rows of a query while a `with` block works; yields what waits for them.

        It is asked on another connection and thread, so that a signal ends it at once: DuckDB looks
        for one between its tasks, which may take seconds each. With one thread for all it is asked
        once it is waited for.
        """
        other = self.another()
        said: SimpleQueue[list[tuple[Any, ...]] | Exception] = SimpleQueue()

        def ask() -> None:
            try:
                with other.interruptible():
                    said.put(other.rows(query, parameters))
            except Exception as error:
                said.put(error)

        asked = threading.Thread(target=ask)

        def answer() -> list[tuple[Any, ...]]:
            if not asked.ident:
                asked.start()
            if isinstance(rows := said.get(), Exception):
                raise rows
            return rows

        if self.threads > 1:
            asked.start()
        try:
            yield answer
        finally:
            while asked.is_alive():
                other.cancel()
                asked.join(INSISTENCE)
            self._others.remove(other)
            other._connection.close()

    def keep(self, table: str) -> None:
        """Have a temporary table last, and be seen by all connections.

        It is no temporary one any more, and outlives DuckDB being opened anew.
        """
        self.run(f"create or replace table main.{table} as from temp.{table}")
        self.run(f"drop table temp.{table}")

    def _kept(self) -> list[str]:
        query = "select table_name from duckdb_tables() where not temporary and not internal"
        return [name for (name,) in self.rows(query)]

    def release(self) -> None:
        """Give freed memory back to the operating system: setting the limit again evicts it.

        That takes a little memory too: where others hold all there is, none is free to be given
        back. From any thread, at any time.
        """
        with self._common.gate, suppress(duckdb.OutOfMemoryException):
            self._limit_to(1)

    def _limit_to(self, share: float) -> None:
        self._settings.execute(f"set memory_limit = '{int(self.budget.duckdb * share)}B'")

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Work with one thread inside a `with` block: each thread holds memory of its own.

        All connections do: only one of them may be at work.
        """
        threads, self.threads = self.threads, 1
        self.share_threads(1)
        try:
            yield
        finally:
            self.threads = threads
            self.share_threads(1)

    def share_threads(self, connections: int) -> None:
        """Share the threads among so many connections, at rest or at work.

        Where there are as many as threads, each does all of its work on the thread that asks:
        nothing is handed on, and rows keep their order.
        """
        threads = 1 if connections >= self.threads else self.threads
        if threads != self._common.threads:
            with self._common.gate:
                self._settings.execute(f"set threads = {threads}")
            self._common.threads = threads

    def buffers_and_spill(self) -> tuple[int, int] | None:
        """What DuckDB holds in its buffers and in its files on disk, in bytes.

        From any thread, at any time; None where DuckDB cannot say.
        """
        with self._asking:
            try:
                ((buffers, files),) = self._watcher.execute("execute buffers_and_spill").fetchall()
            except duckdb.Error:
                return None
        return int(buffers), int(files)

    def reconnect(self) -> None:
        """Close DuckDB and open it anew, with the tables that are kept.

        All connections are opened anew: none of them may be at work.
        """
        file = self.temp_dir / "kept.duckdb"
        self.save_kept(file)
        with self._asking:
            self.close()
            self._open()
        self.load_kept(file)
        file.unlink()

    def save_kept(self, file: Path) -> None:
        """Write the tables that are kept to a file, from which another can load them."""
        names = self._kept()
        self.run(f"attach {_quoted(file)} as kept")
        for name in names:
            self.run(f"create or replace table kept.{name} as from main.{name}")
        self.run("detach kept")

    def load_kept(self, file: Path) -> None:
        """Have the tables that were saved to a file, and keep them."""
        self.run(f"attach {_quoted(file)} as kept (read_only)")
        for (name,) in self.rows(
            "select table_name from duckdb_tables() where database_name = 'kept'"
        ):
            self.run(f"create or replace table main.{name} as from kept.{name}")
        self.run("detach kept")

    def spill(self) -> None:
        """Move to disk what can be moved, and give the memory back to the operating system.

        DuckDB evicts down to a limit that is set below what it holds, and refuses one that it
        cannot reach. Where a connection is at work, which the lower limit would fail, memory that
        nobody holds is given back and no more. From any thread, at any time.
        """
        with self._common.gate:
            try:
                for share in () if self._is_any_at_work() else _SHARES:
                    self._limit_to(share)
            except duckdb.OutOfMemoryException:
                pass
            finally:
                # A statement that began under the lower limit may hold all of it.
                patiently(lambda: self._limit_to(1))

    def _is_any_at_work(self) -> bool:
        return any(connection.is_at_work for connection in (self, *self._others))

    def interrupt_all(self) -> None:
        """End the statements that other threads are running, if they may be ended."""
        for connection in (self, *self._others):
            connection.interrupt()

    def close(self) -> None:
        """Close all connections and remove what was spilled."""
        for other in self._others:
            other._connection.close()
        self._settings.close()
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


def patiently(work: Callable[[], None]) -> None:
    """Do what takes a little memory once there is any.

    Others may hold all there is, until their statements end or fail.
    """
    for seconds in _WAITS:
        try:
            work()
            return
        except duckdb.OutOfMemoryException:
            time.sleep(seconds)
    work()


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
