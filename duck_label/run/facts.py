"""What the records say of a run when it begins."""

from __future__ import annotations

from importlib.metadata import version
from platform import python_version
from typing import Any

from duck_label.config import LabelingConfig
from duck_label.identity import recorded
from duck_label.run.results import RunSummary


def facts(config: LabelingConfig, summary: RunSummary) -> dict[str, Any]:
    """What it was told, with what versions, and what it may use."""
    return {
        "config": recorded(config),
        "versions": {
            **{name: version(name) for name in ("duck-label", "duckdb", "pyarrow")},
            "python": python_version(),
        },
        "memory_limit_bytes": summary.memory_limit_bytes,
        "threads": summary.threads,
        "workers": summary.workers,
    }
