"""What the path of a file says of its bars: keys of hive folders, and a symbol in a name.

Writers of partitioned tables leave a key's column out of the files, so that only the folder
`symbol=ES` tells whose bars they are. All keys are text, as they stand in the path: a type guessed
from the files of one query would be another one for the next.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from urllib.parse import unquote

from duck_label.columns import RESERVED, identifier
from duck_label.config import LabelingConfig
from duck_label.database import Database
from duck_label.errors import InputError
from duck_label.storage.names import anywhere, exactly

# What stands in a path for a key that is null.
_NULL = "__HIVE_DEFAULT_PARTITION__"
_SYMBOL = "{symbol}"
# What somebody can do whose files do not tell whose bars they hold.
THREE_WAYS = (
    "write a column {column!r} into the files, put each symbol's files into a folder "
    "{column}=SYMBOL, or name the symbol's place in the file names: "
    'symbol_from = "{{symbol}}.parquet"'
)


@dataclass(frozen=True)
class Keys:
    """Columns that stand in the paths alone, all text, and what the path of each file says.

    A file whose path does not have a key that others have says null.
    """

    names: tuple[str, ...] = ()
    said: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)

    def of(self, path: str) -> tuple[tuple[str, str | None], ...]:
        """What the path of a file says, by column."""
        return tuple(zip(self.names, self.said.get(path, ()), strict=False))

    def notes(self) -> tuple[str, ...]:
        """A line for what the paths say, with an example of each column."""
        if not self.names:
            return ()
        first = next(iter(self.said.values()))
        examples = ", ".join(f"{k}={v}" for k, v in zip(self.names, first, strict=True))
        more = "s" if len(self.names) > 1 else ""
        return (f"the paths of the files give their bars the column{more} {examples}, …",)


def three_ways(config: LabelingConfig) -> str:
    """How to tell whose bars a file holds."""
    return THREE_WAYS.format(column=config.column("symbol"))


def folder_keys(path: str) -> dict[str, str | None]:
    """The keys that folders of a path are named for, decoded, and their values; null is None.

    Raises:
        InputError: for a key that stands there twice with two values, or has one of our names.
    """
    found: dict[str, str | None] = {}
    for folder in PurePath(anywhere(path)).parts[:-1]:
        key, equals, text = folder.partition("=")
        if folder.startswith(RESERVED) and not equals:
            # Where the tables of a process lie for a while: what is above says nothing of them.
            found.clear()
        if not equals or not key:
            continue
        name = unquote(key)
        value = None if text in (_NULL, "") else unquote(text)
        known = next((other for other in found if other.casefold() == name.casefold()), name)
        if found.setdefault(known, value) != value:
            raise InputError(
                f"{path}: its folders say {known} = {found[known]!r} and {value!r}: rename one"
            )
        if name.startswith(RESERVED):
            raise InputError(
                f"{path}: folder {folder!r}: names with {RESERVED} are ours: rename it"
            )
    return found


def keys_of(
    database: Database,
    by_file: Mapping[str, Sequence[tuple[str, str]]],
    config: LabelingConfig,
) -> Keys:
    """The columns that the paths of files add to those in them.

    A key that is a column of the files too is theirs, and is made sure to agree.

    Raises:
        InputError: for a path that says other than the file, that lacks the symbol that others
            say, or that `symbol_from` does not match.
    """
    folders = {path: os.path.dirname(path) for path in by_file}
    # Most files lie in few folders.
    first = {folder: path for path, folder in folders.items()}
    known = {folder: folder_keys(path) for folder, path in first.items()}
    if config.symbol_from is None and not any(known.values()):
        return Keys()
    said = {path: dict(known[folder]) for path, folder in folders.items()}
    symbol = config.column("symbol")
    if config.symbol_from is not None:
        _add_symbols(said, by_file, config.symbol_from, symbol)
    names: dict[str, str] = {}
    for keys in said.values():
        for name in keys:
            # A key that is mapped has the name that the configuration gives it.
            own = symbol if name.casefold() == symbol.casefold() else name
            names.setdefault(name.casefold(), own)
    columns = {name.casefold(): (name, kind) for own in by_file.values() for name, kind in own}
    for key in names.keys() & columns.keys():
        _make_sure_of_agreement(database, by_file, said, *columns[key])
        del names[key]
    values = {
        path: {name.casefold(): value for name, value in keys.items()}
        for path, keys in said.items()
    }
    if symbol.casefold() in names:
        silent = next(
            (path for path, keys in values.items() if symbol.casefold() not in keys), None
        )
        if silent is not None:
            other = next(path for path, keys in values.items() if symbol.casefold() in keys)
            raise InputError(
                f"{silent}: neither the file nor its path says a {symbol!r}, where {other} does: "
                f"{three_ways(config)}"
            )
    return Keys(
        tuple(names.values()),
        {path: tuple(keys.get(key) for key in names) for path, keys in values.items()},
    )


def _add_symbols(
    said: Mapping[str, dict[str, str | None]],
    by_file: Mapping[str, Sequence[tuple[str, str]]],
    pattern: str,
    symbol: str,
) -> None:
    """Take the symbol of every file from its name.

    Raises:
        InputError: for a file that the pattern does not match, or that has a symbol already.
    """
    place = re.compile(
        "(?:^|.*/)"
        + re.escape(pattern)
        .replace(re.escape(_SYMBOL), "(?P<symbol>[^/]+)")
        .replace(r"\*", "[^/]*")
    )
    for path, own in by_file.items():
        if any(name.casefold() == symbol.casefold() for name in (*dict(own), *said[path])):
            raise InputError(
                f"{path}: has a {symbol!r} already, in the file or its folder: "
                "leave symbol_from out"
            )
        match = place.fullmatch(PurePath(anywhere(path)).as_posix())
        if match is None:
            raise InputError(
                f"{path}: is not named as symbol_from = {pattern!r} says: mend the pattern, or "
                "leave the file out"
            )
        said[path][symbol] = match["symbol"]


def _make_sure_of_agreement(
    database: Database,
    by_file: Mapping[str, Sequence[tuple[str, str]]],
    said: Mapping[str, Mapping[str, str | None]],
    name: str,
    kind: str,
) -> None:
    """Make sure that a column says in every file what the folder of the file says.

    Raises:
        InputError: naming a file that says other than its folder, or only one of both.
    """
    folders = {
        path: next(value for key, value in keys.items() if key.casefold() == name.casefold())
        for path, keys in said.items()
        if name.casefold() in map(str.casefold, keys)
    }
    for path in folders:
        if name not in dict(by_file[path]):
            other = next(other for other, own in by_file.items() if name in dict(own))
            raise InputError(
                f"{path}: its folder says {name!r}, and the file has no such column, which {other} "
                "has: write it into all files, or into none"
            )
    settled = _settled(database, folders, name)
    _compare(database, {p: key for p, key in folders.items() if p not in settled}, name, kind)


def _compare(database: Database, folders: Mapping[str, str | None], name: str, kind: str) -> None:
    """Read a column of files to compare it with what their folders say.

    Raises:
        InputError: naming a file whose column holds another value.
    """
    if not folders:
        return
    column = identifier(name)
    rows = database.rows(
        f"""
        select said.filename, bars.{column}::varchar, said.duck_label_key
        from
            read_parquet(
                $files, union_by_name = true, hive_partitioning = false,
                filename = 'duck_label_file'
            ) as bars
        inner join (select unnest($files, max_depth := 2)) as said
            on bars.duck_label_file = said.filename
        where
            bars.{column}::varchar is distinct from said.duck_label_key::varchar
            and bars.{column} is distinct from try_cast(said.duck_label_key::varchar as {kind})
        limit 1
        """,
        {
            "files": [
                {**file, "duck_label_key": folders[file["filename"]]} for file in exactly(folders)
            ]
        },
    )
    if rows:
        path, value, key = rows[0]
        raise InputError(
            f"{path}: column {name!r} holds {value!r}, but its folder says {key!r}: mend the one "
            "that is wrong"
        )


def _settled(database: Database, folders: Mapping[str, str | None], name: str) -> set[str]:
    """The files whose statistics tell that a column holds what their folder says, and only that."""
    rows = database.rows(
        """
        select
            file_name,
            min(coalesce(stats_min_value, stats_min)),
            max(coalesce(stats_max_value, stats_max)),
            bool_and(
                stats_null_count = 0
                and coalesce(stats_min_value, stats_min) is not null
                and coalesce(stats_max_value, stats_max) is not null
            )
        from parquet_metadata($files)
        where path_in_schema = $name
        group by file_name
        """,
        {"files": exactly(folders), "name": name},
    )
    return {path for path, low, high, known in rows if known and low == high == folders[path]}
