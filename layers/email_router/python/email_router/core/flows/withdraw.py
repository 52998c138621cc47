"""End an e-mail whose draft may lie at the provider: nothing is called cancelled or failed that has left, and no draft is left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from email_router.core.activity import EmailStatus
from email_router.core.errors import ConfigurationError, RouterError
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.settle_email import Sent, Settling, told
from email_router.core.ports import DraftingSender, MailSender
from email_router.core.recipients import given_up, in_words, overall, still_to_get_it
from email_router.core.sending import Envelope, OutgoingState, RecipientResult, SendOutcome, SendResult


@dataclass(frozen=True, slots=True)
class Withdrawing:
    """Ends e-mails of one organisation that are not to be sent any more."""

    out: Outgoing
    settling: Settling
    sender: MailSender

    def cancelled(self, state: OutgoingState, evidence: str) -> Sent:
        """End an e-mail that somebody cancelled: sent, where some have it already.

        Raises what the provider's server meets: the order comes again.
        """
        sender = self.sender
        if state.results:
            return self._stopped(state, evidence)
        result = sender.withdraw(self.envelope(state)) if drafts(sender) and state.token else None
        if result is None:
            return self.settling.settled(state, EmailStatus.CANCELLED, evidence)
        if result.outcome is SendOutcome.ACCEPTED:
            return self.settling.accepted(state, result)
        return self.settling.settled(state, EmailStatus.UNKNOWN, f"cancelled, but {result.evidence}")

    def _stopped(self, state: OutgoingState, evidence: str) -> Sent:
        results = given_up(state.results, f"{evidence}: ")
        outcome = overall(results, SendOutcome.REFUSED)
        if outcome is SendOutcome.ACCEPTED:
            return self.settling.accepted(state, SendResult(outcome=outcome, evidence=evidence), results)
        status = EmailStatus.UNKNOWN if outcome is SendOutcome.UNKNOWN else EmailStatus.CANCELLED
        return self.settling.settled(state, status, in_words(results, evidence), results)

    def failed(self, state: OutgoingState, evidence: str, results: Sequence[RecipientResult] | None = None) -> Sent:
        """End an e-mail that failed.  A draft that cannot be removed is told in its reason."""
        if drafts(self.sender) and state.token:
            try:
                result = self.sender.withdraw(self.envelope(state))
            except (RouterError, ConfigurationError) as trouble:
                evidence = f"{evidence}; its draft could not be removed: {told(trouble)}"
            else:
                if result is not None and result.outcome is SendOutcome.ACCEPTED:
                    return self.settling.accepted(state, result)
        return self.settling.settled(state, EmailStatus.FAILED, evidence, results)

    def envelope(self, state: OutgoingState) -> Envelope:
        """Return the envelope of the e-mail."""
        return Envelope(
            organisation=self.out.configuration.organisation,
            activity=state.activity,
            sender=state.sender,
            recipients=still_to_get_it(state),
            message_id=state.message_id,
            attempt=state.token,  # of all that began, those included that count as nobody's
            draft=state.draft,
            delivery_receipt=state.delivery_receipt,
        )


def drafts(sender: MailSender) -> TypeGuard[DraftingSender]:
    """Tell whether the sender drafts a mail before it sends it."""
    return hasattr(sender, "draft")
