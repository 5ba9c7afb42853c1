"""What looking at an output may use: memory, threads, and a folder to spill to.

Covers every command of this room. A run may be writing the output meanwhile, so this budget is one
of its own, and small; what does not fit spills.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from duck_label.database import Database
from duck_label.database_errors import explain, reason_of
from duck_label.errors import InputError
from duck_label.memory.budget import MemoryBudget, default_threads
from duck_label.storage.scratch import scratch

MEMORY_LIMIT = "1GB"


@dataclass(frozen=True)
class Resources:
    """The budget of the whole process, a size, a fraction of the machine, or auto; and the rest.

    `threads` are all processors where None, `temp_dir` is the system's folder for temporary files,
    and `max_temp_size` what its disk has left.
    """

    memory_limit: str = MEMORY_LIMIT
    threads: int | None = None
    temp_dir: str | None = None
    max_temp_size: str | None = None

    def budget(self) -> MemoryBudget:
        """The budget on this machine.

        Raises:
            ConfigError: if the limit is no size.
            MemoryBudgetError: if it is too small.
        """
        return MemoryBudget.resolve(self.memory_limit)

    def settings(self, spill: Path) -> dict[str, str | int]:
        """The settings of a DuckDB that keeps to these and spills to a folder."""
        most = {} if self.max_temp_size is None else {"max_temp_directory_size": self.max_temp_size}
        return {
            "memory_limit": f"{self.budget().duckdb}B",
            "threads": self.threads or default_threads(),
            "temp_directory": str(spill),
            **most,
        }

    @contextmanager
    def database(self, output: object) -> Iterator[Database]:
        """A database that reads the labels of an output inside a `with` block.

        Raises:
            OutputError: if there is nowhere to spill to.
            InputError: if a part file is damaged.
            MemoryBudgetError: if the work does not fit.
        """
        budget, threads = self.budget(), self.threads or default_threads()
        with (
            scratch(self.temp_dir) as spill,
            Database(budget, threads, spill, self.max_temp_size) as database,
        ):
            try:
                yield database
            except duckdb.Error as error:
                told = explain(error, f"{output}: reading the labels", database)
                if isinstance(told, InputError):
                    told = InputError(f"{output}: {unreadable(output, reason_of(error))}")
                raise told from error


def unreadable(output: object, reason: str) -> str:
    """A line where labels cannot be read, though no part file is missing or of another size."""
    return (
        f"reading the labels: {reason}; `duck-label check {output}` tells which part files are "
        "not as they were written"
    )
