"""Read, mark, move and delete messages, and list and make folders."""

from __future__ import annotations

import re

from tests.simulators.graph.http import GraphFailure, Json, Reply, Request, Route
from tests.simulators.graph.rendering import expanded, selected, show_folder, show_message
from tests.simulators.graph.world import Folder, Item, Mailbox, World, opaque

_BY_MESSAGE_ID = re.compile(r"internetMessageId\s+eq\s+'((?:[^']|'')*)'", re.IGNORECASE)
_BY_NAME = re.compile(r"displayName\s+eq\s+'([^']*)'", re.IGNORECASE)
_CHANGEABLE = {"isRead", "categories", "flag", "importance", "inferenceClassification"}


def _shown(request: Request, item: Item) -> Json:
    shown = show_message(item, immutable=request.immutable, select=selected(request), extended=expanded(request))
    return {"@odata.context": f"{request.base}/v1.0/$metadata#users/messages/$entity", **shown}


def get_message(world: World, request: Request, user: str, item_id: str) -> Reply:
    return Reply(200, _shown(request, world.mailbox(user).item(item_id)))


def get_mime(world: World, request: Request, user: str, item_id: str) -> Reply:
    return Reply(200, world.mailbox(user).item(item_id).raw, {"Content-Type": "text/plain"})


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
    item = mailbox.item(item_id)
    changes = request.json()
    unknown = set(changes) - _CHANGEABLE
    if unknown:
        raise GraphFailure(400, "ErrorInvalidPropertySet", f"The property '{min(unknown)}' can not be set.")
    item.is_read = bool(changes.get("isRead", item.is_read))
    mailbox.touch(item)
    return Reply(200, _shown(request, item))


def move_message(world: World, request: Request, user: str, item_id: str) -> Reply:
    mailbox = world.mailbox(user)
    item = mailbox.item(item_id)
    destination = request.json().get("destinationId")
    if not isinstance(destination, str):
        raise GraphFailure(400, "ErrorInvalidRequest", "The parameter destinationId is required.")
    mailbox.move(item, destination)
    return Reply(201, _shown(request, item))


def delete_message(world: World, request: Request, user: str, item_id: str) -> Reply:
    """Delete as Exchange does: into Deleted Items, or for good from there."""
    mailbox = world.mailbox(user)
    item = mailbox.item(item_id)
    if item.folder == mailbox.folder("deleteditems").id:
        mailbox.remove(item)
    else:
        mailbox.move(item, "deleteditems")
    return Reply(204)


def list_folders(world: World, request: Request, user: str) -> Reply:
    mailbox = world.mailbox(user)
    root = mailbox.folder("msgfolderroot").id
    named = _BY_NAME.fullmatch(request.query.get("$filter", "").strip())
    wanted = [folder for folder in mailbox.folders if folder.parent == root and (not named or folder.name == named[1])]
    rows = [_only(show_folder(mailbox, folder), selected(request)) for folder in wanted]
    return Reply(200, {"@odata.context": f"{request.base}/v1.0/$metadata#users/mailFolders", "value": rows})


def _only(row: Json, names: list[str]) -> Json:
    return {name: value for name, value in row.items() if not names or name in {"id", *names}}


def get_folder(world: World, request: Request, user: str, name: str) -> Reply:
    mailbox = world.mailbox(user)
    return Reply(200, show_folder(mailbox, mailbox.folder(name)))


def make_folder(world: World, request: Request, user: str) -> Reply:
    mailbox = world.mailbox(user)
    name = request.json().get("displayName")
    if not isinstance(name, str) or not name:
        raise GraphFailure(400, "ErrorInvalidRequest", "The displayName of the folder is required.")
    if any(folder.name.lower() == name.lower() for folder in mailbox.folders):
        raise GraphFailure(409, "ErrorFolderExists", "A folder with the specified name already exists.")
    return Reply(201, show_folder(mailbox, _added(mailbox, name)))


def _added(mailbox: Mailbox, name: str) -> Folder:
    folder = Folder(opaque("AQMk", mailbox.address, name, mailbox.tick()), name, mailbox.folder("msgfolderroot").id)
    mailbox.folders.append(folder)
    return folder


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
    Route("GET", "/v1.0/users/{}/mailFolders", list_folders),
    Route("POST", "/v1.0/users/{}/mailFolders", make_folder),
    Route("GET", "/v1.0/users/{}/mailFolders/{}", get_folder),
    Route("POST", "/v1.0/users/{}/translateExchangeIds", translate_ids),
]
