"""Which crew labels the chunks of a run, and what it is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from glob import escape
from typing import TYPE_CHECKING

from duck_label.config import LabelingConfig
from duck_label.connection import Connection
from duck_label.memory import budget as memory
from duck_label.memory.budget import MemoryBudget, parse_size
from duck_label.records.ledger import FOLDER
from duck_label.run.admission import Bars
from duck_label.run.chunks import ChunkLabeler
from duck_label.run.crews.alone import Alone, Crew
from duck_label.run.opened import Opened
from duck_label.run.watch import Watch
from duck_label.storage.handover import Handover

if TYPE_CHECKING:
    from duck_label.run.crews.ray import RayCrew
    from duck_label.run.crews.worker import Work

# What other processes need is loaded where there are to be some.


def share(config: LabelingConfig, budget: MemoryBudget) -> MemoryBudget:
    """What each of those who label may use of the budget of a run."""
    if not config.run.has_workers:
        return budget
    return budget.shared(config.run.workers, memory.rss_bytes())


def most_in_flight(config: LabelingConfig, threads: int) -> int:
    """How many chunks may share the memory of a process that labels."""
    return 1 if config.run.has_workers or config.run.engine == "ray" else threads


@contextmanager
def crew(opened: Opened, bars: Bars, watch: Watch) -> Iterator[Crew]:
    """Who labels the chunks: this process, or as many as the run asks for."""
    config, database = opened.config, opened.database
    if config.run.engine == "ray":
        with _cluster(opened, bars, watch) as cluster:
            yield cluster
    elif config.run.has_workers:
        from duck_label.run.crews.processes import ProcessCrew

        work = _work(opened, bars)
        budget = share(config, database.budget)
        with ProcessCrew(
            replace(work, memory_bytes=budget.limit),
            budget,
            config.run.workers,
            config.run.chunk_timeout,
            database.temp_dir,
            watch,
            opened.profile,
        ) as workers:
            watch.oversee(workers.rss_bytes, workers.buffers_and_spill)
            yield workers
    else:

        def labeler(connection: Connection) -> ChunkLabeler:
            return ChunkLabeler(connection, bars, config, opened.ledger.unfinished, watch)

        with Alone(database, labeler, watch) as alone:
            yield alone


def _cluster(opened: Opened, bars: Bars, watch: Watch) -> RayCrew:
    from duck_label.run.crews.ray import THREADS, RayCrew

    run, ledger = opened.config.run, opened.ledger
    # Nodes see nothing of this machine.
    quarantine = ledger.output.address(f"{FOLDER}/{ledger.quarantine.name}")
    work = replace(
        _work(opened, bars),
        parameters={**bars.parameters, "quarantine": escape(quarantine)},
        handover=ledger.output.handover(),
        threads=run.threads or THREADS,
        max_temp_size=run.max_temp_size,
    )
    most = run.workers if run.workers > 1 else None
    budget = opened.database.budget
    return RayCrew(work, budget, most, run.chunk_timeout, run.ray_address, watch, opened.profile)


def _work(opened: Opened, bars: Bars) -> Work:
    """What other processes need; this one gives back the memory of what came before."""
    from duck_label.run.crews.worker import Work

    database, ledger, run = opened.database, opened.ledger, opened.config.run
    kept = database.temp_dir / "kept.duckdb"
    database.save_kept(kept)
    database.drop_tables()
    database.release()
    most = run.max_temp_size
    try:
        return Work(
            config=opened.config,
            source=bars.source,
            parameters=bars.parameters,
            has_quarantine=ledger.quarantine.exists(),
            handover=Handover(str(ledger.folder.absolute())),
            memory_bytes=database.budget.limit,
            threads=max(1, database.threads // run.workers),
            max_temp_size=most and f"{parse_size(most) // run.workers}B",
            kept=kept.read_bytes(),
            has_profile=opened.profile is not None,
        )
    finally:
        kept.unlink()
