"""Make, find, look at and remove drafts in a mailbox of Exchange Online.

A draft is asked for by its immutable id, which it keeps when it is sent and lies in Sent Items
(learn.microsoft.com/graph/outlook-immutable-id).
"""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from email_router.core.errors import MessageRefused, RouterError, TryLater
from email_router.core.octets import replaced
from email_router.core.wire import mail_address
from email_router.edge.connect.graph_errors import NOT_FOUND, GraphReply, means_mailbox
from email_router.edge.connect.graph_mime import message_path
from email_router.edge.connect.graph_parts import parts_of
from email_router.edge.connect.graph_upload import attach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from email_router.core.octets import Octets
    from email_router.core.sending import Envelope
    from email_router.edge.connect.graph import GraphClient
    from email_router.edge.connect.graph_errors import JsonObject
    from email_router.edge.connect.graph_parts import Part

IMMUTABLE = 'IdType="ImmutableId"'
LARGEST_MIME = 2 * 1024 * 1024
"""Above this the e-mail goes in parts: MIME of over 2,240 KB was reported as taken and never sent (microsoft-graph-docs#13979)."""

_SHOWN = "$select=id,isDraft,internetMessageId,parentFolderId"
_ERROR = 400
_NAMES_NOBODY = re.compile(rb"^To:[ \t]*undisclosed-recipients:;\r\n", re.IGNORECASE | re.MULTILINE)
_REFUSED = {
    "errorinvalidrecipients": "Correct the recipients' addresses.",
    "errormimecontentinvalid": "Write the e-mail again; if it happens to every e-mail, tell whoever runs the router.",
    "errormimecontentinvalidbase64string": "Write the e-mail again; if it happens to every e-mail, tell whoever runs the router.",
    "errormessagesizeexceeded": "Send fewer or smaller attachments, or raise the mailbox's limit (Set-Mailbox -MaxSendSize).",
    "requestentitytoolarge": "Send fewer or smaller attachments.",
    "errorsendasdenied": "Give the mailbox that sends the right Send As or Send on Behalf for the From address.",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft, or what was one: `waiting` tells that it is still a draft, `outbox` that Exchange is sending it.

    `discarded`: it is a draft that was thrown away.
    """

    id: str
    message_id: str
    waiting: bool
    outbox: bool = False
    discarded: bool = False


def make_draft(client: GraphClient, envelope: Envelope, composed: Octets) -> Draft:
    """Make the draft: of the composed bytes, or of their parts where these are large.

    MIME has no field by which Exchange could be asked for delivery receipts (RFC 3461 asks in the envelope): the draft is changed for it.
    Raises MessageRefused where Graph takes no such mail.
    """
    whole = len(composed) <= LARGEST_MIME
    if whole:
        content, media_type = base64.b64encode(with_blind_copies(envelope, composed)[:]), "text/plain"
        files: tuple[Part, ...] = ()
    else:
        parts = parts_of(envelope, composed)
        content, media_type, files = parts.message, "application/json", parts.attachments
    draft = _draft(_posted(client, content, media_type))
    try:
        if whole and envelope.delivery_receipt:
            wanted = {"isDeliveryReceiptRequested": True}
            client.call("PATCH", message_path(client, draft.id), content=wanted, prefer=(IMMUTABLE,))
        for one in files:
            attach(client, draft.id, one)
    except RouterError:
        with suppress(RouterError):  # the first trouble is the one to tell; the next attempt removes what stays
            remove(client, draft.id)
        raise
    return draft


def look_at(client: GraphClient, draft_id: str) -> Draft | None:
    """Return the draft as it is now, or None when nothing has this id any more."""
    reply = _get(client, f"{message_path(client, draft_id)}?{_SHOWN}", (NOT_FOUND,))
    if reply.status == NOT_FOUND:
        return None
    row = reply.json()
    found, folder = _draft(row), row.get("parentFolderId")
    if found.waiting and folder == _folder(client, "outbox"):
        return replace(found, outbox=True)
    return replace(found, discarded=found.waiting and folder == _folder(client, "deleteditems"))


def find(client: GraphClient, message_id: str) -> list[Draft]:
    """Return everything in the mailbox with our Message-ID: drafts, and what was sent."""
    wanted = quote(message_id.replace("'", "''"), safe="")
    reply = _get(client, f"{client.user}/messages?$filter=internetMessageId eq '{wanted}'&{_SHOWN}")
    rows = reply.json().get("value")
    return [_draft(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def remove(client: GraphClient, draft_id: str) -> None:
    """Remove a draft that nobody kept; repeatable."""
    client.call("DELETE", message_path(client, draft_id), prefer=(IMMUTABLE,), accept=(NOT_FOUND,))


def refusal_of(reply: GraphReply) -> MessageRefused | None:
    """Return why Graph refuses this one mail for good, or None when the answer means something else."""
    mend = _REFUSED.get(reply.code.lower())
    if mend is None and (reply.status != _ERROR or means_mailbox(reply)):
        return None
    words = f"HTTP {reply.status} {reply.code}: {reply.words}"
    return MessageRefused(f"Graph refuses the e-mail ({words})", kind="refused", mend=mend or "Correct the e-mail.")


def with_blind_copies(envelope: Envelope, composed: Octets) -> Octets:
    """Return the mail with a Bcc field for those who are in the envelope alone: Graph knows no other envelope than the header."""
    end = composed.find(b"\r\n\r\n") + 2
    header = composed[:end]
    shown = _NAMES_NOBODY.sub(b"", header)
    named = parts_of(envelope, header + b"\r\n").named
    blind = [mail_address(one) for one in envelope.recipients if one.casefold() not in named]
    field = b"Bcc: " + b",\r\n ".join(one.encode("ascii") for one in blind) + b"\r\n" if blind else b""
    return replaced(composed, end, field + shown)


def _posted(client: GraphClient, content: bytes, media_type: str) -> JsonObject:
    answer = client.open(
        "POST", f"{client.user}/messages", body=content, content_type=media_type, prefer=(IMMUTABLE,), repeatable=False
    )
    reply = GraphReply(answer.status, answer.headers, answer.read())
    if reply.status >= _ERROR:
        raise refusal_of(reply) or client.failure(reply)
    return reply.json()


def _get(client: GraphClient, path: str, accept: Sequence[int] = ()) -> GraphReply:
    return client.call("GET", path, prefer=(IMMUTABLE,), accept=accept)


def _folder(client: GraphClient, name: str) -> str:
    reply = client.call("GET", f"{client.user}/mailFolders/{name}", accept=(NOT_FOUND,))
    return str(reply.json().get("id", "")) if reply.status != NOT_FOUND else ""


def _draft(row: JsonObject) -> Draft:
    """Raises TryLater for a message without an id: nobody could send or remove it, and without an id it would be made again and again."""
    if not row.get("id"):
        raise TryLater("Graph named no id of a message", kind="graph_answer")
    return Draft(str(row.get("id", "")), str(row.get("internetMessageId") or ""), bool(row.get("isDraft")))
