"""Many mailboxes for a played hour: who they are, the mail that comes to them, and stores in memory that count what they are asked.

States, leases and claims are kept as the real stores keep them; what no decision of the hour asks for (traces, activities, links) is counted
and forgotten, or an hour of 100,000 mailboxes would not fit into memory.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from benchmarks.virtual_time import VirtualTime
from email_router.core.circuits import NoCircuits
from email_router.core.fetched import Fetched, Inventoried, Listed, Page, Position
from email_router.core.flows.incoming import Incoming
from email_router.core.flows.route_mailbox import RouteMailbox
from email_router.core.flows.schedule import interval
from email_router.core.ledger import Delivered, Delivery, Receipt, Trace
from email_router.core.mailbox import Accept, AfterDelivery, Direction, Mailbox, MailboxKind, Profile
from email_router.core.mailbox_state import Lease, MailboxState, PassRecord
from email_router.core.message import Message
from email_router.core.parse import parse
from email_router.core.settings import Configuration
from email_router.core.subscriptions import NoNudges
from email_router.core.work import MailboxWork, ScheduledMailbox
from tests.fakes import CountingMeters, MemoryBlobs, MemoryCrm, MemoryLedger, MemoryOutgoingStates, MemoryQuarantine
from tests.memory.alerts import MemoryAlerts
from tests.memory.states import MemoryStates, _Row

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUR = 3600
_ORGANISATIONS = 97

Queue = Callable[[MailboxWork], object]


def row(number: int, shortest: int = 60, longest: int = 900) -> ScheduledMailbox:
    """Return a mailbox of the population: organisations of about a thousand, mail last seen within the last two hours."""
    chance = random.Random(number)
    return ScheduledMailbox(
        organisation=f"organisation{number % _ORGANISATIONS:02d}",
        mailbox=f"person{number:06d}@organisation{number % _ORGANISATIONS:02d}.example",
        last_mail=START - timedelta(seconds=chance.randrange(7200)),
        minimum_interval=shortest,
        maximum_interval=longest,
    )


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Seconds that servers take: to open a mailbox and look (one of many lengths), to fetch and store mail, to list a mailbox for the daily
    comparison; and how many messages come to a mailbox a day.
    """

    shortest_look: float = 0.2
    longest_look: float = 0.6
    with_mail: float = 0.8
    listing: float = 2.0
    messages_per_day: float = 50


@dataclass
class Inbox:
    """A mailbox on its server: messages come at times that were drawn before, and looking and fetching take virtual time."""

    number: int
    came: list[float]
    time: VirtualTime
    pace: Pace
    chance: random.Random
    read: int = 0
    kind = "memory"

    def unread(self, seconds: float) -> bool:
        """Tell whether anything that came before that moment was never read."""
        return bisect_right(self.came, seconds) > self.read

    def has_news(self, position: Position) -> bool:
        """Open and look."""
        self.time.wait(self.chance.uniform(self.pace.shortest_look, self.pace.longest_look))
        return self._there() > int(position.cursor or b"0")

    def pages(self, position: Position, page_size: int) -> Iterator[Page]:
        """List what has come."""
        start, end = int(position.cursor or b"0"), self._there()
        for first in range(start, max(end, start + 1), page_size):
            after = min(first + page_size, end)
            listed = tuple(Listed(str(one), 200) for one in range(first, after))
            yield Page(listed, Position(b"%d" % after, str(after)), after >= end)

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:  # noqa: ARG002 - a MailSource's
        """Yield the messages."""
        self.time.wait(self.pace.with_mail)
        for one in listed:
            raw = letter(self.number, int(one.source_id))
            at = START + timedelta(seconds=self.came[int(one.source_id)])
            yield Fetched(source_id=one.source_id, raw=raw, size=len(raw), received=at)
            self.read = int(one.source_id) + 1

    def stream(self, source_id: str) -> Iterator[bytes]:
        """Yield a message whole."""
        yield letter(self.number, int(source_id))

    def dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        """Leave everything where it is."""

    def set_aside(self, source_ids: Sequence[str]) -> None:
        """Leave everything where it is."""

    def inventory(self, page_size: int) -> Iterator[Sequence[Inventoried]]:  # noqa: ARG002 - a MailSource's
        """List what the hour has brought; it takes as long as a full mailbox."""
        self.time.wait(self.pace.listing)
        yield [Inventoried(str(one), _ident(self.number, one), 200) for one in range(self._there())]

    def suspects(self) -> bool:
        """Doubt nothing."""
        return False

    def position(self) -> Position | None:
        """Learn nothing newer."""
        return None

    def close(self) -> None:
        """Leave."""

    def _there(self) -> int:
        return bisect_right(self.came, self.time.seconds)


class States(MemoryStates):
    """States that were served before the hour began, and count what they are asked.

    A pass is played to its end at once.  Until its time has come to that end the others see its lease; who asks for another round is
    remembered, and `queue` gets an order in the moment in which the pass would have begun it.
    """

    def __init__(self, organisation: str, time: VirtualTime, asked: Counter[str], queue: Queue) -> None:
        super().__init__(organisation)
        self._time = time
        self._asked = asked
        self._queue = queue
        self._held: dict[str, tuple[float, _Row]] = {}

    def put(self, one: ScheduledMailbox, reconciled: datetime) -> None:
        """Let a mailbox have been served."""
        self.schedule(one.mailbox, one.minimum_interval, one.maximum_interval)
        made = self._row(one.mailbox)
        made.state = replace(made.state, last_mail=one.last_mail, last_pass=one.last_mail, reconciled=reconciled)

    def interval(self, mailbox: str, now: datetime) -> int:
        """Return the seconds in which the mailbox is to be looked into."""
        made = self._row(mailbox)
        assert made.bounds
        shortest, longest = made.bounds
        one = ScheduledMailbox(
            organisation=self.organisation,
            mailbox=mailbox,
            last_mail=made.state.last_mail,
            minimum_interval=shortest,
            maximum_interval=longest,
        )
        return interval(one, now)

    def read(self, mailbox: str) -> MailboxState:
        """Return the state."""
        self._asked["reads of a state"] += 1
        return super().read(mailbox)

    def lease(self, mailbox: str, now: datetime, until: datetime) -> Lease | None:
        """Take the lease unless it is held."""
        found = super().lease(mailbox, now, until)
        self._asked["writes of a state" if found else "leases that another worker held"] += 1
        return found

    def release(self, lease: Lease, record: PassRecord) -> bool:
        """Give the lease back: from now on, the others see it no more."""
        self._asked["writes of a state"] += 1
        leased = replace(self._row(lease.mailbox))
        given = super().release(lease, record)
        self._held[lease.mailbox] = self._time.seconds, leased
        return given

    def ask_again(self, mailbox: str, token: int) -> bool:
        """Ask the holder for another round, once."""
        before = self._row(mailbox).state.again
        asked = super().ask_again(mailbox, token)
        if asked and not before:
            self._asked["rounds that another order asked for"] += 1
            work = MailboxWork(self.organisation, mailbox, "again")
            self._time.at(self._held[mailbox][0], lambda: self._queue(work))
        return asked

    def advance(self, lease: Lease, position: Position, at: datetime) -> None:
        """Save the position."""
        self._asked["writes of a state"] += 1
        super().advance(lease, position, at)

    def _row(self, mailbox: str) -> _Row:
        held = self._held.get(mailbox)
        if held is not None:
            if self._time.seconds < held[0]:
                return held[1]
            del self._held[mailbox]
        return self._rows.get(mailbox) or super()._row(mailbox)


class _Ledger(MemoryLedger):
    """Claims and receipts, without traces and ways back."""

    def note(self, receipt: Receipt, trace: Trace) -> None:
        """Keep the receipt."""
        super().note(receipt, trace)
        self._traces.clear()

    def settle(self, delivery: Delivery) -> None:
        """Keep the claim."""
        self.claims[delivery.claim.key] = delivery.claim


class _Crm(MemoryCrm):
    """A CRM that tells the town of each message that it gets, and forgets it."""

    def __init__(self, ledger: MemoryLedger, delivered: Callable[[datetime], None]) -> None:
        super().__init__(ledger)
        self._told = delivered

    def deliver(self, deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        """Create the activities."""
        made = super().deliver(deliveries, lease)
        for one, delivery in zip(made, deliveries, strict=True):
            if self.activities.pop(delivery.activity.id, None):
                assert one.created
                self._told(delivery.activity.received or START)
        return made


@dataclass
class Town:
    """The mailboxes with their servers, and for each organisation its road; `asked` is what its stores were asked for."""

    mailboxes: int
    time: VirtualTime
    pace: Pace
    queue: Queue
    shortest: int = 60
    longest: int = 900
    asked: Counter[str] = field(default_factory=Counter)
    inboxes: dict[str, Inbox] = field(default_factory=dict)
    roads: dict[str, RouteMailbox] = field(default_factory=dict)
    states: dict[str, States] = field(default_factory=dict)
    slowest: float = 0
    delivered: int = 0

    def __post_init__(self) -> None:
        people: dict[str, list[ScheduledMailbox]] = {}
        chance = random.Random(7)
        for number in range(self.mailboxes):
            one = row(number, self.shortest, self.longest)
            people.setdefault(one.organisation, []).append(one)
            self.inboxes[one.mailbox] = Inbox(number, _arrivals(number, self.pace), self.time, self.pace, chance)
        for organisation, some in people.items():
            self._found(organisation, some)

    def scheduled(self) -> Iterator[ScheduledMailbox]:
        """Yield what the scheduler's index holds."""
        for states in self.states.values():
            yield from states.scheduled()

    def put_mailboxes(self, work: Sequence[MailboxWork]) -> int:
        """Queue the orders that a pass leaves."""
        for one in work:
            self.queue(one)
        return len(work)

    def _found(self, organisation: str, some: Sequence[ScheduledMailbox]) -> None:
        states = States(organisation, self.time, self.asked, self.queue)
        for one in some:
            states.put(one, START - timedelta(seconds=random.Random(one.mailbox).randrange(24 * HOUR)))
        ledger = _Ledger(states)
        boxes = tuple(
            Mailbox(address=one.mailbox, kind=MailboxKind.QUEUE, incoming="in", accept=Accept.ALL) for one in some
        )
        profile = Profile(name="in", direction=Direction.INCOMING, server="memory")
        self.states[organisation] = states
        self.roads[organisation] = RouteMailbox(
            Incoming(
                configuration=Configuration(organisation=organisation, profiles=(profile,), mailboxes=boxes),
                clock=self.time,
                meters=CountingMeters(),
                states=states,
                ledger=ledger,
                quarantine=MemoryQuarantine(states),
                crm=_Crm(ledger, self._arrived),
                outgoing=MemoryOutgoingStates(ledger),
                alerts=MemoryAlerts(),
                blobs=MemoryBlobs(),
                queues=self,  # type: ignore[arg-type]  # the queue of mailboxes, no other is asked for
                open_source=lambda _profile, mailbox: self.inboxes[mailbox.address],
                parse=_read,
                nudges=NoNudges(),
                circuits=NoCircuits(),
            )
        )

    def _arrived(self, came: datetime) -> None:
        self.delivered += 1
        self.slowest = max(self.slowest, (self.time.now() - came).total_seconds())


def letter(number: int, place: int) -> bytes:
    """Return the mail that comes to a mailbox as its so-manieth."""
    return _TEXT % _ident(number, place).encode()


def _ident(number: int, place: int) -> str:
    return f"<{number}.{place}@customer.example>"


_TEXT = b"From: Erin <erin@customer.example>\r\nTo: us@example\r\nSubject: An order\r\nMessage-ID: %s\r\n\r\nHello\r\n"


@cache
def _known() -> Message:
    return parse(letter(0, 0))


def _read(raw: bytes) -> Message:
    """Read a mail that differs from the others in its id alone."""
    found = raw[raw.index(b"<", raw.index(b"Message-ID")) : raw.index(b"\r\n\r\n")]
    return replace(_known(), message_id=found.decode())


def _arrivals(number: int, pace: Pace) -> list[float]:
    """Draw when mail comes to a mailbox within the hour."""
    chance, found, at = random.Random(-1 - number), [], 0.0
    while pace.messages_per_day and (at := at + chance.expovariate(pace.messages_per_day / 86_400)) < HOUR:
        found.append(at)
    return found
