# mypy: disable-error-code="import-untyped"
"""The SQL that `show-sql` prints: the text of a run, and the same labels from a plain DuckDB."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import golden
from duck_label.cli import main
from duck_label.database import Database
from duck_label.look.script import (
    CHECKS,
    STEPS,
    parameters_of,
    step_named,
    value_text,
    with_variables,
)
from duck_label.queries import LABEL_STEPS
from labeling import label, write
from lengths import long_but


def shown(*arguments: str | Path) -> str:
    result = CliRunner().invoke(main, ["show-sql", *map(str, arguments)])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def in_a_shell(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> pa.Table:
    """The part file that a script writes in a fresh DuckDB with nothing of ours."""
    monkeypatch.chdir(folder)
    with duckdb.connect() as connection:
        connection.execute(text)
    return pq.read_table(folder / "part.parquet")


def toml(values: dict[str, Any]) -> list[str]:
    """Options for the configuration that keywords stand for."""
    return [option for key, value in values.items() for option in ("--set", f"{key}={value}")]


@pytest.mark.parametrize("case", long_but(["symbols_unsorted"], golden.CASES))
def test_the_script_gives_the_labels_of_a_run(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = golden.config_overrides(case)
    bars = write(tmp_path / "bars", [golden.bars(case)])
    text = shown(bars, "--details", *toml(overrides))
    made = in_a_shell(text, tmp_path, monkeypatch)
    labeled = label(bars, tmp_path / "labels", details=True, **overrides)
    assert made.equals(labeled)


def trades_of(case: str, folder: Path) -> tuple[Path, Path | None, list[str | Path]]:
    """The bars of a case, its file of events if it has one, and the options that ask for it."""
    table, events, _ = golden.trade_tables(case)
    options: list[str | Path] = ["-c", golden.TRADES / f"{case}.toml"]
    file = None
    if events is not None:
        file = write(folder / "events", [events]) / "bars_000.parquet"
        options += ["--events", file]
    return write(folder / "bars", [table]), file, options


TRADES = ("atr", "percent", "trailing", "side", "tie_open", "session", "event_sides", "every")


@pytest.mark.parametrize("case", long_but(["atr", "event_sides"], TRADES))
def test_the_script_labels_any_trade(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars, events, options = trades_of(case, tmp_path)
    made = in_a_shell(shown(bars, "--details", *options), tmp_path, monkeypatch)
    config = {**golden.trade_config(case), "details": True}
    if events is not None:
        config["events"] = {"file": str(events)}
    assert made.equals(label(bars, tmp_path / "labels", **config))


@pytest.mark.parametrize("case", long_but(["atr", "event_sides"], TRADES))
def test_no_table_of_bars_holds_text_or_wide_numbers(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB makes them of a constant beside an ENUM, or of a shift: both are slow."""
    bars, _, options = trades_of(case, tmp_path)
    wide, seen = set(), set()
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as connection:
        for statement in duckdb.extract_statements(shown(bars, *options)):
            connection.execute(statement)
            names = connection.execute(
                "select table_name, column_name, data_type from duckdb_columns() where not internal"
            )
            for table_name, column, kind in names.fetchall():
                seen.add(table_name)
                if kind in ("VARCHAR", "HUGEINT", "UHUGEINT"):
                    wide.add((table_name, column))
    of_bars = seen - {"symbols", "spans", "grids", "series", "session_times", "tally"}
    assert {"bars", "moves"} <= of_bars
    assert {(name, column) for name, column in wide if name in of_bars} == set()


@pytest.mark.parametrize(
    "kind", long_but(["timestamp[ns]"], ["timestamp[us]", "timestamp[ns]", "tz", "date"])
)
def test_the_script_keeps_every_kind_of_time(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = golden.bars("gaps").slice(0, 500)
    times = table["timestamp"]
    if kind == "date":
        times = pa.chunked_array([pa.array(range(len(table)), pa.int32()).cast(pa.date32())])
    else:
        of = pa.timestamp("ns", "UTC") if kind == "tz" else pa.timestamp(kind[-3:-1])
        times = times.cast(of)
    table = table.set_column(table.column_names.index("timestamp"), "when $now", times)
    bars = write(tmp_path / "it's $bars", [table])
    how = {"columns": {"timestamp": "when $now"}, "unresolved": "null"}
    modes = [{"name": "a $floor 'b\"", "direction": "short", "stop": 2.5, "target": 3}]
    config = tmp_path / "duck_label.toml"
    config.write_text(
        'unresolved = "null"\ncolumns = { timestamp = "when $now" }\n'
        "[[modes]]\nname = 'a $floor ''b\"'\n".replace("''", "'").replace(
            "'a $floor 'b\"'", '"a $floor \'b\\""'
        )
        + 'direction = "short"\nstop = 2.5\ntarget = 3\n'
    )
    made = in_a_shell(shown(bars, "-c", config), tmp_path, monkeypatch)
    parts = tmp_path / "labels"
    from duck_label import LabelingConfig, WeightedLabelingEngine

    WeightedLabelingEngine(LabelingConfig(**how, modes=modes)).process_files([bars], parts)
    labeled = pa.concat_tables(pq.read_table(path) for path in sorted(parts.glob("*.parquet")))
    assert made.equals(labeled)


def test_the_script_is_the_text_that_a_run_executes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed = []
    run = Database.run

    def remember(self: Database, query: str, *values: Any) -> None:
        executed.append(query)
        run(self, query, *values)

    monkeypatch.setattr(Database, "run", remember)
    # Of one symbol a run leaves out what tells symbols apart, and the sort where bars are in order.
    bars = write(tmp_path / "bars", [golden.bars("symbols_unsorted")])
    label(bars, tmp_path / "labels", details=True, timeout_bars=60)
    text = shown(bars, "--details", "--timeout-bars", "60")
    back = re.sub(r"\(?getvariable\('((?!tally)\w+)'\)", r"$\1", text).replace("$part))", "$part)")
    steps = {query for query in executed if query.startswith("-- Purpose:")}
    steps -= {query for query in steps if "temp table `duplicates`" in query}
    # What is asked of finished labels makes none.
    steps -= {query for query in steps if "-- In:         the part files" in query}
    # No barrier is a bar's own, and nobody asks what labels are worth.
    assert len(steps) == len(STEPS) - 2
    bare = re.sub(r"\(?\$(\w+)\)?", r"$\1", back)
    for query in steps:
        assert re.sub(r"\(?\$(\w+)\)?", r"$\1", query.strip().removesuffix(";")) in bare


def test_parameters_become_variables_where_they_are_parameters() -> None:
    query = """\
-- Parameters: $files; it's
select '$a', 'it''s $b', "$c", "q""$d", $e::int, [$f]
from read_parquet($files) -- $g
"""
    assert parameters_of(query) == {"e", "f", "files"}
    assert (
        with_variables(query)
        == """\
-- Parameters: $files; it's
select '$a', 'it''s $b', "$c", "q""$d", getvariable('e')::int, [getvariable('f')]
from read_parquet(getvariable('files')) -- $g
"""
    )
    assert with_variables("copy (select $a) to $b (format csv)") == (
        "copy (select getvariable('a')) to (getvariable('b')) (format csv)"
    )


@pytest.mark.parametrize(
    "value",
    [
        None,
        "it's",
        True,
        -7,
        2**62,
        0.1,
        1 / 3,
        1e300,
        Decimal("0.000000001"),
        Decimal("12"),
        date(2024, 3, 4),
        datetime(2024, 3, 4, 14, 30, 5, 123456),  # noqa: DTZ001 - a time without a zone
        datetime(2024, 3, 4, 14, 30, 5, tzinfo=UTC),
        ["a", "it's"],
    ],
)
def test_values_mean_the_same_as_text(value: Any) -> None:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"set variable x = {value_text(value)}")
        ((is_same,),) = connection.execute(
            "select getvariable('x') is not distinct from $x", {"x": value}
        ).fetchall()
    assert is_same


def test_every_step_has_names() -> None:
    assert step_named("touches") == step_named("06_touches") == "label/06_touches"
    assert [step_named(step) for step in (*STEPS, *CHECKS)] == [*STEPS, *CHECKS]
    assert step_named("bars/") is None


@pytest.mark.parametrize("step", [*LABEL_STEPS, *CHECKS])
def test_a_step_is_shown_with_its_own_variables(step: str, tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [golden.bars("tiny")])
    text = shown(step, bars)
    assert f"-- {step}\n" in text
    set_here = set(re.findall(r"set variable (\w+)", text))
    # The tally is what one step leaves for the next.
    assert set_here - {"tally"} == set(re.findall(r"getvariable\('(\w+)'\)", text)) - {"tally"}


def test_a_step_needs_bars() -> None:
    result = CliRunner().invoke(main, ["show-sql", "touches"])
    assert result.exit_code == 2
    assert "name the bars too" in result.stderr
