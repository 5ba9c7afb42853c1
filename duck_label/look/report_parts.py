"""What the report shows: its sections, each of parts with words, a chart, and the table behind it.

Takes statistics of the labels and the records of the runs; how charts look is the business of
`charts` and `memory_charts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from duck_label.look import charts, memory_charts
from duck_label.look.charts import Chart
from duck_label.look.outcome_tables import outcomes_table, returns_table, told_sessions, worth_table
from duck_label.look.stats import Statistics
from duck_label.memory.budget import MB, format_bytes
from duck_label.records.runs import Run
from duck_label.tables import Table, counted, number, share

MOMENT = "%Y-%m-%d %H:%M:%S"
# The last runs that labeled something, each with a chart; older ones are in the table of runs.
_CHARTED_RUNS = 3
# A table has at most so many rows; of longer ones the most telling are shown.
_MOST_ROWS = 250


@dataclass(frozen=True)
class Part:
    """A piece of a section: words, then a chart where there is one, and its table."""

    title: str
    words: str
    table: Table
    chart: Chart | None = None


@dataclass(frozen=True)
class Section:
    """A headed part of the page."""

    title: str
    parts: Sequence[Part]


def facts(labels: Statistics, runs: Sequence[Run]) -> Iterator[tuple[str, str, str]]:
    """The few numbers at the top: what, how much, and a remark."""
    total = labels.total
    rates = [mode.win_rate for mode in total.modes if mode.win_rate is not None]
    counts = {
        status: [check.status for check in labels.checks].count(status)
        for status in ("fail", "warn", "pass")
    }
    files = f"in {counted(labels.part_files, 'part file')}"
    if total.asks_some:
        yield "bars asked", number(total.asked_bars), f"of {number(total.bars)} {files}"
    else:
        yield "bars labeled", number(total.bars), files
    if labels.bars_outside is not None:
        outside = f"{counted(labels.bars_outside, 'bar')} outside"
        yield "days with a session", number(labels.session_days), outside
    if rates:
        yield (
            "win rates",
            f"{min(rates):.0%} to {max(rates):.0%}",
            counted(len(total.modes), "mode"),
        )
    yield (
        "checks",
        labels.status,
        ", ".join(f"{count} {status}" for status, count in counts.items() if count),
    )
    if runs:
        peak, limit = max((run.peak_rss_bytes, run.memory_limit_bytes) for run in runs)
        yield "peak memory", format_bytes(peak), f"{peak / limit:.0%} of {format_bytes(limit)}"


def checks(labels: Statistics) -> Part:
    """Whether the labels are fit to train on."""
    rows = [
        (
            check.status,
            check.name.replace("_", " "),
            check.mode or "",
            share(check.value) if check.unit == "share" else number(check.value),
            check.message,
        )
        for check in labels.checks
    ]
    table = Table("Checks", ("status", "check", "mode", "number", "what was found"), rows, left=5)
    return Part("", "", table)


def labels(
    labels: Statistics,
    edges: list[float],
    spread: Mapping[str, list[int]],
    symbols: Statistics | None = None,
) -> Iterator[Part]:
    """Win rates, outcomes and weights; `spread` are the winners of each mode between `edges`."""
    total = labels.total
    by = "month" if labels.by == "month" else "session"
    named = {group.name: group for group in labels.groups}
    names = _months(list(named)) if by == "month" else list(named)
    modes = [mode.mode for mode in labels.total.modes]
    rates: dict[str, list[float | None]] = {mode: [] for mode in modes}
    for name in names:
        of_group = {mode.mode: mode.win_rate for mode in named[name].modes} if name in named else {}
        for mode in modes:
            rates[mode].append(of_group.get(mode))
    yield Part(
        f"Win rate by {by}",
        "How often the target was touched before the stop, among bars with a label."
        + (f" {told_sessions(labels)}" if by == "session" else ""),
        _rates(by, labels),
        charts.win_rates(names, rates),
    )
    if symbols is not None:
        yield Part("Win rate by symbol", "", _rates("symbol", symbols))
    yield Part(
        "Outcomes",
        (
            "What became of the trade of every bar. "
            if not total.asks_some
            else "What became of the trade of every bar; the chart has those that are asked. "
        )
        + "MAE and seconds are means over the outcome target; "
        "tied is the share of the trades that touch a barrier which one bar decided that touches "
        "both.",
        outcomes_table(total),
        charts.outcome_shares(
            {
                mode.mode: {
                    name: bars / max(1, mode.asked_bars)
                    for name, bars in mode.outcomes_of_the_asked.items()
                }
                for mode in total.modes
            }
        ),
    )
    if any(mode.returns for mode in labels.total.modes):
        yield Part(
            "Returns",
            "Of all trades with an exit, without costs; overlapping trades count each.",
            returns_table(labels.total),
        )
    if any(mode.worth for mode in labels.total.modes):
        yield Part(
            "Overlap",
            "Labels that share bars count once together: the sum of their uniqueness is what they "
            "are worth.",
            worth_table(labels.total),
        )
    yield Part(
        "Weights of winners",
        "Quality times velocity times decay; every other bar weighs the decay of its month alone.",
        Table(
            "Winners by weight",
            ("weight", *spread),
            [
                (f"{edges[place]:.2f} to {edges[place + 1]:.2f}", *map(number, counts))
                for place, counts in enumerate(zip(*spread.values(), strict=True))
            ],
        ),
        charts.weights(
            edges,
            {
                mode: [count / max(1, sum(counts)) for count in counts]
                for mode, counts in spread.items()
            },
        ),
    )
    yield Part(
        "Weights of all bars",
        "",
        Table(
            "Weights",
            ("mode", "mean", "std", "min", "5 %", "25 %", "50 %", "75 %", "95 %", "max"),
            [
                (mode, *(number(value, 4) for value in astuple(weights)))
                for mode, weights in labels.weights.items()
            ],
        ),
    )


def _months(names: list[str]) -> list[str]:
    """All months from the first to the last: those without bars are gaps."""
    first, last = (12 * int(name[:4]) + int(name[5:]) - 1 for name in (names[0], names[-1]))
    return [f"{month // 12:04}-{month % 12 + 1:02}" for month in range(first, last + 1)]


def _rates(by: str, labels: Statistics) -> Table:
    """Bars and win rates, a row for each group."""
    modes = [mode.mode for mode in labels.total.modes]
    groups = sorted(labels.groups, key=lambda group: -group.bars)[:_MOST_ROWS]
    more = f" (the {_MOST_ROWS} with most bars of {len(labels.groups):,})"
    asked = ("asked",) if labels.total.asks_some else ()
    return Table(
        "Win rate" + more * (len(groups) < len(labels.groups)),
        (by, "bars", *asked, *modes),
        [
            (
                group.name or "",
                number(group.bars),
                *(number(group.asked_bars) for _ in asked),
                *(share({one.mode: one.win_rate for one in group.modes}.get(m)) for m in modes),
            )
            for group in labels.groups
            if group in groups
        ],
    )


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
    step = -(-len(run.snapshots) // _MOST_ROWS) or 1
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
    shown = sorted(records[:_MOST_ROWS], key=lambda record: record.start)
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
            for run in runs[-_MOST_ROWS:]
        ],
        left=2,
    )


def _events(events: Sequence[Mapping[str, Any]]) -> Table:
    more = f" (the last {_MOST_ROWS} of {len(events):,})" * (len(events) > _MOST_ROWS)
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
            for event in events[-_MOST_ROWS:]
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
