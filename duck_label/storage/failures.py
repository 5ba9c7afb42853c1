"""What goes wrong in stores: what it means in our words, and whether waiting mends it.

The libraries of stores try throttling, server errors, resets and timeouts again for some seconds; a
store that is away for longer is tried on from here, for a time that is set.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from duck_label.errors import DuckLabelError

_EXPIRED = "the credentials have expired: renew them, and the same command goes on"
# The first that fits tells what happened, in the words of whichever library.
_REASONS = (
    (
        r"ExpiredToken|[Tt]oken.{0,60}expired|SSO session.{0,60}expired|RefreshError|invalid_grant",
        _EXPIRED,
    ),
    (r"NoSuchBucket|bucket does not exist|ContainerNotFound", "there is no such bucket"),
    (
        r"NoCredentials|DefaultCredentialsError|Unable to locate credentials|CredentialRetrieval",
        "no credentials were found: set them where the tools of the store look for them "
        "(environment, ~/.aws, fsspec's configuration)",
    ),
    (
        r"PermissionError|AccessDenied|Forbidden|InvalidAccessKeyId|SignatureDoesNotMatch|"
        r"ClientAuthentication|Unauthenticated|anonymous caller",
        "access is denied to these credentials: use others, or have them allowed to list, read "
        "and, for an output, write and delete here",
    ),
    (r"FileNotFoundError|NoSuchKey|ResourceNotFound", "there is no such file"),
)
_SECRETS = re.compile(r"(?i)(sig|signature|token|key|secret|password|credential)[\w-]*=[^&\s'\"]+")

# How long a store that fails is tried again, in seconds, unless a run sets another time.
PATIENCE = 60.0
_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
# What is asked of a store again: each does the same however often it is done.
_REQUESTS = {
    *("info", "ls", "glob", "find", "cat_file", "get_file"),
    *("put_file", "pipe_file", "cp_file", "rm_file"),
}
# What no waiting mends: answers, and mistakes of ours.
_FINAL = (
    *(FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError),
    *(TypeError, ValueError, LookupError, AttributeError, NotImplementedError),
)


class Patient:
    """A file system of fsspec, whose requests are made again while their store fails.

    An error that outlasts `patience` is raised as it is.
    """

    def __init__(self, files: Any) -> None:
        self._files = files
        self.patience: float | None = None

    def __getattr__(self, name: str) -> Any:
        """What the file system has of that name; a request is tried until it is answered."""
        found = getattr(self._files, name)
        if name not in _REQUESTS:
            return found

        def request(*arguments: Any, **options: Any) -> Any:
            patience = PATIENCE if self.patience is None else self.patience
            deadline, pause = time.monotonic() + patience, _PAUSE
            while True:
                try:
                    return found(*arguments, **options)
                except Exception as error:
                    if not _may_pass(error) or time.monotonic() + pause > deadline:
                        raise
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

        return request


@contextmanager
def complaints(url: str, kind: type[DuckLabelError], doing: str = "") -> Iterator[None]:
    """What the library of a store raises inside becomes one of our errors.

    Raises:
        DuckLabelError: of that kind, for the complaint.
    """
    try:
        yield
    except DuckLabelError:
        raise
    except Exception as error:
        raise kind(f"{url}: {doing}{_reason(error)}") from error


def _may_pass(error: BaseException) -> bool:
    """Whether what a store said may be over when it is asked again."""
    return not isinstance(error, _FINAL) and _known_reason(_chain(error)) is None


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__
    return chain


def _known_reason(chain: list[BaseException]) -> str | None:
    text = " ".join(f"{type(one).__name__}: {one}" for one in chain)
    return next((reason for pattern, reason in _REASONS if re.search(pattern, text)), None)


def _reason(error: BaseException) -> str:
    """What went wrong, in one line without secrets."""
    chain = _chain(error)
    known = _known_reason(chain)
    if known is not None:
        return known
    first = f"{type(chain[0]).__name__}: {chain[0]}".splitlines()[0]
    return f"the store failed ({_SECRETS.sub('…', first)})"
