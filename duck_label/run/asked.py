"""What files ask for in the chunks of a run, and which finished chunks are asked otherwise now."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from duck_label.bars.asked import events_parameters
from duck_label.bars.footers import fingerprint
from duck_label.bars.source import Source
from duck_label.config import LabelingConfig
from duck_label.connection import Connection
from duck_label.queries import render
from duck_label.records.checked import Checked
from duck_label.records.chunk import ChunkRecord, Reach
from duck_label.storage.folders import Folder
from duck_label.storage.names import is_url, settled


def asking_files(config: LabelingConfig, output: Folder) -> list[list[str | int]]:
    """Where the files lie that say which bars are asked, and their size and version.

    The path is absolute; one from the output's folder follows, where there is one, as a project may
    be moved as a whole.

    Raises:
        InputError: if one cannot be read.
    """
    tables = (config.events, config.session)
    paths = [settled(table.file) for table in tables if table is not None and table.file]
    return [_found_by(path, output.address()) for path in paths]


def _found_by(path: str, output: str) -> list[str | int]:
    if is_url(path):
        return [path, *fingerprint(path)]
    absolute = Path(path).resolve()
    by: list[str | int] = [absolute.as_posix(), *fingerprint(path)]
    with suppress(ValueError):  # there is no way from one drive of Windows to another
        by += [] if is_url(output) else [Path(os.path.relpath(absolute, output)).as_posix()]
    return by


@dataclass(frozen=True)
class AskedDigests:
    """Digests of what events and sessions of files ask for in the input, as they are now.

    The table `session_times` must be there, where the configuration names sessions.
    """

    database: Connection
    source: Source
    config: LabelingConfig
    context: Mapping[str, Any]

    def with_digests(self, chunks: Sequence[tuple[int, int, Reach]]) -> list[Reach]:
        """The reach of chunks, each with its start and end, and with digests of what asks there."""
        if not chunks:
            return []
        scale = self.source.bars.clocks_per_second // 1_000_000
        names = list(range(len(chunks)))
        reaches = [reach for _, _, reach in chunks]
        events: dict[int, str] = {}
        sessions: dict[int, str] = {}
        if self.context["events"] is not None:
            # Trades of other chunks count where they overlap with those of a chunk.
            is_wide = self.config.uniqueness
            ranges = [
                (reach.first, reach.last + 1) if is_wide else (start, end)
                for start, end, reach in chunks
            ]
            values = {
                **events_parameters(self.config),
                "names": names,
                "starts": [start * scale for start, _ in ranges],
                "ends": [end * scale for _, end in ranges],
                "first": self.source.moment(min(start for start, _ in ranges)),
                "until": self.source.moment(max(end for _, end in ranges)),
            }
            query = render("input/event_digests", self.context)
            events = dict(self.database.rows(query, values))
        if self.context["has_session_file"]:
            values = {
                "names": names,
                "firsts": [reach.first * scale for reach in reaches],
                "lasts": [reach.last * scale for reach in reaches],
            }
            sessions = dict(self.database.rows(render("input/session_digests", {}), values))
        return [
            replace(reach, events=events.get(name), sessions=sessions.get(name))
            for name, reach in zip(names, reaches, strict=True)
        ]

    def otherwise(
        self,
        done: Sequence[ChunkRecord],
        before: Checked,
        asking: Sequence[Sequence[str | int]],
    ) -> list[ChunkRecord]:
        """The finished chunks that are asked otherwise than they were.

        Nothing is read where the files that are `asking` are those that were read `before`.
        """
        if before.asking == asking:
            return []
        known = [one for one in done if one.file is not None and one.reach is not None]
        now = self.with_digests([(one.start, one.end, one.reach) for one in known if one.reach])
        return [one for one, reach in zip(known, now, strict=True) if one.reach != reach]
