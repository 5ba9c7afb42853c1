# mypy: disable-error-code="import-untyped"
"""The report: whole in one file, its tables right, its charts drawn by a browser."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import golden
from duck_label.cli import main
from duck_label.look import charts
from duck_label.look.memory_charts import memory_over_time
from duck_label.look.report_parts import _months
from duck_label.look.stats import statistics
from duck_label.records.ledger import FOLDER, Ledger
from duck_label.records.runs import read_runs
from labeling import label_two as label
from labeling import write
from lengths import long_but

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
HOSTILE = "a</script><b>&\"'"


class Page(HTMLParser):
    """What a page loads, its tables, and how many charts and foldings it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.charts = 0
        self.foldings = 0
        self.styles = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        for name, value in attributes:
            if name in ("src", "href", "srcset", "action", "data") and value is not None:
                self.loads.append(value)
            self.charts += (name, value) == ("class", "chart")
        self.foldings += tag == "details"
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_data(self, data: str) -> None:
        if self._inside in ("td", "th"):
            self.tables[-1][-1][-1] += data
        elif self._inside == "style":
            self.styles += data

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def table(self, first_header: str, nth: int = 0) -> list[list[str]]:
        """The rows below the header of a table that is known by its first column."""
        found = [table for table in self.tables if table[0][0] == first_header]
        return found[nth][1:]


def report(output: Path) -> str:
    path = output.parent / "report.html"
    result = CliRunner().invoke(main, ["report", str(output), "-o", str(path)])
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"{path}: ")
    return path.read_text(encoding="utf-8")


def lines(output: Path, name: str) -> list[dict[str, Any]]:
    text = (output / FOLDER / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels of several months by two runs, and events of memory written into the records."""
    folder = tmp_path_factory.mktemp("report")
    bars = golden.bars("months")
    write(folder / "bars", [bars[:5000]])
    config: dict[str, Any] = {"run": {"chunk": "1mo"}, "as_of": date(2025, 1, 1)}
    label(folder / "bars", folder / "out", **config)
    pq.write_table(bars[5000:], folder / "bars" / "later.parquet")
    label(folder / "bars", folder / "out", **config)
    records = folder / "out" / FOLDER
    snapshots = lines(folder / "out", "snapshots/0002.jsonl")
    events = [
        {
            "time": snapshots[place]["time"],
            "run": 2,
            "kind": kind,
            "reason": f"because of {HOSTILE}",
            "before_bytes": 300_000_000,
            "after_bytes": 123_400_000,
            "chunk": None,
            "step": None,
        }
        for place, kind in enumerate(("cleanup", "retry", "warning", "something new"))
        if place < len(snapshots)
    ]
    text = "".join(json.dumps(event) + "\n" for event in events)
    (records / "memory_events.jsonl").write_text(text + '{"time": "2026-', encoding="utf-8")
    return folder / "out"


@pytest.fixture(scope="module")
def text(output: Path) -> str:
    return report(output)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_the_file_needs_nothing_beside_it(text: str, page: Page) -> None:
    assert len(text.encode()) < 6_000_000
    assert page.loads
    assert [load for load in page.loads if not load.startswith(("#", "data:"))] == []
    assert "@import" not in page.styles
    assert "url(" not in page.styles


def test_every_chart_has_its_table(page: Page) -> None:
    assert page.charts == page.foldings == 7
    assert all(len(table) > 1 for table in page.tables)


def test_win_rates_and_weights_are_those_of_the_part_files(output: Path, page: Page) -> None:
    parts = str(output / "*.parquet")
    query = (
        "select strftime(timestamp, '%Y-%m'), count(*), avg(label_low_vol_long), "
        "avg(label_low_vol_short) from read_parquet(?) group by 1 order by 1"
    )
    expected = [
        [month, f"{bars:,}", f"{long:.1%}", f"{short:.1%}"]
        for month, bars, long, short in duckdb.execute(query, [parts]).fetchall()
    ]
    shown = [[*row[:3], row[-1]] for row in page.table("month")]
    assert shown == expected
    query = "select count(*) from read_parquet(?) where label_low_vol_long = 1"
    (winners,) = duckdb.execute(query, [parts]).fetchall()[0]
    spread = page.table("weight")
    assert sum(int(row[1].replace(",", "")) for row in spread) == winners
    query = (
        "select count(*) from read_parquet(?) where label_low_vol_long = 1 "
        "and weight_low_vol_long >= ? and weight_low_vol_long < ?"
    )
    for row in spread[:-1]:
        low, high = (float(edge) for edge in row[0].split(" to "))
        # Edges are rounded where they are shown: ask for what surely lies between them.
        (least,) = duckdb.execute(query, [parts, low + 0.006, high - 0.006]).fetchall()[0]
        (most,) = duckdb.execute(query, [parts, low - 0.006, high + 0.006]).fetchall()[0]
        assert least <= int(row[1].replace(",", "")) <= most


def test_the_records_of_the_runs_are_shown(output: Path, page: Page) -> None:
    chunks = [line for line in lines(output, "chunks.jsonl") if line["run"] == 2]
    # The latest run comes first.
    shown = {row[0]: row[1:4] for row in page.table("part file")}
    for chunk in chunks:
        if chunk["file"] is not None:
            predicted, measured = (
                chunk[f"{kind}_bytes"] for kind in ("predicted_peak", "peak_rss")
            )
            assert shown[chunk["file"]] == [
                f"{chunk['rows']:,}",
                f"{predicted / 1e6:,.1f}",
                f"{measured / 1e6:,.1f}",
            ]
    assert [row[0] for row in page.table("run")] == ["1", "2"]
    events = page.table("run", nth=1)
    assert [row[2] for row in events][:2] == ["cleanup", "retry"]
    assert events[0][-2:] == ["300.0", "123.4"]
    assert events[0][3] == f"because of {HOSTILE}"
    assert ["as_of", "2025-01-01"] in page.table("key")
    programs = [row[0] for row in page.table("program")]
    assert programs == ["duck-label", "duckdb", "pyarrow", "python"]


def test_snapshots_in_the_table_are_the_highest(output: Path, page: Page) -> None:
    snapshots = lines(output, "snapshots/0002.jsonl")
    shown = [row for row in page.table("chunk") if row[3]]
    assert 0 < len(shown) <= 250
    peak = max(snapshot["rss_bytes"] for snapshot in snapshots)
    assert f"{peak / 1e6:,.1f}" in [row[3] for row in shown]


def test_only_a_status_has_the_colour_of_one(text: str, page: Page) -> None:
    failed = [row for row in page.table("status") if row[0] == "fail"]
    assert ["on_bad_rows", "fail"] in page.table("key")
    assert text.count('class="word fail"') == len(failed)


def test_memory_far_below_its_budget_is_seen(output: Path) -> None:
    far = memory_over_time(read_runs(Ledger(output))[0])
    assert far.plot.yaxis[0].axis_label == "MB (logarithmic)"
    run = read_runs(Ledger(output))[0]
    near = memory_over_time(replace(run, memory_limit_bytes=2 * run.peak_rss_bytes))
    assert near.plot.yaxis[0].axis_label == "MB"
    for chart in (far, near):
        drawn = chart.legend[0].shows[0].data_source.data["rss_drawn"]
        assert chart.plot.y_range.start < min(drawn)
        assert max(drawn) < chart.plot.y_range.end


def test_every_bin_of_weights_is_drawn_from_edge_to_edge() -> None:
    (key,) = charts.weights([0.0, 1.0, 2.0], {"mode": [0.25, 0.75]}).legend
    drawn = key.shows[0].data_source.data
    assert (drawn["weight"], drawn["share"]) == ([0.0, 1.0, 2.0], [0.25, 0.75, 0.75])


def test_missing_and_broken_records_are_no_obstacle(output: Path, tmp_path: Path) -> None:
    shutil.copytree(output, tmp_path / "out")
    records = tmp_path / "out" / FOLDER
    shutil.rmtree(records / "snapshots")
    (records / "memory_events.jsonl").unlink()
    with (records / "chunks.jsonl").open("a") as file:
        file.write('{"time": "2026-11-')
    page = Page(report(tmp_path / "out"))
    assert page.charts == page.foldings == 5


def test_names_of_the_user_are_text_and_nothing_else(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [golden.bars("plain")])
    mode = {"name": HOSTILE, "direction": "long", "stop": 4, "target": 4}
    label(bars, tmp_path / "<i>out", modes=[mode])
    text = report(tmp_path / "<i>out")
    assert HOSTILE in [row[0] for row in Page(text).table("mode")]
    assert HOSTILE not in text
    assert "<i>out" not in text
    assert text.count("</script>") == text.count("<script")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["report", "nowhere", "-o", "r.html"], 3, "there are no labels in this folder"),
        pytest.param(
            ["report", "{output}", "-o", "no/such/folder/r.html"],
            1,
            "cannot be written",
            marks=pytest.mark.long,
        ),
        (["report", "{output}"], 2, "Missing option"),
    ],
)
def test_mistakes_have_a_message(
    arguments: list[str],
    code: int,
    message: str,
    output: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [part.format(output=output) for part in arguments])
    assert result.exit_code == code, result.stderr
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_its_library_the_report_says_what_to_install(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bokeh", None)
    result = CliRunner().invoke(main, ["report", str(output), "-o", "r.html"])
    assert result.exit_code == 2
    assert "pip install 'duck-label[report]'" in result.stderr


@pytest.fixture
def browser(tmp_path: Path) -> list[str]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    flags = (
        "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking "
        "disable-component-update disable-sync enable-logging=stderr virtual-time-budget=20000"
    )
    return [
        CHROMIUM,
        *(f"--{flag}" for flag in flags.split()),
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]


@pytest.mark.parametrize("scheme", long_but(["dark"], ["light", "dark"]))
def test_a_browser_without_a_network_draws_every_chart(
    scheme: str, browser: list[str], output: Path, page: Page
) -> None:
    report(output)
    dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    path = output.parent / "report.html"
    ended = subprocess.run(
        [*browser, *dark, "--dump-dom", path.as_uri()],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    drawn = re.search(r'<html[^>]*data-charts="(\d+)"', ended.stdout)
    assert drawn is not None, ended.stderr[-2000:]
    assert int(drawn[1]) == page.charts
    said = [
        line for line in ended.stderr.splitlines() if "CONSOLE" in line and "[bokeh" not in line
    ]
    assert said == []


def test_few_months_go_by_session_and_panels_by_symbol(tmp_path: Path) -> None:
    bars = golden.bars("symbols_unsorted")
    write(tmp_path / "panel", [bars[:1000], bars[1000:]])
    label(tmp_path / "panel", tmp_path / "out")
    text = report(tmp_path / "out")
    assert "<title>Labels of 2 files in panel</title>" in text
    page = Page(text)
    parts = str(tmp_path / "out" / "*.parquet")
    query = (
        "select symbol, count(*), avg(label_low_vol_long) from read_parquet(?) "
        "group by all order by 1"
    )
    expected = [
        [symbol, f"{count:,}", f"{rate:.1%}"]
        for symbol, count, rate in duckdb.execute(query, [parts]).fetchall()
    ]
    assert len(expected) > 1
    assert [row[:3] for row in page.table("symbol")] == expected
    assert "Win rate by session" in text
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", row[0]) for row in page.table("session"))


def test_overlap_is_shown_over_time(tmp_path: Path) -> None:
    """Prices that never move: a trade runs through the four bars after its own, in two sessions."""
    count, horizon = 24, 4
    times = [datetime(2024, 3, 4, 21, 50, tzinfo=UTC) + timedelta(minutes=n) for n in range(count)]
    levels = dict.fromkeys(("open", "high", "low", "close"), [4000.0] * count)
    bars = pa.table({"timestamp": pa.array(times, pa.timestamp("us", "UTC")), **levels})
    modes = [{"name": "m", "direction": "long", "stop": 6, "target": 12}]
    config: dict[str, Any] = {"timeout_bars": horizon, "modes": modes, "uniqueness": True}
    label(write(tmp_path / "bars", [bars]), tmp_path / "out", **config)
    spans = [range(bar + 1, min(bar + 1 + horizon, count)) for bar in range(count - 1)]
    running = [sum(bar in span for span in spans) for bar in range(count)]
    worth = [sum(1 / running[bar] for bar in span) / len(span) for span in spans]
    # At 22:00 UTC a session begins in New York; the last bar has no trade.
    sessions = {"2024-03-04": worth[:10], "2024-03-05": worth[10:]}
    shown = {day: (len(of) / sum(of), sum(of)) for day, of in sessions.items()}
    text = report(tmp_path / "out")
    for nth, place in ((1, 0), (2, 1)):
        table = Page(text).table("session", nth)
        assert [(row[0], row[2]) for row in table] == [
            (day, f"{values[place]:.1f}") for day, values in shown.items()
        ]
    assert "Labels that lie over each other by session" in text
    for group in statistics(tmp_path / "out", "session").groups:
        told = group.modes[0].worth
        assert told is not None
        assert (told.labels_per_effective_label, told.effective_labels) == pytest.approx(
            shown[group.name], rel=1e-9
        )


def test_months_with_holes_are_not_joined() -> None:
    assert _months(["2023-11", "2024-02"]) == ["2023-11", "2023-12", "2024-01", "2024-02"]
    months = _months(["2023-11", "2024-01"])
    drawn = charts.over_time(charts.WIN_RATE, months, {"a": [0.2, None, 0.3]})
    (line, _), rates = drawn.legend[0].shows, drawn.legend[0].shows[0].data_source.data["value"]
    assert line.glyph.y == "value"
    assert [str(rate) for rate in rates] == ["0.2", "nan", "0.3"]


def test_long_values_of_the_configuration_are_whole_on_paper(page: Page) -> None:
    printed = page.styles[page.styles.index("@media print") :]
    assert re.search(r"td\.word \{ white-space: normal; overflow-wrap: anywhere", printed)
