"""Is the memory budget kept? Runs over growing inputs under several budgets, seen from outside.

Run as `python tests/bench/memory.py FOLDER [--millions 5 20 60] [--limits 512MB 1GB 2GB 8GB]`.
Makes its bars in FOLDER, prints a table, and leaves it there as `memory.json`. The peak is the
kernel's own high-water mark of the process. Labels of one input are compared over all budgets.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import duckdb

BARS_PER_SESSION = 64_400  # of the calm sample


def main() -> None:
    """Measure what is asked for; fail if a budget is broken or labels differ."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--millions", type=float, nargs="+", default=[5, 20, 60])
    parser.add_argument("--limits", nargs="+", default=["512MB", "1GB", "2GB", "8GB"])
    parser.add_argument("--threads", default="2")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    results = []
    print("| million bars | budget | peak RSS | spilled | bars a second | seconds | chunks |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for millions in asked.millions:
        bars = made(asked.folder, millions)
        digests = set()
        for limit in asked.limits:
            output = asked.folder / "labels"
            shutil.rmtree(output, ignore_errors=True)
            peak, summary = measured(bars, output, limit, asked.threads)
            digests.add(digest(output))
            results.append({"millions": millions, "limit": limit, "peak": peak, **summary})
            print(
                f"| {summary['rows_labeled'] / 1e6:.1f} | {limit} | {peak / 1e6:,.0f} MB "
                f"| {summary['peak_spill_bytes'] / 1e6:,.0f} MB "
                f"| {summary['rows_per_second']:,.0f} | {summary['seconds']:.1f} "
                f"| {summary['chunks_labeled']} |",
                flush=True,
            )
            if peak > summary["memory_limit_bytes"]:
                raise SystemExit(f"the budget of {limit} was broken")
        if len(digests) > 1:
            raise SystemExit(f"labels of {millions} million bars differ with the budget")
    (asked.folder / "memory.json").write_text(json.dumps(results, indent=1))


def made(folder: Path, millions: float) -> Path:
    """Calm one-second bars, about so many; made once."""
    bars = folder / f"calm_{millions:g}.parquet"
    if not bars.exists():
        days = str(round(millions * 1e6 / BARS_PER_SESSION))
        run("sample", str(bars), "--days", days)
    return bars


def measured(bars: Path, output: Path, limit: str, threads: str) -> tuple[int, dict[str, Any]]:
    """The kernel's peak of the process in bytes, and what the run says of itself."""
    read, write = os.pipe()
    options = ("--memory-limit", limit, "--threads", threads, "--json", "-q")
    peak = run("run", str(bars), "-o", str(output), *options, stdout=write)
    os.close(write)
    with os.fdopen(read) as file:
        return peak, json.load(file)


def run(*arguments: str, stdout: int | None = None) -> int:
    """Run `duck-label` to its end; returns its peak RSS in bytes."""
    command = [sys.executable, "-m", "duck_label", *arguments]
    actions = [] if stdout is None else [(os.POSIX_SPAWN_DUP2, stdout, 1)]
    pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)}: ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss * 1024


def digest(output: Path) -> tuple[Any, ...]:
    """A checksum of all labels and weights, whatever the parts."""
    (row,) = duckdb.execute(
        "select count(*), bit_xor(hash(columns('timestamp|label_.*|weight_.*'))) "
        f"from read_parquet('{output}/*.parquet')"
    ).fetchall()
    return row


if __name__ == "__main__":
    main()
