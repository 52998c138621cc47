"""Match by the conversation index of the Thread-Index header."""

from __future__ import annotations

from email_router.core.activity import CorrelationMethod
from email_router.core.case import Lookup, Match
from email_router.core.message import Message
from email_router.core.settings import Tracking
from email_router.core.topic import thread_keys


def by_conversation_index(message: Message, lookup: Lookup, tracking: Tracking) -> Match | None:
    """Match by the newest e-mail whose conversation index has the same base (its first mail's time and GUID).

    Where a new subject begins a new conversation, the newest of the same topic comes before the newest of all.
    """
    keys = thread_keys(message.conversation_index, message.subject, tracking)
    for key in keys:
        email = lookup.by_thread(key)
        if email:
            return Match(email, CorrelationMethod.CONVERSATION_INDEX, f"conversation {keys[-1]}")
    return None
