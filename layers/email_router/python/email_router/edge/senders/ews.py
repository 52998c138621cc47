"""Send by Exchange Web Services: a draft in the mailbox, then its sending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.core.errors import MessageRefused, TryLater
from email_router.core.sending import SendOutcome, SendResult
from email_router.edge.connect.drafting import NOWHERE, ExchangeSender, left_open
from email_router.edge.connect.ews import EwsClient
from email_router.edge.connect.ews_drafts import Draft, find, look_at, make_draft, remove, send_draft
from email_router.edge.connect.ews_errors import EwsError
from email_router.edge.connect.graph_drafts import with_blind_copies
from email_router.edge.connect.https import AnswerLost

if TYPE_CHECKING:
    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.octets import Octets
    from email_router.core.ports import Reach
    from email_router.core.sending import Envelope

_IN_OUTBOX = left_open("it waits in the Outbox of Exchange")
_REFUSED = {
    "ErrorInvalidRecipients": "Correct the recipients.",
    "ErrorMailRecipientNotFound": "Correct the recipients.",
    "ErrorMessageSizeExceeded": "Send less at once: the mail is larger than the server takes.",
    "ErrorMimeContentInvalid": "Correct the e-mail.",
    "ErrorMimeContentInvalidBase64String": "Correct the e-mail.",
    "ErrorRequiredPropertyMissing": "Correct the e-mail.",
}


class EwsSender(ExchangeSender[Draft]):
    """An Exchange server.

    One draft for each e-mail for ever: it bears organisation and activity in a property of ours, its id is kept before it is sent, so that a
    send without an answer is looked after and never made twice.  A draft whose id was lost is removed by the next attempt.
    """

    kind = "ews"
    server = "Exchange"

    def __init__(self, profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> None:
        """Take what is needed to log in; nothing is opened before it is asked for."""
        super().__init__()
        self._client = EwsClient(profile, mailbox, secret, reach)

    def withdraw(self, envelope: Envelope) -> SendResult | None:
        """Remove the draft into Deleted Items, unless it has left."""
        try:
            kept = look_at(self._client, envelope.draft) if envelope.draft else None
            result = self._left(envelope, kept)
            if result is not None:
                return result
            drafts = find(self._client, envelope, "drafts", waiting=True)
            if drafts:
                remove(self._client, [one.id for one in drafts], "MoveToDeletedItems")
            return None if drafts or not envelope.draft else self._thrown_away(envelope)
        except EwsError as error:
            raise self._client.failed(error) from error

    def close(self) -> None:
        """Hang up; never raises."""
        self._client.close()

    def _make(self, envelope: Envelope, composed: Octets) -> Draft:
        try:
            if envelope.attempt > 1:
                left = find(self._client, envelope, "drafts", waiting=True)
                if left:
                    remove(self._client, [one.id for one in left])
            return make_draft(self._client, envelope, with_blind_copies(envelope, composed))
        except EwsError as error:
            raise _refusal(error) or self._client.failed(error) from error

    def _send_found(self, envelope: Envelope) -> SendResult:
        try:
            found = look_at(self._client, envelope.draft)
            result = self._left(envelope, found)
        except EwsError as error:
            raise self._client.failed(error) from error
        if result is not None:
            return result
        return self._send(found, envelope) if found is not None and found.waiting else NOWHERE

    def _thrown_away(self, envelope: Envelope) -> SendResult | None:
        """Tell what lies in Deleted Items: the draft, or the mail that had left.  Raises EwsError."""
        for one in find(self._client, envelope, "deleteditems", waiting=False):
            thrown = look_at(self._client, one.id)
            if thrown is not None:
                return None if thrown.waiting else SendResult(outcome=SendOutcome.ACCEPTED, evidence="found deleted")
        return NOWHERE

    def _left(self, envelope: Envelope, kept: Draft | None) -> SendResult | None:
        """Tell whether the mail has left, or is leaving; the id ends when Exchange moves the mail to Sent Items.  Raises EwsError.

        What was made before a draft that still waits (`kept`) is of an earlier sending, after which a person had it sent anew.
        """
        waits = kept if kept is not None and kept.waiting else None
        sent = find(self._client, envelope, "sentitems", waiting=False)
        if any(waits is None or not one.precedes(waits) for one in sent):
            return SendResult(outcome=SendOutcome.ACCEPTED, evidence="found in Sent Items")
        return _IN_OUTBOX if find(self._client, envelope, "outbox", waiting=False) else None

    def _send(self, draft: Draft, envelope: Envelope) -> SendResult:  # noqa: ARG002 - Graph wants the envelope too
        try:
            send_draft(self._client, draft)
        except AnswerLost as lost:
            return left_open(str(lost))
        except EwsError as error:
            refusal = _refusal(error)
            if refusal is not None:
                return SendResult(outcome=SendOutcome.REFUSED, evidence=f"{refusal} {refusal.mend}")
            if error.code in {"ErrorInternalServerError", "ErrorTimeoutExpired"}:
                return left_open(str(error))
            raise self._client.failed(error) from error
        except TryLater as trouble:
            if trouble.kind != "ews_answer":
                raise
            return left_open(str(trouble))
        return SendResult(outcome=SendOutcome.ACCEPTED, evidence="taken by Exchange")


def _refusal(error: EwsError) -> MessageRefused | None:
    mend = _REFUSED.get(error.code)
    return MessageRefused(f"Exchange refuses the e-mail ({error})", kind="refused", mend=mend) if mend else None
