"""Put an attachment on a draft: at once while it is small, else in an upload session.

Source: learn.microsoft.com/graph/outlook-large-attachments.
"""

from __future__ import annotations

import base64
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
_GONE = frozenset({404, 410})
_TRIES = 3


def attach(client: GraphClient, draft_id: str, part: Part) -> None:
    """Attach one file.  Raises MessageRefused "attachment_size" over 150 MB; TryLater when Graph or its upload host is away."""
    size = part.content.size
    if size > LARGEST:
        raise MessageRefused(
            f"the attachment has {size} bytes, and Exchange Online takes at most {LARGEST}",
            kind="attachment_size",
            mend="Send a link in its place.",
        )
    if size < LARGEST_AT_ONCE:
        content = {
            "@odata.type": "#microsoft.graph.fileAttachment",
            **_described(part),
            "contentBytes": base64.b64encode(part.content.whole()).decode(),
        }
        client.call("POST", f"{message_path(client, draft_id)}/attachments", content=content, prefer=(_IMMUTABLE,))
        return
    path = f"{message_path(client, draft_id)}/attachments/createUploadSession"
    item = {"attachmentType": "file", "size": size, **_described(part)}
    session = client.call("POST", path, content={"AttachmentItem": item}, prefer=(_IMMUTABLE,)).json()
    _upload(client, str(session.get("uploadUrl", "")), part.content, size)


def _described(part: Part) -> JsonObject:
    shown: JsonObject = {"name": part.name, "contentType": part.media_type, "isInline": part.inline}
    return {**shown, "contentId": part.content_id} if part.content_id else shown


def _upload(client: GraphClient, url: str, content: Content, size: int) -> None:
    """Send the pieces in order, without our token: the address is the permission, so it may lead to Microsoft's hosts alone."""
    place, target = _place(client, url)
    start, tries, pieces = 0, 0, content.pieces(PIECE)
    while start < size:
        piece = next(pieces)
        try:
            ends = _put(client, place, target, piece, start, size)
        except AnswerLost:
            tries += 1
            if tries >= _TRIES:
                raise
            ends = _expected(client, _standing(client, place, target), start)
        if ends != start + len(piece):  # the server stands elsewhere: go on from there
            pieces = content.pieces(PIECE, ends)
        start = ends


def _put(client: GraphClient, place: Place, target: str, piece: bytes, start: int, size: int) -> int:
    """Send one piece; return where the next one begins, which is `size` when nothing is missing any more."""
    span = f"bytes {start}-{start + len(piece) - 1}/{size}"
    headers = {"Content-Type": "application/octet-stream", "Content-Range": span}
    reply = _asked(place, "PUT", target, headers, piece)
    if reply.status >= _ERROR:
        raise client.failure(reply)
    return size if reply.status == _CREATED else _expected(client, reply, start + len(piece))


def _standing(client: GraphClient, place: Place, target: str) -> GraphReply:
    """Ask the session where it stands.  One that is gone took the last piece, or ran out: the draft is made again."""
    reply = _asked(place, "GET", target, {})
    if reply.status in _GONE:
        raise TryLater(f"{client.address}: an upload session has ended unanswered", kind="graph_answer")
    return reply


def _asked(place: Place, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> GraphReply:
    answer = ask(place, method, target, {"User-Agent": "email-router", **headers}, body, repeatable=False)
    return GraphReply(answer.status, answer.headers, answer.read())


def _expected(client: GraphClient, reply: GraphReply, otherwise: int) -> int:
    """Return where the next piece begins, as the session says."""
    if reply.status >= _ERROR:
        raise client.failure(reply)
    ranges = reply.json().get("nextExpectedRanges") if reply.body else None
    first = str(ranges[0]).partition("-")[0] if isinstance(ranges, list) and ranges else ""
    return int(first) if first.isdecimal() else otherwise


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
