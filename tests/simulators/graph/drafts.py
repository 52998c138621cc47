"""Write drafts and send them (learn.microsoft.com/graph/api/user-post-messages, message-send)."""

from __future__ import annotations

import base64
import binascii
import re
import time
import uuid
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from tests.simulators.graph import rules
from tests.simulators.graph.http import GraphFailure, Json, Reply, Request, Route
from tests.simulators.graph.rendering import show_message
from tests.simulators.graph.world import RECEIPTS, Item, Mailbox, World

_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_WRITABLE = {
    "subject",
    "body",
    "from",
    "sender",
    "toRecipients",
    "ccRecipients",
    "bccRecipients",
    "replyTo",
    "internetMessageId",
    "importance",
    "internetMessageHeaders",
    "singleValueExtendedProperties",
    *RECEIPTS,
}
_LARGEST_REQUEST = 4 * 1024 * 1024
_RECIPIENT_FIELDS = (("To", "toRecipients"), ("Cc", "ccRecipients"), ("Bcc", "bccRecipients"))
_THREAD = {"String 0x1042": "In-Reply-To", "String 0x1039": "References", "Binary 0x71": "Thread-Index"}


def make_draft(world: World, request: Request, user: str) -> Reply:
    """Make a draft of MIME (text/plain, base64) or of JSON."""
    mailbox = world.mailbox(user)
    if mailbox.state == "full":
        raise GraphFailure(403, "ErrorQuotaExceeded", "The mailbox is over its quota.")
    if len(request.body) > _LARGEST_REQUEST:
        raise GraphFailure(413, "RequestEntityTooLarge", "The request entity is too large.")
    mime = request.headers.get("content-type", "").startswith("text/plain")
    raw, written = (_mime_of(request.body), {}) if mime else (b"", _checked(request.json()))
    item = mailbox.add(raw, "drafts", is_draft=True, is_read=True)
    asked = {name for name in RECEIPTS if written.get(name)}
    item.asks = asked | ({RECEIPTS[1]} if b"\nDisposition-Notification-To:" in raw else set())
    if written:
        item.written = written
        rebuild(item)
    if "own_ids" in world.quirks:
        _rename(item)
    shown = show_message(item, immutable=request.immutable, select=[], extended=[])
    if "no_draft_ids" in world.quirks:
        del shown["id"]
    return Reply(201, {"@odata.context": f"{request.base}/v1.0/$metadata#users/messages/$entity", **shown})


def send_draft(world: World, request: Request, user: str, item_id: str) -> Reply:
    """Send a draft: it lies in Sent Items under the same immutable id, and a copy in each recipient's inbox."""
    mailbox = world.mailbox(user)
    item = mailbox.item(item_id)
    if not item.is_draft:
        raise GraphFailure(400, "ErrorInvalidRequest", "The item is not a draft.")
    author = _addresses(item.message, "From")
    if author and author[0] != mailbox.address.lower() and "no_send_as" in world.quirks:
        raise GraphFailure(
            403, "ErrorSendAsDenied", "The user account which was used to submit this request has no right to send."
        )
    if author and author[0] != mailbox.address.lower() and "on_behalf" in world.quirks:
        item.rewrite(f"Sender: {mailbox.address}\r\n".encode() + item.raw)  # the right is Send on Behalf, not Send As
    recipients = [one for name, _ in _RECIPIENT_FIELDS for one in _addresses(item.message, name)]
    if not recipients:
        raise GraphFailure(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.")
    _throttle(world, mailbox)
    _deliver(world, item, recipients)
    mailbox.move(item, "sentitems")
    item.is_draft = False
    item.moves += 1
    return Reply(202)


def rebuild(item: Item) -> None:
    """Write the MIME of a draft that was given as JSON, with its attachments."""
    written = item.written
    message = EmailMessage()
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Subject"] = written.get("subject", "")
    if written.get("from"):
        message["From"] = _shown(written["from"])
    for name, field in _RECIPIENT_FIELDS:
        if written.get(field):
            message[name] = ", ".join(_shown(one) for one in written[field])
    message["Message-ID"] = written.get("internetMessageId") or f"<{uuid.uuid4()}@prod.outlook.example>"
    for one in written.get("internetMessageHeaders", []):
        message[one["name"]] = one["value"]
    for one in written.get("singleValueExtendedProperties", []):
        if one["id"] in _THREAD:
            message[_THREAD[one["id"]]] = one["value"]
    body = written.get("body") or {"contentType": "text", "content": ""}
    message.set_content(body["content"], subtype="html" if str(body["contentType"]).lower() == "html" else "plain")
    for one in item.attachments:
        main, _, sub = one.get("contentType", "application/octet-stream").partition("/")
        more: dict[str, Any] = {"cid": f"<{one['contentId']}>"} if one.get("contentId") else {}
        shown = "inline" if one.get("isInline") else "attachment"
        message.add_attachment(
            one["content"], maintype=main, subtype=sub, filename=one["name"], disposition=shown, **more
        )
    item.rewrite(message.as_bytes())


def _mime_of(body: bytes) -> bytes:
    try:
        raw = base64.b64decode(body, validate=True)
    except binascii.Error as broken:
        text = "The MIME content contains an invalid base64 string."
        raise GraphFailure(400, "ErrorMimeContentInvalidBase64String", text) from broken
    if b":" not in raw.partition(b"\n")[0]:
        raise GraphFailure(400, "ErrorMimeContentInvalid", "The MIME content is invalid.")
    return raw


def _checked(written: Json) -> Json:
    unknown = {name for name in written if not name.startswith("@odata.")} - _WRITABLE
    if unknown:
        raise GraphFailure(400, "ErrorInvalidPropertySet", f"The property '{min(unknown)}' can not be set.")
    for one in written.get("internetMessageHeaders", []):
        if not one["name"].lower().startswith("x-"):
            raise GraphFailure(
                400,
                "InvalidInternetMessageHeader",
                f"The internet message header name '{one['name']}' should start with 'x-'.",
            )
    for _, field in _RECIPIENT_FIELDS:
        for one in written.get(field, []):
            if not _ADDRESS.fullmatch(one["emailAddress"]["address"]):
                raise GraphFailure(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.")
    return written


def _shown(person: Json) -> str:
    address = person["emailAddress"]
    return f'"{address["name"]}" <{address["address"]}>' if address.get("name") else str(address["address"])


def _addresses(message: EmailMessage, name: str) -> list[str]:
    return [one.addr_spec.lower() for field in message.get_all(name, []) for one in getattr(field, "addresses", ())]


def _rename(item: Item) -> None:
    """Put an id of Exchange's own in place of the one given."""
    own = f"<AM0PR00MB{item.number:04d}@AM0PR00MB0001.eurprd00.prod.outlook.example>"
    old = str(item.message["Message-ID"])
    item.rewrite(item.raw.replace(f"Message-ID: {old}".encode(), f"Message-ID: {own}".encode(), 1))


def _throttle(world: World, mailbox: Mailbox) -> None:
    now = time.monotonic()
    lately = [at for at in world.sends.get(mailbox.address, []) if now - at < 60]
    if len(lately) >= world.sends_a_minute:
        raise GraphFailure(
            429, "ApplicationThrottled", "The mailbox is over its message rate limit.", {"Retry-After": "60"}
        )
    world.sends[mailbox.address] = [*lately, now]


def _deliver(world: World, item: Item, recipients: list[str]) -> None:
    raw = re.sub(rb"(?im)^bcc:.*(?:\r?\n[ \t].*)*\r?\n", b"", item.raw, count=1)
    for one in dict.fromkeys(recipients):
        box = world.mailboxes.get(one)
        if box is not None and box.state == "ok":
            rules.arrive(world, box, box.add(raw))
        else:
            world.outside.append((one, raw))


ROUTES = [
    Route("POST", "/v1.0/users/{}/messages", make_draft),
    Route("POST", "/v1.0/users/{}/messages/{}/send", send_draft),
]
