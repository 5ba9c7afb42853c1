# mypy: disable-error-code="import-untyped,no-untyped-call,untyped-decorator"
"""A real Ray cluster of two nodes on this machine makes the labels of one process."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from duck_label import LabelingConfig, WeightedLabelingEngine
from duck_label.errors import ConfigError
from duck_label.records.ledger import FOLDER
from duck_label.run.results import Silence
from duck_label.sample import write_sample
from labeling import label, read

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install --group cluster")
# Ray's own processes and sockets are not ours to close.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

NODE: dict[str, Any] = {
    "num_cpus": 1,
    "memory": 10**9,
    "object_store_memory": 80_000_000,
    "include_dashboard": False,
}
CONFIG: dict[str, Any] = {"details": True, "memory": {"limit": "900MB"}}
RUN: dict[str, Any] = {"engine": "ray", "threads": 1, "chunk": "30000"}


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    cluster.add_node(**{**NODE, "include_dashboard": None})
    ray.init(cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def records(output: Path, name: str) -> list[dict[str, Any]]:
    path = output / FOLDER / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_cluster_that_loses_a_node_makes_the_labels_of_one_process(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bars").mkdir()
    write_sample(tmp_path / "bars" / "bars.parquet", days=4)
    whole: pa.Table = label(tmp_path / "bars", tmp_path / "whole", details=True)
    (victim,) = cluster.worker_nodes
    left: list[int] = []

    class Killer(Silence):
        """Kills the second node when both have been given their next chunk."""

        def advance(self, *facts: Any) -> None:
            left.append(facts[-1])
            if len(left) == 3:
                kill = partial(cluster.remove_node, victim, allow_graceful=False)
                threading.Timer(0.2, kill).start()

    monkeypatch.chdir(tmp_path)
    run = {**RUN, "temp_dir": str(tmp_path / "spill")}
    engine = WeightedLabelingEngine(LabelingConfig(run=run, **CONFIG), Killer())
    with pytest.raises(ConfigError, match=r"no node .* 3 processors and 900 MB"):
        label(Path("bars"), Path("none"), run={**RUN, "threads": 3}, **CONFIG)
    summary = engine.process_files(["bars"], "out")
    assert read(tmp_path / "out").equals(whole)
    assert len(left) > 4
    events = records(tmp_path / "out", "memory_events")
    assert summary.workers_lost == len(events) > 0
    assert {event["kind"] for event in events} == {"worker_lost"}
    assert summary.peak_rss_bytes > 100_000_000
    names = {path.name for path in (tmp_path / "out" / FOLDER).iterdir()}
    known = {"chunks.jsonl", "runs.jsonl", "memory_events.jsonl", "lock", "snapshots"}
    assert names <= known | {"input_0001.json", "views.sql"}
    # Nobody can clean up on a node that is gone.
    assert len(list((tmp_path / "spill").iterdir())) <= summary.workers_lost


def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path) -> None:
    write_sample(tmp_path / "bars.parquet", days=1)
    run = {"engine": "ray", "ray_address": "127.0.0.1:1"}
    with pytest.raises(ConfigError, match=r"--ray-address 127\.0\.0\.1:1: no cluster answers"):
        label(tmp_path / "bars.parquet", tmp_path / "out", run=run)
