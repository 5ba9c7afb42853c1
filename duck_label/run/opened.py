"""What a run works with, opened once: its input, its output, and a database between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from duck_label.bars.plan import whole_days
from duck_label.bars.source import Source, open_source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.errors import ConfigError, InputError
from duck_label.memory import budget as memory
from duck_label.memory.budget import MemoryBudget, default_threads
from duck_label.moments import Moment, clock_of
from duck_label.profile import Profile
from duck_label.records.ledger import Ledger
from duck_label.run.changes import known_files
from duck_label.storage.scratch import spill_folder
from duck_label.storage.stores import load

Inputs = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Opened:
    """An input, the records of the output that it is labeled into, and the range to label.

    The database has the memory budget and the threads of the run.
    """

    config: LabelingConfig
    database: Database
    source: Source
    ledger: Ledger
    wanted: tuple[int, int]
    profile: Profile | None


@contextmanager
def opened(
    config: LabelingConfig,
    inputs: Inputs,
    output: str | Path,
    start: Moment,
    end: Moment,
    profile: Profile | None,
) -> Iterator[Opened]:
    """Open an input and the records of an output. Nothing is written but what spills.

    Raises:
        InputError: for files that cannot be read, or a range that holds none of the input.
        ConfigError: for an input inside the output, or what is no moment.
        MemoryBudgetError: if this process holds the budget already.
    """
    inputs = [inputs] if isinstance(inputs, str | Path) else inputs
    names = [str(item) for item in inputs]
    # What stores need is loaded before memory is measured.
    load([*names, output], config.run.store_patience)
    ledger = Ledger(output, config.run.temp_dir)
    budget = MemoryBudget.resolve(config.memory.limit, baseline=memory.rss_bytes())
    threads = config.run.threads or default_threads()
    spill = spill_folder(config.run.temp_dir or ledger.folder)
    with Database(budget, threads, spill, config.run.max_temp_size, profile) as database:
        source = open_source(database, names, config, known_files(ledger, config))
        inside = f"{ledger.output.address()}/"
        for file in source.files:
            if file.identity.startswith(inside):
                raise ConfigError(f"{file.path}: is inside the output folder {ledger.output}")
        yield Opened(config, database, source, ledger, _range(source, start, end), profile)


def _range(source: Source, start: Moment, end: Moment) -> tuple[int, int]:
    """The range of time to label: all days of the input, or as much of them as was asked for."""
    if start is not None and end is not None and clock_of(start) >= clock_of(end):
        raise ConfigError(f"from {start} to {end} is no range: the start must lie before the end")
    first, last = whole_days(source.row_groups)
    wanted_first = first if start is None else max(first, clock_of(start))
    wanted_last = last if end is None else min(last, clock_of(end))
    if wanted_first >= wanted_last:
        raise InputError(
            f"no bars from {start or 'the first'} to {end or 'the last'} (the end is not labeled "
            f"itself): the input lies between {source.moment(first):%Y-%m-%d} and "
            f"{source.moment(last):%Y-%m-%d}"
        )
    return wanted_first, wanted_last
