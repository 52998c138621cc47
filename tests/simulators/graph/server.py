"""Serve the simulated Graph and login host by HTTPS, one thread a connection."""

from __future__ import annotations

import socket
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.simulators.graph.control import control
from tests.simulators.graph.faults import Fault
from tests.simulators.graph.http import Reply, Request, parse_target
from tests.simulators.graph.service import Service

_PIECE = 32 * 1024


class GraphServer(ThreadingHTTPServer):
    """The listening server."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, port: int, certificate: Path, key: Path, service: Service) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.service = service
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that hang up; tell everything else."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: GraphServer

    def setup(self) -> None:
        self.request.settimeout(60)
        self.request.do_handshake()
        super().setup()

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PATCH = do_DELETE = do_PUT = do_GET  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in http.server
        """Say nothing: what was said is asked for by /_control/requests."""

    def _serve(self) -> None:
        request = self._read()
        service = self.server.service
        if request.path.startswith("/_control/"):
            self._write(request, control(service, request), None)
            return
        with service.flight.under_way(request) as refusal:
            self._answer(request, refusal)

    def _answer(self, request: Request, refusal: Reply | None) -> None:
        service = self.server.service
        fault = service.meet(request)
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
        if fault and fault.kind == "close":
            self._hang_up()
            return
        reply = service.answer(request, fault, refusal)
        if fault and fault.kind == "lose_answer":
            self._hang_up()
            return
        self._write(request, reply, fault)

    def _read(self) -> Request:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) if length else b""
        path, query = parse_target(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, path, query, headers, body, f"https://{headers.get('host', 'localhost')}")

    def _write(self, request: Request, reply: Reply, fault: Fault | None) -> None:
        payload = reply.payload
        chunked = request.path.endswith("/$value") and reply.status == 200  # as Graph streams MIME
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            if name != "Content-Type":
                self.send_header(name, value)
        if payload:
            self.send_header("Content-Type", reply.media_type)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif reply.status != 204:
            self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        cut = fault is not None and fault.kind == "cut"
        sent = payload[: fault.after_bytes] if fault and cut else payload
        for start in range(0, len(sent), _PIECE):
            piece = sent[start : start + _PIECE]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if cut:
            self._hang_up()
        elif chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
