"""What is written is what is read back, and each value has its remark."""

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from duck_label.errors import ConfigError
from duck_label.toml_file import read_toml
from duck_label.toml_writing import toml_text, written


def test_values_are_read_back_with_plain_ones_first_and_lists_of_tables_last() -> None:
    values = {
        "modes": [{"name": "a", "stop": Decimal("6.50")}, {"name": "b", "stop": Decimal(12)}],
        "columns": {"timestamp": "ts # event"},
        "instruments": {"N.Q*": {"tick_size": Decimal("0.00001")}, "empty": {}},
        "run": {},
        "tick_size": Decimal("20"),
        "as_of": None,
        "symbols": ("A", "B"),
    }
    remarks = {
        "tick_size": "seen",
        "columns.timestamp": "guessed",
        "instruments.N.Q*": "fine",
        "modes": "both ways",
        "modes.stop": "wide",
    }
    text = written(values, remarks)
    assert (
        text
        == """\
tick_size = 20 # seen
# as_of is not set
symbols = ["A", "B"]

[columns]
timestamp = "ts # event" # guessed

[instruments."N.Q*"] # fine
tick_size = 0.00001

# both ways

[[modes]]
name = "a"
stop = 6.5 # wide

[[modes]]
name = "b"
stop = 12 # wide
"""
    )
    assert tomllib.loads(text)["instruments"] == {"N.Q*": {"tick_size": 0.00001}}
    assert toml_text(Decimal("1E+2")) == "100"


def test_a_line_that_is_no_toml_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("tick_size = 1\nstop = 0.1%\n")
    with pytest.raises(ConfigError, match=r'line 2, .*: "stop = 0\.1%" \(text stands in quotes'):
        read_toml(file)
