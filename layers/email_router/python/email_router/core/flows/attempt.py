"""Make one attempt to send an e-mail, which the CRM was told of: claim it, hand it over, settle.

Claimed means that the attempt has begun.  If the worker dies after the claim, nobody knows whether the mail left: after SendingStatusDelay it
becomes unknown, and it is never sent again by itself.  If it dies after the settling, the next collection writes the result back.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from email_router.core import counters
from email_router.core.activity import EmailStatus
from email_router.core.errors import ConfigurationError, MailboxBlocked, MessageRefused, RouterError, TryLater
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.settle_email import Sent, Settling, told
from email_router.core.flows.withdraw import Withdrawing, drafts
from email_router.core.octets import Octets
from email_router.core.ports import MailSender
from email_router.core.recipients import after_attempt, given_up, in_words, overall, still_to_get_it
from email_router.core.sending import OutgoingState, RecipientResult, SendOutcome, SendResult

GIVE_UP_AFTER = timedelta(days=5)
"""How long an e-mail waits for a server in trouble before its attempts count (RFC 5321 4.5.4.1: at least 4 to 5 days)."""

_LONGEST_WAIT = 24 * 3600.0
_SHORTEST_HOLD = 60.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """Makes attempts over one sender.  `request` is the id of the invocation, by which a lost claim is known again."""

    out: Outgoing
    settling: Settling
    withdrawing: Withdrawing
    sender: MailSender
    request: str

    def make(self, state: OutgoingState, composed: Octets, just_before: Callable[[], None] = lambda: None) -> Sent:
        """Try once, if it is due and nobody else has it; `just_before` is done when it is about to be handed over."""
        claimed = self._claim(state)
        if claimed is None:
            return Sent(state.activity, None, "not due, or another worker has it")
        self.out.meters.count(counters.OUTGOING_PROCESSED)
        return self._try(claimed, composed, just_before)

    def _claim(self, state: OutgoingState) -> OutgoingState | None:
        """Claim the attempt.  A claim whose answer was lost is given back: nothing was sent, and it must not look as if."""
        now = self.out.clock.now()
        try:
            return self.out.outgoing.claim(state.activity, now, self.request)
        except RouterError as trouble:
            with suppress(RouterError):
                stands = self.out.outgoing.get(state.activity)
                if stands and stands.token == state.token + 1 and self._is_mine(stands):
                    self._give_back(stands, trouble)
            raise

    def _is_mine(self, state: OutgoingState) -> bool:
        last = state.history[-1] if state.history else None
        return bool(last and self.request and (last.status, last.request) == (EmailStatus.SENDING, self.request))

    def _give_back(self, claimed: OutgoingState, trouble: RouterError) -> None:
        now = self.out.clock.now()
        evidence = f"nothing was sent: {told(trouble)}"
        self.out.outgoing.settle(
            claimed,
            EmailStatus.DEFERRED,
            now,
            evidence=evidence,
            due=now,
            attempts=claimed.attempts - 1,
            request=self.request,
        )

    def _try(self, claimed: OutgoingState, composed: Octets, just_before: Callable[[], None]) -> Sent:
        try:
            claimed = self._drafted(claimed, composed)
            just_before()
            result = self.sender.send(self.withdrawing.envelope(claimed), composed)
        except MessageRefused as refusal:
            result = SendResult(outcome=SendOutcome.REFUSED, evidence=told(refusal))
        except TryLater as trouble:  # by the port's promise nothing was handed over
            return self._put_off(claimed, trouble)
        except (MailboxBlocked, ConfigurationError) as trouble:  # nor here: the sender is to be mended, not the e-mail
            return replace(self.settling.untouched(claimed, told(trouble)), blocked=trouble)
        except RouterError as trouble:
            result = SendResult(outcome=SendOutcome.DEFERRED, evidence=told(trouble))
        return self._settled(claimed, result)

    def _put_off(self, claimed: OutgoingState, trouble: TryLater) -> Sent:
        """Wait as long as the server asks.  Its own trouble is nobody's attempt, and nobody else's e-mail is tried against it meanwhile.

        The one that met it waits longer than those behind it, which it may have kept waiting by itself.
        """
        asked = min(max(trouble.after, 0.0), _LONGEST_WAIT)
        if not trouble.shared:
            return self._settled(claimed, SendResult(outcome=SendOutcome.DEFERRED, evidence=told(trouble), after=asked))
        wait = max(asked, self.out.delays.before(claimed.token, claimed.activity))
        uncounted = self.out.clock.now() - _begun(claimed) < GIVE_UP_AFTER
        result = SendResult(outcome=SendOutcome.DEFERRED, evidence=told(trouble), after=wait, uncounted=uncounted)
        return replace(self._settled(claimed, result), held=max(asked, _SHORTEST_HOLD))

    def _drafted(self, claimed: OutgoingState, composed: Octets) -> OutgoingState:
        """Where mail is drafted first, keep the draft's id before anything can leave."""
        if not drafts(self.sender) or claimed.draft:
            return claimed
        draft = self.sender.draft(self.withdrawing.envelope(claimed), composed)
        if not self.out.outgoing.keep_draft(claimed, draft):
            raise TryLater(f"e-mail {claimed.activity}: another worker has taken it over", kind="overtaken")
        return replace(claimed, draft=draft)

    def _settled(self, claimed: OutgoingState, result: SendResult) -> Sent:
        """Settle what the attempt brought to each recipient; who was told to have the e-mail is never asked again."""
        more = result.uncounted or claimed.attempts < self.out.delays.maximum_attempts
        if more and result.outcome is SendOutcome.UNKNOWN and result.after > 0 and drafts(self.sender):
            return self.settling.deferred(claimed, result)  # the draft will tell
        results = after_attempt(claimed, still_to_get_it(claimed), result)
        outcome = overall(results, result.outcome)
        if outcome is SendOutcome.DEFERRED and more:
            return self.settling.deferred(claimed, result, results)
        if outcome is SendOutcome.DEFERRED:
            words = f"given up after {claimed.attempts} attempts: "
            result = replace(result, evidence=words + result.evidence)
            results = given_up(results, words)
            outcome = overall(results, SendOutcome.REFUSED)
        return self._ended(claimed, replace(result, outcome=outcome), results)

    def _ended(self, claimed: OutgoingState, result: SendResult, results: tuple[RecipientResult, ...]) -> Sent:
        if result.outcome is SendOutcome.ACCEPTED:
            return self.settling.accepted(claimed, result, results)
        self.out.meters.count(counters.OUTGOING_UNDELIVERED)
        known = results or None
        if result.outcome is SendOutcome.UNKNOWN:
            evidence = in_words(results, result.evidence)
            return self.settling.settled(claimed, EmailStatus.UNKNOWN, evidence, known, result.ids)
        return self.withdrawing.failed(claimed, in_words(results, result.evidence), known)


def _begun(state: OutgoingState) -> datetime:
    """Return when the e-mail was written, or last began to wait anew (by a person, or for its sender), as far as the history tells."""
    waited = [one.at for one in state.history if one.status is EmailStatus.PENDING]
    return max(waited, default=state.changed)
