"""The charts of the report, as Bokeh figures. Colours suit paper, light and dark screens alike.

What is drawn comes as plain values; where it comes from is the business of `report`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from bokeh.models import (
    BoxAnnotation,
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    NumeralTickFormatter,
    Range1d,
    Span,
)
from bokeh.palettes import Category20
from bokeh.plotting import figure

from duck_label.memory import MB
from duck_label.runs import Run

# Near enough to the middle of grey to be read on white and on black; scripts of the page know more.
_GREY = "#767676"
_BLUE, _ORANGE, _GREEN, _RED, _PURPLE = "#3b82c4", "#d97a1f", "#3f9b58", "#cf4b4b", "#8b6cc4"
# Units of time, their seconds, and how many of them a run must last to be measured in them.
_UNITS = (("hours", 3600, 3), ("minutes", 60, 5), ("seconds", 1, 0))
# Long and short of one regime lie next to each other: dark and light of one hue.
_MODES = ("#2166ac", "#74add1", "#1b7837", "#7fbf7b", "#b35806", "#f1a340", "#762a83", "#c2a5cf")
_OUTCOMES = {
    "target": _GREEN,
    "stop": _RED,
    "timeout": "#9aa0a8",
    "roll": _PURPLE,
    "censored": "#c9a227",
    "none": "#5f6670",
}
_EVENTS = {
    "warning": _ORANGE,
    "critical": _RED,
    "emergency": _RED,
    "retry": _RED,
    "cleanup": _GREEN,
    "recovered": _GREEN,
    "reconnect": _PURPLE,
}


@dataclass(frozen=True)
class Key:
    """An entry of a legend: its sign (line, dash, dot, triangle, mark), and what it shows."""

    name: str
    colour: str
    sign: str
    shows: Sequence[Any] = ()


@dataclass(frozen=True)
class Chart:
    """A figure and its legend, which the page draws: so it wraps, prints and changes colour."""

    plot: figure
    legend: Sequence[Key]


def memory_over_time(run: Run) -> Chart:
    """RSS, DuckDB's buffers and spilled bytes, the lines of the budget, the chunks and events."""
    times = [chunk.ended for chunk in run.chunks]
    times += [snapshot["time"] for snapshot in run.snapshots[-1:]]
    length = max((time - run.began).total_seconds() for time in times)
    unit, seconds = next(unit for unit in _UNITS if length >= unit[2] * unit[1])[:2]
    plot = _figure(f"{unit} since the run began", "MB")

    def clock(time: datetime) -> float:
        return (time - run.began).total_seconds() / seconds

    top = max(run.memory_limit_bytes, run.peak_rss_bytes) / MB
    plot.y_range = Range1d(0, 1.08 * top)
    for place, chunk in enumerate(sorted(run.chunks, key=lambda chunk: chunk.ended)):
        box = BoxAnnotation(
            left=clock(chunk.began), right=clock(chunk.ended), fill_color=_GREY, line_color=None
        )
        box.fill_alpha = 0.12 if place % 2 else 0.04
        plot.add_layout(box)
    source = ColumnDataSource(
        {
            "time": [clock(snapshot["time"]) for snapshot in run.snapshots],
            **{
                name: [_megabytes(snapshot[f"{name}_bytes"]) for snapshot in run.snapshots]
                for name in ("rss", "duckdb", "spill")
            },
            "chunk": [snapshot["chunk"] or "between chunks" for snapshot in run.snapshots],
            "step": [snapshot["step"] or "" for snapshot in run.snapshots],
        }
    )
    legend = []
    for name, key, colour in (
        ("process (RSS)", "rss", _BLUE),
        ("DuckDB's buffers", "duckdb", _GREEN),
        ("spilled to disk", "spill", _PURPLE),
    ):
        line = plot.line("time", key, source=source, color=colour, line_width=1.6)
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
    memory = run.config.get("memory", {})
    for name, share, colour, dash in (
        ("budget", 1, _RED, "solid"),
        ("critical line", memory.get("critical_threshold"), _ORANGE, "dashed"),
        ("cleanup line", memory.get("cleanup_threshold"), _GREEN, "dashed"),
    ):
        if share:
            level = share * run.memory_limit_bytes / MB
            span = Span(location=level, dimension="width", line_color=colour, line_dash=dash)
            plot.add_layout(span)
            sign = "line" if dash == "solid" else "dash"
            legend.append(Key(f"{name}, {level:,.0f} MB", colour, sign, [span]))
    for kind in sorted({event["kind"] for event in run.events}):
        events = [event for event in run.events if event["kind"] == kind]
        colour = _EVENTS.get(kind, _GREY)
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
    return Chart(plot, legend)


def predicted_and_measured(run: Run) -> Chart:
    """A point for each chunk: what it was to need, and what it did need."""
    chunks = [chunk.record for chunk in run.chunks if chunk.record.predicted_peak_bytes]
    plot = _figure("predicted peak, MB", "measured peak, MB")
    predicted = [chunk.predicted_peak_bytes / MB for chunk in chunks]
    measured = [chunk.peak_rss_bytes / MB for chunk in chunks]
    peaks = [*predicted, *measured] or [1]
    ends = [0.9 * min(peaks), 1.1 * max(peaks)]
    plot.x_range, plot.y_range = Range1d(*ends), Range1d(*ends)
    line = plot.line(ends, ends, color=_GREY, line_dash="dashed")
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
        color=_BLUE,
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
    legend = [Key("chunk", _BLUE, "dot", [points]), Key("as predicted", _GREY, "dash", [line])]
    return Chart(plot, legend)


def win_rates(months: Sequence[str], rates: Mapping[str, Sequence[float | None]]) -> Chart:
    """A line for each mode over the months; a month without a label is a gap."""
    plot = _figure("", "win rate", x_range=list(months))
    plot.yaxis.formatter = NumeralTickFormatter(format="0%")
    plot.y_range.start = 0
    # Names of months stay apart.
    plot.xaxis.major_label_orientation = 0.8 if len(months) > 6 else 0.0
    if len(months) > 24:
        every = -(-len(months) // 24)
        plot.xaxis.major_label_overrides = {
            month: "" for place, month in enumerate(months) if place % every
        }
    legend = []
    for (mode, values), colour in zip(rates.items(), _colours(len(rates)), strict=True):
        source = ColumnDataSource(
            {
                "month": list(months),
                "rate": [float("nan") if value is None else value for value in values],
                "mode": [mode] * len(months),
            }
        )
        line = plot.line("month", "rate", source=source, color=colour, line_width=1.8)
        points = plot.scatter("month", "rate", source=source, color=colour, size=6)
        legend.append(Key(mode, colour, "line", [line, points]))
        plot.add_tools(
            HoverTool(
                renderers=[points],
                tooltips=[("mode", "@mode"), ("month", "@month"), ("win rate", "@rate{0.0%}")],
            )
        )
    return Chart(plot, legend)


def outcomes(shares: Mapping[str, Mapping[str, float]]) -> Chart:
    """A bar for each mode, cut into the shares of its outcomes."""
    modes = list(shares)
    plot = _figure(
        "share of the bars", "", y_range=list(reversed(modes)), height=70 + 34 * len(modes)
    )
    plot.xaxis.formatter = NumeralTickFormatter(format="0%")
    plot.x_range = Range1d(0, 1)
    plot.ygrid.visible = False
    legend = []
    left = [0.0] * len(modes)
    for outcome, colour in _OUTCOMES.items():
        share = [shares[mode].get(outcome, 0.0) for mode in modes]
        right = [a + b for a, b in zip(left, share, strict=True)]
        bars = plot.hbar(
            y="mode",
            left="left",
            right="right",
            height=0.7,
            source={"mode": modes, "left": left, "right": right, "share": share},
            color=colour,
        )
        legend.append(Key(outcome, colour, "mark", [bars]))
        plot.add_tools(
            HoverTool(
                renderers=[bars],
                tooltips=[("mode", "@mode"), (outcome, "@share{0.00%}")],
            )
        )
        left = right
    return Chart(plot, legend)


def weights(edges: Sequence[float], shares: Mapping[str, Sequence[float]]) -> Chart:
    """For each mode, which share of its winners has a weight between two edges."""
    plot = _figure("weight of a winner", "share of the winners")
    plot.yaxis.formatter = NumeralTickFormatter(format="0%")
    plot.y_range.start = 0
    plot.x_range = Range1d(0, edges[-1])
    plot.xaxis.ticker = FixedTicker(ticks=[edges[-1] * eighth / 8 for eighth in range(9)])
    plot.xaxis.formatter = NumeralTickFormatter(format="0.[00]")
    legend = []
    middles = [(a + b) / 2 for a, b in pairwise(edges)]
    for (mode, values), colour in zip(shares.items(), _colours(len(shares)), strict=True):
        line = plot.step(
            "weight",
            "share",
            source={"weight": middles, "share": list(values), "mode": [mode] * len(middles)},
            mode="center",
            color=colour,
            line_width=1.8,
        )
        legend.append(Key(mode, colour, "line", [line]))
    plot.add_tools(
        HoverTool(tooltips=[("mode", "@mode"), ("weight", "$x{0.00}"), ("share", "@share{0.0%}")])
    )
    return Chart(plot, legend)


def _figure(x_label: str, y_label: str, *, height: int = 300, **more: object) -> figure:
    plot = figure(
        sizing_mode="stretch_width",
        height=height,
        tools="pan,xbox_zoom,wheel_zoom,reset,save",
        # On a phone a finger on a chart goes on with the page, until a tool is chosen.
        active_drag=None,
        active_scroll=None,
        output_backend="svg",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        x_axis_label=x_label,
        y_axis_label=y_label,
        **more,
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.grid.grid_line_color = _GREY
    plot.grid.grid_line_alpha = 0.2
    for axis in plot.axis:
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_color = axis.major_label_text_color = _GREY
        axis.axis_line_color = axis.major_tick_line_color = _GREY
        axis.minor_tick_line_color = None
    return plot


def _colours(count: int) -> list[str]:
    palette = _MODES if count <= len(_MODES) else Category20[20]
    return [palette[place % len(palette)] for place in range(count)]


def _megabytes(size: int | None) -> float:
    return float("nan") if size is None else size / MB
