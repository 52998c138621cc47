"""Keep every request and its answer until a test has held them to Microsoft's description."""

from __future__ import annotations

import json
from collections import deque
from typing import Any
from urllib.parse import parse_qsl

from tests.simulators.graph.http import Json, Reply, Request

_KEPT = 20_000
_LONGEST = 256 * 1024
_SECRET = ("client_secret", "client_assertion")


class Witness:
    """Notes exchanges while `awake`; the demo leaves it asleep."""

    def __init__(self) -> None:
        self.awake = False
        self._seen: deque[Json] = deque(maxlen=_KEPT)

    def note(self, request: Request, reply: Reply, *, batched: bool) -> None:
        """Note one exchange; of bodies that are no text, and of very long ones, only what they are."""
        if self.awake:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            row = {"method": request.method, "path": request.path, "kind": kind, "length": len(request.body)}
            authorised = "authorization" in request.headers
            answer = reply.content if isinstance(reply.content, dict) else None
            asked = _read(kind, request.body)
            more = {
                "asked": asked,
                "status": reply.status,
                "answer": answer,
                "authorised": authorised,
                "batched": batched,
            }
            self._seen.append({**row, **more})

    def drain(self) -> list[Json]:
        """Return what was noted since the last time."""
        seen = list(self._seen)
        self._seen.clear()
        return seen


def _read(kind: str, body: bytes) -> Any:
    if len(body) > _LONGEST:
        return None
    if kind == "application/x-www-form-urlencoded":
        return {name: "***" if name in _SECRET else value for name, value in parse_qsl(body.decode())}
    if kind == "application/json":
        try:
            return json.loads(body)
        except ValueError:
            return "no JSON"
    return None
