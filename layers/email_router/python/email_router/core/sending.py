"""What every sender takes and answers, and where an outgoing e-mail stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from email_router.core.activity import EmailStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who sends to whom: the addresses of RFC 5321 MAIL and RCPT, and the e-mail activity they belong to.

    `message_id` is ours, `draft` what a sender that drafts made for the e-mail before.  `attempt` is the number of the attempt (1 = first),
    of all that began: those included that count as nobody's.
    `recipients` are those who are still to get it.  `delivery_receipt`: the servers are asked to tell of its delivery.
    """

    organisation: str
    activity: str
    sender: str
    recipients: tuple[str, ...]
    message_id: str = ""
    attempt: int = 1
    draft: str = ""
    delivery_receipt: bool = False


class SendOutcome(StrEnum):
    """The only three answers to a send, refusal being for good or for now."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"


class Reported(StrEnum):
    """What was reported of one recipient afterwards, in the order in which one replaces the other.

    RELAYED: handed on to a server, or a mailing list, that tells no more of it (RFC 3464 2.3.3, actions relayed and expanded).
    """

    NOTHING = ""
    DELAYED = "delayed"
    RELAYED = "relayed"
    DELIVERED = "delivered"
    COMPLAINED = "complained"
    BOUNCED = "bounced"


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """What the server said of one recipient, and what was reported of him later."""

    address: str
    outcome: SendOutcome
    evidence: str = ""
    reported: Reported = Reported.NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What became of one send.

    `evidence` holds the server's own words.  `provider_id` is the id that the provider gave in place of ours, as answers bear it (Amazon
    SES: its bare id), or None; `further_ids` are those of the same mail where it was handed over in parts of its recipients.

    UNKNOWN means that the line broke when the server may already have taken the mail: it is never sent again blindly; with `after` a sender
    that drafts can tell by then what became of it, when it is asked to send the same draft once more.
    `uncounted`: the provider only asked to go slower, which is nobody's attempt.
    """

    outcome: SendOutcome
    evidence: str = ""
    provider_id: str | None = None
    recipients: tuple[RecipientResult, ...] = ()
    after: float = 0
    uncounted: bool = False
    further_ids: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that the provider gave, the first one first."""
        return tuple(dict.fromkeys(filter(None, (self.provider_id, *self.further_ids))))


MOST_AT_ONCE = {"ses": 50}
"""Recipients that a kind of sender takes at once, where a mail to more of them is handed over several times (SES: "Service quotas")."""

MOST_HISTORY = 50
"""Transitions of one e-mail that are kept: the first ten and the latest."""

FIRST_HISTORY = 10

BEGUN = "an attempt begins"
"""The evidence of a claim."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One transition of an outgoing e-mail, with its evidence and the id of the function's request (or who did it by hand)."""

    at: datetime
    status: EmailStatus
    evidence: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingState:
    """Where one outgoing e-mail stands: composed once, claimed by conditional write for each attempt.

    `blob` names the composed bytes; `beside` tells that they lie, packed, beside the state and not in the blob store.

    `token` is the fencing token of the attempt, `tracking_token` the one in the subject, `provider_id` the provider's id after acceptance,
    `draft` the id of the draft at the provider: one for ever.  `results` tells of the recipients where they do not share one fate.
    """

    activity: str
    status: EmailStatus
    sender: str
    kind: str = ""
    blob: str = field(default="", repr=False)
    beside: bool = False
    message_id: str = ""
    subject: str = ""
    tracking_token: str | None = None
    recipients: tuple[str, ...] = ()
    attempts: int = 0
    token: int = 0
    changed: datetime
    due: datetime | None = None
    reason: str | None = None
    provider_id: str | None = None
    draft: str = ""
    delivery_receipt: bool = False
    results: tuple[RecipientResult, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
