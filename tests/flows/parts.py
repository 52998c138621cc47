"""What both roads of one organisation are made of, in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from email_router.core.flows.incoming import Incoming, Timing
from email_router.core.flows.outgoing import Outgoing
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.message import Message
from email_router.core.parse import parse
from email_router.core.ports import MailSender, MailSource
from email_router.core.settings import Configuration
from tests.fakes import (
    CountingMeters,
    FixedClock,
    MemoryBlobs,
    MemoryCircuits,
    MemoryCrm,
    MemoryLedger,
    MemoryOutgoingStates,
    MemoryQuarantine,
    MemoryQueues,
    MemoryStates,
)
from tests.memory.alerts import MemoryAlerts
from tests.memory.subscriptions import MemoryNudges


class Parts:
    """Clock, counters and stores in reach of a test; whoever inherits them says what is configured."""

    configuration: Configuration

    def __init__(self, now: datetime) -> None:
        self.clock = FixedClock(now)
        self.meters = CountingMeters()
        self.blobs = MemoryBlobs()
        self.states = MemoryStates()
        self.ledger = MemoryLedger(self.states)
        self.crm = MemoryCrm(self.ledger, self.states)
        self.quarantine = MemoryQuarantine(self.states)
        self.outgoing = MemoryOutgoingStates(self.ledger)
        self.alerts = MemoryAlerts()
        self.queues = MemoryQueues()
        self.nudges = MemoryNudges()
        self.circuits = MemoryCircuits()
        self.timing = Timing()
        self.parse: Callable[[bytes], Message] = parse
        self.renewed: Callable[[Profile], bool] = lambda _: False

    def incoming_from(self, open_source: Callable[[Profile, Mailbox], MailSource]) -> Incoming:
        """The ports as a pass gets them."""
        return Incoming(
            configuration=self.configuration,
            clock=self.clock,
            meters=self.meters,
            states=self.states,
            ledger=self.ledger,
            quarantine=self.quarantine,
            crm=self.crm,
            outgoing=self.outgoing,
            alerts=self.alerts,
            blobs=self.blobs,
            queues=self.queues,
            open_source=open_source,
            renewed=self.renewed,
            parse=self.parse,
            timing=self.timing,
            nudges=self.nudges,
            circuits=self.circuits,
            request="request-of-the-pass",
        )

    def outgoing_by(self, sender: MailSender) -> Outgoing:
        """The ports as an order gets them."""
        return Outgoing(
            configuration=self.configuration,
            clock=self.clock,
            meters=self.meters,
            ledger=self.ledger,
            alerts=self.alerts,
            crm=self.crm,
            outgoing=self.outgoing,
            blobs=self.blobs,
            queues=self.queues,
            open_sender=lambda _profile, _mailbox: sender,
            renewed=self.renewed,
            circuits=self.circuits,
        )
