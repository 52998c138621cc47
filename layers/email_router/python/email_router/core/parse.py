"""Read a message from its bytes; never raise, whatever they are."""

from __future__ import annotations

from datetime import datetime

from email_router.core import (
    address,
    automatic,
    bodies,
    dates,
    delivered_to,
    delivery_report,
    encoded_words,
    headers,
    identifiers,
    parts,
)
from email_router.core.headers import Head
from email_router.core.limits import Defects, Limits
from email_router.core.message import Address, Importance, Message
from email_router.core.parts import Part
from email_router.core.visible import one_line

__all__ = ["Limits", "parse"]

_A_MAIL_HAS = frozenset(
    {
        "from",
        "date",
        "subject",
        "message-id",
        "to",
        "cc",
        "bcc",
        "received",
        "sender",
        "reply-to",
        "return-path",
        "mime-version",
        "content-type",
    }
)
# RFC 5322 3.6 and RFC 2045 let these stand once; From is told of where the author is looked for.
_ONCE = (
    "subject",
    "date",
    "message-id",
    "sender",
    "in-reply-to",
    "references",
    "content-type",
    "content-transfer-encoding",
)
_PEOPLE = (("reply-to", "Reply-To"), ("to", "To"), ("cc", "Cc"), ("bcc", "Bcc"))
_LEVELS = {"low": Importance.LOW, "non-urgent": Importance.LOW, "high": Importance.HIGH, "urgent": Importance.HIGH}
_LEVELS |= {"1": Importance.HIGH, "2": Importance.HIGH, "4": Importance.LOW, "5": Importance.LOW}
_LEVELS |= {"normal": Importance.NORMAL, "3": Importance.NORMAL}
_MOST_DATES = 10
_FEW_BYTES = 80
_DEFAULT_LIMITS = Limits()


def parse(raw: bytes, limits: Limits = _DEFAULT_LIMITS) -> Message:
    """Read a whole message of RFC 5322 and MIME.  Never raises, whatever the bytes; time is linear in their number.

    Above a limit the message holds what its header gives and what was read so far, and a defect beginning with "over limit" names the
    limit.  `unreadable` tells that nothing a mail has was found.
    """
    defects = Defects()
    try:
        return _read(raw, limits, defects)
    except Exception as failure:  # noqa: BLE001 - the outermost boundary: a mail we misjudge must not stop the ones behind it
        defects.add(f"not read: {type(failure).__name__}")
    return _headers_only(raw, limits, defects)


def _headers_only(raw: bytes, limits: Limits, defects: Defects) -> Message:
    try:
        head = headers.split(raw, 0, min(len(raw), limits.header_bytes), limits, defects)
        return _message(raw, head, [], limits, defects)
    except Exception:  # noqa: BLE001 - as above: nothing is left to try
        return Message(size=len(raw), defects=defects.as_tuple(), unreadable=True)


def _read(raw: bytes, limits: Limits, defects: Defects) -> Message:
    if len(raw) > limits.bytes:
        defects.over(f"message longer than {limits.bytes} bytes")
        head = headers.split(raw, 0, min(len(raw), limits.header_bytes * 2), limits, defects)
        return _message(raw, head, [], limits, defects)
    text = _line_ends(raw, defects)
    start = len(text) - len(text.lstrip(b"\r\n"))
    if text.startswith(b"\xef\xbb\xbf", start):
        start += 3
    head = headers.split(text, start, len(text), limits, defects)
    return _message(raw, head, parts.leaves(text, head, limits, defects), limits, defects)


def _line_ends(raw: bytes, defects: Defects) -> bytes:
    """Return the bytes with LF where a system wrote nothing but CR; the line end that POP3 adds at the end changes nothing."""
    first = raw.find(b"\n")
    if first >= 0 and raw[first : first + _FEW_BYTES].strip(b"\r\n"):  # of nearly every mail no copy is made
        return raw
    told = raw.rstrip(b"\r\n")
    if b"\n" in told or b"\r" not in told:
        return raw
    defects.add("lines end in a bare CR")
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _message(raw: bytes, head: Head, leaves: list[Part], limits: Limits, defects: Defects) -> Message:
    contents = bodies.sort(leaves, limits, defects)
    subject = one_line(encoded_words.decode(head.get("subject") or ""))
    author = address.author(head.all("from"), defects)
    _note_repeats(head, defects)

    def people(field: str, name: str) -> tuple[Address, ...]:
        return address.addresses(name, head.all(field), limits, defects)

    return Message(
        size=len(raw),
        message_id=identifiers.first_id(head.get("message-id")),
        in_reply_to=identifiers.first_id(head.get("in-reply-to")),
        references=identifiers.message_ids(head.get("references")),
        conversation_index=identifiers.conversation_index(head.get("thread-index")),
        date=_date(head, defects),
        subject=subject,
        author=author,
        sender=address.sole(head.get("sender") or ""),
        reply_to=people("reply-to", "Reply-To"),
        to=people("to", "To"),
        cc=people("cc", "Cc"),
        bcc=people("bcc", "Bcc"),
        unaddressed=_unaddressed(head, author, limits, defects),
        delivered_to=delivered_to.delivered_to(head, limits, defects),
        text=contents.text,
        html=contents.html,
        attachments=contents.attachments,
        importance=_importance(head),
        auto_submitted=automatic.is_automatic(head, subject),
        bulk=automatic.is_bulk(head),
        delivery_report=delivery_report.read(raw, head, leaves, author, limits),
        headers=tuple(
            (name, encoded_words.decode(value)) if "=?" in value else (name, value) for name, value in head.fields
        ),
        defects=defects.as_tuple(),
        unreadable=_A_MAIL_HAS.isdisjoint(head.first),
    )


def _unaddressed(head: Head, author: Address | None, limits: Limits, defects: Defects) -> tuple[tuple[str, str], ...]:
    """Return field and name of each entry without an address; fields that were read without a doubt are not read again."""

    def doubted(field: str, name: str) -> bool:
        return address.nameless(name) in defects.found or any("@" not in value for value in head.all(field))

    doubtful = [field for field, name in _PEOPLE if doubted(field, name)]
    fields = ["from", *doubtful] if author is None else doubtful
    named = [(field, name) for field in fields for name in address.names_alone(head.all(field), limits)]
    return tuple(named[: limits.addresses])


def _note_repeats(head: Head, defects: Defects) -> None:
    if len(head.fields) == len(head.first):
        return
    for name in _ONCE:
        if len(head.all(name)) > 1:
            defects.add(f"{name}: more than one field, the first counts")
    for name, _ in _PEOPLE:
        if len(head.all(name)) > 1:
            defects.add(f"{name}: more than one field, all count")


def _date(head: Head, defects: Defects) -> datetime | None:
    """Return the date of the first field that can be read, as a broken one says nothing."""
    values = head.all("date")
    for value in values[:_MOST_DATES]:
        found = dates.instant(value)
        if found:
            if dates.is_iso(value):
                defects.add("Date: written as in ISO 8601")
            return found
    defects.add("Date: not readable" if any(values) else "Date: missing")
    return None


def _importance(head: Head) -> Importance:
    """Return the importance by the first field that knows one (RFC 2156 5.3.4 and what Exchange reads)."""
    for field in ("importance", "x-priority", "x-msmail-priority", "priority"):
        words = (head.get(field) or "").lower().split()
        level = _LEVELS.get(words[0].strip("();,")) if words else None
        if level:
            return level
    return Importance.NORMAL
