"""Match by the words of the subject and the people who take part."""

from __future__ import annotations

from email_router.core.activity import CorrelationMethod
from email_router.core.case import Lookup, Match
from email_router.core.message import Message
from email_router.core.settings import Tracking
from email_router.core.smart_hash import participants, subject_hash


def by_smart_matching(message: Message, lookup: Lookup, tracking: Tracking) -> Match | None:
    """Match by the newest e-mail with the same subject words and `hash_min_address_count` participants in common.

    The look-up keeps to the last days (smart_window_days): by the store's time, since a Date header can say anything.
    """
    subject = subject_hash(message.subject, tracking)
    if subject is None:
        return None
    people = participants(message)
    for email in lookup.by_subject(subject):
        common = len(people & email.participants)
        if common >= tracking.hash_min_address_count:
            return Match(
                email, CorrelationMethod.SMART_MATCHING, f"same subject words, {common} participants in common"
            )
    return None
