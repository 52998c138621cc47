"""The simulated service: routes, faults, batches, and a record of what was said."""

from __future__ import annotations

import base64
import json

from tests.simulators.graph import delta, drafts, entra, messages, rules, subscriptions, uploads
from tests.simulators.graph.faults import Fault, Faults, Planted
from tests.simulators.graph.flight import Flight
from tests.simulators.graph.http import GraphFailure, Json, Reply, Request, Route, answer, parse_target
from tests.simulators.graph.rate import Rate
from tests.simulators.graph.witness import Witness
from tests.simulators.graph.world import World
from tests.simulators.noting import exchanges, noted

_MOST_IN_BATCH = 20

API_ROUTES: list[Route] = [
    *rules.ROUTES,
    *delta.ROUTES,
    *messages.ROUTES,
    *drafts.ROUTES,
    *uploads.ROUTES,
    *subscriptions.ROUTES,
]
"""Routes that ask for a bearer token.  Further modules of the simulator add theirs here."""


class Service:
    """Answers requests, one at a time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = Faults()
        self.exchanges = exchanges()
        self.flight = Flight()
        self.witness = Witness()
        self.rate = Rate()

    def meet(self, request: Request) -> Fault | None:
        """Return the fault that a request meets."""
        with self.world.lock:
            return self.faults.hit(request)

    def answer(self, request: Request, fault: Fault | None, refusal: Reply | None = None) -> Reply:
        """Answer a request of the API or of the login host, and note it down; `refusal` is the answer to one too many at a time."""
        with self.world.lock:
            reply = (fault.reply() if fault else None) or refusal or self.rate.refusal(request) or self._answer(request)
            subscriptions.tell(self.world)
            self._note(request, reply, batched=False)
            return reply

    def _answer(self, request: Request) -> Reply:
        if not request.path.lower().startswith("/v1.0"):
            return answer(self.world, [*entra.ROUTES, *uploads.OPEN_ROUTES], request)
        try:
            entra.authorise(self.world, request)
            if request.method == "POST" and request.path.lower() == "/v1.0/$batch":
                return self._batch(request)
        except GraphFailure as failure:
            return failure.reply
        return answer(self.world, API_ROUTES, request)

    def _batch(self, request: Request) -> Reply:
        """Run the requests of a batch; those whose dependency failed answer 424 (learn.microsoft.com/graph/json-batching).

        The answers come in another order than the requests, as Graph's may.
        """
        asked = request.json().get("requests")
        if not isinstance(asked, list) or len({str(one.get("id")) for one in asked}) != len(asked):
            raise GraphFailure(400, "BadRequest", "Invalid batch payload format.")
        if len(asked) > _MOST_IN_BATCH:
            raise GraphFailure(400, "BadRequest", "Number of requests in the batch exceeds the limit of 20.")
        failed: set[str] = set()
        responses = []
        for one in asked:
            reply = self._batched(request, one, failed)
            if reply.status >= 400:
                failed.add(str(one.get("id")))
            row = _batch_row(str(one.get("id")), reply)
            if isinstance(reply.content, bytes) and "text_batches" in self.world.quirks:
                row["body"] = reply.content.decode("utf-8", "replace")
            responses.append(row)
        if "unanswered" in self.world.quirks:
            responses.pop()
        return Reply(200, {"responses": responses[::-1]})

    def _batched(self, request: Request, one: Json, failed: set[str]) -> Reply:
        if failed.intersection(one.get("dependsOn") or []):
            return GraphFailure(424, "FailedDependency", "A request that this one depends on failed.").reply
        path, query = parse_target(f"/v1.0/{str(one.get('url', '')).lstrip('/')}")
        headers = {str(name).lower(): str(value) for name, value in (one.get("headers") or {}).items()}
        body = json.dumps(one["body"]).encode() if "body" in one else b""
        inner = Request(str(one.get("method", "")).upper(), path, query, headers, body, request.base)
        fault = self.faults.hit(inner)
        reply = (fault.reply() if fault else None) or answer(self.world, API_ROUTES, inner)
        self._note(inner, reply, batched=True)
        return reply

    def _note(self, request: Request, reply: Reply, *, batched: bool) -> None:
        if not isinstance(reply, Planted):
            self.witness.note(request, reply, batched=batched)
        login = not request.path.lower().startswith("/v1.0")
        headers = request.headers
        asked = {"prefer": headers.get("prefer", ""), "content_type": headers.get("content-type", "")}
        self.exchanges.append({**noted(request, reply, login=login, batched=batched), **asked})


def _batch_row(request_id: str, reply: Reply) -> Json:
    row: Json = {
        "id": request_id,
        "status": reply.status,
        "headers": {**reply.headers, "Content-Type": reply.media_type},
    }
    if isinstance(reply.content, bytes):
        row["body"] = base64.b64encode(reply.content).decode()
    elif reply.content is not None:
        row["body"] = reply.content
    return row
