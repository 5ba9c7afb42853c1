"""What the report shows of the runs: their memory and time, and the configuration in force.

Takes the records of the runs; how charts look is the business of `memory_charts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from duck_label.look import memory_charts
from duck_label.look.report_parts import MOMENT, MOST_ROWS, Part
from duck_label.memory.budget import MB, format_bytes
from duck_label.records.runs import Run
from duck_label.tables import Table, counted, number

# The last runs that labeled something, each with a chart; older ones are in the table of runs.
_CHARTED_RUNS = 3


def memory(runs: Sequence[Run]) -> Iterator[Part]:
    """The memory of the last runs, all runs, and what was done about memory."""
    charted = [run for run in runs if run.chunks][-_CHARTED_RUNS:]
    for run in reversed(charted):
        chunks = [chunk.record for chunk in run.chunks]
        yield Part(
            f"Memory of run {run.number}",
            f"{run.began:{MOMENT}} UTC: {counted(sum(c.bars for c in chunks), 'bar')} in "
            f"{counted(len(chunks), 'chunk')} under {format_bytes(run.memory_limit_bytes)}. "
            "Shades are chunks, triangles are events.",
            _snapshots(run),
            memory_charts.memory_over_time(run) if run.snapshots else None,
        )
        yield Part(
            f"Predicted and measured peaks of run {run.number}",
            "",
            _chunks(run),
            memory_charts.predicted_and_measured(run),
        )
    yield Part("Runs", "", _runs(runs))
    events = [event for run in runs for event in run.events]
    if events:
        yield Part("Memory events", "", _events(events))


def _snapshots(run: Run) -> Table:
    """Evenly spread snapshots, each the one with the highest RSS of its stretch."""
    step = -(-len(run.snapshots) // MOST_ROWS) or 1
    stretches = [run.snapshots[at : at + step] for at in range(0, len(run.snapshots), step)]
    highest = [max(stretch, key=lambda one: one["rss_bytes"]) for stretch in stretches]
    return Table(
        "Memory over time",
        ("chunk", "step", "time", "process MB", "DuckDB MB", "spilled MB", "available MB"),
        [
            (
                one["chunk"] or "",
                one["step"] or "",
                f"{one['time']:%H:%M:%S.%f}"[:-3],
                *(
                    _megabytes(one[f"{name}_bytes"])
                    for name in ("rss", "duckdb", "spill", "available")
                ),
            )
            for one in highest
        ],
        left=2,
    )


def _chunks(run: Run) -> Table:
    records = sorted((c.record for c in run.chunks), key=lambda c: c.peak_rss_bytes, reverse=True)
    shown = sorted(records[:MOST_ROWS], key=lambda record: record.start)
    more = f" (the {len(shown)} of {len(records):,} with the highest peaks)"
    return Table(
        "Chunks" + more * (len(shown) < len(records)),
        ("part file", "bars", "predicted MB", "measured MB", "spilled MB", "seconds", "attempts"),
        [
            (
                record.file or "(no bars)",
                number(record.bars),
                _megabytes(record.predicted_peak_bytes),
                _megabytes(record.peak_rss_bytes),
                _megabytes(record.spill_bytes),
                number(record.seconds, 2),
                number(record.attempts),
            )
            for record in shown
        ],
    )


def _runs(runs: Sequence[Run]) -> Table:
    return Table(
        "Runs",
        ("run", "began (UTC)", "bars", "chunks", "seconds", "peak", "budget", "threads"),
        [
            (
                str(run.number),
                f"{run.began:{MOMENT}}",
                number(sum(chunk.record.bars for chunk in run.chunks)),
                number(len(run.chunks)),
                number(run.summary["seconds"], 1) if run.summary else "not ended",
                format_bytes(run.peak_rss_bytes),
                format_bytes(run.memory_limit_bytes),
                str(run.threads),
            )
            for run in runs[-MOST_ROWS:]
        ],
        left=2,
    )


def _events(events: Sequence[Mapping[str, Any]]) -> Table:
    more = f" (the last {MOST_ROWS} of {len(events):,})" * (len(events) > MOST_ROWS)
    return Table(
        f"Events{more}",
        ("run", "time (UTC)", "kind", "reason", "chunk", "before MB", "after MB"),
        [
            (
                str(event["run"]),
                f"{event['time']:{MOMENT}}",
                event["kind"],
                event["reason"],
                event["chunk"] or "",
                _megabytes(event["before_bytes"]),
                _megabytes(event["after_bytes"]),
            )
            for event in events[-MOST_ROWS:]
        ],
        left=5,
    )


def configuration(runs: Sequence[Run]) -> Iterator[Part]:
    """What the last run was told, and the programs that it was made with."""
    if not runs:
        return
    run = runs[-1]
    yield Part(
        f"In force in run {run.number}",
        "",
        Table("Configuration", ("key", "value"), list(_flat("", run.config)), left=2),
    )
    yield Part(
        "Versions",
        "",
        Table("Versions", ("program", "version"), list(run.versions.items()), left=2),
    )


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{key}.", value)
        elif key == "modes":
            for mode in value:
                barriers = f"stop {mode['stop']}, target {mode['target']} ticks"
                yield f"modes: {mode['name']}", f"{mode['direction']}, {barriers}"
        else:
            yield f"{prefix}{key}", "not set" if value is None else str(value)


def _megabytes(size: int | None) -> str:
    return "" if size is None else number(size / MB, 1)
