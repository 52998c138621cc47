"""Read a message's raw MIME from Graph: in batches while it is small, streamed with a limit else."""

from __future__ import annotations

import base64
import binascii
import re
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from email_router.core.errors import MessageRefused, TryLater
from email_router.edge.connect.graph_batch import patient_batch
from email_router.edge.connect.graph_errors import NOT_FOUND, THROTTLED, GraphReply, means_mailbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from email_router.core.errors import RouterError
    from email_router.edge.connect.graph import GraphClient
    from email_router.edge.connect.https import Answer

_OK = 200
_SERVER_ERROR = 500
_UNAVAILABLE = frozenset({502, 503, 504})
_LONGEST_HEADER = 1024 * 1024
_TROUBLE = frozenset({"unavailable", "timeout", "connection_lost"})
_DROPPED = GraphReply(0, {}, b"")
_FIELD_NAME = re.compile(r"[!-9;-~]+")  # RFC 5322 3.6.8: printable, without a colon; so no line's end either


@dataclass(frozen=True, slots=True)
class Mime:
    """A message's bytes, or its header block alone where `complete` is False."""

    raw: bytes = field(repr=False)
    complete: bool = True
    size: int | None = None


def message_path(client: GraphClient, message_id: str) -> str:
    """Return the path of a message."""
    return f"{client.user}/messages/{quote(message_id, safe='')}"


def read_small(
    client: GraphClient, message_ids: Sequence[str], *, heavy: bool = False
) -> list[Mime | RouterError | None] | None:
    """Read up to 20 messages in one request; for each its bytes, the error that it met, or None where it is to be read singly.

    None for all where batches do not carry MIME: Graph sends the bytes in base64; text instead (OData 4.01 has it so for text/plain) may have
    lost octets and is not used.  No limit is documented for the answer of a batch: a `heavy` one that Graph does not answer for trouble of
    its own, or whose answer is longer than is read, is as one whose messages are to be read singly.
    """
    try:
        replies = patient_batch(
            client, [{"method": "GET", "url": f"{message_path(client, one)}/$value"} for one in message_ids]
        )
    except TryLater as trouble:
        if trouble.kind == "answer_size" or (heavy and trouble.kind in _TROUBLE and not trouble.after):
            return [None] * len(message_ids)
        raise
    found: list[Mime | RouterError | None] = []
    for number, reply in enumerate(replies):
        replies[number] = _DROPPED  # the text is a third longer than the message, and both at once are twice too much
        try:
            found.append(_given(client, reply))
        except binascii.Error:
            return None
    return found


def _given(client: GraphClient, reply: GraphReply) -> Mime | RouterError | None:
    if reply.status == _OK:
        return Mime(reply.body if reply.decoded else base64.b64decode(reply.body, validate=True))
    waits = reply.status in _UNAVAILABLE and "retry-after" in reply.headers
    return client.failure(reply) if reply.status == THROTTLED or waits or means_mailbox(reply) else None


def read_mime(client: GraphClient, message_id: str, limit: int) -> Mime | None:
    """Read one message; over `limit` bytes only its header block, and the line is dropped.  None when it is not there.

    A message that Exchange holds but cannot render (twice 500, while its properties are readable) comes as the header block that they make.
    """
    answer = _opened(client, message_id)
    if answer.status == _OK:
        return _limited(answer, limit)
    reply = GraphReply(answer.status, answer.headers, answer.read())
    if reply.status == NOT_FOUND and not means_mailbox(reply):
        return None
    header = _header_from_properties(client, message_id) if reply.status == _SERVER_ERROR else None
    if header is None:
        raise client.failure(reply)
    return Mime(header, complete=False)


def stream_mime(client: GraphClient, message_id: str) -> Iterator[bytes]:
    """Yield a whole message in pieces.  Raises MessageRefused "vanished", or "unreadable" when Exchange cannot render it."""
    answer = _opened(client, message_id)
    if answer.status == _OK:
        with closing(answer):
            yield from answer.pieces()
        return
    reply = GraphReply(answer.status, answer.headers, answer.read())
    if reply.status == _SERVER_ERROR and _header_from_properties(client, message_id) is not None:
        raise MessageRefused(f"{client.address}: Exchange cannot render this message", kind="unreadable")
    raise client.failure(reply)


def _opened(client: GraphClient, message_id: str) -> Answer:
    """Ask for the MIME, twice where Exchange answers 500."""
    target = f"{message_path(client, message_id)}/$value"
    answer = client.open("GET", target)
    if answer.status == _SERVER_ERROR:
        answer.read()
        answer = client.open("GET", target)
    return answer


def _limited(answer: Answer, limit: int) -> Mime:
    pieces, size = [], 0
    with closing(answer):
        for piece in answer.pieces():
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                announced = answer.headers.get("content-length", "")
                told = int(announced) if announced.isdecimal() else size
                return Mime(_header_block(b"".join(pieces)), complete=False, size=told)
    return Mime(b"".join(pieces))


def _header_block(raw: bytes) -> bytes:
    ends = [(at, len(end)) for end in (b"\r\n\r\n", b"\n\n") if (at := raw.find(end, 0, _LONGEST_HEADER)) >= 0]
    if not ends:
        return raw[:_LONGEST_HEADER]
    at, length = min(ends)
    return raw[: at + length]


def _header_from_properties(client: GraphClient, message_id: str) -> bytes | None:
    target = f"{message_path(client, message_id)}?$select=internetMessageHeaders"
    reply = client.call("GET", target, accept=(NOT_FOUND, _SERVER_ERROR, *_UNAVAILABLE))
    if reply.status != _OK:
        return None
    lines = [
        f"{one['name']}: {' '.join(str(one.get('value') or '').split())}\r\n"
        for one in reply.rows("internetMessageHeaders")
        if _FIELD_NAME.fullmatch(str(one.get("name") or ""))
    ]
    return ("".join(lines) + "\r\n").encode("utf-8", "replace")
