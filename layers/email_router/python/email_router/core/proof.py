"""Prove that composed bytes say what was meant: they are read back and compared before anything is stored or sent.

The header is read by the router's own parser, which reads what people send; the body by the standard library's, which shares no code with
what composed it.  Composing guards every value by itself; this guards against what such guards forget.  A header field that nobody wrote,
an address, subject or id that reads otherwise, an attachment that is another: the e-mail is refused, not sent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from email import message_from_bytes

from email_router.core import wire
from email_router.core.compose import Outgoing
from email_router.core.errors import MessageRefused
from email_router.core.limits import Limits
from email_router.core.message import Address
from email_router.core.parse import parse

LARGEST_READ_BACK = 4 * 1024 * 1024
"""Of larger mails only the header is read back: their bulk is base64, and reading it would take the memory twice."""

_LIMITS = Limits(header_bytes=16 * 1024 * 1024, header_length=8 * 1024 * 1024, addresses=100_000)
_FIELD = re.compile(rb"([!-9;-~]+):")
_WRITTEN = frozenset(
    {
        "date", "from", "to", "cc", "subject", "message-id", "in-reply-to", "references", "importance", "x-priority",
        "mime-version", "content-type", "content-transfer-encoding",
    }
)  # fmt: skip


def prove(mail: Outgoing, raw: bytes) -> None:
    """Return when the bytes read as the mail that was meant.  Raises MessageRefused "unsafe" naming what does not."""
    header = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    read = parse(header, _LIMITS)
    wrong = [
        *_fields_nobody_wrote(mail, header),
        *_differs("Message-ID", mail.message_id, read.message_id),
        *_differs("Subject", _flat(mail.subject), _flat(read.subject)),
        *_differs("From", [_bare(mail.sender)], [_bare(read.author)] if read.author else []),
        *_differs("To", _all(mail.to), _all(read.to)),
        *_differs("Cc", _all(mail.cc), _all(read.cc)),
        *_differs("In-Reply-To", wire.message_ids((mail.in_reply_to or "",))[:1], _one(read.in_reply_to)),
        *(_content(mail, raw) if len(raw) <= LARGEST_READ_BACK else ()),
    ]
    if wrong:
        raise MessageRefused(
            f"the composed mail does not read as it was meant: {', '.join(wrong)}",
            kind="unsafe",
            mend="Take odd characters out of subject, names and file names, and send again.",
        )


def _fields_nobody_wrote(mail: Outgoing, header: bytes) -> Iterator[str]:
    lines = [line for line in header.split(b"\r\n") if line and line[:1] not in b" \t"]
    found = [match[1].decode("ascii").lower() if (match := _FIELD.match(line)) else "?" for line in lines]
    allowed = _WRITTEN | {name.lower() for name, _ in mail.headers}
    counted = Counter(name.lower() for name, _ in mail.headers)
    for name, count in Counter(found).items():
        if name not in allowed or count > max(1, counted[name]):
            yield "a header field that nobody wrote"


def _content(mail: Outgoing, raw: bytes) -> Iterator[str]:
    leaves = [part for part in message_from_bytes(raw).walk() if not part.is_multipart()]
    found = [bytes(part.get_payload(decode=True) or b"") for part in leaves]
    texts = [text for text in (mail.text, mail.html) if text] or [""]
    if [_lines(one) for one in found[: len(texts)]] != [_lines(one.encode("utf-8", "replace")) for one in texts]:
        yield "the text"
    if Counter(found[len(texts) :]) != Counter(one.content for one in mail.attachments):
        yield "an attachment"


def _lines(text: bytes) -> list[bytes]:
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n").split(b"\n")


def _differs(what: str, meant: object, read: object) -> Iterator[str]:
    if meant != read:
        yield what


def _all(addresses: Iterable[Address]) -> list[str]:
    """Return the addresses but those whose domain ends in a dot: servers take them, and the parser reads them as names."""
    return sorted({bare for one in addresses if not (bare := _bare(one)).endswith(".")})


def _bare(address: Address) -> str:
    return wire.mail_address(address.address).casefold()


def _one(found: str | None) -> tuple[str, ...]:
    return (found,) if found else ()


def _flat(text: str | None) -> str:
    """Return the text as any reader sees it: blanks are one, and what cannot be UTF-8 is a question mark."""
    return " ".join(wire.printable(text or "").encode("utf-8", "replace").decode().split())
