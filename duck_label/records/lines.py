"""The lines of a record: JSON objects, one a line, each of the shape that its readers rely on.

A line that is half written, of other bytes than UTF-8, or of another shape counts for nothing: who
reads the others must not stop at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

_MORE = ConfigDict(extra="allow")
# The number of the form in which records are written. No other is read.
FORMAT = 4


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time without a zone")
    return text


def _this_format(number: int) -> int:
    if number != FORMAT:
        raise ValueError("another format")
    return number


def _other_format(number: int) -> int:
    if number == FORMAT:
        raise ValueError("this format")
    return number


def _part(name: str) -> str:
    if PART.fullmatch(name) is None:
        raise ValueError("no name of a part")
    return name


_MOMENT = r"\d{4}-\d\d-\d\d(?:T\d{6}(?:\.\d{6})?)?"
# How part files are called. A record that names another file is none: by it, files are removed.
PART = re.compile(rf"{_MOMENT}--{_MOMENT}\.parquet")
Moment = Annotated[str, AfterValidator(_moment)]
Part = Annotated[str, AfterValidator(_part)]


class Line(TypedDict):
    """What every line has."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    time: Moment
    run: int


class Start(Line):
    """A run begins."""

    event: Literal["start"]
    config: dict[str, Any]
    versions: dict[str, str]
    memory_limit_bytes: int
    threads: int
    weighs: NotRequired[bool]


class Planned(Line):
    """A run knows about how many bars there are to be, with those that were labeled before."""

    event: Literal["planned"]
    bars: int


class Complete(Line):
    """A run that had not ended turned out to have done all that there was to do."""

    event: Literal["complete"]


class End(Line):
    """A run is over; `is_complete` if it did all that it was to do."""

    event: Literal["end"]
    seconds: float
    peak_rss_bytes: int
    memory_factor: NotRequired[float]
    is_complete: NotRequired[bool]


class Weighed(TypedDict):
    """A configuration, as weights depend on it beside their labels."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    as_of: int | None
    weights: dict[str, Any]


class Found(Line):
    """The bars were found good."""

    event: Literal["checked"]
    format: Annotated[int, AfterValidator(_this_format)]
    config: dict[str, Any]
    weights: Weighed
    input: str
    bad_bars: int
    columns: list[list[str]]
    reference_month: int
    latest_month: int


class OtherFormat(Line):
    """The bars were found good by another version, which recorded it otherwise."""

    event: Literal["checked"]
    format: NotRequired[Annotated[int, AfterValidator(_other_format)]]
    bad_bars: int
    columns: list[list[str]]


class Anew(Line):
    """The labels were removed."""

    event: Literal["anew"]


class Event(Line):
    """What was noticed and done about memory."""

    kind: str
    reason: str
    before_bytes: int
    after_bytes: int
    chunk: str | None


class ReachLine(TypedDict):
    """The bars that a chunk depends on."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    first: int
    last: int
    open_before: list[str]
    open_after: list[str]
    events: str | None
    sessions: str | None


class Chunk(Line):
    """A finished chunk."""

    start: int
    end: int
    file: Part | None
    rows: int
    bars: int
    lone_events: int
    size_bytes: int
    predicted_rows: int
    peak_rss_bytes: int
    seconds: float
    predicted_peak_bytes: NotRequired[int]
    bars_in_flight: NotRequired[int]
    floor_rss_bytes: NotRequired[int]
    spill_bytes: NotRequired[int]
    attempts: NotRequired[int]
    steps: NotRequired[dict[str, float]]
    reach: NotRequired[ReachLine | None]
    digest: NotRequired[str | None]
    weighing: NotRequired[str | None]


class WeighedPart(Line):
    """The part of a finished chunk has other weights."""

    event: Literal["weighed"]
    start: int
    end: int
    file: Part
    size_bytes: int
    digest: str
    weighing: str | None
    seconds: float


class Reading(TypedDict):
    """A reading of the memory."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    time: Moment
    rss_bytes: int
    duckdb_bytes: int | None
    spill_bytes: int | None
    chunk: str | None
    step: str | None


@dataclass(frozen=True)
class Shape:
    """What the lines of a record look like: one of some kinds."""

    kinds: Any

    @cached_property
    def adapter(self) -> TypeAdapter[Mapping[str, Any]]:
        """What tells them from other lines; made for the first that is read."""
        return TypeAdapter(self.kinds)


RunLine = Shape(Start | Planned | Complete | End | Found | OtherFormat | Anew)
ChunkLine = Shape(Chunk)
PartLine = Shape(Chunk | WeighedPart)
EventLine = Shape(Event)
ReadingLine = Shape(Reading)


def lines(path: Path, shape: Shape) -> Iterator[Mapping[str, Any]]:
    """The lines of a record that have a shape; none where there is no such file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                record = shape.adapter.validate_json(line, strict=True)
            except ValidationError:
                continue
            yield record
