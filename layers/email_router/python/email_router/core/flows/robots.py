"""Gather what tells that robots write to each other: how fast a conversation goes."""

from __future__ import annotations

from datetime import datetime

from email_router.core.flows.incoming import Draft, Incoming, received
from email_router.core.flows.lookup import PageLookup
from email_router.core.quick import quick_at
from email_router.core.ways import wanted


def quick_of(draft: Draft, lookup: PageLookup, incoming: Incoming, now: datetime) -> int:
    """Return how often in a row the message's conversation was answered from here at once.

    Every e-mail that it names counts, however it names it: a provider may have changed the id of ours.
    """
    named = wanted([draft.message], incoming.configuration.tracking)
    earlier = [lookup.by_message_id(one) for one in named.message_ids]
    earlier += [lookup.by_token(one) for one in named.tokens]
    earlier += [lookup.by_thread(one) for one in named.threads]
    return quick_at(received(draft, now), earlier)
