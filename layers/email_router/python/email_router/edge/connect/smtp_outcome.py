"""Tell what became of a mail, and of it for each recipient, by what the SMTP server said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.core.sending import RecipientResult, SendOutcome, SendResult

if TYPE_CHECKING:
    from email_router.edge.connect.smtp_answer import Answer
    from email_router.edge.connect.smtp_handover import Handover

RETRY_SECONDS = 300.0
"""How long a 4xx asks to wait at least: grey lists mean five minutes."""


def result_of(handover: Handover, recipients: tuple[str, ...], refused: tuple[RecipientResult, ...]) -> SendResult:
    """Return what became of the mail; `recipients` in the order of their commands, `refused` were never offered."""
    whole, evidence = _whole(handover)
    each = [
        RecipientResult(
            address, *((whole, evidence) if answer.good or not handover.mail.good else (_outcome(answer), str(answer)))
        )
        for address, answer in zip(recipients, handover.recipients, strict=False)
    ]
    put_off = any(found is SendOutcome.DEFERRED for found in (whole, *(one.outcome for one in each)))
    after = RETRY_SECONDS if put_off else 0
    return SendResult(outcome=whole, evidence=evidence, recipients=(*each, *refused), after=after)


def _whole(handover: Handover) -> tuple[SendOutcome, str]:
    """Return what became of the mail, with the words that decided it."""
    if handover.broken:
        return SendOutcome.UNKNOWN, handover.broken
    if handover.final is not None:
        return _outcome(handover.final), str(handover.final)
    if not handover.mail.good:
        return _outcome(handover.mail), str(handover.mail)
    refusals = [answer for answer in handover.recipients if not answer.good]
    if len(refusals) == len(handover.recipients):
        deciding = next((answer for answer in refusals if answer.later), refusals[0])
        return _outcome(deciding), str(deciding)
    deciding = handover.data or refusals[0]
    return _outcome(deciding), str(deciding)


def _outcome(answer: Answer) -> SendOutcome:
    if answer.good:
        return SendOutcome.ACCEPTED
    return SendOutcome.DEFERRED if answer.later else SendOutcome.REFUSED
