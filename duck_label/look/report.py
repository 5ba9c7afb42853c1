"""The report on an output folder: one HTML file that opens anywhere, with nothing beside it.

What it shows is the business of `report_parts` and `report_runs`, how the page looks that of
`templates/report.html`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from duck_label.columns import identifier
from duck_label.errors import ConfigError
from duck_label.look.resources import Resources
from duck_label.look.stats import Statistics, statistics_of
from duck_label.look.unchanged import Unchanged
from duck_label.queries import render
from duck_label.records.ledger import Ledger
from duck_label.records.runs import read_runs
from duck_label.tables import counted
from duck_label.whole import whole

_BINS = 20
# Fewer make no line: days do.
_FEWEST_MONTHS = 3


def write_report(output: str | Path, path: Path, resources: Resources | None = None) -> int:
    """Write the report on an output folder into a file, whole or not at all; returns its size.

    Raises:
        ConfigError: if the library for charts is not installed.
        InputError: if there are no labels in the folder, a part file is damaged, or one was written
            anew meanwhile.
        OutputError: if the file cannot be written, or there is nowhere to spill to.
        MemoryBudgetError: if the memory limit is too small.
    """
    try:
        import bokeh  # noqa: F401 - an extra that not everyone needs
    except ImportError:
        raise ConfigError(
            "the report needs the charts of bokeh: pip install 'duck-label[report]'"
        ) from None
    ledger = Ledger(output)
    with Unchanged(ledger):
        text = _page(ledger, resources or Resources()).encode()
    with whole(path) as file:
        file.write(text)
    return len(text)


def _page(ledger: Ledger, resources: Resources) -> str:
    from bokeh.embed import components
    from bokeh.resources import Resources

    from duck_label.look import report_parts, report_runs
    from duck_label.look.report_parts import MOMENT, Section

    labels, runs = statistics_of(ledger, "month", resources), read_runs(ledger)
    if len(labels.groups) < _FEWEST_MONTHS:
        labels = statistics_of(ledger, "session", resources)
    symbols = statistics_of(ledger, "symbol", resources) if len(labels.symbols) > 1 else None
    edges, spread = _weights(ledger, labels, resources)
    sections = [
        Section("Checks", [report_parts.checks(labels)]),
        Section("Labels", list(report_parts.labels(labels, edges, spread, symbols))),
        Section("Memory and time", list(report_runs.memory(runs))),
        Section("Configuration", list(report_runs.configuration(runs))),
    ]
    parts = [part for section in sections for part in section.parts]
    charts = {
        f"chart-{place}": part.chart.plot
        for place, part in enumerate(parts)
        if part.chart is not None
    }
    script, divisions = components(charts, wrap_script=False)
    environment = Environment(
        loader=PackageLoader("duck_label"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html").render(
        sections=sections,
        division=lambda part: Markup(divisions[f"chart-{parts.index(part)}"]),  # noqa: S704
        facts=list(report_parts.facts(labels, runs)),
        labels=labels,
        title=_title(ledger),
        first=f"{labels.total.first:{MOMENT}}",
        last=f"{labels.total.last:{MOMENT}}",
        library=Markup(Resources("inline", components=["bokeh"]).render_js()),  # noqa: S704
        script=Markup(script),  # noqa: S704
        made=f"{datetime.now(UTC):{MOMENT}}",
        version=version("duck-label"),
    )


def _title(ledger: Ledger) -> str:
    """What was labeled: the name of the file, or of the folder that all files lie in."""
    checked = ledger.checked()
    paths = [] if checked is None else [file.path for file in checked.files]
    if not paths:
        return f"Labels in {ledger.output}"
    if len(paths) == 1:
        return f"Labels of {paths[0].rpartition('/')[2]}"
    folders = zip(*(path.split("/")[:-1] for path in paths), strict=False)
    shared = [names[0] for names in takewhile(lambda names: len(set(names)) == 1, folders)]
    folder = shared[-1] if shared else ""
    return f"Labels of {counted(len(paths), 'file')}" + (f" in {folder}" if folder else "")


def _weights(
    ledger: Ledger, labels: Statistics, resources: Resources
) -> tuple[list[float], dict[str, list[int]]]:
    """The edges of bins, and for each mode how many winners have a weight in each."""
    top = max((weights.max or 0.0 for weights in labels.weights.values()), default=0.0) or 1.0
    width = top / _BINS
    files = ledger.part_files(ledger.chunks())
    spread = {}
    with resources.database(ledger.output) as database:
        for mode in labels.weights:
            names = {kind: identifier(f"{kind}_{mode}") for kind in ("label", "weight")}
            rows = database.rows(
                render("report/weights", names), {"files": files, "width": width, "bins": _BINS}
            )
            counts = dict(rows)
            spread[mode] = [int(counts.get(place, 0)) for place in range(_BINS)]
    return [width * place for place in range(_BINS + 1)], spread
