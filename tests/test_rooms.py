"""Imports run one way: a room uses those below it, never one above."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "duck_label"

# From the ground up; what stands in one line is one floor, whose rooms may use each other.
FLOORS = (
    ("errors", "tables"),
    ("toml_file", "fields"),
    ("rules",),
    ("config",),
    ("settings", "columns", "queries", "sample"),
    ("memory",),
    ("storage",),
    ("profile", "database"),
    ("bars",),
    ("records",),
    ("run", "look", "validation"),
    ("cli",),
    ("__init__", "__main__"),
)
HEIGHTS = {room: height for height, floor in enumerate(FLOORS) for room in floor}


def imports(path: Path) -> set[str]:
    """The rooms that a module imports from, wherever in it."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            parts = node.module.split(".")
            if parts[0] == "duck_label":
                rooms |= {parts[1]} if parts[1:] else {alias.name for alias in node.names}
    return rooms


def test_every_room_has_its_floor() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__pycache__", "templates", "py"} == HEIGHTS.keys()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_imports_run_one_way(path: Path) -> None:
    own = HEIGHTS[path.relative_to(PACKAGE).parts[0].removesuffix(".py")]
    for room in imports(path):
        assert HEIGHTS[room] <= own, f"{path.relative_to(PACKAGE)} uses {room}"
