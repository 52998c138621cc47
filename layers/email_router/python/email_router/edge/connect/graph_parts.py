"""Take a composed mail apart into what Graph asks for: a message as JSON, and its attachments one by one."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from email_router.core.wire import mail_address
from email_router.edge.connect.graph_content import Content, Leaf, header_of, leaves

if TYPE_CHECKING:
    from email.message import EmailMessage

    from email_router.core.octets import Octets
    from email_router.core.sending import Envelope
    from email_router.edge.connect.graph_errors import JsonObject

_IN_REPLY_TO = "String 0x1042"  # PidTagInReplyToId (MS-OXOMSG 2.2.1.14)
_REFERENCES = "String 0x1039"  # PidTagInternetReferences (MS-OXOMSG 2.2.1.15)
_INDEX = "Binary 0x71"  # PidTagConversationIndex (MS-OXOMSG 2.2.1.3)


@dataclass(frozen=True, slots=True)
class Part:
    """One attachment; `content_id` is without <>, `inline` that a picture of the text it is."""

    name: str
    media_type: str
    content: Content
    inline: bool = False
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """The message as JSON bytes, its attachments, and whom its header names (case folded)."""

    message: bytes = field(repr=False)
    attachments: tuple[Part, ...]
    named: frozenset[str]


def parts_of(envelope: Envelope, composed: Octets) -> Parts:
    """Take the mail apart.  It is our own: ASCII, within the limits of our composer."""
    mail, _ = header_of(composed)
    found = list(leaves(composed))
    html, plain = (_text_of(found, kind) for kind in ("text/html", "text/plain"))
    to, cc = _people(mail, "To"), _people(mail, "Cc")
    named = frozenset(one["emailAddress"]["address"].casefold() for one in (*to, *cc))
    blind = [_person("", mail_address(one)) for one in envelope.recipients if one.casefold() not in named]
    author = next(iter(_people(mail, "From")), _person("", envelope.sender))
    message: JsonObject = {
        "subject": str(mail["Subject"] or ""),
        "body": _body(html or plain),
        "from": author,
        "toRecipients": to,
        "ccRecipients": cc,
        "bccRecipients": blind,
        "internetMessageId": str(mail["Message-ID"] or envelope.message_id),
        "importance": str(mail["Importance"] or "normal").lower(),
        "isReadReceiptRequested": True if mail["Disposition-Notification-To"] else "",
        "isDeliveryReceiptRequested": envelope.delivery_receipt or "",
        "internetMessageHeaders": [
            {"name": name, "value": str(value)} for name, value in mail.items() if name[:2] == "X-"
        ],
        "singleValueExtendedProperties": _thread(mail),
    }
    kept = {name: value for name, value in message.items() if value not in ([], "")}
    attached = [one for one in found if one is not html and one is not plain]
    parts = (_part(one, number) for number, one in enumerate(attached, 1))
    return Parts(json.dumps(kept).encode(), tuple(parts) if mail.get_content_maintype() == "multipart" else (), named)


def _people(mail: EmailMessage, name: str) -> list[JsonObject]:
    found = getattr(mail[name], "addresses", ())
    return [_person(one.display_name, one.addr_spec) for one in found]


def _person(name: str, address: str) -> JsonObject:
    return {"emailAddress": {"name": name, "address": address} if name else {"address": address}}


def _text_of(found: list[Leaf], kind: str) -> Leaf | None:
    """Return the text that is shown, or None."""
    texts = (one for one in found if one.header.get_content_type() == kind)
    return next((one for one in texts if one.header.get_content_disposition() != "attachment"), None)


def _body(shown: Leaf | None) -> JsonObject:
    if shown is None:
        return {"contentType": "text", "content": ""}
    html = shown.header.get_content_subtype() == "html"
    return {"contentType": "html" if html else "text", "content": shown.text()}


def _part(leaf: Leaf, number: int) -> Part:
    header = leaf.header
    return Part(
        name=header.get_filename() or f"attachment-{number}",
        media_type=header.get_content_type(),
        content=leaf.content(),
        inline=header.get_content_disposition() == "inline" and bool(header["Content-ID"]),
        content_id=str(header["Content-ID"] or "").strip().strip("<>"),
    )


def _thread(mail: EmailMessage) -> list[JsonObject]:
    """The fields of the thread as the store's own properties: Graph takes header fields only where they begin with X-."""
    found = [
        (_IN_REPLY_TO, str(mail["In-Reply-To"] or "")),
        (_REFERENCES, " ".join(str(mail["References"] or "").split())),
        (_INDEX, str(mail["Thread-Index"] or "")),
    ]
    return [{"id": name, "value": value} for name, value in found if value and (name != _INDEX or _is_base64(value))]


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True
