"""Attach files to drafts: small ones at once, large ones in upload sessions (learn.microsoft.com/graph/outlook-large-attachments)."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from typing import Self

from tests.simulators.graph.drafts import rebuild
from tests.simulators.graph.http import GraphFailure, Json, Reply, Request, Route
from tests.simulators.graph.world import Item, World

_SMALL = 3 * 1024 * 1024
_LARGEST = 150 * 1024 * 1024
_LARGEST_PIECE = 4 * 1024 * 1024
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class _Digest:
    """What stands for the content of a large file: its digest, in hexadecimal digits (quirk digest_uploads)."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def __iadd__(self, more: bytes) -> Self:
        self._digest.update(more)
        return self

    def __bytes__(self) -> bytes:
        return self._digest.hexdigest().encode()


def add_attachment(world: World, request: Request, user: str, item_id: str) -> Reply:
    """Attach a file of less than 3 MB."""
    item = _draft(world, user, item_id)
    wanted = request.json()
    content = base64.b64decode(wanted.get("contentBytes", ""))
    if len(content) >= _SMALL:
        raise GraphFailure(413, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
    return Reply(201, _attached(item, wanted, content))


def open_session(world: World, request: Request, user: str, item_id: str) -> Reply:
    """Open an upload session for a larger file."""
    _draft(world, user, item_id)
    wanted = request.parameter("AttachmentItem") or {}
    if (
        wanted.get("attachmentType") != "file"
        or not wanted.get("name")
        or not 0 < int(wanted.get("size", 0)) <= _LARGEST
    ):
        raise GraphFailure(400, "ErrorInvalidRequest", "The AttachmentItem is invalid.")
    key, digests = uuid.uuid4().hex, "digest_uploads" in world.quirks
    world.uploads[key] = {
        "user": user,
        "item": item_id,
        "wanted": wanted,
        "come": 0,
        "content": _Digest() if digests else bytearray(),
        "quirks": world.quirks,
    }
    base = "https://graph.invalid" if "foreign_upload" in world.quirks else request.base
    if "upload_at_localhost" in world.quirks:  # another host than Graph's, as the true one is
        base = base.replace("//127.0.0.1:", "//localhost:")
    url = f"{base}/upload/{key}?authtoken={uuid.uuid4().hex}"
    return Reply(201, {"uploadUrl": url, "expirationDateTime": "2099-01-01T00:00:00Z", "nextExpectedRanges": ["0-"]})


def put_piece(world: World, request: Request, key: str) -> Reply:
    """Take the next piece; the last one makes the attachment."""
    session = _session(world, request, key)
    found = _RANGE.fullmatch(request.headers.get("content-range", ""))
    size = int(session["wanted"]["size"])
    if not found or int(found[3]) != size or int(found[2]) - int(found[1]) + 1 != len(request.body):
        raise GraphFailure(400, "ErrorInvalidRequest", "The Content-Range does not fit.")
    if len(request.body) > _LARGEST_PIECE or int(found[1]) != session["come"]:
        raise GraphFailure(416, "ErrorInvalidRange", "The piece is not the one that is expected.")
    taken = request.body
    if "half_first_piece" in world.quirks and not session["come"]:
        taken = taken[: len(taken) // 2]
    if "takes_nothing" in world.quirks:
        taken = b""
    session["content"] += taken
    session["come"] += len(taken)
    expiring = next((one for one in world.quirks if one.startswith("sessions_end_after=")), "")
    if expiring and session["come"] >= int(expiring.partition("=")[2]):
        del world.uploads[key]  # its time has run out
    if session["come"] < size:
        return _state(session)
    item = _draft(world, session["user"], session["item"])
    _attached(item, session["wanted"], bytes(world.uploads.pop(key)["content"]))
    return Reply(
        201, None, {"Location": f"{request.base}/v1.0/users/{session['user']}/messages/{item.id}/attachments/1"}
    )


def show_session(world: World, request: Request, key: str) -> Reply:
    """Tell which piece is expected."""
    return _state(_session(world, request, key))


def _state(session: Json) -> Reply:
    """Tell the next byte that is expected, as a bare number (learn.microsoft.com/graph/api/attachment-createuploadsession).

    The quirk "expects=TEXT" tells another.
    """
    lie = next((one.partition("=")[2] for one in session["quirks"] if one.startswith("expects=")), None)
    expected = [str(session["come"]) if lie is None else lie]
    return Reply(200, {"expirationDateTime": "2099-01-01T00:00:00Z", "nextExpectedRanges": expected})


def _session(world: World, request: Request, key: str) -> Json:
    if "authorization" in request.headers:
        raise GraphFailure(401, "InvalidAuthenticationToken", "An upload address takes no Authorization header.")
    session = world.uploads.get(key)
    if session is None:
        raise GraphFailure(404, "ErrorItemNotFound", "The upload session was not found.")
    return session


def _draft(world: World, user: str, item_id: str) -> Item:
    item = world.mailbox(user).item(item_id)
    if not item.is_draft or not item.written:
        raise GraphFailure(400, "ErrorInvalidRequest", "The item is no draft that takes attachments.")
    return item


def _attached(item: Item, wanted: Json, content: bytes) -> Json:
    kept = {name: wanted.get(name) for name in ("name", "contentType", "contentId", "isInline") if wanted.get(name)}
    item.attachments.append({"name": "file", "contentType": "application/octet-stream", **kept, "content": content})
    rebuild(item)
    return _shown(item.attachments[-1], len(item.attachments))


def _shown(one: Json, number: int) -> Json:
    return {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "id": f"AAMkAttachment{number}",
        "name": one["name"],
        "contentType": one["contentType"],
        "size": len(one["content"]),
        "isInline": bool(one.get("isInline")),
    }


def list_attachments(world: World, request: Request, user: str, item_id: str) -> Reply:
    """Tell what is attached to a draft."""
    rows = [_shown(one, number) for number, one in enumerate(_draft(world, user, item_id).attachments, 1)]
    context = f"{request.base}/v1.0/$metadata#users/messages/attachments"
    return Reply(200, {"@odata.context": context, "value": rows})


ROUTES = [
    Route("GET", "/v1.0/users/{}/messages/{}/attachments", list_attachments),
    Route("POST", "/v1.0/users/{}/messages/{}/attachments", add_attachment),
    Route("POST", "/v1.0/users/{}/messages/{}/attachments/createUploadSession", open_session),
]
OPEN_ROUTES = [Route("PUT", "/upload/{}", put_piece), Route("GET", "/upload/{}", show_session)]
"""Routes that take no token: their address is the permission."""
