"""What travels on the queues: small orders, never mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

RECONCILE, RECONCILE_NOW = "reconcile", "reconcile now"
"""Compare the mailbox with the ledger: when it is due, or because a person wants the proof."""
CONTINUE, CONTINUE_SHORT = "continue", "continue in short pages"
"""Go on where time ran out; in short pages where it ran out inside the first page, which no pass would come to the end of."""
PROBE, RESUME = "probe", "resume"
"""Try the mailbox for all that are kept back with it; serve it, disabled or not, now that one of them has passed."""


@dataclass(frozen=True, slots=True)
class MailboxWork:
    """Serve this mailbox once.

    `reason` says who asked: schedule, requested (a person), or one of those above.  `after` is the source's id of the message
    up to which a reconciliation that goes on has come.
    """

    organisation: str
    mailbox: str
    reason: str = "schedule"
    after: str = ""


@dataclass(frozen=True, slots=True)
class OutgoingWork:
    """Send these e-mails of one sender: at most 200 activities.  `probe`: one that is tried for all who are kept back with it."""

    organisation: str
    profile: str
    sender: str
    activities: tuple[str, ...]
    probe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledMailbox:
    """What the scheduler knows of a mailbox without reading its state.

    Until `pushed_until` notifications tell of its mail.  `failing` tells that its last pass ended in an error: what a notification asked for
    may be left undone.
    """

    organisation: str
    mailbox: str
    last_mail: datetime | None
    minimum_interval: int
    maximum_interval: int
    blocked_until: datetime | None = None
    next_retry: datetime | None = None
    pushed_until: datetime | None = None
    failing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEvent:
    """What a provider reports of an e-mail after accepting it (SES event publishing).

    `kind` is delivery, bounce, complaint, not-spam, reject, delay or send.  `permanent` is true for a bounce after which nobody tries any
    more.  `message_id` is our own where the event tells it, `taken` when the provider took the mail that the event is about.
    """

    provider_id: str
    kind: str
    permanent: bool
    recipients: tuple[str, ...]
    reason: str
    organisation: str = ""
    activity: str = ""
    message_id: str = ""
    taken: datetime | None = None
