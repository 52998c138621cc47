"""Write an outgoing e-mail as RFC 5322 bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from email_router.core import wire
from email_router.core.enclosed import Enclosed, content_of
from email_router.core.errors import MessageRefused
from email_router.core.message import Address, Importance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

LOOP_MARK = "X-EmailRouter"
"""The field that every mail of ours carries: organisation;activity."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,70}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
_CONTENT_ID = re.compile(r"[!-;=?-~]{1,200}")
_OWN_FIELDS = frozenset(
    {
        "date",
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "subject",
        "message-id",
        "in-reply-to",
        "references",
        "mime-version",
        "importance",
        "x-priority",
    }
)
_REFERENCES = 30
_LONGEST_LINE = 900
_SHORT = 60
"""Up to this length name and address share a line."""

_UNTYPED = "application/octet-stream"
_PRIORITY = {Importance.HIGH: ("high", "1"), Importance.LOW: ("low", "5")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An e-mail to be written.  Ids stand in <>; `date` is timezone-aware; Bcc recipients are the envelope's alone.

    `headers` are further fields (Thread-Index, the loop mark) in order, their values ASCII.
    """

    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...] = ()
    subject: str = ""
    date: datetime
    message_id: str
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    attachments: tuple[Enclosed, ...] = field(default=(), repr=False)
    importance: Importance = Importance.NORMAL
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """A MIME entity: its Content- fields, and the pieces of its content, of which an attachment is still to be encoded; all end in CRLF."""

    fields: bytes
    content: tuple[bytes | Enclosed, ...]


def compose(mail: Outgoing) -> bytes:
    """Return the mail as bytes: lines by CRLF and within 998 characters; the same mail gives the same bytes.

    All of it is ASCII but addresses with letters outside ASCII before the @, which stand in From, To and Cc in UTF-8 (RFC 6532).  Text goes
    as quoted-printable or base64, attachments as base64, so that no byte of the author's stands on the wire as itself.  Control characters
    in subject, display and file names become spaces.  Raises MessageRefused "address" or "unsafe" for an address, id or further field that
    would have to be changed to be sent (RFC 5322, 2045-2047, 2231).
    """
    written = BytesIO()  # gives its buffer away without a copy
    written.writelines(pieces(mail))
    return written.getvalue()


def pieces(mail: Outgoing) -> Iterator[bytes]:
    """Yield the same in pieces; of an attachment that lies elsewhere (core/enclosed.py) no more than one piece is held."""
    whole = _body(mail)
    yield _header(mail)
    yield whole.fields
    yield b"\r\n"
    for piece in whole.content:
        if isinstance(piece, bytes):
            yield piece
        else:
            yield from wire.base64_pieces(content_of(piece))


def loop_mark(organisation: str, activity: str) -> tuple[str, str]:
    """Return the field by which the router knows a mail as its own."""
    return LOOP_MARK, f"{quote(organisation)};{quote(activity)}"


def read_loop_mark(value: str) -> tuple[str, str] | None:
    """Return organisation and activity of a loop mark, or None for what is none."""
    organisation, separator, activity = value.strip().partition(";")
    return (unquote(organisation), unquote(activity)) if separator and organisation and activity else None


def _header(mail: Outgoing) -> bytes:
    ids = wire.message_ids((mail.message_id,))
    if not ids:
        raise MessageRefused("the Message-ID is not an id in <>", kind="unsafe", mend="Compose the e-mail again.")
    fields = [
        ("Date", _date(mail.date)),
        ("From", _addresses((mail.sender,))),
        ("To", _addresses(mail.to) if mail.to or mail.cc else "undisclosed-recipients:;"),
        ("Cc", _addresses(mail.cc)),
        ("Subject", wire.unstructured(mail.subject, len("Subject"))),
        ("Message-ID", mail.message_id),
        ("In-Reply-To", " ".join(wire.message_ids((mail.in_reply_to or "",)))),
        ("References", "\r\n ".join(kept_references(mail))),
        *zip(("Importance", "X-Priority"), _PRIORITY.get(mail.importance, ()), strict=False),
        *(_further(name, value) for name, value in mail.headers),
        ("MIME-Version", "1.0"),
    ]
    text = "".join(f"{name}: {value}\r\n" for name, value in fields if value or name == "Subject")
    return text.encode("utf-8")  # ASCII but for addresses


def _further(name: str, value: str) -> tuple[str, str]:
    if not _FIELD_NAME.fullmatch(name) or name.lower() in _OWN_FIELDS or name.lower().startswith("content-"):
        raise MessageRefused("a further header field has a name that it may not have", kind="unsafe")
    wire.refuse_control(value, f"header field {name}")
    folded = wire.fold(value.strip(), len(name))
    if "  " in value or max(map(len, folded.split("\r\n"))) > _LONGEST_LINE:
        raise MessageRefused(f"the header field {name} cannot be folded", kind="unsafe")
    return name, folded


def _addresses(addresses: Sequence[Address]) -> str:
    return ",\r\n ".join(_address(each) for each in addresses)


def _address(address: Address) -> str:
    bare = wire.international_address(address.address)
    name = wire.phrase(address.name)
    if not name:
        return bare
    return f"{name}\r\n <{bare}>" if len(name) + len(bare) > _SHORT else f"{name} <{bare}>"


def kept_references(mail: Outgoing) -> tuple[str, ...]:
    """Return the first id of a thread and its last ones (RFC 5537 3.4.4 trims so)."""
    ids = wire.message_ids(mail.references)
    return ids if len(ids) <= _REFERENCES else (ids[0], *ids[1 - _REFERENCES :])


def _date(date: datetime) -> str:
    """Return the date of RFC 5322 3.3, whatever the locale."""
    offset = date.utcoffset()
    if offset is None:
        raise ValueError("date: expected a timezone-aware instant")
    minutes = int(offset.total_seconds()) // 60
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
    day = f"{_DAYS[date.weekday()]}, {date.day:02d} {_MONTHS[date.month - 1]} {date.year:04d}"
    return f"{day} {date.hour:02d}:{date.minute:02d}:{date.second:02d} {zone}"


def _body(mail: Outgoing) -> _Part:
    # "=_" never stands in quoted-printable or base64, so no content can hold a boundary (RFC 2045 6.7, note 3).
    boundary = f"=_{blake2b(mail.message_id.encode(), digest_size=9).hexdigest()}_"
    texts = [_text(mail.text, "plain")] if mail.text or not mail.html else []
    shown, attached = shown_and_attached(mail)
    if mail.html:
        texts.append(_multipart("related", [_text(mail.html, "html"), *map(_attachment, shown)], f"{boundary}r"))
    return _multipart(
        "mixed", [_multipart("alternative", texts, f"{boundary}a"), *map(_attachment, attached)], f"{boundary}m"
    )


def shown_and_attached(mail: Outgoing) -> tuple[list[Enclosed], list[Enclosed]]:
    """Return the attachments that the HTML shows in its place, and all others (RFC 2387, 2392)."""
    shown: list[Enclosed] = []
    attached: list[Enclosed] = []
    for one in mail.attachments:
        here = mail.html and one.inline and one.content_id and f"cid:{one.content_id}" in mail.html
        (shown if here else attached).append(one)
    return shown, attached


def _multipart(kind: str, parts: list[_Part], boundary: str) -> _Part:
    """Return the parts as one; a single part stays alone."""
    if len(parts) == 1:
        return parts[0]
    fields = f'Content-Type: multipart/{kind};\r\n boundary="{boundary}"\r\n'.encode("ascii")
    limit = f"--{boundary}".encode("ascii")
    pieces: list[bytes | Enclosed] = []
    for part in parts:
        pieces += (limit, b"\r\n", part.fields, b"\r\n", *part.content)
    return _Part(fields, (*pieces, limit, b"--\r\n"))


def _text(text: str, subtype: str) -> _Part:
    lines = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    raw = (lines if lines.endswith("\n") else f"{lines}\n").replace("\n", "\r\n").encode("utf-8", "replace")
    # Content filters dislike ASCII text in base64 (SpamAssassin: MIME_BASE64_TEXT), and base64 is several times faster.
    encoding, content = (
        ("quoted-printable", wire.quoted_printable(raw)) if raw.isascii() else ("base64", wire.base64_lines(raw))
    )
    fields = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n"
    return _Part(fields.encode("ascii"), (content,))


def _attachment(attachment: Enclosed) -> _Part:
    media_type = attachment.media_type.strip().lower()
    # A message or multipart may not be base64 (RFC 2045 6.4), and nothing of the author's goes unencoded.
    if not _MEDIA_TYPE.fullmatch(media_type) or media_type.startswith(("multipart/", "message/")):
        media_type = _UNTYPED
    name = wire.printable(attachment.name).replace("/", "_").replace("\\", "_")
    cid = attachment.content_id
    if not cid or not _CONTENT_ID.fullmatch(cid) or not wire.message_ids((f"<{cid}>",)):
        cid = None
    disposition = "inline" if attachment.inline and cid else "attachment"
    fields = [
        f"Content-Type: {media_type}{wire.fallback_parameter('name', name) if name else ''}",
        f"Content-Disposition: {disposition}{wire.parameter('filename', name) if name else ''}",
        "Content-Transfer-Encoding: base64",
        *([f"Content-ID: <{cid}>"] if cid else []),
    ]
    return _Part("".join(f"{each}\r\n" for each in fields).encode("ascii"), (attachment,))
