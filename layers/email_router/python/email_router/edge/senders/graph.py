"""Send by Microsoft Graph: a draft in the mailbox, then its sending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.core.sending import SendOutcome, SendResult
from email_router.edge.connect.drafting import NOWHERE, ExchangeSender, left_open
from email_router.edge.connect.graph import GraphClient
from email_router.edge.connect.graph_drafts import IMMUTABLE, Draft, find, look_at, make_draft, refusal_of, remove
from email_router.edge.connect.graph_errors import GraphReply
from email_router.edge.connect.graph_mime import message_path
from email_router.edge.connect.https import AnswerLost

if TYPE_CHECKING:
    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.octets import Octets
    from email_router.core.ports import Reach
    from email_router.core.sending import Envelope

_IN_OUTBOX = left_open("it waits in the Outbox of Exchange Online")
_ACCEPTED = 202
_SERVER_ERROR = 500


class GraphSender(ExchangeSender[Draft]):
    """Exchange Online.

    One draft for each e-mail for ever: its id is kept before it is sent, so that a send without an answer is looked after and never made
    twice.  Dying between draft and id leaves a draft that nobody sends; the next attempt removes it.  Microsoft promises the same draft,
    not the same bytes.  With access other than "own" the mail leaves through the mailbox `username`, From being the e-mail's sender.
    """

    kind = "graph"
    server = "Exchange Online"

    def __init__(self, profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> None:
        """Take what is needed to log in; nothing is opened before it is asked for."""
        super().__init__()
        self._client = GraphClient(profile, profile.sends_through(mailbox.address), secret, reach)

    def withdraw(self, envelope: Envelope) -> SendResult | None:
        """Remove the draft into Deleted Items, unless it has left."""
        if not envelope.draft:
            self._remove_lost(envelope)
            return None
        found = self._found(envelope)
        if found is None or found.outbox:
            return _IN_OUTBOX if found else NOWHERE
        if not found.waiting:
            return _left(found, envelope, "found in Sent Items")
        if not found.discarded:
            remove(self._client, found.id)
        return None

    def close(self) -> None:
        """Do nothing: lines and tokens are kept for the process."""

    def _make(self, envelope: Envelope, composed: Octets) -> Draft:
        if envelope.attempt > 1:
            self._remove_lost(envelope)
        return make_draft(self._client, envelope, composed)

    def _send_found(self, envelope: Envelope) -> SendResult:
        found = self._found(envelope)
        if found is None or found.discarded:
            return NOWHERE
        if found.outbox:
            return _IN_OUTBOX
        return self._send(found, envelope) if found.waiting else _left(found, envelope, "found in Sent Items")

    def _remove_lost(self, envelope: Envelope) -> None:
        """Remove drafts of the e-mail whose ids nobody kept; they are known by our Message-ID."""
        for left in find(self._client, envelope.message_id) if envelope.message_id else ():
            if left.waiting:
                remove(self._client, left.id)

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
            return left_open(str(lost))
        if reply.status == _ACCEPTED:
            return _left(draft, envelope, "taken by Exchange Online")
        said = f"HTTP {reply.status} {reply.code} {reply.words}".strip()
        if reply.status >= _SERVER_ERROR or reply.status < _ACCEPTED:
            return left_open(said)
        refusal = refusal_of(reply)
        if refusal is not None:
            return SendResult(outcome=SendOutcome.REFUSED, evidence=f"{refusal} {refusal.mend}".strip())
        raise self._client.failure(reply)


def _left(draft: Draft, envelope: Envelope, evidence: str) -> SendResult:
    other = draft.message_id if draft.message_id and draft.message_id != envelope.message_id else None
    return SendResult(outcome=SendOutcome.ACCEPTED, evidence=evidence, provider_id=other)
