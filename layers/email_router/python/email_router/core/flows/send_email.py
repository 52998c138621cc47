"""Send pending e-mails: the orders of one organisation, each over one connection, by groups (send_group.py)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from email_router.core.errors import ConfigurationError, MailboxBlocked, MessageRefused, TryLater
from email_router.core.flows.crm_tokens import tokens_for
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.prepare_email import Preparing
from email_router.core.flows.reading_emails import emails_of
from email_router.core.flows.send_group import GROUP, Sending, hold
from email_router.core.flows.sender_health import SenderHealth
from email_router.core.flows.settle_email import Sent, Settling, told
from email_router.core.flows.telling import Telling
from email_router.core.flows.withdraw import Withdrawing
from email_router.core.mailbox import Direction
from email_router.core.work import OutgoingWork
from email_router.core.write_back import WAITING, WriteBack

__all__ = ["SendEmail", "Sent"]

Trouble = MailboxBlocked | ConfigurationError


class SendEmail:
    """The outgoing road of one organisation."""

    def __init__(self, outgoing: Outgoing, request: str = "") -> None:
        self._out = outgoing
        self._request = request
        self._settling = Settling(outgoing, Telling(outgoing.crm), request)

    def send(self, work: OutgoingWork, stop_at: datetime) -> list[Sent]:
        """Send the e-mails of the order over one connection.  What is not reached before `stop_at` stays pending and is collected again."""
        mailbox = self._out.configuration.mailbox(work.sender)
        profile = self._out.configuration.profile(work.profile, Direction.OUTGOING)
        if mailbox is None or profile is None:
            return []  # published anew since the order: the e-mails are still pending, and collect_outgoing tells what is missing
        left = list(dict.fromkeys(work.activities))
        tokens = tokens_for(self._out, mailbox, len(left))
        health = SenderHealth(self._out, mailbox, profile, work.probe)
        try:
            sender = self._out.open_sender(profile, mailbox)
        except (MailboxBlocked, ConfigurationError) as trouble:
            return self._blocked(health, trouble, left)
        except TryLater as trouble:  # nothing was tried, and the order need not come again for it
            health.away(told(trouble))
            self._postpone(left, max(trouble.after, self._out.delays.pending_status))
            return []
        preparing = Preparing(self._out, mailbox, profile, tokens, self._request)
        withdrawing = Withdrawing(self._out, self._settling, sender)
        sending = Sending(self._out, self._settling, withdrawing, preparing, sender, self._request)
        try:
            return self._in_groups(sending, health, left, stop_at)
        finally:
            sender.close()

    def _in_groups(self, sending: Sending, health: SenderHealth, left: Sequence[str], stop_at: datetime) -> list[Sent]:
        """Send group after group; what the CRM refused of some is raised when nothing else is left to do."""
        done: list[Sent] = []
        refusals: list[MessageRefused] = []
        while left and self._out.clock.now() < stop_at:
            if seconds := hold(sending.sender):
                self._postpone(left, seconds)
                break
            carried = sending.carry_out(left[:GROUP], stop_at)
            done += carried.done
            refusals += carried.refusals
            left = [*carried.left, *left[GROUP:]]
            if carried.cut and carried.cut.blocked:
                return done + self._blocked(health, carried.cut.blocked, left)
            if carried.cut:
                health.away_for(carried.done)
                self._postpone(left if carried.cut.held else (), carried.cut.held)
                break
        health.sent(done)
        if refusals:
            raise refusals[0]
        return done

    def _blocked(self, health: SenderHealth, trouble: Trouble, left: Sequence[str]) -> list[Sent]:
        """Report a sender that is blocked, and leave its e-mails as they wait, each with the reason."""
        health.blocked(trouble)
        due = self._out.clock.now() + timedelta(seconds=self._out.delays.pending_status)
        for start in range(0, len(left), GROUP):
            self._keep_waiting(left[start : start + GROUP], told(trouble), due)
            self._settling.telling.tell()
        return [Sent(activity, None, told(trouble)) for activity in left]

    def _keep_waiting(self, names: Sequence[str], reason: str, due: datetime) -> None:
        known = self._out.outgoing.several(names)
        for state in known.values():
            if state.status in WAITING:
                self._settling.waits(state, due, reason)
        read = emails_of(self._out.crm, [name for name in names if name not in known])
        for email in read.found.values():
            if email.status in WAITING:
                told_so = WriteBack(activity=email.id, status=email.status, reason=reason, due=due)
                self._settling.telling.later(told_so)

    def _postpone(self, left: Sequence[str], seconds: float) -> None:
        if left:
            self._out.crm.postpone(left, self._out.clock.now() + timedelta(seconds=seconds))
