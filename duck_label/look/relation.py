"""The result of a query: DuckDB's relation, with our errors in place of DuckDB's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import duckdb


class Relation:
    """A DuckDB relation, of which whatever fails is told as an error of ours.

    A relation is worked out only when its result is taken out.
    """

    def __init__(
        self, relation: Any, complaints: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._relation = relation
        self._complaints = complaints

    def __getattr__(self, name: str) -> Any:
        """What the relation has of that name."""
        with self._complaints():
            value = getattr(self._relation, name)
        return self._guarded(value) if callable(value) else value

    def __repr__(self) -> str:
        with self._complaints():
            return str(self._relation)

    def __len__(self) -> int:
        with self._complaints():
            return len(self._relation)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Let Arrow, Polars and whatever else reads its streams read this."""
        with self._complaints():
            return self._relation.__arrow_c_stream__(requested_schema)

    def _guarded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            with self._complaints():
                result = method(*arguments, **options)
            if isinstance(result, duckdb.DuckDBPyRelation):
                return Relation(result, self._complaints)
            if type(result).__name__ == "DataFrame" and hasattr(result, "isetitem"):
                _keep_zones(result, self._relation.types)
            return result

        return call


def _keep_zones(frame: Any, types: Sequence[Any]) -> None:
    """Give the times of a pandas frame the zone that DuckDB leaves out where they are in ns."""
    for place, kind in enumerate(map(str, types)):
        times = frame.iloc[:, place]
        if kind == "TIMESTAMPTZ_NS" and times.dt.tz is None:
            frame.isetitem(place, times.dt.tz_localize("UTC"))
