"""What an outgoing e-mail takes over from the conversation that it continues."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from email_router.core.activity import EmailActivity
from email_router.core.conversation_index import BASE, make_child, make_new
from email_router.core.flows.outgoing import Outgoing
from email_router.core.mailbox import Direction

_REFERENCES_KEPT = 20
_ANSWERS_KEPT = 100  # of 5 bytes each: a longer index would not fit into one line of the header
_GENERATIONS = 10
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_INDEXES = uuid.UUID("5b2f1d0c-6d9e-5a34-9c6e-0f7f0f0a4d21")


@dataclass(frozen=True, slots=True)
class Thread:
    """What an answer takes over from the e-mail it answers (`parent`), and its own conversation index."""

    index: bytes
    parent: EmailActivity | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    token: str | None = None


def thread_of(out: Outgoing, email: EmailActivity) -> Thread:
    """Return the thread of an e-mail: its parent's, or one that begins with it."""
    parent = out.crm.email(email.correlated) if email.correlated else None
    index = _index(out, email, parent)
    if parent is None:
        return Thread(index, None, email.in_reply_to, email.references)
    chain = (*parent.references, *([parent.message_id] if parent.message_id else []))
    return Thread(index, parent, parent.message_id, chain[-_REFERENCES_KEPT:], parent.tracking_token)


def _index(out: Outgoing, email: EmailActivity, parent: EmailActivity | None, generation: int = 0) -> bytes:
    """Return the conversation index (MS-OXOMSG 2.2.1.3): made of the activity alone, so that it is the same whenever it is asked for.

    The CRM keeps only the indexes that came in; that of an e-mail of ours is made again from what made it the first time.
    """
    own = uuid.uuid5(_INDEXES, f"{out.configuration.organisation}/{email.id}")
    begun = email.created or _LONG_AGO
    if parent is None or generation == _GENERATIONS:
        return make_new(begun, own)
    if parent.conversation_index:
        before = bytes.fromhex(parent.conversation_index)
    elif parent.direction is Direction.OUTGOING:
        grandparent = out.crm.email(parent.correlated) if parent.correlated else None
        before = _index(out, parent, grandparent, generation + 1)
    else:
        return make_new(begun, own)
    return make_child(before[:BASE] + before[BASE:][-5 * _ANSWERS_KEPT :], begun, own)
