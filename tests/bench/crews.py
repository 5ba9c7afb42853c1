# mypy: disable-error-code="import-untyped"
"""The same bars, labeled by one process, by workers, by a cluster of two nodes; from S3 or not.

Run as `python tests/bench/crews.py BARS FOLDER [--megabytes 2000]` with the groups `dev` and
`cluster` installed. The store is a server on loopback, in a process of its own that is not counted;
the two nodes are Ray's, on this machine, with one processor each, and are. Every line is a process
of its own, whose RSS and that of all processes below it are sampled from outside fifty times a
second. Labels are compared with those of the first line. Prints a table.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import psutil

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

# A server that says where it is, and then for every word how many bytes were read of the input.
SERVER = """
import sys
from s3 import Server
server = Server()
print(server.url, flush=True)
for line in sys.stdin:
    print(server.read(line.strip()), flush=True)
    server.asked.clear()
"""
CLUSTER_NAME = "2 nodes of a cluster"
CLUSTER = """
import sys, time
from ray.cluster_utils import Cluster
node = {"num_cpus": 1, "memory": int(sys.argv[1]), "object_store_memory": 80_000_000}
cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
cluster.add_node(**node)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


def main() -> None:
    """Measure, print; fail where labels differ."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bars", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--megabytes", type=int, default=2000, help="budget; a Ray task has half")
    parser.add_argument("--only", default="", help="lines of this name")
    asked = parser.parse_args()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "loopback",
        "AWS_SECRET_ACCESS_KEY": "loopback",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    os.environ["PYTHONPATH"] = str(HERE.parent)
    server = started(SERVER)
    os.environ["AWS_ENDPOINT_URL"] = answer(server)
    import s3fs

    files = s3fs.S3FileSystem()
    files.mkdir("bench")
    files.put_file(str(asked.bars), "bench/in/bars.parquet")
    size = asked.bars.stat().st_size
    stored = "s3://bench/in"
    lines = [
        ("1 process", str(asked.bars), ()),
        ("2 workers", str(asked.bars), ("--workers", "2")),
        ("1 process", stored, ()),
        ("2 workers", stored, ("--workers", "2")),
    ]
    print("| labeled by | input | bars a second | sum of RSS | largest process | read / size |")
    print("| --- | --- | --: | --: | --: | --: |")
    first = None
    for name, bars, options in (line for line in lines if asked.only in line[0]):
        output = output_for(bars, asked.folder, files)
        limit = ("--memory-limit", f"{asked.megabytes}MB")
        first = measured(name, bars, output, (*options, *limit), first, server, size)
    if asked.only in CLUSTER_NAME:
        memory = asked.megabytes // 2
        cluster = started(CLUSTER, str(memory * 1_000_000))
        address = answer(cluster)
        ray = ("--engine", "ray", "--ray-address", address, "--threads", "1")
        for bars in (str(asked.bars), stored):
            options = (*ray, "--memory-limit", f"{memory}MB")
            output = output_for(bars, asked.folder, files)
            first = measured(CLUSTER_NAME, bars, output, options, first, server, size, cluster)
        cluster.communicate("")
    server.kill()


def output_for(bars: str, folder: Path, files: Any) -> str:
    """An empty folder where the bars are: in the store, or here."""
    if "://" not in bars:
        shutil.rmtree(folder / "out", ignore_errors=True)
        return str(folder / "out")
    if files.exists("bench/out"):
        files.rm("bench/out", recursive=True)
    return "s3://bench/out"


def measured(
    name: str,
    bars: str,
    output: str,
    options: tuple[str, ...],
    first: str | None,
    server: "subprocess.Popen[str]",
    size: int,
    beside: "subprocess.Popen[str] | None" = None,
) -> str:
    """Measure one command, print its line; returns a digest of the labels: `first`, or it fails."""
    read_of(server)
    threads = () if "--threads" in options else ("--threads", "2")
    command = [sys.executable, "-m", "duck_label", "run", bars, "-o", output, "--json", "-q"]
    process = subprocess.Popen([*command, *threads, *options], stdout=subprocess.PIPE, text=True)
    whole, largest = 0, 0
    while process.poll() is None:
        roots = [process.pid] if beside is None else [process.pid, beside.pid]
        sizes = [rss for root in roots for rss in rss_below(root)]
        whole, largest = max(whole, sum(sizes)), max(largest, *sizes, 0)
        time.sleep(0.02)
    assert process.stdout is not None
    if process.returncode:
        raise SystemExit(f"{name} failed: {command}")
    summary = json.load(process.stdout)
    read = read_of(server) / size
    where = "S3" if "://" in bars else "local files"
    print(
        f"| {name} | {where} | {summary['rows_per_second']:,.0f} | {whole / 1e6:,.0f} MB "
        f"| {largest / 1e6:,.0f} MB | {f'{read:.2f}' if where == 'S3' else ''} |",
        flush=True,
    )
    found = digest(output)
    if first not in (None, found):
        raise SystemExit(f"{name}: other labels than those of the first line")
    return found


def rss_below(root: int) -> list[int]:
    """The RSS of a process and of all below it, in bytes."""
    try:
        family = (psutil.Process(root), *psutil.Process(root).children(recursive=True))
        return [process.memory_info().rss for process in family]
    except psutil.Error:  # one that has just ended
        return []


def digest(output: str) -> str:
    """Of all bars and labels, whatever their order."""
    if "://" in output:
        import s3fs

        local = Path(os.environ.get("TMPDIR", "/tmp")) / f"crews_{os.getpid()}"  # noqa: S108
        shutil.rmtree(local, ignore_errors=True)
        s3fs.S3FileSystem().get(output.removeprefix("s3://") + "/*.parquet", f"{local}/")
        found = digest(str(local))
        shutil.rmtree(local)
        return found
    (row,) = duckdb.execute(
        "select count(*), bit_xor(hash(columns(*))) from read_parquet($1)", [f"{output}/*.parquet"]
    ).fetchall()
    return str(row)


def started(program: str, *arguments: str) -> "subprocess.Popen[str]":
    """A Python process at the end of two pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def answer(process: "subprocess.Popen[str]") -> str:
    """The next line that a process says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def read_of(server: "subprocess.Popen[str]") -> int:
    """Bytes of the input that were read since it was asked last."""
    assert server.stdin is not None
    server.stdin.write("bench/in\n")
    server.stdin.flush()
    return int(answer(server))


if __name__ == "__main__":
    main()
