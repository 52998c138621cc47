"""The simulated service: who may ask, what the batch holds, and a record of what was said and what was wrong with it."""

from __future__ import annotations

import time
from urllib.parse import parse_qsl

from tests.simulators.dataverse import api, batch, errors
from tests.simulators.dataverse.faults import DataverseFaults
from tests.simulators.dataverse.shapes import problems_of_answer
from tests.simulators.dataverse.tables import by_set
from tests.simulators.dataverse.webhooks import Webhooks
from tests.simulators.dataverse.world import World
from tests.simulators.graph import entra
from tests.simulators.graph.faults import Fault
from tests.simulators.graph.http import Reply, Request, answer
from tests.simulators.noting import exchanges, noted

_LONGEST_URL = 32 * 1024


class Service:
    """Answers requests, one at a time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = DataverseFaults()
        self.exchanges = exchanges()
        self.webhooks = Webhooks()

    def meet(self, request: Request) -> Fault | None:
        """Return the fault that a request meets."""
        with self.world.lock:
            return self.faults.hit(request)

    def answer(self, request: Request, fault: Fault | None) -> Reply:
        """Answer a request of the API or of the login host, and note it down."""
        with self.world.lock:
            reply = (fault.reply() if fault else None) or self._answer(request)
            self.webhooks.settle(self.world)
            self._note(request, reply, batched=False)
            return reply

    def _answer(self, request: Request) -> Reply:
        if not request.path.startswith("/api/data/"):
            return self._login(request)
        try:
            self._authorise(request)
            self._held_to_form(request)
            if request.path.endswith("/$batch") and request.method == "POST":
                return batch.run(self.world, request, self._batched)
        except errors.DataverseFailure as failure:
            return failure.reply
        return self._checked(request)

    def _login(self, request: Request) -> Reply:
        """Let Entra answer; a token is asked for this organisation and no other resource."""
        if request.path.endswith("/oauth2/v2.0/token"):
            scope = dict(parse_qsl(request.body.decode())).get("scope", "")
            if scope != f"{request.base}/.default":
                words = f"The resource principal named {scope.removesuffix('/.default')} was not found in the tenant."
                return entra._refused(400, "invalid_resource", 500011, words)
        return answer(self.world.login, list(entra.ROUTES), request)

    def _authorise(self, request: Request) -> None:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        ends = self.world.login.tokens.get(bearer, 0.0) if scheme.lower() == "bearer" else 0.0
        if ends < time.time():
            challenge = f"Bearer authorization_uri={request.base}/{self.world.login.tenant}/oauth2/authorize, resource_id={request.base}/"
            refusal = errors.DataverseFailure(401, "", "", {"WWW-Authenticate": challenge})
            refusal.reply = Reply(401, None, refusal.reply.headers)
            raise refusal
        if not self.world.member:
            raise errors.no_member()

    def _held_to_form(self, request: Request) -> None:
        """Note what Dataverse asks of every client (learn.microsoft.com, compose HTTP requests and handle errors)."""
        for name in ("odata-version", "odata-maxversion"):
            if request.headers.get(name) != "4.0":
                self.world.violations.append(f"{request.method} {request.path}: {name} is not 4.0")
        if "application/json" not in request.headers.get("accept", ""):
            self.world.violations.append(f"{request.method} {request.path}: Accept is not application/json")
        length = len(request.path) + sum(len(name) + len(value) + 2 for name, value in request.query.items())
        if length > _LONGEST_URL:
            raise errors.DataverseFailure(414, "", "The request URI is too long.")

    def _batched(self, request: Request) -> Reply:
        fault = self.faults.hit(request)
        reply = (fault.reply() if fault else None) or self._checked(request)
        self._note(request, reply, batched=True)
        return reply

    def _checked(self, request: Request) -> Reply:
        """Answer, and hold the answer to the metadata."""
        reply = api.answer(self.world, request)
        last = request.path.rstrip("/").rsplit("/", 1)[-1].partition("(")[0]
        table = by_set(last)
        if table is not None:
            self.world.violations.extend(problems_of_answer(table, reply.content))
        return reply

    def _note(self, request: Request, reply: Reply, *, batched: bool) -> None:
        login = not request.path.startswith("/api/data/")
        headers = {name: value for name, value in request.headers.items() if name != "authorization"}
        self.exchanges.append({**noted(request, reply, login=login, batched=batched), "headers": headers})
