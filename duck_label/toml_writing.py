"""TOML as people have it in files, written with a remark beside each value."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import tomlkit
from tomlkit.items import Float, Trivia


def written(values: Mapping[str, Any], remarks: Mapping[str, str]) -> str:
    """Values as a file: plain ones first, then tables, then lists of tables.

    `remarks`, by dotted names, stand behind a value or the head of a table, and before a list of
    tables. None is a comment that the key is not set; an empty table is left out.
    """
    document = tomlkit.document()
    _fill(document, values, "", remarks)
    return tomlkit.dumps(document)


def toml_text(value: Any) -> str:
    """A value as it stands in a file."""
    return str(_item(value).as_string())


def _item(value: Any) -> Any:
    """A value as people write it: 0.00001 and not 1e-05."""
    if isinstance(value, Decimal):
        if value == value.to_integral_value():
            return tomlkit.item(int(value))
        return Float(float(value), Trivia(), f"{value.normalize():f}")
    return tomlkit.item(list(value) if isinstance(value, tuple) else value)


def _fill(
    container: Any, values: Mapping[str, Any], prefix: str, remarks: Mapping[str, str]
) -> None:
    tables = {key: value for key, value in values.items() if isinstance(value, Mapping) and value}
    lists = {key: value for key, value in values.items() if _is_tables(value)}
    for key, value in values.items():
        if value is None:
            container.add(tomlkit.comment(f"{key} is not set"))
        elif not isinstance(value, Mapping) and key not in lists:
            container.add(key, _remarked(_item(value), remarks.get(prefix + key)))
    for key, value in tables.items():
        table = _remarked(tomlkit.table(), remarks.get(prefix + key))
        _fill(table, value, f"{prefix}{key}.", remarks)
        container.add(key, table)
    # Nothing may follow these.
    for key, value in lists.items():
        if prefix + key in remarks:
            container.add(tomlkit.nl())
            container.add(tomlkit.comment(remarks[prefix + key]))
        several = tomlkit.aot()
        for one in value:
            table = tomlkit.table()
            _fill(table, one, f"{prefix}{key}.", remarks)
            several.append(table)
        container.add(key, several)


def _is_tables(value: Any) -> bool:
    is_list = isinstance(value, list | tuple) and len(value) > 0
    return is_list and all(isinstance(one, Mapping) for one in value)


def _remarked(item: Any, remark: str | None) -> Any:
    return item if remark is None else item.comment(remark)
