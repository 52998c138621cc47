"""Serve the simulated Graph and login host by HTTPS."""

from __future__ import annotations

from functools import partial

from tests.simulators.answering import ApiHandler, ApiServer
from tests.simulators.graph.control import control
from tests.simulators.graph.faults import Fault
from tests.simulators.graph.http import Reply, Request
from tests.simulators.graph.service import Service

_PIECE = 32 * 1024


class _Handler(ApiHandler):
    server: GraphServer

    def serve(self, request: Request) -> None:
        service = self.server.service
        if request.path.startswith("/_control/"):
            self.write(request, control(service, request), None)
            return
        with service.flight.under_way(request) as refusal:
            self.answer(request, partial(service.answer, refusal=refusal))

    def write(self, request: Request, reply: Reply, fault: Fault | None) -> None:
        payload = reply.payload
        chunked = request.path.endswith("/$value") and reply.status == 200  # as Graph streams MIME
        self.write_head(reply.status, reply.headers, reply.media_type if payload else "")
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
            self.hang_up()
        elif chunked:
            self.wfile.write(b"0\r\n\r\n")


class GraphServer(ApiServer):
    """The listening server."""

    handler = _Handler
    service: Service
