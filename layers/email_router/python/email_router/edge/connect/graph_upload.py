"""Put an attachment on a draft: at once while it is small, else in an upload session.

Source: learn.microsoft.com/graph/outlook-large-attachments.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from email_router.core.errors import ConfigurationError, MailboxBlocked, MessageRefused, TryLater
from email_router.edge.connect.graph_errors import GraphReply
from email_router.edge.connect.graph_mime import message_path
from email_router.edge.connect.https import AnswerLost, Place, ask

if TYPE_CHECKING:
    from email_router.edge.connect.graph import GraphClient
    from email_router.edge.connect.graph_content import Content
    from email_router.edge.connect.graph_errors import JsonObject
    from email_router.edge.connect.graph_parts import Part

LARGEST_AT_ONCE = 3 * 1024 * 1024
LARGEST = 150 * 1024 * 1024
PIECE = 10 * 320 * 1024
"""A piece of an upload is below 4 MB."""

_HOSTS = frozenset({"outlook.office.com", "outlook.office365.com", "outlook.office365.us", "outlook-dod.office365.us"})
_IMMUTABLE = 'IdType="ImmutableId"'
_ERROR = 400
_CREATED = 201
_GOES_ON = frozenset({200, 202})
_GONE = frozenset({404, 410})
_SESSION_ENDED = frozenset({401, 403}) | _GONE
"""No token of ours goes with a piece: what is refused is the address, whose time has run out."""

_FIRST = re.compile(r"[0-9]{1,12}(?![0-9])")
_TRIES = 3


def attach(client: GraphClient, draft_id: str, part: Part) -> None:
    """Attach one file.

    Raises MessageRefused "attachment_size" over 150 MB; TryLater when Graph or its upload host is away, or the draft or the upload session
    has gone meanwhile: the next attempt makes the draft again.
    """
    size = part.content.size
    if size > LARGEST:
        raise MessageRefused(
            f"the attachment has {size} bytes, and Exchange Online takes at most {LARGEST}",
            kind="attachment_size",
            mend="Send a link in its place.",
        )
    path = f"{message_path(client, draft_id)}/attachments"
    if size < LARGEST_AT_ONCE:
        content = {
            "@odata.type": "#microsoft.graph.fileAttachment",
            **_described(part),
            "contentBytes": base64.b64encode(part.content.whole()).decode(),
        }
        _posted(client, path, content)
        return
    item = {"attachmentType": "file", "size": size, **_described(part)}
    session = _posted(client, f"{path}/createUploadSession", {"AttachmentItem": item}).json()
    _upload(client, str(session.get("uploadUrl", "")), part.content, size)


def _posted(client: GraphClient, path: str, content: JsonObject) -> GraphReply:
    reply = client.call("POST", path, content=content, prefer=(_IMMUTABLE,), accept=_GONE, repeatable=False)
    if reply.status in _GONE:
        raise _ended(client, "a draft was deleted while its files were attached")
    return reply


def _ended(client: GraphClient, what: str) -> TryLater:
    return TryLater(f"{client.address}: {what}; it is made again", kind="graph_answer")


def _described(part: Part) -> JsonObject:
    shown: JsonObject = {"name": part.name, "contentType": part.media_type, "isInline": part.inline}
    return {**shown, "contentId": part.content_id} if part.content_id else shown


def _upload(client: GraphClient, url: str, content: Content, size: int) -> None:
    """Send the pieces in order, without our token: the address is the permission, so it may lead to Microsoft's hosts alone.

    The file is whole when the server says so with 201, and not before.
    """
    place, target = _place(client, url)
    start, setbacks, pieces = 0, 0, content.pieces(PIECE)
    while True:
        piece = next(pieces)
        sent = start + len(piece)
        try:
            reply = _put(place, target, piece, start, size)
        except AnswerLost:
            setbacks += 1
            if setbacks >= _TRIES:
                raise
            ends = _stands(client, _asked(place, "GET", target, {}), start)
        else:
            if reply.status == _CREATED:
                return
            ends = _stands(client, reply, sent)
            setbacks += ends != sent
        del piece  # the next one is made without it
        if ends > sent or ends >= size or setbacks >= _TRIES:
            raise _ended(client, f"an upload session of {size} bytes stands at {ends} after {sent}")
        if ends != sent:  # the server stands elsewhere: go on from there
            pieces = content.pieces(PIECE, ends)
        start = ends


def _put(place: Place, target: str, piece: bytes, start: int, size: int) -> GraphReply:
    """Send one piece."""
    span = f"bytes {start}-{start + len(piece) - 1}/{size}"
    return _asked(place, "PUT", target, {"Content-Type": "application/octet-stream", "Content-Range": span}, piece)


def _asked(place: Place, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> GraphReply:
    answer = ask(place, method, target, {"User-Agent": "email-router", **headers}, body, repeatable=False)
    return GraphReply(answer.status, answer.headers, answer.read())


def _stands(client: GraphClient, reply: GraphReply, otherwise: int) -> int:
    """Return where the next piece begins, as the session says.  Raises TryLater where it has ended: it took the last piece, or ran out."""
    if reply.status in _SESSION_ENDED:
        raise _ended(client, f"an upload session has ended (HTTP {reply.status})")
    if reply.status >= _ERROR:
        raise client.failure(reply)
    if reply.status not in _GOES_ON:
        raise _ended(client, f"an upload was answered with HTTP {reply.status}")
    ranges = reply.json().get("nextExpectedRanges") if reply.body else None
    first = _FIRST.match(str(ranges[0])) if isinstance(ranges, list) and ranges else None
    return int(first[0]) if first else otherwise


def _place(client: GraphClient, url: str) -> tuple[Place, str]:
    try:
        parts = urlsplit(url)
        place = client.beside(url)
    except (ValueError, ConfigurationError) as wrong:
        raise TryLater(f"{client.address}: Graph gave no https address for an upload", kind="graph_answer") from wrong
    if place.host not in _HOSTS and place.host != client.host:
        raise MailboxBlocked(
            f"{client.address}: Graph's upload address leads to {place.host[:80]}, which is none of Microsoft's",
            kind="foreign_link",
            mend="Check the endpoint of the profile; publish the configuration again when it is right.",
        )
    return place, f"{parts.path}?{parts.query}" if parts.query else parts.path
