"""Draws the stories of `explain`: candles, entry, target, stop and the bar that decided.

Needs Altair, which `pip install 'duck-label[plot]'` brings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from duck_label.errors import ConfigError, OutputError
from duck_label.look.explain import Story
from duck_label.look.path import Bar
from duck_label.outcomes import BY_NAME

_KINDS = (".png", ".svg", ".html")
_EDGE = 12
_WIDTH, _HEIGHT = 900, 320
# More candles than this are no longer told apart: neighbours are drawn as one.
_CANDLES = 225
_RISING, _FALLING = "#2a9d8f", "#c8553d"
_CLOSE = BY_NAME["close"].colour
_LINES = {"entry": "#555555", "target": "#1b7f3b", "stop": "#b3261e"}


def draw(stories: Sequence[Story], path: Path) -> None:
    """Draw stories below one another into a .png, .svg or .html file (which opens offline).

    Raises:
        ConfigError: for another kind of file, or where Altair is not installed.
        OutputError: if the file cannot be written.
    """
    if path.suffix.lower() not in _KINDS:
        raise ConfigError(f"--plot {path}: end the name in {', '.join(_KINDS)}")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: cannot be written: there is no folder {path.parent}")
    try:
        import altair
        import vl_convert  # noqa: F401 - what Altair draws with
    except ImportError:
        raise ConfigError("--plot needs Altair: pip install 'duck-label[plot]'") from None
    with altair.data_transformers.enable("default", max_rows=None):
        chart = altair.vconcat(*(_chart(altair, story) for story in stories))
        chart = chart.configure_view(stroke="#dddddd").configure_axis(gridColor="#eeeeee")
        try:
            chart.save(str(path), **_MORE.get(path.suffix.lower(), {}))
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


class _InAPage(json.JSONEncoder):
    """JSON inside a script of a page, which would end at the `</script>` of a name."""

    def encode(self, o: Any) -> str:
        """The JSON of a value."""
        return super().encode(o).replace("</", "<\\/")


_MORE: dict[str, dict[str, Any]] = {
    ".png": {"ppi": 144},
    ".html": {"inline": True, "json_kwds": {"cls": _InAPage}},
}


def _chart(alt: Any, story: Story) -> Any:
    trade = story.trade
    bars = [story.signal, *(step.bar for step in trade.path)]
    candles = _candles(story, bars)
    prices = [candle[kind] for candle in candles for kind in ("low", "high")]
    levels = {name: getattr(trade, name) for name in _LINES if getattr(trade, name) is not None}
    stops = [step.stop for step in trade.path if step.stop is not None]
    lowest = min([*prices, *levels.values(), *stops])
    highest = max([*prices, *levels.values(), *stops])
    margin = (highest - lowest) * 0.06 or 1
    y = alt.Y(
        "low:Q",
        title="price",
        axis=alt.Axis(format=".10~g"),
        scale=alt.Scale(domain=[lowest - margin, highest + margin], nice=False, zero=False),
    )
    x = alt.X(
        "time:T",
        title="time (UTC)",
        scale=alt.Scale(type="utc", padding=_EDGE),
        axis=alt.Axis(format=_clock_format(story, bars), tickCount=8),
    )
    colour = alt.condition("datum.close >= datum.open", alt.value(_RISING), alt.value(_FALLING))
    tips = ["time:T", "open:Q", "high:Q", "low:Q", "close:Q", "bars:Q"]
    base = alt.Chart(alt.Data(values=candles)).encode(x=x, tooltip=tips)
    width = max(1.0, min(9.0, 0.7 * _WIDTH / len(candles)))
    layers = [
        base.mark_rule().encode(y=y, y2="high:Q", color=colour),
        base.mark_bar(size=width).encode(y=alt.Y("open:Q"), y2="close:Q", color=colour),
        # A candle that closes where it opened has no body to see.
        base.mark_tick(size=width, thickness=1.5, orient="horizontal").encode(
            y="close:Q", color=colour
        ),
    ]
    start, end = (_iso(story.moment(bars[place])) for place in (0, -1))
    for name, price in levels.items():
        if name == "stop" and trade.mode.trailing:
            layers += _stairs(alt, story)
        else:
            layers += _line(alt, name, price, start, end)
    if story.closes is not None and trade.outcome == "close":
        layers += _close(alt, _iso(story.closes))
    if trade.path:
        layers.append(_point(alt, story, "entry", trade.path[0].bar, levels["entry"]))
    if trade.outcome in ("target", "stop"):
        last = trade.path[-1]
        price = levels[trade.outcome] if last.stop is None else last.stop
        price = levels["target"] if trade.outcome == "target" else price
        layers.append(_point(alt, story, trade.outcome, last.bar, price))
    return alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT, title=_title(story))


def _candles(story: Story, bars: Sequence[Bar]) -> list[dict[str, Any]]:
    """The bars, or equal runs of neighbours as one candle each where there are too many."""
    run = math.ceil(len(bars) / _CANDLES)
    runs = [bars[start : start + run] for start in range(0, len(bars), run)]
    return [
        {
            "time": _iso(story.moment(some[0])),
            "open": some[0].open,
            "high": max(bar.high for bar in some),
            "low": min(bar.low for bar in some),
            "close": some[-1].close,
            "bars": len(some),
        }
        for some in runs
    ]


def _line(alt: Any, name: str, price: float, start: str, end: str) -> list[Any]:
    data = alt.Data(values=[{"start": start, "end": end, "price": price, "name": name}])
    x = alt.X("start:T", scale=alt.Scale(type="utc"))
    style = {"color": _LINES[name], "strokeDash": [6, 3] if name != "entry" else [2, 2]}
    line = alt.Chart(data).mark_rule(strokeWidth=1.5, **style).encode(x=x, x2="end:T", y="price:Q")
    text = (
        alt.Chart(data)
        .mark_text(align="left", dx=_EDGE + 8, color=_LINES[name], fontWeight="bold")
        .encode(x=alt.X("end:T"), y="price:Q", text=alt.value(f"{name} {price:.10g}"))
    )
    return [line, text]


def _close(alt: Any, time: str) -> list[Any]:
    """Where the session ends, as a line across all prices."""
    base = alt.Chart(alt.Data(values=[{"time": time}])).encode(
        x=alt.X("time:T", scale=alt.Scale(type="utc"))
    )
    line = base.mark_rule(strokeWidth=1.5, color=_CLOSE, strokeDash=[6, 3])
    text = base.mark_text(align="right", dx=-4, baseline="top", color=_CLOSE, fontWeight="bold")
    return [line, text.encode(y=alt.value(4), text=alt.value("close"))]


def _stairs(alt: Any, story: Story) -> list[Any]:
    """A stop that trails: where it stood when each bar of the path opened."""
    path = story.trade.path
    steps = [{"time": _iso(story.moment(step.bar)), "price": step.stop} for step in path]
    data = alt.Data(values=[{**step, "name": "stop"} for step in steps])
    x = alt.X("time:T", scale=alt.Scale(type="utc"))
    line = (
        alt.Chart(data)
        .mark_line(
            interpolate="step-after", strokeWidth=1.5, color=_LINES["stop"], strokeDash=[6, 3]
        )
        .encode(x=x, y="price:Q", tooltip=["name:N", "time:T", "price:Q"])
    )
    text = (
        alt.Chart(alt.Data(values=steps[-1:]))
        .mark_text(align="left", dx=_EDGE + 8, color=_LINES["stop"], fontWeight="bold")
        .encode(x=x, y="price:Q", text=alt.value(f"stop {path[-1].stop:.10g}"))
    )
    return [line, text]


def _point(alt: Any, story: Story, what: str, bar: Bar, price: float) -> Any:
    at = {"time": _iso(story.moment(bar)), "price": price, "what": what}
    return (
        alt.Chart(alt.Data(values=[at]))
        .mark_point(size=120, color=_LINES[what], filled=False, strokeWidth=2.5)
        .encode(
            x=alt.X("time:T", scale=alt.Scale(type="utc")),
            y="price:Q",
            tooltip=["what:N", "time:T", "price:Q"],
        )
    )


def _title(story: Story) -> dict[str, Any]:
    trade = story.trade
    name = "" if story.symbol is None else f"{story.symbol} "
    result = f"{trade.outcome}, label {trade.label}"
    if trade.weight is not None:
        result += f", weight {trade.weight:.5g}"
    direction = {1: "long", -1: "short", 0: "no side"}[trade.side]
    details = f"{direction}, stop {trade.mode.stop}{' trailing' * trade.mode.trailing}, "
    details += f"target {trade.mode.target}"
    if trade.seconds is not None:
        details += f"; {trade.seconds:.10g} s, MAE {trade.mae_ticks:.10g}, "
        details += f"MFE {trade.mfe_ticks:.10g} ticks"
    when = f"{story.moment(story.signal):%Y-%m-%d %H:%M:%S}"
    return {
        "text": f"{name}{when}  {trade.mode.name}: {result}",
        "subtitle": details,
        "anchor": "start",
    }


def _clock_format(story: Story, bars: Sequence[Bar]) -> str:
    is_one_day = len({story.moment(bar).date() for bar in (bars[0], bars[-1])}) == 1
    return "%H:%M:%S" if is_one_day else "%m-%d %H:%M"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
