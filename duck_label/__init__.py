"""Label years of one-second bars with DuckDB, out of core."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duck_label.config import LabelingConfig
    from duck_label.errors import (
        BadBarsError,
        ConfigError,
        DamagedOutputError,
        DuckLabelError,
        InputError,
        InterruptedRunError,
        LabelMismatchError,
        MemoryBudgetError,
        OutputConflictError,
        OutputError,
        QualityError,
        QueryError,
        SpillError,
        WorkerLostError,
    )
    from duck_label.look.check import Checkup, check
    from duck_label.look.inspect import Output
    from duck_label.look.inspect import open_output as open  # noqa: A004 - `duck_label.open(OUT)`
    from duck_label.look.labels import Labels
    from duck_label.look.read import read
    from duck_label.look.stats import statistics
    from duck_label.memory.budget import MemorySnapshot
    from duck_label.memory.manager import MemoryManager
    from duck_label.memory.monitor import PerformanceMonitor
    from duck_label.rules import Instrument, TradingMode, Weights
    from duck_label.run.engine import WeightedLabelingEngine
    from duck_label.run.results import Progress, RunPlan, RunSummary
    from duck_label.run.weigh import weigh
    from duck_label.validation.validation import validate_bars as validate

__all__ = [
    "BadBarsError",
    "Checkup",
    "ConfigError",
    "DamagedOutputError",
    "DuckLabelError",
    "InputError",
    "Instrument",
    "InterruptedRunError",
    "LabelMismatchError",
    "LabelingConfig",
    "Labels",
    "MemoryBudgetError",
    "MemoryManager",
    "MemorySnapshot",
    "Output",
    "OutputConflictError",
    "OutputError",
    "PerformanceMonitor",
    "Progress",
    "QualityError",
    "QueryError",
    "RunPlan",
    "RunSummary",
    "SpillError",
    "TradingMode",
    "WeightedLabelingEngine",
    "Weights",
    "WorkerLostError",
    "check",
    "open",
    "read",
    "statistics",
    "validate",
    "weigh",
]

# Where each is, and under what name.
_HOMES = {
    "LabelingConfig": "duck_label.config",
    **dict.fromkeys(("Instrument", "TradingMode", "Weights"), "duck_label.rules"),
    **{name: "duck_label.errors" for name in __all__ if name.endswith("Error")},
    "MemoryManager": "duck_label.memory.manager",
    "MemorySnapshot": "duck_label.memory.budget",
    **dict.fromkeys(("Checkup", "check"), "duck_label.look.check"),
    "Labels": "duck_label.look.labels",
    "read": "duck_label.look.read",
    "Output": "duck_label.look.inspect",
    "PerformanceMonitor": "duck_label.memory.monitor",
    **dict.fromkeys(("Progress", "RunPlan", "RunSummary"), "duck_label.run.results"),
    "WeightedLabelingEngine": "duck_label.run.engine",
    "open": "duck_label.look.inspect",
    "statistics": "duck_label.look.stats",
    "validate": "duck_label.validation.validation",
    "weigh": "duck_label.run.weigh",
}
_NAMES = {"open": "open_output", "validate": "validate_bars"}


def __getattr__(name: str) -> Any:
    """Import on first use: `duck-label --help` need not wait for DuckDB."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), _NAMES.get(name, name))
