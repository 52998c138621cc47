"""A front on loopback with TLS, as an operator's own address before the function URL: it hands on to an address or a function."""

from __future__ import annotations

import base64
import http.client
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.simulators.tls import server_side

_OWN = frozenset({"host", "connection", "content-length", "accept-encoding"})
"""Headers that belong to one line, and are not handed on."""


class Front:
    """Listens on a free port at once.  Everything is handed to the http address `behind`, or to `answer` as Lambda hands it to a function."""

    def __init__(
        self, certificate: tuple[Path, Path], answer: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    ) -> None:
        self.behind = ""
        self.answer = answer
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.socket = server_side(*certificate).wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://localhost:{self._server.server_address[1]}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _event(target: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """Payload 2.0 of a function URL (docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html)."""
    path, _, query = target.partition("?")
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {name.lower(): value for name, value in headers.items()},
        "queryStringParameters": dict(parse_qsl(query, keep_blank_values=True)),
        "requestContext": {"http": {"method": "POST", "path": path}},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if front.answer is not None:
                given = front.answer(_event(self.path, body, dict(self.headers)))
                kind = given.get("headers", {}).get("Content-Type", "application/json")
                self._write(given["statusCode"], kind, given["body"].encode())
                return
            there = urlsplit(front.behind)
            line = http.client.HTTPConnection(there.netloc, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
            path = there.path.rstrip("/") + self.path
            line.request("POST", path, body=body, headers={"Content-Type": "text/plain", **headers})
            answer = line.getresponse()
            content = answer.read()
            line.close()
            self._write(answer.status, answer.headers.get("Content-Type", ""), content)

        def _write(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in http.server
            """Say nothing."""

    return Handler
