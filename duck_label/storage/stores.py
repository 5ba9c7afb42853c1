"""Files behind URLs: `s3://`, `gs://`, `az://` and whatever else fsspec reaches.

Credentials, end points and timeouts are those of the libraries below (environment, `~/.aws`,
fsspec's own configuration).
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from duck_label.errors import ConfigError, InputError, OutputError
from duck_label.storage.failures import Patient, complaints
from duck_label.storage.names import RECORDS, is_bars, is_url, is_worth_a_note, scheme_of, settled

# What an upload holds in memory at most is one of these, and the next.
_PIECE = 16 << 20
_UPLOADS: Mapping[str, dict[str, Any]] = {
    "s3": {"chunksize": _PIECE, "max_concurrency": 2},
    "gs": {"chunksize": _PIECE},
    "az": {"max_concurrency": 2},
}
# Schemes of one library, and the extra that brings it.
_FAMILIES = {"s3a": "s3", "gcs": "gs", "abfs": "az", "abfss": "az"}
_EXTRAS = ("s3", "gs", "az")
# What listings and answers call the version of a file; the first that is there tells it.
_VERSIONS = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "created")
_TAIL_BYTES = 64 << 10
_TAILS = 256


class Store:
    """The files of one scheme. Names are whole URLs; one store serves all threads."""

    def __init__(self, scheme: str) -> None:
        import fsspec  # takes a while, and paths can do without

        self.scheme = scheme
        self.family = _FAMILIES.get(scheme, scheme)
        try:
            # What others write shows at once.
            self.files = Patient(fsspec.filesystem(scheme, use_listings_cache=False))
        except ImportError as error:
            extra = f"'duck-label[{self.family}]'" if self.family in _EXTRAS else str(error)
            raise ConfigError(f"{scheme}:// needs another library: pip install {extra}") from error
        except ValueError as error:
            raise ConfigError(f"{scheme}:// is no kind of URL that fsspec knows") from error
        self._tails: OrderedDict[tuple[str, int, str], bytes] = OrderedDict()
        self._keeping = threading.Lock()

    def url(self, name: str) -> str:
        """The URL of what fsspec calls by a name."""
        return name if "://" in name else f"{self.scheme}://{name.lstrip('/')}"

    def find(self, item: str) -> tuple[list[str], list[str]]:
        """The files that a file, folder or pattern stands for; of a folder also what is no bars.

        Raises:
            InputError: for what is not there or cannot be read, or a table with a log of its own.
        """
        with complaints(item, InputError):
            if has_magic(item):
                found = self.files.glob(item, detail=True)
                names = [self.url(name) for name, one in found.items() if one["type"] == "file"]
                if names:
                    # As on a disk, a pattern does not find what is hidden.
                    return [name for name in names if "/." in item or "/." not in name], []
            if self._info(item)["type"] == "file":
                return [item], []
            root = PurePosixPath(self.files._strip_protocol(item))
            files = {name: PurePosixPath(name).relative_to(root) for name in self.files.find(item)}
            if log := next((path for path in files.values() if "_delta_log" in path.parts), None):
                raise InputError(
                    f"{item}: holds a Delta table ({log}), and its log says which files count: "
                    "name these, as `deltalake.DeltaTable(URL).file_uris()` lists them"
                )
            outputs = {up for path in files.values() for up in path.parents if up.name == RECORDS}
            outputs = {output.parent for output in outputs} - {PurePosixPath()}
            inside = {
                name: path
                for name, path in files.items()
                if not any(part.startswith(("_", ".")) for part in path.parts[:-1])
                and outputs.isdisjoint(path.parents)
            }
            bars = [self.url(name) for name, path in inside.items() if is_bars(path.name)]
            others = (path for path in inside.values() if not is_bars(path.name))
            return bars, [str(path) for path in others if is_worth_a_note(path.name)]

    def facts(self, url: str) -> tuple[int, str]:
        """The size of a file in bytes, and what its version is called: another one, other bytes."""
        info = self._info(url)
        return int(info["size"]), _version(info)

    def _info(self, url: str) -> Any:
        try:
            return self.files.info(url)
        except FileNotFoundError:
            raise
        except OSError:
            # What refuses to tell of one file has no room to say why; a listing has.
            self.files.ls(url)
            raise

    def glob(self, pattern: str) -> list[str]:
        """The URLs that a pattern matches, sorted; a name whose magic is escaped is not looked for.

        DuckDB escapes as `glob.escape` does.
        """
        plain = re.sub(r"\[([*?[])\]", "\0", pattern)
        if not has_magic(plain):
            return [re.sub(r"\[([*?[])\]", r"\1", pattern)]
        return sorted(self.url(name) for name in self.files.glob(pattern))

    def read(self, url: str, facts: tuple[int, str], start: int, size: int) -> bytes:
        """Some bytes of a file; those of its end, which are asked for often, are remembered."""
        end = min(start + size, facts[0])
        if start >= end:
            return b""
        key = (url, *facts)
        with self._keeping:
            tail = self._tails.get(key)
        begin = facts[0] - len(tail or b"")
        if tail is None or start < begin:
            if end < facts[0]:
                found: bytes = self.files.cat_file(url, start=start, end=end)
                return found
            begin = max(0, min(start, facts[0] - _TAIL_BYTES))
            tail = self.files.cat_file(url, start=begin, end=facts[0])
            if len(tail) <= 4 * _TAIL_BYTES:
                with self._keeping:
                    self._tails[key] = tail
                    if len(self._tails) > _TAILS:
                        self._tails.popitem(last=False)
        return tail[start - begin : end - begin]

    def sizes(self, url: str) -> dict[str, int | None]:
        """What lies directly in a folder, with sizes; None for a folder. Empty if it is not there.

        Raises:
            OutputError: if it cannot be listed.
        """
        found = self._listed(url)
        return {name: one["size"] if one["type"] == "file" else None for name, one in found.items()}

    def versions(self, url: str) -> dict[str, str]:
        """The files that lie directly in a folder, with what their versions are called.

        Raises:
            OutputError: if it cannot be listed.
        """
        found = self._listed(url)
        return {name: _version(one) for name, one in found.items() if one["type"] == "file"}

    def _listed(self, url: str) -> dict[str, Any]:
        with complaints(url, OutputError):
            try:
                found = self.files.ls(url, detail=True)
            except FileNotFoundError:
                # A folder that is not there is as good as an empty one, a bucket is not.
                bucket = f"{self.scheme}://{url.split('/')[2]}"
                if self.family in _EXTRAS:
                    self.files.ls(bucket)
                return {}
        root = self.files._strip_protocol(url)
        return {
            PurePosixPath(one["name"]).name: one for one in found if one["name"].rstrip("/") != root
        }

    def get(self, url: str, path: Path) -> None:
        """Copy a file to this machine.

        Raises:
            OutputError: if it cannot be read.
        """
        with complaints(url, OutputError):
            self.files.get_file(url, str(path))

    def put(self, path: Path, url: str) -> None:
        """Copy a file of this machine, whole or not at all.

        Raises:
            OutputError: if it cannot be written.
        """
        try:
            with complaints(url, OutputError, "cannot be written: "):
                self.files.put_file(str(path), url, **_UPLOADS.get(self.family, {}))
        except BaseException:
            self.abandon(url)
            raise

    def write(self, url: str, content: bytes) -> None:
        """Write a small file.

        Raises:
            OutputError: if it cannot be written.
        """
        with complaints(url, OutputError, "cannot be written: "):
            self.files.pipe_file(url, content)

    def create(self, url: str, content: bytes) -> bool:
        """Write a small file if there is none yet; says whether there was none.

        Raises:
            OutputError: if it cannot be written.
        """
        with complaints(url, OutputError, "cannot be written: "):
            try:
                self.files.pipe_file(url, content, mode="create")
            except FileExistsError:
                return False
        return True

    def content(self, url: str) -> bytes | None:
        """A small file; None if it is not there.

        Raises:
            OutputError: if it cannot be read.
        """
        with complaints(url, OutputError):
            try:
                found: bytes = self.files.cat_file(url)
            except FileNotFoundError:
                return None
            return found

    def move(self, url: str, target: str) -> None:
        """Give a file another name, where it appears at once.

        Raises:
            OutputError: if it cannot be written.
        """
        with complaints(target, OutputError, "cannot be written: "):
            self.files.cp_file(url, target)
            self.files.rm_file(url)

    def remove(self, url: str) -> None:
        """Remove a file, if it is there.

        Raises:
            OutputError: if it cannot be removed.
        """
        with complaints(url, OutputError, "cannot be removed: "), suppress(FileNotFoundError):
            self.files.rm_file(url)

    def abandon(self, prefix: str) -> None:
        """Give up uploads in pieces to URLs that begin so: their pieces are paid for, unseen.

        Only S3 keeps them until they are given up; where that is not allowed they stay.
        """
        if self.family != "s3":
            return
        bucket, _, key = prefix.partition("://")[2].partition("/")
        try:
            found = self.files.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=key)
            for one in found.get("Uploads", ()):
                own = {"Bucket": bucket, "Key": one["Key"], "UploadId": one["UploadId"]}
                self.files.call_s3("abort_multipart_upload", **own)
        except Exception:  # noqa: S110 - an attempt; what is under way says what fails
            pass


def _version(info: Mapping[str, Any]) -> str:
    """What a store calls the version of a file; empty where it does not say."""
    return str(next((info[key] for key in _VERSIONS if info.get(key)), ""))


def has_magic(name: str) -> bool:
    """Whether a name is a pattern."""
    return re.search(r"[*?[]", name) is not None


@cache
def of_scheme(scheme: str) -> Store:
    """The store of a scheme.

    Raises:
        ConfigError: if there is none, or its library is not installed.
    """
    return Store(scheme)


def store(url: str) -> Store:
    """The store that a URL leads to.

    Raises:
        ConfigError: as `load`.
    """
    return of_scheme(scheme_of(url))


def load(names: Iterable[str | Path], patience: float | None = None) -> None:
    """Load the libraries that these names need, so that memory is measured with them.

    Their stores are tried again for `patience` seconds when they fail; for a minute, if None.

    Raises:
        ConfigError: if a library is not installed, or a scheme is unknown.
    """
    for name in map(settled, names):
        if is_url(name):
            store(name).files.patience = patience
