"""What a chunk will need, from what chunks needed: peak RSS = what is always held + bytes a bar."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from duck_label.memory import BYTES_PER_ROW, IDLE

# Smaller chunks say more about the fixed part than about a bar.
_LEAST_ROWS = 5_000
_REMEMBERED = 9


class PeakPredictor:
    """Learns from finished chunks; starts from what was measured on others."""

    def __init__(self, finished: Iterable[tuple[int, int]] = ()) -> None:
        self._bytes_per_row: list[float] = []
        for rows, peak in finished:
            self.learn(rows, peak)

    def learn(self, rows: int, peak_bytes: int) -> None:
        """Take in a finished chunk: its bars, and the highest RSS while it was labeled."""
        if rows >= _LEAST_ROWS:
            self._bytes_per_row.append(max(0.0, peak_bytes - IDLE) / rows)
            del self._bytes_per_row[:-_REMEMBERED]

    @property
    def bytes_per_row(self) -> float:
        """What a bar of a chunk adds to the peak."""
        return median(self._bytes_per_row) if self._bytes_per_row else BYTES_PER_ROW

    def peak(self, rows: int) -> int:
        """The highest RSS that a chunk of so many bars is expected to bring."""
        return int(IDLE + self.bytes_per_row * rows)

    def rows_within(self, peak_bytes: float) -> int:
        """The most bars whose predicted peak stays within so many bytes; at least one."""
        return max(1, int((peak_bytes - IDLE) / self.bytes_per_row))
