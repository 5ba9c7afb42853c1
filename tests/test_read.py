# mypy: disable-error-code="import-untyped"
"""Labels to train on: which rows, which columns, in which types, and that batches are read late."""

import pickle
import shutil
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import duck_label
import golden
from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.errors import (
    ConfigError,
    DuckLabelError,
    InputError,
    MemoryBudgetError,
    QueryError,
)
from duck_label.look import readonly
from labeling import label_two as label
from labeling import write
from lengths import long_but

MODES = ("meta", "fixed")
# Four seconds of two symbols; nobody asks for A's second bar, and B's first has no side.
BARS = pa.table(
    {
        "ts_event": pa.array(
            [datetime(2024, 3, 4, 15, 0, second, tzinfo=UTC) for second in (0, 1, 2, 3)] * 2,
            pa.timestamp("us", "UTC"),
        ),
        "symbol": ["A"] * 4 + ["B"] * 4,
        **dict.fromkeys(("open", "high", "low", "close"), pa.array([10.0] * 4 + [20.0] * 4)),
        "asked": [True, False, True, True] * 2,
        "side": [1, 1, -1, 1, 0, 1, 1, 1],
        "feature": pa.array(range(8), pa.int16()),
    }
)
CONFIG: dict[str, Any] = {
    "columns": {"timestamp": "ts_event"},
    "events": {"column": "asked"},
    "timeout_seconds": 1,
    "modes": [
        {"name": "meta", "direction": "side", "stop": 4, "target": 4},
        {"name": "fixed", "direction": "long", "stop": 4, "target": "2 points"},
    ],
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("read")
    label(write(folder / "bars", [BARS]), folder / "out", details=True, uniqueness=True, **CONFIG)
    return folder / "out"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels and weights alone, of the same bars without symbols."""
    folder = tmp_path_factory.mktemp("plain")
    bars = write(folder / "bars", [BARS.slice(0, 4).drop_columns(["symbol"])])
    WeightedLabelingEngine(LabelingConfig(**CONFIG)).process_files([bars], folder / "out")
    return folder / "out"


def test_a_row_is_a_bar_and_mode_with_a_label(out: Path) -> None:
    labels = duck_label.read(out, columns=["mode", "symbol", "feature", "label"])
    assert labels.to_arrow().to_pydict() == {
        "mode": ["meta"] * 5 + ["fixed"] * 6,
        "symbol": [*"AAABB", *"AAABBB"],
        "feature": [0, 2, 3, 6, 7, 0, 2, 3, 4, 6, 7],
        "label": [0] * 11,
    }
    counts = labels.counts()
    assert [(mode, counts[mode].labels, counts[mode].left_out) for mode in counts] == [
        ("meta", 5, 3),
        ("fixed", 6, 2),
    ]


def test_what_a_roll_or_the_end_cut_short_can_be_left_out(out: Path) -> None:
    """The last bars of both symbols have no entry, and the third ones no end."""
    labels = duck_label.read(out, modes="fixed", columns=["feature"], unresolved="null")
    assert labels.to_arrow()["feature"].to_pylist() == [0, 4]
    assert [(count.labels, count.left_out) for count in labels.counts().values()] == [(2, 6)]


def test_columns_are_what_the_output_has_or_what_is_asked_for(out: Path, plain: Path) -> None:
    own = ["open", "high", "low", "close", "asked", "side", "feature"]
    assert list(duck_label.read(plain).columns) == [
        *("timestamp", "mode", "direction", "stop_ticks", "target_ticks", "label", "weight"),
        *own,
    ]
    assert list(duck_label.read(out).columns) == [
        *("symbol", "timestamp", "mode", "direction", "stop_ticks", "target_ticks"),
        *("label", "weight", "uniqueness", "attribution", "outcome", "mae_ticks", "mfe_ticks"),
        *("seconds", "touch_time", "exit_price", "return_ticks", *own),
    ]
    asked = duck_label.read(out, columns=["weight", "utc", "feature"]).to_arrow()
    assert asked.column_names == ["weight", "utc", "feature"]


def test_a_column_of_the_bars_that_is_called_as_ours_is_told(tmp_path: Path) -> None:
    bars = golden.bars("tiny").append_column("mode", golden.bars("tiny")["open"])
    label(write(tmp_path / "bars", [bars]), tmp_path / "out")
    with pytest.warns(UserWarning, match="out: columns of the bars .* stay out: 'mode'"):
        labels = duck_label.read(tmp_path / "out")
    assert set(labels.to_arrow()["mode"].to_pylist()) == set(labels.modes)


def test_the_values_are_those_of_the_part_files(tmp_path: Path) -> None:
    """Cut into many parts, of a case whose trades have no label where nobody knows."""
    bars, _, expected = golden.trade_tables("tie_null")
    config = {**golden.trade_config("tie_null"), "details": True, "uniqueness": True}
    label(write(tmp_path / "bars", [bars]), tmp_path / "out", chunk_size=400, **config)
    labels = duck_label.read(tmp_path / "out")
    table = labels.to_arrow()
    # Barriers of so many ticks are told for every row.
    kinds = [
        name
        for name in labels.columns
        if f"{name}_{labels.modes[0]}" in expected.schema.names
        and not name.startswith(("stop_", "target_"))
    ]
    assert {"label", "weight", "touch_time", "uniqueness", "return_ticks"} <= set(kinds)
    for mode in labels.modes:
        known = expected.filter(pc.is_valid(expected[f"label_{mode}"]))
        found = table.filter(pc.equal(table["mode"], mode))
        assert len(found) < len(expected), "the case has ties"
        renamed = found.select(["timestamp", *kinds]).rename_columns(
            ["timestamp", *(f"{kind}_{mode}" for kind in kinds)]
        )
        assert golden.differences(renamed, known, renamed.column_names) == []


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (pa.timestamp("us"), {}),
        (pa.timestamp("us", "UTC"), {}),
        (pa.timestamp("ns"), {}),
        (pa.timestamp("ns", "UTC"), {}),
        (pa.int64(), {"timestamp_unit": "ms"}),
    ],
    ids=str,
)
def test_times_have_the_type_of_the_output_and_choose_bars(
    kind: pa.DataType, config: dict[str, Any], tmp_path: Path
) -> None:
    bars = BARS.slice(0, 4).rename_columns({"ts_event": "timestamp"})
    times = bars["timestamp"]
    times = times.cast(pa.timestamp("ms", "UTC")) if kind == pa.int64() else times
    times = times.cast(kind, safe=False)
    bars = bars.set_column(0, "timestamp", times)
    config |= {"details": True, "timeout_seconds": 1, "modes": CONFIG["modes"][1:]}
    label(write(tmp_path / "bars", [bars]), tmp_path / "out", **config)
    ends: tuple[Any, ...] = ("2024-03-04T15:00:01", datetime(2024, 3, 4, 15, 0, 3, tzinfo=UTC))
    labels = duck_label.read(tmp_path / "out", start=ends[0], end=ends[1]).to_arrow()
    assert labels["feature"].to_pylist() == [1, 2]
    shown = pa.timestamp("us", "UTC") if kind == pa.int64() else kind
    assert [labels.schema.field(name).type for name in ("timestamp", "touch_time")] == [shown] * 2
    touched = labels["touch_time"].cast(pa.timestamp("us", "UTC")).to_pylist()
    assert touched == [datetime(2024, 3, 4, 15, 0, second, tzinfo=UTC) for second in (2, 3)]


@pytest.mark.parametrize("kind", long_but(["ns"], ["ns", "us"]))
def test_ends_may_lie_beyond_all_times_of_the_output(kind: str, tmp_path: Path) -> None:
    """Nanoseconds tell times from 1677 to 2262 alone; a zone moves an end out of Python's years."""
    times = BARS["ts_event"].slice(0, 4).cast(pa.timestamp(kind, "UTC"))
    bars = BARS.slice(0, 4).set_column(0, "timestamp", times)
    label(write(tmp_path / "bars", [bars]), tmp_path / "out", modes=CONFIG["modes"][1:])

    def rows(start: Any, end: Any) -> int:
        return len(duck_label.read(tmp_path / "out", start=start, end=end).to_arrow())

    assert rows(date.min, date.max) == 4
    assert rows(None, datetime.max.replace(tzinfo=timezone(-timedelta(hours=5)))) == 4
    assert rows("2300-01-01", None) == rows(None, "1600-01-01") == 0


def test_symbols_are_called_by_names_that_look_like_patterns_and_by_numbers(tmp_path: Path) -> None:
    named = pa.array(["BTC[perp]"] * 4 + ["ETH"] * 4)
    cases: list[tuple[pa.Array, Any]] = [(named, "BTC[perp]"), (pa.array([7] * 8), [7])]
    for number, (symbols, asked) in enumerate(cases):
        bars = BARS.set_column(1, "symbol", symbols).slice(0, 4)
        output = tmp_path / f"out{number}"
        label(write(tmp_path / f"bars{number}", [bars]), output, **CONFIG)
        assert duck_label.read(output, symbols=asked, modes="fixed").to_arrow().num_rows == 3


def test_days_and_symbols_choose_bars(out: Path) -> None:
    def features(**asked: Any) -> list[int]:
        read = duck_label.read(out, columns=["feature"], modes="fixed", **asked)
        values: list[int] = read.to_arrow()["feature"].to_pylist()
        return values

    assert features(symbols="B") == [4, 6, 7]
    assert features(symbols=["[AB]"], start="2024-03-04T15:00:02") == [2, 3, 6, 7]
    assert features(end="2024-03-04") == []
    assert features(start="2024-03-04", end="2024-03-05") == [0, 2, 3, 4, 6, 7]
    assert features(start="2024-03-04T10:00:03-05:00") == [3, 7]


MISTAKES: list[tuple[dict[str, Any], type[DuckLabelError], str]] = [
    ({"modes": "met"}, QueryError, "no mode 'met': did you mean 'meta'"),
    ({"modes": []}, QueryError, "modes is empty"),
    ({"columns": ["wieght"]}, QueryError, "no column 'wieght': did you mean 'weight'"),
    ({"columns": ["label_meta"]}, QueryError, "'label_meta': it is called 'label' here"),
    ({"columns": ["ts_event"]}, QueryError, "'ts_event': it is called 'timestamp' here"),
    ({"columns": ["volume"]}, QueryError, "'volume': the bars have none"),
    ({"columns": ["label", "label"]}, QueryError, "'label' is there twice"),
    ({"columns": []}, QueryError, "columns is empty"),
    ({"symbols": "C*"}, InputError, "no symbol is or matches 'C"),
    ({"symbols": []}, QueryError, "symbols is empty"),
    ({"start": "yesterday"}, ConfigError, "is no date or time"),
    ({"start": pd.NaT}, ConfigError, "NaT is no date or time"),
    ({"end": np.datetime64("2024-03-04")}, ConfigError, "is no date or time: pass a date"),
    ({"start": 1709564400}, ConfigError, "1709564400 is no date or time"),
    ({"start": "2024-03-05", "end": "2024-03-05"}, QueryError, "is not before end"),
    ({"memory_limit": "10MB"}, MemoryBudgetError, "too small"),
]


@pytest.mark.parametrize(("asked", "kind", "message"), MISTAKES, ids=lambda value: str(value)[:30])
def test_mistakes_are_told_at_once(
    asked: dict[str, Any], kind: type[DuckLabelError], message: str, out: Path
) -> None:
    with pytest.raises(kind) as told:
        duck_label.read(out, **asked)
    assert message in str(told.value)


@pytest.mark.parametrize(
    ("asked", "kind", "message"),
    [
        ({"columns": ["touch_time"]}, QueryError, "'touch_time': label with --details"),
        ({"columns": ["uniqueness"]}, QueryError, "'uniqueness': label with --uniqueness"),
        ({"unresolved": "null"}, QueryError, "label with --details, or with --unresolved null"),
        ({"symbols": "A"}, InputError, "has no symbols"),
    ],
    ids=["details", "uniqueness", "unresolved", "symbols"],
)
def test_what_plain_labels_lack_is_told(
    asked: dict[str, Any], kind: type[DuckLabelError], message: str, plain: Path
) -> None:
    with pytest.raises(kind, match=message):
        duck_label.read(plain, **asked)


def test_tables_of_every_library_hold_the_same_rows(out: Path) -> None:
    labels = duck_label.read(out, columns=["mode", "timestamp", "label", "outcome", "uniqueness"])
    table, frame, polars = labels.to_arrow(), labels.to_pandas(), labels.to_polars()
    rows = table.to_pylist()
    assert polars.rows(named=True) == rows
    assert frame.drop(columns="uniqueness").to_dict("records") == [
        {name: row[name] for name in row if name != "uniqueness"} for row in rows
    ]
    assert isinstance(frame["mode"].dtype, pd.CategoricalDtype)
    assert pl.DataFrame(labels).equals(polars)
    sent = pickle.loads(pickle.dumps(labels))  # noqa: S301 - our own
    counted = duckdb.from_arrow(sent.batches()).aggregate("count(*)").fetchall()
    assert counted == [(len(rows),)]


def test_polars_is_asked_for_where_it_lacks(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ConfigError, match=r"pip install 'duck-label\[polars\]'"):
        duck_label.read(out).to_polars()


def test_batches_have_at_most_so_many_rows(out: Path) -> None:
    labels = duck_label.read(out, columns=["feature"])
    batches = list(labels.batches(rows=4))
    assert max(map(len, batches)) == 4
    assert pa.Table.from_batches(batches).equals(labels.to_arrow())
    with pytest.raises(QueryError, match="at least one row"):
        labels.batches(rows=0)


@pytest.mark.filterwarnings("ignore:.* no parts of these labels:UserWarning")
def test_batches_are_read_when_they_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a hundred parts the first batch needs some; and no second reading ends the first."""
    label(write(tmp_path / "bars", [golden.bars("plain")]), tmp_path / "out", details=True)
    (part,) = (tmp_path / "out").glob("*.parquet")
    for number in range(1, 100):
        shutil.copy(part, part.with_stem(f"{part.stem}_{number:02d}"))
    read = Counter[str]()
    real = readonly._ReadOnlyFile.read_at

    def counting(file: Any, position: int, size: int) -> bytes:
        read["bytes"] += size
        return real(file, position, size)

    monkeypatch.setattr(readonly._ReadOnlyFile, "read_at", counting)
    labels = duck_label.read(tmp_path / "out", modes="low_vol_long", threads=2)
    stream = labels.batches(rows=1000)
    first = next(stream)
    taken = read["bytes"]
    assert labels.counts()["low_vol_long"].left_out == 0
    others = read["bytes"] - taken
    rows = len(first) + sum(map(len, stream))
    assert rows == 100 * len(pq.read_table(part, columns=["open"]))
    assert taken < (read["bytes"] - others) / 2


def test_a_part_that_cannot_be_read_is_told(out: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(out, tmp_path / "out"))
    labels = duck_label.read(folder)
    (part,) = folder.glob("*.parquet")
    last = pq.read_metadata(part).row_group(0).column(len(BARS.schema))
    whole, end = part.read_bytes(), last.data_page_offset
    part.write_bytes(whole[:4] + bytes(end - 4) + whole[end:])
    with pytest.raises(InputError, match=r"out: reading the labels: .*`duck-label check"):
        labels.to_arrow()


def test_labels_of_two_times_are_not_mixed_without_a_word(out: Path, tmp_path: Path) -> None:
    """Parts that are weighed between two batches are told, whether DuckDB reads on or not."""
    folder = shutil.copytree(out, tmp_path / "out")
    stream = duck_label.read(folder).batches(rows=1)
    next(stream)
    duck_label.weigh(folder, LabelingConfig(**CONFIG, uniqueness=True, as_of="2025-01-01"))
    with pytest.raises(Exception, match=r"weigh has written .*\.parquet anew .* read them once"):
        stream.read_all()
    assert len(duck_label.read(folder, columns=["weight"]).to_arrow()) == 11


def test_labels_are_read_from_a_store(out: Path) -> None:
    import fsspec

    fsspec.filesystem("memory").put(str(out), "/read/out", recursive=True)
    labels = duck_label.read("memory://read/out", modes="fixed", columns=["feature"])
    assert labels.to_arrow()["feature"].to_pylist() == [0, 2, 3, 4, 6, 7]


def test_a_folder_without_labels_is_none_to_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no output of duck-label"):
        duck_label.read(tmp_path)
