"""Label years of one-second bars with DuckDB, out of core."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duck_label.config import Instrument, LabelingConfig, TradingMode, Weights
    from duck_label.engine import WeightedLabelingEngine
    from duck_label.governor import MemoryManager
    from duck_label.memory import MemorySnapshot
    from duck_label.monitor import PerformanceMonitor

__all__ = [
    "Instrument",
    "LabelingConfig",
    "MemoryManager",
    "MemorySnapshot",
    "PerformanceMonitor",
    "TradingMode",
    "WeightedLabelingEngine",
    "Weights",
]

_HOMES = dict.fromkeys(__all__, "duck_label.config") | {
    "MemoryManager": "duck_label.governor",
    "MemorySnapshot": "duck_label.memory",
    "PerformanceMonitor": "duck_label.monitor",
    "WeightedLabelingEngine": "duck_label.engine",
}


def __getattr__(name: str) -> Any:
    """Import on first use: `duck-label --help` need not wait for DuckDB."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
