# mypy: disable-error-code="import-untyped"
"""Runs the product on tables as a user runs it on files, and reads its output back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from duck_label import LabelingConfig, WeightedLabelingEngine
from scan import Mode, Rules

# One mode of each direction, for tests of what has nothing to do with how many there are: of the
# default ones there are six, and each makes every query longer to plan.
TWO_MODES: list[dict[str, Any]] = [
    {"name": "low_vol_long", "direction": "long", "stop": 6, "target": 12},
    {"name": "low_vol_short", "direction": "short", "stop": 6, "target": 12},
]
TWO_RULES = Rules(modes=tuple(Mode(**mode) for mode in TWO_MODES))
# The same on the command line.
TWO_OPTIONS = [f"--mode={':'.join(map(str, mode.values()))}" for mode in TWO_MODES]


def write(folder: Path, tables: Sequence[pa.Table], row_group_size: int | None = None) -> Path:
    """A folder of Parquet files, one for each table."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, table in enumerate(tables):
        pq.write_table(table, folder / f"bars_{number:03d}.parquet", row_group_size=row_group_size)
    return folder


def label(
    inputs: Path | Sequence[Path], output: Path, *, how: dict[str, Any] | None = None, **config: Any
) -> pa.Table:
    """Label files under a configuration and read all parts; `how` goes to `process_files`."""
    paths = [inputs] if isinstance(inputs, Path) else inputs
    WeightedLabelingEngine(LabelingConfig(**config)).process_files(paths, output, **(how or {}))
    return read(output)


def label_two(
    inputs: Path | Sequence[Path], output: Path, *, how: dict[str, Any] | None = None, **config: Any
) -> pa.Table:
    """The same with two modes, where the configuration names no others."""
    return label(inputs, output, how=how, **{"modes": TWO_MODES, **config})


def read(output: Path) -> pa.Table:
    """All labeled bars of a folder, sorted by symbol and time; each part must be sorted already."""
    parts = []
    for path in sorted(output.glob("*.parquet")):
        part = pq.read_table(path)
        # Of the keys alone: a NaN in another column equals nothing.
        keys = part.select([name for name, _ in _keys(part)])
        assert keys.equals(keys.sort_by(_keys(part))), f"{path.name} is not in order"
        parts.append(part)
    table = pa.concat_tables(parts)
    return table.sort_by(_keys(table))


def _keys(table: pa.Table) -> list[tuple[str, str]]:
    names = [name for name in ("symbol", "timestamp") if name in table.column_names]
    return [(name, "ascending") for name in names]
