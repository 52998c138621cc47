"""Read, find, mark, move and delete messages."""

from __future__ import annotations

import re

from tests.simulators.graph import folders, listing
from tests.simulators.graph.http import GraphFailure, Json, Reply, Request, Route
from tests.simulators.graph.rendering import expanded, selected, show_message
from tests.simulators.graph.world import RECEIPTS, Item, World

_BY_MESSAGE_ID = re.compile(r"internetMessageId\s+eq\s+'((?:[^']|'')*)'", re.IGNORECASE)
_CHANGEABLE_IN_DRAFTS = {"subject", *RECEIPTS}
_SUBJECT = re.compile(rb"^Subject:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*", re.MULTILINE | re.IGNORECASE)
_CHANGEABLE = {"isRead", "categories", "flag", "importance", "inferenceClassification"}


def _item(world: World, request: Request, user: str, item_id: str) -> Item:
    """Find a message.  With the quirk "strict_ids" only under an id of the form that the request prefers."""
    item = world.mailbox(user).item(item_id)
    form = item.immutable_id if request.immutable else item.id
    if "strict_ids" in world.quirks and item_id != form:
        raise GraphFailure(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return item


def _shown(request: Request, item: Item) -> Json:
    shown = show_message(item, immutable=request.immutable, select=selected(request), extended=expanded(request))
    return {"@odata.context": f"{request.base}/v1.0/$metadata#users/messages/$entity", **shown}


def get_message(world: World, request: Request, user: str, item_id: str) -> Reply:
    return Reply(200, _shown(request, _item(world, request, user, item_id)))


def get_mime(world: World, request: Request, user: str, item_id: str) -> Reply:
    return Reply(200, _item(world, request, user, item_id).raw, {"Content-Type": "text/plain"})


def list_messages(world: World, request: Request, user: str) -> Reply:
    """Search the whole mailbox; the only filter is `internetMessageId eq '...'`."""
    mailbox = world.mailbox(user)
    found = _BY_MESSAGE_ID.fullmatch(request.query.get("$filter", "").strip())
    if found is None:
        raise GraphFailure(400, "ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes.")
    wanted = found[1].replace("''", "'")
    items = [item for item in mailbox.items if str(item.message.get("message-id", "")).strip() == wanted]
    rows = [
        show_message(item, immutable=request.immutable, select=selected(request), extended=expanded(request))
        for item in items
    ]
    return Reply(200, {"@odata.context": f"{request.base}/v1.0/$metadata#users/messages", "value": rows})


def patch_message(world: World, request: Request, user: str, item_id: str) -> Reply:
    mailbox = world.mailbox(user)
    item = _item(world, request, user, item_id)
    changes = request.json()
    changeable = _CHANGEABLE | _CHANGEABLE_IN_DRAFTS if item.is_draft else _CHANGEABLE
    unknown = {name for name in changes if not name.startswith("@odata.")} - changeable
    if unknown:
        raise GraphFailure(400, "ErrorInvalidPropertySet", f"The property '{min(unknown)}' can not be set.")
    item.is_read = bool(changes.get("isRead", item.is_read))
    item.asks |= {name for name in RECEIPTS if changes.get(name)}
    if "subject" in changes:
        header, separator, body = item.raw.partition(b"\r\n\r\n")
        subject = b"Subject: " + str(changes["subject"]).encode("ascii")
        item.rewrite(_SUBJECT.sub(subject, header, count=1) + separator + body)
    mailbox.touch(item)
    return Reply(200, _shown(request, item))


def move_message(world: World, request: Request, user: str, item_id: str) -> Reply:
    mailbox = world.mailbox(user)
    item = _item(world, request, user, item_id)
    destination = request.parameter("destinationId")
    if not isinstance(destination, str):
        raise GraphFailure(400, "ErrorInvalidRequest", "The parameter destinationId is required.")
    mailbox.move(item, destination)
    return Reply(201, _shown(request, item))


def delete_message(world: World, request: Request, user: str, item_id: str) -> Reply:
    """Delete as Exchange does: into Deleted Items, or for good from there."""
    mailbox = world.mailbox(user)
    item = _item(world, request, user, item_id)
    if item.folder == mailbox.folder("deleteditems").id:
        mailbox.remove(item)
    else:
        mailbox.move(item, "deleteditems")
    return Reply(204)


def translate_ids(world: World, request: Request, user: str) -> Reply:
    """Translate between default (restId) and immutable (restImmutableEntryId) ids."""
    mailbox = world.mailbox(user)
    asked = request.json()
    wanted = asked.get("inputIds", [])
    if len(wanted) > 1000:
        raise GraphFailure(400, "ErrorInvalidRequest", "At most 1000 ids can be translated at a time.")
    immutable = asked.get("targetIdType") == "restImmutableEntryId"
    rows: list[Json] = []
    for one in wanted:
        try:
            item = mailbox.item(one)
        except GraphFailure:
            rows.append({"sourceId": one, "errorDetails": {"code": "ErrorItemNotFound", "message": "Not found."}})
        else:
            rows.append({"sourceId": one, "targetId": item.immutable_id if immutable else item.id})
    return Reply(200, {"value": rows})


ROUTES = [
    Route("GET", "/v1.0/users/{}/messages", list_messages),
    Route("GET", "/v1.0/users/{}/messages/{}", get_message),
    Route("GET", "/v1.0/users/{}/messages/{}/$value", get_mime),
    Route("PATCH", "/v1.0/users/{}/messages/{}", patch_message),
    Route("DELETE", "/v1.0/users/{}/messages/{}", delete_message),
    Route("POST", "/v1.0/users/{}/messages/{}/move", move_message),
    Route("POST", "/v1.0/users/{}/translateExchangeIds", translate_ids),
    *folders.ROUTES,
    *listing.ROUTES,
]
