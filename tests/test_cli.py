"""The command line: options, layers of configuration, exit codes, and what goes to which stream."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import duck_label.run.opened
import golden
from duck_label.cli import main
from duck_label.profile import Profile
from duck_label.queries import LABEL_STEPS
from duck_label.records.ledger import FOLDER
from duck_label.sample import write_sample
from labeling import TWO_OPTIONS, read
from lengths import long_but

BARS = str(golden.FOLDER / "plain.bars.parquet")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every command runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_run_labels_and_says_so_on_stderr(here: Path) -> None:
    result = run("run", BARS, "-o", "out", "--details")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "labeled 4,000 bars" in result.stderr
    assert golden.differences(read(here / "out"), golden.expected("plain")) == []


def test_json_is_one_object_and_quiet_is_quiet() -> None:
    result = run("run", BARS, "-o", "out", "--json", "-q", *TWO_OPTIONS)
    summary = json.loads(result.stdout)
    assert summary["rows_labeled"] == 4000
    assert summary["memory_limit_bytes"] == 8_000_000_000
    assert result.stderr == ""


def test_a_profile_has_a_line_for_every_step_and_reads_every_bar() -> None:
    result = run("run", BARS, "-o", "out", "--profile", "--threads", "1")
    assert result.exit_code == 0
    lines = result.stderr.splitlines()
    table = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("label/")}
    # No barrier is a bar's own.
    unneeded = ("label/08_own_touches", "label/11_overlaps")
    steps = [step for step in LABEL_STEPS if step not in unneeded]
    assert list(table) == steps
    rows = len(golden.bars("plain"))
    assert int(table["label/03_bars"][2].replace(",", "")) >= rows
    assert int(table[LABEL_STEPS[-1]][2].replace(",", "")) >= 2 * rows
    assert all(float(seconds) >= 0 for seconds, *_ in table.values())
    assert read(Path("out")).num_rows == rows


@pytest.mark.parametrize("crew", long_but(["--threads"], ["--threads", "--workers"]))
def test_a_profile_names_every_chunk(crew: str) -> None:
    how = ["--chunk", "1000", crew, "2", *TWO_OPTIONS]
    result = run("run", BARS, "-o", "out", "--profile", *how)
    lines = [line.split() for line in result.stderr.splitlines()]
    parts = sorted(part.stem for part in Path("out").glob("*.parquet"))
    chunks = {line[0]: line[1:] for line in lines if line and line[0] in parts}
    assert sorted(chunks) == parts
    assert len(parts) == 4
    steps = [line[1:] for line in lines if line and line[0].startswith("label/")]
    whole = [sum(int(one[2].replace(",", "")) for one in some) for some in (steps, chunks.values())]
    assert whole[0] == whole[1] > 0


def test_a_profile_shows_the_slowest_of_many_chunks() -> None:
    profile = Profile()
    for number in range(30):
        figures = {
            "query": {"total_time": number, "cpu_time": 0, "total_rows_scanned": 1},
            "system": {"total_bytes_spilled": 0, "peak_buffer_memory": 0},
        }
        profile.add(f"chunk{number}", "label/03_bars", json.dumps(figures))
    head, *shown = profile.table(None).splitlines()[2:]
    assert head.startswith("chunk, slowest 20 of 30 ")
    assert [line.split()[0] for line in shown] == [f"chunk{number}" for number in range(10, 30)]


def test_verbose_has_a_line_for_every_chunk() -> None:
    result = run("run", BARS, "-o", "out", "-v", "--chunk", "1000", *TWO_OPTIONS)
    chunks = [line for line in result.stderr.splitlines() if "2024-03-04T" in line]
    assert len(chunks) == 4


def test_dry_run_prints_the_plan_and_writes_nothing(here: Path) -> None:
    result = run("run", BARS, "-o", "out", "--chunk", "1000", "--dry-run", "--json")
    plan = json.loads(result.stdout)
    assert [round(chunk["rows"], -3) for chunk in plan["chunks"]] == [1000] * 4
    assert run("run", BARS, "-o", "out", "--dry-run").stdout.endswith("2 threads, 8 GB\n")
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", BARS], 2, "Missing option '-o'"),
        (["run", BARS, "-o", "out", "--chunk", "0"], 2, "--chunk"),
        (["run", BARS, "-o", "out", "--threads", "0"], 2, "--threads"),
        (["run", BARS, "-o", "out", "--mode", "a:long:1"], 2, "NAME:DIRECTION:STOP:TARGET"),
        (["run", BARS, "-o", "out", "--mode", "a:up:1:2"], 2, "'long', 'short' or 'side'"),
        (["run", BARS, "-o", "out", "--set", "weights.flor=1"], 2, "did you mean 'floor'"),
        (["run", BARS, "-o", "out", "--set", "nonsense"], 2, "KEY=VALUE"),
        (["run", BARS, "-o", "out", "--column", "time=t"], 2, "did you mean 'timestamp'"),
        (["run", BARS, "-o", "out", "--price-increment", "0.07"], 2, "does not divide tick_size"),
        (["config", "--timeout-seconds", "5", "--timeout-bars", "7"], 2, "exclude each other"),
        (["config", "--set", "timeout_seconds=5", "--set", "timeout_bars=7"], 2, "exclude each"),
        (["config", "--memory-limit", "1.5"], 2, "memory.limit: expected auto, a size"),
        (["config", "--max-temp-size", "auto"], 2, "run.max_temp_size: expected a size"),
        (["config", "--set", "memory=1GB"], 2, "memory: expected a table, [memory]"),
        (["config", "--set", "modes.name=low"], 2, "write [[modes]] in double brackets"),
        (["config", "--set", "volatility.kind=atr"], 2, "expected a table, [volatility.NAME]"),
        (["config", "--set", "weights.factors=decay"], 2, 'expected a list such as ["decay"]'),
        (["config", "--set", "weights.tick_size=1"], 2, "put it above the first [table]"),
        (["config", "--set", "columns.tick_size=1"], 2, "put it above the first [table]"),
        (["config", "--set", "as_of='soon'"], 2, "as_of: expected a date, such as 2024-12-20"),
        (["config", "--set", "timestamp_zone=chicago"], 2, "did you mean 'America/Chicago'?"),
        (["run", BARS, "-o", "out", "--events", "no.parquet"], 3, "there is no such file"),
        (["config", "--set", "tick_size='12345678.123456789012345'"], 2, "too many digits"),
        (["config", "--set", "price_increment=1e-15", "--tick-size", "1e6"], 2, "is too fine"),
        (["run", BARS, "-o", "out", "--start", "yesterday"], 2, "is no date"),
        (["run", BARS, "-o", "out", "-c", "missing.toml"], 2, "does not exist"),
        (["run", "missing.parquet", "-o", "out"], 3, "missing.parquet: no such file"),
        (["run", BARS, "-o", "out", "--start", "2030-01-01"], 3, "no bars from 2030-01-01"),
        (["run", BARS, "-o", "out", "--tick-size", "7"], 3, "off_grid"),
        (["run", BARS, "-o", "out", "--memory-limit", "1MB"], 4, "--memory-limit 256 MB"),
        (["run", BARS, "-o", "out", "--start", "2024-04-02", "--end", "2024-04-02"], 2, "no range"),
        (["run", BARS, "-o", "out", "--quiet", "--verbose"], 2, "--quiet and --verbose"),
        (["sample", BARS], 2, "exists already"),
        (["sample", "bars.csv"], 2, "name it bars.parquet"),
        (["events", BARS, "-o", "e.csv", "--cusum", "20 ticks"], 2, "name it e.parquet"),
        (["nonsense"], 2, "No such command"),
    ],
)
def test_mistakes_have_a_message_and_an_exit_code(
    arguments: list[str], code: int, message: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == code, result.stderr
    assert message in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_options_beat_files_and_files_beat_defaults(here: Path) -> None:
    (here / "duck_label.toml").write_text(
        "tick_size = 0.5\ntimeout_bars = 7\nroll_gap_points = 3\n[weights]\nfloor = 0.1\n"
    )
    (here / "other.toml").write_text("timeout_seconds = 60\nroll_gap_points = 4\n")
    result = run("config", "-c", "other.toml", "--roll-gap-points", "5", "--json")
    loaded = json.loads(result.stdout)
    config, origins = loaded["config"], loaded["origins"]
    assert config["tick_size"] == "0.5"
    assert (config["timeout_seconds"], config["timeout_bars"]) == ("60", None)
    assert config["roll_gap_points"] == "5.0"
    assert config["weights"]["floor"] == 0.1
    assert config["weights"]["decay_rate"] == 0.05
    assert origins == {
        "tick_size": "duck_label.toml",
        "timeout_seconds": "other.toml",
        "roll_gap_points": "--roll-gap-points",
        "weights.floor": "duck_label.toml",
    }


@pytest.mark.parametrize(
    ("below", "option", "table", "left"),
    [
        ("[events]\ncolumn = 'x'", ["--events", "e.parquet"], "events", {"file": "e.parquet"}),
        ("[events]\nfile = 'x'", ["--every-seconds", "5"], "events", {"every_seconds": "5.0"}),
        ("[events]\nevery_seconds = 5", ["--event-column", "e"], "events", {"column": "e"}),
        (
            "[session]\nhours = '08:30-15:00'\nzone = 'UTC'\ndays = 'mon'",
            ["--session", "s.parquet"],
            "session",
            {"file": "s.parquet", "zone": "UTC", "days": "mon-sun"},
        ),
        (
            "[session]\nfile = 's.parquet'",
            ["--session", "08:30-15:00 UTC"],
            "session",
            {"hours": "08:30-15:00", "zone": "UTC", "days": "mon-sun"},
        ),
    ],
)
def test_one_way_to_ask_takes_the_place_of_another(
    below: str, option: list[str], table: str, left: dict[str, str], here: Path
) -> None:
    (here / "duck_label.toml").write_text(f"{below}\n")
    result = run("config", *option, "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)["config"][table]
    rest = ("ask", "flat")
    assert {key: str(told[key]) for key in told if told[key] and key not in rest} == left


def test_keys_of_an_instrument_are_layered_one_by_one(here: Path) -> None:
    (here / "duck_label.toml").write_text('[instruments."A.B"]\ntick_size = 0.1\n')
    key = "instruments.'A.B'.price_increment"
    loaded = json.loads(run("config", "--set", f"{key}=0.05", "--json").stdout)
    assert loaded["config"]["instruments"] == {
        "A.B": {"tick_size": "0.1", "price_increment": "0.05", "roll_gap_points": None}
    }
    assert loaded["origins"]["instruments.A.B.tick_size"] == "duck_label.toml"
    assert loaded["origins"]["instruments.A.B.price_increment"] == "--set"


EVERYTHING = """
tick_size = 0.5
price_increment = 0.25
timeout_bars = 30
roll_gap_points = 12.5
as_of = 2024-12-20
unresolved = "null"
details = true
uniqueness = true
entry = "close"
tie = "null"
label = "touch"
timestamp_format = "%Y%m%d"
timestamp_zone = "America/Chicago"
price_scale = 1e-9
symbol_from = "{symbol}.parquet"
on_bad_rows = "quarantine"
max_bad_share = 0.25
symbols = ["ES", "NQ*"]
on_off_grid = "round"
on_duplicates = "first"
allow_nonpositive_prices = true
session_start = "00:00 UTC"
max_entry_gap_seconds = 1800
rows = "asked"

[columns]
volume = "vol ume"
side = "my signal"

[weights]
decay_rate = 0.01
quality_best = 3.0
quality_slope = 1.0
velocity_best = 2.5
velocity_slope = 1.25
optimal_seconds = 200
velocity_span_seconds = 500
floor = 0.25
factors = ["quality", "decay"]

[[modes]]
name = "one"
direction = "short"
stop = 2.5
target = 3
timeout_seconds = 25
trailing = true

[[modes]]
name = "two"
direction = "side"
stop = "1.5 * atr20"
target = "0.05%"
timeout_bars = 20
trailing = false

[volatility.atr20]
kind = "atr"
bars = 20

[events]
every_seconds = 60

[session]
hours = "08:30-15:00"
zone = "America/Chicago"
days = "sun-thu"
ask = "all"
flat = false

[instruments."GC*"]
tick_size = 0.1
roll_gap_points = 7.5

[memory]
limit = "1GB"
cleanup_threshold = 0.7
critical_threshold = 0.9
emergency_threshold = 1.1
cleanup_frequency = 5

[run]
chunk = "5d"
order = "largest-first"
threads = 1
workers = 2
chunk_timeout = 3600
store_patience = 90.0
engine = "ray"
ray_address = "ray-head:6379"
temp_dir = "scratch"
max_temp_size = "50GB"
"""


def flattened(values: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": item for inner, item in flattened(value).items()}
        else:
            flat[key] = value
    return flat


def test_every_key_of_a_file_is_in_force_and_printed_back(here: Path) -> None:
    """What `config` prints is a configuration file that means the same."""
    (here / "all.toml").write_text(EVERYTHING)
    printed = run("config", "-c", "all.toml").stdout
    assert flattened(tomllib.loads(EVERYTHING)).items() <= flattened(tomllib.loads(printed)).items()
    assert "# default" not in printed
    (here / "again.toml").write_text(printed)
    assert (
        run("config", "-c", "again.toml", "--json").stdout.split('"origins"')[0]
        == (run("config", "-c", "all.toml", "--json").stdout.split('"origins"')[0])
    )


def test_options_reach_the_labels_as_files_do(here: Path) -> None:
    """Modes, weights and horizon given one way or the other label alike."""
    (here / "my.toml").write_text(
        'timeout_seconds = 120\n[weights]\nfloor = 0.25\n[[modes]]\nname = "a"\n'
        'direction = "short"\nstop = 3\ntarget = 5\n'
    )
    assert run("run", BARS, "-o", "file", "-c", "my.toml").exit_code == 0
    options = ["--timeout-seconds", "120", "--set", "weights.floor=0.25", "--mode", "a:short:3:5"]
    assert run("run", BARS, "-o", "options", *options).exit_code == 0
    labeled = read(here / "options")
    assert labeled.equals(read(here / "file"))
    assert labeled.column_names[-2:] == ["label_a", "weight_a"]


def test_unexpected_errors_have_no_traceback_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a wheel came off")

    monkeypatch.setattr(duck_label.run.opened, "open_source", broken)
    result = run("run", BARS, "-o", "out")
    assert result.exit_code == 1
    assert "a wheel came off" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Traceback" in run("run", BARS, "-o", "out", "--debug").stderr


def test_what_a_caller_catches_and_gets_back_is_exported() -> None:
    names = {
        name
        for name, kind in vars(duck_label.errors).items()
        if isinstance(kind, type) and issubclass(kind, duck_label.errors.DuckLabelError)
    }
    names |= {"RunSummary", "RunPlan", "Progress", "LabelingConfig", "TradingMode"}
    assert names <= set(duck_label.__all__)
    assert all(hasattr(duck_label, name) for name in duck_label.__all__)


def test_what_the_system_refuses_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "some/file")

    monkeypatch.setattr(duck_label.run.opened, "open_source", full)
    result = run("run", BARS, "-o", "out")
    assert (result.exit_code, result.stderr) == (1, "error: some/file: No space left on device\n")


def test_ctrl_c_while_a_library_loads_is_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who loads it may say that the library is broken."""

    def interrupted(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise ImportError("while initializing the extension") from error

    monkeypatch.setattr(duck_label.run.opened, "open_source", interrupted)
    result = run("run", BARS, "-o", "out")
    assert result.exit_code == 130
    assert result.stderr.startswith("interrupted: ")


def test_help_and_version_do_not_wait_for_heavy_imports() -> None:
    heavy = ("duckdb", "pandas", "pyarrow", "numpy", "pydantic", "jinja2", "rich", "psutil")
    script = f"import sys, duck_label.cli; print([m for m in {heavy} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert ended.stdout.strip() == b"[]"
    assert run("--version").stdout.startswith("duck-label 0.1.0 (DuckDB 2.")


def test_a_command_is_not_searched_for_garbage_while_it_starts_and_ends() -> None:
    script = (
        "import atexit, gc; from duck_label.__main__ import main; "
        "atexit.register(lambda: print(gc.get_stats()[0]['collections'], gc.get_freeze_count())); "
        "import sys; sys.argv = ['duck-label', 'config', '--json']; before = gc.get_stats(); "
        "atexit.register(lambda: print(before[0]['collections'])); main()"
    )
    ended = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    *_, before, after = ended.stdout.decode().splitlines()
    collections, frozen = map(int, after.split())
    assert collections == int(before)
    assert frozen > 10_000


# Takes long to load, and is for terminals, stores, tables of Python or crews.
SELDOM = (
    *("rich", "tomlkit", "prompt_toolkit", "pygments", "prometheus_client", "matplotlib"),
    *("fsspec", "ssl", "http", "urllib.request", "asyncio", "concurrent.futures"),
    *("numpy", "pandas", "pyarrow", "polars", "pytz", "dateutil", "ray", "multiprocessing"),
    *("duck_label.run.crews.processes", "duck_label.run.crews.ray", "duck_label.storage.stored"),
)


def loaded(*commands: list[str]) -> list[set[str]]:
    """Which of these are loaded when each of some commands of one process is over."""
    script = (
        f"import sys; from duck_label.cli import main\nfor command in {commands}:\n"
        "    main(command, standalone_mode=False)\n"
        f"    print('loaded', *[m for m in {SELDOM} if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    lines = [line.split() for line in ended.stdout.decode().splitlines()]
    return [set(line[1:]) for line in lines if line[:1] == ["loaded"]]


def test_commands_load_nothing_that_they_do_without(here: Path) -> None:
    query = f"copy (select * replace (timestamp::timestamptz as timestamp) from '{BARS}') to $path"
    duckdb.execute(query, {"path": str(here / "zoned.parquet")})
    runs = (["run", BARS, "-o", "plain"], ["run", "zoned.parquet", "-o", "zoned"])
    assert loaded(*([*one, *TWO_OPTIONS] for one in runs)) == [set(), set()]
    (first,) = duckdb.execute("select min(epoch_us(timestamp)) from 'zoned.parquet'").fetchall()[0]
    at = f"{datetime.fromtimestamp(first / 1_000_000, UTC):%Y-%m-%dT%H:%M:%S}"
    arrow = {"numpy", "pandas", "pyarrow", "polars", "pytz"}
    stats, story = loaded(["stats", "zoned"], ["explain", "zoned", "--at", at])
    assert stats == {"rich"}
    assert story.isdisjoint(arrow)


# Says when a run is in the middle of its third chunk: by then one of two in flight is finished.
BUSY = """
import sys
from duck_label.cli import main
from duck_label.run import watch
seen = []
def on_step(database, chunk, step):
    seen.append(step)
    if step == "label/06_touches" and seen.count(step) == 3:
        print("busy", file=sys.stderr, flush=True)
watch.on_step = on_step
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "number", long_but([signal.SIGTERM], [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
)
def test_an_interrupted_run_ends_cleanly_and_goes_on(number: signal.Signals, here: Path) -> None:
    write_sample(here / "day.parquet", days=1)
    pq.write_table(pq.read_table(here / "day.parquet")[:32_000], here / "bars.parquet")
    command = [sys.executable, "-c", BUSY, "run", "bars.parquet", "-o", "out"]
    command += ["--chunk", "8000", "--threads", "2", "-v", *TWO_OPTIONS]
    # Started by nohup, as these tests may be, a run would not end with its terminal.
    before = signal.signal(number, signal.SIG_DFL)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    signal.signal(number, before)
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if line == "busy\n":
                break
        process.send_signal(number)
        began = time.monotonic()
        said = process.stderr.read()
    assert process.returncode == 130
    assert time.monotonic() - began < 3
    assert "interrupted: nothing is half-written" in said
    assert "Traceback" not in said
    left = {path.name for path in (here / "out" / FOLDER).iterdir()}
    known = {"lock", "runs.jsonl", "chunks.jsonl", "snapshots", "input_0001.json", "views.sql"}
    assert left <= known | {path for path in left if path.endswith(".tmp")}
    result = run("run", "bars.parquet", "-o", "out", "--json", "-q", *TWO_OPTIONS)
    assert json.loads(result.stdout)["rows_resumed"] > 0
    run("run", "bars.parquet", "-o", "whole", "-q", *TWO_OPTIONS)
    assert read(here / "out").equals(read(here / "whole"))


@pytest.mark.parametrize("command", ["config", "--help"])
def test_a_reader_that_has_seen_enough_is_no_error(command: str) -> None:
    """As with the tools of Unix: nothing is told, and a shell sees 141, which SIGPIPE is."""
    reads, writes = os.pipe()
    os.close(reads)
    with open(writes, "wb") as nobody:
        ended = subprocess.run(
            [sys.executable, "-m", "duck_label", command],
            check=False,
            stdout=nobody,
            stderr=subprocess.PIPE,
            env=os.environ,
        )
    assert ended.stderr == b""
    assert ended.returncode == 141


def test_a_flat_keyword_keeps_its_origin() -> None:
    lines = run("config", "--set", "threads=1", "--set", "memory_limit_gb=2").stdout.splitlines()
    assert "threads = 1 # --set" in lines
    assert 'limit = "2GB" # --set' in lines


def test_lines_of_the_budget_stand_in_order() -> None:
    result = run("config", "--cleanup-threshold", "0.97")
    assert result.exit_code == 2
    assert "cleanup_threshold = 0.97 is above critical_threshold = 0.95" in result.stderr
    result = run("config", "--cleanup-threshold", "0.97", "--critical-threshold", "off")
    assert result.exit_code == 0


def test_one_thing_is_told_as_one(here: Path) -> None:  # noqa: ARG001 - where it runs
    said = run("run", BARS, "-o", "one", *TWO_OPTIONS).stderr
    assert "1 chunk\n" in said
    assert "(1 file)" in said
    assert "growth" not in said


def test_a_configuration_with_a_byte_order_mark_is_read(here: Path) -> None:
    (here / "marked.toml").write_bytes(b"\xef\xbb\xbftick_size = 0.5\r\n")
    assert "tick_size = 0.5 # marked.toml" in run("config", "-c", "marked.toml").stdout
    (here / "wide.toml").write_bytes("tick_size = 0.5".encode("utf-16"))
    result = run("config", "-c", "wide.toml")
    assert result.exit_code == 2
    assert "wide.toml: is no text in UTF-8" in result.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--volatility", "s=std:1"), "(--volatility)"),
        (("--symbol", ""), "(--symbol)"),
        (("--session", "25:30-26:00 UTC"), "(--session)"),
        (("--tick-size", "nan"), "not NaN (--tick-size)"),
    ],
)
def test_a_mistake_names_the_option_that_made_it(options: tuple[str, str], told: str) -> None:
    result = run("config", *options)
    assert result.exit_code == 2
    assert told in result.stderr
