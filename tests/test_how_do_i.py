"""The recipes of docs/how-do-i.md, typed over small files such as the vendors write."""

import gzip
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from runpy import run_path
from typing import Any
from zipfile import ZipFile

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from duck_label.cli import main
from duck_label.look.inspect import open_output
from lengths import long_but

PAGE = (Path(__file__).parents[1] / "docs" / "how-do-i.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.DOTALL | re.MULTILINE))
# The command of a recipe that has a configuration and no command.
(DEFAULT,) = re.findall(r"a recipe without a command\s`(.+?)`\sfollows it", PAGE)
BLOCK = re.compile(r"^```(\w+)(?: needs=(\w+))?\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
START = datetime(2024, 3, 4, 15, 0, tzinfo=UTC)  # 10:00 in New York
BARS = 200
# Cents of 1,000 bars and more: up a step at every fifth bar, then down again.
CENTS = [10_000 + 25 * (bar // 5 if bar < BARS // 2 else (BARS - bar) // 5) for bar in range(BARS)]


def times(step: timedelta, start: datetime = START) -> list[datetime]:
    """When the bars open."""
    return [start + bar * step for bar in range(BARS)]


def prices(scale: float = 0.01, kind: Any = None) -> dict[str, pa.Array]:
    """Bars that move by quarters of a dollar."""
    level = [cents * scale for cents in CENTS]
    columns = {"open": level, "high": [p + 25 * scale for p in level], "low": level, "close": level}
    kind = kind or pa.float64()
    return {name: pa.array(values).cast(kind) for name, values in columns.items()}


def write(path: Path, columns: dict[str, Any]) -> None:
    """A Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def plain(path: Path, start: datetime = START, **more: Any) -> None:
    """One-second bars in our own names."""
    seconds = pa.array(times(timedelta(seconds=1), start), pa.timestamp("us", "UTC"))
    write(path, {"timestamp": seconds, **prices(), **more})


def new_month(folder: Path) -> None:
    plain(folder / "bars" / "2024-03.parquet")
    assert CliRunner().invoke(main, shlex.split("run bars -o labels")).exit_code == 0
    plain(folder / "bars" / "2024-04.parquet", datetime(2024, 4, 1, 15, tzinfo=UTC))


def file_per_symbol(folder: Path) -> None:
    for symbol in ("ES", "GC"):
        # On both grids: a quarter and a tenth meet at every half.
        halves = prices(0.02) if symbol == "GC" else prices()
        seconds = pa.array(times(timedelta(seconds=1)), pa.timestamp("us", "UTC"))
        write(folder / "bars" / f"{symbol}_1s.parquet", {"timestamp": seconds, **halves})


def databento(folder: Path) -> None:
    write(
        folder / "bars" / "es.parquet",
        {
            "ts_event": pa.array(times(timedelta(seconds=1)), pa.timestamp("ns", "UTC")),
            "rtype": pa.array([32] * BARS, pa.uint8()),
            "publisher_id": pa.array([1] * BARS, pa.uint16()),
            "instrument_id": pa.array([17077] * BARS, pa.uint32()),
            **prices(),
            "volume": pa.array([3] * BARS, pa.uint64()),
            "symbol": ["ESH4"] * BARS,
        },
    )


def zipped(path: Path, name: str, lines: list[str]) -> None:
    """An archive with one text in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(path, "w") as archive:
        archive.writestr(name, "\n".join(lines) + "\n")


def binance(folder: Path) -> None:
    for month, start, unit in (
        ("2024-12", datetime(2024, 12, 31, 23, tzinfo=UTC), 1_000),
        ("2025-01", datetime(2025, 1, 1, tzinfo=UTC), 1_000_000),
    ):
        lines = []
        for time, cents in zip(times(timedelta(seconds=1), start), CENTS, strict=True):
            begins, price = int(time.timestamp()) * unit, float(cents)
            lines.append(
                f"{begins},{price:.8f},{price + 25:.8f},{price:.8f},{price:.8f},0.51000000,"
                f"{begins + unit - 1},51.00000000,7,0.20000000,20.00000000,0"
            )
        name = f"BTCUSDT-1s-{month}"
        zipped(folder / "binance" / f"{name}.zip", f"{name}.csv", lines)


def polygon(folder: Path) -> None:
    (folder / "polygon").mkdir()
    lines = ["ticker,volume,open,close,high,low,window_start,transactions"]
    for ticker in ("AAPL", "SPY"):
        for time, cents in zip(times(timedelta(minutes=1)), CENTS, strict=True):
            price = cents / 100
            nanoseconds = int(time.timestamp()) * 1_000_000_000
            lines.append(f"{ticker},900,{price},{price},{price + 0.25},{price},{nanoseconds},12")
    with gzip.open(folder / "polygon" / "2024-03-04.csv.gz", "wt") as file:
        file.write("\n".join(lines) + "\n")


def lean(folder: Path) -> None:
    lines = []
    for minute, cents in enumerate(CENTS):
        low, high = cents * 100, (cents + 25) * 100
        lines.append(f"{(600 + minute) * 60_000},{low},{high},{low},{low},900")
    archive = folder / "data" / "equity" / "usa" / "minute" / "spy" / "20240304_trade.zip"
    zipped(archive, "20240304_spy_minute_trade.csv", lines)


def yfinance(folder: Path) -> None:
    level = pd.Series([(cents + 1) / 100 for cents in CENTS]).astype("float32").astype("float64")
    bars = pd.DataFrame(
        {"Open": level, "High": level + 0.25, "Low": level, "Close": level, "Volume": 900}
    ).assign(Dividends=0.0, **{"Stock Splits": 0.0, "Capital Gains": 0.0})
    bars.index = pd.DatetimeIndex(times(timedelta(minutes=1)), name="Datetime").tz_convert(
        "America/New_York"
    )
    bars.reset_index().to_parquet(folder / "bars" / "SPY.parquet")


def freqtrade(folder: Path) -> None:
    for pair in ("BTC_USDT", "ETH_USDT"):
        frame = pd.DataFrame({name: column.to_pylist() for name, column in prices(1).items()})
        frame.insert(
            0, "date", pd.to_datetime(times(timedelta(minutes=1))).astype("datetime64[ms, UTC]")
        )
        path = folder / "user_data" / "data" / "binance" / f"{pair}-1m.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.assign(volume=1.5).to_parquet(path)


def nautilus(folder: Path) -> None:
    """What the recipe makes of the bars of a catalog."""
    nanoseconds = [int(time.timestamp()) * 1_000_000_000 for time in times(timedelta(minutes=1))]
    kinds = {"type": ["Bar"] * BARS, "bar_type": ["ESM5.GLBX-1-MINUTE-LAST-EXTERNAL"] * BARS}
    clocks = {"ts_event": nanoseconds, "ts_init": nanoseconds}
    write(
        folder / "bars" / "catalog.parquet", {**kinds, **prices(), "volume": [1.0] * BARS, **clocks}
    )


def labels(folder: Path) -> None:
    plain(folder / "bars.parquet")
    assert CliRunner().invoke(main, shlex.split("run bars.parquet -o labels")).exit_code == 0


# What lies in the folder before, and the bars, symbols and first time of the labels after.
Made = tuple[Callable[[Path], None], int, set[str | None], datetime]
LABEL: dict[str, Made] = {
    "label a new month": (new_month, 2 * BARS, {None}, START),
    "label one file per symbol": (file_per_symbol, 2 * BARS, {"ES", "GC"}, START),
    "label Databento files": (databento, BARS, {"ESH4"}, START),
    "label Binance files": (
        binance,
        2 * BARS,
        {"BTCUSDT"},
        datetime(2024, 12, 31, 23, tzinfo=UTC),
    ),
    "label Polygon (Massive) files": (polygon, 2 * BARS, {"AAPL", "SPY"}, START),
    "label Lean (QuantConnect) files": (lean, BARS, {"SPY"}, START),
    "label what yfinance downloads": (yfinance, BARS, {None}, START),
    "label a NautilusTrader catalog": (
        nautilus,
        BARS,
        {"ESM5.GLBX-1-MINUTE-LAST-EXTERNAL"},
        START,
    ),
    "label what freqtrade downloads": (freqtrade, 2 * BARS, {"BTC_USDT", "ETH_USDT"}, START),
}
# The mode of a recipe, and all that its labels are.
TRADES: dict[str, tuple[str, set[int | None]]] = {
    "set stops in percent": ("p", {0, 1}),
    "let stops follow the volatility": ("calm", {None, 0, 1}),
    "ask whether a signal was right (meta-labels)": ("meta", {None, 0, 1}),
    "trail a stop": ("ride", {-1, 0, 1}),
}
# The library that a recipe needs, the file that it makes, and the bars that it then labels. All
# lie in one session; by a filter of 5 ticks prices have moved at bars 30, 60, 90, 126, 156, 186.
MAKE = {
    "label by an exchange's calendar": ("pandas_market_calendars", "sessions.parquet", BARS),
    "label the bars at which prices have moved": ("duckdb", "events.parquet", 6),
}
WEIGH = "try other weights"
WORTH = "know what overlapping labels are worth"
WEIGHTS, FOLDS = "give a model sample weights", "fold without leaks"
SOME, FLAT = "label only some bars", "be flat at the close"
READ = [name for name in RECIPES if name.startswith("read the labels")]

# Each has another way of a name, a type or a clock in it.
USUAL = ("label a new month", "label Databento files")


def type_commands(text: str) -> None:
    for line in text.splitlines():
        program, *arguments = shlex.split(line.removeprefix("$ "))
        assert program == "duck-label"
        ended = CliRunner().invoke(main, arguments)
        assert ended.exit_code == 0, ended.stderr


def follow(recipe: str, folder: Path) -> dict[str, Any]:
    """Do what a recipe says, in the working folder; the names that its Python has left."""
    names: dict[str, Any] = {}
    blocks = BLOCK.findall(recipe)
    has_commands = any(language == "console" for language, *_ in blocks)
    for language, needs, text in blocks:
        if language == "toml":
            (folder / "duck_label.toml").write_text(text, encoding="utf-8")
            if not has_commands:
                type_commands(DEFAULT)
        elif language == "console":
            type_commands(text)
        elif language == "sql":
            duckdb.sql(text)
        elif language == "python":
            compile(text, "recipe", "exec")
            if not needs:
                (folder / "recipe.py").write_text(text, encoding="utf-8")
                names |= run_path("recipe.py")
    return names


@pytest.mark.parametrize("name", long_but(USUAL, LABEL))
def test_a_recipe_labels(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make, bars, symbols, first = LABEL[name]
    (tmp_path / "bars").mkdir()
    (tmp_path / "duck_label.toml").write_text("as_of = 2024-12-31\n")
    make(tmp_path)
    follow(RECIPES[name], tmp_path)
    with open_output("labels") as output:
        found = output.sql("select symbol, utc, label from labels_long where mode = 'low_vol_long'")
        rows = found.fetchall()
    assert len(rows) == bars
    assert {symbol for symbol, *_ in rows} == symbols
    assert min(utc for _, utc, _ in rows) == first.replace(tzinfo=None)
    assert {label for *_, label in rows} == {0, 1}


@pytest.mark.parametrize(
    "name", long_but(["let stops follow the volatility", "trail a stop"], TRADES)
)
def test_a_recipe_labels_a_trade(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mode, labels = TRADES[name]
    plain(tmp_path / "bars" / "2024-03.parquet")
    signal = pa.array([(1, -1, 0, None)[bar % 4] for bar in range(BARS)])
    plain(tmp_path / "signals" / "2024-03.parquet", my_signal=signal)
    follow(RECIPES[name], tmp_path)
    with open_output("labels") as output:
        found = output.sql(f"select distinct label from labels_long where mode = '{mode}'")
        assert {label for (label,) in found.fetchall()} == labels


def test_a_recipe_weighs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plain(tmp_path / "bars" / "2024-03.parquet")
    follow(RECIPES[WEIGH], tmp_path)
    with open_output("labels") as output:
        assert output.config.weights.decay_rate == 0.1
        ((runs,),) = output.sql("select list(chunks_weighed order by run) from runs").fetchall()
    assert runs == [0, 1, 1]


def test_a_recipe_tells_what_labels_are_worth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain(tmp_path / "bars" / "2024-03.parquet")
    follow(RECIPES[WORTH], tmp_path)
    query = (
        "select count(uniqueness_low_vol_long), max(uniqueness_low_vol_long), "
        "sum(uniqueness_low_vol_long) from 'labels/*.parquet'"
    )
    ((labels, highest, worth),) = duckdb.execute(query).fetchall()
    # Whatever spans there are, the bars that they cover are shared out once: 199 at most.
    assert labels == BARS - 1
    assert highest <= 1
    assert 0 < worth < labels


def test_a_recipe_makes_sample_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plain(tmp_path / "bars" / "2024-03.parquet")
    weighed = follow(RECIPES[WEIGHTS], tmp_path)["weighed"]
    query = "select weight_low_vol_long * uniqueness_low_vol_long from 'labels/*.parquet'"
    made = [weight for (weight,) in duckdb.execute(query).fetchall() if weight is not None]
    assert len(weighed) == len(made) > BARS / 2
    scale = sum(made) / len(made)
    assert sorted(weighed["weight"]) == pytest.approx([weight / scale for weight in sorted(made)])
    sums = weighed.groupby("label")["balanced"].sum()
    assert sums.to_list() == pytest.approx([len(made) / 2] * 2)


def test_a_recipe_folds_without_leaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stays is what a plain loop over the spans of trades leaves."""
    purgedcv = pytest.importorskip("purgedcv", reason="the group `model` is not installed")
    monkeypatch.chdir(tmp_path)
    plain(tmp_path / "bars" / "2024-03.parquet")
    made = follow(RECIPES[FOLDS], tmp_path)
    rows = made["rows"]
    entries, touches = rows["timestamp"] + timedelta(seconds=1), rows["touch_time"]
    assert list(made["times"]["prediction_times"]) == list(entries)
    # In seconds; known when the bar after the one that decided is over.
    spans = [
        (int((entry - START).total_seconds()), int((touch - START).total_seconds()) + 2)
        for entry, touch in zip(entries, touches, strict=True)
    ]
    embargo = 7
    times = {
        "prediction_times": entries,
        "evaluation_times": touches + timedelta(seconds=2),
        "embargo": timedelta(seconds=embargo),
    }

    def has_seen(row: int, test: list[int]) -> bool:
        entry, known = spans[row]
        overlaps = any(entry < spans[other][1] and spans[other][0] < known for other in test)
        return overlaps or any(0 <= entry - spans[other][1] <= embargo for other in test)

    for splitter in (
        purgedcv.PurgedKFold(5, **times),
        purgedcv.CombinatorialPurgedCV(6, 2, **times),
    ):
        left = set()
        for train, test in splitter.split(rows):
            others = sorted({*range(len(spans))} - {*test})
            stay = [row for row in others if not has_seen(row, list(test))]
            assert list(train) == stay
            left |= {bool(stay) and stay[0] < test[0], bool(stay) and stay[-1] > test[-1]}
        assert left == {True, False}
    assert made["folds"].get_n_splits() == 5
    assert made["combined"].get_n_splits() == 15


@pytest.mark.parametrize("name", long_but(READ[-1:], READ))
def test_a_recipe_reads(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    labels(tmp_path)
    follow(RECIPES[name], tmp_path)
    blocks = BLOCK.findall(RECIPES[name])
    if blocks[0][0] == "python":
        assert set(capsys.readouterr().out.splitlines()) == {f"{BARS} bars"}
    elif blocks[0][0] == "yaml":
        # As dbt-duckdb would: the source is its external location.
        (location,) = re.findall(r'external_location: "(.+)"', blocks[0][2])
        query = re.sub(r"\{\{.*?\}\}", location, blocks[1][2])
        assert sum(count for _, count in duckdb.execute(query).fetchall()) == BARS
    else:
        views = re.findall(r"\S+/views\.sql", blocks[0][2])
        assert len(views) == 2
        connection = duckdb.connect()
        connection.execute(Path(views[0]).read_text(encoding="utf-8"))
        assert connection.sql("select count(*) from labels").fetchall() == [(BARS,)]


@pytest.mark.parametrize("name", long_but([*MAKE][1:], MAKE))
def test_a_recipe_makes_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library, made, labeled = MAKE[name]
    pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    plain(tmp_path / "bars" / "2024-03.parquet")
    follow(RECIPES[name], tmp_path)
    assert pq.read_metadata(tmp_path / made).num_rows > 0
    assert asked("labels") == (BARS, labeled)


def asked(output: str) -> tuple[Any, ...]:
    """The bars of an output, and those that have labels."""
    query = f"select count(*), count(label_low_vol_long) from '{output}/*.parquet'"
    (counts,) = duckdb.execute(query).fetchall()
    return counts


def test_a_recipe_labels_some_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plain(tmp_path / "bars" / "2024-03.parquet")
    signal = pa.array([(1, -1, 0, None)[bar % 4] for bar in range(BARS)])
    plain(tmp_path / "signals" / "2024-03.parquet", my_signal=signal)
    write(tmp_path / "signals.parquet", {"timestamp": [START, START + timedelta(seconds=17)]})
    follow(RECIPES[SOME], tmp_path)
    # Half of the signals are another number than zero; 200 seconds begin four minutes.
    assert asked("labels") == (BARS, BARS // 2)
    assert asked("every-minute") == (BARS, 4)
    assert asked("signaled") == (2, 2)


def test_a_recipe_is_flat_at_the_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # 15:00 in Chicago is 21:00 in UTC in winter: 100 bars before, 100 from then on.
    close = datetime(2024, 3, 4, 21, tzinfo=UTC)
    plain(tmp_path / "bars" / "2024-03.parquet", close - timedelta(seconds=100))
    follow(RECIPES[FLAT], tmp_path)
    # The last bar before the close has no entry bar in its session.
    assert asked("labels") == (BARS, 99)
    query = "select count(*) > 0, max(epoch(touch_time)) from labels_long where outcome = 'close'"
    with open_output("labels") as output:
        ((is_met, latest),) = output.sql(query).fetchall()
    assert is_met
    assert latest < close.timestamp()


def test_every_recipe_is_typed() -> None:
    others = {WEIGH, WORTH, WEIGHTS, FOLDS, SOME, FLAT}
    assert {*LABEL, *TRADES, *MAKE, *READ, *others} == set(RECIPES)
