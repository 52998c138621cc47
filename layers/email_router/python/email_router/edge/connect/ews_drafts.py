"""Make, find and send drafts by EWS; each bears the e-mail that it is of, in a property that nobody sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from exchangelib.util import TNS  # type: ignore[import-untyped]

from email_router.edge.connect.ews_errors import GONE, EwsError
from email_router.edge.connect.ews_items import get_item
from email_router.edge.connect.ews_reading import instant, reads
from email_router.edge.connect.ews_wire import MIME, child_text, element

if TYPE_CHECKING:
    from datetime import datetime

    from email_router.core.octets import Octets
    from email_router.core.sending import Envelope
    from email_router.edge.connect.ews import EwsClient

_CLOCKS_DIFFER = timedelta(minutes=5)
_CREATED = "item:DateTimeCreated"
_OURS = {"DistinguishedPropertySetId": "PublicStrings", "PropertyName": "EmailRouterActivity", "PropertyType": "String"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail of ours in the mailbox: its id, the key of its version, whether it still waits to be sent, and when Exchange made it."""

    id: str
    key: str
    waiting: bool
    created: datetime | None = None

    def precedes(self, other: Draft) -> bool:
        """Tell whether this one was certainly made before the other: by more than the clocks of Exchange's servers may differ."""
        return bool(self.created and other.created and self.created < other.created - _CLOCKS_DIFFER)


def mark_of(envelope: Envelope) -> str:
    """Return what our property holds."""
    return f"{envelope.organisation}/{envelope.activity}"


@reads
def make_draft(client: EwsClient, envelope: Envelope, mail: Octets) -> Draft:
    """Make the draft.  Raises EwsError."""
    extended = element(
        "t:ExtendedProperty", element("t:ExtendedFieldURI", **_OURS), element("t:Value", text=mark_of(envelope))
    )
    receipt = element("t:IsDeliveryReceiptRequested", text="true") if envelope.delivery_receipt else None
    message = element("t:Message", element("t:MimeContent", text=MIME, CharacterSet="UTF-8"), extended, receipt)
    where = element("m:SavedItemFolderId", client.folder("drafts"))
    payload = element("m:CreateItem", where, element("m:Items", message), MessageDisposition="SaveOnly")
    (answer,) = client.call(payload, repeatable=False, mime=mail)
    return _draft(answer, waiting=True)


@reads
def find(client: EwsClient, envelope: Envelope, folder: str, *, waiting: bool) -> list[Draft]:
    """Return the mails of this e-mail in a folder.  Raises EwsError."""
    constant = element("t:FieldURIOrConstant", element("t:Constant", Value=mark_of(envelope)))
    payload = element(
        "m:FindItem",
        element(
            "m:ItemShape",
            element("t:BaseShape", text="IdOnly"),
            element("t:AdditionalProperties", element("t:FieldURI", FieldURI=_CREATED)),
        ),
        element("m:Restriction", element("t:IsEqualTo", element("t:ExtendedFieldURI", **_OURS), constant)),
        element("m:ParentFolderIds", client.folder(folder)),
        Traversal="Shallow",
    )
    (answer,) = client.call(payload)
    return [_draft(one.getparent(), waiting=waiting) for one in answer.iter(f"{{{TNS}}}ItemId")]


@reads
def look_at(client: EwsClient, item_id: str) -> Draft | None:
    """Return what an id leads to now, or None when it is gone.  Raises EwsError."""
    wanted = (element("t:FieldURI", FieldURI="item:IsDraft"), element("t:FieldURI", FieldURI=_CREATED))
    (row,) = client.rows(get_item([item_id], *wanted))
    if isinstance(row, EwsError):
        if row.code in GONE:
            return None
        raise row
    return _draft(row, waiting=child_text(row, "IsDraft") == "true")


def send_draft(client: EwsClient, draft: Draft) -> None:
    """Send the draft and keep it in Sent Items.  Raises EwsError, and AnswerLost when nobody knows."""
    payload = element(
        "m:SendItem",
        element("m:ItemIds", element("t:ItemId", Id=draft.id, ChangeKey=draft.key)),
        element("m:SavedItemFolderId", client.folder("sentitems")),
        SaveItemToFolder="true",
    )
    client.call(payload, repeatable=False)


def remove(client: EwsClient, ids: list[str], how: str = "HardDelete") -> None:
    """Delete drafts, for good or as `how` says; one that is gone is no error.  Raises EwsError."""
    items = element("m:ItemIds", *(element("t:ItemId", Id=one) for one in ids))
    for row in client.rows(element("m:DeleteItem", items, DeleteType=how)):
        if isinstance(row, EwsError) and row.code not in GONE:
            raise row


def _draft(answer: Any, *, waiting: bool) -> Draft:  # noqa: ANN401 - lxml has no types
    found = answer.find(f".//{{{TNS}}}ItemId")
    return Draft(found.get("Id"), found.get("ChangeKey", ""), waiting, instant(child_text(answer, "DateTimeCreated")))
