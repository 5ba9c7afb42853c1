"""What the report shows: its sections, each of parts with words, a chart, and the table behind it.

Here are those of the labels; `report_runs` has those of the runs. How charts look is the business
of `charts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass

from duck_label.look import charts
from duck_label.look.charts import Chart, Measure
from duck_label.look.outcome_tables import outcomes_table, returns_table, told_sessions, worth_table
from duck_label.look.stats import Statistics
from duck_label.look.tallies import Group, ModeTally
from duck_label.memory.budget import format_bytes
from duck_label.records.runs import Run
from duck_label.tables import Table, counted, number, share

MOMENT = "%Y-%m-%d %H:%M:%S"
# A table has at most so many rows; of longer ones the most telling are shown.
MOST_ROWS = 250


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
    worths = [mode.worth for mode in total.modes if mode.worth is not None]
    if worths:
        least, most = (end(worth.effective_labels for worth in worths) for end in (min, max))
        trades = max(worth.trades for worth in worths)
        yield "effective labels", _from_to(least, most), f"of {number(trades)} trades"
    yield (
        "checks",
        labels.status,
        ", ".join(f"{count} {status}" for status, count in counts.items() if count),
    )
    if runs:
        peak, limit = max((run.peak_rss_bytes, run.memory_limit_bytes) for run in runs)
        yield "peak memory", format_bytes(peak), f"{peak / limit:.0%} of {format_bytes(limit)}"


def _from_to(least: float, most: float) -> str:
    shown = number(least), number(most)
    return shown[0] if shown[0] == shown[1] else "–".join(shown)  # noqa: RUF001 - a range


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
    yield Part(
        f"Win rate by {by}",
        "How often the target was touched before the stop, among bars with a label."
        + (f" {told_sessions(labels)}" if by == "session" else ""),
        _rates(by, labels),
        _over_time(charts.WIN_RATE, by, labels, lambda mode: mode.win_rate),
    )
    if symbols is not None:
        yield Part("Win rate by symbol", "", _rates("symbol", symbols))
    yield _outcomes(total)
    if any(mode.returns for mode in labels.total.modes):
        yield Part(
            "Returns",
            "Of all trades with an exit, without costs; overlapping trades count each.",
            returns_table(labels.total),
        )
    if any(mode.worth for mode in total.modes):
        yield from _overlap(by, labels)
    yield _weights_of_winners(edges, spread)
    yield _weights_of_all(labels)


def _outcomes(total: Group) -> Part:
    """What became of the trades of each mode."""
    return Part(
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


def _weights_of_winners(edges: list[float], spread: Mapping[str, list[int]]) -> Part:
    """How the weights of winners are spread, by mode."""
    return Part(
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


def _weights_of_all(labels: Statistics) -> Part:
    """The weights of each mode in a row of numbers."""
    return Part(
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


def _overlap(by: str, labels: Statistics) -> Iterator[Part]:
    """How many labels lie over each other, and what they are worth, in all and over time."""
    yield Part(
        "Overlap",
        "Labels that share bars count once together: the sum of their uniqueness is what they are "
        "worth.",
        worth_table(labels.total),
    )
    yield Part(
        f"Labels that lie over each other by {by}",
        "How many labels are worth as much as one that lies alone: the trades divided by the sum "
        "of their uniqueness. It is the harmonic mean of the number of trades that run at a bar, "
        f"over the bars of each trade and over the trades whose signal bar lies in the {by}.",
        _by_group(by, labels, "Labels per effective one", lambda one: number(_shared(one), 1)),
        _over_time(charts.SHARED, by, labels, _shared),
    )
    yield Part(
        f"Effective labels by {by}",
        f"What the labels of a {by} are worth: the sum of their uniqueness.",
        _by_group(by, labels, "Effective labels", lambda one: number(_effective(one), 1)),
        _over_time(charts.EFFECTIVE, by, labels, _effective),
    )


def _shared(mode: ModeTally) -> float | None:
    return None if mode.worth is None else mode.worth.labels_per_effective_label


def _effective(mode: ModeTally) -> float | None:
    return None if mode.worth is None else mode.worth.effective_labels


def _over_time(
    measure: Measure, by: str, labels: Statistics, of: Callable[[ModeTally], float | None]
) -> Chart:
    """A line for each mode over months or sessions."""
    named = {group.name: {mode.mode: of(mode) for mode in group.modes} for group in labels.groups}
    names = _months(list(named)) if by == "month" else list(named)
    modes = [mode.mode for mode in labels.total.modes]
    values = {mode: [named.get(name, {}).get(mode) for name in names] for mode in modes}
    return charts.over_time(measure, names, values)


def _months(names: list[str]) -> list[str]:
    """All months from the first to the last: those without bars are gaps."""
    first, last = (12 * int(name[:4]) + int(name[5:]) - 1 for name in (names[0], names[-1]))
    return [f"{month // 12:04}-{month % 12 + 1:02}" for month in range(first, last + 1)]


def _rates(by: str, labels: Statistics) -> Table:
    """Bars and win rates, a row for each group."""
    return _by_group(by, labels, "Win rate", lambda mode: share(mode.win_rate))


def _by_group(by: str, labels: Statistics, title: str, of: Callable[[ModeTally], str]) -> Table:
    """Bars and what is told of each mode, a row for each group."""
    modes = [mode.mode for mode in labels.total.modes]
    groups = sorted(labels.groups, key=lambda group: -group.bars)[:MOST_ROWS]
    more = f" (the {MOST_ROWS} with most bars of {len(labels.groups):,})"
    asked = ("asked",) if labels.total.asks_some else ()
    return Table(
        title + more * (len(groups) < len(labels.groups)),
        (by, "bars", *asked, *modes),
        [
            (
                group.name or "",
                number(group.bars),
                *(number(group.asked_bars) for _ in asked),
                *({one.mode: of(one) for one in group.modes}.get(mode, "") for mode in modes),
            )
            for group in labels.groups
            if group in groups
        ],
    )
