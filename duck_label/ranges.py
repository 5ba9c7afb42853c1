"""Ranges of whole numbers, such as times or places in a file: put together, and taken away."""

from __future__ import annotations

from collections.abc import Iterable


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """What ranges cover together, apart and in order; those that overlap or touch are one."""
    apart: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if apart and start <= apart[-1][1]:
            apart[-1] = apart[-1][0], max(apart[-1][1], end)
        else:
            apart.append((start, end))
    return apart


def without(whole: tuple[int, int], done: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of a range when others are taken out of it."""
    left, (start, end) = [], whole
    for done_start, done_end in sorted(done):
        if done_start > start:
            left.append((start, min(done_start, end)))
        start = max(start, done_end)
        if start >= end:
            return left
    return [*left, (start, end)]
