"""Four readers of mail, each as quick as its library allows, and what each of them finds, as our `Message`.

`read` is what is timed: header fields, text and html decoded, attachments decoded.  What ours does beyond that (html sanitized, delivery
reports, automatic mail, strict addresses) is in its time; digests of attachments are nobody's, as they are made when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from fast_mail_parser import ParseError, PyAddress, PyMail, parse_email

from benchmarks import standard_readers
from benchmarks.standard_readers import RAISED, in_utc
from email_router.core.message import Address, Attachment, Message
from email_router.core.parse import parse


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader: `read` decodes everything and gives nothing back, `message` tells what it found."""

    name: str
    read: Callable[[bytes], object]
    message: Callable[[bytes], Message]


def _parsed(raw: bytes) -> PyMail | None:
    try:
        return parse_email(raw)
    except (*RAISED, ParseError):
        return None


def read_fast(raw: bytes) -> None:
    """Decode everything: the library does so by itself, in Rust, and its attributes are made Python's when asked for."""
    with suppress(*RAISED, ParseError):
        mail = parse_email(raw)
        _ = (
            mail.subject,
            mail.from_,
            mail.to,
            mail.cc,
            mail.date_parsed,
            mail.headers,
            mail.text_plain,
            mail.text_html,
        )
        for one in mail.attachments:
            _ = (one.filename, one.content)


def message_fast(raw: bytes) -> Message:
    """Return what fast-mail-parser finds."""
    mail = _parsed(raw)
    if mail is None:
        return Message(size=len(raw))

    def people(found: Iterable[PyAddress]) -> tuple[Address, ...]:
        return tuple(Address(one.display_name or "", one.address) for one in found if one.address)

    def first(name: str) -> str | None:
        return next((values[0].strip() or None for key, values in mail.headers.items() if key.lower() == name), None)

    author = people([mail.from_] if mail.from_ else [])
    return Message(
        size=len(raw),
        subject=mail.subject or "",
        message_id=first("message-id"),
        in_reply_to=first("in-reply-to"),
        date=in_utc(mail.date_parsed) if mail.date_parsed else None,
        author=author[0] if author else None,
        reply_to=people(mail.reply_to),
        to=people(mail.to),
        cc=people(mail.cc),
        bcc=people(mail.bcc),
        text="\n".join(mail.text_plain),
        html="\n".join(mail.text_html),
        attachments=tuple(
            Attachment(
                one.filename or "",
                one.mimetype,
                one.content,
                inline=(one.disposition or "").lower() == "inline",
                content_id=(one.content_id or "").strip("<> ") or None,
            )
            for one in mail.attachments
        ),
    )


OURS = Reader("ours", parse, parse)
BASELINE = Reader("policy.default", standard_readers.read_default, standard_readers.message_default)
READERS = (
    OURS,
    BASELINE,
    Reader("compat32, decoded by hand", standard_readers.read_compat32, standard_readers.message_compat32),
    Reader("fast-mail-parser", read_fast, message_fast),
)
"""In the order of the table; the second is what all are measured by."""
