"""The budget: read as DuckDB reads sizes, bounded by the machine, divided below the promise."""

from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from duck_label.errors import ConfigError, MemoryBudgetError
from duck_label.memory import budget as memory
from duck_label.memory.budget import SMALLEST_BUDGET, MemoryBudget, machine_limit, parse_size

GB = 10**9
MACHINE = (64 * GB, "a test")


@pytest.mark.parametrize("text", ["8GB", "8 gb", "512MB", "512MiB", "1.5GiB", "2TB", "900000KB"])
def test_sizes_are_read_as_duckdb_reads_them(text: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"set memory_limit = '{text}'")
        ours = connection.execute("select current_setting('memory_limit')").fetchall()
        connection.execute(f"set memory_limit = '{parse_size(text)}B'")
        assert connection.execute("select current_setting('memory_limit')").fetchall() == ours


@pytest.mark.parametrize(
    "text", ["", "GB", "8XB", "-1GB", "eight", "1e3GB", "8Gbit", "8GB, 9", "1.5"]
)
def test_other_texts_are_no_sizes(text: str) -> None:
    with pytest.raises(ConfigError, match="is no size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("asked", "limit"), [("8GB", 8 * GB), ("0.5", 32 * GB), ("auto", 51.2 * GB), ("1", 64 * GB)]
)
def test_limits_may_be_sizes_or_fractions_or_automatic(asked: str, limit: float) -> None:
    budget = MemoryBudget.resolve(asked, MACHINE)
    assert budget.limit == limit
    assert budget.warning is None


def test_more_than_the_machine_has_is_lowered_with_a_warning() -> None:
    budget = MemoryBudget.resolve("8GB", (2 * GB, "the cgroup limit in X"))
    assert budget.limit == 2 * GB
    assert budget.warning == "memory limit 8GB lowered to 2 GB: the cgroup limit in X"


def test_too_little_says_what_would_do() -> None:
    with pytest.raises(MemoryBudgetError, match="100 MB is too small: pass --memory-limit 256 MB"):
        MemoryBudget.resolve("100MB", MACHINE)


@example(small=419_000_000, large=420_000_000)  # where DuckDB's share is reckoned otherwise
@given(small=st.integers(SMALLEST_BUDGET, 64 * GB), large=st.integers(SMALLEST_BUDGET, 64 * GB))
def test_shares_grow_with_the_budget_and_leave_room(small: int, large: int) -> None:
    small, large = sorted((small, large))
    shares = [MemoryBudget.resolve(f"{limit}B", MACHINE) for limit in (small, large)]
    assert 90_000_000 <= shares[0].duckdb <= shares[1].duckdb
    for budget in shares:
        assert budget.duckdb <= budget.limit - 150_000_000
        assert budget.duckdb <= 0.63 * budget.limit


def tree(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n",
                "sys/fs/cgroup/a/memory.max": "3000000000\n",
            },
            3 * GB,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,memory:/a\n3:cpu:/a\n",
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000000\n",
            },
            2 * GB,
        ),
        # In a container the path may be the host's: what is mounted at the root counts.
        (
            {"proc/self/cgroup": "0::/../x\n", "sys/fs/cgroup/memory.max": "1000000000\n"},
            GB,
        ),
    ],
)
def test_the_limit_of_every_ancestor_group_counts(
    files: dict[str, str], limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, files)
    monkeypatch.setattr(memory, "_ROOT", tmp_path)
    found, source = machine_limit()
    assert found == limit
    assert "cgroup" in source
