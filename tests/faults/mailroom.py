"""The incoming road behind the seam, and the account that must be the same whatever went wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from email_router.core.errors import ConfigurationError, MessageRefused, RouterError, StaleWorker
from email_router.core.flows import undeliverable
from email_router.core.flows.incoming import Incoming
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.ledger import Outcome, Trace
from email_router.core.mailbox import AfterDelivery, Mailbox, Profile
from email_router.core.message import Message
from email_router.core.parse import parse
from tests.faults.seam import Fault, Killed, Seam
from tests.flows.house import House
from tests.memory.source import MemorySource

_ROUNDS = 14
_LONG = 4_000  # seconds: longer than a lease, a delay between tries and a block
_FALLS = (Killed, RouterError, StaleWorker, ConfigurationError)
"""What ends a function without ending the house: the next event starts it anew."""

_SETTLED = {Outcome.DELIVERED, Outcome.ATTACHED, Outcome.IGNORED, Outcome.QUARANTINED}

known_mails: Callable[[bytes], Message] = lru_cache(maxsize=None)(parse)


class Mailroom(House):
    """A house whose ports lie behind a seam once `seam` is set."""

    seam: Seam | None = None
    unproven = False
    """Somebody has asked for the mailbox to be compared with the ledger, and has no answer yet."""

    def __init__(self, *messages: bytes, **mailbox: Any) -> None:
        super().__init__(*messages, **mailbox)
        self.parse = known_mails
        self.early: list[str] = []

    def incoming(self) -> Incoming:
        """The ports, each behind the seam."""
        plain, seam = super().incoming(), self.seam
        if seam is None:
            return plain
        names = ("states", "ledger", "quarantine", "crm", "outgoing", "blobs", "queues", "alerts")
        behind = {name: seam.port(name, getattr(plain, name)) for name in names}

        def opened(profile: Profile, mailbox: Mailbox) -> Any:
            source = seam.call("source.open", plain.open_source, profile, mailbox)
            session = source.session() if hasattr(source, "session") else source
            return seam.port("source", _Watched(self, mailbox, session))

        return replace(plain, open_source=opened, **behind)

    def serve_all(self) -> bool:
        """Serve every mailbox once; tell whether nothing was left to do in any."""
        calm = not self.queues.mailboxes  # an order to go on is work left, and this is its answer
        self.queues.mailboxes = []
        for box in self.configuration.mailboxes:
            try:
                calm &= self.route(box.address).outcome is PassOutcome.IDLE
            except _FALLS:
                calm = False
            if self.seam and not self.seam.silent:
                self.seam.mend()
        waiting = [name for name in self.sources if self.states.retries(name, None, 1)]
        return calm and not self.queues.mailboxes and not waiting and not self.unproven

    def vouch(self) -> None:
        """Let a person try every quarantined message again."""
        ports = self.incoming()
        for entry in self.quarantine.entries():
            undeliverable.retry(entry, ports.states, ports.quarantine, self.clock)

    def traces(self) -> list[Trace]:
        """All traces."""
        return list(self.ledger.traces_since(self.clock.at.replace(year=2000)))

    def durable(self, mailbox: Mailbox, source_id: str) -> bool:
        """Tell whether the message of this place would outlive its mailbox."""
        mine = [
            one for one in self.traces() if one.source_id == source_id and (one.receiving or one.mailbox) == mailbox.key
        ]
        kept = [one for one in self.quarantine.entries() if one.source_id == source_id]
        return any(
            (one.outcome is Outcome.DELIVERED and one.activity in self.crm.activities)
            or one.outcome in {Outcome.ATTACHED, Outcome.IGNORED}
            or (one.outcome is Outcome.QUARANTINED and all(entry.blob in self.blobs.stored for entry in kept))
            or self.known_elsewhere(one)
            for one in mine
        )

    def known_elsewhere(self, trace: Trace) -> bool:
        """Tell whether it is a further copy of what is durable."""
        return trace.reason == "duplicate" and (
            trace.key in self.ledger.claims or any(key == trace.key for key, _ in self.ledger.notes)
        )


class _Watched:
    """A source that notes what is disposed of too early."""

    def __init__(self, house: Mailroom, mailbox: Mailbox, source: MemorySource) -> None:
        self._house = house
        self._mailbox = mailbox
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def stream(self, source_id: str) -> Iterator[bytes]:
        """Give the bytes; of what is gone there are none."""
        if self._source.there(source_id) is None:
            raise MessageRefused(f"message {source_id} is no longer in the mailbox", kind="vanished")
        return self._source.stream(source_id)

    def dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        """Look whether each is durable, then dispose of them."""
        self._look(source_ids)
        self._source.dispose(source_ids, how)

    def set_aside(self, source_ids: Sequence[str]) -> None:
        """Look whether each is durable, then move them."""
        self._look(source_ids)
        self._source.set_aside(source_ids)

    def _look(self, source_ids: Sequence[str]) -> None:
        house, box = self._house, self._mailbox
        house.early += [f"{box.key} {one}" for one in source_ids if not house.durable(box, one)]


@dataclass(frozen=True)
class Scene:
    """A scenario: the house as it stands, the steps that are played, and what a person does until it is done.

    `in_order` is False where it may be either of several copies that comes first.
    """

    name: str
    build: Callable[[], Mailroom]
    steps: tuple[Callable[[Mailroom], object], ...]
    person: Callable[[Mailroom], object] = lambda _house: None
    in_order: bool = True
    spared: frozenset[Fault] = frozenset()


def play(scene: Scene, seam_of: Callable[[Mailroom], Seam]) -> tuple[Mailroom, Seam, dict[str, list[bytes | None]]]:
    """Play the scene behind the seam, then let the schedule and the person go on until all is calm."""
    house = scene.build()
    came = {name: list(source.messages) for name, source in house.sources.items()}
    seam = house.seam = seam_of(house)
    for step in scene.steps:
        with contextlib.suppress(*_FALLS):
            step(house)
        seam.dead = False
    played = len(seam.calls)
    seam.mend()
    calm = False
    for _ in range(_ROUNDS):
        house.clock.advance(_LONG)
        with contextlib.suppress(*_FALLS):
            scene.person(house)
        seam.mend()
        calm = house.serve_all()
        if calm:
            break
    del seam.calls[played:]
    assert calm, "it never comes to rest: " + "; ".join(
        f"{box.key} {house.states.read(box.key).error_text}" for box in house.configuration.mailboxes
    )
    return house, seam, came


def account(house: Mailroom, came: dict[str, list[bytes | None]]) -> dict[str, object]:
    """Return what became of everything, in a form that is equal to that of a run without a fault."""
    traces = house.traces()
    return {
        "activities": {one.id: (one.subject, one.flags, one.status.value) for one in house.crm.activities.values()},
        "people": [one.record for one in house.crm.records()],
        "parties": {one.id: one.parties for one in house.crm.activities.values()},
        "threads": {one.id: (one.correlated, one.tracking_token) for one in house.crm.activities.values()},
        "receipts": {place: (one.outcome.value, one.activity) for place, one in sorted(house.ledger.notes.items())},
        "fates": sorted((one.receiving or one.mailbox, one.source_id, one.outcome.value) for one in traces),
        "quarantine": sorted(
            (one.receiving or one.mailbox, one.source_id, one.reason) for one in house.quarantine.entries()
        ),
        "left": {name: [raw is not None for raw in source.messages] for name, source in house.sources.items()},
        "aside": {name: sorted(source.aside) for name, source in house.sources.items()},
        "kept": {one.source_id: house.blobs.stored.get(one.blob) for one in house.quarantine.entries() if one.complete},
    }


def broken_rules(house: Mailroom, came: dict[str, list[bytes | None]]) -> list[str]:
    """Return every rule of the road that does not hold in the end."""
    found = [f"disposed of before it was durable: {one}" for one in house.early]
    for name, messages in came.items():
        for number in range(len(messages)):
            found += _of_message(house, name, str(number))
        found += [f"a retry of {name} is left: {one.key}" for one in house.states.retries(name, None, 10)]
        if house.states.read(name).error_kind:
            found.append(f"{name} is still in error: {house.states.read(name).error_text}")
    for email in house.crm.activities.values():
        blobs = [one.blob for one in email.attachments] + ([email.raw] if email.raw else [])
        found += [f"{email.id} points to no blob {blob}" for blob in blobs if blob not in house.blobs.stored]
    of_activity = [one.activity for one in house.ledger.claims.values()]
    found += [f"two claims of {one}" for one in set(of_activity) if of_activity.count(one) > 1]
    return found


def _of_message(house: Mailroom, mailbox: str, source_id: str) -> list[str]:
    """Check that one message has come to one end."""
    place = f"message {source_id} of {mailbox}"
    mine = [one for one in house.traces() if (one.receiving or one.mailbox) == mailbox and one.source_id == source_id]
    entries = [
        one
        for one in house.quarantine.entries()
        if (one.receiving or one.mailbox) == mailbox and one.source_id == source_id
    ]
    if len(mine) > 1 and {one.outcome for one in mine} == {
        Outcome.IGNORED
    }:  # once under an id that another mail has taken since
        mine = mine[:1]
    if len(mine) > 1 and not entries:  # a person has vouched for it: what it was before is history
        mine = [one for one in mine if one.outcome is not Outcome.QUARANTINED]
    if len(mine) != 1:
        return [f"{place} has {len(mine)} traces, {len(entries)} entries of quarantine"]
    (trace,) = mine
    if trace.outcome not in _SETTLED:
        return [f"{place} is {trace.outcome.value}"]
    if trace.outcome is Outcome.DELIVERED and trace.activity not in house.crm.activities:
        return [f"{place} was delivered to an activity that does not exist"]
    quarantined = trace.outcome is Outcome.QUARANTINED
    if len(entries) != int(quarantined):
        return [f"{place} is {trace.outcome.value} and {len(entries)} times in quarantine"]
    if not trace.copy and (trace.key, trace.mailbox) not in house.ledger.notes:
        return [f"{place} has no receipt"]
    return [f"{place}: its bytes are gone" for one in entries if one.blob not in house.blobs.stored]


def seams(planted: dict[int, Any]) -> Callable[[Mailroom], Seam]:
    """Return what makes the seam of a house, with these faults planted."""
    return lambda house: Seam(house.clock, planted, partial(_served, house))


def _served(house: Mailroom) -> None:
    house.serve_all()
