"""Look at, mark, move and delete items by EWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exchangelib.util import TNS  # type: ignore[import-untyped]

from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect.ews_errors import GONE, EwsError
from email_router.edge.connect.ews_reading import reads
from email_router.edge.connect.ews_wire import element

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from email_router.edge.connect.ews import EwsClient

_HEADERS = "0x007D"  # PidTagTransportMessageHeaders


@reads
def header_of(client: EwsClient, item_id: str) -> bytes:
    """Return the header block of a message as it came, without its body.  Raises EwsError."""
    field = element("t:ExtendedFieldURI", PropertyTag=_HEADERS, PropertyType="String")
    (answer,) = client.call(get_item([item_id], field))
    text = answer.findtext(f".//{{{TNS}}}ExtendedProperty/{{{TNS}}}Value") or ""
    return "\r\n".join(text.splitlines()).rstrip().encode("utf-8", "surrogateescape") + b"\r\n\r\n" if text else b""


def get_item(ids: Sequence[str], *fields: Any) -> Any:  # noqa: ANN401 - lxml has no types
    """Return a GetItem for these ids and fields beside the ids."""
    more = element("t:AdditionalProperties", *fields) if fields else None
    shape = element("m:ItemShape", element("t:BaseShape", text="IdOnly"), more)
    return element("m:GetItem", shape, element("m:ItemIds", *(element("t:ItemId", Id=one) for one in ids)))


@reads
def change_keys(client: EwsClient, ids: Sequence[str]) -> dict[str, str]:
    """Return the version key of each item that is still there."""
    found = {}
    for row in client.rows(get_item(ids)):
        if isinstance(row, EwsError):
            _unless_gone(client, row)
            continue
        one = row.find(f".//{{{TNS}}}ItemId")
        found[one.get("Id")] = one.get("ChangeKey", "")
    return found


def move(client: EwsClient, ids: Sequence[str], folder: Any) -> None:  # noqa: ANN401 - as above
    """Move items; one that is gone is no error."""
    items = element("m:ItemIds", *(element("t:ItemId", Id=one) for one in ids))
    _each(client, element("m:MoveItem", element("m:ToFolderId", folder), items))


def delete(client: EwsClient, ids: Sequence[str]) -> None:
    """Delete items into Deleted Items; one that is gone is no error."""
    items = element("m:ItemIds", *(element("t:ItemId", Id=one) for one in ids))
    _each(client, element("m:DeleteItem", items, DeleteType="MoveToDeletedItems"))


def mark_read(client: EwsClient, keys: Mapping[str, str]) -> None:
    """Mark items (id to version key) as read, without sending read receipts; one that is gone is no error."""
    changes = []
    for item, key in keys.items():
        value = element("t:Message", element("t:IsRead", text="true"))
        update = element("t:SetItemField", element("t:FieldURI", FieldURI="message:IsRead"), value)
        changes.append(
            element("t:ItemChange", element("t:ItemId", Id=item, ChangeKey=key), element("t:Updates", update))
        )
    payload = element(
        "m:UpdateItem",
        element("m:ItemChanges", *changes),
        ConflictResolution="AlwaysOverwrite",
        MessageDisposition="SaveOnly",
    )
    _each(client, payload)


def dispose(client: EwsClient, ids: Sequence[str], how: AfterDelivery, archive: Any) -> None:  # noqa: ANN401 - as above
    """Do to items what the mailbox asks for; `archive` is the folder for MOVE."""
    if how is AfterDelivery.MOVE:
        move(client, ids, archive)
    elif how is AfterDelivery.DELETE:
        delete(client, ids)
    elif how is AfterDelivery.MARK_READ and (keys := change_keys(client, ids)):
        mark_read(client, keys)


def _each(client: EwsClient, payload: Any) -> None:  # noqa: ANN401 - as above
    for row in client.rows(payload):
        if isinstance(row, EwsError):
            _unless_gone(client, row)


def _unless_gone(client: EwsClient, error: EwsError) -> None:
    if error.code not in GONE:
        raise client.failed(error)
