"""The charts of a run's memory: over time, and as it was predicted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bokeh.models import (
    BoxAnnotation,
    ColumnDataSource,
    HoverTool,
    NumeralTickFormatter,
    Range1d,
    Span,
)
from bokeh.plotting import figure

from duck_label.look.charts import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    Chart,
    Key,
    plain_figure,
)
from duck_label.memory.budget import MB
from duck_label.records.runs import Run

# How long after the beginning of a run a moment lies, in the unit of its chart.
Clock = Callable[[datetime], float]

# Units of time, their seconds, and how many of them a run must last to be measured in them.
_UNITS = (("hours", 3600, 3), ("minutes", 60, 5), ("seconds", 1, 0))
# From this part of the budget on, use is seen beside it on an even scale; on another, MB from here.
_NEAR, _LEAST_SHOWN = 0.3, 10
_EVENTS = {
    "warning": ORANGE,
    "critical": RED,
    "emergency": RED,
    "retry": RED,
    "cleanup": GREEN,
    "recovered": GREEN,
    "reconnect": PURPLE,
}


def memory_over_time(run: Run) -> Chart:
    """RSS, DuckDB's buffers and spilled bytes, the lines of the budget, the chunks and events."""
    times = [chunk.ended for chunk in run.chunks]
    times += [snapshot["time"] for snapshot in run.snapshots[-1:]]
    length = max((time - run.began).total_seconds() for time in times)
    unit, seconds = next(unit for unit in _UNITS if length >= unit[2] * unit[1])[:2]
    top, peak = max(run.memory_limit_bytes, run.peak_rss_bytes) / MB, run.peak_rss_bytes / MB
    # Far below the budget, a curve on an even scale would lie on the ground.
    is_even = peak > _NEAR * top
    scale = "MB" if is_even else "MB (logarithmic)"
    plot = plain_figure(
        f"{unit} since the run began", scale, y_axis_type="linear" if is_even else "log"
    )
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0")
    plot.y_range = Range1d(0, 1.08 * top) if is_even else Range1d(_LEAST_SHOWN, 1.5 * top)

    def clock(time: datetime) -> float:
        return (time - run.began).total_seconds() / seconds

    _draw_chunks(plot, run, clock)
    curves = _draw_curves(plot, run, clock, is_even=is_even)
    legend = [*curves, *_draw_lines(plot, run), *_draw_events(plot, run, clock)]
    return Chart(plot, legend)


def _draw_chunks(plot: figure, run: Run, clock: Clock) -> None:
    """A grey box for the time of each chunk."""
    for place, chunk in enumerate(sorted(run.chunks, key=lambda chunk: chunk.ended)):
        box = BoxAnnotation(
            left=clock(chunk.began), right=clock(chunk.ended), fill_color=GREY, line_color=None
        )
        box.fill_alpha = 0.12 if place % 2 else 0.04
        plot.add_layout(box)


def _draw_curves(plot: figure, run: Run, clock: Clock, *, is_even: bool) -> list[Key]:
    """What was used over time, in MB, on an even scale or a logarithmic one."""
    levels = {
        name: [_megabytes(snapshot[f"{name}_bytes"]) for snapshot in run.snapshots]
        for name in ("rss", "duckdb", "spill")
    }
    # Nothing has no logarithm.
    drawn = {
        f"{name}_drawn": [mb if is_even or mb >= _LEAST_SHOWN else float("nan") for mb in series]
        for name, series in levels.items()
    }
    source = ColumnDataSource(
        {
            "time": [clock(snapshot["time"]) for snapshot in run.snapshots],
            **levels,
            **drawn,
            "chunk": [snapshot["chunk"] or "between chunks" for snapshot in run.snapshots],
            "step": [snapshot["step"] or "" for snapshot in run.snapshots],
        }
    )
    legend = []
    for name, key, colour in (
        ("process (RSS)", "rss", BLUE),
        ("DuckDB's buffers", "duckdb", GREEN),
        ("spilled to disk", "spill", PURPLE),
    ):
        line = plot.line("time", f"{key}_drawn", source=source, color=colour, line_width=1.6)
        legend.append(Key(name, colour, "line", [line]))
    plot.add_tools(
        HoverTool(
            renderers=legend[0].shows,
            tooltips=[
                ("process", "@rss{0,0} MB"),
                ("DuckDB", "@duckdb{0,0} MB"),
                ("spilled", "@spill{0,0} MB"),
                ("chunk", "@chunk"),
                ("step", "@step"),
            ],
            mode="vline",
        )
    )
    return legend


def _draw_lines(plot: figure, run: Run) -> list[Key]:
    """The budget, and the lines of it at which something is done."""
    memory = run.config.get("memory", {})
    legend = []
    for name, share, colour, dash in (
        ("budget", 1, RED, "solid"),
        ("critical line", memory.get("critical_threshold"), ORANGE, "dashed"),
        ("cleanup line", memory.get("cleanup_threshold"), GREEN, "dashed"),
    ):
        if share:
            level = share * run.memory_limit_bytes / MB
            span = Span(location=level, dimension="width", line_color=colour, line_dash=dash)
            plot.add_layout(span)
            sign = "line" if dash == "solid" else "dash"
            legend.append(Key(f"{name}, {level:,.0f} MB", colour, sign, [span]))
    return legend


def _draw_events(plot: figure, run: Run, clock: Clock) -> list[Key]:
    """A triangle where a line was passed or something was done."""
    legend = []
    for kind in sorted({event["kind"] for event in run.events}):
        events = [event for event in run.events if event["kind"] == kind]
        colour = _EVENTS.get(kind, GREY)
        marks = plot.scatter(
            "time",
            "before",
            source={
                "time": [clock(event["time"]) for event in events],
                "before": [event["before_bytes"] / MB for event in events],
                "after": [event["after_bytes"] / MB for event in events],
                "reason": [event["reason"] for event in events],
            },
            size=9,
            marker="triangle",
            color=colour,
        )
        legend.append(Key(kind, colour, "triangle", [marks]))
        plot.add_tools(
            HoverTool(
                renderers=[marks],
                tooltips=[
                    (kind, "@reason"),
                    ("before", "@before{0,0} MB"),
                    ("after", "@after{0,0} MB"),
                ],
            )
        )
    return legend


def predicted_and_measured(run: Run) -> Chart:
    """A point for each chunk: what it was to need, and what it did need."""
    chunks = [chunk.record for chunk in run.chunks if chunk.record.predicted_peak_bytes]
    plot = plain_figure("predicted peak, MB", "measured peak, MB")
    predicted = [chunk.predicted_peak_bytes / MB for chunk in chunks]
    measured = [chunk.peak_rss_bytes / MB for chunk in chunks]
    peaks = [*predicted, *measured] or [1]
    ends = [0.9 * min(peaks), 1.1 * max(peaks)]
    plot.x_range, plot.y_range = Range1d(*ends), Range1d(*ends)
    line = plot.line(ends, ends, color=GREY, line_dash="dashed")
    points = plot.scatter(
        "predicted",
        "measured",
        source={
            "predicted": predicted,
            "measured": measured,
            "name": [chunk.file or "no bars" for chunk in chunks],
            "rows": [chunk.rows for chunk in chunks],
        },
        size=8,
        color=BLUE,
        alpha=0.7,
    )
    plot.add_tools(
        HoverTool(
            renderers=[points],
            tooltips=[
                ("chunk", "@name"),
                ("bars", "@rows{0,0}"),
                ("predicted", "@predicted{0,0} MB"),
                ("measured", "@measured{0,0} MB"),
            ],
        )
    )
    legend = [Key("chunk", BLUE, "dot", [points]), Key("as predicted", GREY, "dash", [line])]
    return Chart(plot, legend)


def _megabytes(size: int | None) -> float:
    return float("nan") if size is None else size / MB
