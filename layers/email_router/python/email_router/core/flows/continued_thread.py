"""What an outgoing e-mail takes over from the conversation that it continues."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from email_router.core.activity import EmailActivity
from email_router.core.conversation_index import BASE, make_child, make_new
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.reading_emails import emails_of
from email_router.core.mailbox import Direction

_REFERENCES_KEPT = 20
_ANSWERS_KEPT = 100  # of 5 bytes each: a longer index would not fit into one line of the header
_GENERATIONS = 10
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_INDEXES = uuid.UUID("5b2f1d0c-6d9e-5a34-9c6e-0f7f0f0a4d21")

Ancestors = Mapping[str, EmailActivity]
"""E-mails that others answer, by their ids."""


@dataclass(frozen=True, slots=True)
class Thread:
    """What an answer takes over from the e-mail it answers (`parent`), and its own conversation index."""

    index: bytes
    parent: EmailActivity | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    token: str | None = None


def ancestors(out: Outgoing, emails: Iterable[EmailActivity]) -> Ancestors:
    """Return what these e-mails answer, and what that answered as far as their indexes need it: one reading for each generation."""
    known: dict[str, EmailActivity] = {}
    wanted = {email.correlated for email in emails if email.correlated}
    for _ in range(_GENERATIONS + 1):
        found = emails_of(out.crm, sorted(wanted)).found
        known |= found
        further = {one.correlated for one in found.values() if one.correlated and _is_made_again(one)}
        wanted = further - known.keys()
        if not wanted:
            break
    return known


def thread_of(out: Outgoing, email: EmailActivity, known: Ancestors) -> Thread:
    """Return the thread of an e-mail: its parent's, or one that begins with it."""
    parent = known.get(email.correlated or "")
    index = _index(out, email, parent, known)
    if parent is None:
        return Thread(index, None, email.in_reply_to, email.references)
    chain = (*parent.references, *([parent.message_id] if parent.message_id else []))
    return Thread(index, parent, parent.message_id, chain[-_REFERENCES_KEPT:], parent.tracking_token)


def _is_made_again(email: EmailActivity) -> bool:
    """Tell whether the index of an e-mail is not kept, and made again of those before it."""
    return not email.conversation_index and email.direction is Direction.OUTGOING


def _index(
    out: Outgoing, email: EmailActivity, parent: EmailActivity | None, known: Ancestors, generation: int = 0
) -> bytes:
    """Return the conversation index (MS-OXOMSG 2.2.1.3): made of the activity alone, so that it is the same whenever it is asked for.

    The CRM keeps only the indexes that came in; that of an e-mail of ours is made again from what made it the first time.
    """
    own = uuid.uuid5(_INDEXES, f"{out.configuration.organisation}/{email.id}")
    begun = email.created or _LONG_AGO
    if parent is None or generation == _GENERATIONS:
        return make_new(begun, own)
    if parent.conversation_index:
        before = bytes.fromhex(parent.conversation_index)
    elif _is_made_again(parent):
        before = _index(out, parent, known.get(parent.correlated or ""), known, generation + 1)
    else:
        return make_new(begun, own)
    return make_child(before[:BASE] + before[BASE:][-5 * _ANSWERS_KEPT :], begun, own)
