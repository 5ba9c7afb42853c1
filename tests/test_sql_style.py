"""The SQL that runs, rendered for several configurations, is formatted as .sqlfluff says."""

from dataclasses import replace
from pathlib import Path

import pytest

from duck_label import LabelingConfig, outcomes
from duck_label.columns import BarColumns, EventColumns
from duck_label.queries import LABEL_STEPS, VIEWS, render
from duck_label.query_names import context
from duck_label.records import views
from duck_label.storage.outputs import folder

ROOT = Path(__file__).parents[1]
# Of files that say which bars are asked: they are nothing where nobody names one.
ASKED = (
    "explain/events",
    "explain/sessions",
    "input/event_digests",
    "input/odd_events",
    "input/outer_events",
    "input/session_digests",
    "input/session_file",
    "input/session_hours",
    "input/session_overlaps",
    "label/lone_events",
)
QUERIES = (
    *ASKED,
    "input/gathered",
    "input/grids",
    "input/hours",
    "input/spans",
    "checks/bad_bars",
    "checks/duplicates",
    "checks/in_order",
    "checks/judged_bars",
    "checks/mixture",
    "checks/price_levels",
    "checks/repeats",
    "checks/rounded",
    "read/asked",
    "read/counts",
    "read/rows",
    "read/symbols",
    "report/weights",
    "signals/checksums",
    "signals/closes",
    "signals/series",
    "stats/ambiguous",
    "stats/groups",
    "stats/quality",
    "stats/tallies",
    "stats/weights",
    "validate/fits",
    "validate/neighbours",
    "validate/prices",
    "validate/session_bars",
    "validate/session_fit",
    "validate/start",
    "validate/symbols",
    "weigh/part",
    *LABEL_STEPS,
    *VIEWS,
    "explain/bars",
    *(f"inspect/{file.stem}" for file in sorted((ROOT / "sql" / "inspect").glob("*.sql"))),
)
# What some queries name besides.
NAMES: dict[str, object] = {
    "has_bars": True,
    "has_symbols": True,
    "direction": "asc",
    "by": "month",
    "milliseconds": ['"ms"'],
    "row_group_rows": 122_880,
    "label": '"label_m"',
    "weight": '"weight_m"',
}
NAMES |= {
    "sums": outcomes.SUMS,
    "event_time": "source.time",
    "seconds": '"seconds_m"',
    "outcome": '"outcome_m"',
    "mfe_ticks": '"mfe_ticks_m"',
}
READ: dict[str, object] = {
    "modes": ["m"],
    "asked_modes": ["m"],
    "outcomes": ["target", "stop"],
    "unresolved": ["roll"],
    "time": "timestamp",
    "time_type": "timestamp",
    "start": "2024-01-02",
    "end": None,
    "symbols": ["ES"],
    "columns": ["timestamp", "label"],
    "symbol": '"s"',
}
PLAIN = BarColumns("timestamp", "open", "high", "low", "close", None, None, "TIMESTAMP")
RICH = BarColumns(
    "ts",
    "o",
    "h",
    "l",
    "c",
    "v",
    "s",
    "TIMESTAMP WITH TIME ZONE",
    price_types=("FLOAT",) * 4,
    side="side",
)
CASES = {
    # Two modes show how they are joined; more take longer to lint.
    "plain": (LabelingConfig(modes=LabelingConfig().modes[:2]), PLAIN),
    "rich": (
        LabelingConfig(
            timeout_bars=5,
            details=True,
            unresolved="null",
            instruments={"GC*": {"tick_size": 0.1}},
            modes=[{"name": "m", "direction": "short", "stop": 1, "target": 2}],
        ),
        RICH,
    ),
    "any trade": (
        LabelingConfig(
            details=True,
            tie="open",
            label="sign",
            entry="close",
            volatility={"atr": ("atr", 20), "std": ("std", 5), "range": ("range", 3)},
            modes=[
                {"name": "a", "direction": "long", "stop": "1.5 * atr", "target": "2 * std"},
                {"name": "b", "direction": "side", "stop": "range", "target": "0.1%"},
                {"name": "c", "direction": "side", "stop": "2 points", "target": "0.1%"},
                {"name": "d", "direction": "short", "stop": 6, "target": "col", "trailing": True},
                {"name": "e", "direction": "side", "stop": 6, "target": "none", "trailing": True},
                {"name": "f", "direction": "long", "stop": "none", "target": 5, "timeout_bars": 60},
                {"name": "g", "direction": "short", "stop": "2 * col %", "target": "col ticks"},
            ],
        ),
        RICH,
    ),
    "asked": (
        LabelingConfig(
            rows="asked",
            label="sign",
            uniqueness=True,
            max_entry_gap_seconds=60,
            events={"file": "events.parquet"},
            session={"file": "sessions.parquet"},
            modes=[{"name": "m", "direction": "side", "stop": 6, "target": 12}],
        ),
        replace(
            RICH,
            side=None,
            have_sessions_symbols=True,
            events=EventColumns("TIMESTAMP_NS", None, has_symbol=True, has_side=True),
        ),
    ),
    "hours": (
        LabelingConfig(
            events={"every_seconds": 60},
            session={"hours": "08:30-15:00", "zone": "America/Chicago"},
            modes=[{"name": "m", "direction": "long", "stop": 6, "target": 12}],
        ),
        PLAIN,
    ),
    "own barriers": (
        LabelingConfig(
            tie="null",
            label="touch",
            uniqueness=True,
            volatility={"atr": ("atr", 20)},
            weights={"factors": ["quality"]},
            modes=[{"name": "m", "direction": "long", "stop": "atr", "target": "2 * atr"}],
        ),
        PLAIN,
    ),
}


def rendered(query: str, config: LabelingConfig, bars: BarColumns) -> str:
    if query.startswith("read/"):
        return render(query, READ)
    if query.startswith("views/"):
        renamed = config.model_copy(update={"columns": {"timestamp": bars.timestamp}})
        columns = {bars.timestamp: bars.time_type, "feature": "DOUBLE"}
        columns |= dict.fromkeys(("open", "high", "low", "close"), "DOUBLE")
        return render(query, views.context(folder("/labels", "_duck_label"), renamed, columns))
    names = context(config, bars, ["timestamp"], has_quarantine=False)
    if query.startswith("label/"):
        is_simple = not config.asks_some
        flags = dict.fromkeys(("has_one_symbol", "as_they_come", "by_place"), is_simple)
        return render(query, {**NAMES, **names, **flags})
    return render(query, {**names, **NAMES})


def test_every_file_is_linted() -> None:
    linted = {f"{name}.sql" for name in QUERIES}
    linted |= {"checks/rules.sql", "input/sessions.sql", "views/records.sql"}
    linted |= {"label/distances.sql", "label/later_touches.sql", "label/asked.sql"}
    linted |= {"label/weight.sql", "label/volatility.sql", "label/barriers.sql"}
    linted |= {"label/excursions.sql", "label/few_paths.sql", "label/label.sql"}
    assert linted == {str(p.relative_to(ROOT / "sql")) for p in (ROOT / "sql").rglob("*.sql")}


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_rendered_sql_is_clean(query: str, case: str) -> None:
    if query in ASKED and case != "asked":
        pytest.skip("it is of files that this configuration does not name")
    # Not above: quick tests lint nothing, and it takes long to load.
    from sqlfluff.core import FluffConfig, Linter

    config, bars = CASES[case]
    text = rendered(query, config, bars)
    linter = Linter(config=FluffConfig.from_path(str(ROOT / "sql")))
    found = linter.lint_string(text).get_violations()
    shown = [f"{v.line_no}: {v.rule_code()} {v.desc()}" for v in found]
    assert shown == [], text


@pytest.mark.parametrize("query", QUERIES)
def test_headers_say_what_goes_in_and_out(query: str) -> None:
    header = (ROOT / "sql" / f"{query}.sql").read_text(encoding="utf-8").splitlines()[:6]
    for word in ("Purpose", "Grain", "In", "Out"):
        assert any(line.startswith(f"-- {word}:") for line in header), word


@pytest.mark.parametrize("file", sorted((ROOT / "sql").rglob("*.sql")), ids=lambda file: file.name)
def test_nothing_recurses(file: Path) -> None:
    """DuckDB 2.0 hangs for good when a recursive CTE is interrupted or runs out of memory."""
    assert "recursive" not in file.read_text(encoding="utf-8").lower()
