"""The bars that a run labels: found good, or the bad ones set aside; and what all chunks share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from glob import escape
from typing import Any

from duck_label import checks, queries
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.errors import InputError
from duck_label.ledger import Ledger, identify
from duck_label.plan import MOST_ROWS, plan, whole_days
from duck_label.source import Source


@dataclass(frozen=True)
class Bars:
    """The input as the steps see it: files, the names in them, and values all chunks share."""

    source: Source
    context: Mapping[str, Any]
    parameters: Mapping[str, Any]

    def between(self, start: int, end: int) -> dict[str, Any]:
        """The parameters of a query over the files that may hold bars of a range."""
        return {**self.parameters, "files": self.source.paths_between(start, end)}

    @property
    def reference_month(self) -> str:
        """The month that the decay counts from."""
        year, month = divmod(self.parameters["reference_month"] - 1, 12)
        return f"{year:04d}-{month + 1:02d}"


def admit(
    database: Database, source: Source, config: LabelingConfig, ledger: Ledger, *, anew: bool
) -> Bars:
    """Check the bars, unless this output folder holds labels of the same ones; set bad ones aside.

    Where the labels in the folder are to be replaced (`anew`), they are removed once the new
    input is found good. Leaves the temp tables `grids` and `spans`.

    Raises:
        BadBarsError: if there are bad bars and they are not to be quarantined.
        InputError: if there is no good bar.
    """
    names = [name for name, _ in source.columns]
    values = queries.parameters(config, source.bars)
    everything = {**values, "files": source.paths, "quarantine": escape(str(ledger.quarantine))}
    raw = queries.context(config, source.bars, names, has_quarantine=False)
    database.run(queries.render("input/grids", raw), everything)
    is_known = ledger.identity() is not None and not anew
    may_set_aside = config.on_bad_rows == "quarantine"
    if not is_known or (ledger.quarantine.exists() and not may_set_aside):
        _check(database, source, config, ledger, raw)
    has_quarantine = ledger.quarantine.exists()
    context = queries.context(config, source.bars, names, has_quarantine=has_quarantine)
    database.run(queries.render("input/spans", context), everything)
    (latest,) = database.row(
        f"select {context['month_of'](context['clock']('max(last_time)'))} from spans"
    )
    if latest is None:
        raise InputError("there is no good bar in the input")
    values["quarantine"] = escape(str(ledger.quarantine))
    values["reference_month"] = config.reference_month() or latest
    return Bars(source, context, values)


def _check(
    database: Database,
    source: Source,
    config: LabelingConfig,
    ledger: Ledger,
    raw: Mapping[str, Any],
) -> None:
    groups = source.row_groups
    ranges = plan(groups, "auto", MOST_ROWS, [whole_days(groups)])
    bad = checks.find_bad_bars(database, source, raw, [(r.start, r.end) for r in ranges])
    if bad and config.on_bad_rows == "fail":
        raise checks.complaint(database, source, config, raw, bad)
    ledger.start_anew()
    if bad:
        checks.quarantine(database, source, raw, ledger.quarantine)
    identity = identify(source, config)
    ledger.append("runs", {"event": "checked", "bad_bars": bad.bars, "identity": identity})


def quarantined(database: Database, ledger: Ledger) -> int:
    """How many bars of the input are set aside."""
    if not ledger.quarantine.exists():
        return 0
    (bars,) = database.row(
        "select sum(num_rows)::bigint from parquet_file_metadata($path)",
        {"path": escape(str(ledger.quarantine))},
    )
    return int(bars)
