"""Take up the e-mails of a group: settle what an earlier worker left behind, and find out which of them are to be sent now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.errors import MessageRefused
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.outgoing_alerts import owner_of
from email_router.core.flows.reading_emails import emails_of
from email_router.core.flows.settle_email import Sent, Settling, told
from email_router.core.flows.withdraw import Withdrawing, drafts
from email_router.core.mailbox import Mailbox
from email_router.core.ports import MailSender
from email_router.core.recipients import lost
from email_router.core.sending import OutgoingState
from email_router.core.write_back import TO_SEND, WAITING, WriteBack

_SETTLED = frozenset({EmailStatus.SENT, EmailStatus.FAILED, EmailStatus.UNKNOWN})
_LOST = "the CRM says that it is being sent, but nothing is known of the attempt: look whether it has left before it is sent again"
_CANCELLED = "cancelled before it was sent"
_DIED = "the worker that was sending it never told the result"


@dataclass(frozen=True, slots=True)
class Taken:
    """An e-mail that was prepared: where it stands, and as the CRM has it."""

    state: OutgoingState
    email: EmailActivity


@dataclass(frozen=True, slots=True)
class ToSend:
    """What is to be sent now: e-mails that were prepared before, and those that are to be."""

    ready: list[Taken] = field(default_factory=list)
    new: list[EmailActivity] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TakingUp:
    """Takes up the e-mails of one order."""

    out: Outgoing
    settling: Settling
    withdrawing: Withdrawing
    sender: MailSender
    mailbox: Mailbox

    def take_up(self, names: Sequence[str], done: dict[str, Sent], refusals: list[MessageRefused]) -> ToSend:
        """Return what is to be sent now; add to `done` what became of the others, to `refusals` what the CRM refuses to be told.

        An e-mail that answers another one of them is left for later: what it takes over is known when that has left.  So is one that
        was not read with the others; what is not there when nothing else is, is gone.
        """
        known = self.out.outgoing.several(names)
        for name, state in known.items():
            try:
                if state.status in _SETTLED:
                    done[name] = self.settling.told_again(state)
                elif state.status is EmailStatus.SENDING:
                    done[name] = self._stuck(state)
            except MessageRefused as refusal:
                refusals.append(refusal)
                done[name] = Sent(name, None, told(refusal))
        read = emails_of(self.out.crm, [name for name in names if name not in done])
        owner = owner_of(self.out.configuration, self.mailbox.address)
        for name, why in read.refused.items():
            done[name] = self.settling.unread(name, owner, EmailStatus.FAILED, told(why))
        to_send = ToSend()
        for name in names:
            if read.found and name not in read.found:
                continue
            if name not in done and not self._ends(name, known.get(name), read.found.get(name), done):
                self._add(to_send, known.get(name), read.found[name])
        return _without_answers(to_send)

    def _add(self, to_send: ToSend, state: OutgoingState | None, email: EmailActivity) -> None:
        if state is None:
            to_send.new.append(email)
        else:
            to_send.ready.append(Taken(state, email))

    def _ends(self, name: str, state: OutgoingState | None, email: EmailActivity | None, done: dict[str, Sent]) -> bool:
        """Tell whether an e-mail is not to be sent now, and add to `done` why not."""
        sent = self._of_known(name, state, email) if state else self._of_new(name, email)
        if sent:
            done[name] = sent
        return sent is not None

    def _of_known(self, name: str, state: OutgoingState, email: EmailActivity | None) -> Sent | None:
        if email is not None and email.status in _SETTLED:
            return Sent(name, None, "a person has it sent again, and the CRM is still to be told")
        if email is None or email.status not in TO_SEND:
            if self.withdrawing.cancelled(state, _CANCELLED).status is EmailStatus.CANCELLED:
                self._say_cancelled(name, email)
            return Sent(name, None, "cancelled or gone")
        due = state.due is None or state.due <= self.out.clock.now()
        return None if state.status in WAITING and due else Sent(name, None, "not due, or another worker has it")

    def _of_new(self, name: str, email: EmailActivity | None) -> Sent | None:
        if email is None or email.status not in TO_SEND:
            self._say_cancelled(name, email)
            return Sent(name, None, "cancelled or gone")
        if email.status is not EmailStatus.SENDING:
            return None
        if self.out.outgoing.get(name):
            return Sent(name, None, "another worker has taken it up")
        return self.settling.refused(email, EmailStatus.UNKNOWN, _LOST)

    def _say_cancelled(self, name: str, email: EmailActivity | None) -> None:
        """Let a CRM whose tables tell nobody keep that a user has cancelled it; there may be no state to tell it by."""
        if email is not None and email.status is EmailStatus.CANCELLED:
            self.out.crm.write_back(WriteBack(activity=name, status=EmailStatus.CANCELLED, reason=_CANCELLED))

    def _stuck(self, state: OutgoingState) -> Sent:
        """An attempt that began and never ended: after SendingStatusDelay it is unknown, or its draft tells."""
        now, settling = self.out.clock.now(), self.settling
        if now - state.changed < timedelta(seconds=self.out.delays.sending_status):
            return Sent(state.activity, None, "another worker is sending it")
        if drafts(self.sender) and state.attempts < self.out.delays.maximum_attempts:
            evidence = f"{_DIED}: its draft will tell"
            return settling.written(settling.settle(state, EmailStatus.DEFERRED, evidence, due=now))
        return settling.settled(state, EmailStatus.UNKNOWN, _DIED, lost(state, _DIED) or None)


def _without_answers(to_send: ToSend) -> ToSend:
    """Return the same without new e-mails that answer others of them, unless all of them do."""
    names = {one.id for one in to_send.new} | {one.state.activity for one in to_send.ready}
    first = [one for one in to_send.new if one.correlated not in names]
    return ToSend(to_send.ready, first) if first or to_send.ready else to_send
