"""What the simulated Graph takes and answers, whatever the transport."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from tests.simulators.graph.world import World

Json = dict[str, Any]

_KEY = re.compile(r"\('((?:[^']|'')*)'\)")


@dataclass(frozen=True)
class Request:
    """One request; header names are in lower case, `base` is https://host:port as the client wrote it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    base: str = ""

    def json(self) -> Json:
        """Return the body as a JSON object; Graph's 400 when it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise GraphFailure(400, "BadRequest", "Unable to read JSON request payload.")
        return found

    def parameter(self, name: str) -> Any:
        """Return a parameter of an action, whatever its case: Microsoft's clients write DestinationId, the documents destinationId."""
        return next((value for key, value in self.json().items() if key.lower() == name.lower()), None)

    def preference(self, name: str) -> str | None:
        """Return the value of one preference of the Prefer header (RFC 7240), or None."""
        for part in self.headers.get("prefer", "").split(","):
            key, _, value = part.strip().partition("=")
            if key.lower() == name.lower():
                return value.strip().strip('"')
        return None

    @property
    def immutable(self) -> bool:
        """Tell whether immutable ids are asked for."""
        return (self.preference("IdType") or "").lower() == "immutableid"


@dataclass(frozen=True)
class Reply:
    """One answer: a JSON object, bytes, or nothing."""

    status: int
    content: Json | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def payload(self) -> bytes:
        """The body as it goes over the line."""
        if self.content is None:
            return b""
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()

    @property
    def media_type(self) -> str:
        """The Content-Type."""
        default = "text/plain" if isinstance(self.content, bytes) else "application/json"
        return self.headers.get("Content-Type", default)


class GraphFailure(Exception):
    """An error answer of Graph (learn.microsoft.com/graph/errors)."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        inner = {"date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "request-id": str(uuid.uuid4())}
        inner["client-request-id"] = inner["request-id"]
        content = {"error": {"code": code, "message": message, "innerError": inner}}
        self.reply = Reply(status, content, dict(headers or {}))


Handler = Callable[..., Reply]


@dataclass(frozen=True)
class Route:
    """A path of the API: `{}` stands for one segment."""

    method: str
    template: str
    handler: Handler

    def arguments(self, request: Request) -> list[str] | None:
        """Return the segments that stand for `{}`, decoded, or None when the request is another's."""
        if request.method != self.method:
            return None
        pattern = re.escape(self.template).replace(r"\{\}", "([^/]+)")
        found = re.fullmatch(pattern, plain_path(request.path), re.IGNORECASE)
        return [unquote(group) for group in found.groups()] if found else None


def plain_path(path: str) -> str:
    """Return the path with OData keys as segments: users('a')/messages('b')/delta() -> users/a/messages/b/delta, still percent-encoded."""
    plain = path.replace("%27", "'").replace("%24", "$").removesuffix("()")
    return _KEY.sub(lambda found: "/" + found.group(1).replace("''", "'"), plain).rstrip("/")


def parse_target(target: str) -> tuple[str, dict[str, str]]:
    """Split a request target into path and query options."""
    path, _, query = target.partition("?")
    return path, dict(parse_qsl(query, keep_blank_values=True))


def answer(world: World, routes: list[Route], request: Request) -> Reply:
    """Let the route that fits answer; Graph's own words when none does."""
    for route in routes:
        arguments = route.arguments(request)
        if arguments is not None:
            try:
                return route.handler(world, request, *arguments)
            except GraphFailure as failure:
                return failure.reply
    segment = request.path.rsplit("/", 1)[-1]
    return GraphFailure(400, "BadRequest", f"Resource not found for the segment '{segment}'.").reply
