"""Serve the simulated Dataverse and its login host by HTTPS."""

from __future__ import annotations

import time

from tests.simulators.answering import ApiHandler, ApiServer
from tests.simulators.dataverse.control import control
from tests.simulators.dataverse.errors import DataverseFailure
from tests.simulators.dataverse.service import Service
from tests.simulators.graph.faults import Fault
from tests.simulators.graph.http import Reply, Request

_JSON = "application/json; odata.metadata=minimal"


class _Handler(ApiHandler):
    server: DataverseServer

    def serve(self, request: Request) -> None:
        service = self.server.service
        if request.path.startswith("/_control/"):
            self.write(request, control(service, request), None)
        elif not request.path.startswith("/api/data/"):
            self.answer(request, service.answer)
        else:
            self._limited(request)

    def _limited(self, request: Request) -> None:
        """Answer within the service protection limits."""
        service = self.server.service
        limits = service.world.limits
        started = time.monotonic()
        try:
            limits.enter()
            self.answer(request, service.answer)
        except DataverseFailure as refusal:
            self.write(request, refusal.reply, None)
        finally:
            limits.leave(time.monotonic() - started)

    def write(self, request: Request, reply: Reply, fault: Fault | None) -> None:
        payload = reply.payload
        headers = {**reply.headers, **self.server.service.world.limits.remaining(), "OData-Version": "4.0"}
        media_type = reply.media_type if isinstance(reply.content, bytes) else _JSON
        self.write_head(reply.status, headers, media_type if payload else "")
        if reply.status not in {204, 304}:
            self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        cut = fault is not None and fault.kind == "cut"
        self.wfile.write(payload[: fault.after_bytes] if fault and cut else payload)
        if cut:
            self.hang_up()


class DataverseServer(ApiServer):
    """The listening server."""

    request_queue_size = 128
    handler = _Handler
    service: Service
