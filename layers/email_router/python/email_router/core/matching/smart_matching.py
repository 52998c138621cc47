"""Match by the words of the subject and the people who take part."""

from __future__ import annotations

from collections.abc import Iterator

from email_router.core.activity import CorrelationMethod
from email_router.core.case import Lookup, Match, NearMiss
from email_router.core.ledger import KnownEmail
from email_router.core.message import Message
from email_router.core.settings import Tracking
from email_router.core.smart_hash import near_keys, near_words, participants, subject_hash

_TOLD = 3  # near misses; a trace holds as many e-mails of one subject


def by_smart_matching(message: Message, lookup: Lookup, tracking: Tracking) -> Match | list[NearMiss]:
    """Match by the newest e-mail with the same subject words and `hash_min_address_count` participants in common.

    The first `hash_max_count` words and addresses of each count.  With `hash_delta_subject_count` over 0 so many words
    may stand in only one of both subjects.  The look-up keeps to the last days (smart_window_days): by the store's time,
    since a Date header can say anything.
    Where no e-mail has people enough in common, the newest with any are told.
    """
    people = participants(message, tracking.hash_max_count)
    found = {email.activity: (email, differ) for email, differ in _candidates(message, lookup, tracking)}
    near: list[NearMiss] = []
    needed = tracking.hash_min_address_count
    for email, differ in sorted(found.values(), key=lambda one: one[0].at, reverse=True):
        common = len(people & email.participants)
        words = f"subject with {differ} words of difference" if differ else "same subject words"
        shared = f"{words}, {common} participant{'' if common == 1 else 's'} in common"
        if common >= needed:
            return Match(email, CorrelationMethod.SMART_MATCHING, shared)
        if common and len(near) < _TOLD:
            near.append(NearMiss(email, "too few people in common", f"{shared} where {needed} are needed"))
    return near


def _candidates(message: Message, lookup: Lookup, tracking: Tracking) -> Iterator[tuple[KnownEmail, int]]:
    """Yield e-mails, and how many words stand in only one of both subjects; those of the same words come last."""
    subject = subject_hash(message.subject, tracking)
    if subject is None:
        return
    words = near_words(message.subject, tracking)
    for key in near_keys(message.subject, tracking):
        for email in lookup.by_subject(key):
            differ = len(words ^ email.words)
            if words & email.words and differ <= tracking.hash_delta_subject_count:
                yield email, differ
    yield from ((email, 0) for email in lookup.by_subject(subject))
