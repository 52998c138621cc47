"""What every source yields: positions, pages, and messages as raw bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Position:
    """How far a mailbox has been read.

    `cursor` is the source's own, opaque to everybody else (a delta link, a POP3 set of digests) and may be large; `mark` is small, enough for
    the source to tell without the cursor that nothing is new.  Both empty: never read.
    """

    cursor: bytes = b""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A message that the server lists: the source's id, its size in bytes where the server tells it."""

    source_id: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Messages not read before, oldest first, and the position that holds once all of them are durable."""

    listed: tuple[Listed, ...]
    position: Position
    last: bool


@dataclass(frozen=True, slots=True)
class Inventoried:
    """A message that lies in the mailbox now, as far as the server tells of it without the message itself.

    `message_id` is the Message-ID field's value as it stands, None where the message has none or the listing does not tell; `size` is in
    bytes, `received` the server's time of arrival.
    """

    source_id: str
    message_id: str | None = None
    size: int | None = None
    received: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wrapper:
    """The mail in which a forward mailbox found the message: whose rule sent it, and whether that is proven.

    `sender` is the wrapper's From address (empty when unreadable); `evidence` says what was looked at, for the trace.
    """

    sender: str
    authenticated: bool
    evidence: str
    found: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One message as it came.

    `raw` is the whole message, or only its header block where `complete` is False (it is over the size limit).  `size` is the server's.
    `vanished` means that it was listed and is gone.  `wrapper` is set by a forward mailbox, whose inner mail is then `raw`.
    """

    source_id: str
    raw: bytes = field(repr=False)
    size: int
    complete: bool = True
    vanished: bool = False
    received: datetime | None = None
    wrapper: Wrapper | None = None
