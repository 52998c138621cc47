"""What the outgoing road needs, and how long it waits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from email_router.core.circuits import Circuits, NoCircuits
from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.octets import Octets
from email_router.core.ports import (
    Alerts,
    BlobStore,
    Clock,
    Crm,
    Ledger,
    MailSender,
    Meters,
    OutgoingStates,
    WorkQueues,
)
from email_router.core.sending import OutgoingState
from email_router.core.settings import Configuration, Tracking
from email_router.core.smart_hash import participants
from email_router.core.topic import topic

_SPREAD = 1.1
_DOUBLINGS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """The E-mail Router's delays in seconds, and its bound on attempts (Microsoft.Crm.Tools.EmailAgent.xml).

    `unknown_alert`: how long a report may settle an unknown result before a person is told.
    """

    pending_status: float = 300
    sending_status: float = 1800
    maximum_attempts: int = 10
    unknown_alert: float = 3600

    def before(self, attempt: int, activity: str) -> float:
        """Return the seconds to wait after this attempt (1 = first): doubling, from `pending_status` to `sending_status`.

        They are spread by a tenth inside these bounds, so that e-mails do not march.
        """
        longest = max(self.sending_status / _SPREAD, self.pending_status)
        wait = min(self.pending_status * 2.0 ** min(max(0, attempt - 1), _DOUBLINGS), longest)
        spread = hashlib.sha256(f"{activity}/{attempt}".encode()).digest()[0] / 255
        return wait * (1 + (_SPREAD - 1) * spread)


def provider_link(state: OutgoingState, provider_id: str, at: datetime, tracking: Tracking) -> Link:
    """Return the way back from the id that the provider gave in place of ours."""
    people = participants((state.sender, *state.recipients))
    about = topic(state.subject, tracking)
    known = KnownEmail(activity=state.activity, participants=people, at=at, token=state.tracking_token, topic=about)
    return Link(LinkKind.MESSAGE_ID, provider_id, known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """The ports of one organisation's outgoing road.

    `keep` takes the pieces of a composed mail and returns it, held or not, for as long as somebody holds what it returns.  `renewed` reads
    the secret of a profile anew, which a server refused, and tells whether it is another now.
    """

    configuration: Configuration
    clock: Clock
    meters: Meters
    ledger: Ledger
    alerts: Alerts
    crm: Crm
    outgoing: OutgoingStates
    blobs: BlobStore
    queues: WorkQueues
    open_sender: Callable[[Profile, Mailbox], MailSender]
    keep: Callable[[Iterable[bytes]], Octets] = b"".join
    renewed: Callable[[Profile], bool] = lambda _: False
    circuits: Circuits = field(default_factory=NoCircuits)
    delays: Delays = field(default_factory=Delays)
