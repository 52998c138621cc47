"""Read the answer of a $batch of Microsoft Graph (learn.microsoft.com/graph/json-batching): one answer for each request, in any order."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from email_router.edge.connect.graph_errors import GraphReply
from email_router.edge.connect.graph_reading import rows_in, strange
from email_router.edge.connect.long_texts import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from email_router.edge.connect.graph_errors import JsonObject
    from email_router.edge.connect.https import Answer


def by_id(answer: Answer, address: str) -> dict[str, JsonObject]:
    """Read a batch's answer while it comes: a page of messages is large, and its text a third larger than they are."""
    try:
        told = read_json(answer.limited())
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise strange(address, f"HTTP {answer.status} with something else than JSON")
    return {str(one.get("id")): one for one in rows_in(told, address, "responses")}


def batched(row: Mapping[str, object], address: str) -> GraphReply:
    """Return the answer to one request of a batch.  A status that is no number is 0: neither done nor refused."""
    status, headers, body = row.get("status"), row.get("headers"), row.get("body")
    named = {str(name).lower(): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
    number = status if type(status) is int else 0
    if isinstance(body, bytes):
        return GraphReply(number, named, body, decoded=True, address=address)
    content = body.encode("utf-8", "replace") if isinstance(body, str) else json.dumps(body, default=_encoded).encode()
    return GraphReply(number, named, content if body is not None else b"", address=address)


def _encoded(value: object) -> str:
    """Give a long string of base64 back as it stood in the middle of a body."""
    if not isinstance(value, bytes):
        raise TypeError(type(value).__name__)
    return base64.b64encode(value).decode()
