"""By what an incoming e-mail is found again: its links, with the tracking token that it takes over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from email_router.core.case import Lookup, Match
from email_router.core.flows.incoming import Draft, known_at
from email_router.core.ledger import Answer, KnownEmail, Link, LinkKind
from email_router.core.lookup_ids import stored_forms
from email_router.core.matching import MARKED, NEW_TOPIC
from email_router.core.settings import Tracking
from email_router.core.smart_hash import near_keys, near_words, participants, subject_hash
from email_router.core.topic import thread_keys, topic

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


def links_of(
    draft: Draft, activity: str, token: str | None, tracking: Tracking, now: datetime, answers: Sequence[Answer] = ()
) -> tuple[Link, ...]:
    """Return the ways back to the message's activity; `answers` are those of the matching rules.

    Where the conversation index led to an e-mail that the message was not linked to, the conversation stays that
    e-mail's: nobody becomes part of it, or leads it elsewhere, by copying its index.  Nor by copying its subject: the
    words of a message that a rule marked for review lead nowhere.
    """
    message, at = draft.message, known_at(draft, now)
    about = topic(message.subject, tracking)
    known = KnownEmail(activity=activity, participants=participants(message), at=at, token=token, topic=about)
    links = [Link(LinkKind.MESSAGE_ID, one, known) for one in stored_forms(message.message_id)]
    if token:
        links.append(Link(LinkKind.TOKEN, token, known))
    if tracking.correlation:
        threads = thread_keys(message.conversation_index, message.subject, tracking)
        refused = next((one.answer for one in answers if one.question == "conversation_index"), "")
        links += [Link(LinkKind.THREAD, one, known) for one in _own_threads(threads, refused)]
    if any(one.answer == MARKED for one in answers):
        return tuple(links)
    compared = replace(known, participants=participants(message, tracking.hash_max_count))
    return (*links, *subject_links(compared, (message.subject,), tracking))


def subject_links(known: KnownEmail, subjects: Sequence[str], tracking: Tracking) -> tuple[Link, ...]:
    """Return the ways back from the words of an e-mail's subjects (as written, and as sent with its token).

    The participants of `known` are those that smart matching compares: the first `hash_max_count`.
    """
    if not tracking.smart_matching:
        return ()
    exact = dict.fromkeys(filter(None, (subject_hash(one, tracking) for one in subjects)))
    near = {key: near_words(one, tracking) for one in subjects for key in near_keys(one, tracking)}
    links = [Link(LinkKind.SUBJECT, key, known) for key in exact]
    return (*links, *(Link(LinkKind.SUBJECT, key, replace(known, words=words)) for key, words in near.items()))


def _own_threads(threads: tuple[str, ...], refused: str) -> tuple[str, ...]:
    """Return the keys of the conversation index that lead to the message from now on; the last one is that of all topics."""
    if refused == MARKED:
        return ()
    return threads[:-1] if refused == NEW_TOPIC else threads
