"""Mailboxes in which mail waits, of every kind that people and other servers send."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.crm_rulings import Ruling
from email_router.core.fetched import Fetched, Listed, Page, Position
from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.core.mailbox import Accept, AfterDelivery, CreateSender, Direction
from email_router.core.sending import OutgoingState
from email_router.core.settings import CrmSettings, Tracking
from tests.faults.mailroom import Mailroom
from tests.flows.house import ANN, NOW, SALES, mail
from tests.memory.deciding import Deciding
from tests.memory.source import MemorySource

REPORT = (
    b"From: MAILER-DAEMON@fabrikam.example\r\nTo: sales@contoso.example\r\nSubject: Undelivered\r\n"
    b"Message-ID: <r1@fabrikam.example>\r\nDate: Tue, 24 Nov 2026 11:59:00 +0000\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.fabrikam.example\r\n\r\n"
    b"Final-Recipient: rfc822; gone@fabrikam.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <out1@contoso.example>\r\nFrom: sales@contoso.example\r\n"
    b"--b--\r\n"
)
ATTACHED = (
    b"From: Erin <erin@fabrikam.example>\r\nTo: sales@contoso.example\r\nSubject: Figures\r\n"
    b"Message-ID: <a1@fabrikam.example>\r\nDate: Tue, 24 Nov 2026 11:30:00 +0000\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nHere they are.\r\n"
    b'--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="figures.csv"\r\n\r\na,b\r\n1,2\r\n'
    b"--b--\r\n"
)


def deleting(*messages: bytes, accept: Accept = Accept.ALL) -> Mailroom:
    return Mailroom(*messages, accept=accept, after_delivery=AfterDelivery.DELETE)


def conversation() -> Mailroom:
    answer = mail(4, extra="In-Reply-To: <m3@fabrikam.example>\r\n")
    return deleting(mail(1), mail(2), mail(3), answer, mail(5, subject="Else"))


def in_small_pages() -> Mailroom:
    house = conversation()
    house.timing = replace(house.timing, page_messages=2, batch_messages=1)
    return house


def kept_raw() -> Mailroom:
    house = deleting(ATTACHED)
    house.configure(profile=replace(house.profile, keep_raw=True))
    return house


def reported() -> Mailroom:
    house = deleting(REPORT)
    sent = EmailActivity(id="sent-1", direction=Direction.OUTGOING, status=EmailStatus.SENT)
    house.crm.activities["sent-1"] = sent
    house.outgoing.prepare(OutgoingState(activity="sent-1", status=EmailStatus.SENT, sender=SALES, changed=NOW))
    known = KnownEmail(activity="sent-1", participants=frozenset(), at=NOW)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<out1@contoso.example>", known)])
    return house


def over_limit() -> Mailroom:
    house = deleting(mail(1, text="x" * 5_000), mail(2))
    house.configure(profile=replace(house.profile, maximum_message_size=1_000))
    return house


def two_mailboxes() -> Mailroom:
    raw = mail(1, to=f"{SALES}, {ANN}")
    house = deleting(raw)
    house.sources[ANN].put(raw)
    return house


def copies_of_an_answer() -> Mailroom:
    """An answer in two mailboxes that only the words of its subject lead to what it answers."""
    people = f"{SALES}, {ANN}"
    house = deleting(mail(1, to=people, subject="Figures"), mail(2, to=people, subject="Re: Figures"))
    house.configure(tracking=Tracking(smart_matching=True))
    house.sources[ANN].put(mail(2, to=people, subject="Re: Figures"))
    return house


def same_id_later_wanted() -> Mailroom:
    """A mail that nobody wants, then another one under its id that continues a known e-mail."""
    house = deleting(
        mail(1),
        mail(1, sender="frank@fabrikam.example", extra="In-Reply-To: <sent@contoso.example>\r\n"),
        accept=Accept.REPLIES,
    )
    known = KnownEmail(activity="sent-1", participants=frozenset(), at=NOW)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<sent@contoso.example>", known)])
    return house


def strangers() -> Mailroom:
    """Two mails of one stranger, one of them in two mailboxes that make records of strangers; and one of another stranger."""
    both = mail(2, to=f"{SALES}, {ANN}")
    house = deleting(mail(1), both, mail(3, sender="Zoe <zoe@new.example>"))
    boxes = {
        SALES: {"create_sender": CreateSender.CONTACT, "owner": ANN},
        ANN: {"create_sender": CreateSender.CONTACT, "accept": Accept.ALL},
    }
    house.configuration = replace(
        house.configuration,
        mailboxes=tuple(replace(box, **boxes[box.address]) for box in house.configuration.mailboxes),  # type: ignore[arg-type]  # fields by name
    )
    house.sources[ANN].put(both)
    return house


def decided_there() -> Mailroom:
    """Four mails, one of them twice, for a CRM that decides by itself and does not want the third."""
    house = deleting(mail(1), mail(2, subject="Yes"), mail(3, subject="No"), mail(2, subject="Yes"), accept=Accept.NONE)
    house.crm.__class__ = Deciding
    assert isinstance(house.crm, Deciding)
    house.crm.rulings["No"] = Ruling(False, "no_correlation_match", "told so")
    house.configuration = replace(house.configuration, crm=CrmSettings(kind="dataverse", options={"deliver": "server"}))
    return house


class _Learning(MemorySource):
    """A source that learns a newer position while nothing is new."""

    def position(self) -> Position | None:
        return Position(b"%d" % len(self.messages), "newer")


def quiet() -> Mailroom:
    house = Mailroom()
    house.sources[SALES] = _Learning()
    return house


class _Collecting(MemorySource):
    """A source that collects what is to be deleted until the page has been fetched, as POP3 does; a lost session forgets it."""

    def __init__(self, *messages: bytes) -> None:
        super().__init__(*messages)
        self._unfetched: set[str] = set()
        self._doomed: list[str] = []

    def session(self) -> _Collecting:
        """Return a session of its own: what another one has not committed it does not know."""
        session = _Collecting()
        session.messages = self.messages
        return session

    def pages(self, position: Position, page_size: int) -> Iterator[Page]:
        for page in super().pages(position, page_size):
            self._unfetched = {one.source_id for one in page.listed}
            yield page

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        for one in super().fetch(listed, limit):
            self._unfetched.discard(one.source_id)
            yield one

    def dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        self._doomed += source_ids
        if not self._unfetched:
            super().dispose(self._doomed, how)
            self._doomed = []


def collecting() -> Mailroom:
    house = conversation()
    house.timing = replace(house.timing, page_messages=3, batch_messages=1)
    house.sources[SALES] = _Collecting(*filter(None, house.source.messages))
    return house
