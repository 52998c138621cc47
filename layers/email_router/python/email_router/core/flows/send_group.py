"""Send the e-mails of one order, a group at a time: read, prepared and told to the CRM together, claimed, sent and settled one by one.

Nothing is known of the others for long: what was read early is proven again by the conditional write that each step makes.  The CRM says
"sending" of a group before any of it is claimed, so nobody cancels what may have left; what the group does not reach waits again there.  If
the worker dies, whatever was not claimed has not left: the next one finds its state, and sends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import zip_longest
from typing import TypeGuard

from email_router.core.activity import EmailStatus
from email_router.core.errors import ConfigurationError, MailboxBlocked, MessageRefused, RouterError
from email_router.core.flows.attempt import Attempt
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.prepare_email import Made, Preparing
from email_router.core.flows.settle_email import Sent, Settling, told
from email_router.core.flows.take_up import Taken, TakingUp
from email_router.core.flows.withdraw import Withdrawing
from email_router.core.octets import Octets
from email_router.core.packed import unpacked
from email_router.core.ports import AnnouncedSender, MailSender, PacedSender
from email_router.core.sending import OutgoingState
from email_router.core.write_back import WAITING, WriteBack

GROUP = 25
"""E-mails that are read ahead of the sending."""

_HELD = 4 * 1024 * 1024
"""Bytes of composed mail that are held: what comes behind a large one is composed when that has left."""

_GONE = "what was composed is no longer kept: write the e-mail again"


@dataclass(frozen=True, slots=True)
class Cut:
    """Why a group ended early: the time is over, nothing leaves this way for so many seconds, or the sender is blocked."""

    held: float = 0
    blocked: MailboxBlocked | ConfigurationError | None = None


@dataclass(slots=True)
class _Group:
    """How far a group has come: what is done, what the CRM was told of, and the bytes that are held, by their names."""

    names: Sequence[str]
    stop_at: datetime
    free: bool = True
    done: dict[str, Sent] = field(default_factory=dict)
    told: dict[str, Taken] = field(default_factory=dict)
    bytes_held: dict[str, Octets] = field(default_factory=dict, repr=False)
    refusals: list[MessageRefused] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of a group; `left` was not reached: after a `cut`, or because it answers one of the group and comes behind that.

    `refusals`: why the CRM does not take what it is told of some.
    """

    done: list[Sent]
    left: list[str]
    cut: Cut | None = None
    refusals: Sequence[MessageRefused] = ()


@dataclass(frozen=True, slots=True)
class Sending:
    """Sends the e-mails of one order over one sender."""

    out: Outgoing
    settling: Settling
    withdrawing: Withdrawing
    preparing: Preparing
    sender: MailSender
    request: str

    def carry_out(self, names: Sequence[str], stop_at: datetime) -> Carried:
        """Do for each e-mail of a group what is to be done now; the first one's turn has come when this is called.

        What the CRM was told of is told on every way out, as far as the CRM can be reached.
        """
        group = _Group(names, stop_at)
        try:
            cut = self._carry_out(group)
            self._wait_again(group, cut.held if cut else 0)
        except (RouterError, ConfigurationError):
            with suppress(RouterError, ConfigurationError):
                self._wait_again(group, self.out.delays.pending_status)
            raise
        done = [group.done[name] for name in names if name in group.done]
        return Carried(done, [name for name in names if name not in group.done], cut, group.refusals)

    def _carry_out(self, group: _Group) -> Cut | None:
        taking = TakingUp(self.out, self.settling, self.withdrawing, self.sender, self.preparing.mailbox)
        taken = taking.take_up(group.names, group.done, group.refusals)
        made = self.preparing.made(taken.new)
        chunk = [*taken.ready, *self._prepared(made, group)]
        while chunk:
            cut = self._attempts(self._announced(chunk, group), group)
            if cut:
                return cut
            chunk = self._prepared(made, group)
        return None

    def _prepared(self, made: Iterator[Made], group: _Group) -> list[Taken]:
        """Compose as many as may be held, and write their states; those that cannot be sent as they are end here."""
        group.bytes_held.clear()
        chunk: list[Made] = []
        for one in made:
            if one.refusal:
                group.done[one.email.id] = self.settling.refused(one.email, EmailStatus.FAILED, told(one.refusal))
                continue
            chunk.append(one)
            if sum(len(held.raw) for held in chunk) > _HELD:
                break
        stand = self.out.outgoing.prepare_all([one.prepared for one in chunk if one.prepared]) if chunk else {}
        return [self._held(one, stand[one.email.id], group) for one in chunk]

    def _held(self, one: Made, stands: OutgoingState, group: _Group) -> Taken:
        if one.prepared:
            group.bytes_held[one.prepared.state.blob] = one.raw
        return Taken(stands, one.email)

    def _announced(self, chunk: Sequence[Taken], group: _Group) -> list[Taken]:
        """Tell the CRM that these e-mails are being sent; return those that it knows no better of.  If it is away nothing is sent."""
        due = self.out.clock.now() + timedelta(seconds=self.out.delays.sending_status)
        waiting = {one.state.activity: one for one in chunk if one.state.status in WAITING}
        for activity in {one.state.activity for one in chunk} - waiting.keys():
            group.done[activity] = Sent(activity, None, "another worker has it")
        group.told |= waiting
        tells = [
            WriteBack(activity=activity, status=EmailStatus.SENDING, attempts=one.state.attempts + 1, due=due)
            for activity, one in waiting.items()
        ]
        others = self._told_of(tells, group) if tells else {}
        for activity, status in others.items():
            group.done[activity] = self._other_word(group.told.pop(activity).state, status)
        return [one for activity, one in waiting.items() if activity in group.told]

    def _told_of(self, tells: Sequence[WriteBack], group: _Group) -> Mapping[str, EmailStatus | None]:
        """Tell the CRM of these; one that it refuses is left waiting and keeps no other back."""
        try:
            return self.out.crm.write_back_all(tells)
        except MessageRefused as refusal:
            if len(tells) > 1:
                return {name: word for one in tells for name, word in self._told_of([one], group).items()}
            (name,) = [one.activity for one in tells]
            group.refusals.append(refusal)
            group.done[name] = Sent(name, None, told(refusal))
            del group.told[name]
            return {}

    def _other_word(self, state: OutgoingState, status: EmailStatus | None) -> Sent:
        """Do what the CRM's word demands: what is cancelled, or gone, ends; another worker has brought the rest to its end."""
        if status in {EmailStatus.SENT, EmailStatus.FAILED, EmailStatus.UNKNOWN}:
            return Sent(state.activity, None, f"the CRM says {status.value}: another worker has it, or a person")
        return self.withdrawing.cancelled(state, "cancelled before it was sent")

    def _attempts(self, chunk: Sequence[Taken], group: _Group) -> Cut | None:
        for one, following in zip_longest(chunk, chunk[1:]):
            if self.out.clock.now() >= group.stop_at:
                return Cut()
            seconds = 0.0 if group.free else hold(self.sender)
            if seconds:
                return Cut(held=seconds)
            group.free = False
            sent = self._attempt(one, group, partial(self._announce, following, group))
            del group.told[one.state.activity]
            group.done[one.state.activity] = sent
            if sent.held or sent.blocked:
                return Cut(sent.held, sent.blocked)
        return None

    def _announce(self, following: Taken | None, group: _Group) -> None:
        """Let the sender know which e-mail is the next, where that is held.  It is not claimed yet, and may never be."""
        composed = group.bytes_held.get(following.state.blob) if following else None
        if following and composed and _is_told_ahead(self.sender):
            self.sender.announce(self.withdrawing.envelope(following.state), composed)

    def _attempt(self, one: Taken, group: _Group, just_before: Callable[[], None]) -> Sent:
        try:
            composed = group.bytes_held.pop(one.state.blob, None) or self._composed(one.state)
        except KeyError:
            return self.withdrawing.failed(one.state, _GONE)
        attempt = Attempt(self.out, self.settling, self.withdrawing, self.sender, self.request)
        sent = attempt.make(one.state, composed, just_before)
        return replace(sent, waited=bool(one.email.reason or one.state.reason))

    def _composed(self, state: OutgoingState) -> Octets:
        if state.beside:
            return unpacked(self.out.outgoing.packed(state.activity))
        return self.out.keep(self.out.blobs.stream(state.blob))

    def _wait_again(self, group: _Group, seconds: float) -> None:
        """Let what the CRM was told of and that was not claimed wait again there, and tell what else is to be told, in one call."""
        if group.told:
            due = self.out.clock.now() + timedelta(seconds=seconds)
            for state in self.out.outgoing.several(list(group.told)).values():
                if state.status in WAITING:
                    self.settling.waits(state, due)
            group.told.clear()
        try:
            self.settling.telling.tell()
        except MessageRefused as refusal:
            group.refusals.append(refusal)


def hold(sender: MailSender) -> float:
    """Wait for the sender's next free moment, where it has a pace; return the seconds for which it takes no more, else 0."""
    return sender.hold() if _paces(sender) else 0.0


def _paces(sender: MailSender) -> TypeGuard[PacedSender]:
    return hasattr(sender, "hold")


def _is_told_ahead(sender: MailSender) -> TypeGuard[AnnouncedSender]:
    return hasattr(sender, "announce")
