"""Find and make folders of a mailbox by EWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exchangelib.util import TNS  # type: ignore[import-untyped]

from email_router.edge.connect.ews_errors import EwsError
from email_router.edge.connect.ews_reading import reads
from email_router.edge.connect.ews_wire import element

if TYPE_CHECKING:
    from email_router.edge.connect.ews import EwsClient

ARCHIVE, UNDELIVERABLE = "Archive", "Undeliverable"
_ROOT = "msgfolderroot"
_KNOWN = frozenset({"inbox", "junkemail", "deleteditems", "sentitems", "drafts", "outbox"})


def find(client: EwsClient, name: str) -> Any | None:  # noqa: ANN401 - lxml has no types
    """Return the id element of a folder: a well-known one, else a path below the mailbox's root such as "Sales/Old"; None if missing."""
    if name.casefold() in _KNOWN:
        return client.folder(name.casefold())
    found = client.folder(_ROOT)
    for part in name.split("/"):
        found = _child(client, found, part)
        if found is None:
            return None
    return found


def need(client: EwsClient, name: str) -> Any:  # noqa: ANN401 - as above
    """Return the id element of a folder that must be there.  Raises MailboxBlocked "folder_missing"."""
    found = find(client, name)
    if found is None:
        raise client.failed(EwsError("ErrorFolderNotFound", f"there is no folder {name!r}"))
    return found


def made(client: EwsClient, name: str) -> Any:  # noqa: ANN401 - as above
    """Return the id element of a folder below the root, made where it is missing."""
    found = find(client, name)
    if found is not None:
        return found
    parent = element("m:ParentFolderId", client.folder(_ROOT))
    folder = element("t:Folder", element("t:FolderClass", text="IPF.Note"), element("t:DisplayName", text=name))
    try:
        client.call(element("m:CreateFolder", parent, element("m:Folders", folder)))
    except EwsError as error:
        if error.code != "ErrorFolderExists":
            raise client.failed(error) from error
    return need(client, name)


@reads
def _child(client: EwsClient, parent: Any, name: str) -> Any | None:  # noqa: ANN401 - as above
    field = element("t:FieldURI", FieldURI="folder:DisplayName")
    constant = element("t:FieldURIOrConstant", element("t:Constant", Value=name))
    payload = element(
        "m:FindFolder",
        element("m:FolderShape", element("t:BaseShape", text="IdOnly")),
        element("m:Restriction", element("t:IsEqualTo", field, constant)),
        element("m:ParentFolderIds", parent),
        Traversal="Shallow",
    )
    try:
        (answer,) = client.call(payload)
    except EwsError as error:
        raise client.failed(error) from error
    found = answer.find(f".//{{{TNS}}}FolderId")
    return None if found is None else element("t:FolderId", Id=found.get("Id"))
