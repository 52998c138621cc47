"""Both roads of one organisation by a virtual clock, minute by minute, with any of what they depend on away for as long as a test says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from email_router.core.activity import EmailActivity, EmailStatus, Party, Role
from email_router.core.alerts import Alert
from email_router.core.circuits import places
from email_router.core.errors import ConfigurationError, RouterError
from email_router.core.flows import schedule
from email_router.core.flows.collect_outgoing import CollectOutgoing
from email_router.core.flows.incoming import Incoming
from email_router.core.flows.outgoing import Delays, Outgoing
from email_router.core.flows.route_mailbox import RouteMailbox
from email_router.core.flows.send_email import SendEmail
from email_router.core.mailbox import Accept, Direction, Mailbox, MailboxKind, Profile
from email_router.core.settings import Configuration
from email_router.core.work import MailboxWork, OutgoingWork, ScheduledMailbox
from tests.faults.mailroom import known_mails
from tests.flows.house import mail
from tests.flows.parts import Parts
from tests.memory.sender import MemorySender
from tests.memory.source import MemorySource

MORNING = datetime.fromisoformat("2026-11-24T08:00:00+00:00")
CUSTOMER = "erin@fabrikam.example"
ATTACHED = (
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/csv\r\n'
    'Content-Disposition: attachment; filename="a.csv"\r\n\r\na,b\r\n--b--\r\n'
)
ORDER_TURNS = 5
"""How often the queue gives an order that fails, half an hour apart (infra_cdk/outgoing.py)."""
AWS_PORTS = ("states", "ledger", "quarantine", "outgoing", "alerts", "nudges", "circuits", "crm")


class _Away:
    """A port whose calls fail while `trouble` returns an error."""

    def __init__(self, port: object, trouble: Callable[[], Exception | None]) -> None:
        self._port = port
        self._trouble = trouble

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found) or name == "close":
            return found

        def called(*given: Any, **named: Any) -> Any:
            if (trouble := self._trouble()) is not None:
                raise trouble
            return found(*given, **named)

        return called


class Day(Parts):
    """`size` mailboxes behind one server each way.  `away` names the ports that fail, and with what; `sent_alerts` those that were new."""

    def __init__(self, size: int = 5) -> None:
        super().__init__(MORNING)
        self.boxes = [f"box{number}@contoso.example" for number in range(1, size + 1)]
        profiles = (
            Profile(name="in", direction=Direction.INCOMING, server="memory", host="mail.contoso.example"),
            Profile(name="out", direction=Direction.OUTGOING, server="memory", host="mail.contoso.example"),
        )
        made = tuple(
            Mailbox(address=one, kind=MailboxKind.QUEUE, incoming="in", outgoing="out", accept=Accept.ALL)
            for one in self.boxes
        )
        self.configuration = Configuration(organisation="contoso", profiles=profiles, mailboxes=made)
        self.sources = {one: MemorySource() for one in self.boxes}
        self.sender = MemorySender()
        self.parse = known_mails
        self.away: dict[str, Exception] = {}
        self.broken: dict[str, Exception] = {}
        self.sent_alerts: list[Alert] = []
        self.opened: Counter[str] = Counter()
        self.orders: list[tuple[datetime, int, OutgoingWork]] = []
        self.dead_letters = 0
        self.letters = 0
        raise_alert = self.alerts.raise_alert

        def noted(alert: Alert) -> bool:
            new = raise_alert(alert)
            self.sent_alerts += [alert] if new and not alert.quiet else []
            return new

        self.alerts.raise_alert = noted  # type: ignore[method-assign]  # noted
        for one in self.boxes:
            self.states.schedule(one, 60, 900)

    def run(self, minutes: int, *, every: int = 0, step: int = 1) -> None:
        """Let so many minutes pass, a tick in each or in every `step`; `every` so many, mail comes and is written in each mailbox."""
        for minute in range(0, minutes, step):
            if every and minute % every == 0:
                self.write()
            self.tick()
            self.clock.advance(60 * step)

    def write(self) -> None:
        """A mail comes to each mailbox, every second with an attachment, and an e-mail waits from each."""
        for one in self.boxes:
            self.letters += 1
            raw = mail(self.letters, to=one)
            if self.letters % 2:
                raw = raw.partition(b"MIME-Version")[0] + ATTACHED.encode()
            self.sources[one].put(raw)
            parties = (Party(Role.FROM, one), Party(Role.TO, CUSTOMER))
            pending = EmailActivity(
                id=f"e{self.letters}",
                direction=Direction.OUTGOING,
                status=EmailStatus.PENDING,
                subject=f"Letter {self.letters}",
                text="Hello",
                parties=parties,
                created=self.clock.now(),
            )
            self.crm.create_outgoing(pending)

    def tick(self) -> None:
        """Do what schedules and queues start in a minute; an order that fails comes again, as from its queue."""
        with suppress(RouterError):
            found = self.away.get("states")
            if found is not None:
                raise found
            self._port("queues").put_mailboxes(schedule.due(self.states.scheduled(), self.clock.now(), self._kept_back))
        work, self.queues.mailboxes = self.queues.mailboxes, []
        for one in dict.fromkeys(work):
            self.route(one)
        with suppress(RouterError):
            self._collect()
        now = self.clock.now()
        self.orders += [(now, 1, order) for order in self.queues.outgoing]
        self.queues.outgoing = []
        due = [one for one in self.orders if one[0] <= now]
        self.orders = [one for one in self.orders if one[0] > now]
        for _, turn, order in due:
            try:
                self._carry_out(order)
            except (RouterError, ConfigurationError):
                again = turn < ORDER_TURNS
                self.orders += [(now + timedelta(minutes=30), turn + 1, order)] if again else []
                self.dead_letters += not again

    def route(self, work: MailboxWork) -> None:
        """Serve a mailbox; an order that fails is made anew by the next minute."""
        with suppress(RouterError, ConfigurationError):
            RouteMailbox(self.incoming()).route(work, self.clock.now() + timedelta(seconds=240))

    def incoming(self) -> Incoming:
        """The ports as a pass gets them, some of them away."""
        plain = self.incoming_from(self._open)
        names = (*AWS_PORTS, "blobs", "queues")
        return replace(plain, **{name: self._port(name) for name in names})

    def road(self) -> Outgoing:
        """The ports as an order gets them, some of them away."""
        plain = self.outgoing_by(self.sender)
        names = ("ledger", "alerts", "crm", "outgoing", "blobs", "queues", "circuits")
        return replace(plain, open_sender=self._way_out, **{name: self._port(name) for name in names})

    def collected(self, minutes: int) -> list[OutgoingWork]:
        """Collect for so many minutes; return the orders, which nobody carries out."""
        self.queues.outgoing = []
        for _ in range(minutes):
            self._collect()
            self.clock.advance(60)
        orders, self.queues.outgoing = self.queues.outgoing, []
        return orders

    def delivered(self) -> Counter[str]:
        """Count the activities of each message that came in."""
        return Counter(
            one.message_id or "" for one in self.crm.activities.values() if one.direction is Direction.INCOMING
        )

    def left(self) -> Counter[str]:
        """Count how often each e-mail has left."""
        return Counter(envelope.activity for envelope, _ in self.sender.sent)

    def disabled(self) -> Sequence[str]:
        """Return the mailboxes that are disabled or blocked."""
        found = ((one, self.states.read(one)) for one in self.boxes)
        return [one for one, state in found if state.disabled or state.blocked_until]

    def _kept_back(self, mailbox: ScheduledMailbox) -> Sequence[str]:
        now = self.clock.now()
        opened = {one.place for one in self.circuits.all_open() if one.is_open(now)}
        return [one for one in places(self.configuration, mailbox.mailbox, Direction.INCOMING) if one in opened]

    def _port(self, name: str) -> Any:
        return _Away(getattr(self, name), lambda: self.away.get(name))

    def _open(self, _profile: Profile, mailbox: Mailbox) -> Any:
        self.opened[mailbox.address] += 1
        trouble = self.away.get("open") or self.broken.get(mailbox.address)
        if trouble is not None:
            raise trouble
        return _Away(self.sources[mailbox.address], lambda: self.away.get("source"))

    def _way_out(self, _profile: Profile, mailbox: Mailbox) -> Any:
        trouble = self.away.get("open") or self.broken.get(mailbox.address)
        if trouble is not None:
            raise trouble
        return _Away(self.sender, lambda: self.away.get("sender"))

    def _collect(self) -> None:
        road = self.road()
        CollectOutgoing(
            configuration=self.configuration,
            clock=self.clock,
            meters=self.meters,
            crm=road.crm,
            queues=road.queues,
            delays=Delays(),
            circuits=road.circuits,
        ).collect()

    def _carry_out(self, order: OutgoingWork) -> None:
        SendEmail(self.road(), f"request-{self.clock.now()}").send(order, self.clock.now() + timedelta(seconds=240))
