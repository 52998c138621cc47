"""Take a composed mail apart into what Graph asks for: a message as JSON, and its attachments one by one."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

from email_router.core.wire import mail_address

if TYPE_CHECKING:
    from email.message import EmailMessage

    from email_router.core.sending import Envelope
    from email_router.edge.connect.graph_errors import JsonObject

_IN_REPLY_TO = "String 0x1042"  # PidTagInReplyToId (MS-OXOMSG 2.2.1.14)
_REFERENCES = "String 0x1039"  # PidTagInternetReferences (MS-OXOMSG 2.2.1.15)
_INDEX = "Binary 0x71"  # PidTagConversationIndex (MS-OXOMSG 2.2.1.3)


@dataclass(frozen=True, slots=True)
class Part:
    """One attachment with its decoded bytes; `content_id` is without <>, `inline` that a picture of the text it is."""

    name: str
    media_type: str
    content: bytes = field(repr=False)
    inline: bool = False
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """The message as JSON bytes, its attachments, and whom its header names (case folded)."""

    message: bytes = field(repr=False)
    attachments: tuple[Part, ...]
    named: frozenset[str]


def parts_of(envelope: Envelope, composed: bytes) -> Parts:
    """Take the mail apart.  It is our own: ASCII, within the limits of our composer."""
    mail: EmailMessage = message_from_bytes(composed, policy=policy.default)
    to, cc = _people(mail, "To"), _people(mail, "Cc")
    named = frozenset(one["emailAddress"]["address"].casefold() for one in (*to, *cc))
    blind = [_person("", mail_address(one)) for one in envelope.recipients if one.casefold() not in named]
    author = next(iter(_people(mail, "From")), _person("", envelope.sender))
    message: JsonObject = {
        "subject": str(mail["Subject"] or ""),
        "body": _body(mail),
        "from": author,
        "toRecipients": to,
        "ccRecipients": cc,
        "bccRecipients": blind,
        "internetMessageId": str(mail["Message-ID"] or envelope.message_id),
        "importance": str(mail["Importance"] or "normal").lower(),
        "internetMessageHeaders": [
            {"name": name, "value": str(value)} for name, value in mail.items() if name[:2] == "X-"
        ],
        "singleValueExtendedProperties": _thread(mail),
    }
    kept = {name: value for name, value in message.items() if value not in ([], "")}
    return Parts(json.dumps(kept).encode(), tuple(_attachments(mail)), named)


def _people(mail: EmailMessage, name: str) -> list[JsonObject]:
    found = getattr(mail[name], "addresses", ())
    return [_person(one.display_name, one.addr_spec) for one in found]


def _person(name: str, address: str) -> JsonObject:
    return {"emailAddress": {"name": name, "address": address} if name else {"address": address}}


def _body(mail: EmailMessage) -> JsonObject:
    part = mail.get_body(("html", "plain"))
    if part is None:
        return {"contentType": "text", "content": ""}
    return {"contentType": "html" if part.get_content_subtype() == "html" else "text", "content": part.get_content()}


def _attachments(mail: EmailMessage) -> list[Part]:
    bodies = [one for one in (mail.get_body(("html",)), mail.get_body(("plain",))) if one is not None]
    leaves = [one for one in mail.walk() if not one.is_multipart() and all(one is not body for body in bodies)]
    return [_part(one, number) for number, one in enumerate(leaves, 1)] if mail.is_multipart() else []


def _part(part: EmailMessage, number: int) -> Part:
    content = part.get_payload(decode=True)
    return Part(
        name=part.get_filename() or f"attachment-{number}",
        media_type=part.get_content_type(),
        content=content if isinstance(content, bytes) else b"",
        inline=part.get_content_disposition() == "inline" and bool(part["Content-ID"]),
        content_id=str(part["Content-ID"] or "").strip().strip("<>"),
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
