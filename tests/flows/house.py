"""A whole incoming road in memory: configuration, stores, CRM, clock and one mailbox with its source."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from email_router.core.flows.incoming import Incoming
from email_router.core.flows.route_mailbox import PassSummary, RouteMailbox
from email_router.core.mailbox import Accept, Direction, Mailbox, MailboxKind, Profile
from email_router.core.settings import Configuration, Tracking
from email_router.core.work import MailboxWork
from tests.flows.parts import Parts
from tests.memory.source import MemorySource

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SALES = "sales@contoso.example"
ANN = "ann@contoso.example"


def mail(
    number: int = 1,
    *,
    sender: str = "Erin <erin@fabrikam.example>",
    to: str = SALES,
    subject: str = "An order",
    text: str = "Hello",
    extra: str = "",
    message_id: str | None = None,
) -> bytes:
    """Return a plain mail; the number makes its id and its minute."""
    own = message_id if message_id is not None else f"<m{number}@fabrikam.example>"
    ident = f"Message-ID: {own}\r\n" if own else ""
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Tue, 24 Nov 2026 11:{number % 60:02d}:00 +0000\r\n"
        f"{ident}{extra}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()


class House(Parts):
    """The road with its parts in reach of a test."""

    def __init__(self, *messages: bytes, accept: Accept = Accept.ALL, **mailbox: object) -> None:
        super().__init__(NOW)
        self.sources = {SALES: MemorySource(*messages), ANN: MemorySource()}
        self.profile = Profile(name="in", direction=Direction.INCOMING, server="memory")
        sales = Mailbox(address=SALES, kind=MailboxKind.QUEUE, incoming="in", accept=accept, **mailbox)  # type: ignore[arg-type]  # fields by name
        ann = Mailbox(address=ANN, incoming="in", accept=Accept.REPLIES)
        self.configuration = Configuration(organisation="contoso", profiles=(self.profile,), mailboxes=(sales, ann))

    @property
    def source(self) -> MemorySource:
        """The source of sales@."""
        return self.sources[SALES]

    def configure(self, *, tracking: Tracking | None = None, profile: Profile | None = None, **sales: object) -> None:
        """Change the published configuration."""
        boxes = tuple(
            replace(box, **sales) if box.address == SALES else box  # type: ignore[arg-type]  # fields by name
            for box in self.configuration.mailboxes
        )
        self.profile = profile or self.profile
        self.configuration = Configuration(
            organisation="contoso",
            tracking=tracking or self.configuration.tracking,
            profiles=(self.profile,),
            mailboxes=boxes,
        )

    def add_mailbox(self, mailbox: Mailbox, *messages: bytes) -> MemorySource:
        """Publish one more mailbox."""
        self.sources[mailbox.address] = MemorySource(*messages)
        self.configuration = Configuration(
            organisation="contoso",
            tracking=self.configuration.tracking,
            profiles=self.configuration.profiles,
            mailboxes=(*self.configuration.mailboxes, mailbox),
        )
        return self.sources[mailbox.address]

    def incoming(self) -> Incoming:
        """The ports as a pass gets them."""
        return self.incoming_from(self._open)

    def _open(self, profile: Profile, mailbox: Mailbox) -> MemorySource:
        source = self.sources[mailbox.address]
        source.opened += 1
        return source

    def route(self, mailbox: str = SALES, reason: str = "schedule") -> PassSummary:
        """Serve a mailbox once."""
        work = MailboxWork("contoso", mailbox, reason)
        return RouteMailbox(self.incoming()).route(work, self.clock.now() + timedelta(seconds=240))
