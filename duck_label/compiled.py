"""Keeps compiled templates between processes: to compile those of a run takes longer than a query.

They are code, so they are taken only from a folder into which nobody but this user can write. Where
there is no such folder, or what is in it is broken, templates are compiled anew, without a word.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import jinja2
import platformdirs
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from duck_label.errors import OutputError
from duck_label.whole import whole

_DIGEST_BYTES = sha256().digest_size


class CompiledTemplates(BytecodeCache):
    """Compiled templates in a folder, each under the digest of its content.

    Jinja itself sees whether the source is still the same.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """A name for each template of each installation, and each Jinja and Python that runs it."""
        version = f"{sys.implementation.cache_tag}.jinja-{jinja2.__version__}"
        return f"{super().get_cache_key(name, filename)}.{version}"

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give a template its code, if it is here and whole."""
        with suppress(OSError):
            content = (self._folder / bucket.key).read_bytes()
            digest, code = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
            # Half a file, as after a loss of power, would be an error or worse.
            if digest == sha256(code).digest():
                bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code of a template, if it can be kept."""
        code = bucket.bytecode_to_string()
        with suppress(OutputError), whole(self._folder / bucket.key) as file:
            file.write(sha256(code).digest() + code)


def compiled_templates() -> CompiledTemplates | None:
    """Those of this user; None where there is no safe place for them."""
    own = platformdirs.user_cache_path("duck_label", appauthor=False)
    folder = own / "templates"
    # A user without a home would get one in the folder of the moment.
    if not own.is_absolute():
        return None
    try:
        own.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(own.parent.stat()):
            return None
        for path in (own, folder):
            path.mkdir(mode=0o700, exist_ok=True)
            if not _is_private(path.lstat()):
                return None
    except OSError:
        return None
    return CompiledTemplates(folder)


def _is_private(status: os.stat_result) -> bool:
    """Whether this is a folder, no link to one, of this user, into which nobody else can write."""
    writable = stat.S_IWGRP | stat.S_IWOTH
    is_closed = os.name == "nt" or not status.st_mode & writable
    return stat.S_ISDIR(status.st_mode) and _is_ours(status) and is_closed


def _is_ours(status: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
