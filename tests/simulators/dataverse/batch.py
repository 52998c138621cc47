"""Run $batch: multipart/mixed of requests and change sets (OData 4.0 part 1, 11.7; Dataverse's own limits)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tests.simulators.dataverse import errors
from tests.simulators.dataverse.annotations import preferences
from tests.simulators.dataverse.reading import API
from tests.simulators.dataverse.world import World
from tests.simulators.graph.http import Reply, Request, parse_target

MOST = 1000
LONGEST_URL = 64 * 1024

_BOUNDARY = re.compile(r'boundary="?([^";,\s]+)"?', re.IGNORECASE)
_REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    304: "Not Modified",
    412: "Precondition Failed",
    404: "Not Found",
}

Run = Callable[[Request], Reply]


@dataclass(frozen=True)
class _Part:
    """A request of the batch; `change_set` numbers the set it belongs to, or is 0."""

    request: Request
    content_id: str
    change_set: int


def run(world: World, outer: Request, one: Run) -> Reply:
    """Run the requests in order; the first failure ends the batch unless odata.continue-on-error is preferred."""
    parts = list(_parts(outer))
    if len(parts) > MOST:
        raise errors.batch_refused(f"Number of operations {len(parts)} in the batch exceeds the limit of {MOST}.")
    goes_on = "odata.continue-on-error" in preferences(outer)
    pieces: list[tuple[str, bytes]] = []
    status = 200
    for group in _groups(parts):
        refusal = _run_group(world, group, one, pieces)
        if refusal and not goes_on:
            status = refusal
            break
    boundary = f"batchresponse_{uuid.uuid4()}"
    return Reply(status, _joined(boundary, pieces), {"Content-Type": f"multipart/mixed; boundary={boundary}"})


def _groups(parts: list[_Part]) -> Iterator[list[_Part]]:
    group: list[_Part] = []
    for part in parts:
        if group and (part.change_set == 0 or part.change_set != group[0].change_set):
            yield group
            group = []
        group.append(part)
    if group:
        yield group


def _run_group(world: World, group: list[_Part], one: Run, pieces: list[tuple[str, bytes]]) -> int:
    """Run a request alone, or a change set as a whole or not at all; return the status that it failed with, or 0."""
    if group[0].change_set == 0:
        reply = one(group[0].request)
        pieces.append(("application/http", _http(reply)))
        return reply.status if reply.status >= 400 else 0
    before = world.snapshot()
    made: dict[str, str] = {}
    answers: list[tuple[str, bytes]] = []
    for part in group:
        reply = _unfit(part.request, made) or one(_resolved(part.request, made))
        if reply.status >= 400:
            world.restore(before)
            pieces.append(("application/http", _http(reply, part.content_id)))
            return reply.status
        if "OData-EntityId" in reply.headers:
            made[part.content_id] = reply.headers["OData-EntityId"]
        answers.append((f"application/http\r\nContent-ID: {part.content_id}", _http(reply)))
    boundary = f"changesetresponse_{uuid.uuid4()}"
    pieces.append((f"multipart/mixed; boundary={boundary}", _joined(boundary, answers)))
    return 0


def _unfit(request: Request, made: dict[str, str]) -> Reply | None:
    """Return the refusal of a GET, or of a reference to what no earlier request of the change set made."""
    if request.method == "GET":
        return errors.batch_refused("A change set holds no GET request.").reply
    places = re.findall(rf"^{re.escape(API)}/\$(\w+)(?=/|$)", request.path)
    asked = [*places, *re.findall(r'@odata\.bind"\s*:\s*"\$(\w+)"', request.body.decode("utf-8", "replace"))]
    unknown = next((name for name in asked if name not in made), None)
    if unknown is None:
        return None
    return errors.batch_refused(f"Content-ID Reference: '${unknown}' does not exist in the batch context.").reply


def _resolved(request: Request, made: dict[str, str]) -> Request:
    """Put the place of an earlier request of the change set where $its-content-id stands."""
    path, body = request.path, request.body
    for content_id, place in made.items():
        row = place.split(API, 1)[1]
        path = re.sub(rf"^{re.escape(API)}/\${re.escape(content_id)}(?=/|$)", API + row, path)
        body = body.replace(f'"${content_id}"'.encode(), f'"{row}"'.encode())
    return replace(request, path=path, body=body)


def _parts(outer: Request) -> Iterator[_Part]:
    change_set = 0
    for headers, body in _split(outer.headers.get("content-type", ""), outer.body):
        kind = headers.get("content-type", "")
        if kind.lower().startswith("multipart/mixed"):
            change_set += 1
            for inner, text in _split(kind, body):
                if not inner.get("content-id"):
                    raise errors.batch_refused("A request of a change set has no Content-ID.")
                yield _Part(_request(outer, text), inner["content-id"], change_set)
        else:
            yield _Part(_request(outer, body), headers.get("content-id", ""), 0)


def _split(content_type: str, body: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """Yield the parts of a multipart body; lines must end in CR LF."""
    found = _BOUNDARY.search(content_type)
    if found is None or not content_type.lower().startswith("multipart/mixed"):
        raise errors.batch_refused("The Content-Type of a batch is multipart/mixed with a boundary.")
    mark = b"--" + found[1].encode()
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise errors.batch_refused("The batch has no end, or no request.")
    for piece in pieces[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        yield _headers(head), content


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n") if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _request(outer: Request, text: bytes) -> Request:
    head, _, body = text.partition(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    words = line.decode().split(" ")
    if len(words) != 3 or words[2] != "HTTP/1.1" or len(words[1]) > LONGEST_URL:
        raise errors.batch_refused("A part of the batch does not begin with METHOD URL HTTP/1.1.")
    target = words[1].removeprefix(outer.base)
    target = target if target.startswith("/") and not target.startswith("/$") else f"{API}/{target.lstrip('/')}"
    path, query = parse_target(target)
    headers = _headers(rest)
    if body.strip() and not headers.get("content-type", "").startswith("application/json"):
        raise errors.batch_refused("A request of the batch has a body that is not application/json.")
    return Request(words[0], path, query, headers, body.strip(b"\r\n"), outer.base)


def _http(reply: Reply, content_id: str = "") -> bytes:
    headers = {"OData-Version": "4.0", **reply.headers}
    if reply.payload:
        headers["Content-Type"] = "application/json; odata.metadata=minimal"
    if content_id:
        headers["Content-ID"] = content_id
    lines = [f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Bad Request')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + reply.payload


def _joined(boundary: str, pieces: list[tuple[str, bytes]]) -> bytes:
    whole = [
        f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n\r\n".encode()
        + content
        + b"\r\n"
        for kind, content in pieces
    ]
    return b"".join([*whole, f"--{boundary}--\r\n".encode()])
