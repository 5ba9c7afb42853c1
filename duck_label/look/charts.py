"""The charts of labels, as Bokeh figures, and what all charts of the report have in common.

Colours suit paper, light and dark screens alike. What is drawn comes as plain values; where it
comes from is the business of `report_parts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.palettes import Category20
from bokeh.plotting import figure

from duck_label import outcomes

# Near enough to the middle of grey to be read on white and on black; scripts of the page know more.
GREY = "#767676"
BLUE, ORANGE, GREEN, RED, PURPLE = "#3b82c4", "#d97a1f", "#3f9b58", "#cf4b4b", "#8b6cc4"
# Long and short of one regime lie next to each other: dark and light of one hue.
_MODES = ("#2166ac", "#74add1", "#1b7837", "#7fbf7b", "#b35806", "#f1a340", "#762a83", "#c2a5cf")


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


@dataclass(frozen=True)
class Measure:
    """What a line over time tells: its name, and how its values are written on axis and points."""

    name: str
    axis: str
    points: str


WIN_RATE = Measure("win rate", "0%", "0.0%")
EFFECTIVE = Measure("effective labels", "0,0", "0,0.0")
SHARED = Measure("labels per effective one", "0,0", "0,0.0")


def over_time(
    measure: Measure, groups: Sequence[str], values: Mapping[str, Sequence[float | None]]
) -> Chart:
    """A line for each mode over months or sessions; one without a value is a gap."""
    plot = plain_figure("", measure.name, x_range=Range1d(-0.5, len(groups) - 0.5))
    places = range(len(groups))
    # As many names as fit beside each other on a phone.
    plot.xaxis.ticker = FixedTicker(ticks=list(places[:: -(-len(groups) // 6)]))
    plot.xaxis.major_label_overrides = dict(zip(places, groups, strict=True))
    plot.yaxis.formatter = NumeralTickFormatter(format=measure.axis)
    plot.y_range.start = 0
    legend = []
    for (mode, of_mode), colour in zip(values.items(), _colours(len(values)), strict=True):
        source = ColumnDataSource(
            {
                "place": list(places),
                "group": list(groups),
                "value": [float("nan") if value is None else value for value in of_mode],
                "mode": [mode] * len(groups),
            }
        )
        line = plot.line("place", "value", source=source, color=colour, line_width=1.8)
        points = plot.scatter("place", "value", source=source, color=colour, size=6)
        legend.append(Key(mode, colour, "line", [line, points]))
        plot.add_tools(
            HoverTool(
                renderers=[points],
                tooltips=[
                    ("mode", "@mode"),
                    ("", "@group"),
                    (measure.name, f"@value{{{measure.points}}}"),
                ],
            )
        )
    return Chart(plot, legend)


def outcome_shares(shares: Mapping[str, Mapping[str, float]]) -> Chart:
    """A bar for each mode, cut into the shares of its outcomes."""
    modes = list(shares)
    plot = plain_figure(
        "share of the bars", "", y_range=list(reversed(modes)), height=70 + 34 * len(modes)
    )
    plot.xaxis.formatter = NumeralTickFormatter(format="0%")
    plot.x_range = Range1d(0, 1)
    plot.ygrid.visible = False
    legend = []
    left = [0.0] * len(modes)
    for one in outcomes.ALL:
        share = [shares[mode].get(one.name, 0.0) for mode in modes]
        right = [a + b for a, b in zip(left, share, strict=True)]
        bars = plot.hbar(
            y="mode",
            left="left",
            right="right",
            height=0.7,
            source={"mode": modes, "left": left, "right": right, "share": share},
            color=one.colour,
        )
        legend.append(Key(one.name, one.colour, "mark", [bars]))
        plot.add_tools(
            HoverTool(
                renderers=[bars],
                tooltips=[("mode", "@mode"), (one.name, "@share{0.00%}")],
            )
        )
        left = right
    return Chart(plot, legend)


def weights(edges: Sequence[float], shares: Mapping[str, Sequence[float]]) -> Chart:
    """For each mode, which share of its winners has a weight between two edges."""
    plot = plain_figure("weight of a winner", "share of the winners")
    plot.yaxis.formatter = NumeralTickFormatter(format="0%")
    plot.y_range.start = 0
    plot.x_range = Range1d(0, edges[-1])
    plot.xaxis.ticker = FixedTicker(ticks=[edges[-1] * eighth / 8 for eighth in range(9)])
    plot.xaxis.formatter = NumeralTickFormatter(format="0.[00]")
    legend = []
    for (mode, values), colour in zip(shares.items(), _colours(len(shares)), strict=True):
        # Each step begins at its edge; the last goes on to the edge that ends it.
        steps = [*values, *values[-1:]]
        line = plot.step(
            "weight",
            "share",
            source={"weight": list(edges), "share": steps, "mode": [mode] * len(steps)},
            mode="after",
            color=colour,
            line_width=1.8,
        )
        legend.append(Key(mode, colour, "line", [line]))
    plot.add_tools(
        HoverTool(tooltips=[("mode", "@mode"), ("weight", "$x{0.00}"), ("share", "@share{0.0%}")])
    )
    return Chart(plot, legend)


def plain_figure(x_label: str, y_label: str, *, height: int = 300, **more: object) -> figure:
    """A figure as wide as the page, without a title or legend; `more` goes to Bokeh."""
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
    plot.grid.grid_line_color = GREY
    plot.grid.grid_line_alpha = 0.2
    for axis in plot.axis:
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_color = axis.major_label_text_color = GREY
        axis.axis_line_color = axis.major_tick_line_color = GREY
        axis.minor_tick_line_color = None
    return plot


def _colours(count: int) -> list[str]:
    palette = _MODES if count <= len(_MODES) else Category20[20]
    return [palette[place % len(palette)] for place in range(count)]
