# mypy: disable-error-code="import-untyped"
"""Looking at an output: the views, the saved queries, every format, and that nothing can change."""

import csv
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from select import select
from typing import Any

import duckdb
import psutil
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

import duck_label
import golden
from duck_label.bars.plan import Chunk
from duck_label.cli import main
from duck_label.cli.prompt import Words, talk
from duck_label.errors import InputError, QueryError
from duck_label.look.inspect import Output
from duck_label.look.saved_queries import saved_queries
from duck_label.records.chunk import ChunkRecord
from duck_label.records.ledger import FOLDER
from duck_label.run.results import Silence
from labeling import TWO_MODES, label, write

BARS = golden.bars("symbols_unsorted").num_rows
VIEWS = ("labels", "labels_long", "runs", "chunks", "snapshots", "memory_events")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels of three symbols in several parts, with details."""
    folder = tmp_path_factory.mktemp("finished")
    bars = write(folder / "bars", [golden.bars("symbols_unsorted")])
    label(bars, folder / "labels", details=True, chunk_size=600)
    return folder / "labels"


@pytest.fixture
def labels(finished: Path, tmp_path: Path) -> Path:
    """A copy of it to do anything with."""
    return Path(shutil.copytree(finished, tmp_path / "labels"))


def run(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["sql", *map(str, arguments)], input=stdin)


def digest(folder: Path) -> dict[str, str]:
    """What lies in a folder, to the byte."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_labels_are_the_part_files(finished: Path) -> None:
    with duck_label.open(finished) as output:
        found = output.sql("from labels order by symbol, timestamp").to_arrow_table()
    assert golden.differences(found, golden.expected("symbols_unsorted")) == []


def test_labels_long_is_a_row_for_every_bar_and_mode(finished: Path) -> None:
    expected = golden.expected("symbols_unsorted")
    with Output(finished) as output:
        found = output.sql(
            "select mode, count(*), sum(label), sum(mae_ticks), count(touch_time), "
            "count(uniqueness) + count(attribution) from labels_long group by mode"
        ).fetchall()
    assert len(found) == 6
    for mode, bars, winners, mae_ticks, touches, worths in found:
        assert worths == 0, "nobody asked for what labels are worth"
        assert bars == len(expected)
        assert winners == pc.sum(expected[f"label_{mode}"]).as_py()
        assert mae_ticks == pc.sum(expected[f"mae_ticks_{mode}"]).as_py()
        assert touches == len(expected) - expected[f"touch_time_{mode}"].null_count


def test_names_of_columns_and_modes_may_be_anything(tmp_path: Path) -> None:
    table = golden.bars("tiny").rename_columns({"timestamp": "ts_event"})
    table = table.append_column("mode", table["open"]).append_column("it's", table["open"])
    bars = write(tmp_path / "bars", [table])
    modes = [{"name": 'o\'clock "$x"', "direction": "long", "stop": 1, "target": 2}]
    config = {"columns": {"timestamp": "ts_event"}, "modes": modes, "details": True}
    folder = tmp_path / "it's [new]\nselect"
    duck_label.WeightedLabelingEngine(duck_label.LabelingConfig(**config)).process_files(
        [bars], folder
    )
    with Output(folder) as output:
        rows = output.sql('select timestamp, mode, label, "it\'s" from labels_long').fetchall()
        assert [row[1:3] for row in rows] == [(modes[0]["name"], 0)] * 2
        assert [row[3] for row in rows] == table["open"].to_pylist()
        for saved in saved_queries():
            output.sql(f"@{saved}").fetchall()
    # On a connection of its own: other tests would find these views in the one that all share.
    with duckdb.connect() as connection:
        views = (folder / "_duck_label/views.sql").read_text()
        assert connection.execute(views).fetchall() == []


def test_records_are_views(finished: Path) -> None:
    with Output(finished) as output:
        ((run, ended, rows),) = output.sql(
            "select run, ended_at, rows_labeled from runs"
        ).fetchall()
        assert (run, ended is not None, rows) == (1, True, BARS)
        chunks = output.sql("select file, rows, map_keys(steps) from chunks").fetchall()
        assert {file for file, *_ in chunks} == {path.name for path in finished.glob("*.parquet")}
        assert sum(rows for _, rows, _ in chunks) == BARS
        assert all("label/06_touches" in steps for *_, steps in chunks)
        (samples,) = output.sql("select count(*) from snapshots where rss_bytes > 0").fetchall()[0]
        assert samples > 0


RECORDS = {
    "runs.jsonl": """\
{"time":"2026-01-01T10:00:00.000+00:00","event":"start","run":1,"memory_limit_bytes":1000,"threads":2}
{"time":"2026-01-01T10:00:09.000+00:00","event":"end","run":1,"seconds":9.0,"rows_labeled":7}
{"time":"2026-01-01T11:00:00.000+00:00","event":"start","run":2,"memory_limit_bytes":2000,"threads":2}
{"time":"2026-01-01T11:00:0""",
    "chunks.jsonl": """\
{"time":"2026-01-01T10:00:01.000+00:00","run":1,"start":0,"end":86400000000,"file":"a.parquet","rows":1,"size_bytes":1,"seconds":1.0}
{"time":"2026-01-01T10:00:02.000+00:00","run":1,"start":0,"end":86400000000,"file":null,"rows":0,"size_bytes":0,"seconds":2.0}
{"time":"2026-01-01T10:00:03.000+00:00","run":1,"start":86400000000,"end":172800000000,"file":"gone.parquet","rows":4,"size_bytes":9,"seconds":3.0}
{"time":"2026-01-01T10:""",
    "memory_events.jsonl": """\
{"time":"2026-01-01T10:00:05.000+00:00","run":1,"kind":"cleanup","reason":"0.8","before_bytes":9,"after_bytes":5}
""",
    "snapshots/0001.jsonl": "".join(
        f'{{"time":"2026-01-01T10:00:0{second}.000+00:00","chunk":"c","step":"label/{second}",'
        f'"rss_bytes":{second * 1_000_000},"spill_bytes":{spill}}}\n'
        for second, spill in enumerate([0, 2_000_000, 3_000_000, 0])
    ),
}


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """Records of a run that was killed in mid-line, without a part file."""
    for name, text in RECORDS.items():
        path = tmp_path / "out" / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "out"


def test_half_lines_and_missing_files_count_for_nothing(records: Path) -> None:
    with Output(records) as output:
        runs = output.sql("select run, rows_labeled, ended_at is null from runs").fetchall()
        assert runs == [(1, 7, False), (2, None, True)]
        # The second record of a range replaces the first; the last one's file is not there.
        chunks = output.sql("select epoch_us(chunk_from), file, seconds from chunks").fetchall()
        assert chunks == [(0, None, 2.0)]
        events = output.sql("select kind, before_bytes, after_bytes from memory_events").fetchall()
        assert events == [("cleanup", 9, 5)]
        # On disk from second 1 to second 3, at most 3 MB.
        assert output.sql("@longest_spill").fetchall() == [(1, "c", 2.0, 3.0, "label/2")]
        ((run, _, rss_mb, *_),) = output.sql("@memory_over_time").fetchall()
        assert (run, rss_mb) == (1, 3.0)


@pytest.mark.parametrize("missing", ["chunks.jsonl", "memory_events.jsonl", "snapshots/0001.jsonl"])
def test_every_view_opens_without_a_record(records: Path, missing: str) -> None:
    (records / FOLDER / missing).unlink()
    with Output(records) as output:
        for view in VIEWS[2:]:
            output.sql(f"from {view}").fetchall()


# The records tell of other chunks.
@pytest.mark.filterwarnings("ignore:.* no parts? of these labels:UserWarning")
def test_labels_appear_while_a_run_writes(finished: Path, records: Path) -> None:
    with Output(records) as output:
        with pytest.raises(QueryError, match="holds no labels yet"):
            output.sql("from labels")
        runs = (finished / FOLDER / "runs.jsonl").read_text()
        (records / FOLDER / "runs.jsonl").write_text(runs)
        for known in (finished / FOLDER).glob("input_*.json"):
            shutil.copy(known, records / FOLDER)
        parts = sorted(finished.glob("*.parquet"))
        counts = []
        for part in parts:
            shutil.copy(part, records / part.name)
            counts += output.sql("select count(*) from labels").fetchall()[0]
    assert counts == sorted(counts)
    assert counts[-1] == BARS


class Onlooker(Silence):
    """Asks the output after every chunk, as somebody at another terminal may."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[tuple[int, ...]] = []
        self.rows = 0

    def advance(self, chunk: Chunk, record: ChunkRecord, *_: Any) -> None:  # noqa: ARG002
        self.rows += record.rows
        with Output(self.folder) as output:
            query = (
                "select (select count(*) from labels), (select sum(rows)::bigint from chunks), "
                f"{self.rows}, (select count(*) from runs where ended_at is null)"
            )
            with pytest.warns(UserWarning, match="a run is just writing here: "):
                self.seen += output.sql(query).fetchall()


def test_a_run_can_be_looked_at_while_it_writes(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [golden.bars("gaps")])
    onlooker = Onlooker(tmp_path / "labels")
    config = duck_label.LabelingConfig(chunk_size=800, modes=TWO_MODES)
    duck_label.WeightedLabelingEngine(config, onlooker).process_files([bars], onlooker.folder)
    assert len(onlooker.seen) > 2
    for labels, chunks, rows, running in onlooker.seen:
        assert labels == chunks == rows
        assert running == 1


def test_another_folder_is_no_output(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no output of duck-label"):
        Output(tmp_path)


ATTACKS = (
    "copy (select 1) to '{out}/x.parquet'",
    "copy (select 1) to 'readonly://{out}/x.parquet'",
    "copy (select 1) to 'readonly://{out}/{part}' (format parquet, use_tmp_file false)",
    "copy (select 1 as a, 2 as b) to 'readonly://{out}' (partition_by a, overwrite true)",
    "copy (select 1) to 'file://{out}/x.parquet'",
    "with x as (copy (select 1) to '{out}/x.parquet') select * from x",
    "with x as (copy (select 1) to 'readonly://{out}/{part}') select * from x",
    "from query('with x as (copy (select 1) to ''{out}/x.parquet'') select * from x')",
    "explain analyze copy (select 1) to '{out}/x.parquet'",
    "prepare p as copy (select 1) to '{out}/x.parquet'; execute p",
    "copy (pivot labels_long on mode using count(*)) to '{out}/x.parquet'",
    "attach '{out}/x.db'",
    "attach 'readonly://{out}/x.db'",
    "export database '{out}/x'",
    "export database 'readonly://{out}/x'",
    "set temp_directory = '{out}'",
    "set enable_external_access = true",
    "set allowed_directories = ['{out}']",
    "reset lock_configuration",
    "call enable_logging(storage = 'file', storage_path = '{out}/log')",
    "pragma profiling_output = '{out}/profile'",
    "install httpfs",
    "load httpfs",
    "create persistent secret s (type http)",
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_query_changes_a_file(labels: Path, attack: str) -> None:
    part = next(labels.glob("*.parquet")).name
    before = digest(labels.parent)
    with Output(labels) as output, pytest.raises((QueryError, duckdb.Error)):
        output.sql(attack.format(out=labels, part=part)).fetchall()
    assert digest(labels.parent) == before


def test_an_open_output_writes_only_to_its_own_temporary_folder(labels: Path) -> None:
    before = digest(labels.parent)
    with Output(labels) as output:
        ((folder,),) = output.sql("select current_setting('temp_directory')").fetchall()
        way_back = "/.." * (len(Path(folder).parts) - 1)
        with pytest.raises((QueryError, duckdb.Error)):
            output.sql(f"copy (select 1) to '{folder}{way_back}{labels}/x.csv'").fetchall()
    assert not Path(folder).exists()
    assert digest(labels.parent) == before


def test_other_files_can_be_read(labels: Path, tmp_path: Path) -> None:
    other = tmp_path / "features.parquet"
    duckdb.execute("copy (select 7 as feature) to ? (format parquet)", [str(other)])
    with Output(labels) as output:
        assert output.sql(f"from 'readonly://{other}'").fetchall() == [(7,)]


def test_many_threads_read_one_file_right(tmp_path: Path) -> None:
    """DuckDB seeks and reads in two calls: another thread's may come between them."""
    path = tmp_path / "numbers.parquet"
    duckdb.execute(
        "copy (select i, hash(i) as h, i::varchar as t from range(400_000) as r (i)) "
        "to ? (format parquet, row_group_size 4096)",
        [str(path)],
    )
    query = "select count(*), sum(i), bit_xor(hash(i, h, t)) from '{}'"
    expected = duckdb.execute(query.format(path)).fetchall()
    (tmp_path / "out" / FOLDER).mkdir(parents=True)
    (tmp_path / "out" / FOLDER / "runs.jsonl").touch()
    with Output(tmp_path / "out") as output:
        for _ in range(10):
            assert output.sql(query.format(f"readonly://{path}")).fetchall() == expected


@pytest.mark.parametrize("name", sorted(saved_queries()))
def test_saved_queries_run(finished: Path, name: str) -> None:
    with Output(finished) as output:
        assert bool(output.sql(f"@{name}").fetchall()) is (name != "longest_spill")


def test_win_rates_are_those_of_the_golden_labels(finished: Path) -> None:
    expected = golden.expected("symbols_unsorted")
    with Output(finished) as output:
        rates = {row[0]: row[4:7] for row in output.sql("@win_rates").fetchall()}
        by_month = output.sql("@win_rates_by_month").fetchall()
    for mode, (bars, winners, rate) in rates.items():
        won = pc.sum(expected[f"label_{mode}"]).as_py()
        assert (bars, winners) == (len(expected), won)
        assert rate == pytest.approx(won / len(expected), abs=1e-4)
        assert sum(row[3] for row in by_month if row[1] == mode) == won


def test_what_needs_details_says_so(tmp_path: Path) -> None:
    label(write(tmp_path / "bars", [golden.bars("tiny")]), tmp_path / "labels")
    result = run(tmp_path / "labels", "@winners")
    assert result.exit_code == 3
    assert "label with --details" in result.stderr
    assert run(tmp_path / "labels", "@win_rates").exit_code == 0


QUERY = (
    "select mode, direction, label, weight, timestamp from labels_long where mode = $mode limit 3"
)


def rows_of(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_formats_hold_the_same_rows(finished: Path, tmp_path: Path) -> None:
    asked: list[str | Path] = [finished, QUERY, "-p", "mode=low_vol_long"]
    objects = json.loads(rows_of(run(*asked, "--format", "json")))
    assert [sorted(row) for row in objects] == [
        ["direction", "label", "mode", "timestamp", "weight"]
    ] * 3
    table = list(csv.DictReader(io.StringIO(rows_of(run(*asked, "--format", "csv")))))
    assert [row["mode"] for row in table] == [row["mode"] for row in objects]
    header, rule, *lines = rows_of(run(*asked, "--format", "markdown")).splitlines()
    assert header == "| mode | direction | label | weight | timestamp |"
    assert rule == "| --- | --- | --- | --- | --- |"
    assert [line.split(" | ")[1] for line in lines] == [row["direction"] for row in objects]
    path = tmp_path / "rows.parquet"
    assert rows_of(run(*asked, "-o", path)) == ""
    written = pq.read_table(path).to_pylist()
    assert [row | {"timestamp": row["timestamp"].isoformat()} for row in written] == objects
    assert "low_vol_long" in rows_of(run(*asked))


def test_json_of_values_that_json_does_not_have(finished: Path) -> None:
    query = (
        "select 'nan'::double as a, 1.5::decimal(9, 2) as b, [date '2024-03-04'] as c, null as d"
    )
    assert json.loads(rows_of(run(finished, query, "-f", "json"))) == [
        {"a": None, "b": 1.5, "c": ["2024-03-04"], "d": None}
    ]
    assert json.loads(rows_of(run(finished, "select 1 where false", "-f", "json"))) == []


def test_text_holds_values_of_every_type(finished: Path) -> None:
    query = (
        "select [1, null] as a, {'b': [date '2024-03-04']} as b, map {'c': 0.5} as c, "
        "interval 1 day as d, blob 'x\\xff' as e, null::integer[] as f, 0.1::float as g, "
        "'{\"h\": 1}'::json as h"
    )
    (row,) = json.loads(rows_of(run(finished, query, "-f", "json")))
    nested = {"a": [1, None], "b": {"b": ["2024-03-04"]}, "c": {"c": 0.5}, "f": None}
    assert row == {**nested, "d": "1 day", "e": "x\\xFF", "g": 0.1, "h": {"h": 1}}
    (told,) = csv.DictReader(io.StringIO(rows_of(run(finished, query, "-f", "csv"))))
    assert (json.loads(told["a"]), json.loads(told["c"])) == (row["a"], row["c"])
    assert (told["d"], told["e"], told["f"], told["g"]) == ("1 day", "x\\xFF", "", "0.1")
    (chunk, *_) = csv.DictReader(io.StringIO(rows_of(run(finished, "from chunks", "-f", "csv"))))
    assert "label/06_touches" in json.loads(chunk["steps"])
    (begun, *_) = json.loads(rows_of(run(finished, "from runs", "-f", "json")))
    assert begun["config"]["details"] is True


def test_two_columns_may_have_one_name_but_in_json(finished: Path) -> None:
    query = "select 1 as a, [2] as a"
    assert rows_of(run(finished, query, "-f", "csv")) == '"a","a"\n1,"[2]"\n'
    assert rows_of(run(finished, query, "-f", "markdown")).endswith("| 1 | [2] |\n")
    refused = run(finished, query, "-f", "json")
    assert refused.exit_code == 2
    assert "two columns are called 'a'" in refused.stderr


def test_queries_come_from_files_and_stdin(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "query.sql").write_text("set variable x = 5; select getvariable('x') as n")
    asked = run(finished, "--file", tmp_path / "query.sql", "-f", "json")
    assert json.loads(rows_of(asked)) == [{"n": 5}]
    assert json.loads(rows_of(run(finished, "-f", "json", stdin="select 2 as n"))) == [{"n": 2}]


def test_list_and_show_print_and_do_not_run(finished: Path) -> None:
    listed = rows_of(run(finished, "--list"))
    for name, saved in saved_queries().items():
        assert f"@{name}" in listed
        assert rows_of(run(finished, f"@{name}", "--show")) == saved.text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["selec 1"], 2, 'syntax error at or near "selec"'),
        (["from nothing"], 2, "nothing does not exist"),
        (["select 1 as a, $x as b"], 2, "-p x=VALUE"),
        (["select 1", "-p", "x=1"], 2, "no parameter $x"),
        (["select 1", "-p", "x"], 2, "NAME=VALUE"),
        (["@win_rate"], 2, "did you mean 'win_rates'"),
        (["select 1", "-f", "parquet"], 2, "pass -o FILE"),
        (["select 1", "-o", "x.xlsx"], 2, "pass --format"),
        (["select 1", "-o", "missing/x.csv"], 1, "cannot be written"),
        (["select error('oh')"], 2, "oh"),
        (["copy labels to 'x.csv'"], 2, "-o FILE writes its result"),
        (["select 1", "--file", "x.sql"], 2, "does not exist"),
        (["--show"], 2, "--show prints a query"),
    ],
)
def test_mistakes_have_a_message_and_an_exit_code(
    finished: Path, arguments: list[str], code: int, message: str
) -> None:
    result = run(finished, *arguments)
    assert result.exit_code == code, result.stderr
    assert message in result.stderr
    assert result.stdout == ""


def test_a_prompt_takes_no_parameters_and_no_file(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duck_label.cli.prompt.talk", lambda *_: pytest.fail("no query, no error"))
    for arguments in (["-p", "x=1"], ["-o", "x.csv"]):
        with CliRunner().isolation() as _:
            monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
            with pytest.raises(QueryError, match="name one"):
                main.commands["sql"].main([str(finished), *arguments], standalone_mode=False)


def test_a_result_is_never_written_into_the_output(finished: Path) -> None:
    result = run(finished, "select 1", "-o", finished / "x.csv")
    assert result.exit_code == 1
    assert "which sql never changes" in result.stderr


@pytest.mark.parametrize("moved", [False, True])
def test_views_open_in_a_plain_duckdb_from_anywhere(
    finished: Path, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as connection, Output(finished) as output:
        if moved:
            # The copy's views.sql names the original; the variable names the copy.
            connection.execute(f"set variable labels_folder = '{labels}'")
            next(labels.glob("*.parquet")).unlink()
        connection.execute((labels / "_duck_label/views.sql").read_text(encoding="utf-8"))
        for view in VIEWS:
            found = connection.execute(f"select count(*) from {view}").fetchall()
            there = output.sql(f"select count(*) from {view}").fetchall()
            assert (found == there) is not (moved and view in ("labels", "labels_long", "chunks"))
        connection.execute(saved_queries()["win_rates"].text).fetchall()


def test_views_kept_in_a_database_file_find_the_labels(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "project.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute((finished / "_duck_label/views.sql").read_text(encoding="utf-8"))
    with duckdb.connect(path, read_only=True) as connection:
        assert connection.execute("select count(*) from labels").fetchall() == [(BARS,)]


def talked(output: Output, typed: str) -> None:
    with create_pipe_input() as keys:
        keys.send_text(typed)
        talk(output, "csv", 40, input=keys, output=DummyOutput())


def test_the_prompt_answers_and_outlives_mistakes(
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("click.get_app_dir", lambda _: str(tmp_path / "state"))
    with Output(finished) as output:
        typed = "selec 1;\r.quries\rselect 40 +\r2 as n;\r@win_rates\r.queries\r"
        talked(output, typed + ".exit\r")
        printed, said = capfd.readouterr()
        assert '"n"\n42\n' in printed
        assert "low_vol_long" in printed
        assert "@slowest_chunks" in printed
        assert "syntax error" in said
        assert "there is no .quries: .queries lists" in said
        # The line typed last time is there again with the up arrow.
        talked(output, "\x1b[A\x1b[A\x1b[A\x1b[A\r.exit\r")
        assert "42" in capfd.readouterr().out
    assert "select 40 +" in (tmp_path / "state" / "sql_history").read_text()


def test_words_complete(finished: Path) -> None:
    with Output(finished) as output:
        words = Words(output)

        def completed(text: str) -> list[str]:
            found = words.get_completions(Document(text), CompleteEvent())
            return [completion.text for completion in found]

        assert completed("select weight_low_vol_l") == ["weight_low_vol_long"]
        assert completed("@weight_p") == ["@weight_percentiles"]
        assert "labels_long" in completed("from la")
        assert {"select", "SELECT"} & {*completed("SELEC"), *completed("selec")}
        assert completed("select ") == []


def test_results_stream_to_a_reader_that_leaves(finished: Path) -> None:
    program = [sys.executable, "-m", "duck_label", "sql", str(finished), "from range(3000000)"]
    with subprocess.Popen(
        [*program, "-f", "csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as ended:
        assert ended.stdout is not None
        assert ended.stderr is not None
        assert ended.stdout.readline() == b'"range"\n'
        ended.stdout.close()
        assert ended.stderr.read() == b""
    assert ended.returncode == 141


@pytest.mark.long
@pytest.mark.usefixtures("hears_ctrl_c")
def test_a_long_query_is_interrupted(finished: Path, tmp_path: Path) -> None:
    spill = tmp_path / "spill"
    spill.mkdir()
    query = "select count(*) from range(10000000000000) as r (i) where hash(i) = 7"
    program = [sys.executable, "-m", "duck_label", "sql", str(finished), query]
    program += ["--temp-dir", str(spill)]
    with subprocess.Popen(program, stderr=subprocess.PIPE) as asked:
        try:
            process = psutil.Process(asked.pid)
            while not any(spill.iterdir()):
                assert asked.poll() is None
                time.sleep(0.02)
            # From here on nothing but the query takes much of a processor.
            before = process.cpu_times().user
            while process.cpu_times().user < before + 1:
                assert asked.poll() is None
                time.sleep(0.02)
            asked.send_signal(signal.SIGINT)
            assert asked.wait(30) == 130
        finally:
            asked.kill()


def test_two_outputs_are_open_at_once(finished: Path, records: Path) -> None:
    counts: list[Any] = []
    with Output(finished) as one, Output(records) as other:
        thread = threading.Thread(
            target=lambda: counts.append(one.sql("select count(*) from labels").fetchall())
        )
        thread.start()
        thread.join()
        assert other.sql("select count(*) from runs").fetchall() == [(2,)]
    assert counts == [[(BARS,)]]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert "_DUCK_LABEL_COMPLETE" in rows_of(result)


@pytest.mark.long
def test_bash_completes_a_saved_query_where_it_is_typed(tmp_path: Path) -> None:
    """In an interactive shell, which splits words its own way."""
    pty = pytest.importorskip("pty")
    if (bash := shutil.which("bash")) is None:
        pytest.skip("there is no bash on this machine")
    script = rows_of(CliRunner().invoke(main, ["completion", "bash"]))
    (tmp_path / "bashrc").write_text(f"{script}\nPS1='ready> '\n")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    terminal, inside = pty.openpty()
    with subprocess.Popen(
        [bash, "--noprofile", "--rcfile", str(tmp_path / "bashrc"), "-i"],
        **dict.fromkeys(("stdin", "stdout", "stderr"), inside),
        env={**os.environ, "PATH": path, "TERM": "dumb"},
        start_new_session=True,
    ) as process:
        os.close(inside)
        try:
            shown = ""
            for typed, answer in (
                (b"", "ready> "),
                (b"duck-label sql out @weight_p\t", "@weight_percentiles"),
            ):
                os.write(terminal, typed)
                while answer not in shown:
                    assert select([terminal], [], [], 20)[0], shown
                    shown += os.read(terminal, 4096).decode()
        finally:
            process.kill()
            os.close(terminal)


def test_the_shell_completes_saved_queries(finished: Path) -> None:
    environment = {
        "_DUCK_LABEL_COMPLETE": "bash_complete",
        "COMP_WORDS": f"duck-label sql {finished} @win",
        "COMP_CWORD": "3",
    }
    ended = subprocess.run(
        [Path(sys.executable).with_name("duck-label")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.splitlines() == [
        "plain,@win_rates",
        "plain,@win_rates_by_hour",
        "plain,@win_rates_by_month",
        "plain,@winners",
    ]


def test_what_fails_while_a_result_is_taken_out_is_an_error_of_ours(labels: Path) -> None:
    with duck_label.open(labels) as output:
        late = output.sql("select cast('x' || label_low_vol_long as integer) from labels")
        with pytest.raises(duck_label.QueryError, match="Could not convert"):
            late.df()
        with pytest.raises(duck_label.QueryError):
            output.sql("from labels").filter("nothing > 1")
        assert output.sql("from labels").limit(2).fetchall()


def test_a_result_written_to_a_file_is_for_those_whom_the_umask_allows(
    labels: Path, tmp_path: Path
) -> None:
    before = os.umask(0o027)
    try:
        run(labels, "select 1", "-o", tmp_path / "x.csv")
    finally:
        os.umask(before)
    assert (tmp_path / "x.csv").stat().st_mode & 0o777 == 0o640


def test_a_query_file_of_another_encoding_is_told_so(labels: Path, tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_bytes("select 'é'".encode("utf-16"))
    result = run(labels, "--file", tmp_path / "q.sql")
    assert result.exit_code == 2
    assert "q.sql: is no text in UTF-8" in result.stderr


def test_a_piped_table_is_no_wider_than_a_page(
    labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"a_column_with_a_long_name_{number}" for number in range(99)]
    query = f"select {', '.join(f'1 as {name}' for name in names)}"
    result = run(labels, query)
    assert result.exit_code == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 240
    assert "99 columns" in result.stdout
    monkeypatch.setenv("COLUMNS", "5000")
    assert "a_column_with_a_long_name_50" in run(labels, query).stdout
