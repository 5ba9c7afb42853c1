"""Label years of one-second bars with DuckDB, out of core, to the bit the same however it is cut."""

from duck_label.config import Instrument, LabelingConfig, TradingMode, Weights
from duck_label.engine import WeightedLabelingEngine

__all__ = ["Instrument", "LabelingConfig", "TradingMode", "WeightedLabelingEngine", "Weights"]
