"""Settle what became of an outgoing e-mail, and tell the CRM.

The state is settled first: if the worker dies then, the next collection writes the result back.  What was sent is told together with others;
what needs somebody's eye, or another attempt, at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from email_router.core import counters
from email_router.core.activity import EmailActivity, EmailStatus, Role
from email_router.core.errors import ConfigurationError, MailboxBlocked, RouterError
from email_router.core.flows.outgoing import Outgoing, provider_link
from email_router.core.flows.outgoing_alerts import came_to_rest, leave_refusal, not_sent, tell_the_owner
from email_router.core.flows.telling import Telling
from email_router.core.ledger import Link
from email_router.core.recipients import in_words, with_reports
from email_router.core.sending import OutgoingState, RecipientResult, SendOutcome, SendResult
from email_router.core.write_back import WAITING, WriteBack

_ROUNDS = 8
"""How often an attempt is settled anew where reports of it come at the same time."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one e-mail of an order; None as status means that it was not to be sent now.

    `held`: seconds for which nobody's e-mail leaves this way, the trouble being the server's; 0 where the next may be tried.  `blocked`:
    what keeps every e-mail of this sender back until somebody mends it.  `waited`: it had waited before, with a reason.
    """

    activity: str
    status: EmailStatus | None
    evidence: str = ""
    held: float = 0
    blocked: MailboxBlocked | ConfigurationError | None = None
    waited: bool = False


@dataclass(frozen=True, slots=True)
class Settling:
    """Settles the e-mails of one organisation.  `request` is the id of the invocation, kept with each transition."""

    out: Outgoing
    telling: Telling
    request: str = ""

    def settle(
        self,
        state: OutgoingState,
        status: EmailStatus,
        evidence: str,
        *,
        due: datetime | None = None,
        ids: Sequence[str] = (),
        results: Sequence[RecipientResult] | None = None,
        attempts: int | None = None,
    ) -> OutgoingState:
        """Settle the attempt, the ways back from the provider's ids with it, and return the state that stands then.

        A report that came before stands.  Where another worker thought this one dead, what is known now replaces what was unknown.
        """
        out, now, links = self.out, self.out.clock.now(), self._links(state, ids)
        provider_id = next(iter(ids), None)
        turn = partial(out.outgoing.settle, evidence=evidence, due=due, provider_id=provider_id, request=self.request)
        after = replace(
            state,
            status=status,
            reason=evidence,
            due=due,
            provider_id=provider_id or state.provider_id,
            attempts=state.attempts if attempts is None else attempts,
        )
        seen, written = state, results
        for _ in range(_ROUNDS):
            if turn(seen, status, now, results=written, attempts=attempts, links=links):
                return replace(after, results=state.results if written is None else tuple(written))
            stands = out.outgoing.get(state.activity)
            may_be = {state.status, status, EmailStatus.UNKNOWN}
            if stands is None or stands.token != state.token or stands.status not in may_be:
                break
            seen = stands
            written = None if results is None else with_reports(state, replace(after, results=tuple(results)), stands)
        if links:
            out.ledger.link(links)
        return out.outgoing.get(state.activity) or state

    def settled(
        self,
        state: OutgoingState,
        status: EmailStatus,
        evidence: str,
        results: Sequence[RecipientResult] | None = None,
        ids: Sequence[str] = (),
    ) -> Sent:
        """Settle for good, and tell the CRM."""
        return self.written(self.settle(state, status, evidence, results=results, ids=ids))

    def accepted(self, claimed: OutgoingState, result: SendResult, results: tuple[RecipientResult, ...] = ()) -> Sent:
        """Settle, and make the provider's own id lead to the e-mail too; `results` where the recipients do not share one fate."""
        evidence = in_words(results, result.evidence)
        known = results if results or claimed.results else None
        stands = self.settle(claimed, EmailStatus.SENT, evidence, ids=result.ids, results=known)
        self.out.meters.count(counters.OUTGOING_DELIVERED)
        if stands.status is not EmailStatus.SENT:
            return self.written(stands)
        if _some_refused(stands):
            tell_the_owner(self.out, stands)
        sent = self.out.clock.now()
        self.telling.later(_written(stands, EmailStatus.SENT, _reason(stands), sent=sent))
        return Sent(claimed.activity, EmailStatus.SENT, evidence)

    def deferred(
        self, claimed: OutgoingState, result: SendResult, results: tuple[RecipientResult, ...] | None = None
    ) -> Sent:
        """Put the next attempt off: as long as the provider says, and at least as long as the attempts demand."""
        wait = max(result.after, self.out.delays.before(claimed.attempts, claimed.activity))
        due = self.out.clock.now() + timedelta(seconds=wait)
        evidence = in_words(results or (), result.evidence)
        attempts = claimed.attempts - 1 if result.uncounted else None
        settled = self.settle(
            claimed,
            EmailStatus.DEFERRED,
            evidence,
            due=due,
            ids=result.ids,
            results=results or None,
            attempts=attempts,
        )
        return self.written(settled)

    def untouched(self, claimed: OutgoingState, reason: str) -> Sent:
        """Let an e-mail wait as before the attempt, which was none: its sender is blocked."""
        due = self.out.clock.now() + timedelta(seconds=self.out.delays.pending_status)
        attempts = claimed.attempts - 1
        return self.written(self.settle(claimed, EmailStatus.PENDING, reason, due=due, attempts=attempts))

    def written(self, state: OutgoingState) -> Sent:
        """Write to the CRM what stands; a cancelled e-mail is left as it is, one that another worker is sending is told by that one."""
        came_to_rest(self.out, state)
        if state.status not in {EmailStatus.CANCELLED, EmailStatus.SENDING}:
            self.out.crm.write_back(_written(state, shown(state), state.reason, due=state.due))
        return Sent(state.activity, state.status, state.reason or "")

    def told_again(self, state: OutgoingState) -> Sent:
        """Make good what the worker that settled it may have left undone."""
        sent = state.status is EmailStatus.SENT
        if sent and state.provider_id and (links := self._links(state, (state.provider_id,))):
            self.out.ledger.link(links)
        came_to_rest(self.out, state)
        self.out.crm.write_back(_written(state, state.status, _reason(state), sent=state.changed if sent else None))
        return Sent(state.activity, None, "settled before")

    def refused(self, email: EmailActivity, status: EmailStatus, reason: str) -> Sent:
        """End an e-mail that was never prepared."""
        owner = email.owner or next(iter(email.addresses(Role.FROM)), "")
        return self.unread(email.id, owner, status, reason, email.attempts)

    def unread(self, activity: str, owner: str, status: EmailStatus, reason: str, attempts: int | None = None) -> Sent:
        """End an e-mail of which no more is known than whose it is."""
        self.out.meters.count(counters.OUTGOING_PROCESSED)
        self.out.meters.count(counters.OUTGOING_UNDELIVERED)
        self.out.alerts.raise_alert(not_sent(activity, owner, self.out))
        leave_refusal(self.out.crm, activity, self.out.clock.now(), owner, reason)
        self.out.crm.write_back(WriteBack(activity=activity, status=status, reason=reason, attempts=attempts))
        return Sent(activity, status, reason)

    def waits(self, state: OutgoingState, due: datetime, reason: str | None = None) -> None:
        """Let the CRM say, with the next that it is told, that an e-mail waits as its state does."""
        told = WriteBack(activity=state.activity, status=shown(state), reason=reason, attempts=state.attempts, due=due)
        self.telling.later(told)

    def _links(self, state: OutgoingState, ids: Sequence[str]) -> tuple[Link, ...]:
        tracking, now = self.out.configuration.tracking, self.out.clock.now()
        return tuple(provider_link(state, one, now, tracking) for one in ids)


def shown(state: OutgoingState) -> EmailStatus:
    """Return what the CRM says of a state.

    What waits while its draft lies at the provider, or while some of its recipients have it, is "sending" there: nobody is to cancel it.
    """
    begun = state.status in WAITING and bool(state.draft or state.results)
    return EmailStatus.SENDING if begun else state.status


def _written(
    state: OutgoingState,
    status: EmailStatus,
    reason: str | None,
    *,
    due: datetime | None = None,
    sent: datetime | None = None,
) -> WriteBack:
    return WriteBack(
        activity=state.activity,
        status=status,
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
    trouble = state.attempts > 1 or _some_refused(state)
    return state.reason if state.status is not EmailStatus.SENT or trouble else None


def _some_refused(state: OutgoingState) -> bool:
    return any(one.outcome is SendOutcome.REFUSED for one in state.results)


def told(trouble: RouterError | ConfigurationError) -> str:
    """Return an error's words with what to do."""
    mend = trouble.mend if isinstance(trouble, RouterError) else "Mend the configuration and publish it."
    return f"{trouble} {mend}".strip()
