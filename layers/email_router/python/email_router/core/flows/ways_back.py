"""By what an incoming e-mail is found again: its links, with the tracking token that it takes over."""

from __future__ import annotations

from datetime import datetime, timedelta

from email_router.core.case import Lookup, Match
from email_router.core.conversation_index import thread_hash
from email_router.core.flows.incoming import Draft, received
from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.core.settings import Tracking
from email_router.core.smart_hash import participants, subject_hash

TOKEN_LIVES = timedelta(days=90)
"""A conversation without an e-mail for so long may lose its token to another one."""


def token_of(match: Match | None, lookup: Lookup, at: datetime) -> str | None:
    """Return the token of the conversation that is continued, unless it may belong to another one by now.

    A conversation that has rested for too long keeps its token only when that still leads to it.
    """
    token = match.email.token if match else None
    if match is None or token is None or match.email.at >= at - TOKEN_LIVES:
        return token
    holder = lookup.by_token(token)
    return token if holder and holder.activity == match.email.activity else None


def links_of(draft: Draft, activity: str, token: str | None, tracking: Tracking, now: datetime) -> tuple[Link, ...]:
    """Return the ways back to the message's activity."""
    message = draft.message
    known = KnownEmail(activity=activity, participants=participants(message), at=received(draft, now), token=token)
    links = [Link(LinkKind.MESSAGE_ID, message.message_id, known)] if message.message_id else []
    if token:
        links.append(Link(LinkKind.TOKEN, token, known))
    thread = thread_hash(message.conversation_index) if message.conversation_index else None
    if thread and tracking.correlation:
        links.append(Link(LinkKind.THREAD, thread, known))
    subject = subject_hash(message.subject, tracking) if tracking.smart_matching else None
    if subject:
        links.append(Link(LinkKind.SUBJECT, subject, known))
    return tuple(links)
