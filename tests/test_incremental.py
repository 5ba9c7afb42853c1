# mypy: disable-error-code="import-untyped"
"""Files that join the input: only what they change is labeled, and it equals one run over all."""

import json
import os
import random
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.errors import BadBarsError, OutputConflictError
from duck_label.records.ledger import FOLDER, Ledger
from duck_label.run.results import RunSummary
from duck_label.sample import write_sample
from labeling import TWO_MODES, read
from labeling import label_two as label
from lengths import AS_FOUND, EXAMPLES, long_but
from test_invariance import Case, cases, cuts, folder
from test_resume import DIE_AT


@st.composite
def files(draw: st.DrawFn, case: Case) -> list[pa.Table]:
    """The bars of a case in files, in the order of their arrival: cut by time, or scattered."""
    count = draw(st.integers(2, 4))
    bars = case.bars
    if draw(st.booleans()):
        bars = bars.sort_by("timestamp")
        borders = sorted(draw(st.lists(st.integers(0, len(bars)), min_size=count - 1, max_size=3)))
        pieces = [bars[a:b] for a, b in zip([0, *borders], [*borders, len(bars)], strict=True)]
    else:
        owners = random.Random(draw(st.integers(0, 9))).choices(range(count), k=len(bars))
        pieces = [bars.filter(pc.equal(pa.array(owners), n)) for n in range(count)]
    pieces = [piece for piece in pieces if len(piece)]
    random.Random(draw(st.integers(0, 9))).shuffle(pieces)
    return pieces


# Every example labels several times: fewer examples, and no chunks of single bars.
@settings(max_examples=max(2, EXAMPLES // 3), phases=AS_FOUND)
@given(
    data=st.data(),
    case=cases(),
    cut=cuts(),
    chunk=st.sampled_from(("auto", "1d", "1w", "1mo", "10")),
)
def test_labels_file_by_file_equal_those_at_once(
    data: st.DataObject, case: Case, cut: dict[str, Any], chunk: str
) -> None:
    cut["run"]["chunk"] = chunk
    pieces = data.draw(files(case))
    with folder() as here:
        bars = here / "bars"
        bars.mkdir()
        for number, piece in enumerate(pieces):
            # Names decide the order of files in the input; arrival must not.
            pq.write_table(piece, bars / f"{(7 * number) % 5}.parquet", row_group_size=5)
            grown = label(bars, here / "grown", **cut, **case.config())
        assert grown.equals(label(bars, here / "whole", **case.config()))


def months(path: Path) -> list[pa.Table]:
    """Sample bars from 2024-02-26 to 2024-03-01, a table for each calendar month."""
    write_sample(path, days=5, start=date(2024, 2, 26))
    bars = pq.read_table(path)
    names = pc.strftime(bars["timestamp"], "%Y-%m")
    return [bars.filter(pc.equal(names, name)) for name in pc.unique(names).to_pylist()]


def run(bars: Path, output: Path, **config: Any) -> RunSummary:
    config = {"modes": TWO_MODES, **config}
    return WeightedLabelingEngine(LabelingConfig(**config)).process_files([bars], output)


def at_once(bars: Path, output: Path, **config: Any) -> pa.Table:
    """The labels of one run over all bars, as few chunks as there can be."""
    return label(bars, output, **{key: value for key, value in config.items() if key != "run"})


def mtimes(output: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(output.rglob("*"))}


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> list[pa.Table]:
    """About 5,000 bars of February and 4,000 of March."""
    whole = months(tmp_path_factory.mktemp("sample") / "bars.parquet")
    assert len(whole) == 2
    return [month.take(list(range(0, len(month), 60))) for month in whole]


@pytest.fixture
def bars(tmp_path: Path, pieces: list[pa.Table]) -> Path:
    """A folder with the file of February."""
    (tmp_path / "bars").mkdir()
    pq.write_table(pieces[0], tmp_path / "bars" / "2024-02.parquet")
    return tmp_path / "bars"


PINNED: dict[str, Any] = {
    "as_of": date(2024, 3, 1),
    "modes": TWO_MODES,
    "run": {"chunk": "1d"},
}


def test_a_new_month_costs_its_own_chunks_and_the_last_one(
    bars: Path, pieces: list[pa.Table], tmp_path: Path
) -> None:
    first = run(bars, tmp_path / "out", **PINNED)
    before = mtimes(tmp_path / "out")
    pq.write_table(pieces[1], bars / "2024-03.parquet")
    second = run(bars, tmp_path / "out", **PINNED)
    assert (second.chunks_stale, second.chunks_resumed) == (1, first.chunks_labeled - 1)
    kept = {str(tmp_path / "out" / part) for part in first.parts[:-1]}
    assert {path for path in kept if mtimes(tmp_path / "out")[path] != before[path]} == set()
    assert read(tmp_path / "out").equals(at_once(bars, tmp_path / "whole", **PINNED))


@pytest.mark.long
def test_a_new_month_without_as_of_weighs_every_bar_anew(
    bars: Path, pieces: list[pa.Table], tmp_path: Path
) -> None:
    chunks = {"run": {"chunk": "2d"}}
    run(bars, tmp_path / "out", **chunks)
    pq.write_table(pieces[1], bars / "2024-03.parquet")
    summary = run(bars, tmp_path / "out", **chunks)
    assert summary.chunks_stale > 1
    assert summary.chunks_resumed == 0
    assert summary.reference_month == "2024-03"
    assert read(tmp_path / "out").equals(at_once(bars, tmp_path / "whole", **chunks))


@pytest.mark.long
def test_as_of_can_pin_what_the_labels_count_from_already(
    bars: Path, pieces: list[pa.Table], tmp_path: Path
) -> None:
    first = run(bars, tmp_path / "out", run={"chunk": "1d"})
    pq.write_table(pieces[1], bars / "2024-03.parquet")
    pinned: dict[str, Any] = {"as_of": date(2024, 2, 29), "run": {"chunk": "1d"}}
    assert run(bars, tmp_path / "out", **pinned).chunks_resumed == first.chunks_labeled - 1
    assert read(tmp_path / "out").equals(at_once(bars, tmp_path / "whole", **pinned))
    with pytest.raises(OutputConflictError, match="as_of was 2024-02, is 2024-03"):
        run(bars, tmp_path / "out", as_of=date(2024, 3, 1))


def test_nothing_new_writes_nothing(bars: Path, tmp_path: Path) -> None:
    run(bars, tmp_path / "out")
    before = mtimes(tmp_path)
    summary = run(bars, tmp_path / "out")
    assert (summary.chunks_labeled, summary.chunks_resumed) == (0, 1)
    assert summary.parts == [path.name for path in (tmp_path / "out").glob("*.parquet")]
    assert summary.reference_month == "2024-02"
    assert mtimes(tmp_path) == before


def test_symbols_that_ended_are_left_alone(
    bars: Path, pieces: list[pa.Table], tmp_path: Path
) -> None:
    """A contract's last bars wait for its own next bar, not for those of others."""
    symbol = pieces[0].schema.get_field_index("symbol")

    def of(name: str, table: pa.Table) -> pa.Table:
        return table.set_column(symbol, "symbol", pa.array([name] * len(table)))

    february, march = pieces
    pq.write_table(
        pa.concat_tables([of("ESH4", february[:1500]), of("ESM4", february)]),
        bars / "2024-02.parquet",
    )
    run(bars, tmp_path / "out", **PINNED)
    pq.write_table(of("ESM4", march), bars / "2024-03.parquet")
    assert run(bars, tmp_path / "out", **PINNED).chunks_stale == 1
    pq.write_table(of("ESU4", march[-300:]), bars / "2024-03-u.parquet")
    assert 0 < run(bars, tmp_path / "out", **PINNED).chunks_stale < 3
    pq.write_table(of("ESH4", march[-1:]), bars / "2024-03-h.parquet")
    again = run(bars, tmp_path / "out", **PINNED)
    assert again.chunks_stale == 2  # where ESH4 ended, and where it has gone on
    assert read(tmp_path / "out").equals(at_once(bars, tmp_path / "whole", **PINNED))


@pytest.mark.long
def test_older_bars_may_come_later(bars: Path, pieces: list[pa.Table], tmp_path: Path) -> None:
    os.rename(bars / "2024-02.parquet", tmp_path / "2024-02.parquet")
    pq.write_table(pieces[1], bars / "2024-03.parquet")
    first = run(bars, tmp_path / "out", run={"chunk": "1d"})
    os.rename(tmp_path / "2024-02.parquet", bars / "2024-02.parquet")
    second = run(bars, tmp_path / "out", run={"chunk": "1d"})
    assert (second.chunks_stale, second.chunks_resumed) == (1, first.chunks_labeled - 1)
    assert read(tmp_path / "out").equals(label(bars, tmp_path / "whole"))


@pytest.mark.long
def test_a_new_column_reaches_every_part(
    bars: Path, pieces: list[pa.Table], tmp_path: Path
) -> None:
    run(bars, tmp_path / "out", **PINNED)
    wider = pieces[1].append_column("note", pa.array(["x"] * len(pieces[1])))
    pq.write_table(wider, bars / "2024-03.parquet")
    assert run(bars, tmp_path / "out", **PINNED).chunks_resumed == 0
    assert read(tmp_path / "out").equals(at_once(bars, tmp_path / "whole", **PINNED))


def test_symbols_that_old_files_lack_are_noticed(
    bars: Path, pieces: list[pa.Table], tmp_path: Path
) -> None:
    pq.write_table(pieces[0].drop_columns(["symbol"]), bars / "2024-02.parquet")
    run(bars, tmp_path / "out", **PINNED)
    before = mtimes(tmp_path / "out")
    pq.write_table(pieces[1], bars / "2024-03.parquet")
    with pytest.raises(BadBarsError, match=r"2024-02\.parquet: .* x null_symbol"):
        run(bars, tmp_path / "out", **PINNED)
    now = mtimes(tmp_path / "out")
    assert {path for path in before if path.endswith(".parquet")} <= now.keys()


@pytest.mark.parametrize("mistake", long_but(["twice"], ["broken", "twice", "twice inside"]))
def test_bad_bars_in_a_new_file_keep_the_old_labels(
    mistake: str, bars: Path, pieces: list[pa.Table], tmp_path: Path
) -> None:
    run(bars, tmp_path / "out", **PINNED)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.parquet")}
    march = pieces[1]
    if mistake == "broken":
        low = pc.multiply(march["low"], 2.0)
        march = march.set_column(march.schema.get_field_index("low"), "low", low)
    elif mistake == "twice":
        march = pa.concat_tables([march, pieces[0][500:501]])
    else:
        march = pa.concat_tables([march, march[70:71]])
    pq.write_table(march, bars / "2024-03.parquet")
    word = "high_below_low" if mistake == "broken" else r"02\.parquet: 1 x duplicate"
    word = r"03\.parquet: 2 x duplicate" if mistake == "twice inside" else word
    with pytest.raises(BadBarsError, match=word):
        run(bars, tmp_path / "out", **PINNED)
    assert before == {p.name: p.read_bytes() for p in (tmp_path / "out").glob("*.parquet")}


@pytest.mark.long
def test_quarantine_grows_with_the_input(
    bars: Path, pieces: list[pa.Table], tmp_path: Path
) -> None:
    """A new file repeats an old bar: both copies are set aside, and its neighbours change."""
    config = {**PINNED, "on_bad_rows": "quarantine"}
    february = pa.concat_tables([pieces[0], pieces[0][9:10]])
    pq.write_table(february, bars / "2024-02.parquet")
    assert run(bars, tmp_path / "out", **config).rows_quarantined == 2
    again = pa.concat_tables([pieces[1], pieces[0][800:801], pieces[0][9:10]])
    pq.write_table(again, bars / "2024-03.parquet")
    assert run(bars, tmp_path / "out", **config).rows_quarantined == 5
    assert read(tmp_path / "out").equals(at_once(bars, tmp_path / "whole", **config))
    assert run(bars, tmp_path / "out", **config).rows_quarantined == 5


def by_day(table: pa.Table, folder: Path) -> list[Path]:
    """A file for each day, of which a changed price changes neither size nor footer."""
    folder.mkdir(exist_ok=True)
    names = pc.strftime(table["timestamp"], "%Y-%m-%d")
    paths = []
    for name in pc.unique(names).to_pylist():
        paths.append(folder / f"{name}.parquet")
        write_plain(table.filter(pc.equal(names, name)), paths[-1])
    return paths


def write_plain(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, use_dictionary=False, compression="none")


def footer(path: Path) -> bytes:
    content = path.read_bytes()
    return content[-8 - int.from_bytes(content[-8:-4], "little") :]


def corrected(path: Path, by: float) -> None:
    """Move one price inside of a file's statistics: the high of a bar by some points."""
    table, before = pq.read_table(path), footer(path)
    highs = table["high"].to_pylist()
    place = next(n for n in range(400, 600) if highs[n] + by < max(highs))
    highs[place] += by
    write_plain(
        table.set_column(table.schema.get_field_index("high"), "high", pa.array(highs)), path
    )
    assert footer(path) == before


def test_one_corrected_price_changes_its_chunk_and_no_other(
    bars: Path, pieces: list[pa.Table], tmp_path: Path
) -> None:
    (bars / "2024-02.parquet").unlink()
    days = by_day(pieces[0], bars)
    first = run(bars, tmp_path / "out", **PINNED)
    before = mtimes(tmp_path / "out")
    size = days[2].stat().st_size
    corrected(days[2], 2.5)
    assert days[2].stat().st_size == size
    again = run(bars, tmp_path / "out", **PINNED)
    # The day itself, the one before it, whose last labels may look into it, and the one after.
    assert (again.chunks_stale, again.chunks_labeled) == (3, 3)
    now = mtimes(tmp_path / "out")
    paths = [str(tmp_path / "out" / part) for part in first.parts]
    assert sum(now[path] == before[path] for path in paths) == len(paths) - 3 > 0
    assert read(tmp_path / "out").equals(at_once(bars, tmp_path / "whole", **PINNED))


def test_files_that_were_moved_or_touched_are_the_same(
    bars: Path, pieces: list[pa.Table], tmp_path: Path
) -> None:
    days = by_day(pieces[0], bars / "days")
    (bars / "2024-02.parquet").unlink()
    run(bars, tmp_path / "out", **PINNED)
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.parquet")}
    os.utime(days[0], ns=(1, 1))
    days[1].rename(bars / "days" / "renamed.parquet")
    moved = bars.rename(tmp_path / "moved")
    assert run(moved, tmp_path / "out", **PINNED).chunks_labeled == 0
    assert parts == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.parquet")}
    # What they are called and how old they are is on record now: nothing is written again.
    before = mtimes(tmp_path / "out")
    run(moved, tmp_path / "out", **PINNED)
    assert mtimes(tmp_path / "out") == before
    # Each copy counts: a second one of the same bars has joined.
    (moved / "copy.parquet").write_bytes((moved / "days" / days[0].name).read_bytes())
    with pytest.raises(BadBarsError, match="duplicate"):
        run(moved, tmp_path / "out", **PINNED)


@pytest.mark.long
@pytest.mark.parametrize("on_bad_rows", ["quarantine", "fail"])
def test_a_repaired_file_has_its_bars_back(
    on_bad_rows: str, bars: Path, pieces: list[pa.Table], tmp_path: Path
) -> None:
    config = {**PINNED, "on_bad_rows": "quarantine"}
    (bars / "2024-02.parquet").unlink()
    days = by_day(pieces[0], bars)
    good = days[1].read_bytes()
    table = pq.read_table(days[1])
    write_plain(pa.concat_tables([table, table[70:71]]), days[1])
    first = run(bars, tmp_path / "out", **config)
    assert first.rows_quarantined == 2
    with pytest.raises(BadBarsError, match="2 bad bars"):
        run(bars, tmp_path / "out", **PINNED)
    days[1].write_bytes(good)
    config["on_bad_rows"] = on_bad_rows
    again = run(bars, tmp_path / "out", **config)
    assert (again.rows_quarantined, again.chunks_labeled) == (0, 3)
    assert read(tmp_path / "out").equals(at_once(bars, tmp_path / "whole", **config))


DEATHS = (
    ("run.admission", "changes.new_bars", "after"),  # nothing is withdrawn yet
    ("records.ledger", "Ledger.withdraw", "after"),  # withdrawn, the new input not yet noted
    ("records.journal", "os.fsync", "before"),
    ("records.journal", "os.replace", "before"),
    ("run.watch", "on_step", "label/03_bars"),
)


@pytest.mark.long
@pytest.mark.parametrize("call", [1, 3])
@pytest.mark.parametrize(("module", "function", "when"), DEATHS)
def test_killed_while_new_bars_are_labeled(
    module: str,
    function: str,
    when: str,
    call: int,
    bars: Path,
    pieces: list[pa.Table],
    tmp_path: Path,
) -> None:
    config: dict[str, Any] = {"details": True, "run": {"chunk": "2d"}}
    pq.write_table(pieces[0][-1500:], bars / "2024-02.parquet")
    run(bars, tmp_path / "out", **config)
    pq.write_table(pieces[1][:1500], bars / "2024-03.parquet")
    point = {"module": module, "function": function, "call": call, "when": when}
    script = DIE_AT.format(**point, chunk="500", modes=TWO_MODES)
    ended = subprocess.run(
        [sys.executable, "-c", script, str(bars), str(tmp_path / "out")], check=False
    )
    if function not in ("changes.new_bars", "Ledger.withdraw") or call == 1:
        assert ended.returncode == -signal.SIGKILL
    assert label(bars, tmp_path / "out", **config).equals(at_once(bars, tmp_path / "w", **config))


def test_a_plan_knows_what_new_bars_change(
    bars: Path, pieces: list[pa.Table], tmp_path: Path
) -> None:
    run(bars, tmp_path / "out", run={"chunk": "1d"})
    pq.write_table(pieces[1], bars / "2024-03.parquet")
    for as_of in (date(2024, 2, 1), None):
        config = LabelingConfig(as_of=as_of, run={"chunk": "1d"}, modes=TWO_MODES)
        plan = WeightedLabelingEngine(config).plan_files([bars], tmp_path / "out")
        last_day = len(pieces[0]) - plan.rows_done
        assert plan.rows_done == 0 if as_of is None else 0 < last_day < 1500
        assert sum(chunk.rows for chunk in plan.chunks) > len(pieces[1])


def test_records_say_what_labels_depend_on(bars: Path, tmp_path: Path) -> None:
    run(bars, tmp_path / "out", **PINNED)
    records = sorted(Ledger(tmp_path / "out").chunks(), key=lambda record: record.start)
    reaches = [record.reach for record in records if record.reach is not None]
    assert len(reaches) == len(records) == 4
    assert [bool(reach.open_before) for reach in reaches] == [True] + [False] * (len(reaches) - 1)
    assert [bool(reach.open_after) for reach in reaches] == [False] * (len(reaches) - 1) + [True]
    times = pq.read_table(bars / "2024-02.parquet")["timestamp"].to_pylist()
    for record, reach in zip(records[1:-1], reaches[1:-1], strict=True):
        start, end = (
            datetime.fromtimestamp(clock / 1e6, UTC) for clock in (record.start, record.end)
        )
        before = [time for time in times if time < start]
        after = [time for time in times if time >= end]
        last = min(time for time in after if time >= after[0] + timedelta(seconds=900))
        assert reach.first == round(before[-6].timestamp() * 1e6)
        assert reach.last == round(last.timestamp() * 1e6) + 1


@pytest.mark.long
def test_lines_of_the_records_are_whole(bars: Path, pieces: list[pa.Table], tmp_path: Path) -> None:
    run(bars, tmp_path / "out")
    pq.write_table(pieces[1], bars / "2024-03.parquet")
    run(bars, tmp_path / "out")
    lines = (tmp_path / "out" / FOLDER / "chunks.jsonl").read_text().splitlines()
    assert {json.loads(line)["size_bytes"] >= 0 for line in lines} == {True, False}
