"""A story of `explain` in words, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from io import StringIO
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from duck_label.barriers import Barrier
from duck_label.look.explain import Story
from duck_label.look.path import Bar, Step
from duck_label.outcomes import BY_NAME


def tell(story: Story) -> str:
    """What happened to a trade, line by line: entry, barriers, path, outcome, weight, verdict."""
    return "\n".join((_title(story), *_barriers(story), *_path(story), *_sums(story)))


def _title(story: Story) -> str:
    trade = story.trade
    name = f"{story.symbol} " if story.symbol is not None else ""
    result = f"label {_plain(trade.label)}, weight {_number(trade.weight)}"
    return f"{name}{_time(story.moment(story.signal))}  {trade.mode.name}: {result}"


def _barriers(story: Story) -> Iterator[str]:
    trade, mode = story.trade, story.trade.mode
    if trade.entry is None:
        return
    direction = "long" if trade.side > 0 else "short"
    at = "the close of the bar" if story.enters_at_close else "the open of the next bar"
    yield f"  entry    {_number(trade.entry):>12}  {direction}, at {at}"
    for name, price, ticks, sign, barrier in (
        ("target", trade.target, trade.target_ticks, trade.side, mode.target),
        ("stop", trade.stop, trade.stop_ticks, -trade.side, mode.stop),
    ):
        yield f"  {name:<8} {_level(price, ticks, sign, barrier)}"
    if story.closes is not None:
        yield f"  close    {_time(story.closes)}, when the session ends"
    if mode.trailing:
        yield "           the stop trails: it follows the best price of the path before each bar"


def _level(price: float | None, ticks: float | None, sign: int, barrier: Barrier) -> str:
    """Where a barrier lies, and how that is written where it is not in ticks."""
    if barrier.is_none:
        return f"{'none':>12}"
    if price is None or ticks is None:
        return f"{'unknown':>12}  {barrier}"
    written = "" if barrier.ticks is not None else f" ({barrier})"
    return f"{_number(price):>12}  {_signed(sign * ticks)} ticks{written}"


def _signed(value: float) -> str:
    return f"{value:+.10g}"


def _path(story: Story) -> Iterator[str]:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("bar", "time", "open", "high", "low", "close", "seconds", "MAE", "MFE"):
        table.add_column(name, justify="right")
    if story.trade.mode.trailing:
        table.add_column("stop", justify="right")
    table.add_row("signal", *_bar(story, story.signal), "", "", "")
    for step in steps_to_show(story.trade.path):
        numbers: list[float | None] = [step.seconds, step.mae_ticks, step.mfe_ticks]
        if story.trade.mode.trailing:
            numbers.append(step.stop)
        table.add_row(str(step.number), *_bar(story, step.bar), *map(_number, numbers))
    text = StringIO()
    Console(file=text, width=120, color_system=None).print(table)
    yield ""
    for line in text.getvalue().rstrip().splitlines():
        yield f"  {line.rstrip()}"
    yield ""


def steps_to_show(path: Sequence[Step]) -> list[Step]:
    """The bars of a path that tell it: the first, the last, and each that went farther than all."""
    shown = []
    against = in_favour = 0.0
    for step in path:
        is_end = step in (path[0], path[-1])
        if is_end or step.mae_ticks > against or step.mfe_ticks > in_favour:
            shown.append(step)
        against, in_favour = max(against, step.mae_ticks), max(in_favour, step.mfe_ticks)
    return shown


def _sums(story: Story) -> Iterator[str]:
    trade, w = story.trade, story.weights
    yield f"  outcome  {trade.outcome}: {trade.reason or BY_NAME[trade.outcome].why}"
    if trade.seconds is not None:
        yield (
            f"           after {_number(trade.seconds)} s on bar {len(trade.path)}; "
            f"MAE {_number(trade.mae_ticks)} ticks, MFE {_number(trade.mfe_ticks)} ticks"
        )
    if trade.exit_price is not None:
        gain = _number(trade.return_ticks)
        yield f"  exit     {_number(trade.exit_price)}, a return of {gain} ticks"
    if trade.quality is not None and trade.velocity is not None:
        best, slope = _number(w["quality_best"]), _number(w["quality_slope"])
        yield (
            "  quality  1: there is no stop"
            if trade.stop_ticks is None
            else f"  quality  {_number(trade.quality)} = {best} - {slope} * "
            f"{_number(trade.mae_ticks)} / {_number(trade.stop_ticks)}, "
            f"from {_number(w['floor'])} to {best}"
        )
        best, slope = _number(w["velocity_best"]), _number(w["velocity_slope"])
        yield (
            f"  velocity {_number(trade.velocity)} = {best} - {slope} * "
            f"({_number(trade.seconds)} - {_number(w['optimal_seconds'])}) / "
            f"{_number(w['velocity_span_seconds'])}, from {_number(w['floor'])} to {best}"
        )
    yield (
        f"  decay    {_number(trade.decay)} = exp(-{_number(w['decay_rate'])} * "
        f"{trade.months_ago} months)"
    )
    if trade.uniqueness is not None:
        yield f"  uniqueness {_number(trade.uniqueness)}, as the output has it"
    if trade.weight is not None:
        values = {name: getattr(trade, name) for name in story.factors}
        factors = [_number(value) for value in values.values() if value is not None]
        yield f"  weight   {_number(trade.weight)} = {' * '.join(factors or ['1'])}"
    stored = ", ".join(f"{kind} {_plain(value)}" for kind, value in story.stored.items())
    stored = stored or "no row, as only bars that are asked have one"
    yield f"  stored   {stored}: {story.verdict.upper() if story.differences else 'agrees'}"
    for line in (*story.differences, *(story.doubts if story.differences else ())):
        yield f"           {line}"


def to_json(story: Story) -> dict[str, Any]:
    """A story as plain values; keys carry units."""
    trade = story.trade
    return {
        "symbol": None if story.symbol is None else str(story.symbol),
        "timestamp": story.moment(story.signal).isoformat(),
        "mode": trade.mode.name,
        "direction": {1: "long", -1: "short", 0: None}[trade.side],
        "stop": str(trade.mode.stop),
        "target": str(trade.mode.target),
        "stop_ticks": trade.stop_ticks,
        "target_ticks": trade.target_ticks,
        "entry_price": trade.entry,
        "target_price": trade.target,
        "stop_price": trade.stop,
        "session_close": None if story.closes is None else story.closes.isoformat(),
        "outcome": trade.outcome,
        "reason": trade.reason,
        "path_bars": len(trade.path),
        "path": [_step(story, step) for step in steps_to_show(trade.path)],
        "mae_ticks": trade.mae_ticks,
        "mfe_ticks": trade.mfe_ticks,
        "seconds": trade.seconds,
        "exit_price": trade.exit_price,
        "return_ticks": trade.return_ticks,
        "quality": trade.quality,
        "velocity": trade.velocity,
        "months_ago": trade.months_ago,
        "decay": trade.decay,
        "uniqueness": trade.uniqueness,
        "label": trade.label,
        "weight": trade.weight,
        "stored": dict(story.stored),
        "verdict": story.verdict,
        "differences": list(story.differences),
        "doubts": list(story.doubts),
    }


def _step(story: Story, step: Step) -> dict[str, Any]:
    bar = step.bar
    return {
        "bar": step.number,
        "timestamp": story.moment(bar).isoformat(),
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "seconds": step.seconds,
        "mae_ticks": step.mae_ticks,
        "mfe_ticks": step.mfe_ticks,
        "stop_price": step.stop,
    }


def _bar(story: Story, bar: Bar) -> tuple[str, ...]:
    prices = (bar.open, bar.high, bar.low, bar.close)
    return _time(story.moment(bar)), *(_number(price) for price in prices)


def _time(moment: datetime) -> str:
    text = f"{moment:%Y-%m-%d %H:%M:%S}"
    return f"{text}.{moment.microsecond:06d}" if moment.microsecond else text


def _number(value: float | None) -> str:
    return "null" if value is None else f"{value:.10g}"


def _plain(value: Any) -> str:
    return _number(value) if isinstance(value, float) or value is None else str(value)
