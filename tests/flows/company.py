"""Two organisations that write to each other: each with both roads of the router in memory, and a CRM that answers everything."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from email_router.core.activity import EmailActivity, EmailStatus, Party, Role
from email_router.core.flows.route_mailbox import RouteMailbox
from email_router.core.flows.send_email import SendEmail, Sent
from email_router.core.mailbox import Accept, AutomaticMail, Direction, Mailbox, MailboxKind, Profile
from email_router.core.message import Message
from email_router.core.parse import parse
from email_router.core.settings import Configuration, Tracking
from email_router.core.work import MailboxWork, OutgoingWork
from tests.flows.house import NOW
from tests.flows.parts import Parts
from tests.memory.sender import MemorySender
from tests.memory.source import MemorySource


@dataclass
class Company(Parts):
    """An organisation with a queue at support@; its CRM answers each new e-mail, marked as automatic where `marks` says so."""

    name: str
    marks: bool = True
    policy: AutomaticMail = AutomaticMail.DELIVER
    tracking: Tracking = field(default_factory=Tracking)
    server: str = "smtp"
    organisation: str = ""

    def __post_init__(self) -> None:
        self.address = f"support@{self.name}.example"
        Parts.__init__(self, NOW)
        self.sender, self.inbox = MemorySender(), MemorySource()
        self._answered: set[str] = set()
        self.refused: list[Sent] = []
        support = Mailbox(
            address=self.address,
            kind=MailboxKind.QUEUE,
            incoming="in",
            outgoing="out",
            accept=Accept.ALL,
            auto_reply=self.policy,
        )
        profiles = (
            Profile(name="in", direction=Direction.INCOMING, server="memory"),
            Profile(name="out", direction=Direction.OUTGOING, server=self.server),
        )
        self.configuration = Configuration(
            organisation=self.organisation or self.name,
            tracking=self.tracking,
            profiles=profiles,
            mailboxes=(support,),
        )

    def write(self, activity: str, to: str, subject: str = "Your order", **fields: object) -> list[bytes]:
        """Let the CRM write an e-mail and the router send it; return what has left."""
        email = EmailActivity(
            id=f"{self.name}-{activity}",
            direction=Direction.OUTGOING,
            status=EmailStatus.PENDING,
            subject=subject,
            text="Hello",
            parties=(Party(Role.FROM, self.address), Party(Role.TO, to)),
            created=self.clock.now(),
            **fields,  # type: ignore[arg-type]  # fields by name
        )
        self.crm.create_outgoing(email)
        before = len(self.sender.sent)
        work = OutgoingWork(self.configuration.organisation, "out", self.address, (email.id,))
        done = SendEmail(self.outgoing_by(self.sender), f"request-{email.id}").send(
            work, self.clock.now() + timedelta(seconds=240)
        )
        self.refused += [one for one in done if one.status is EmailStatus.FAILED]
        return [raw for _, raw in self.sender.sent[before:]]

    def receive(self, *mails: bytes) -> None:
        """Let mails arrive, and serve the mailbox."""
        for raw in mails:
            self.inbox.put(raw)
        work = MailboxWork(self.configuration.organisation, self.address, "schedule")
        self.inbox.received = self.clock.now()
        road = self.incoming_from(lambda _profile, _mailbox: self.inbox)
        RouteMailbox(road).route(work, self.clock.now() + timedelta(seconds=240))

    def answers(self) -> list[bytes]:
        """Let the CRM answer each e-mail that came in, once, automatically; return what has left."""
        left: list[bytes] = []
        for email in self.received():
            if email.id not in self._answered:
                self._answered.add(email.id)
                to = email.addresses(Role.FROM)[0]
                number = f"answer-{len(self._answered)}"
                left += self.write(number, to, f"Re: {email.subject}", correlated=email.id, automatic=self.marks)
        return left

    def received(self) -> list[EmailActivity]:
        """Return the e-mails that came in."""
        return [one for one in self.crm.activities.values() if one.direction is Direction.INCOMING]

    def read(self) -> list[Message]:
        """Return the mails that have left, as their readers see them."""
        return [parse(raw) for _, raw in self.sender.sent]


def correspond(one: Company, other: Company, *, pause: timedelta, rounds: int = 100) -> int:
    """Let one write a first e-mail and both answer what comes, for so many rounds at most; return how many mails have left in all."""
    on_the_way = one.write("first", other.address)
    here, there = one, other
    for _ in range(rounds):
        if not on_the_way:
            break
        for company in (here, there):
            company.clock.advance(pause.total_seconds())
        there.receive(*on_the_way)
        on_the_way = there.answers()
        here, there = there, here
    return len(one.sender.sent) + len(other.sender.sent)
