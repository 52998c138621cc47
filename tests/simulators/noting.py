"""Note what was said to a simulated REST API, for control calls to tell."""

from __future__ import annotations

import json
from collections import deque

from tests.simulators.graph.http import Json, Reply, Request

_KEPT = 5000
_LONGEST_BODY = 256 * 1024


def exchanges() -> deque[Json]:
    """Return room for the latest exchanges."""
    return deque(maxlen=_KEPT)


def noted(request: Request, reply: Reply, *, login: bool, batched: bool) -> Json:
    """Return method, path, query, body, status, answer, batched; what is said at a login stays out, and a body that is no JSON object."""
    return {
        "method": request.method,
        "path": request.path,
        "query": dict(request.query),
        "body": None if login else _json_of(request.body),
        "status": reply.status,
        "answer": reply.content if isinstance(reply.content, dict) and not login else None,
        "batched": batched,
    }


def _json_of(body: bytes) -> Json | None:
    if not body or len(body) > _LONGEST_BODY:
        return None
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
