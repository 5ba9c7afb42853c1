"""What this process may use: the budget that `--memory-limit` promises, and how it is divided.

Covers the reading of limits and of the process's own memory. Acting on pressure is not done here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from duck_label.errors import ConfigError, MemoryBudgetError
from duck_label.sizes import bytes_of, share_of

MB = 1_000_000
# Where the kernel shows its files; tests show others.
_ROOT = Path("/")
# A cgroup without a limit reports a number of this size or above.
_UNLIMITED = 2**60

# Measured: what the interpreter with DuckDB and our imports holds before any work, and the least
# that DuckDB needs to get any chunk done.
SMALLEST_BUDGET = 256 * MB
_OUTSIDE_DUCKDB = 250 * MB
_OUTSIDE_SMALL_DUCKDB = 160 * MB
_SMALL = 420 * MB
# What is needed beside DuckDB's share and the baseline.
_BESIDE_BASELINE = 80 * MB
# What the process that its workers work for may come to hold more while they do.
_GROWTH = 32 * MB


def parse_size(text: str) -> int:
    """Bytes of a size such as 8GB (decimal) or 512MiB (binary), as DuckDB reads them.

    Raises:
        ConfigError: if the text is no size.
    """
    size = bytes_of(text)
    if size is None:
        raise ConfigError(f"{text!r} is no size; write it as 8GB, 512MB or 512MiB")
    return size


def rss_bytes() -> int:
    """The memory of this process, as the operating system counts it: the one place it is read."""
    return int(_process(os.getpid()).memory_info().rss)


@cache
def _process(pid: int) -> psutil.Process:
    # To make one costs more than to ask it; a fork has another number.
    return psutil.Process(pid)


@dataclass(frozen=True)
class MemorySnapshot:
    """What the process and the machine use at one moment.

    `percent_used` is that of the machine's memory. `duckdb_bytes` (buffers) and `spill_bytes` (its
    files on disk) are None, and `chunk` and `step` too, where none is at work.
    """

    timestamp: datetime
    rss_bytes: int
    vms_bytes: int
    available_bytes: int
    percent_used: float
    duckdb_bytes: int | None = None
    spill_bytes: int | None = None
    chunk: str | None = None
    step: str | None = None

    @classmethod
    def take(cls, rss: int, **more: Any) -> MemorySnapshot:
        """What goes with a reading of the RSS; `more` are the fields that only DuckDB can tell."""
        machine = psutil.virtual_memory()
        return cls(
            timestamp=datetime.now(UTC),
            rss_bytes=rss,
            vms_bytes=_process(os.getpid()).memory_info().vms,
            available_bytes=machine.available,
            percent_used=machine.percent,
            **more,
        )

    @property
    def rss_mb(self) -> float:
        """Resident memory of the process, decimal megabytes."""
        return self.rss_bytes / MB

    @property
    def vms_mb(self) -> float:
        """Addresses that the process has mapped, decimal megabytes."""
        return self.vms_bytes / MB

    @property
    def available_mb(self) -> float:
        """What the machine could still give, decimal megabytes."""
        return self.available_bytes / MB


def machine_limit() -> tuple[int, str]:
    """The least of machine, cgroups (v1, v2, every ancestor) and rlimits; and which it is."""
    limits = [(psutil.virtual_memory().total, "the machine's memory"), *_cgroups(), *_rlimits()]
    return min(limit for limit in limits if 0 < limit[0] < _UNLIMITED)


def _cgroups() -> Iterator[tuple[int, str]]:
    try:
        memberships = (_ROOT / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in memberships:
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            root, name = _ROOT / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            root, name = _ROOT / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        # Inside a container the group's path may be the host's; the mounted root is its own.
        own = root / group.lstrip("/")
        for folder in [own, *own.parents]:
            try:
                value = (folder / name).read_text().strip()
            except OSError:
                continue
            if value.isdigit():
                yield int(value), f"the cgroup limit in {folder / name}"


def _rlimits() -> Iterator[tuple[int, str]]:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    # RLIMIT_AS counts addresses, most of which never become memory: it says nothing here.
    if soft != resource.RLIM_INFINITY:
        yield soft, "the process limit RLIMIT_DATA"


@dataclass(frozen=True)
class MemoryBudget:
    """The promise (`limit`) and DuckDB's share of it (`duckdb`), in bytes.

    `baseline` is the RSS of the process before any work, in bytes. `warning` says so where the
    promise had to be made smaller than what was asked for.
    """

    limit: int
    duckdb: int
    baseline: int = 0
    warning: str | None = None

    @property
    def comfortable(self) -> int:
        """What a chunk is to stay below, so that nothing has to be done about memory.

        That is 0.6 of the promise; where the calling process holds much of it, 0.4 of what is left.
        """
        return max(int(0.6 * self.limit), self.baseline + int(0.4 * (self.limit - self.baseline)))

    @classmethod
    def resolve(
        cls, asked: str, machine: tuple[int, str] | None = None, baseline: int = 0
    ) -> MemoryBudget:
        """The budget for `8GB`, `0.5` (of the machine) or `auto` (0.8 of it), within the machine.

        `baseline` is the RSS before any work, in bytes: DuckDB's share is what is left.

        Raises:
            MemoryBudgetError: if no chunk could be labeled in it.
        """
        available, source = machine or machine_limit()
        if asked == "auto":
            limit = int(0.8 * available)
        elif (share := share_of(asked)) is not None:
            limit = int(share * available)
        else:
            limit = parse_size(asked)
        warning = None
        if limit > available:
            warning = f"memory limit {asked} lowered to {format_bytes(available)}: {source}"
            limit = available
        if limit < SMALLEST_BUDGET:
            raise MemoryBudgetError(
                f"a memory limit of {format_bytes(limit)} is too small: "
                f"pass --memory-limit {format_bytes(SMALLEST_BUDGET)} or more"
            )
        if limit < _SMALL:
            # Not more than a larger budget would have.
            most = min(limit - _OUTSIDE_SMALL_DUCKDB, _SMALL - _OUTSIDE_DUCKDB)
        else:
            most = min(int(0.6 * limit), limit - _OUTSIDE_DUCKDB)
        left = max(limit - baseline - _BESIDE_BASELINE, SMALLEST_BUDGET - _OUTSIDE_SMALL_DUCKDB)
        return cls(limit, min(most, left), baseline, warning)

    def shared(self, workers: int, beside: int) -> MemoryBudget:
        """The budget of each of some processes, which work beside one that holds so many bytes.

        Raises:
            MemoryBudgetError: if no chunk could be labeled in it.
        """
        beside += _GROWTH
        share = (self.limit - beside) // workers
        if share < SMALLEST_BUDGET:
            enough = beside + workers * SMALLEST_BUDGET
            fewer = (self.limit - beside) // SMALLEST_BUDGET
            instead = f" or --workers {fewer}" if fewer > 0 else ""
            raise MemoryBudgetError(
                f"{workers} workers would have {format_bytes(max(0, share))} each of the "
                f"{format_bytes(self.limit)} of the memory limit: pass --memory-limit "
                f"{format_bytes(-(-enough // (100 * MB)) * 100 * MB)}{instead}"
            )
        return MemoryBudget.resolve(f"{share}B", (share, "its share of the memory limit"))


def default_threads() -> int:
    """The processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def format_bytes(size: float) -> str:
    """A size as people write it, decimal: 512 MB, 8 GB."""
    for unit, factor in (("GB", 1000 * MB), ("MB", MB), ("kB", 1000)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} B"
