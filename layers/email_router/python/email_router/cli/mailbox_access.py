"""Test both roads of one mailbox, step by step."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from email_router.cli.access_shapes import Road, Tested
from email_router.cli.choosing import configured
from email_router.cli.servers import REACH, MailServers
from email_router.core.access_course import Course, Onlooker
from email_router.core.access_steps import Certificate, Stage, StepName, incoming_stages, outgoing_stages
from email_router.core.errors import ConfigurationError, MailboxBlocked, MessageRefused, RouterError
from email_router.core.fetched import Position
from email_router.core.flows import access
from email_router.core.flows.access import Waiting
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.ports import Clock, MailSource
from email_router.core.sending import SendOutcome
from email_router.edge.connect import https
from email_router.wiring import coexistence

_MEND_CONFIGURATION = "Mend the configuration and publish it."
_MEND_SEND = "The text has the server's own words; docs/troubleshooting.md tells what to do about them."
_MEND_FIND = (
    "See whether it lies in the junk folder or another folder than `folders` of the incoming profile, or a rule took it; where mail is slow, "
    "give --wait more seconds.  In Exchange Online the message trace tells (Exchange admin center, Mail flow, Message trace)."
)
_BEFORE = timedelta(days=1)
"""How much older than the test mail is what may be listed while it is looked for: clocks differ, and some servers search by the day."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of each mailbox: whether to send and how long to look for it, by which clocks; `unapproved` by mailbox key."""

    send: bool
    waiting: Waiting
    clock: Clock
    unapproved: Mapping[str, RouterError] = field(default_factory=dict)


def tested(servers: MailServers, address: str, asked: Asked) -> Tested:
    """Test a mailbox.  Never raises a RouterError: what went wrong stands in the answer."""
    try:
        mailbox = configured(servers.configuration, address)
    except RouterError as trouble:
        return Tested(address, error=trouble)
    trial = _Trial(servers, mailbox, asked)
    roads: list[Road] = []
    if mailbox.incoming:
        roads.append(trial.incoming())
    if mailbox.outgoing:
        roads.append(trial.outgoing(readable=all(road.error is None for road in roads)))
    return Tested(mailbox.address, tuple(roads), asked.unapproved.get(mailbox.key))


@dataclass(frozen=True)
class _Found:
    """How the test mail is to be looked for: by which profile, beyond what lay there; or why it is not."""

    profile: Profile | None = None
    after: Position = field(default_factory=Position)
    why_not: str = ""


@dataclass(frozen=True)
class _Trial:
    """The test of one mailbox."""

    servers: MailServers
    mailbox: Mailbox
    asked: Asked

    def incoming(self) -> Road:
        """Log in and read."""
        return self._road(Direction.INCOMING, incoming_stages, self._read)

    def outgoing(self, *, readable: bool) -> Road:
        """Log in and look, or send and find it back where the mailbox is `readable`."""
        if not self.asked.send:
            stages = partial(outgoing_stages, unsent="--send was not given")
            return self._road(Direction.OUTGOING, stages, self._log_in)
        beyond = self._beyond(readable=readable)
        stages = partial(outgoing_stages, unfound=beyond.why_not)
        return self._road(Direction.OUTGOING, stages, partial(self._send, beyond))

    def _road(
        self,
        direction: Direction,
        stages_of: Callable[[Profile], Sequence[Stage]],
        take: Callable[[Profile, Course], str],
    ) -> Road:
        name = self.mailbox.incoming if direction is Direction.INCOMING else self.mailbox.outgoing
        profile, now = self.servers.configuration.profile(name, direction), self.asked.clock.now()
        if profile is None:
            said = f"{self.mailbox.address}: its {direction.value} profile {name} is not configured"
            return Road(
                direction, None, now, error=MailboxBlocked(said, kind="configuration", mend=_MEND_CONFIGURATION)
            )
        course = Course(stages_of(profile), self.asked.waiting.seconds)
        try:
            self._not_twice(direction)
            seen = take(profile, course)
        except (RouterError, ConfigurationError) as problem:
            error = self._of_mailbox(problem)
            course.failed(error)
            if error.kind == "certificate" and (shown := self._shown(profile, course.host)):
                course.presented(shown)
            return Road(direction, profile, now, course.steps(), error=error)
        finally:
            https.hang_up(course)
        return Road(direction, profile, now, course.steps(), seen)

    def _not_twice(self, direction: Direction) -> None:
        if direction in self.servers.served_twice.get(self.mailbox.key, ()):
            said = f"{self.mailbox.address}: {coexistence.told(direction)}"
            raise MailboxBlocked(said, kind="served_twice", mend=coexistence.MEND)

    def _of_mailbox(self, problem: RouterError | ConfigurationError) -> RouterError:
        """Return an error as one of this mailbox: none stops the others."""
        if isinstance(problem, RouterError):
            return problem
        return MailboxBlocked(f"{self.mailbox.address}: {problem}", kind="configuration", mend=_MEND_CONFIGURATION)

    def _shown(self, profile: Profile, host: str) -> Certificate | None:
        """Return the certificate that the host shows, by a line of its own that ends when it has shown it."""
        onlooker = Onlooker(host)
        reach = replace(REACH, witness=onlooker)
        try:
            if profile.direction is Direction.OUTGOING:
                self.servers.probe(profile, self.mailbox, reach)
            else:
                with closing(self.servers.source(profile, self.mailbox, reach)) as source:
                    access.read(source)
        except (RouterError, ConfigurationError):
            pass  # that is how it ends
        finally:
            https.hang_up(onlooker)
        return onlooker.certificate

    def _read(self, profile: Profile, course: Course) -> str:
        with closing(self.servers.source(profile, self.mailbox, replace(REACH, witness=course))) as source:
            seen = access.read(source)
            course.done(StepName.READ, seen)
        return seen

    def _log_in(self, profile: Profile, course: Course) -> str:
        seen = self.servers.probe(profile, self.mailbox, replace(REACH, witness=course))
        course.done(StepName.READ, seen)
        return seen

    def _beyond(self, *, readable: bool) -> _Found:
        """Note what lies in the mailbox before the test mail is sent."""
        profile = self.servers.configuration.profile(self.mailbox.incoming, Direction.INCOMING)
        if profile is None:
            return _Found(why_not="the mailbox has no incoming profile to find it by")
        if not readable:
            return _Found(why_not="the mailbox cannot be read: see its incoming road")
        profile = replace(profile, process_received_after=self.asked.clock.now() - _BEFORE)
        try:
            with closing(self.servers.source(profile, self.mailbox)) as source:
                return _Found(profile, access.end_of(source))
        except (RouterError, ConfigurationError) as trouble:
            return _Found(why_not=f"what lies in the mailbox cannot be listed: {trouble}")

    def _send(self, beyond: _Found, profile: Profile, course: Course) -> str:
        """Send, and find it back.  A refusal is an error; so is a result that nobody can know, and a mail that does not come."""
        reach, test = replace(REACH, witness=course), str(uuid.uuid4())
        if profile.server == "ses":  # whose sender makes connections of its own
            self.servers.probe(profile, self.mailbox, reach)
        organisation, address = self.servers.configuration.organisation, self.mailbox.address
        with closing(self.servers.sender(profile, self.mailbox, reach)) as sender:
            result = access.send_to_itself(sender, organisation, address, test, self.asked.clock.now())
        if result.outcome is not SendOutcome.ACCEPTED:
            said = f"{address}: the test mail is {result.outcome.value}: {result.evidence}"
            raise MessageRefused(said, kind="test_mail", mend=_MEND_SEND)
        course.done(StepName.SEND, result.evidence)
        found = self._find(beyond, test, course)
        return f"sent to itself; {result.evidence}{found}"

    def _find(self, beyond: _Found, test: str, course: Course) -> str:
        profile, waiting = beyond.profile, self.asked.waiting
        if profile is None:
            return ""
        begun = waiting.seconds()

        def opened() -> MailSource:
            return self.servers.source(profile, self.mailbox)

        if not access.find(opened, beyond.after, self.servers.configuration.organisation, test, waiting):
            said = (
                f"{self.mailbox.address}: the test mail was sent and did not come back within {waiting.most:g} seconds"
            )
            raise MessageRefused(said, kind="test_mail", mend=_MEND_FIND)
        after = f"after {waiting.seconds() - begun:.1f} seconds"
        where = f"in {', '.join(profile.folders) or 'the inbox'} by profile {profile.name}"
        course.done(StepName.FIND, f"found {where} {after}; it may be deleted")
        return f"; found {where} {after}"
