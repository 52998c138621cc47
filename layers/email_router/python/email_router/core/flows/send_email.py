"""Send pending e-mails: prepare once, claim, send, settle, write back.

Claimed means that the attempt has begun.  If the worker dies after the claim, nobody knows whether the mail left: after SendingStatusDelay it
becomes unknown, and it is never sent again by itself.  If it dies after the settling, the next collection writes the result back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from email_router.core import counters
from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.errors import MessageRefused, RouterError
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.prepare_email import prepare
from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.ports import MailSender
from email_router.core.sending import Envelope, OutgoingState, SendOutcome, SendResult
from email_router.core.smart_hash import participants
from email_router.core.work import OutgoingWork

_SETTLED = frozenset({EmailStatus.SENT, EmailStatus.FAILED, EmailStatus.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one e-mail of an order; None as status means that it was not to be sent now."""

    activity: str
    status: EmailStatus | None
    evidence: str = ""


class SendEmail:
    """The outgoing road of one organisation."""

    def __init__(self, outgoing: Outgoing, request: str = "") -> None:
        self._out = outgoing
        self._request = request

    def send(self, work: OutgoingWork, stop_at: datetime) -> list[Sent]:
        """Send the e-mails of the order over one connection.  What is not reached before `stop_at` stays pending and is collected again."""
        mailbox = self._out.configuration.mailbox(work.sender)
        profile = self._out.configuration.profile(work.profile, Direction.OUTGOING)
        if mailbox is None or profile is None:
            return []  # published anew since the order: the e-mails are still pending, and collect_outgoing tells what is missing
        sender = self._out.open_sender(profile, mailbox)
        done: list[Sent] = []
        try:
            for activity in work.activities:
                if self._out.clock.now() >= stop_at:
                    break
                done.append(self._one(activity, mailbox, profile, sender))
        finally:
            sender.close()
        return done

    def _one(self, activity: str, mailbox: Mailbox, profile: Profile, sender: MailSender) -> Sent:
        out = self._out
        state = out.outgoing.get(activity)
        if state is not None and state.status in _SETTLED:
            self._write_back(state, state.status, state.reason)
            return Sent(activity, None, "settled before")
        if state is not None and state.status is EmailStatus.SENDING:
            return self._stuck(state)
        email = out.crm.email(activity)
        if email is None or email.status not in {EmailStatus.PENDING, EmailStatus.DEFERRED, EmailStatus.SENDING}:
            return Sent(activity, None, "cancelled or gone")
        try:
            state = state or prepare(out, email, mailbox, profile)
        except MessageRefused as refusal:
            return self._refused(activity, email, str(refusal))
        claimed = out.outgoing.claim(activity, out.clock.now(), self._request)
        if claimed is None:
            return Sent(activity, None, "not due, or another worker has it")
        again = out.clock.now() + timedelta(seconds=out.delays.sending_status)
        if not out.crm.write_back(activity, EmailStatus.SENDING, attempts=claimed.attempts, due=again):
            return self._settled(claimed, EmailStatus.CANCELLED, "cancelled before it was sent")
        out.meters.count(counters.OUTGOING_PROCESSED)
        return self._attempt(claimed, sender)

    def _attempt(self, claimed: OutgoingState, sender: MailSender) -> Sent:
        envelope = Envelope(
            organisation=self._out.configuration.organisation,
            activity=claimed.activity,
            sender=claimed.sender,
            recipients=claimed.recipients,
        )
        try:
            result = sender.send(envelope, self._out.blobs.get(claimed.blob))
        except RouterError as trouble:  # by the port's promise nothing was handed over
            result = SendResult(outcome=SendOutcome.DEFERRED, evidence=_told(trouble))
        if result.outcome is SendOutcome.ACCEPTED:
            return self._accepted(claimed, result)
        if result.outcome is SendOutcome.DEFERRED:
            return self._deferred(claimed, result)
        if result.outcome is SendOutcome.REFUSED:
            self._out.meters.count(counters.OUTGOING_UNDELIVERED)
            return self._settled(claimed, EmailStatus.FAILED, result.evidence)
        self._out.meters.count(counters.OUTGOING_UNDELIVERED)
        return self._settled(claimed, EmailStatus.UNKNOWN, result.evidence)

    def _accepted(self, claimed: OutgoingState, result: SendResult) -> Sent:
        """Settle, and make the provider's own id lead to the e-mail too."""
        now = self._out.clock.now()
        refused = [one for one in result.recipients if one.outcome is not SendOutcome.ACCEPTED]
        evidence = result.evidence + "".join(f"; {one.outcome.value}: {one.evidence}" for one in refused)
        self._out.outgoing.settle(claimed, EmailStatus.SENT, now, evidence=evidence, provider_id=result.provider_id)
        if result.provider_id:
            people = participants((claimed.sender, *claimed.recipients))
            known = KnownEmail(activity=claimed.activity, participants=people, at=now, token=claimed.tracking_token)
            self._out.ledger.link([Link(LinkKind.MESSAGE_ID, result.provider_id, known)])
        self._out.meters.count(counters.OUTGOING_DELIVERED)
        self._write_back(claimed, EmailStatus.SENT, evidence if refused else None, sent=now)
        return Sent(claimed.activity, EmailStatus.SENT, evidence)

    def _deferred(self, claimed: OutgoingState, result: SendResult) -> Sent:
        delays, now = self._out.delays, self._out.clock.now()
        if claimed.attempts >= delays.maximum_attempts:
            self._out.meters.count(counters.OUTGOING_UNDELIVERED)
            return self._settled(
                claimed, EmailStatus.FAILED, f"given up after {claimed.attempts} attempts: {result.evidence}"
            )
        wait = max(result.after, delays.before(claimed.attempts, claimed.activity))
        due = now + timedelta(seconds=wait)
        self._out.outgoing.settle(claimed, EmailStatus.DEFERRED, now, evidence=result.evidence, due=due)
        self._write_back(claimed, EmailStatus.DEFERRED, result.evidence, due=due)
        return Sent(claimed.activity, EmailStatus.DEFERRED, result.evidence)

    def _stuck(self, state: OutgoingState) -> Sent:
        """An attempt that began and never ended: after SendingStatusDelay it is unknown."""
        if self._out.clock.now() - state.changed < timedelta(seconds=self._out.delays.sending_status):
            return Sent(state.activity, None, "another worker is sending it")
        return self._settled(state, EmailStatus.UNKNOWN, "the worker that was sending it never told the result")

    def _settled(self, state: OutgoingState, status: EmailStatus, evidence: str) -> Sent:
        self._out.outgoing.settle(state, status, self._out.clock.now(), evidence=evidence)
        if status is not EmailStatus.CANCELLED:
            self._write_back(state, status, evidence)
        return Sent(state.activity, status, evidence)

    def _refused(self, activity: str, email: EmailActivity, reason: str) -> Sent:
        self._out.meters.count(counters.OUTGOING_PROCESSED)
        self._out.meters.count(counters.OUTGOING_UNDELIVERED)
        self._out.crm.write_back(activity, EmailStatus.FAILED, reason=reason, attempts=email.attempts)
        return Sent(activity, EmailStatus.FAILED, reason)

    def _write_back(
        self,
        state: OutgoingState,
        status: EmailStatus,
        reason: str | None,
        *,
        due: datetime | None = None,
        sent: datetime | None = None,
    ) -> None:
        self._out.crm.write_back(
            state.activity,
            status,
            reason=reason,
            subject=state.subject,
            message_id=state.message_id,
            tracking_token=state.tracking_token,
            attempts=state.attempts,
            due=due,
            sent=sent,
        )


def _told(trouble: RouterError) -> str:
    return f"{trouble} {trouble.mend}".strip()
