"""The outgoing road behind the seam, and the account that must be the same whatever went wrong."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from email_router.core.activity import EmailStatus
from email_router.core.errors import ConfigurationError, RouterError
from email_router.core.flows.outgoing import Outgoing
from email_router.core.ledger import LinkKind
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.octets import Octets
from email_router.core.sending import Envelope, SendOutcome, SendResult
from tests.faults.seam import Fault, Killed, Seam
from tests.flows.office import Office
from tests.memory.sender import MemoryDraftingSender, MemorySender

_ROUNDS = 12
_LONG = 2_000  # seconds: longer than every delay
_HANDED_OVER = {SendOutcome.ACCEPTED, SendOutcome.UNKNOWN}
_WAITS = {EmailStatus.PENDING, EmailStatus.DEFERRED, EmailStatus.SENDING}


class _Counting(MemorySender):
    """A sender that counts how often a server has taken an e-mail for each recipient; `taken` is the most of any of them."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: Counter[str] = Counter()
        self.given: Counter[tuple[str, str]] = Counter()

    def hold(self) -> float:
        """Nothing is to be waited for."""
        return 0.0

    def send(self, envelope: Envelope, composed: Octets) -> SendResult:
        """Count what was taken, recipient by recipient."""
        result = super().send(envelope, composed)
        named = {one.address: one.outcome for one in result.recipients}
        for address in envelope.recipients:
            handed_over = named.get(address, result.outcome) in _HANDED_OVER
            self.given[envelope.activity, address] += handed_over
            self.taken[envelope.activity] = max(self.taken[envelope.activity], self.given[envelope.activity, address])
        return result


class CountingDrafts(MemoryDraftingSender):
    """A sender that drafts, and counts what has left."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: Counter[str] = Counter()

    def send(self, envelope: Envelope, composed: Octets) -> SendResult:
        """Count what leaves now."""
        before = len(self.sent)
        result = super().send(envelope, composed)
        self.taken[envelope.activity] += len(self.sent) - before
        return result


class Postroom(Office):
    """An office whose ports lie behind a seam once `seam` is set; orders and events that fail come again."""

    seam: Seam | None = None

    def __init__(self, server: str = "smtp", **given: Any) -> None:
        super().__init__(server, **given)
        self.sender = self.counting = CountingDrafts() if server == "exchange-online" else _Counting()
        self.events: list[dict[str, object]] = []
        self.tells: dict[str, object] | None = None

    def road(self) -> Outgoing:
        """The ports, each behind the seam."""
        plain, seam = super().road(), self.seam
        if seam is None:
            return plain
        names = ("ledger", "alerts", "crm", "outgoing", "blobs", "queues")
        behind = {name: seam.port(name, getattr(plain, name)) for name in names}

        def opened(profile: Profile, mailbox: Mailbox) -> Any:
            return seam.port("sender", seam.call("sender.open", plain.open_sender, profile, mailbox))

        return replace(plain, open_sender=opened, **behind)

    def carry_out_all(self) -> None:
        """Carry out each order; one that fails goes back to the queue."""
        orders, self.queues.outgoing = self.queues.outgoing, []
        for order in orders:
            with self._falls_back(self.queues.outgoing, order):
                self.carry_out(order)

    def take_in_events(self) -> None:
        """Take in each event; one that fails comes again.  The provider tells of e1 once, after it took it."""
        if self.tells and self.counting.taken["e1"]:
            self.events.append(self.tells)
            self.tells = None
        events, self.events = self.events, []
        for event in events:
            with self._falls_back(self.events, event):
                self.report(**event)

    def go_on(self) -> None:
        """What the schedule and the queues do again and again."""
        with contextlib.suppress(Killed, RouterError, ConfigurationError):
            self.collect()
        if self.seam is not None:
            self.seam.dead = False
        self.carry_out_all()
        self.take_in_events()

    @contextlib.contextmanager
    def _falls_back(self, queue: list[Any], order: object) -> Iterator[None]:
        try:
            yield
        except (Killed, RouterError, ConfigurationError):
            queue.append(order)
        if self.seam is not None:
            self.seam.dead = False

    def waits(self) -> bool:
        """Tell whether anything is left to do."""
        return bool(
            self.queues.outgoing or self.events or any(one.status in _WAITS for one in self.crm.activities.values())
        )


@dataclass(frozen=True)
class Scene:
    """A scenario: the office as it stands, and the steps that are played; `same` tells that a fault may not change its end."""

    name: str
    build: Callable[[], Postroom]
    steps: tuple[Callable[[Postroom], object], ...] = (Office.collect, Postroom.carry_out_all)
    same: bool = True


def play(scene: Scene, planted: dict[int, Fault]) -> tuple[Postroom, Seam]:
    """Play the scene behind the seam, then go on until nothing waits."""
    office = scene.build()
    seam = office.seam = Seam(office.clock, planted, partial(_other_worker, office), sleeps=_LONG)
    for step in scene.steps:
        with contextlib.suppress(Killed, RouterError, ConfigurationError):
            step(office)
        seam.dead = False
    played = len(seam.calls)
    for _ in range(_ROUNDS):
        office.clock.advance(_LONG)
        office.go_on()
        if not office.waits():
            break
    del seam.calls[played:]
    return office, seam


def _other_worker(office: Postroom) -> None:
    """The same orders in another worker's hands, beside what the schedule brings."""
    for email in list(office.crm.activities):
        with contextlib.suppress(Killed, RouterError, ConfigurationError):
            office.send(email)
    office.collect()


def account(office: Postroom) -> dict[str, object]:
    """Return what became of everything, in a form that is equal to that of a run without a fault."""
    return {
        "e-mails": {one.id: one.status.value for one in office.crm.activities.values()},
        "states": {one.activity: one.status.value for one in office.outgoing.all()},
        "taken": {name: count for name, count in sorted(office.counting.taken.items()) if count},
        "ways back": {
            one.id: sorted(
                kind.value
                for (kind, _), known in office.ledger._links.items()
                if known.activity == one.id and kind is not LinkKind.TOKEN
            )
            for one in office.crm.activities.values()
        },
    }


def broken_rules(office: Postroom) -> list[str]:
    """Return every rule of the road that does not hold in the end."""
    found = [f"{name} was sent {count} times" for name, count in office.counting.taken.items() if count > 1]
    states = {one.activity: one for one in office.outgoing.all()}
    for email in office.crm.activities.values():
        state = states.get(email.id)
        if email.status in _WAITS:
            found.append(f"{email.id} is {email.status.value} for ever")
        waits = state and email.status is EmailStatus.CANCELLED and state.status in _WAITS - {EmailStatus.SENDING}
        if state and state.status is not email.status and not waits:
            found.append(f"{email.id}: the CRM says {email.status.value}, the state {state.status.value}")
        if email.status in {EmailStatus.FAILED, EmailStatus.UNKNOWN} and not email.reason:
            found.append(f"{email.id} is {email.status.value} and nobody knows why")
        if email.status is EmailStatus.SENT and office.counting.taken[email.id] != 1:
            found.append(f"{email.id} counts as sent and was not")
        if email.status is EmailStatus.SENT and (not state or email.message_id != state.message_id):
            found.append(f"{email.id} was sent under an id that the CRM does not know")
    tokens = [one.tracking_token for one in office.crm.activities.values() if one.tracking_token and not one.correlated]
    return found + [f"two conversations bear {one}" for one in set(tokens) if tokens.count(one) > 1]
