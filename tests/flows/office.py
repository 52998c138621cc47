"""A whole outgoing road in memory: configuration, stores, CRM, clock and one sender."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from email_router.core.activity import EmailActivity, EmailStatus, Party, Role
from email_router.core.flows.collect_outgoing import CollectOutgoing
from email_router.core.flows.outgoing import Delays, Outgoing
from email_router.core.flows.record_delivery import RecordDelivery
from email_router.core.flows.send_email import SendEmail, Sent
from email_router.core.mailbox import Direction, Mailbox, MailboxKind, Profile
from email_router.core.packed import unpacked
from email_router.core.settings import Configuration, Tracking
from email_router.core.work import DeliveryEvent, OutgoingWork
from tests.flows.house import NOW, SALES
from tests.flows.parts import Parts
from tests.memory.sender import MemorySender

ERIN = "erin@fabrikam.example"
BOSS = "boss@contoso.example"


class Office(Parts):
    """The road with its parts in reach of a test."""

    def __init__(self, server: str = "smtp", tracking: Tracking | None = None) -> None:
        super().__init__(NOW)
        self.sender = MemorySender()
        self.requests = 0
        profile = Profile(name="out", direction=Direction.OUTGOING, server=server)
        sales = Mailbox(
            address=SALES, name="Sales", kind=MailboxKind.QUEUE, outgoing="out", owner="ann@contoso.example"
        )
        self.configuration = Configuration(
            organisation="contoso", tracking=tracking or Tracking(), profiles=(profile,), mailboxes=(sales,)
        )

    def write(self, name: str = "e1", subject: str = "Your order", **fields: object) -> EmailActivity:
        """Let the CRM hold a pending e-mail."""
        parties = (
            Party(Role.FROM, SALES, "Sales"),
            Party(Role.TO, ERIN, "Erin"),
            Party(Role.BCC, BOSS),
        )
        email = EmailActivity(
            id=name,
            direction=Direction.OUTGOING,
            status=EmailStatus.PENDING,
            subject=subject,
            text="Hello",
            parties=parties,
            created=NOW,
        )
        self.crm.create_outgoing(replace(email, **fields))  # type: ignore[arg-type]  # fields by name
        return email

    def composed(self, name: str = "e1") -> bytes:
        """What was composed of an e-mail."""
        state = self.outgoing.get(name)
        assert state is not None
        return unpacked(self.outgoing.packed(name)) if state.beside else self.blobs.get(state.blob)

    def lose_composed(self) -> None:
        """Let all that was composed be gone."""
        self.outgoing.beside.clear()
        self.blobs.stored.clear()

    def road(self) -> Outgoing:
        """The ports as an order gets them."""
        return self.outgoing_by(self.sender)

    def send(self, *activities: str) -> list[Sent]:
        """Carry out an order."""
        return self.carry_out(OutgoingWork("contoso", "out", SALES, activities or ("e1",)))

    def carry_out(self, work: OutgoingWork) -> list[Sent]:
        """Carry out this order."""
        self.requests += 1
        return SendEmail(self.road(), f"request-{self.requests}").send(work, self.clock.now() + timedelta(seconds=240))

    def collect(self) -> int:
        """Queue what is due."""
        road = self.road()
        return CollectOutgoing(
            configuration=self.configuration,
            clock=self.clock,
            meters=self.meters,
            crm=road.crm,
            queues=road.queues,
            delays=Delays(),
        ).collect()

    def report(self, **fields: object) -> str | None:
        """Take in an SES event."""
        event = DeliveryEvent(
            provider_id="ses-1",
            kind="bounce",
            permanent=True,
            recipients=(ERIN, BOSS),
            reason="Permanent General 5.1.1",
        )
        road = self.road()
        recorder = RecordDelivery(
            clock=self.clock,
            meters=self.meters,
            ledger=road.ledger,
            crm=road.crm,
            outgoing=road.outgoing,
            alerts=road.alerts,
            configuration=self.configuration,
            request="request-of-the-event",
        )
        return recorder.record(replace(event, **fields))  # type: ignore[arg-type]  # fields by name
