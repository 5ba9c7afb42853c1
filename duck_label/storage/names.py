"""What a name of a file or folder says by itself: whether it is a path or a URL, and of what."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from duck_label.errors import ConfigError

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
# What stands before an @ in front of a host, also where a secret has a slash in it (no port has):
# a user, a password, a token. Azure's CONTAINER@ACCOUNT is neither.
_LOGIN = re.compile(r"(?i)(?!abfss?://[^/@:]*@)[^:]*://(?:[^/@]*@|[^/@:]*:(?!\d+(?:/|$))[^@]*@)")
# NAME=VALUE after a question mark or #, as signed URLs have it; of a web server, any query.
_QUERY = re.compile(r"(?i)[?#][^/]*=|^https?://[^?#]*[?#].")
# The folder in an output that holds the records of its runs, and marks it as one.
RECORDS = "_duck_label"
# How the names of Parquet files end, in upper or lower case.
_ENDINGS = (".parquet", ".parq", ".pq")


def is_url(name: str | Path) -> bool:
    """Whether a name is a URL."""
    return _URL.match(str(name)) is not None


def scheme_of(url: str) -> str:
    """The scheme of a URL."""
    return url.partition("://")[0].lower()


def settled(name: str | Path) -> str:
    """A name as it is used and recorded. A ~ or ~user at its start is a home folder, as in a shell.

    Raises:
        ConfigError: for an empty name, or a URL that holds a user, a password, a token or a query.
    """
    name = str(name)
    if not name:
        raise ConfigError("a name of a file or folder is empty: this folder is called '.'")
    if not is_url(name):
        name = os.path.expanduser(name)
        # Where there is no such user it is a name like any other, but not to DuckDB.
        return f"./{name}" if name.startswith("~") else name
    if holds_secret(name):
        raise ConfigError(
            f"{scheme_of(name)}://…: has a user, password, token or query in it, which records "
            "would keep: pass the URL without, and credentials where the tools of the store look "
            "for them"
        )
    if scheme_of(name) == "file":
        from urllib.request import url2pathname  # loads all of HTTP

        return url2pathname(name.partition("://")[2])
    return name


def holds_secret(url: str) -> bool:
    """Whether a URL says more than where something lies: who asks, with what secret or query."""
    return _LOGIN.match(url) is not None or _QUERY.search(url) is not None


def exactly(names: Iterable[str]) -> list[dict[str, Any]]:
    """Files for a query, which reads those of these very names.

    A text is a pattern to DuckDB: where it holds a bracket, escaped or not, the whole folder is
    read for it, once for every file.
    """
    return [{"filename": name} for name in names]


def anywhere(name: str) -> str:
    """A name of the same file for a process with another working directory."""
    return name if is_url(name) else os.path.abspath(name)


def is_parquet(name: str) -> bool:
    """Whether a file's name ends like that of a Parquet file."""
    return name.lower().endswith(_ENDINGS)


def hides(name: str) -> bool:
    """Whether a name is one that searches of folders skip."""
    return name.startswith(("_", "."))


def is_bars(name: str) -> bool:
    """Whether a file in a folder counts as bars by its name."""
    return is_parquet(name) and not hides(name)


def is_worth_a_note(name: str) -> bool:
    """Whether to note that a file is left out: not of what writers leave behind (`_SUCCESS`)."""
    return is_parquet(name) or not hides(name)
