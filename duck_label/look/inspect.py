"""Reads an output folder: a DuckDB that can look at its labels and records, and change nothing.

DuckDB has no switch that lets a query read files and not write them: `copy`, even inside a `with`,
writes wherever a query may read. So all reading goes through a file system of our own that can
only read; DuckDB's own is closed to queries, and its configuration locked. What spills goes to a
temporary folder.
"""

from __future__ import annotations

import re
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from duck_label.columns import literal
from duck_label.config import LabelingConfig
from duck_label.database_errors import of_a_store, reason_of
from duck_label.errors import DuckLabelError, InputError, MemoryBudgetError, QueryError
from duck_label.identity import config_of
from duck_label.look.readonly import SCHEME, ReadOnlyFiles, url
from duck_label.look.relation import Relation
from duck_label.look.resources import MEMORY_LIMIT, Resources, unreadable
from duck_label.look.saved_queries import saved_query
from duck_label.look.unchanged import Unchanged
from duck_label.records.checked import Checked
from duck_label.records.chunk import ChunkRecord, parts_lost
from duck_label.records.ledger import FOLDER, Ledger
from duck_label.records.views import label_views, record_views
from duck_label.storage.filesystem import READS_ONLY, StoredFiles
from duck_label.storage.names import is_url, scheme_of
from duck_label.storage.scratch import scratch

# What a query of part files has in it.
_LABELS = re.compile(r"\blabels|parquet", re.IGNORECASE)


class Output:
    """The labels and records of an output folder, also while a run is writing it.

    The views are `labels`, `labels_long` (one row per bar and mode), `runs`, `chunks`, `snapshots`
    and `memory_events`. Use as a context manager, or close it, to be rid of what was spilled.

    Raises:
        InputError: for a folder that holds no records of duck-label.
        OutputError: if there is nowhere to spill to.
        MemoryBudgetError: if the memory limit is too small.
    """

    def __init__(self, folder: str | Path, resources: Resources | None = None) -> None:
        self.resources = resources or Resources()
        self._ledger = Ledger(folder)
        self.folder = str(self._ledger.output)
        self._address = self._ledger.output.address()
        if not any(self._ledger.folder.glob("*.jsonl")):
            raise InputError(
                f"{self.folder}: holds no output of duck-label (there is no {FOLDER}/*.jsonl in it)"
            )
        self._ledger.refuse_other_format()
        at_close = ExitStack()
        self._close = weakref.finalize(self, at_close.close)
        self._connection = duckdb.connect(
            ":memory:",
            config={
                **self.resources.settings(at_close.enter_context(scratch(self.resources.temp_dir))),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_persistent_secrets": False,
                "python_enable_replacements": False,
            },
        )
        at_close.callback(self._connection.close)
        self._has_labels = False
        # What is wrong with the part file that the views would be made by.
        self._damage: InputError | None = None
        self._connection.register_filesystem(ReadOnlyFiles())
        schemes = [SCHEME]
        if is_url(self._address):
            schemes.append(scheme_of(self._address))
            self._connection.register_filesystem(StoredFiles(schemes[1], live=True))
        self._connection.execute(
            f"""
            set TimeZone = 'UTC';
            set variable labels_folder = {literal(url(self._address))};
            {record_views(self._ledger.output)}
            set allowed_directories = {[f"{scheme}://" for scheme in schemes]};
            set enable_external_access = false;
            set lock_configuration = true
            """
        )

    @property
    def config(self) -> LabelingConfig:
        """What the labels were made with; memory and run are the defaults.

        Raises:
            InputError: where no run came as far as to check the bars.
        """
        return config_of(self.checked.identity)

    @property
    def checked(self) -> Checked:
        """What is recorded of the input that the labels were made of.

        Raises:
            InputError: where no run came as far as to check the bars.
        """
        self._ledger.output.fetch()
        checked = self._ledger.checked()
        if checked is None:
            raise InputError(f"{self.folder}: holds no labels yet: no run has checked its bars")
        return checked

    @property
    def quarantine(self) -> str:
        """The file of the bars that were set aside, where there are any."""
        return str(self._ledger.quarantine)

    def chunks(self) -> list[ChunkRecord]:
        """The finished chunks, as they are recorded by now."""
        self._ledger.output.fetch()
        return self._ledger.chunks()

    def unchanged(self) -> Unchanged:
        """What makes sure, around a reading, that no part file is written anew meanwhile."""
        return Unchanged(self._ledger)

    def reads_labels(self, query: str) -> bool:
        """Whether a query, or a saved one, reads labels: if in doubt, it does.

        Raises:
            QueryError: if there is no such saved query.
        """
        text = saved_query(query[1:].strip()).text if query.startswith("@") else query
        return _LABELS.search(text) is not None

    @property
    def part_files(self) -> str:
        """The part files, as a pattern for `read_parquet` in a query."""
        return f"{url(self._address)}/*.parquet"

    def holds(self, path: Path) -> bool:
        """Whether a file lies, or would lie, inside the folder."""
        return self._ledger.output.holds(path)

    def columns(self) -> dict[str, str]:
        """The input's columns with their types, as the part files have them.

        Raises:
            InputError: where no chunk is finished, or a part file is damaged.
        """
        added = {name.casefold() for name in self.config.output_columns()}
        try:
            described = self._connection.execute(
                "describe from read_parquet($files, hive_partitioning = false)",
                {"files": self.part_files},
            ).fetchall()
        except duckdb.Error as error:
            self._damage = self.damage(str(error))
            if self._damage is None and isinstance(error, duckdb.IOException):
                raise InputError(f"{self.folder}: {self._lacks_labels()}") from error
            raise self._complaint(error) from error
        return {name: kind for name, kind, *_ in described if name.casefold() not in added}

    def sql(self, query: str, **parameters: Any) -> Any:
        """The result of a query, or of the last of several: a DuckDB relation with our errors.

        `@name` stands for a saved query, `$name` in a query for the parameter of that name. Take
        the result out with `.df()`, `.pl()`, `.to_arrow_table()` or `.fetchall()`; None where the
        last statement has no result. A file elsewhere is read as `readonly:///its/absolute/path`.

        Warns where part files of the labels that it reads are lost, or have weights of two kinds,
        and where the last run did not finish.

        Raises:
            QueryError: for a query that DuckDB refuses, also while its result is taken out; a
                parameter missing or too many.
            InputError: for a saved query that needs details where there are none; if a part file
                that it reads is damaged.
        """
        if self.reads_labels(query):
            for doubt in self.unchanged().doubts(weights=True):
                warnings.warn(doubt, stacklevel=2)
        return self.ask(query, **parameters)

    def ask(self, query: str, **parameters: Any) -> Any:
        """What `sql` gives, for who tells of lost parts and mixed weights in a way of their own.

        Raises:
            QueryError, InputError: as `sql`.
        """
        if query.startswith("@"):
            saved = saved_query(query[1:].strip())
            if saved.needs_details and not self.config.details:
                raise InputError(
                    f"@{saved.name} needs outcomes, excursions and seconds, which {self.folder} "
                    "does not hold: label with --details"
                )
            query = saved.text
        result = None
        for result in self.results(query, parameters):  # noqa: B007 - the last one is wanted
            pass
        return None if result is None else Relation(result, self.complaints)

    def results(self, query: str, parameters: Mapping[str, Any]) -> Iterator[Any]:
        """Run statement after statement; a relation for each, or None where there is no result.

        Raises:
            QueryError: as `sql`.
        """
        self._open_labels()
        with self.complaints():
            statements = self._connection.extract_statements(query)
            _refuse_mismatch(statements, parameters)
            for statement in statements:
                own = {name: parameters[name] for name in statement.named_parameters}
                yield self._connection.sql(statement, params=own or None)

    def words(self) -> list[str]:
        """What a query may be made of: keywords, functions, the views and their columns."""
        self._open_labels()
        rows = self._connection.execute(
            """
            select distinct keyword_name from duckdb_keywords()
            union
            select view_name from duckdb_views() where not internal
            union
            select column_name from duckdb_columns() where not internal
            union
            select distinct function_name from duckdb_functions()
            where function_name similar to '[a-z]\\w+' and not starts_with(function_name, '__')
            """
        ).fetchall()
        return [word for (word,) in rows]

    @contextmanager
    def complaints(self) -> Iterator[None]:
        """Where a query is run, or its result read: what DuckDB complains of becomes our error.

        Raises:
            QueryError: for the complaint.
            InputError: if it is of a part file.
            MemoryBudgetError: for a query that does not fit.
        """
        try:
            yield
        except duckdb.Error as error:
            raise self._complaint(error) from error

    def interruptible(self, work: Callable[[], None]) -> None:
        """Do work that queries, so that Ctrl-C ends the query at once.

        The work has a thread of its own: the main one, which signals come to, may be in the depths
        of DuckDB for long.

        Raises:
            QueryError: as `complaints`.
            KeyboardInterrupt: if it came.
        """
        with self.complaints(), ThreadPoolExecutor(1) as pool:
            done = pool.submit(work)
            try:
                done.result()
            except KeyboardInterrupt:
                while not done.done():
                    self._connection.interrupt()
                    wait([done], timeout=0.1)
                raise

    def _complaint(self, error: duckdb.Error) -> DuckLabelError:
        own = of_a_store(error)
        if own is not None:
            return InputError(own)
        reason = str(error).strip()
        is_of_a_file = isinstance(error, duckdb.IOException | duckdb.InvalidInputException)
        damage = self.damage(reason) if is_of_a_file else None
        if damage is not None:
            return damage
        if READS_ONLY in reason or "file system operations are disabled" in reason:
            return QueryError(
                "a query reads the views, and other files as 'readonly:///absolute/path', and "
                "writes nothing; -o FILE writes its result"
            )
        if isinstance(error, duckdb.OutOfMemoryException):
            return MemoryBudgetError(
                f"the query does not fit in {self.resources.memory_limit}: {reason_of(error)}. "
                "Pass a larger --memory-limit, fewer --threads, or a --temp-dir with more room"
            )
        if not self._has_labels and re.search(r"Table with name labels(_long)? ", reason):
            if self._damage is not None:
                return self._damage
            return QueryError(f"{self.folder}: {self._lacks_labels()}")
        return QueryError(reason)

    def damage(self, reason: str) -> InputError | None:
        """Our error where DuckDB complains of a part file; None where of something else."""
        named = [one for one in self._ledger.recorded() if str(one.file) in reason]
        if not named:
            return None
        lost = [one for one in self._ledger.lost() if one in named]
        line = parts_lost(lost) or unreadable(self.folder, reason_of(duckdb.Error(reason)))
        return InputError(f"{self.folder}: {line}")

    def _lacks_labels(self) -> str:
        return parts_lost(self._ledger.lost()) or "holds no labels yet: no chunk is finished"

    def _open_labels(self) -> None:
        """Make the views of the labels, once there are any."""
        if self._has_labels:
            return
        try:
            config, columns = self.config, self.columns()
        except InputError:
            return
        self._connection.execute(label_views(self._ledger.output, config, columns))
        self._has_labels = True

    def close(self) -> None:
        """Close the connection and remove what it spilled."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_output(
    folder: str | Path,
    *,
    memory_limit: str = MEMORY_LIMIT,
    threads: int | None = None,
    temp_dir: str | None = None,
) -> Output:
    """Open an output folder to look at: `duck_label.open("labels").sql("from labels").df()`.

    Queries have this much memory (`8GB`, `0.5` of the machine, `auto`) and so many threads (all
    processors), and spill to `temp_dir` (the system's folder for temporary files).

    Raises:
        InputError: for a folder that holds no records of duck-label.
        OutputError: if there is nowhere to spill to.
        MemoryBudgetError: if the memory limit is too small.
    """
    return Output(folder, Resources(memory_limit, threads, temp_dir))


def _refuse_mismatch(statements: list[duckdb.Statement], given: Mapping[str, Any]) -> None:
    wanted = {name for statement in statements for name in statement.named_parameters}
    for name in sorted(wanted - given.keys()):
        raise QueryError(f"the query has a parameter ${name}: give it a value, -p {name}=VALUE")
    for name in sorted(given.keys() - wanted):
        raise QueryError(f"there is no parameter ${name} in the query")
