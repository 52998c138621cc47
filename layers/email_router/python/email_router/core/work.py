"""What travels on the queues: small orders, never mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MailboxWork:
    """Serve this mailbox once."""

    organisation: str
    mailbox: str
    reason: str = "schedule"


@dataclass(frozen=True, slots=True)
class OutgoingWork:
    """Send these e-mails of one sender: at most 200 activities."""

    organisation: str
    profile: str
    sender: str
    activities: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledMailbox:
    """What the scheduler knows of a mailbox without reading its state."""

    organisation: str
    mailbox: str
    last_mail: datetime | None
    minimum_interval: int
    maximum_interval: int
    blocked_until: datetime | None = None
    next_retry: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEvent:
    """What a provider reports of an e-mail after accepting it (SES event publishing).

    `kind` is delivery, bounce, complaint, reject, delay or send.  `permanent` is true for a hard bounce.
    """

    provider_id: str
    kind: str
    permanent: bool
    recipients: tuple[str, ...]
    reason: str
    organisation: str = ""
    activity: str = ""
