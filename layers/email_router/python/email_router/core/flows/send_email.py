"""Send pending e-mails: prepare once, then make an attempt, or settle what an earlier one left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeGuard

from email_router.core.activity import EmailStatus
from email_router.core.errors import ConfigurationError, MailboxBlocked, MessageRefused
from email_router.core.flows.attempt import Attempt
from email_router.core.flows.crm_tokens import NewTokens, tokens_for
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.outgoing_alerts import sender_blocked
from email_router.core.flows.prepare_email import prepare
from email_router.core.flows.settle_email import TO_SEND, Sent, Settling, told
from email_router.core.flows.withdraw import Withdrawing, drafts
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.ports import MailSender, PacedSender
from email_router.core.recipients import lost
from email_router.core.sending import OutgoingState
from email_router.core.work import OutgoingWork

__all__ = ["SendEmail", "Sent"]

_SETTLED = frozenset({EmailStatus.SENT, EmailStatus.FAILED, EmailStatus.UNKNOWN})
_LOST = "the CRM says that it is being sent, but nothing is known of the attempt: look whether it has left before it is sent again"
_GONE = "what was composed is no longer kept: write the e-mail again"


class SendEmail:
    """The outgoing road of one organisation."""

    def __init__(self, outgoing: Outgoing, request: str = "") -> None:
        self._out = outgoing
        self._request = request
        self._settling = Settling(outgoing, request)

    def send(self, work: OutgoingWork, stop_at: datetime) -> list[Sent]:
        """Send the e-mails of the order over one connection.  What is not reached before `stop_at` stays pending and is collected again."""
        mailbox = self._out.configuration.mailbox(work.sender)
        profile = self._out.configuration.profile(work.profile, Direction.OUTGOING)
        if mailbox is None or profile is None:
            return []  # published anew since the order: the e-mails are still pending, and collect_outgoing tells what is missing
        tokens = tokens_for(self._out, mailbox, len(work.activities))
        try:
            sender = self._out.open_sender(profile, mailbox)
        except (MailboxBlocked, ConfigurationError) as trouble:
            return self._blocked(mailbox, trouble, work.activities)
        order = _Order(self._out, self._settling, mailbox, profile, sender, tokens, self._request)
        done: list[Sent] = []
        try:
            for number, activity in enumerate(work.activities):
                if self._out.clock.now() >= stop_at or self._held(sender, work.activities[number:]):
                    break
                done.append(order.carry_out(activity))
                left = work.activities[number + 1 :]
                if done[-1].held:
                    self._postpone(left, done[-1].held)
                    break
                if done[-1].blocked:
                    return done + self._blocked(mailbox, done[-1].blocked, left)
        finally:
            sender.close()
        if any(one.waited and one.status is EmailStatus.SENT for one in done):
            self._out.alerts.settle(sender_blocked(mailbox.address, None, self._out.clock.now()).id)
        return done

    def _blocked(
        self, mailbox: Mailbox, trouble: MailboxBlocked | ConfigurationError, left: Sequence[str]
    ) -> list[Sent]:
        """Report a sender that is blocked, and leave its e-mails as they wait, each with the reason."""
        self._out.alerts.raise_alert(sender_blocked(mailbox.address, trouble, self._out.clock.now()))
        return [self._settling.waits(activity, told(trouble)) for activity in left]

    def _held(self, sender: MailSender, left: Sequence[str]) -> bool:
        """Tell whether the provider takes no more for now: the e-mails that are left come again when it does."""
        seconds = sender.hold() if _paces(sender) else 0.0
        if seconds:
            self._postpone(left, seconds)
        return seconds > 0

    def _postpone(self, left: Sequence[str], seconds: float) -> None:
        if left:
            self._out.crm.postpone(left, self._out.clock.now() + timedelta(seconds=seconds))


@dataclass(frozen=True, slots=True)
class _Order:
    """What the e-mails of one order have in common."""

    out: Outgoing
    settling: Settling
    mailbox: Mailbox
    profile: Profile
    sender: MailSender
    tokens: NewTokens
    request: str

    def carry_out(self, activity: str) -> Sent:
        """Do for one e-mail what is to be done now."""
        out, settling = self.out, self.settling
        withdrawing = Withdrawing(out, settling, self.sender)
        state = out.outgoing.get(activity)
        if state is not None and state.status in _SETTLED:
            return settling.told_again(state)
        if state is not None and state.status is EmailStatus.SENDING:
            return self._stuck(state)
        email = out.crm.email(activity)
        if state is not None and email is not None and email.status in _SETTLED:
            return Sent(activity, None, "a person has it sent again, and the CRM is still to be told")
        if email is None or email.status not in TO_SEND:
            if state is not None:
                withdrawing.cancelled(state, "cancelled before it was sent")
            return Sent(activity, None, "cancelled or gone")
        if state is None and email.status is EmailStatus.SENDING:
            if out.outgoing.get(activity):
                return Sent(activity, None, "another worker has taken it up")
            return settling.refused(email, EmailStatus.UNKNOWN, _LOST)
        kept: dict[str, bytes] = {}
        try:
            state = state or prepare(out, email, self.mailbox, self.profile, self.tokens, self.request, kept)
        except MessageRefused as refusal:
            return settling.refused(email, EmailStatus.FAILED, told(refusal))
        try:
            composed = kept.pop(state.blob, None) or out.blobs.get(state.blob)
        except KeyError:
            return withdrawing.failed(state, _GONE)
        sent = Attempt(out, settling, withdrawing, self.sender, self.request).make(state, composed)
        return replace(sent, waited=bool(email.reason or state.reason))

    def _stuck(self, state: OutgoingState) -> Sent:
        """An attempt that began and never ended: after SendingStatusDelay it is unknown, or its draft tells."""
        now, settling = self.out.clock.now(), self.settling
        if now - state.changed < timedelta(seconds=self.out.delays.sending_status):
            return Sent(state.activity, None, "another worker is sending it")
        if drafts(self.sender) and state.attempts < self.out.delays.maximum_attempts:
            evidence = "the worker that was sending it never told the result: its draft will tell"
            return settling.written(settling.settle(state, EmailStatus.DEFERRED, evidence, due=now))
        evidence = "the worker that was sending it never told the result"
        return settling.settled(state, EmailStatus.UNKNOWN, evidence, lost(state, evidence) or None)


def _paces(sender: MailSender) -> TypeGuard[PacedSender]:
    return hasattr(sender, "hold")
