"""What the CRM keeps: e-mail activities, their parties and the records they are about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from email_router.core.mailbox import Direction
from email_router.core.message import Address


class EmailStatus(StrEnum):
    """Where an e-mail activity stands (statuscode of the email table, in our words)."""

    RECEIVED = "received"
    DRAFT = "draft"
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


class CorrelationMethod(StrEnum):
    """How the e-mail was found that a message continues (correlationmethod of the email table)."""

    NONE = "none"
    IN_REPLY_TO = "in_reply_to"
    TRACKING_TOKEN = "tracking_token"  # noqa: S105 - a method, not a secret
    CONVERSATION_INDEX = "conversation_index"
    SMART_MATCHING = "smart_matching"


class Role(StrEnum):
    """A party's part in an e-mail (participationtypemask 1-4)."""

    FROM = "from"
    TO = "to"
    CC = "cc"
    BCC = "bcc"


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the CRM: kind is user, contact, account, lead or queue; `owner` is the owner's address or empty."""

    kind: str
    id: str
    name: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What an e-mail is about, and who owns it (an address, or empty).

    `regarding` is the record as it is now: of a merged one, the record that it was merged into.  `inactive` tells that this one has been
    deactivated (a contact that left, a case that is resolved); it is copied to the e-mails that follow all the same.
    """

    regarding: Record | None = None
    owner: str = ""
    inactive: bool = False


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody who wrote and whom the CRM does not know: the record that is to be made of him (kind contact or lead)."""

    address: str
    kind: str
    name: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Party:
    """One address of an e-mail, with the record it was resolved to, or None (an unresolved party)."""

    role: Role
    address: str
    name: str = ""
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class StoredAttachment:
    """An attachment whose decoded bytes lie in the blob store under `blob`."""

    name: str
    media_type: str
    size: int
    sha256: str
    inline: bool
    content_id: str | None
    blob: str


@dataclass(frozen=True, slots=True)
class Note:
    """What the router tells the owner of an e-mail beside it."""

    at: datetime
    owner: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailActivity:
    """One e-mail activity.  Instants are UTC.  `raw` is the blob key of the original bytes where they are kept.

    `automatic` tells that a machine wrote it: of one that came in what its header says, of one to be sent what the CRM says.
    `due` of one to be sent is when it may leave.  The receipts are asked for when it is sent: of its being read, of its delivery.
    """

    id: str
    direction: Direction
    status: EmailStatus
    subject: str = ""
    message_id: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    parties: tuple[Party, ...] = ()
    reply_to: tuple[Address, ...] = ()
    regarding: Record | None = None
    correlation_method: CorrelationMethod = CorrelationMethod.NONE
    correlated: str | None = None
    tracking_token: str | None = None
    conversation_index: str | None = None
    date: datetime | None = None
    received: datetime | None = None
    created: datetime | None = None
    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    attachments: tuple[StoredAttachment, ...] = ()
    owner: str = ""
    mailbox: str = ""
    importance: str = "normal"
    flags: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    raw: str | None = None
    reason: str | None = None
    attempts: int = 0
    due: datetime | None = None
    automatic: bool = False
    read_receipt: bool = False
    delivery_receipt: bool = False

    @property
    def parent(self) -> str | None:
        """The e-mail that this one answers (email.parentactivityid): set by In-Reply-To and conversation index only.

        `correlated` (email.correlatedactivityid) is set by every rule (Power Platform: message filtering and correlation).
        """
        certain = {CorrelationMethod.IN_REPLY_TO, CorrelationMethod.CONVERSATION_INDEX}
        return self.correlated if self.correlation_method in certain else None

    def addresses(self, *roles: Role) -> tuple[str, ...]:
        """Return the addresses of the parties in these roles, in order (all roles when none is named)."""
        return tuple(party.address for party in self.parties if not roles or party.role in roles)
