"""The scenarios of the incoming road."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.crm_rulings import Ruling
from email_router.core.errors import MessageRefused
from email_router.core.fetched import Fetched, Listed, Page, Position, Wrapper
from email_router.core.flows.route_mailbox import RouteMailbox
from email_router.core.ledger import Delivered, Delivery, KnownEmail, Link, LinkKind
from email_router.core.mailbox import Accept, AfterDelivery, CreateSender, Direction, Mailbox, MailboxKind
from email_router.core.mailbox_state import Lease
from email_router.core.message import Message
from email_router.core.sending import OutgoingState
from email_router.core.settings import CrmSettings, Tracking
from email_router.core.work import RECONCILE_NOW, MailboxWork
from tests.faults.mailroom import Mailroom, Scene, known_mails
from tests.faults.seam import Fault, Killed
from tests.flows.house import ANN, NOW, SALES, House, mail
from tests.memory.deciding import Deciding
from tests.memory.source import MemorySource

FORWARD = "router@contoso.example"
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


def serve(mailbox: str = SALES) -> Callable[[Mailroom], object]:
    """A pass over a mailbox."""
    return lambda house: house.route(mailbox)


def later(seconds: float) -> Callable[[Mailroom], object]:
    """Time passes."""
    return lambda house: house.clock.advance(seconds)


def _deleting(*messages: bytes, accept: Accept = Accept.ALL) -> Mailroom:
    return Mailroom(*messages, accept=accept, after_delivery=AfterDelivery.DELETE)


def _conversation() -> Mailroom:
    answer = mail(4, extra="In-Reply-To: <m3@fabrikam.example>\r\n")
    return _deleting(mail(1), mail(2), mail(3), answer, mail(5, subject="Else"))


def _in_small_pages() -> Mailroom:
    house = _conversation()
    house.timing = replace(house.timing, page_messages=2, batch_messages=1)
    return house


def _reported() -> Mailroom:
    house = _deleting(REPORT)
    sent = EmailActivity(id="sent-1", direction=Direction.OUTGOING, status=EmailStatus.SENT)
    house.crm.activities["sent-1"] = sent
    house.outgoing.prepare(OutgoingState(activity="sent-1", status=EmailStatus.SENT, sender=SALES, changed=NOW))
    known = KnownEmail(activity="sent-1", participants=frozenset(), at=NOW)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<out1@contoso.example>", known)])
    return house


def _over_limit() -> Mailroom:
    house = _deleting(mail(1, text="x" * 5_000), mail(2))
    house.configure(profile=replace(house.profile, maximum_message_size=1_000))
    return house


def _two_mailboxes() -> Mailroom:
    raw = mail(1, to=f"{SALES}, {ANN}")
    house = _deleting(raw)
    house.sources[ANN].put(raw)
    return house


def refuse(house: House, *numbers: int, times: int = 2) -> None:
    """Let the CRM refuse the mails of these numbers so many times each (a group and the mail alone count one each)."""
    real = house.crm.deliver
    left = {f"<m{number}@fabrikam.example>": times for number in numbers}

    def picky(deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        for one in deliveries:
            if left.get(one.activity.message_id or "", 0) > 0:
                left[one.activity.message_id or ""] -= 1
                raise MessageRefused("the CRM refuses this message", kind="validation")
        return real(deliveries, lease)

    house.crm.deliver = picky  # type: ignore[method-assign]  # the fake of this scenario


def _retry_due() -> Mailroom:
    house = _deleting(mail(1), mail(2))
    refuse(house, 2)
    house.route()
    house.clock.advance(301)
    return house


def _large_retry_due() -> Mailroom:
    house = _over_limit()
    refuse(house, 1)
    house.route()
    house.clock.advance(301)
    return house


def _given_up() -> Mailroom:
    house = _deleting(mail(1), mail(2))
    house.configure(profile=replace(house.profile, maximum_attempts=2))
    refuse(house, 2, times=10_000)
    house.route()
    house.clock.advance(301)
    return house


def _forwarding(*wrapped: tuple[bytes, Wrapper]) -> Mailroom:
    house = Mailroom()
    box = Mailbox(address=FORWARD, kind=MailboxKind.FORWARD, incoming="in", after_delivery=AfterDelivery.DELETE)
    source = house.add_mailbox(box, *(raw for raw, _ in wrapped))
    source.wrappers = {number: wrapper for number, (_, wrapper) in enumerate(wrapped)}
    return house


def _trusted(sender: str = SALES) -> Wrapper:
    return Wrapper(sender, authenticated=True, evidence="dmarc=pass")


_FORGED = Wrapper(SALES, authenticated=False, evidence="no Authentication-Results")


def _forward() -> Mailroom:
    return _forwarding(
        (mail(1), _trusted()),
        (mail(2, to=ANN), _trusted(ANN)),
        (mail(3), _FORGED),
        (mail(3, text="other words"), _FORGED),
    )


def _forward_for_two() -> Mailroom:
    """One mail that two users forward, refused for both at first, in pages of one."""
    house = _forwarding((mail(1), _trusted()), (mail(1), _trusted(ANN)), (mail(2), _trusted()))
    house.configuration = replace(
        house.configuration,
        mailboxes=tuple(replace(box, accept=Accept.ALL) for box in house.configuration.mailboxes),
    )
    house.timing = replace(house.timing, page_messages=1)
    refuse(house, 1, times=4)
    house.route(FORWARD)
    house.clock.advance(301)
    return house


def _forward_together() -> Mailroom:
    """One mail that two users forward, in one page."""
    house = _forwarding((mail(1), _trusted()), (mail(1), _trusted(ANN)))
    house.configuration = replace(
        house.configuration,
        mailboxes=tuple(replace(box, accept=Accept.ALL) for box in house.configuration.mailboxes),
    )
    return house


def _forward_given_up() -> Mailroom:
    house = _forwarding((mail(1), _trusted()))
    house.configure(profile=replace(house.profile, maximum_attempts=1))
    refuse(house, 1)
    house.route(FORWARD)
    return house


def _forged() -> Mailroom:
    house = _forwarding((mail(1), _FORGED))
    house.route(FORWARD)
    return house


def _kept_raw() -> Mailroom:
    house = _deleting(ATTACHED)
    house.configure(profile=replace(house.profile, keep_raw=True))
    return house


def _killer(house: Mailroom) -> Mailroom:
    def deadly(raw: bytes) -> Message:
        if b"killer" in raw:
            raise Killed
        return known_mails(raw)

    house.parse = deadly
    return house


def _retry_that_kills() -> Mailroom:
    house = _deleting(mail(1), mail(2, subject="killer"))
    refuse(house, 2)
    house.route()
    house.clock.advance(301)
    return _killer(house)


def _after_a_crash() -> Mailroom:
    house = _deleting(mail(1), mail(2), mail(3))
    house.states.lease(SALES, NOW, NOW + timedelta(seconds=330))
    house.clock.advance(400)
    return house


def _set_aside() -> Mailroom:
    house = Mailroom(b"\x00\x01", mail(2))
    house.route()
    return house


def _moving(house: Mailroom) -> Mailroom:
    """Quarantined messages go to the folder "Undeliverable"."""
    house.configure(profile=replace(house.profile, move_undelivered=True))
    house.configuration = replace(house.configuration, profiles=(house.profile,))
    return house


def _moving_forward() -> Mailroom:
    house = _moving(_forwarding((mail(1), _FORGED), (mail(2), _trusted())))
    house.sources[FORWARD].wrappers = {0: _FORGED, 1: _trusted()}
    return house


def _lost(house: Mailroom, *messages: bytes) -> Mailroom:
    """Messages that the listing has passed: moved out of the folder and back, or told of by nobody."""
    for _ in messages:
        house.source.messages.insert(0, None)
    house.route()
    house.source.messages[: len(messages)] = messages
    return house


def compare(house: Mailroom) -> object:
    """Let the mailbox be compared with the ledger, as a person asks for it."""
    house.unproven = True
    work = MailboxWork("contoso", SALES, RECONCILE_NOW)
    summary = RouteMailbox(house.incoming()).route(work, house.clock.now() + timedelta(seconds=240))
    house.unproven = summary.proof is None or not summary.proof.done
    return summary


class _Learning(MemorySource):
    """A source that learns a newer position while nothing is new."""

    def position(self) -> Position | None:
        return Position(b"%d" % len(self.messages), "newer")


def _quiet() -> Mailroom:
    house = Mailroom()
    house.sources[SALES] = _Learning()
    return house


def _ungiven() -> Mailroom:
    """A message that the server lists and will not give, in a forward mailbox."""

    class Sullen(MemorySource):
        def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
            for one in super().fetch(listed, limit):
                yield Fetched(source_id=one.source_id, raw=b"", size=one.size, complete=False, wrapper=_trusted())

    house = _forwarding((mail(1), _trusted()))
    house.sources[FORWARD] = Sullen(mail(1))
    return house


def _same_id_later_wanted() -> Mailroom:
    """A mail that nobody wants, then another one under its id that continues a known e-mail."""
    house = _deleting(
        mail(1),
        mail(1, sender="frank@fabrikam.example", extra="In-Reply-To: <sent@contoso.example>\r\n"),
        accept=Accept.REPLIES,
    )
    known = KnownEmail(activity="sent-1", participants=frozenset(), at=NOW)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<sent@contoso.example>", known)])
    return house


def _forwarded_too() -> Mailroom:
    """A mail in a user's own mailbox and, under the same source id, in the forward mailbox."""
    house = _forwarding((mail(1), _trusted()))
    house.sources[SALES].put(mail(1))
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


def _collecting() -> Mailroom:
    house = _conversation()
    house.timing = replace(house.timing, page_messages=3, batch_messages=1)
    house.sources[SALES] = _Collecting(*filter(None, house.source.messages))
    return house


def _slow() -> Mailroom:
    """Every delivery takes so long that the time of a pass is soon over."""
    house = _in_small_pages()
    real = house.crm.deliver

    def slow(deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        house.clock.advance(130)
        return real(deliveries, lease)

    house.crm.deliver = slow  # type: ignore[method-assign]  # the fake of this scenario
    return house


def _copies_of_an_answer() -> Mailroom:
    """An answer in two mailboxes that only the words of its subject lead to what it answers."""
    people = f"{SALES}, {ANN}"
    house = _deleting(mail(1, to=people, subject="Figures"), mail(2, to=people, subject="Re: Figures"))
    house.configure(tracking=Tracking(smart_matching=True))
    house.sources[ANN].put(mail(2, to=people, subject="Re: Figures"))
    return house


def _being_served() -> Mailroom:
    house = _deleting(mail(1))
    house.states.lease(SALES, NOW, NOW + timedelta(seconds=330))
    return house


def _strangers() -> Mailroom:
    """Two mails of one stranger, one of them in two mailboxes that make records of strangers; and one of another stranger."""
    both = mail(2, to=f"{SALES}, {ANN}")
    house = _deleting(mail(1), both, mail(3, sender="Zoe <zoe@new.example>"))
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


def _decided_there() -> Mailroom:
    """Four mails, one of them twice, for a CRM that decides by itself and does not want the third."""
    house = _deleting(
        mail(1), mail(2, subject="Yes"), mail(3, subject="No"), mail(2, subject="Yes"), accept=Accept.NONE
    )
    house.crm.__class__ = Deciding
    assert isinstance(house.crm, Deciding)
    house.crm.rulings["No"] = Ruling(False, "no_correlation_match", "told so")
    house.configuration = replace(house.configuration, crm=CrmSettings(kind="dataverse", options={"deliver": "server"}))
    return house


_AGAIN = (serve(),) + (later(400), serve()) * 4

_MEET = frozenset({Fault.DOUBLED, Fault.OVERTAKEN})
"""Two workers that deliver one mail for one mailbox at the same moment meet in the claim: one activity, and one of the two is told."""

SCENES = (
    Scene("one mail", lambda: _deleting(mail(1)), (serve(),)),
    Scene("a mail with an attachment, kept raw", _kept_raw, (serve(),)),
    Scene("five mails with an answer to one of them", _conversation, (serve(),)),
    Scene("five mails in small pages", _in_small_pages, (serve(),)),
    Scene("a mail that nobody wants", lambda: _deleting(mail(1), accept=Accept.REPLIES), (serve(),)),
    Scene("a delivery report", _reported, (serve(),)),
    Scene("bytes that are no mail", lambda: _deleting(b"", b"\x00\x01\x02", mail(3)), (serve(),)),
    Scene("a mail over the limit", _over_limit, (serve(),)),
    Scene("one mail in two mailboxes", _two_mailboxes, (serve(), serve(ANN))),
    Scene(
        "two mails under one id",
        lambda: _deleting(mail(1), mail(1, sender="mallory@evil.example", text="Something else")),
        (serve(),),
    ),
    Scene(
        "copies in one mailbox",
        lambda: _deleting(mail(1), mail(1), mail(1, text="the same id, other words")),
        (serve(),),
    ),
    Scene("a retry that is due", _retry_due, (serve(),)),
    Scene("a retry over the limit that is due", _large_retry_due, (serve(),)),
    Scene("the last retry", _given_up, (serve(),)),
    Scene("a forward mailbox", _forward, (serve(FORWARD),)),
    Scene("a forward mailbox with one mail for two, refused at first", _forward_for_two, (serve(FORWARD),)),
    Scene("a forward mailbox with one mail for two in one page", _forward_together, (serve(FORWARD),)),
    Scene(
        "a forwarded mail given up, then tried by hand",
        _forward_given_up,
        (Mailroom.vouch, serve(FORWARD)),
        Mailroom.vouch,
    ),
    Scene("a forwarded mail that the server will not give", _ungiven, (serve(FORWARD),)),
    Scene("a mailbox after a crash", _after_a_crash, (serve(),)),
    Scene(
        "a message that ends its worker",
        lambda: _killer(_deleting(mail(1), mail(2, subject="killer"), mail(3))),
        _AGAIN,
    ),
    Scene("a retry that ends its worker", _retry_that_kills, _AGAIN),
    Scene("a forged wrapper that a person vouches for", _forged, (Mailroom.vouch, serve(FORWARD)), Mailroom.vouch),
    Scene("unreadable bytes tried again by hand", _set_aside, (Mailroom.vouch, serve())),
    Scene("a mailbox without news", _quiet, (serve(),)),
    Scene("a mailbox that another worker serves", _being_served, (serve(),)),
    Scene("an answer in two mailboxes", _copies_of_an_answer, (serve(), serve(ANN)), in_order=False),
    Scene("a mail under the id of one that nobody wanted", _same_id_later_wanted, (serve(),), in_order=False),
    Scene(
        "a mail in its mailbox and forwarded too",
        _forwarded_too,
        (serve(), serve(FORWARD)),
        in_order=False,
        spared=_MEET,
    ),
    Scene("bytes that are no mail, moved aside", lambda: _moving(_deleting(mail(1), b"\x00\x01", mail(3))), (serve(),)),
    Scene("the last retry, moved aside", lambda: _moving(_given_up()), (serve(),)),
    Scene("a retry that ends its worker, moved aside", lambda: _moving(_retry_that_kills()), _AGAIN),
    Scene(
        "a message that ends its worker, moved aside",
        lambda: _moving(_killer(_deleting(mail(1), mail(2, subject="killer"), mail(3)))),
        _AGAIN,
    ),
    Scene("a forged wrapper, moved aside", _moving_forward, (serve(FORWARD),)),
    Scene(
        "lost messages that a comparison picks up",
        lambda: _lost(_deleting(mail(3)), mail(1), b"\x00\x01", mail(2, message_id="")),
        (compare,),
        compare,
    ),
    Scene(
        "a lost message that ends its worker",
        lambda: _moving(_killer(_lost(_deleting(mail(3)), mail(1), mail(2, subject="killer")))),
        (compare, *_AGAIN),
        compare,
    ),
    Scene("a source that deletes page by page", _collecting, (serve(),)),
    Scene("senders whom nobody knows", _strangers, (serve(), serve(ANN))),
    Scene("passes that run out of time", _slow, (serve(), serve(), serve())),
    Scene("a CRM that decides by itself", _decided_there, (serve(),)),
)
