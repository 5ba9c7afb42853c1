"""What a chunk will need, from what chunks needed: peak RSS = a fixed part + bytes a bar.

What a bar needs follows from the modes and the width of the bars, times a factor that finished
chunks teach: the data, the version of DuckDB and the number of threads are all in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from duck_label.config import LabelingConfig
from duck_label.memory.budget import MB

# Measured: what the process holds while it labels a chunk of few bars, which is so much more than
# before any work; and what a bar adds.
_FIXED = 130 * MB
_ABOVE_BASELINE = 50 * MB
_BYTES_PER_ROW, _BYTES_PER_UNASKED_ROW = 300, 170
_BYTES_PER_MODE = 55
_BYTES_PER_DETAILED_MODE = 155
_BYTES_OF_OVERLAP = 105
# What a mode adds whose barriers are each bar's own, whose side is, and whose stop trails.
_BYTES_OF_OWN_BARRIERS, _BYTES_OF_A_SIDE, _BYTES_OF_A_TRAIL = 90, 40, 30
_BYTES_PER_INPUT_BYTE = 2
# Smaller chunks say more about the fixed part than about a bar.
_LEAST_ROWS = 20_000
_REMEMBERED = 9


def bytes_per_row(config: LabelingConfig, row_width: float, share_asked: float = 1.0) -> float:
    """What a bar of so many bytes (uncompressed) is expected to add to the peak of its chunk.

    Where only a share of the bars is asked, the others have no answers to hold; where they are
    left out, they are not written either.
    """
    per_mode = _BYTES_PER_DETAILED_MODE if config.details else _BYTES_PER_MODE
    of_bars = sum(
        _BYTES_OF_OWN_BARRIERS * any(barrier.name is not None for barrier in mode.barriers)
        + _BYTES_OF_A_TRAIL * mode.trailing
        + _BYTES_OF_OVERLAP * config.uniqueness
        for mode in config.modes
    )
    of_answers = sum(
        per_mode + _BYTES_OF_A_SIDE * (mode.direction == "side") for mode in config.modes
    )
    of_answers += _BYTES_PER_ROW - _BYTES_PER_UNASKED_ROW
    share_written = share_asked if config.rows == "asked" else 1.0
    return (
        _BYTES_PER_UNASKED_ROW
        + of_bars
        + share_asked * of_answers
        + share_written * _BYTES_PER_INPUT_BYTE * row_width
    )


class PeakPredictor:
    """Learns from finished chunks by how much the expectation is off.

    `finished` are the bars of chunks and the peaks of their RSS in bytes, `baseline` is the RSS
    before any work.
    """

    def __init__(
        self,
        bytes_per_row: float,
        finished: Iterable[tuple[int, int]] = (),
        factor: float = 1.0,
        baseline: int = 0,
    ) -> None:
        self._fixed = max(_FIXED, baseline + _ABOVE_BASELINE)
        self._expected = bytes_per_row
        self._first_factor = factor
        self._factors: list[float] = []
        for rows, peak in finished:
            self.learn(rows, peak)

    def learn(self, rows: int, peak_bytes: int) -> None:
        """Take in a finished chunk: its bars, and the highest RSS while it was labeled."""
        if rows >= _LEAST_ROWS:
            self._factors.append(max(0.05, (peak_bytes - self._fixed) / rows / self._expected))
            del self._factors[:-_REMEMBERED]

    @property
    def factor(self) -> float:
        """By how much a bar needs more than expected: the median of the last few chunks."""
        return median(self._factors) if self._factors else self._first_factor

    def peak(self, rows: int) -> int:
        """The highest RSS that a chunk of so many bars is expected to bring, in bytes."""
        return int(self._fixed + self.factor * self._expected * rows)

    def rows_within(self, peak_bytes: float) -> int:
        """The most bars whose predicted peak stays within so many bytes; at least one."""
        return max(1, int((peak_bytes - self._fixed) / (self.factor * self._expected)))
