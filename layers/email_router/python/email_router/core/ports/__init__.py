"""The ports: what the flows ask of the world.  An adapter inherits nothing; the contract tests say whether it fits.

Errors that every port may raise: TryLater with `shared` when its foreign system is away or throttles, MailboxBlocked when it refuses this
mailbox, ConfigurationError when what was configured cannot be right.  Methods that take a Lease raise StaleWorker once its token is old.
"""

from __future__ import annotations

from email_router.core.outgoing_states import OutgoingStates
from email_router.core.ports.connecting import Reach, Witness
from email_router.core.ports.crm import Crm, DecidingCrm, NotingCrm, TokenGivingCrm
from email_router.core.ports.mailboxes import Ledger, MailboxStates, MailSource, Quarantine, Schedule
from email_router.core.ports.senders import AnnouncedSender, DraftingSender, MailSender, PacedSender
from email_router.core.ports.surroundings import Alerts, BlobStore, Clock, Configurations, Meters, Secrets, WorkQueues

__all__ = [
    "Alerts",
    "AnnouncedSender",
    "BlobStore",
    "Clock",
    "Configurations",
    "Crm",
    "DecidingCrm",
    "DraftingSender",
    "Ledger",
    "MailSender",
    "MailSource",
    "MailboxStates",
    "Meters",
    "NotingCrm",
    "OutgoingStates",
    "PacedSender",
    "Quarantine",
    "Reach",
    "Schedule",
    "Secrets",
    "TokenGivingCrm",
    "Witness",
    "WorkQueues",
]
