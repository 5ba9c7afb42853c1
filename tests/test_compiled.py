"""Templates are compiled once; compiled ones are taken from nowhere but a safe place."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader, nodes

from duck_label import LabelingConfig, WeightedLabelingEngine, queries
from duck_label.compiled import CompiledTemplates, compiled_templates
from duck_label.queries import render, sql_folder
from duck_label.sample import write_sample

# Any template without anything to fill in.
_NAME = "inspect/outcomes"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the templates that were compiled since."""
    names: list[str] = []
    compile_one = Environment.compile

    def noted(environment: Environment, source: str, name: str, *more: object) -> object:
        names.append(name)
        return compile_one(environment, source, name, *more)  # type: ignore[call-overload]

    monkeypatch.setattr(Environment, "compile", noted)
    return names


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that the user's caches lie in."""
    folder = tmp_path / "caches"
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name, **_: folder / name)
    queries._environment.cache_clear()
    yield folder
    queries._environment.cache_clear()


def in_a_new_process() -> None:
    """Forget what this process has compiled or loaded."""
    queries._environment.cache_clear()


def kept(cache: Path) -> list[Path]:
    return sorted((cache / "duck_label" / "templates").iterdir())


def test_a_second_run_compiles_nothing(cache: Path, compiled: list[str], tmp_path: Path) -> None:
    bars = tmp_path / "bars.parquet"
    write_sample(bars, days=1)
    texts = {}
    for output in ("first", "second"):
        in_a_new_process()
        compiled.clear()
        engine = WeightedLabelingEngine(LabelingConfig(as_of="2024-03-12"))
        engine.process_files(bars, tmp_path / output)
        texts[output] = list(compiled)
    assert "label/03_bars.sql" in texts["first"]
    assert texts["second"] == []
    assert len(kept(cache)) == len(set(texts["first"]))


@pytest.mark.parametrize("how", ["empty", "another", "half", "with another byte"])
def test_what_is_broken_is_compiled_anew(cache: Path, compiled: list[str], how: str) -> None:
    text = render(_NAME, {})
    (file,) = kept(cache)
    good = file.read_bytes()
    middle = len(good) // 2
    left = {
        "empty": b"",
        "another": b"x" * 100,
        "half": good[:middle],
        "with another byte": good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :],
    }
    file.write_bytes(left[how])
    for times in (2, 2):  # compiled again once, and found afterwards
        in_a_new_process()
        assert render(_NAME, {}) == text
        assert len(compiled) == times
    assert file.read_bytes() == good


def test_a_changed_source_is_compiled_anew(tmp_path: Path, compiled: list[str]) -> None:
    source = tmp_path / "one.sql"
    (tmp_path / "cache").mkdir()
    for text in ("select 1", "select 2"):
        source.write_text(text)
        environment = Environment(
            loader=FileSystemLoader(tmp_path),
            bytecode_cache=CompiledTemplates(tmp_path / "cache"),
            autoescape=False,  # noqa: S701
        )
        assert environment.get_template("one.sql").render() == text
    assert len(compiled) == 2


def test_only_the_user_can_look_at_what_is_kept(cache: Path) -> None:
    render(_NAME, {})
    for folder in (cache, cache / "duck_label", cache / "duck_label" / "templates"):
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("which", ["duck_label", "duck_label/templates"])
@pytest.mark.parametrize("how", ["open to others", "a link", "a file"])
def test_where_others_may_write_nothing_is_taken(
    cache: Path, tmp_path: Path, compiled: list[str], which: str, how: str
) -> None:
    place, elsewhere = cache / which, tmp_path / "elsewhere"
    place.parent.mkdir(parents=True)
    elsewhere.mkdir()
    if how == "a link":
        place.symlink_to(elsewhere)
    elif how == "a file":
        place.touch()
    else:
        place.mkdir()
        place.chmod(0o770)
    assert compiled_templates() is None
    assert "select" in render(_NAME, {})
    assert list(elsewhere.iterdir()) == []
    assert compiled == [f"{_NAME}.sql"]


def test_a_folder_of_another_user_is_left_alone(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert compiled_templates() is None
    # As root in the home of a user: what root made there would be in the user's way.
    assert list(cache.iterdir()) == []


def test_who_has_no_home_gets_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name, **_: Path("~") / name)
    monkeypatch.chdir(tmp_path)
    assert compiled_templates() is None
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_costs_nothing_else(cache: Path) -> None:
    templates = CompiledTemplates(cache / "gone")
    environment = Environment(
        loader=FileSystemLoader(sql_folder()),
        bytecode_cache=templates,
        autoescape=False,  # noqa: S701
    )
    assert "select" in environment.get_template(f"{_NAME}.sql").render()


def test_compiled_templates_hold_nothing_of_our_functions() -> None:
    """Jinja applies a filter to a constant when it compiles: a new filter would not be seen."""
    for path in sql_folder().rglob("*.sql"):
        tree = queries._environment().parse(path.read_text(encoding="utf-8"))
        for applied in tree.find_all(nodes.Filter):
            if applied.name in ("identifier", "literal"):
                with pytest.raises(nodes.Impossible):
                    applied.as_const()
