"""Write and read $batch: multipart/mixed of requests and change sets (OData 4.0 part 1, 11.7).

A change set is done wholly or not at all; in it, $1 stands for the row that its first request made, $2 for the second's.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from email_router.core.errors import TryLater
from email_router.edge.connect.dataverse_errors import DataverseReply, JsonObject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from email_router.edge.connect.dataverse_address import Address

MOST = 1000
"""How many requests a batch may hold (learn.microsoft.com, execute batch operations using the Web API)."""

_BOUNDARY = re.compile(r'boundary="?([^";,\s]+)"?', re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1\.\d (\d{3})")


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a batch; `target` is a path below the Web API."""

    method: str
    target: str
    content: JsonObject | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Requests that are done together or not at all; no GET among them."""

    requests: tuple[Request, ...]


Item = Request | ChangeSet


def size_of(items: Sequence[Item]) -> int:
    """Return how many requests the items hold."""
    return sum(len(item.requests) if isinstance(item, ChangeSet) else 1 for item in items)


def methods_of(items: Sequence[Item]) -> set[str]:
    """Return the methods of all requests."""
    groups = (item.requests if isinstance(item, ChangeSet) else (item,) for item in items)
    return {request.method for group in groups for request in group}


def compose(address: Address, items: Sequence[Item]) -> tuple[str, bytes]:
    """Return the Content-Type and the body of a batch."""
    boundary = f"batch_{uuid.uuid4()}"
    parts = [_change_set(address, item) if isinstance(item, ChangeSet) else _part(address, item) for item in items]
    return f"multipart/mixed; boundary={boundary}", _joined(boundary, parts)


def _joined(boundary: str, parts: Sequence[bytes]) -> bytes:
    mark = f"--{boundary}".encode()
    return b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"


def _change_set(address: Address, item: ChangeSet) -> bytes:
    boundary = f"changeset_{uuid.uuid4()}"
    parts = [_part(address, request, number) for number, request in enumerate(item.requests, start=1)]
    return f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode() + _joined(boundary, parts)


def _part(address: Address, request: Request, number: int = 0) -> bytes:
    target = request.target if request.target.startswith("$") else address.target(request.target)
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    lines += [f"Content-ID: {number}"] if number else []
    lines += ["", f"{request.method} {target} HTTP/1.1", "Accept: application/json"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    body = b""
    if request.content is not None:
        lines.append("Content-Type: application/json; type=entry")
        body = json.dumps(request.content).encode()
    return "\r\n".join([*lines, "", ""]).encode() + body


def read(reply: DataverseReply, items: Sequence[Item]) -> list[tuple[DataverseReply, ...]]:
    """Return the answers, item by item: of a change set all, or the one that refused it.

    Raises TryLater "crm_answer" when the answer does not hold one for each item.
    """
    answers = [
        tuple(_replies(headers, body)) for headers, body in _split(reply.headers.get("content-type", ""), reply.body)
    ]
    fitting = len(answers) == len(items) and all(map(_fits, answers, items))
    if not fitting:
        raise TryLater(
            f"Dataverse answered {len(answers)} of {len(items)} items of a batch (HTTP {reply.status})",
            kind="crm_answer",
            shared=True,
        )
    return answers


def _fits(answers: tuple[DataverseReply, ...], item: Item) -> bool:
    if isinstance(item, ChangeSet) and len(answers) == len(item.requests):
        return True
    refused = len(answers) == 1 and answers[0].status >= 400  # noqa: PLR2004 - HTTP
    return refused or (len(answers) == 1 and isinstance(item, Request))


def _split(content_type: str, body: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    found = _BOUNDARY.search(content_type)
    pieces = (b"\r\n" + body).split(b"\r\n--" + found[1].encode()) if found else []
    for piece in pieces[1:]:
        if not piece.startswith(b"--"):
            head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
            yield _headers(head), content


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n") if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _replies(headers: Mapping[str, str], content: bytes) -> Iterator[DataverseReply]:
    kind = headers.get("content-type", "")
    if kind.lower().startswith("multipart/mixed"):
        for inner, text in _split(kind, content):
            yield from _replies(inner, text)
        return
    head, _, body = content.partition(b"\r\n\r\n")
    status = _STATUS.match(head)
    yield DataverseReply(int(status[1]) if status else 0, _headers(head), body.strip(b"\r\n"))
