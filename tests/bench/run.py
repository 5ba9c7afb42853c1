"""How long labeling takes beside what it could cost at least, and beside what others would do.

Run as `make bench`, or `python tests/bench/run.py --help`. Every contender is a process of its own,
run several times; the median counts. Wall and CPU time and the peak RSS are those that the
operating system accounts to the process and its children. Prints a table and saves it, and the
figures as JSON, in the folder of the bench.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import psutil

HERE = Path(__file__).parent
PYTHON = sys.executable
PRODUCT = [PYTHON, "-m", "duck_label"]
# Bars of a session, nearly.
SESSION_ROWS = {"calm": 64_400, "volatile": 74_700}
REAL = {"fx, 5 symbols": "lean_fx_5sym_1s", "BTC 2017, 1 min": "bitfinex_btcusd_2017_1m"}


@dataclass(frozen=True)
class Contender:
    """A command that labels the bars of a file; `rows` where it only takes the first so many."""

    data: str
    name: str
    command: tuple[str, ...]
    bars: Path
    rows: int | None = None


@dataclass(frozen=True)
class Measured:
    """What the operating system says of a process: the medians of its runs."""

    data: str
    name: str
    rows: int
    wall_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    is_slice: bool
    times_floor: float | None = None


def measure(contender: Contender, repeat: int, folder: Path) -> Measured:
    """Run a contender several times, each into a new folder."""
    runs = []
    for _ in range(repeat):
        output = folder / "output"
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        command = [part.replace("{output}", str(output)) for part in contender.command]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{contender.data}: {contender.name} failed: {' '.join(command)}")
        # Linux counts in kibibytes, macOS in bytes.
        unit = 1 if sys.platform == "darwin" else 1024
        runs.append((wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit))
    wall, cpu, peak = (statistics.median(run[part] for run in runs) for part in range(3))
    rows = contender.rows or rows_of(contender.bars)
    sliced = contender.rows is not None
    return Measured(contender.data, contender.name, rows, wall, cpu, int(peak), sliced)


def apart(query: str) -> str:
    """Run a query in a process of its own: a child begins with the peak RSS of who starts it."""
    script = "import sys, duckdb; print(*(duckdb.execute(sys.argv[1]).fetchone() or ()))"
    command = [PYTHON, "-c", script, query]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def rows_of(path: Path) -> int:
    """The number of bars of a file."""
    return int(apart(f"select num_rows from parquet_file_metadata('{path}')"))


def sample(folder: Path, market: str, rows: int) -> Path:
    """Bars from the seeded generator, made once."""
    days = max(1, round(rows / SESSION_ROWS[market]))
    path = folder / f"{market}_{days}.parquet"
    if not path.exists():
        command = [*PRODUCT, "sample", str(path), "--days", str(days), "--market", market]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


def ours(data: str, bars: Path, name: str = "duck-label", *options: str) -> Contender:
    """`duck-label run` with two threads."""
    run = (*PRODUCT, "run", str(bars), "--output", "{output}/labels", "--quiet", "--threads", "2")
    return Contender(data, name, (*run, *options), bars)


def script(data: str, bars: Path, name: str, file: str, *options: str) -> Contender:
    """A contender whose script lies beside this file and takes bars and an output file."""
    command = (PYTHON, str(HERE / file), str(bars), "{output}/labels.parquet", *options)
    return Contender(data, name, command, bars)


def many_modes(count: int) -> list[str]:
    """Modes of as many distances, long and short."""
    return [
        option
        for number in range(count // 2)
        for way in ("long", "short")
        for option in ("--mode", f"m{number}_{way}:{way}:{6 + number}:{12 + 2 * number}")
    ]


def six_modes(direction: str, stop: str, target: str, *, trailing: bool = False) -> list[str]:
    """The six default modes with barriers of another kind, in formats of their ticks.

    `share` is as wide in percent, for a price of 5000 and ticks of 0.25.
    """
    return [
        option
        for ticks in (6, 8, 10)
        for way in ("long", "short")
        for option in (
            "--mode",
            ":".join(
                (
                    f"{way}{ticks}",
                    direction or way,
                    barrier(stop, ticks),
                    barrier(target, 2 * ticks),
                )
            )
            + ":trailing" * trailing,
        )
    ]


def barrier(form: str, ticks: int) -> str:
    """A barrier so many ticks away, as an option has it."""
    return form.format(ticks, share=ticks * 0.25 / 5000 * 100)


def kinds_of_trades(bars: Path, sided: Path, data: str) -> Iterator[Contender]:
    """Six modes of each kind, beside the six default ones."""
    atr = ("--volatility", "atr20=atr:20")
    yield ours(data, bars, "duck-label, six percent", *six_modes("", "{share:g}%", "{share:g}%"))
    yield ours(data, bars, "duck-label, six atr20", *atr, *six_modes("", "{}*atr20", "{}*atr20"))
    yield ours(data, bars, "duck-label, six trailing", *six_modes("", "{}", "{}", trailing=True))
    yield ours(data, sided, "duck-label, six side", *six_modes("side", "{}", "{}"))


def with_sides(bars: Path) -> Path:
    """The bars with a column of sides: long, short and neither, by chance."""
    path = bars.with_name(f"sided_{bars.name}")
    if not path.exists():
        side = "(hash(timestamp) % 3)::tinyint - 1 as side"
        apart(f"copy (select *, {side} from '{bars}') to '{path}'")
    return path


def with_events(bars: Path, share: int) -> Path:
    """Events at one bar in so many, by chance."""
    path = bars.with_name(f"events_{share}_{bars.name}")
    if not path.exists():
        chosen = f"select timestamp from '{bars}' where hash(timestamp) % {share} = 0"
        apart(f"copy ({chosen} order by timestamp) to '{path}'")
    return path


def contenders(folder: Path, rows: int, large: int, real: Path) -> Iterator[Contender]:
    """Everything that is measured; the floor of a kind of data comes first."""
    for market in ("calm", "volatile"):
        bars = sample(folder, market, rows)
        yield script(market, bars, FLOOR, "floor.py")
        yield ours(market, bars, "duck-label, 8GB", "--memory-limit", "8GB")
        yield ours(market, bars, "duck-label, 1GB", "--memory-limit", "1GB")
        yield script(market, bars, "by hand (Numba)", "by_hand.py")
        yield from kinds_of_trades(bars, with_sides(bars), market)
        yield from peers(market, bars)
    bars = sample(folder, "calm", rows)
    for share in (10, 100):
        events = with_events(bars, share)
        asked = ("--events", str(events), "--rows", "asked")
        yield ours("calm", bars, f"duck-label, one bar in {share} asked", *asked)
    yield ours("calm", bars, "duck-label, 4 h", "--timeout-seconds", "14400")
    yield ours("calm", bars, "duck-label, 24 modes", *many_modes(24))
    yield ours("calm", bars, "duck-label, details", "--details")
    yield ours("calm", bars, "duck-label, uniqueness", "--uniqueness")
    for data, file in REAL.items():
        path = real / f"{file}.parquet"
        if path.exists():
            yield script(data, path, FLOOR, "floor.py")
            config = str(HERE / f"{file}.toml")
            yield ours(data, path, "duck-label, 8GB", "--config", config)
    if large:
        bars = sample(folder, "calm", large)
        yield script("calm, large", bars, FLOOR, "floor.py")
        yield ours("calm, large", bars, "duck-label, 1GB", "--memory-limit", "1GB")
    bars = sample(folder, "calm", 100_000)
    yield ours("calm, small", bars)
    yield Contender("-", "duck-label --version", (*PRODUCT, "--version"), bars)


FLOOR = "floor: copy with 12 columns"


@dataclass(frozen=True)
class Peer:
    """Another labeler, in a Python of its own; `rows` where all bars would take it days.

    `kinds` are those of the trades that it labels besides those of fixed distances.
    """

    name: str
    module: str
    rows: int | None = None
    kinds: tuple[str, ...] = ()


PEERS = (
    Peer("ml4t-engineer", "ml4t.engineer", kinds=("atr", "trailing")),
    Peer("mlfinpy", "mlfinpy.labeling", 5_000),
    Peer("triple-barrier", "triple_barrier", 1_000),
)


def peers(data: str, bars: Path) -> Iterator[Contender]:
    """What else there is, where BENCH_PEERS names Pythons (`:` between them) that have it."""
    pythons = os.environ.get("BENCH_PEERS", "").split(os.pathsep)
    for peer in PEERS:
        for python in filter(None, pythons):
            if subprocess.run(
                [python, "-c", f"import {peer.module}"], capture_output=True
            ).returncode:
                continue
            run = (python, str(HERE / f"peer_{peer.module.partition('.')[0]}.py"), str(bars))
            rows = () if peer.rows is None else (str(peer.rows),)
            name = f"{peer.name}, labels only" + (f", first {rows[0]} bars" if rows else "")
            command = (*run, "{output}/labels.parquet", *rows)
            yield Contender(data, name, command, bars, peer.rows)
            for kind in peer.kinds:
                yield Contender(data, f"{name}, {kind}", (*command, kind), bars)
            break


def beside_floor(measured: list[Measured]) -> list[Measured]:
    """Each with its wall time per row over that of the floor of its data."""
    floors = {m.data: m.wall_seconds / m.rows for m in measured if m.name == FLOOR}
    return [
        Measured(
            **{
                **asdict(m),
                "times_floor": m.wall_seconds / m.rows / floors[m.data]
                if m.data in floors
                else None,
            }
        )
        for m in measured
    ]


def table(measured: list[Measured]) -> str:
    """As Markdown, ratios first."""
    lines = [
        "| bars | | times the floor | seconds | CPU seconds | million rows/s | peak RSS, MB |",
        "| --- | --- | --: | --: | --: | --: | --: |",
    ]
    for m in measured:
        ratio = "" if m.times_floor is None else f"{m.times_floor:.1f}"
        rate = "" if m.data == "-" else f"{m.rows / m.wall_seconds / 1e6:.2f}"
        times = f"{m.wall_seconds:.2f} | {m.cpu_seconds:.2f}"
        peak = f"{m.peak_rss_bytes / 1e6:.0f}"
        lines.append(f"| {m.data} | {m.name} | {ratio} | {times} | {rate} | {peak} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=6_750_000, help="bars of the main tables")
    parser.add_argument("--large", type=int, default=60_000_000, help="bars of the long history")
    parser.add_argument("--quick", action="store_true", help="a million bars, one run of each")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; the median counts")
    parser.add_argument("--only", default="", help="measure only what has this in data or name")
    parser.add_argument("--folder", type=Path, default=Path("bench"))
    parser.add_argument(
        "--real", type=Path, default=HERE.parents[2] / "shared" / "data", help="real bars"
    )
    arguments = parser.parse_args()
    rows, large, repeat = arguments.rows, arguments.large, arguments.repeat
    if arguments.quick:
        rows, large, repeat = 1_000_000, 0, 1
    folder: Path = arguments.folder
    folder.mkdir(exist_ok=True)
    measured = []
    for contender in contenders(folder, rows, large, arguments.real):
        if arguments.only in f"{contender.data} {contender.name}" or contender.name == FLOOR:
            print(f"{contender.data}: {contender.name}", file=sys.stderr, flush=True)
            measured.append(measure(contender, repeat, folder))
    shutil.rmtree(folder / "output", ignore_errors=True)
    measured = beside_floor(measured)
    machine = f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB"
    text = (
        f"{machine}; Python {platform.python_version()}, DuckDB {duckdb.__version__}; "
        f"median of {repeat}\n\n{table(measured)}\n"
    )
    print(text)
    (folder / "table.md").write_text(text)
    figures = {"machine": machine, "repeat": repeat, "measured": [asdict(m) for m in measured]}
    (folder / "table.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
