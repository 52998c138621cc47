"""Gather what tells that robots write to each other: how fast a conversation goes."""

from __future__ import annotations

from datetime import datetime

from email_router.core.flows.incoming import Draft, Incoming, received
from email_router.core.flows.lookup import PageLookup
from email_router.core.ledger import LinkKind
from email_router.core.quick import quick_at
from email_router.core.ways import ways


def quick_of(draft: Draft, lookup: PageLookup, incoming: Incoming, now: datetime) -> int:
    """Return how often in a row the message's conversation was answered from here at once.

    Every e-mail that it names counts, however it names it: a provider may have changed the id of ours.
    """
    ask = {
        LinkKind.MESSAGE_ID: lookup.by_message_id,
        LinkKind.TOKEN: lookup.by_token,
        LinkKind.THREAD: lookup.by_thread,
    }
    earlier = (ask[kind](value) for kind, value in ways(draft.message, incoming.configuration.tracking))
    return quick_at(received(draft, now), earlier)
