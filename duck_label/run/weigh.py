"""Weighs a labeled output anew, on its own: what its weights are to be, and why not.

How a part is weighed is said in `weighing`. A run over the bars does the same by itself.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.errors import InputError, OutputConflictError, OutputError
from duck_label.identity import config_of, label_identity, weight_identity
from duck_label.memory import budget as memory
from duck_label.memory.budget import MemoryBudget, default_threads
from duck_label.profile import Profile
from duck_label.records.checked import Checked
from duck_label.records.chunk import parts_lost
from duck_label.records.ledger import Ledger
from duck_label.run.facts import facts
from duck_label.run.reporter import RunReporter
from duck_label.run.results import Progress, RunSummary, Silence
from duck_label.run.watch import Watch
from duck_label.run.weighing import Weigher, Weights, chunk_of
from duck_label.storage.scratch import owned, spill_folder
from duck_label.storage.stores import load


def weigh(
    output: str | Path,
    config: LabelingConfig | None = None,
    progress: Progress | None = None,
    profile: Profile | None = None,
) -> RunSummary:
    """Make the weights of a labeled output anew, from its details: no bars are read.

    They are those of a run with this configuration: of it count `weights` and `as_of`, and how to
    go about the work (`memory`, `run`). Whatever else it sets must be as the output has it. Parts
    are replaced one by one, each as a whole; what is interrupted goes on where it was.

    Raises:
        InputError: for an output without labels, or without details.
        OutputConflictError: for a configuration of other labels.
        DamagedOutputError: for a part that is not as it was written.
        OutputError: if the output is held by a run, or the disk is full.
        MemoryBudgetError: if a part does not fit in the memory budget.
    """
    began = time.perf_counter()
    config, progress = config or LabelingConfig(), progress or Silence()
    load([output], config.run.store_patience)
    ledger = Ledger(output, config.run.temp_dir)
    checked = _labeled(ledger)
    _refuse_other_labels(ledger, checked, config)
    identity = {**checked.config, **weight_identity(config)}
    month = config.reference_month() or checked.latest_month
    weights = Weights(config_of(identity), checked.columns, month)
    budget = MemoryBudget.resolve(config.memory.limit, baseline=memory.rss_bytes())
    threads = config.run.threads or default_threads()
    summary = RunSummary(str(output), memory_limit_bytes=budget.limit, threads=threads)
    for warning in (budget.warning, parts_lost(ledger.lost())):
        if warning is not None:
            summary.warnings.append(warning)
            progress.note(f"warning: {warning}")
    wanted = replace(checked, weights=weight_identity(config), reference_month=month)
    if wanted == checked and not weights.lacking(ledger.chunks()):
        summary.nothing_to_do(ledger.chunks(), checked, time.perf_counter() - began)
        return summary
    spill = spill_folder(config.run.temp_dir or ledger.folder)
    with Database(budget, threads, spill, config.run.max_temp_size, profile) as database:
        _Weighing(config, ledger, checked, wanted, weights, summary, progress).run(database)
    return summary


@dataclass(frozen=True)
class _Weighing:
    """The weighing of an output: what its records say of it (`checked`), and are to say (`wanted`).

    The summary is filled as it goes.
    """

    config: LabelingConfig
    ledger: Ledger
    checked: Checked
    wanted: Checked
    weights: Weights
    summary: RunSummary
    progress: Progress

    def run(self, database: Database) -> None:
        """Do all of it; who else would write to the folder is kept out meanwhile."""
        ledger, summary, budget = self.ledger, self.summary, database.budget
        with (
            ledger,
            owned(database.temp_dir),
            RunReporter(self.config, budget, ledger, self.progress) as reporter,
        ):
            ledger.begin_run({**facts(self.config, summary), "weighs": True})
            with Watch(self.config, budget, database, reporter, ledger.snapshots) as watch:
                try:
                    self._weigh(database, watch, reporter)
                finally:
                    files = (record.file for record in ledger.chunks())
                    summary.parts = sorted(file for file in files if file is not None)
                    summary.finish(watch.monitor.finish_monitoring(), watch.manager)
                    ledger.append("runs", {"event": "end", **summary.to_json()})

    def _weigh(self, database: Database, watch: Watch, reporter: RunReporter) -> None:
        """Weigh one part after the other."""
        ledger, summary = self.ledger, self.summary
        if ledger.checked() != self.checked:
            raise OutputError(f"{summary.output}: has changed meanwhile: weigh it again")
        ledger.note_checked(self.wanted)
        done = ledger.chunks()
        lacking = self.weights.lacking(done)
        summary.resume([record for record in done if record not in lacking])
        summary.reference_month = self.weights.month_name
        chunks = list(map(chunk_of, lacking))
        watch.begin(chunks)
        reporter.begin(chunks)
        self.progress.begin(chunks, database.budget, watch.manager.read_rss)
        weigher = Weigher(database, ledger, watch, self.weights)
        for chunk, record, left in weigher.weigh(lacking):
            watch.finish(record)
            reporter.finish(record.rows)
            summary.weighed(record)
            self.progress.advance(chunk, record, left)


def factors_there(output: str | Path) -> dict[str, Any]:
    """What an output has beside the details that a weight may be made of, as the configuration.

    Raises:
        ConfigError, OutputError: for a store that cannot be read.
    """
    load([output])
    checked = Ledger(output).checked()
    return {"uniqueness": True} if checked is not None and checked.config["uniqueness"] else {}


def _labeled(ledger: Ledger) -> Checked:
    """What the labels of an output were made of, if they can be weighed."""
    checked = ledger.checked()
    if checked is None:
        raise InputError(f"{ledger.output}: holds no labels of duck-label to weigh")
    if not checked.config["details"]:
        raise InputError(
            f"{ledger.output}: holds no details, of which weights are made (excursions, seconds, "
            "stops): label with --details, and other weights need no labeling again"
        )
    return checked


def _refuse_other_labels(ledger: Ledger, checked: Checked, config: LabelingConfig) -> None:
    """Make sure that what a configuration sets beside weights is as the labels have it."""
    own = label_identity(config)
    given = config.model_fields_set & own.keys()
    # A configuration that says nothing of a horizon has this one.
    if own["timeout_seconds"] == label_identity(LabelingConfig())["timeout_seconds"]:
        given -= {"timeout_seconds"}
    if "uniqueness" in given and own["uniqueness"] and not checked.config["uniqueness"]:
        raise OutputConflictError(
            f"{ledger.output}: was labeled without uniqueness, which follows from the bars and not "
            "from details: label anew with uniqueness (run --uniqueness --overwrite), or leave it "
            "and the factor out"
        )
    differences = [
        f"{key} is {json.dumps(checked.config.get(key))} there, {json.dumps(own[key])} here"
        for key in sorted(given)
        if own[key] != checked.config.get(key)
    ]
    if differences:
        raise OutputConflictError(
            f"{ledger.output}: weigh makes weights anew and no labels: {'; '.join(differences)}. "
            "Leave it out, or label anew with run"
        )
