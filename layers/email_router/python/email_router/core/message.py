"""What a mail is, once it has been read from its bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Importance(StrEnum):
    """RFC 2156 5.3.4 and the usual X- headers, as Exchange folds them."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox of RFC 5322 3.4: `name` may be empty, `address` is local-part@domain as written."""

    name: str
    address: str

    @property
    def key(self) -> str:
        """The address as records are found by it: case folded."""
        return self.address.strip().casefold()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is not the text: `content` holds the decoded bytes, `content_id` stands without <>."""

    name: str
    media_type: str
    content: bytes = field(repr=False)
    inline: bool = False
    content_id: str | None = None

    @property
    def size(self) -> int:
        """Decoded size in bytes."""
        return len(self.content)

    @property
    def sha256(self) -> str:
        """Digest of the decoded bytes, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class ReportedRecipient:
    """One recipient of a delivery report; `status` is an enhanced code of RFC 3463, or empty.

    `address` is the one that was written to where the report tells it, else the one that failed; `original` is what the report calls the
    original recipient (RFC 3464 2.3.1), None when it tells none.
    """

    address: str
    status: str
    permanent: bool
    original: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a delivery status notification says (RFC 3464), or a bounce in some MTA's own words.

    `action` is one of failed, delayed, delivered, relayed, expanded.  Of the mail that it is about, as far as the report returns or quotes
    it: `original_message_id` keeps its <>, `original_mark` is the value of its X-EmailRouter field, `original_subject` its subject.
    """

    action: str
    recipients: tuple[ReportedRecipient, ...]
    original_message_id: str | None
    original_mark: str = ""
    original_subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mail as the router reads it.  Everything absent is None or empty, never a guess.

    Ids keep their <>.  `date` is an instant in UTC.  `headers` holds every header field in order, its name in lower case, its value
    unfolded and decoded.  `author` is the From mailbox when From names exactly one, read strictly; `text` is the text/plain parts joined by
    a newline, else made from the html; `html` is sanitized.  `defects` names in words what was wrong with the bytes.
    """

    size: int
    message_id: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    conversation_index: bytes | None = None
    date: datetime | None = None
    subject: str = ""
    author: Address | None = None
    sender: Address | None = None
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    unaddressed: tuple[tuple[str, str], ...] = ()
    """Field (from, reply-to, to, cc, bcc) and name of each entry that has no address: never written to, nor matched by."""
    delivered_to: tuple[str, ...] = ()
    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)
    importance: Importance = Importance.NORMAL
    auto_submitted: bool = False
    bulk: bool = False
    delivery_report: DeliveryReport | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    defects: tuple[str, ...] = ()
    unreadable: bool = False
    """Nothing in the bytes looks like a mail: no header field that a mail has.  Such a message is quarantined, never guessed at."""

    def header(self, name: str) -> str | None:
        """Return the first (topmost) value of the header field, or None."""
        wanted = name.lower()
        return next((value for field_name, value in self.headers if field_name == wanted), None)

    def header_all(self, name: str) -> tuple[str, ...]:
        """Return every value of the header field, topmost first."""
        wanted = name.lower()
        return tuple(value for field_name, value in self.headers if field_name == wanted)

    @property
    def recipients(self) -> tuple[Address, ...]:
        """To, Cc and Bcc in this order."""
        return self.to + self.cc + self.bcc
