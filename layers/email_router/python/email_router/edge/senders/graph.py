"""Send by Microsoft Graph: a draft in the mailbox, then its sending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.core.errors import MessageRefused
from email_router.core.sending import SendOutcome, SendResult
from email_router.core.wire import mail_address
from email_router.edge.connect.graph import GraphClient
from email_router.edge.connect.graph_drafts import IMMUTABLE, Draft, find, look_at, make_draft, refusal_of, remove
from email_router.edge.connect.graph_errors import GraphReply
from email_router.edge.connect.graph_mime import message_path
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
_IN_OUTBOX = SendResult(
    outcome=SendOutcome.UNKNOWN, evidence="it waits in the Outbox of Exchange Online", after=SETTLES_AFTER
)
_ACCEPTED = 202
_SERVER_ERROR = 500
_MOST_RECIPIENTS = 500


class GraphSender:
    """Exchange Online.

    One draft for each e-mail for ever: its id is kept before it is sent, so that a send without an answer is looked after and never made
    twice.  Dying between draft and id leaves a draft that nobody sends; the next attempt removes it.  Microsoft promises the same draft,
    not the same bytes.  With access other than "own" the mail leaves through the mailbox `username`, From being the e-mail's sender.
    """

    kind = "graph"

    def __init__(self, profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> None:
        """Take what is needed to log in; nothing is opened before it is asked for."""
        self._client = GraphClient(profile, profile.sends_through(mailbox.address), secret, reach)
        self._made: dict[str, Draft] = {}

    def draft(self, envelope: Envelope, composed: bytes) -> str:
        """Make the draft and return its immutable id."""
        _check(envelope)
        if envelope.attempt > 1:
            self._remove_lost(envelope)
        made = make_draft(self._client, envelope, composed)
        self._made[made.id] = made
        return made.id

    def send(self, envelope: Envelope, composed: bytes) -> SendResult:
        """Send the draft of the envelope, once; one that was sent before is found and not sent again."""
        if not envelope.draft:
            return self._send_new(envelope, composed)
        made = self._made.pop(envelope.draft, None)
        if made is not None:
            return self._send(made, envelope)
        found = self._found(envelope)
        if found is None or found.discarded:
            return _NOWHERE
        if found.outbox:
            return _IN_OUTBOX
        return self._send(found, envelope) if found.waiting else _left(found, envelope, "found in Sent Items")

    def withdraw(self, envelope: Envelope) -> SendResult | None:
        """Remove the draft into Deleted Items, unless it has left."""
        if not envelope.draft:
            self._remove_lost(envelope)
            return None
        found = self._found(envelope)
        if found is None or found.outbox:
            return _IN_OUTBOX if found else _NOWHERE
        if not found.waiting:
            return _left(found, envelope, "found in Sent Items")
        if not found.discarded:
            remove(self._client, found.id)
        return None

    def close(self) -> None:
        """Do nothing: lines and tokens are kept for the process."""

    def _remove_lost(self, envelope: Envelope) -> None:
        """Remove drafts of the e-mail whose ids nobody kept; they are known by our Message-ID."""
        for left in find(self._client, envelope.message_id) if envelope.message_id else ():
            if left.waiting:
                remove(self._client, left.id)

    def _send_new(self, envelope: Envelope, composed: bytes) -> SendResult:
        """Draft and send where nobody keeps drafts."""
        try:
            made = self._made[self.draft(envelope, composed)]
        except MessageRefused as refusal:
            return SendResult(outcome=SendOutcome.REFUSED, evidence=str(refusal))
        return self._send(made, envelope)

    def _found(self, envelope: Envelope) -> Draft | None:
        """Return what the draft is now, by its id, else by our Message-ID where that was kept."""
        found = look_at(self._client, envelope.draft)
        if (found is None or found.discarded) and envelope.message_id:
            sent = [one for one in find(self._client, envelope.message_id) if not one.waiting]
            found = sent[0] if sent else found
        return found

    def _send(self, draft: Draft, envelope: Envelope) -> SendResult:
        path = f"{message_path(self._client, draft.id)}/send"
        try:
            answer = self._client.open("POST", path, prefer=(IMMUTABLE,), repeatable=False)
            reply = GraphReply(answer.status, answer.headers, answer.read())
        except AnswerLost as lost:
            return SendResult(outcome=SendOutcome.UNKNOWN, evidence=str(lost), after=SETTLES_AFTER)
        if reply.status == _ACCEPTED:
            return _left(draft, envelope, "taken by Exchange Online")
        said = f"HTTP {reply.status} {reply.code} {reply.words}".strip()
        if reply.status >= _SERVER_ERROR or reply.status < _ACCEPTED:
            return SendResult(outcome=SendOutcome.UNKNOWN, evidence=said, after=SETTLES_AFTER)
        refusal = refusal_of(reply)
        if refusal is not None:
            return SendResult(outcome=SendOutcome.REFUSED, evidence=f"{refusal} {refusal.mend}".strip())
        raise self._client.failure(reply)


def _left(draft: Draft, envelope: Envelope, evidence: str) -> SendResult:
    other = draft.message_id if draft.message_id and draft.message_id != envelope.message_id else None
    return SendResult(outcome=SendOutcome.ACCEPTED, evidence=evidence, provider_id=other)


def _check(envelope: Envelope) -> None:
    if not 0 < len(envelope.recipients) <= _MOST_RECIPIENTS:
        raise MessageRefused(
            f"{len(envelope.recipients)} recipients, and Exchange Online takes 1 to {_MOST_RECIPIENTS}",
            kind="recipients",
            mend="Split the e-mail.",
        )
    for one in envelope.recipients:
        mail_address(one)
