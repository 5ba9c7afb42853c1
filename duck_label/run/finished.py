"""What of an output folder stays: the input it was labeled from, and its finished chunks.

Nothing is checked or written here: what becomes of new bars is the business of `admission`.
"""

from __future__ import annotations

from dataclasses import replace

from duck_label.bars.plan import whole_days
from duck_label.bars.sessions import keep_sessions
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.identity import weight_identity
from duck_label.queries import render
from duck_label.query_values import parameters
from duck_label.ranges import without
from duck_label.records.checked import Checked
from duck_label.records.chunk import ChunkRecord
from duck_label.records.ledger import Ledger
from duck_label.run import changes
from duck_label.run.asked import AskedDigests, asking_files
from duck_label.run.changes import input_files, refuse_conflict
from duck_label.run.weighing import Weights


def known(database: Database, ledger: Ledger) -> Checked | None:
    """What this output folder was labeled from, if its bad bars are set aside."""
    checked = ledger.checked()
    if checked is None or ledger.quarantined(database) != checked.bad_bars:
        return None
    return checked


def finished(
    database: Database, source: Source, config: LabelingConfig, ledger: Ledger
) -> Checked | None:
    """What this output folder was labeled from, if that is all of this input and nothing is left.

    From footers and records alone, and files that were moved or touched: of these it tells as they
    are now. Nothing is written.
    """
    checked = known(database, ledger)
    if checked is None or (checked.bad_bars and config.on_bad_rows == "fail"):
        return None
    refuse_conflict(ledger, source, config)
    done = [(record.start, record.end) for record in ledger.chunks()]
    left = without(whole_days(source.row_groups), done)
    has_bars_left = any(
        group.first < end and group.last >= start
        for start, end in left
        for group in source.row_groups
    )
    files = input_files(source, checked)
    month = config.reference_month() or checked.latest_month
    weights = Weights(config, checked.columns, month)
    if (
        changes.since(checked, files)
        or has_bars_left
        or ledger.unrecorded_parts()
        or weights.lacking(ledger.chunks())
    ):
        return None
    if _asked_otherwise(database, source, config, ledger, checked):
        return None
    return replace(
        checked,
        files=files,
        asking=asking_files(config, ledger.output),
        weights=weight_identity(config),
        reference_month=month,
    )


def _asked_otherwise(
    database: Database, source: Source, config: LabelingConfig, ledger: Ledger, checked: Checked
) -> list[ChunkRecord]:
    """The finished chunks that events and sessions as they are now ask otherwise."""
    asking = asking_files(config, ledger.output)
    if checked.asking == asking:
        return []
    context = source.context(config)
    database.run(
        render("input/grids", context),
        {**parameters(config, source.bars), "files": source.paths},
    )
    keep_sessions(database, source, config, context)
    return AskedDigests(database, source, config, context).otherwise(
        ledger.chunks(), checked, asking
    )


def lasting(
    database: Database, source: Source, config: LabelingConfig, ledger: Ledger
) -> tuple[list[ChunkRecord], list[ChunkRecord]]:
    """The finished chunks that a run over this input would keep, if its new bars are good.

    And those of them that it would weigh anew.
    """
    done, checked = ledger.chunks(), known(database, ledger)
    if checked is None:
        return [], []
    raw = source.context(config)
    otherwise = _asked_otherwise(database, source, config, ledger, checked)
    done = [record for record in done if record not in otherwise]
    new = changes.addition(database, source, raw, checked)
    times = [] if new is None else [source.moment(last) for _, last in new.ranges]
    latest = max([checked.latest_month, *(12 * time.year + time.month for time in times)])
    weights = Weights(config, checked.columns, config.reference_month() or latest)
    if new is not None:
        stale = changes.new_bars(new, done, checked, weights.weighing).stale
        done = [record for record in done if record not in stale]
    return done, weights.lacking(done)
