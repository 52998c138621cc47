"""What the CRM is told of an outgoing e-mail, and what that replaces where many are told of together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from email_router.core.activity import EmailStatus

WAITING = frozenset({EmailStatus.PENDING, EmailStatus.DEFERRED})
TO_SEND = WAITING | {EmailStatus.SENDING}

REPLACED: Mapping[EmailStatus, frozenset[EmailStatus]] = {
    EmailStatus.PENDING: TO_SEND,
    EmailStatus.DEFERRED: TO_SEND,
    EmailStatus.SENDING: TO_SEND,
    EmailStatus.SENT: frozenset({EmailStatus.SENDING, EmailStatus.UNKNOWN, EmailStatus.SENT}),
}
"""What each status replaces in the CRM when it is told some time after it was so.

Meanwhile a bounce, another worker or a person may have told better: an end stands, and what a person lets wait again waits.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBack:
    """Where one e-mail stands, for the CRM; fields that are None stay as they are there.  Without `due` it comes up when it would have."""

    activity: str
    status: EmailStatus
    reason: str | None = None
    subject: str | None = None
    message_id: str | None = None
    tracking_token: str | None = None
    attempts: int | None = None
    due: datetime | None = None
    sent: datetime | None = None
