# mypy: disable-error-code="import-untyped"
"""What only the paths of files say: keys of hive folders, and symbols in the names of files."""

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import golden
from duck_label.bars.keys import folder_keys
from duck_label.cli import main
from duck_label.errors import ConfigError, InputError
from labeling import TWO_OPTIONS, TWO_RULES, read, write
from labeling import label_two as label
from lengths import long_but
from scan import scan
from test_edges import replaced, walk

SYMBOLS = {"ES H4": 1, "005930": 2, "a/b%": 3}


def run(*arguments: str) -> Result:
    modes = TWO_OPTIONS if arguments[0] == "run" else []
    return CliRunner().invoke(main, [*arguments, *modes, "--no-progress"])


def panel(count: int = 200) -> pa.Table:
    """Bars of three instruments, whose seconds coincide, over two dates."""
    parts = []
    for symbol, seed in SYMBOLS.items():
        bars = walk(count, seed=seed)
        dates = ["2024-03-04" if n < count // 2 else "2024-03-05" for n in range(count)]
        parts.append(
            bars.append_column("date", pa.array(dates)).append_column(
                "symbol", pa.array([symbol] * count)
            )
        )
    return pa.concat_tables(parts)


def by_pandas(table: pa.Table, folder: Path) -> None:
    table.to_pandas().to_parquet(folder, partition_cols=["date", "symbol"], index=False)


def by_pyarrow(table: pa.Table, folder: Path) -> None:
    pq.write_to_dataset(table, folder, partition_cols=["date", "symbol"])


def by_arrow_dataset(table: pa.Table, folder: Path) -> None:
    schema = pa.schema([("date", pa.string()), ("symbol", pa.string())])
    partitions = ds.partitioning(schema, flavor="hive")
    ds.write_dataset(table, folder, format="parquet", partitioning=partitions)


def by_duckdb(table: pa.Table, folder: Path) -> None:
    with duckdb.connect() as connection:
        connection.register("bars", table)
        connection.execute(f"copy bars to '{folder}' (format parquet, partition_by (date, symbol))")


WRITERS = (by_pandas, by_pyarrow, by_arrow_dataset, by_duckdb)


@pytest.mark.parametrize("write_parts", long_but(WRITERS[:1], WRITERS))
def test_symbols_of_folders_are_those_of_the_bars(
    write_parts: Callable[[pa.Table, Path], None], tmp_path: Path
) -> None:
    """Chunks that see some of the files, and a second month that joins, have the same columns."""
    table = panel()
    write_parts(table, tmp_path / "bars")
    labeled = label(tmp_path / "bars", tmp_path / "out", details=True, run={"chunk": "250"})
    assert labeled["symbol"].type == labeled["date"].type == pa.string()
    expected = scan(table, TWO_RULES)
    assert golden.differences(labeled, expected) == []
    dates = table.select(["symbol", "timestamp", "date"]).sort_by(
        [("symbol", "ascending"), ("timestamp", "ascending")]
    )
    assert labeled["date"].to_pylist() == dates["date"].to_pylist()
    types = {pq.read_schema(part).field("symbol").type for part in (tmp_path / "out").glob("*.p*")}
    assert types == {pa.string()}


def test_a_folder_of_one_symbol_says_it_too(tmp_path: Path) -> None:
    by_pandas(panel(), tmp_path / "bars")
    (folder,) = (tmp_path / "bars" / "date=2024-03-04").glob("symbol=ES*")
    labeled = label(folder, tmp_path / "out")
    assert set(labeled["symbol"].to_pylist()) == {"ES H4"}
    assert set(labeled["date"].to_pylist()) == {"2024-03-04"}


def test_keys_are_text_and_decoded(tmp_path: Path) -> None:
    path = tmp_path / "symbol=a%2Fb" / "year=07" / "note=__HIVE_DEFAULT_PARTITION__" / "x=" / "f"
    assert folder_keys(str(path)) == {"symbol": "a/b", "year": "07", "note": None, "x": None}
    with pytest.raises(InputError, match="say symbol = 'ES' and 'NQ'"):
        folder_keys(str(tmp_path / "symbol=ES" / "Symbol=NQ" / "f"))


def test_a_key_may_be_mapped_and_written_in_capitals(tmp_path: Path) -> None:
    for symbol, seed in (("ES", 1), ("NQ", 2)):
        write(tmp_path / "bars" / f"Ticker={symbol}", [walk(50, seed=seed)])
    out = tmp_path / "out"
    done = run("run", str(tmp_path / "bars"), "-o", str(out), "--column", "symbol=ticker")
    assert done.exit_code == 0, done.output
    assert "note: the paths of the files give their bars the column ticker=ES, …" in done.stderr
    (part,) = out.glob("*.parquet")
    labeled = pq.read_table(part)
    assert pc.value_counts(labeled["ticker"]).to_pylist() == [
        {"values": "ES", "counts": 50},
        {"values": "NQ", "counts": 50},
    ]


def test_a_file_without_a_key_that_others_have_says_null(tmp_path: Path) -> None:
    first, second = walk(60)[:30], walk(60)[30:]
    write(tmp_path / "bars" / "year=2024", [first])
    write(tmp_path / "bars" / "other", [second])
    labeled = label(tmp_path / "bars", tmp_path / "out", run={"chunk": "20"})
    assert labeled["year"].to_pylist() == ["2024"] * 30 + [None] * 30


def test_a_file_without_a_symbol_that_others_have_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "bars" / "symbol=ES", [walk(30)])
    write(tmp_path / "bars" / "other", [walk(30)])
    with pytest.raises(
        InputError, match=r"other.*says a 'symbol', where .*symbol=ES.* symbol_from"
    ):
        label(tmp_path / "bars", tmp_path / "out")


def test_a_column_of_the_file_is_its_own_and_is_held_against_the_folder(tmp_path: Path) -> None:
    bars = walk(30, symbol=["ES"] * 30, year=[2024] * 30)
    folder = tmp_path / "bars" / "symbol=ES" / "year=2024"
    write(folder, [bars])
    labeled = label(tmp_path / "bars", tmp_path / "out")
    assert labeled["year"].type == pa.int64()
    assert labeled.column_names[:7] == bars.column_names
    # The statistics of two values do not settle it, nor do those of a file that has none.
    wrong = replaced(bars, "symbol", pa.array(["ES"] * 29 + ["NQ"]))
    pq.write_table(wrong, folder / "bars_000.parquet")
    with pytest.raises(InputError, match=r"'symbol' holds 'NQ', but its folder says 'ES'"):
        label(tmp_path / "bars", tmp_path / "out2")
    pq.write_table(wrong, folder / "bars_000.parquet", write_statistics=False)
    with pytest.raises(InputError, match=r"'symbol' holds 'NQ', but its folder says 'ES'"):
        label(tmp_path / "bars", tmp_path / "out2")


def test_a_symbol_that_some_files_hold_and_others_folders_say_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "bars" / "symbol=ES", [walk(30, symbol=["ES"] * 30)])
    write(tmp_path / "bars" / "symbol=NQ", [walk(30)])
    with pytest.raises(InputError, match=r"symbol=NQ.*the file has no such column, which .*=ES"):
        label(tmp_path / "bars", tmp_path / "out")


def test_names_of_files_say_the_symbol(tmp_path: Path) -> None:
    for symbol, seed in (("ES", 1), ("NQ", 2)):
        bars = tmp_path / "bars" / f"{symbol}_1m.parquet"
        bars.parent.mkdir(exist_ok=True)
        pq.write_table(walk(50, seed=seed), bars)
    pattern = "{symbol}_1m.parquet"
    labeled = label(tmp_path / "bars", tmp_path / "out", details=True, symbol_from=pattern)
    table = pa.concat_tables(
        [walk(50, seed=seed, symbol=[s] * 50) for s, seed in (("ES", 1), ("NQ", 2))]
    )
    assert golden.differences(labeled, scan(table, TWO_RULES)) == []
    with pytest.raises(InputError, match=r"ES_1m\.parquet: is not named as symbol_from"):
        label(tmp_path / "bars", tmp_path / "no", symbol_from="{symbol}-1m.parquet")
    with pytest.raises(ConfigError, match=r"symbol_from: expected \{symbol\} once"):
        label(tmp_path / "bars", tmp_path / "no", symbol_from="ES_1m.parquet")
    anything = label(tmp_path / "bars", tmp_path / "any", symbol_from="bars/{symbol}_*.parquet")
    assert set(anything["symbol"].to_pylist()) == {"ES", "NQ"}
    done = run("run", str(tmp_path / "bars"), "-o", str(tmp_path / "cli"), "--symbol-from", pattern)
    assert done.exit_code == 0, done.output
    write(tmp_path / "more", [walk(30, symbol=["ES"] * 30)])
    with pytest.raises(InputError, match=r"has a 'symbol' already"):
        label(tmp_path / "more", tmp_path / "no", symbol_from="{symbol}.parquet")


def test_bars_of_a_symbol_are_set_aside_by_their_folder(tmp_path: Path) -> None:
    """A bar that is bad in one instrument leaves that of another, of the same second, alone."""
    good, other = walk(50, seed=1), walk(50, seed=2)
    bad = replaced(good, "high", pa.array([0.25, *good["high"].to_pylist()[1:]]))
    write(tmp_path / "bars" / "symbol=ES", [bad])
    write(tmp_path / "bars" / "symbol=NQ", [other])
    labeled = label(tmp_path / "bars", tmp_path / "out", details=True, on_bad_rows="quarantine")
    left = [
        t.append_column("symbol", pa.array([s] * len(t)))
        for s, t in (("ES", good[1:]), ("NQ", other))
    ]
    assert golden.differences(labeled, scan(pa.concat_tables(left), TWO_RULES)) == []
    aside = pq.read_table(tmp_path / "out" / "_duck_label" / "quarantine.bars")
    assert aside["symbol"].to_pylist() == ["ES"]
    assert aside["duck_label_row"].to_pylist() == [0]


def test_another_folder_is_another_symbol_and_no_move(tmp_path: Path) -> None:
    write(tmp_path / "bars" / "symbol=ES", [walk(50)])
    write(tmp_path / "bars" / "symbol=NQ", [walk(50, seed=2)])
    label(tmp_path / "bars", tmp_path / "out")
    (tmp_path / "bars" / "symbol=NQ").rename(tmp_path / "bars" / "symbol=YM")
    done = run("run", str(tmp_path / "bars"), "-o", str(tmp_path / "out"))
    assert done.exit_code == 2, done.output
    assert "symbol=NQ/bars_000.parquet is gone" in done.output
    (tmp_path / "bars" / "symbol=YM").rename(tmp_path / "bars" / "symbol=NQ")
    write(tmp_path / "bars" / "symbol=YM", [walk(50, seed=3)])
    again = label(tmp_path / "bars", tmp_path / "out")
    assert golden.differences(again, label(tmp_path / "bars", tmp_path / "anew")) == []


def later(table: pa.Table, milliseconds: int) -> pa.Table:
    shift = pa.scalar(pd.Timedelta(milliseconds=milliseconds).to_pytimedelta())
    return replaced(table, "timestamp", pc.add(table["timestamp"], shift))


def moved(table: pa.Table, points: float) -> pa.Table:
    for price in ("open", "high", "low", "close"):
        table = replaced(table, price, pc.add(table[price], points))
    return table


def test_files_that_overlap_and_alternate_are_refused(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [walk(100), later(moved(walk(100, seed=2), 12_000), 500)])
    done = run("run", str(bars), "-o", str(tmp_path / "out"))
    assert done.exit_code == 3, done.output
    assert "alternate between levels more than 20 points apart" in done.output
    assert "symbol=SYMBOL" in done.output
    assert 'symbol_from = "{symbol}.parquet"' in done.output
    examined = CliRunner().invoke(main, ["validate", str(bars)])
    assert "alternate between levels" in examined.output
    assert examined.exit_code == 3


def test_files_that_overlap_without_a_symbol_are_told(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [walk(100), later(walk(100, seed=2), 500), walk(100)[:3]])
    done = run("run", str(bars), "-o", str(tmp_path / "out"), "--json", "--on-duplicates", "first")
    assert done.exit_code == 0, done.output
    assert "bars_000.parquet and" in done.stdout
    assert "neither says a symbol" in done.stdout
    assert "neither says a symbol" in CliRunner().invoke(main, ["validate", str(bars)]).output


def test_files_that_share_times_with_other_bars_are_told(tmp_path: Path) -> None:
    """What quarantine leaves of them is taken for one series all the same."""
    bars = write(tmp_path / "bars", [walk(1000), later(walk(1000, seed=2), 990_000)])
    done = run("run", str(bars), "-o", str(tmp_path / "out"), "--on-bad-rows", "quarantine")
    assert done.exit_code == 0, done.output
    assert "20 bad bars were set aside" in done.stderr
    assert "neither says a symbol" in done.stderr


def test_downloads_that_overlap_are_one_series(tmp_path: Path) -> None:
    table = walk(100)
    bars = write(tmp_path / "bars", [table[:60], table[40:]])
    out = tmp_path / "out"
    done = run("run", str(bars), "-o", str(out), "--on-duplicates", "first")
    assert done.exit_code == 0, done.output
    assert "says a symbol" not in done.output
    assert golden.differences(read(out), scan(table, TWO_RULES), ["label_low_vol_long"]) == []


def test_duplicates_of_files_without_a_symbol_have_the_ways_in_their_message(
    tmp_path: Path,
) -> None:
    bars = write(tmp_path / "bars", [walk(100), walk(100, seed=2)])
    done = run("run", str(bars), "-o", str(tmp_path / "out"))
    assert done.exit_code == 3, done.output
    assert "100 x duplicate" in done.output
    assert "the files say no symbol: if they are of several instruments" in done.output


def test_files_one_after_the_other_are_not_looked_at(tmp_path: Path) -> None:
    table = walk(100)
    bars = write(tmp_path / "bars", [table[:50], moved(table[50:], 12_000)])
    done = run("run", str(bars), "-o", str(tmp_path / "out"), "--roll-gap-points", "0")
    assert done.exit_code == 0, done.output
    assert "overlap" not in done.output


def in_another_unit(table: pa.Table, scale: float) -> pa.Table:
    for price in ("open", "high", "low", "close"):
        table = replaced(table, price, pc.multiply(table[price], float(scale)))
    return table


@pytest.mark.parametrize("scale", long_but([0.01], [100, 0.01, 1e9]))
def test_files_of_one_symbol_in_two_units_are_told(tmp_path: Path, scale: float) -> None:
    """The step between them looks like a roll, and all else like good bars."""
    table = walk(200)
    pieces = [table[:60], table[60:120], in_another_unit(table[120:], scale)]
    bars = write(tmp_path / "bars", pieces)
    rounded = ("--on-off-grid", "round")
    done = run("run", str(bars), "-o", str(tmp_path / "out"), *rounded)
    assert done.exit_code == 0, done.output
    told = "bars_001.parquet lie from"
    assert told in done.stderr
    assert "bars_002.parquet, which comes next" in done.stderr
    assert "two units" in done.stderr
    examined = CliRunner().invoke(main, ["validate", str(bars)])
    assert told in examined.output
    assert "a bug in duck-label" not in examined.output

    same = write(tmp_path / "same", [table[:60], table[60:]])
    done = run("run", str(same), "-o", str(tmp_path / "other"))
    assert "two units" not in done.output


def named(symbol: str, table: pa.Table) -> pa.Table:
    return table.append_column("symbol", pa.array([symbol] * len(table)))


def test_symbols_of_other_levels_are_in_no_other_unit(tmp_path: Path) -> None:
    """Neither files of one symbol each, nor files that hold several."""
    cheap = walk(60)
    dear = in_another_unit(later(cheap, 7_200_000), 100)
    panels = [
        pa.concat_tables([named("A", cheap), named("B", cheap)]),
        pa.concat_tables([named("C", dear), named("D", dear)]),
    ]
    for name, pieces in (("files", [named("A", cheap), named("C", dear)]), ("panels", panels)):
        done = run("run", str(write(tmp_path / name, pieces)), "-o", str(tmp_path / f"{name}-out"))
        assert done.exit_code == 0, done.output
        assert "two units" not in done.output
    # Of a file of one symbol the next is that which comes after it in time, not in name.
    pieces = [named("A", cheap), named("C", dear), named("A", dear)]
    done = run("run", str(write(tmp_path / "both", pieces)), "-o", str(tmp_path / "both-out"))
    assert re.search(r"bars_000\.parquet lie .*bars_002\.parquet, which", done.output, re.DOTALL)
