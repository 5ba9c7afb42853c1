"""The world outside is told of transitions, once each, and of the state all the time."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import golden
from duck_label.errors import OutputError
from duck_label.memory import budget as memory
from duck_label.memory.alerts import AlertCommand, MetricsFile
from duck_label.memory.budget import MemorySnapshot
from duck_label.memory.manager import MemoryEvent
from labeling import label_two as label
from labeling import write

DOCS = Path(__file__).parents[1] / "docs" / "memory.md"


def event(kind: str) -> MemoryEvent:
    return MemoryEvent(kind, "6.8 GB is 85% of 8 GB", 6_800_000_000, 6_800_000_000, "a", "b")


def values(path: Path) -> dict[str, float]:
    families = text_string_to_metric_families(path.read_text())
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_a_command_runs_at_transitions_with_the_facts(tmp_path: Path) -> None:
    command = (
        f"echo $DUCK_LABEL_EVENT $DUCK_LABEL_RSS_BYTES $DUCK_LABEL_LIMIT_BYTES >> {tmp_path}/log"
    )
    notes: list[str] = []
    alerts = AlertCommand(command, str(tmp_path), 8 * 10**9, notes.append)
    for kind in ("warning", "cleanup", "critical", "retry", "recovered"):
        alerts(event(kind))
        alerts.wait()
    assert (tmp_path / "log").read_text().splitlines() == [
        f"{kind} 6800000000 8000000000" for kind in ("warning", "critical", "recovered")
    ]
    assert notes == []


def test_all_facts_are_in_the_environment(tmp_path: Path) -> None:
    alerts = AlertCommand(f"env > {tmp_path}/env", str(tmp_path / "out"), 10, print)
    alerts(event("emergency"))
    alerts.wait()
    facts = dict(
        line.split("=", 1)
        for line in (tmp_path / "env").read_text().splitlines()
        if line.startswith("DUCK_LABEL_")
    )
    assert facts.pop("DUCK_LABEL_PID").isdigit()
    assert facts == {
        "DUCK_LABEL_EVENT": "emergency",
        "DUCK_LABEL_REASON": "6.8 GB is 85% of 8 GB",
        "DUCK_LABEL_RSS_BYTES": "6800000000",
        "DUCK_LABEL_LIMIT_BYTES": "10",
        "DUCK_LABEL_CHUNK": "a",
        "DUCK_LABEL_STEP": "b",
        "DUCK_LABEL_OUTPUT": str(tmp_path / "out"),
    }


def test_a_command_that_fails_is_reported_and_stops_nothing(tmp_path: Path) -> None:
    notes: list[str] = []
    alerts = AlertCommand("exit 3", str(tmp_path), 1, notes.append)
    alerts(event("warning"))
    alerts.wait()
    assert notes == ["warning: the alert command ended with code 3"]


def test_the_file_of_metrics_is_replaced_whole_and_follows_the_run(tmp_path: Path) -> None:
    path = tmp_path / "duck_label.prom"
    metrics = MetricsFile(path, 10**9, print)
    metrics.begin()
    assert values(path)["duck_label_memory_limit_bytes"] == 10**9
    assert values(path)["duck_label_running"] == 1
    metrics.observe(MemorySnapshot.take(123, spill_bytes=45))
    metrics.set(chunks_done=2, running=0)
    metrics.write()
    after = values(path)
    assert after["duck_label_rss_bytes"] == 123
    assert after["duck_label_spill_bytes"] == 45
    assert after["duck_label_chunks_done"] == 2
    assert after["duck_label_running"] == 0
    assert [item.name for item in tmp_path.iterdir()] == ["duck_label.prom"]


def test_a_file_that_cannot_be_written_is_named_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"nowhere/x\.prom: cannot be written.*--metrics-file"):
        MetricsFile(tmp_path / "nowhere" / "x.prom", 1, print).begin()


def test_a_file_that_cannot_be_written_any_more_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    notes: list[str] = []
    metrics = MetricsFile(tmp_path / "folder" / "x.prom", 1, notes.append)
    metrics.begin()
    shutil.rmtree(tmp_path / "folder")
    metrics.write()
    metrics.write()
    assert len(notes) == 1


def test_a_run_keeps_its_metrics_and_alerts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "rss_bytes", lambda: 850_000_000)
    bars = write(tmp_path / "bars", [golden.bars("months")])
    label(
        bars,
        tmp_path / "out",
        memory={"limit": "1GB", "alert_command": f"echo $DUCK_LABEL_EVENT >> {tmp_path}/log"},
        run={"chunk": "1mo", "metrics_file": str(tmp_path / "x.prom")},
    )
    after = values(tmp_path / "x.prom")
    assert (tmp_path / "log").read_text() == "warning\n"
    assert after["duck_label_rows_done"] == len(golden.bars("months"))
    assert after["duck_label_chunks_done"] == after["duck_label_chunks"] >= 3
    assert after["duck_label_running"] == 0
    assert after["duck_label_rss_bytes"] == 850_000_000


def test_the_alert_rules_of_the_documentation_hold(tmp_path: Path) -> None:
    """They name metrics that exist; where Prometheus's own checker is at hand, it agrees."""
    (rules,) = re.findall(r"^```yaml\n(.*?)^```$", DOCS.read_text(), flags=re.DOTALL | re.MULTILINE)
    metrics = MetricsFile(tmp_path / "x.prom", 1, print)
    metrics.begin()
    known = set(values(tmp_path / "x.prom"))
    loaded = yaml.safe_load(rules)
    expressions = [rule["expr"] for group in loaded["groups"] for rule in group["rules"]]
    assert len(expressions) >= 2
    for expression in expressions:
        named = set(re.findall(r"duck_label_\w+", expression))
        assert named
        assert named <= known
    if checker := shutil.which("promtool"):
        (tmp_path / "rules.yml").write_text(rules)
        subprocess.run([checker, "check", "rules", tmp_path / "rules.yml"], check=True)


def test_a_command_is_recorded_as_set_and_no_more(tmp_path: Path) -> None:
    bars = write(tmp_path / "bars", [golden.bars("plain")])
    label(bars, tmp_path / "out", memory={"alert_command": "true --token hushhush"})
    records = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert any(b'"alert_command": "set"' in content for content in records)
    assert not any(b"hushhush" in content for content in records)
