"""Tell whether trouble is one mailbox's own or shared by most that are reached the same way: then their circuit opens.

A circuit belongs to a place: a mail server or provider in one direction, or what lies behind the router (CRM and AWS).  Only failures are
written.  Of a place with many mailboxes about a hundred, chosen once for all by their names, stand for the rest, so that its row stays small.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from email_router.core.errors import RouterError
from email_router.core.mailbox import Direction, Profile
from email_router.core.mailbox_state import MailboxState
from email_router.core.settings import Configuration

BEHIND = "CRM and AWS"
"""The place of what every mailbox needs once its mail is read."""

SAMPLE = 100
WINDOW = timedelta(minutes=30)
"""How long a failure stands for its mailbox, at least; twice the profile's longest interval where that is longer."""
LAPSE = timedelta(minutes=10)
"""An open circuit of which no probe has failed for so long counts as closed: nobody was left to prove that it is."""
AFTERMATH = timedelta(hours=1)
"""How long after a circuit has closed those that go on failing are known as ones with trouble of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """What is known of a place: by `failing` when each mailbox failed last (by `name_of`), `failed` when any did.

    It is open from `opened` on; `closed` is when it closed last.  `kind`, `text` and `mend` are those of the error that opened it.
    """

    place: str
    failing: Mapping[str, datetime] = field(default_factory=dict)
    failed: datetime | None = None
    opened: datetime | None = None
    closed: datetime | None = None
    kind: str = ""
    text: str = ""
    mend: str = ""

    def is_open(self, now: datetime) -> bool:
        """Tell whether it is open: nobody but one probe a minute tries, and no failure counts."""
        return self.opened is not None and self.failed is not None and now - self.failed < LAPSE


class Circuits(Protocol):
    """The circuits of one organisation.  Every method may be repeated; all raise TryLater (shared) when the store is away."""

    def read(self, place: str) -> Circuit:
        """Return the place's circuit; one never seen is closed."""

    def failed(self, place: str, name: str, now: datetime) -> Circuit:
        """Note that something failed there, of the mailbox `name` (""; of one that is not in the sample); return the circuit after it."""

    def open(self, circuit: Circuit, error: RouterError, now: datetime) -> bool:
        """Open the circuit as it stands; True for the one who did, False when another was faster or it has changed."""

    def close(self, circuit: Circuit, now: datetime) -> bool:
        """Close the circuit as it stands; True for the one who did."""

    def all_open(self) -> Sequence[Circuit]:
        """Return the circuits that were opened and not closed, of the sort that `is_open` judges."""


class NoCircuits:
    """The circuits of a road that keeps none: each failure is a mailbox's own."""

    def read(self, place: str) -> Circuit:
        """Return a closed one."""
        return Circuit(place=place)

    def failed(self, place: str, name: str, now: datetime) -> Circuit:  # noqa: ARG002 - the port's names
        """Note nothing."""
        return Circuit(place=place)

    def open(self, circuit: Circuit, error: RouterError, now: datetime) -> bool:  # noqa: ARG002
        """Open none."""
        return False

    def close(self, circuit: Circuit, now: datetime) -> bool:  # noqa: ARG002
        """Close none."""
        return False

    def all_open(self) -> Sequence[Circuit]:
        """Return none."""
        return ()


@dataclass(frozen=True, slots=True)
class Member:
    """A mailbox that is reached at a place, and the profile by which."""

    mailbox: str
    profile: str


def place_of(profile: Profile) -> str:
    """Return where a profile's mailboxes are reached: host, or the provider's tenant."""
    where = profile.endpoint or profile.tenant_id or profile.host
    port = f":{profile.port}" if profile.host and profile.port and where == profile.host else ""
    return f"{profile.direction.value} {profile.server} {where}{port}".strip()


def members(configuration: Configuration, place: str) -> list[Member]:
    """Return the mailboxes that are reached at the place; behind the router stand all that are read."""
    found: list[Member] = []
    for direction in Direction:
        incoming = direction is Direction.INCOMING
        places = {one.name: place_of(one) for one in configuration.profiles if one.direction is direction}
        for box in configuration.mailboxes:
            name = box.incoming if incoming else box.outgoing
            here = name in places and (places[name] == place or (place == BEHIND and incoming))
            if name is not None and here and box.approved:
                found.append(Member(box.key, name))
    return found


def places(configuration: Configuration, mailbox: str, direction: Direction) -> Iterator[str]:
    """Yield the places that a mailbox needs in this direction."""
    box = configuration.mailbox(mailbox)
    name = (box.incoming if direction is Direction.INCOMING else box.outgoing) if box else None
    profile = configuration.profile(name, direction)
    if profile is not None:
        yield place_of(profile)
        if direction is Direction.INCOMING:
            yield BEHIND


def name_of(mailbox: str) -> str:
    """Return what stands for a mailbox in a circuit: 16 hexadecimal digits."""
    return hashlib.sha256(mailbox.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def in_sample(mailbox: str, count: int) -> bool:
    """Tell whether the mailbox is one of the hundred or so that stand for `count`."""
    parts = -(-count // SAMPLE)
    return parts <= 1 or zlib.crc32(mailbox.encode("utf-8", "surrogatepass")) % parts == 0


def shared_by_most(circuit: Circuit, everybody: Sequence[Member], profile: Profile, now: datetime) -> bool:
    """Tell whether more than half of the place's mailboxes, or of the profile's, have failed lately: at least two."""
    own = [one for one in everybody if one.profile == profile.name]
    lately = _lately(circuit, profile, now)
    return any(_more_than_half(lately, group, len(everybody)) for group in (everybody, own))


def alone(circuit: Circuit, mailbox: str, profile: Profile, now: datetime) -> bool:
    """Tell whether nobody else at the place has failed lately."""
    return not (_lately(circuit, profile, now) - {name_of(mailbox)})


def on_its_own(circuit: Circuit, mailbox: str, state: MailboxState | None, now: datetime) -> bool:
    """Tell whether the mailbox goes on failing where others have passed since: the circuit has closed, and it had failed before."""
    closed = circuit.closed
    if closed is None or now - closed > AFTERMATH:
        return False
    before = circuit.failing.get(name_of(mailbox))
    if state is None or not state.error_kind:
        return state is None and before is not None and before <= closed
    return state.failures > 0 or (state.last_pass is not None and state.last_pass <= closed)


def _more_than_half(lately: frozenset[str], group: Sequence[Member], count: int) -> bool:
    sample = [name_of(one.mailbox) for one in group if in_sample(one.mailbox, count)]
    failing = sum(name in lately for name in sample)
    return failing > 1 and 2 * failing > len(sample)


def _lately(circuit: Circuit, profile: Profile, now: datetime) -> frozenset[str]:
    window = max(WINDOW, timedelta(seconds=2 * profile.maximum_polling_interval))
    return frozenset(name for name, at in circuit.failing.items() if now - at <= window)
