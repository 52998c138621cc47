"""Gather what tells that robots write to each other: how fast a conversation goes, and whose mark an automatic mail repeats."""

from __future__ import annotations

from datetime import datetime

from email_router.core import matching
from email_router.core.flows.incoming import Draft, Incoming, received
from email_router.core.flows.lookup import PageLookup
from email_router.core.own_mail import marked_activity
from email_router.core.quick import quick_at


def quick_of(draft: Draft, lookup: PageLookup, incoming: Incoming, now: datetime) -> int:
    """Return how often in a row the message's conversation was answered from here at once.

    Every e-mail that it names counts, however it names it: a provider may have changed the id of ours.
    """
    named = matching.wanted([draft.message], (), (), incoming.configuration.tracking)
    earlier = [lookup.by_message_id(one) for one in named.message_ids]
    earlier += [lookup.by_token(one) for one in named.tokens]
    earlier += [lookup.by_thread(one) for one in named.threads]
    return quick_at(received(draft, now), earlier)


def quoted_by(draft: Draft, incoming: Incoming) -> str:
    """Return the e-mail of ours whose mark an automatic mail of somebody else repeats, or empty.

    Whether the router sent it is asked of the store, for another router may bear the same organisation's name; no other mail costs that read.
    """
    message = draft.message
    inside = message.author is not None and incoming.configuration.internal(message.author.address)
    activity = (
        "" if inside or not message.auto_submitted else marked_activity(message, incoming.configuration.organisation)
    )
    return activity if activity and incoming.outgoing.get(activity) else ""
