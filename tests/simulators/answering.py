"""Answer the requests of a simulated REST API over a connection, with the faults that were planted."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from tests.simulators.graph.faults import Fault
from tests.simulators.graph.http import Reply, Request, parse_target
from tests.simulators.serving import HttpsHandler, HttpsServer


class Service(Protocol):
    """What knows which faults were planted."""

    def meet(self, request: Request) -> Fault | None:
        """Return the fault that a request meets."""


class ApiServer(HttpsServer):
    """The listening server; its `handler` answers for its service."""

    handler: type[ApiHandler]

    def __init__(self, port: int, certificate: Path, key: Path, service: Service) -> None:
        super().__init__(port, certificate, key, self.handler)
        self.service = service


class ApiHandler(HttpsHandler, ABC):
    """Reads a request, lets the simulator serve it, and writes what it replies."""

    server: ApiServer

    @abstractmethod
    def serve(self, request: Request) -> None:
        """Serve one request."""

    @abstractmethod
    def write(self, request: Request, reply: Reply, fault: Fault | None) -> None:
        """Write the reply, broken off where the fault says so."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
        body = self.read_body()
        path, query = parse_target(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        base = f"https://{headers.get('host', 'localhost')}"
        self.serve(Request(self.command, path, query, headers, body, base))

    do_POST = do_PATCH = do_DELETE = do_PUT = do_GET  # noqa: N815 - the names that http.server looks for

    def answer(self, request: Request, reply_to: Callable[[Request, Fault | None], Reply]) -> None:
        """Write what `reply_to` returns: late, or not at all, where a fault says so."""
        fault = self.server.service.meet(request)
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
        if fault and fault.kind == "close":
            self.hang_up()
            return
        reply = reply_to(request, fault)
        if fault and fault.kind == "lose_answer":
            self.hang_up()
            return
        self.write(request, reply, fault)

    def write_head(self, status: int, headers: Mapping[str, str], media_type: str) -> None:
        """Write status and headers; `media_type` stands for a Content-Type among them, and none is written where it is empty."""
        self.send_response(status)
        for name, value in headers.items():
            if name != "Content-Type":
                self.send_header(name, value)
        if media_type:
            self.send_header("Content-Type", media_type)
