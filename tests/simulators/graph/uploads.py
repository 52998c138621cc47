"""Attach files to drafts: small ones at once, large ones in upload sessions (learn.microsoft.com/graph/outlook-large-attachments)."""

from __future__ import annotations

import base64
import re
import uuid

from tests.simulators.graph.drafts import rebuild
from tests.simulators.graph.http import GraphFailure, Json, Reply, Request, Route
from tests.simulators.graph.world import Item, World

_SMALL = 3 * 1024 * 1024
_LARGEST = 150 * 1024 * 1024
_LARGEST_PIECE = 4 * 1024 * 1024
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


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
    wanted = request.json().get("AttachmentItem") or {}
    if (
        wanted.get("attachmentType") != "file"
        or not wanted.get("name")
        or not 0 < int(wanted.get("size", 0)) <= _LARGEST
    ):
        raise GraphFailure(400, "ErrorInvalidRequest", "The AttachmentItem is invalid.")
    key = uuid.uuid4().hex
    world.uploads[key] = {"user": user, "item": item_id, "wanted": wanted, "content": b""}
    base = "https://graph.invalid" if "foreign_upload" in world.quirks else request.base
    url = f"{base}/upload/{key}?authtoken={uuid.uuid4().hex}"
    return Reply(201, {"uploadUrl": url, "expirationDateTime": "2099-01-01T00:00:00Z", "nextExpectedRanges": ["0-"]})


def put_piece(world: World, request: Request, key: str) -> Reply:
    """Take the next piece; the last one makes the attachment."""
    session = _session(world, request, key)
    found = _RANGE.fullmatch(request.headers.get("content-range", ""))
    size = int(session["wanted"]["size"])
    if not found or int(found[3]) != size or int(found[2]) - int(found[1]) + 1 != len(request.body):
        raise GraphFailure(400, "ErrorInvalidRequest", "The Content-Range does not fit.")
    if len(request.body) > _LARGEST_PIECE or int(found[1]) != len(session["content"]):
        raise GraphFailure(416, "ErrorInvalidRange", "The piece is not the one that is expected.")
    session["content"] += request.body
    if len(session["content"]) < size:
        return _state(session)
    item = _draft(world, session["user"], session["item"])
    _attached(item, session["wanted"], world.uploads.pop(key)["content"])
    return Reply(
        201, None, {"Location": f"{request.base}/v1.0/users/{session['user']}/messages/{item.id}/attachments/1"}
    )


def show_session(world: World, request: Request, key: str) -> Reply:
    """Tell which piece is expected."""
    return _state(_session(world, request, key))


def _state(session: Json) -> Reply:
    return Reply(
        200, {"expirationDateTime": "2099-01-01T00:00:00Z", "nextExpectedRanges": [f"{len(session['content'])}-"]}
    )


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
    shown = {"name": wanted["name"], "size": len(content), "isInline": bool(wanted.get("isInline"))}
    return {"@odata.type": "#microsoft.graph.fileAttachment", "id": f"AAMkAttachment{len(item.attachments)}", **shown}


ROUTES = [
    Route("POST", "/v1.0/users/{}/messages/{}/attachments", add_attachment),
    Route("POST", "/v1.0/users/{}/messages/{}/attachments/createUploadSession", open_session),
]
OPEN_ROUTES = [Route("PUT", "/upload/{}", put_piece), Route("GET", "/upload/{}", show_session)]
"""Routes that take no token: their address is the permission."""
