"""Test both roads of one mailbox, and tell what was seen."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from email_router.cli.choosing import configured
from email_router.cli.servers import MailServers
from email_router.cli.shapes import SOURCES, Json
from email_router.core.errors import MailboxBlocked, MessageRefused, RouterError
from email_router.core.flows import access
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.sending import SendOutcome
from email_router.wiring import coexistence
from email_router.wiring.build import CLOCK
from email_router.wiring.registry import kind_of

_MEND_SEND = "The text has the server's own words; docs/troubleshooting.md tells what to do about them."


@dataclass(frozen=True, slots=True)
class Road:
    """What was seen on one road of a mailbox: in words, or the error."""

    direction: Direction
    profile: Profile | None
    seen: str = ""
    error: RouterError | None = None

    def json(self) -> Json:
        """Return it for machines."""
        error = self.error
        kind = kind_of(self.profile) if self.profile else None
        return {
            "direction": self.direction.value,
            "profile": self.profile.name if self.profile else None,
            "server": SOURCES.get(kind, kind) if kind else None,
            "status": "error" if error else "ok",
            "seen": self.seen,
            "error": {"kind": error.kind, "text": str(error), "mend": error.mend} if error else None,
        }


@dataclass(frozen=True, slots=True)
class Tested:
    """What was seen of a mailbox; `error` where it could not be tested at all."""

    address: str
    roads: tuple[Road, ...] = ()
    error: RouterError | None = None

    @property
    def failed(self) -> bool:
        """Tell whether something is wrong."""
        return self.error is not None or any(road.error for road in self.roads)

    def json(self) -> Json:
        """Return it for machines."""
        error = self.error
        return {
            "address": self.address,
            "status": "error" if self.failed else "ok" if self.roads else "idle",
            "roads": [road.json() for road in self.roads],
            "error": {"kind": error.kind, "text": str(error), "mend": error.mend} if error else None,
        }

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield a row for each road."""
        if self.error is not None:
            yield self.address, "", "", "error", _told(self.error)
        elif not self.roads:
            yield self.address, "", "", "idle", "it has no profile: its mail is neither fetched nor sent"
        for road in self.roads:
            status = "error" if road.error else "ok"
            words = _told(road.error) if road.error else road.seen
            yield self.address, road.direction.value, road.profile.name if road.profile else "", status, words


def tested(servers: MailServers, address: str, *, send: bool) -> Tested:
    """Test a mailbox.  Never raises a RouterError: what went wrong stands in the answer."""
    try:
        mailbox = configured(servers.configuration, address)
    except RouterError as trouble:
        return Tested(address, error=trouble)
    roads = []
    if mailbox.incoming:
        roads.append(_tried(servers, mailbox, Direction.INCOMING, lambda profile: _read(servers, profile, mailbox)))
    if mailbox.outgoing:
        out = _send if send else _log_in
        roads.append(_tried(servers, mailbox, Direction.OUTGOING, lambda profile: out(servers, profile, mailbox)))
    return Tested(mailbox.address, tuple(roads))


def _tried(servers: MailServers, mailbox: Mailbox, direction: Direction, work: Callable[[Profile], str]) -> Road:
    name = mailbox.incoming if direction is Direction.INCOMING else mailbox.outgoing
    profile = servers.configuration.profile(name, direction)
    try:
        if profile is None:
            raise MailboxBlocked(
                f"{mailbox.address}: its {direction.value} profile {name} is not configured",
                kind="configuration",
                mend="Mend the configuration and publish it.",
            )
        if direction in servers.served_twice.get(mailbox.key, ()):
            raise MailboxBlocked(
                f"{mailbox.address}: {coexistence.told(direction)}", kind="served_twice", mend=coexistence.MEND
            )
        return Road(direction, profile, work(profile))
    except RouterError as trouble:
        return Road(direction, profile, error=trouble)


def _read(servers: MailServers, profile: Profile, mailbox: Mailbox) -> str:
    source = servers.source(profile, mailbox)
    try:
        return access.read(source)
    finally:
        source.close()


def _log_in(servers: MailServers, profile: Profile, mailbox: Mailbox) -> str:
    return servers.probe(profile, mailbox)


def _send(servers: MailServers, profile: Profile, mailbox: Mailbox) -> str:
    """Send, and turn a refusal into an error; a result that nobody can know is one, too."""
    sender = servers.sender(profile, mailbox)
    organisation = servers.configuration.organisation
    try:
        result = access.send_to_itself(sender, organisation, mailbox.address, str(uuid.uuid4()), CLOCK.now())
    finally:
        sender.close()
    if result.outcome is SendOutcome.ACCEPTED:
        return f"sent to itself; {result.evidence}"
    said = f"{mailbox.address}: the test mail is {result.outcome.value}: {result.evidence}"
    raise MessageRefused(said, kind="test_mail", mend=_MEND_SEND)


def _told(error: RouterError) -> str:
    return f"{error} {error.mend}".strip()
