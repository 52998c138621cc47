"""Serve a simulator by HTTPS on the loopback, one thread a connection."""

from __future__ import annotations

import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.simulators.tls import server_side


class HttpsServer(ThreadingHTTPServer):
    """Listens once it is made; port 0 is any free one.  The TLS handshake is the connection's, so that a slow client stops no other."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, port: int, certificate: Path, key: Path, handler: type[HttpsHandler]) -> None:
        super().__init__(("127.0.0.1", port), handler)
        context = server_side(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that hang up; tell everything else."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class HttpsHandler(BaseHTTPRequestHandler):
    """One connection, kept open from request to request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        self.request.settimeout(60)
        self.request.do_handshake()
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in http.server
        """Say nothing: what was said is asked for by /_control/requests."""

    def read_body(self) -> bytes:
        """Return the body of the request, empty where it has none."""
        length = int(self.headers.get("Content-Length", 0))
        return self.rfile.read(length) if length else b""

    def hang_up(self) -> None:
        """Break the line once what was written is out."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
