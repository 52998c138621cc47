"""Send by Exchange Web Services: a draft in the mailbox, then its sending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.core.errors import MessageRefused, TryLater
from email_router.core.sending import SendOutcome, SendResult
from email_router.core.wire import mail_address
from email_router.edge.connect.ews import EwsClient
from email_router.edge.connect.ews_drafts import Draft, find, look_at, make_draft, remove, send_draft
from email_router.edge.connect.ews_errors import EwsError
from email_router.edge.connect.graph_drafts import with_blind_copies
from email_router.edge.connect.https import AnswerLost

if TYPE_CHECKING:
    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach
    from email_router.core.sending import Envelope

SETTLES_AFTER = 300.0
"""Seconds after which Sent Items tells what became of a send that was not answered."""

_NOWHERE = SendResult(
    outcome=SendOutcome.UNKNOWN,
    evidence="what was drafted is neither among the drafts nor in Sent Items: somebody moved or deleted it",
)
_IN_OUTBOX = SendResult(outcome=SendOutcome.UNKNOWN, evidence="it waits in the Outbox of Exchange", after=SETTLES_AFTER)
_MOST_RECIPIENTS = 500
_REFUSED = {
    "ErrorInvalidRecipients": "Correct the recipients.",
    "ErrorMailRecipientNotFound": "Correct the recipients.",
    "ErrorMessageSizeExceeded": "Send less at once: the mail is larger than the server takes.",
    "ErrorMimeContentInvalid": "Correct the e-mail.",
    "ErrorMimeContentInvalidBase64String": "Correct the e-mail.",
    "ErrorRequiredPropertyMissing": "Correct the e-mail.",
}


class EwsSender:
    """An Exchange server.

    One draft for each e-mail for ever: it bears organisation and activity in a property of ours, its id is kept before it is sent, so that a
    send without an answer is looked after and never made twice.  A draft whose id was lost is removed by the next attempt.
    """

    kind = "ews"

    def __init__(self, profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> None:
        """Take what is needed to log in; nothing is opened before it is asked for."""
        self._client = EwsClient(profile, mailbox, secret, reach)
        self._made: dict[str, Draft] = {}

    def draft(self, envelope: Envelope, composed: bytes) -> str:
        """Make the draft and return its id."""
        _check(envelope)
        try:
            if envelope.attempt > 1:
                left = find(self._client, envelope, "drafts", waiting=True)
                if left:
                    remove(self._client, [one.id for one in left])
            made = make_draft(self._client, envelope, with_blind_copies(envelope, composed))
        except EwsError as error:
            raise _refusal(error) or self._client.failed(error) from error
        self._made[made.id] = made
        return made.id

    def send(self, envelope: Envelope, composed: bytes) -> SendResult:
        """Send the draft of the envelope, once; one that was sent before is found and not sent again."""
        if not envelope.draft:
            return self._send_new(envelope, composed)
        made = self._made.pop(envelope.draft, None)
        if made is not None:
            return self._send(made)
        try:
            found = look_at(self._client, envelope.draft)
            result = self._left(envelope)
        except EwsError as error:
            raise self._client.failed(error) from error
        if result is not None:
            return result
        return self._send(found) if found is not None and found.waiting else _NOWHERE

    def withdraw(self, envelope: Envelope) -> SendResult | None:
        """Remove the draft into Deleted Items, unless it has left."""
        try:
            result = self._left(envelope)
            if result is not None:
                return result
            drafts = find(self._client, envelope, "drafts", waiting=True)
            if drafts:
                remove(self._client, [one.id for one in drafts], "MoveToDeletedItems")
            return None if drafts or not envelope.draft else self._thrown_away(envelope)
        except EwsError as error:
            raise self._client.failed(error) from error

    def _thrown_away(self, envelope: Envelope) -> SendResult | None:
        """Tell what lies in Deleted Items: the draft, or the mail that had left.  Raises EwsError."""
        for one in find(self._client, envelope, "deleteditems", waiting=False):
            thrown = look_at(self._client, one.id)
            if thrown is not None:
                return None if thrown.waiting else SendResult(outcome=SendOutcome.ACCEPTED, evidence="found deleted")
        return _NOWHERE

    def close(self) -> None:
        """Hang up; never raises."""
        self._client.close()

    def _send_new(self, envelope: Envelope, composed: bytes) -> SendResult:
        """Draft and send where nobody keeps drafts."""
        try:
            made = self._made.pop(self.draft(envelope, composed))
        except MessageRefused as refusal:
            return SendResult(outcome=SendOutcome.REFUSED, evidence=str(refusal))
        return self._send(made)

    def _left(self, envelope: Envelope) -> SendResult | None:
        """Tell whether the mail has left, or is leaving; the id ends when Exchange moves the mail to Sent Items.  Raises EwsError."""
        if find(self._client, envelope, "sentitems", waiting=False):
            return SendResult(outcome=SendOutcome.ACCEPTED, evidence="found in Sent Items")
        return _IN_OUTBOX if find(self._client, envelope, "outbox", waiting=False) else None

    def _send(self, draft: Draft) -> SendResult:
        try:
            send_draft(self._client, draft)
        except AnswerLost as lost:
            return SendResult(outcome=SendOutcome.UNKNOWN, evidence=str(lost), after=SETTLES_AFTER)
        except EwsError as error:
            refusal = _refusal(error)
            if refusal is not None:
                return SendResult(outcome=SendOutcome.REFUSED, evidence=f"{refusal} {refusal.mend}")
            if error.code in {"ErrorInternalServerError", "ErrorTimeoutExpired"}:
                return SendResult(outcome=SendOutcome.UNKNOWN, evidence=str(error), after=SETTLES_AFTER)
            raise self._client.failed(error) from error
        except TryLater as trouble:
            if trouble.kind != "ews_answer":
                raise
            return SendResult(outcome=SendOutcome.UNKNOWN, evidence=str(trouble), after=SETTLES_AFTER)
        return SendResult(outcome=SendOutcome.ACCEPTED, evidence="taken by Exchange")


def _refusal(error: EwsError) -> MessageRefused | None:
    mend = _REFUSED.get(error.code)
    return MessageRefused(f"Exchange refuses the e-mail ({error})", kind="refused", mend=mend) if mend else None


def _check(envelope: Envelope) -> None:
    if not 0 < len(envelope.recipients) <= _MOST_RECIPIENTS:
        raise MessageRefused(
            f"{len(envelope.recipients)} recipients, and Exchange takes 1 to {_MOST_RECIPIENTS}",
            kind="recipients",
            mend="Split the e-mail.",
        )
    for one in envelope.recipients:
        mail_address(one)
