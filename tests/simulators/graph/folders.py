"""List and make folders, below the root or below another folder."""

from __future__ import annotations

import re

from tests.simulators.graph.http import GraphFailure, Json, Reply, Request, Route
from tests.simulators.graph.rendering import selected, show_folder
from tests.simulators.graph.world import Folder, Mailbox, World, opaque

_BY_NAME = re.compile(r"displayName\s+eq\s+'((?:[^']|'')*)'", re.IGNORECASE)


def list_folders(world: World, request: Request, user: str, parent: str = "msgfolderroot") -> Reply:
    mailbox = world.mailbox(user)
    above = mailbox.folder(parent).id
    wanted = _wanted(request.query.get("$filter", "").strip())
    inside = [folder for folder in mailbox.folders if folder.parent == above]
    named = [folder for folder in inside if wanted is None or folder.name.casefold() == wanted.casefold()]
    rows = [_only(show_folder(mailbox, folder), selected(request)) for folder in named]
    return Reply(200, {"@odata.context": f"{request.base}/v1.0/$metadata#users/mailFolders", "value": rows})


def get_folder(world: World, request: Request, user: str, name: str) -> Reply:
    mailbox = world.mailbox(user)
    return Reply(200, show_folder(mailbox, mailbox.folder(name)))


def make_folder(world: World, request: Request, user: str, parent: str = "msgfolderroot") -> Reply:
    mailbox = world.mailbox(user)
    above = mailbox.folder(parent).id
    name = request.json().get("displayName")
    if not isinstance(name, str) or not name:
        raise GraphFailure(400, "ErrorInvalidRequest", "The displayName of the folder is required.")
    if any(folder.name.lower() == name.lower() for folder in mailbox.folders if folder.parent == above):
        raise GraphFailure(409, "ErrorFolderExists", "A folder with the specified name already exists.")
    return Reply(201, show_folder(mailbox, _added(mailbox, name, above)))


def _wanted(text: str) -> str | None:
    if not text:
        return None
    found = _BY_NAME.fullmatch(text)
    if found is None:
        raise GraphFailure(400, "ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes.")
    return found[1].replace("''", "'")


def _added(mailbox: Mailbox, name: str, above: str) -> Folder:
    folder = Folder(opaque("AQMk", mailbox.address, name, mailbox.tick()), name, above)
    mailbox.folders.append(folder)
    return folder


def _only(row: Json, names: list[str]) -> Json:
    return {name: value for name, value in row.items() if not names or name in {"id", *names}}


ROUTES = [
    Route("GET", "/v1.0/users/{}/mailFolders", list_folders),
    Route("POST", "/v1.0/users/{}/mailFolders", make_folder),
    Route("GET", "/v1.0/users/{}/mailFolders/{}", get_folder),
    Route("GET", "/v1.0/users/{}/mailFolders/{}/childFolders", list_folders),
    Route("POST", "/v1.0/users/{}/mailFolders/{}/childFolders", make_folder),
]
