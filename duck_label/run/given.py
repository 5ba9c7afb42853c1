"""Events and sessions that are given as tables in place of files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from duck_label.asking import Events, Sessions
from duck_label.config import LabelingConfig
from duck_label.errors import ConfigError, DuckLabelError, InputError
from duck_label.storage.scratch import scratch


@contextmanager
def given(config: LabelingConfig, events: Any, sessions: Any) -> Iterator[LabelingConfig]:
    """The configuration that asks as these tables say, while their files are there.

    Tables are of pandas, Polars or Arrow, or anything with `__arrow_c_stream__`; None is none.

    Raises:
        ConfigError: where the configuration names events or sessions itself.
        InputError: for something that is no table, or cannot be written as Parquet.
        OutputError: if the folder for temporary files cannot hold them.
    """
    if events is None and sessions is None:
        yield config
        return
    with scratch(config.run.temp_dir, "the events and sessions") as folder:
        changes: dict[str, Any] = {}
        if events is not None:
            if config.events is not None:
                raise ConfigError("events: given as a table, and named by the configuration too")
            changes["events"] = Events(file=_written(events, folder / "events.parquet"))
        if sessions is not None:
            rules = config.session
            if rules is not None and rules.hours is not None:
                raise ConfigError("sessions: given as a table, and as hours by the configuration")
            others = {} if rules is None else rules.model_dump(exclude={"file", "hours", "days"})
            file = _written(sessions, folder / "sessions.parquet")
            changes["session"] = Sessions(file=file, **others)
        try:
            yield config.model_copy(update=changes)
        except DuckLabelError as error:
            message = str(error).replace(f"{folder}/", "the table of ").replace(".parquet", "")
            raise (type(error)(message) if str(folder) in str(error) else error) from None


def _written(table: Any, path: Path) -> str:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        parquet.write_table(pa.table(table), path)
    except (pa.ArrowException, TypeError, ValueError) as error:
        columns = (
            '"timestamp": times' if path.stem == "events" else '"open": opens, "close": closes'
        )
        raise InputError(
            f"{path.stem}: is no table that can be written as Parquet ({error}): pass one of "
            f"pandas, Polars or Arrow, such as pandas.DataFrame({{{columns}}})"
        ) from error
    return str(path)
