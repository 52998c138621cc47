"""Match by the mail that this one answers: In-Reply-To, then References."""

from __future__ import annotations

from email_router.core.activity import CorrelationMethod
from email_router.core.case import Lookup, Match
from email_router.core.ledger import KnownEmail
from email_router.core.lookup_ids import answered_ids, id_forms, lookup_ids
from email_router.core.message import Message
from email_router.core.reply_marks import mark_of
from email_router.core.settings import Tracking


def by_in_reply_to(message: Message, lookup: Lookup, _: Tracking) -> Match | None:
    """Match by the mail this one answers.  Certain: an id is made once.

    A forward continues the conversation too, as server-side synchronization documents it; the evidence says so, since
    people often wonder.
    """
    answered = {form for one in answered_ids(message) for form in id_forms(one)}
    for message_id in lookup_ids(message):
        email = lookup.by_message_id(message_id)
        if email:
            header = "In-Reply-To" if message_id in answered else "References"
            evidence = f"{header} {message_id}{_remark(message.subject, email)}"
            return Match(email, CorrelationMethod.IN_REPLY_TO, evidence)
    return None


def _remark(subject: str, email: KnownEmail) -> str:
    """Return what the subject says about the mail that its header fields do not."""
    mark = mark_of(subject)
    if mark == "forward":
        return "; its subject says that it is a forward"
    # Whether the topic is another one is told where it can be compared.
    return "" if mark or email.topic else "; its subject bears no mark of a reply, so it may be a new topic"
