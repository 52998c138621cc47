"""Read mail with the standard library: by policy.default, the baseline, and by compat32 with everything decoded by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.message import Message as StandardMessage
from email.parser import BytesParser
from email.utils import getaddresses, parsedate_to_datetime
from functools import partial
from typing import TypeVar

from email_router.core.message import Address, Attachment, Message

T = TypeVar("T")
_NOBODY: tuple[Address, ...] = ()
_PEOPLE = ("from", "reply-to", "to", "cc", "bcc")

RAISED = (LookupError, ValueError, TypeError, AttributeError, MessageError, RecursionError)
"""What the library raises on mails of the corpora: such a value counts as not found."""


def found_or(value: Callable[[], T], otherwise: T) -> T:
    """Return what a library finds, or the other thing where it raises."""
    try:
        return value()
    except RAISED:
        return otherwise


def read_default(raw: bytes) -> None:
    """Decode everything, as performance.md's baseline does."""
    mail = BytesParser(policy=policy.default).parsebytes(raw)
    for name in ("subject", "from", "to", "cc", "date", "message-id"):
        with suppress(*RAISED):
            _ = mail[name]
    for part in mail.walk():
        if not part.is_multipart():
            with suppress(*RAISED):
                part.get_filename()
                part.get_content()


def message_default(raw: bytes) -> Message:
    """Return what policy.default finds."""
    mail = BytesParser(policy=policy.default).parsebytes(raw)
    people = {name: found_or(partial(_people, mail, name), _NOBODY) for name in _PEOPLE}
    texts, pages, files = _sorted(mail, _text_default, _content_default)
    return Message(
        size=len(raw),
        subject=found_or(lambda: str(mail["subject"] or ""), ""),
        message_id=found_or(lambda: (mail["message-id"] or "").strip() or None, None),
        in_reply_to=found_or(lambda: (mail["in-reply-to"] or "").strip() or None, None),
        date=found_or(lambda: in_utc(mail["date"].datetime), None),
        author=people["from"][0] if people["from"] else None,
        reply_to=people["reply-to"],
        to=people["to"],
        cc=people["cc"],
        bcc=people["bcc"],
        text="\n".join(texts),
        html="\n".join(pages),
        attachments=tuple(files),
    )


def _people(mail: EmailMessage, name: str) -> tuple[Address, ...]:
    found = mail[name].addresses if mail[name] else ()
    return tuple(Address(one.display_name, one.addr_spec) for one in found if one.addr_spec)


def _text_default(part: StandardMessage) -> str:
    return found_or(lambda: str(part.get_content()) if isinstance(part, EmailMessage) else "", "")


def _content_default(part: StandardMessage) -> bytes:
    content = part.get_content() if isinstance(part, EmailMessage) else b""
    if isinstance(content, StandardMessage):
        return content.as_bytes()
    return content if isinstance(content, bytes) else part.get_payload(decode=True) or b""  # type: ignore[return-value]  # bytes for leaves


def read_compat32(raw: bytes) -> None:
    """Decode everything by hand."""
    mail = BytesParser().parsebytes(raw)
    for name in ("subject", "from", "to", "cc", "date", "message-id"):
        with suppress(*RAISED):
            _unfolded(mail[name])
    for part in mail.walk():
        if not part.is_multipart():
            with suppress(*RAISED):
                part.get_filename()
                _text_compat32(part) if part.get_content_maintype() == "text" else part.get_payload(decode=True)


def message_compat32(raw: bytes) -> Message:
    """Return what compat32 finds when RFC 2047 is decoded by hand."""
    mail = BytesParser().parsebytes(raw)

    def people(name: str) -> tuple[Address, ...]:
        pairs = getaddresses([str(one) for one in mail.get_all(name, [])])
        return tuple(Address(found_or(partial(_unfolded, shown), ""), address) for shown, address in pairs if address)

    texts, pages, files = _sorted(mail, lambda part: found_or(lambda: _text_compat32(part), ""), _content_compat32)
    found = {name: found_or(partial(people, name), _NOBODY) for name in _PEOPLE}
    return Message(
        size=len(raw),
        subject=found_or(lambda: _unfolded(mail["subject"]), ""),
        message_id=(str(mail["message-id"] or "")).strip() or None,
        in_reply_to=(str(mail["in-reply-to"] or "")).strip() or None,
        date=found_or(lambda: in_utc(parsedate_to_datetime(str(mail["date"]))), None),
        author=found["from"][0] if found["from"] else None,
        reply_to=found["reply-to"],
        to=found["to"],
        cc=found["cc"],
        bcc=found["bcc"],
        text="\n".join(texts),
        html="\n".join(pages),
        attachments=tuple(files),
    )


def _unfolded(value: object) -> str:
    return " ".join(str(make_header(decode_header(str(value or "")))).split())


def _text_compat32(part: StandardMessage) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    return content.decode(part.get_content_charset() or "utf-8", "replace")


def _content_compat32(part: StandardMessage) -> bytes:
    inner = part.get_payload()
    if isinstance(inner, list):
        return b"".join(one.as_bytes() for one in inner if isinstance(one, StandardMessage))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _sorted(
    mail: StandardMessage, text: Callable[[StandardMessage], str], content: Callable[[StandardMessage], bytes]
) -> tuple[list[str], list[str], list[Attachment]]:
    """Sort the parts of a standard message as ours are sorted: an attached mail is one attachment."""
    texts: list[str] = []
    pages: list[str] = []
    files: list[Attachment] = []
    for part in _leaves(mail):
        kind, name = part.get_content_type(), found_or(part.get_filename, None)
        disposition = found_or(part.get_content_disposition, None)
        if kind in ("text/plain", "text/html") and disposition != "attachment" and not name:
            (texts if kind == "text/plain" else pages).append(text(part))
            continue
        content_id = str(part["content-id"] or "").strip("<> ") or None
        name = found_or(partial(_unfolded, name), "") if name else ""
        files.append(Attachment(name, kind, found_or(partial(content, part), b""), disposition == "inline", content_id))
    return texts, pages, files


def _leaves(mail: StandardMessage) -> Iterable[StandardMessage]:
    if mail.get_content_maintype() == "multipart" and isinstance(inner := mail.get_payload(), list):
        for part in inner:
            yield from _leaves(part)  # type: ignore[arg-type]  # a list holds messages
    else:
        yield mail


def in_utc(moment: datetime) -> datetime:
    """Return the instant in UTC; one without a zone is taken as UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
