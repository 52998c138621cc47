"""Match by the conversation index of the Thread-Index header."""

from __future__ import annotations

from email_router.core.activity import CorrelationMethod
from email_router.core.case import Lookup, Match
from email_router.core.conversation_index import thread_hash
from email_router.core.message import Message
from email_router.core.settings import Tracking


def by_conversation_index(message: Message, lookup: Lookup, _: Tracking) -> Match | None:
    """Match by the newest e-mail whose conversation index has the same base (its first mail's time and GUID)."""
    thread = thread_hash(message.conversation_index or b"")
    email = lookup.by_thread(thread) if thread else None
    return Match(email, CorrelationMethod.CONVERSATION_INDEX, f"conversation {thread}") if email else None
