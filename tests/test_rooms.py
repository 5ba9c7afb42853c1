"""Imports run one way: a room uses those below it, and inside a room there is no circle either."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "duck_label"

# From the ground up; what stands in one line is one floor, whose rooms may use each other.
FLOORS = (
    ("errors", "outcomes", "tables", "ranges", "sizes"),
    ("toml_file", "toml_writing", "whole", "fields", "moments"),
    ("compiled",),
    ("barriers", "rules", "running", "asking"),
    ("config_keys",),
    ("config",),
    ("identity", "settings", "columns", "trades", "queries", "sample"),
    ("input_rows", "query_names", "query_values"),
    ("memory",),
    ("storage",),
    ("profile", "connection", "database", "database_errors"),
    ("bars",),
    ("records",),
    ("run", "look", "validation", "signals"),
    ("cli",),
    ("__init__", "__main__"),
)
# These stand on one floor, and each could go without the others.
SIBLINGS = {"run", "look", "validation", "signals"}
HEIGHTS = {room: height for height, floor in enumerate(FLOORS) for room in floor}


# By the names under which they are imported.
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


def imports(path: Path) -> set[str]:
    """The modules of ours that a module imports, wherever in it, for types alone or late too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            # What is no module is a name of the one before it.
            found |= {name if name in MODULES else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & MODULES.keys()


def room(module: str) -> str:
    """The room that a module stands in."""
    return [*module.split("."), "__init__"][1]


def test_every_room_has_its_floor() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__pycache__", "templates", "py"} == HEIGHTS.keys()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_imports_run_one_way(path: Path) -> None:
    own = HEIGHTS[path.relative_to(PACKAGE).parts[0].removesuffix(".py")]
    for name in imports(path):
        assert HEIGHTS[room(name)] <= own, f"{path.relative_to(PACKAGE)} uses {name}"


def test_who_labels_and_who_looks_know_nothing_of_each_other() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        own = path.relative_to(PACKAGE).parts[0]
        if own in SIBLINGS:
            others = {room(name) for name in imports(path)} & SIBLINGS
            assert others <= {own}, path


def test_no_modules_import_each_other() -> None:
    uses = {module: imports(path) for module, path in MODULES.items()}
    try:
        TopologicalSorter(uses).prepare()
    except CycleError as error:
        pytest.fail(" uses ".join(reversed(error.args[1])))
