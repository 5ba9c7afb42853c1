"""What was found of an input as tables."""

from __future__ import annotations

from collections.abc import Iterator

from duck_label.memory.budget import format_bytes
from duck_label.tables import Table, counted, number, share
from duck_label.validation.survey import SymbolReport
from duck_label.validation.validation import Validation

_SHOWN_SYMBOLS = 20
_SHOWN_MOVES = 3


def tables(validation: Validation) -> Iterator[Table | str]:
    """The files, the symbols, what is bad and odd, and the configuration that suits."""
    yield (
        f"{counted(validation.rows, 'bar')} in {counted(validation.files, 'file')} "
        f"({format_bytes(validation.size_bytes)}), {counted(validation.row_groups, 'row group')} "
        f"of up to {counted(validation.largest_row_group_rows, 'row')}"
    )
    renamed = {ours: theirs for ours, theirs in validation.columns.items() if ours != theirs}
    missing = [ours for ours in ("volume", "symbol") if ours not in validation.columns]
    if renamed:
        yield "columns: " + ", ".join(f"{ours} is {theirs}" for ours, theirs in renamed.items())
    if missing:
        yield f"there is no {' and no '.join(missing)}"
    yield ""
    shown = validation.symbols[:_SHOWN_SYMBOLS]
    yield Table(
        "Bars",
        ("symbol", "from", "to", "bars", "sessions", "seconds", "missing", "pauses", "longest"),
        [_bars(report) for report in shown],
    )
    yield "seconds: from bar to bar; missing: bars that are not there between pauses (half an hour)"
    yield ""
    yield Table(
        "Prices",
        ("symbol", "tick", "increment", "prices off", "typical height", "largest moves"),
        [_prices(report) for report in shown],
    )
    yield "height: of a third of the horizon; moves: between two closes, + across a pause"
    if len(validation.symbols) > len(shown):
        yield f"and {len(validation.symbols) - len(shown):,} more symbols (--json has them all)"
    yield ""
    if validation.broken_rules:
        yield f"{validation.bad_bars:,} bad bars"
        for broken in validation.broken_rules:
            yield f"  {broken.file}: {broken.bars:,} x {broken.rule}: {broken.meaning}"
            yield from (f"    {example}" for example in broken.examples)
    else:
        yield "no bad bars"
    for oddity in validation.oddities:
        yield f"odd: {oddity}"
    yield ""
    yield "A configuration that suits:"
    yield ""
    yield validation.suggestion.to_toml().rstrip()
    yield ""
    yield _verdict("the configuration in force", validation.refusals)
    yield _verdict("the suggested one", validation.suggested_refusals)


def _verdict(which: str, refusals: tuple[str, ...]) -> str:
    return f"With {which}, a run " + (
        f"refuses this input: {'; '.join(refusals)}" if refusals else "labels this input."
    )


def _bars(report: SymbolReport) -> tuple[str, ...]:
    longest = report.longest_pause_seconds if report.pauses else None
    return (
        report.symbol or "(none)",
        f"{report.first:%Y-%m-%d %H:%M:%S}",
        f"{report.last:%Y-%m-%d %H:%M:%S}",
        number(report.bars),
        number(report.sessions),
        "" if report.interval_seconds is None else f"{report.interval_seconds:g}",
        share(report.missing_share),
        number(report.pauses),
        "" if longest is None else f"{longest / 3600:,.1f} h",
    )


def _prices(report: SymbolReport) -> tuple[str, ...]:
    grid, height = report.grid, report.typical_height
    if grid is not None and grid.is_still:
        grid = None
    moves = report.largest_moves[:_SHOWN_MOVES]
    return (
        report.symbol or "(none)",
        "none" if grid is None else f"{grid.tick_size:f}",
        "none" if grid is None else f"{grid.price_increment:f}",
        "" if grid is None else number(grid.prices_off),
        "" if height is None else f"{height:.6g}",
        ", ".join(f"{'+' * move.is_across_pause}{move.points:.6g}" for move in moves),
    )
