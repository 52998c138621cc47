"""Send pending e-mails: prepare once, claim, send, settle, write back.

Claimed means that the attempt has begun.  If the worker dies after the claim, nobody knows whether the mail left: after SendingStatusDelay it
becomes unknown, and it is never sent again by itself.  If it dies after the settling, the next collection writes the result back.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeGuard

from email_router.core import counters
from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.errors import ConfigurationError, MailboxBlocked, MessageRefused, RouterError, TryLater
from email_router.core.flows.outgoing import Outgoing, provider_link
from email_router.core.flows.prepare_email import prepare
from email_router.core.flows.token_numbers import TokenNumbers
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.ports import DraftingSender, MailSender
from email_router.core.sending import Envelope, OutgoingState, SendOutcome, SendResult
from email_router.core.work import OutgoingWork

_SETTLED = frozenset({EmailStatus.SENT, EmailStatus.FAILED, EmailStatus.UNKNOWN})
_WAITING = frozenset({EmailStatus.PENDING, EmailStatus.DEFERRED})
_TO_SEND = _WAITING | {EmailStatus.SENDING}
_LOST = "the CRM says that it is being sent, but nothing is known of the attempt: look whether it has left before it is sent again"
_GONE = "what was composed is no longer kept: write the e-mail again"


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
        self._numbers: TokenNumbers | None = None

    def send(self, work: OutgoingWork, stop_at: datetime) -> list[Sent]:
        """Send the e-mails of the order over one connection.  What is not reached before `stop_at` stays pending and is collected again."""
        mailbox = self._out.configuration.mailbox(work.sender)
        profile = self._out.configuration.profile(work.profile, Direction.OUTGOING)
        if mailbox is None or profile is None:
            return []  # published anew since the order: the e-mails are still pending, and collect_outgoing tells what is missing
        try:
            sender = self._out.open_sender(profile, mailbox)
        except (MailboxBlocked, ConfigurationError) as trouble:
            return [self._waits(activity, _told(trouble)) for activity in work.activities]
        self._numbers = TokenNumbers(self._out, mailbox, len(work.activities))
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
            return self._told_again(state)
        if state is not None and state.status is EmailStatus.SENDING:
            return self._stuck(state, sender)
        email = out.crm.email(activity)
        if email is None or email.status not in _TO_SEND:
            return self._cancelled(activity, state)
        if state is None and email.status is EmailStatus.SENDING:
            return self._refused(activity, email, EmailStatus.UNKNOWN, _LOST)
        try:
            state = state or prepare(out, email, mailbox, profile, self._numbers)
        except MessageRefused as refusal:
            return self._refused(activity, email, EmailStatus.FAILED, _told(refusal))
        try:
            composed = out.blobs.get(state.blob)
        except KeyError:
            return self._settled(state, EmailStatus.FAILED, _GONE)
        claimed = self._claim(state)
        if claimed is None:
            return Sent(activity, None, "not due, or another worker has it")
        if not self._begun(claimed):
            return self._settled(claimed, EmailStatus.CANCELLED, "cancelled before it was sent")
        out.meters.count(counters.OUTGOING_PROCESSED)
        return self._attempt(claimed, composed, sender)

    def _claim(self, state: OutgoingState) -> OutgoingState | None:
        """Claim the attempt.  A claim whose answer was lost is given back: nothing was sent, and it must not look as if."""
        now = self._out.clock.now()
        try:
            return self._out.outgoing.claim(state.activity, now, self._request)
        except RouterError as trouble:
            with suppress(RouterError):
                stands = self._out.outgoing.get(state.activity)
                if stands and stands.token == state.token + 1 and self._is_mine(stands):
                    self._give_back(stands, trouble)
            raise

    def _is_mine(self, state: OutgoingState) -> bool:
        last = state.history[-1] if state.history else None
        return bool(last and self._request and (last.status, last.request) == (EmailStatus.SENDING, self._request))

    def _begun(self, claimed: OutgoingState) -> bool:
        """Tell the CRM that the e-mail is being sent; False when it is cancelled.  If the CRM is away nothing is sent."""
        again = self._out.clock.now() + timedelta(seconds=self._out.delays.sending_status)
        try:
            return self._out.crm.write_back(claimed.activity, EmailStatus.SENDING, attempts=claimed.attempts, due=again)
        except RouterError as trouble:
            with suppress(RouterError):
                self._give_back(claimed, trouble)
            raise

    def _give_back(self, claimed: OutgoingState, trouble: RouterError) -> None:
        now = self._out.clock.now()
        evidence = f"nothing was sent: {_told(trouble)}"
        self._out.outgoing.settle(claimed, EmailStatus.DEFERRED, now, evidence=evidence, due=now)

    def _attempt(self, claimed: OutgoingState, composed: bytes, sender: MailSender) -> Sent:
        envelope = Envelope(
            organisation=self._out.configuration.organisation,
            activity=claimed.activity,
            sender=claimed.sender,
            recipients=claimed.recipients,
            message_id=claimed.message_id,
            attempt=claimed.attempts,
            draft=claimed.draft,
        )
        try:
            result = self._handed_over(claimed, envelope, composed, sender)
        except MessageRefused as refusal:
            result = SendResult(outcome=SendOutcome.REFUSED, evidence=_told(refusal))
        except (RouterError, ConfigurationError) as trouble:  # by the port's promise nothing was handed over
            result = SendResult(outcome=SendOutcome.DEFERRED, evidence=_told(trouble))
        if result.outcome is SendOutcome.ACCEPTED:
            return self._accepted(claimed, result)
        told_later = result.outcome is SendOutcome.UNKNOWN and result.after > 0
        if result.outcome is SendOutcome.DEFERRED or (
            told_later and claimed.attempts < self._out.delays.maximum_attempts
        ):
            return self._deferred(claimed, result)
        self._out.meters.count(counters.OUTGOING_UNDELIVERED)
        refused = result.outcome is SendOutcome.REFUSED
        return self._settled(claimed, EmailStatus.FAILED if refused else EmailStatus.UNKNOWN, result.evidence)

    def _handed_over(
        self, claimed: OutgoingState, envelope: Envelope, composed: bytes, sender: MailSender
    ) -> SendResult:
        """Send; where mail is drafted first, the draft's id is kept before anything can leave."""
        if _drafts(sender) and not envelope.draft:
            draft = sender.draft(envelope, composed)
            if not self._out.outgoing.keep_draft(claimed, draft):
                raise TryLater(f"e-mail {claimed.activity}: another worker has taken it over", kind="overtaken")
            envelope = replace(envelope, draft=draft)
        return sender.send(envelope, composed)

    def _accepted(self, claimed: OutgoingState, result: SendResult) -> Sent:
        """Settle, and make the provider's own id lead to the e-mail too."""
        now = self._out.clock.now()
        refused = [one for one in result.recipients if one.outcome is not SendOutcome.ACCEPTED]
        evidence = result.evidence + "".join(f"; {one.outcome.value}: {one.address} {one.evidence}" for one in refused)
        stands = self._settle(claimed, EmailStatus.SENT, evidence, provider_id=result.provider_id)
        if result.provider_id:
            self._link(claimed, result.provider_id)
        self._out.meters.count(counters.OUTGOING_DELIVERED)
        if stands.status is not EmailStatus.SENT:
            return self._written(stands)
        self._write_back(stands, EmailStatus.SENT, _reason(stands), sent=now)
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
        return self._written(self._settle(claimed, EmailStatus.DEFERRED, result.evidence, due=due))

    def _stuck(self, state: OutgoingState, sender: MailSender) -> Sent:
        """An attempt that began and never ended: after SendingStatusDelay it is unknown, or its draft tells."""
        now = self._out.clock.now()
        if now - state.changed < timedelta(seconds=self._out.delays.sending_status):
            return Sent(state.activity, None, "another worker is sending it")
        if _drafts(sender) and state.attempts < self._out.delays.maximum_attempts:
            evidence = "the worker that was sending it never told the result: its draft will tell"
            return self._written(self._settle(state, EmailStatus.DEFERRED, evidence, due=now))
        return self._settled(state, EmailStatus.UNKNOWN, "the worker that was sending it never told the result")

    def _settled(self, state: OutgoingState, status: EmailStatus, evidence: str) -> Sent:
        return self._written(self._settle(state, status, evidence))

    def _settle(
        self,
        state: OutgoingState,
        status: EmailStatus,
        evidence: str,
        *,
        due: datetime | None = None,
        provider_id: str | None = None,
    ) -> OutgoingState:
        """Settle the attempt, and return the state that stands then.

        A report that came before stands.  Where another worker thought this one dead, what is known now replaces what was unknown.
        """
        out, now = self._out, self._out.clock.now()
        if not out.outgoing.settle(state, status, now, evidence=evidence, due=due, provider_id=provider_id):
            stands = out.outgoing.get(state.activity)
            if stands is None or (stands.token, stands.status) != (state.token, EmailStatus.UNKNOWN):
                return stands or state
            if not out.outgoing.settle(stands, status, now, evidence=evidence, due=due, provider_id=provider_id):
                return out.outgoing.get(state.activity) or stands
        return replace(state, status=status, reason=evidence, due=due, provider_id=provider_id or state.provider_id)

    def _written(self, state: OutgoingState) -> Sent:
        """Write to the CRM what stands; a cancelled e-mail is left as it is, one that another worker is sending is told by that one."""
        if state.status not in {EmailStatus.CANCELLED, EmailStatus.SENDING}:
            self._write_back(state, state.status, state.reason, due=state.due)
        return Sent(state.activity, state.status, state.reason or "")

    def _told_again(self, state: OutgoingState) -> Sent:
        """Make good what the worker that settled it may have left undone."""
        sent = state.status is EmailStatus.SENT
        if sent and state.provider_id:
            self._link(state, state.provider_id)
        self._write_back(state, state.status, _reason(state), sent=state.changed if sent else None)
        return Sent(state.activity, None, "settled before")

    def _cancelled(self, activity: str, state: OutgoingState | None) -> Sent:
        if state is not None:
            self._settle(state, EmailStatus.CANCELLED, "cancelled before it was sent")
        return Sent(activity, None, "cancelled or gone")

    def _refused(self, activity: str, email: EmailActivity, status: EmailStatus, reason: str) -> Sent:
        self._out.meters.count(counters.OUTGOING_PROCESSED)
        self._out.meters.count(counters.OUTGOING_UNDELIVERED)
        self._out.crm.write_back(activity, status, reason=reason, attempts=email.attempts)
        return Sent(activity, status, reason)

    def _waits(self, activity: str, reason: str) -> Sent:
        """Leave an e-mail pending whose sender cannot be opened, and say why."""
        out = self._out
        email, state = out.crm.email(activity), out.outgoing.get(activity)
        if email and email.status in _WAITING and (state is None or state.status in _WAITING):
            due = out.clock.now() + timedelta(seconds=out.delays.pending_status)
            out.crm.write_back(activity, email.status, reason=reason, due=due)
        return Sent(activity, None, reason)

    def _link(self, state: OutgoingState, provider_id: str) -> None:
        tracking = self._out.configuration.tracking
        self._out.ledger.link([provider_link(state, provider_id, self._out.clock.now(), tracking)])

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


def _reason(state: OutgoingState) -> str | None:
    """Return what the CRM is told: of a sent e-mail only what went wrong, or what replaces the reason for which it was put off."""
    reason = state.reason or ""
    trouble = state.attempts > 1 or any(f"; {outcome.value}: " in reason for outcome in SendOutcome)
    return state.reason if state.status is not EmailStatus.SENT or trouble else None


def _drafts(sender: MailSender) -> TypeGuard[DraftingSender]:
    """Tell whether the sender drafts a mail before it sends it."""
    return hasattr(sender, "draft")


def _told(trouble: RouterError | ConfigurationError) -> str:
    mend = trouble.mend if isinstance(trouble, RouterError) else "Mend the configuration and publish it."
    return f"{trouble} {mend}".strip()
