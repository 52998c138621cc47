"""Show messages and folders as Graph's JSON, derived from the raw MIME."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

from tests.simulators.graph.http import GraphFailure, Json, Request
from tests.simulators.graph.world import RECEIPTS, Folder, Item, Mailbox

_SIZE = "Integer 0xe08"  # PidTagMessageSize
_EXPANDED = re.compile(r"id eq '([^']+)'", re.IGNORECASE)
_ONLY_SELECTED = {"internetMessageHeaders", "uniqueBody", "conversationIndex"}


def moment(instant: datetime) -> str:
    """Return an instant as Graph writes it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def selected(request: Request) -> list[str]:
    """Return the properties that $select names, or none."""
    return [name for name in request.query.get("$select", "").split(",") if name]


def expanded(request: Request) -> list[str]:
    """Return the ids of the extended properties that $expand names."""
    expand = request.query.get("$expand", "")
    return _EXPANDED.findall(expand) if expand.lower().startswith("singlevalueextendedproperties") else []


def show_message(item: Item, *, immutable: bool, select: Iterable[str] = (), extended: Iterable[str] = ()) -> Json:
    """Return a message; without $select all of its usual properties.  Graph's 400 for a property that there is none of."""
    everything = _properties(item)
    wanted = list(select) or [name for name in everything if name not in _ONLY_SELECTED]
    unknown = [name for name in wanted if name not in everything and name != "id"]
    if unknown:
        raise GraphFailure(
            400, "BadRequest", f"Could not find a property named '{unknown[0]}' on type 'microsoft.graph.message'."
        )
    shown: Json = {"@odata.etag": f'W/"{_change_key(item)}"', "id": item.immutable_id if immutable else item.id}
    shown |= {name: everything[name] for name in wanted if name != "id"}
    found = _extended(item, extended)
    if found:
        shown["singleValueExtendedProperties"] = found
    return shown


def show_folder(mailbox: Mailbox, folder: Folder) -> Json:
    """Return a folder with its counts."""
    inside = list(mailbox.listed(folder.id))
    return {
        "id": folder.id,
        "displayName": folder.name,
        "parentFolderId": folder.parent or folder.id,
        "childFolderCount": sum(other.parent == folder.id for other in mailbox.folders),
        "unreadItemCount": sum(not item.is_read for item in inside),
        "totalItemCount": len(inside),
        "isHidden": False,
    }


def _properties(item: Item) -> Json:
    message = item.message
    body, kind = _body(message)
    sent = _sent(message) or item.received
    return {
        "createdDateTime": moment(item.received),
        "lastModifiedDateTime": moment(item.received),
        "changeKey": _change_key(item),
        "categories": [],
        "receivedDateTime": moment(item.received),
        "sentDateTime": moment(sent),
        "hasAttachments": any(True for _ in message.iter_attachments()) if message.is_multipart() else False,
        "internetMessageId": _text(message, "message-id"),
        "subject": _text(message, "subject"),
        "bodyPreview": " ".join(body.split())[:255],
        "importance": _importance(message),
        "parentFolderId": item.folder,
        "conversationId": _conversation(item),
        "conversationIndex": _text(message, "thread-index") or None,
        "isDeliveryReceiptRequested": RECEIPTS[0] in item.asks or None,
        "isReadReceiptRequested": RECEIPTS[1] in item.asks,
        "isRead": item.is_read,
        "isDraft": item.is_draft,
        "webLink": "https://outlook.office365.com/owa/",
        "inferenceClassification": "focused",
        "body": {"contentType": kind, "content": body},
        "uniqueBody": {"contentType": kind, "content": body},
        "sender": _first(message, "sender") or _first(message, "from"),
        "from": _first(message, "from"),
        "toRecipients": _recipients(message, "to"),
        "ccRecipients": _recipients(message, "cc"),
        "bccRecipients": _recipients(message, "bcc"),
        "replyTo": _recipients(message, "reply-to"),
        "flag": {"flagStatus": "notFlagged"},
        "internetMessageHeaders": [{"name": name, "value": str(value)} for name, value in message.items()],
    }


def _extended(item: Item, wanted: Iterable[str]) -> list[Json]:
    values = {_SIZE: str(len(item.raw))} | {canonical(name): value for name, value in item.extended.items()}
    found = [(canonical(name), values.get(canonical(name))) for name in wanted]
    return [{"id": name, "value": value} for name, value in found if value is not None]


def canonical(property_id: str) -> str:
    """Return the id of an extended property as Exchange writes it back: `integer 0x0E08` -> `Integer 0xe08`."""
    kind, _, rest = property_id.partition(" ")
    if rest.lower().startswith("0x"):
        return f"{kind.title()} 0x{int(rest, 16):x}"
    return f"{kind.title()} {rest}"


def _change_key(item: Item) -> str:
    return base64.b64encode(f"CQAAABYAAAB{item.number:08d}{item.changed:08d}".encode()).decode()


def _conversation(item: Item) -> str:
    references = _text(item.message, "references") or _text(item.message, "in-reply-to")
    first = (references or _text(item.message, "message-id") or str(item.number)).split()[0]
    return "AAQk" + base64.urlsafe_b64encode(hashlib.sha256(first.encode()).digest()).decode()


def _text(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name, "")).strip()
    except (ValueError, IndexError, AttributeError):  # what no parser reads is shown as nothing
        return ""


def _sent(message: EmailMessage) -> datetime | None:
    try:
        return parsedate_to_datetime(_text(message, "date"))
    except (ValueError, TypeError, IndexError):
        return None


def _importance(message: EmailMessage) -> str:
    word = _text(message, "importance").lower()
    return word if word in {"low", "high"} else "normal"


def _recipients(message: EmailMessage, name: str) -> list[Json]:
    try:
        addresses: tuple[Address, ...] = getattr(message[name], "addresses", ()) if name in message else ()
        return [
            {"emailAddress": {"name": one.display_name or one.addr_spec, "address": one.addr_spec}} for one in addresses
        ]
    except (ValueError, IndexError, AttributeError):
        return []


def _first(message: EmailMessage, name: str) -> Json | None:
    found = _recipients(message, name)
    return found[0] if found else None


def _body(message: EmailMessage) -> tuple[str, str]:
    try:
        part = message.get_body(preferencelist=("html", "plain"))
        if part is None:
            return "", "text"
        return str(part.get_content()), "html" if part.get_content_subtype() == "html" else "text"
    except (ValueError, KeyError, LookupError, AttributeError):
        return "", "text"
