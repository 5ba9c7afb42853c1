"""Label years of one-second bars with DuckDB, out of core."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duck_label.config import Instrument, LabelingConfig, TradingMode, Weights
    from duck_label.look.inspect import Output
    from duck_label.look.inspect import open_output as open  # noqa: A004 - `duck_label.open(OUT)`
    from duck_label.memory.budget import MemorySnapshot
    from duck_label.memory.governor import MemoryManager
    from duck_label.memory.monitor import PerformanceMonitor
    from duck_label.run.engine import WeightedLabelingEngine

__all__ = [
    "Instrument",
    "LabelingConfig",
    "MemoryManager",
    "MemorySnapshot",
    "Output",
    "PerformanceMonitor",
    "TradingMode",
    "WeightedLabelingEngine",
    "Weights",
    "open",
]

# Where each is, and under what name.
_HOMES = dict.fromkeys(__all__, "duck_label.config") | {
    "MemoryManager": "duck_label.memory.governor",
    "MemorySnapshot": "duck_label.memory.budget",
    "Output": "duck_label.look.inspect",
    "PerformanceMonitor": "duck_label.memory.monitor",
    "WeightedLabelingEngine": "duck_label.run.engine",
    "open": "duck_label.look.inspect",
}
_NAMES = {"open": "open_output"}


def __getattr__(name: str) -> Any:
    """Import on first use: `duck-label --help` need not wait for DuckDB."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), _NAMES.get(name, name))
