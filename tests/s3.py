# mypy: disable-error-code="import-untyped"
"""An S3 server on loopback, moto's, that counts what it is asked and fails when it is told to."""

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote

import s3fs
from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

KEY_ID, SECRET, TOKEN = "AKIALOOPBACKKEYID", "loopback-secret-word", "loopback-session-word"
# What an answer says that is none of moto's: the status line, and the code in its body.
_ANSWERS = {
    "internal": ("500 Internal Server Error", "InternalError"),
    "slow down": ("503 Slow Down", "SlowDown"),
    "denied": ("403 Forbidden", "AccessDenied"),
    "expired": ("400 Bad Request", "ExpiredToken"),
    "bad key": ("403 Forbidden", "InvalidAccessKeyId"),
}


@dataclass
class Asked:
    """A request: `key` is `bucket/key`; `sent` are the bytes of the answer's body."""

    method: str
    key: str
    query: str
    first: int | None
    sent: int = 0


# What to do with a request: None to answer it, the name of a failure, or something to call.
Hook = Callable[[Asked], str | Callable[[], object] | None]


class Server:
    """S3 at `url`. A hook decides, request by request, what goes wrong.

    Failures are those of `_ANSWERS`, `reset` (the connection breaks), `cut` (it breaks in the
    middle of the answer), `lost` (the request is served, and the answer an error) and `stall`.
    """

    def __init__(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._serve, True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        # A connection that we broke ourselves is nobody's error.
        for teller in ("handle_error", "log"):
            setattr(self._server, teller, lambda *_: None)
        self.asked: list[Asked] = []
        self.hook: Hook | None = None
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def forget(self) -> None:
        """Begin anew, with one bucket, `bars`, and nothing in it."""
        self.hook = None
        get_backend("s3").reset()
        self.files().mkdir("bars")
        self.asked.clear()

    def files(self) -> s3fs.S3FileSystem:
        """The store, past the hooks of the product."""
        return s3fs.S3FileSystem(use_listings_cache=False)

    @contextmanager
    def failing(self, hook: Hook) -> Iterator[None]:
        self.hook = hook
        try:
            yield
        finally:
            self.hook = None

    def read(self, prefix: str) -> int:
        """The bytes that were read of files whose `bucket/key` begins so."""
        gets = (one for one in self.asked if one.method == "GET" and "list-type" not in one.query)
        return sum(one.sent for one in gets if one.key.startswith(prefix))

    def _serve(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        head, _, _ = environ.get("HTTP_RANGE", "").removeprefix("bytes=").partition("-")
        asked = Asked(
            environ["REQUEST_METHOD"],
            unquote(environ["PATH_INFO"]).lstrip("/"),
            environ["QUERY_STRING"],
            int(head) if head else None,
        )
        self.asked.append(asked)
        action = self.hook(asked) if self.hook is not None else None
        if callable(action):
            action()
            action = None
        if action in _ANSWERS:
            status, code = _ANSWERS[action]
            body = f"<Error><Code>{code}</Code><Message>{code} it is</Message></Error>".encode()
            # Whoever does not read what it is sent cuts the connection.
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [b"" if asked.method == "HEAD" else body]
        if action == "reset":
            _break(environ)
        if action == "stall":
            time.sleep(4)
        given: list[Any] = []
        body = b"".join(self._app(environ, lambda *answer: given.extend(answer)))
        if action == "lost":
            start("500 Internal Server Error", [("Content-Length", "0")])
            return [b""]
        if action == "cut" and len(body) > 1:
            start(*given)
            return self._half(environ, body)
        asked.sent = len(body)
        start(*given)
        return [body]

    def _half(self, environ: dict[str, Any], body: bytes) -> Iterator[bytes]:
        yield body[: len(body) // 2]
        _break(environ)


@cache
def the_server() -> Server:
    """The one of this process: whoever has asked it goes on asking at its address."""
    return Server()


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None:
        """Say nothing."""

    def log_request(self, *_: Any) -> None:
        """Say nothing."""


def _break(environ: dict[str, Any]) -> None:
    connection = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Closed at once, whoever else refers to it.
    os.close(connection.detach())
    raise ConnectionError
