"""The kinds of values that options and arguments take: dates, paths, and places of outputs."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from duck_label.storage.names import is_parquet, is_url


class Moment(click.ParamType[date]):
    """A date, or a date and time, in ISO format."""

    name = "date"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> date | datetime:
        """Read an option's text."""
        try:
            return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date; write 2024-03-04 or 2024-03-04T14:30:00", param, ctx)


class Day(click.ParamType[date]):
    """A date in ISO format."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read an option's text."""
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date; write 2024-03-04", param, ctx)


class HomePath(click.Path):
    """A path, whose ~ a shell leaves alone in quotes and behind `--option=`."""

    def __init__(self, **kinds: Any) -> None:
        super().__init__(path_type=Path, **kinds)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Expand the home folder before anything else; a name that is empty is none."""
        if value == "":
            self.fail("the name is empty: name a file or folder; this folder is .", param, ctx)
        return super().convert(os.path.expanduser(value), param, ctx)


class ParquetPath(HomePath):
    """A Parquet file to write, which says so in its name."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Readers go by the name: what is none of Parquet would be read as something else."""
        path = super().convert(value, param, ctx)
        if not is_parquet(path.name):
            self.fail(f"{path}: is to hold Parquet: name it {path.stem}.parquet", param, ctx)
        return path


class Place(HomePath):
    """A folder of an output, or a URL, which is looked up only when it is used."""

    def __init__(self, *, exists: bool = False) -> None:
        super().__init__(exists=exists, file_okay=not exists)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A URL stays as it is: a path would lose one of its slashes."""
        return value if is_url(value) else super().convert(value, param, ctx)
