"""Match by the tracking token in the subject."""

from __future__ import annotations

from email_router.core.activity import CorrelationMethod
from email_router.core.case import Lookup, Match
from email_router.core.message import Message
from email_router.core.settings import Tracking
from email_router.core.tracking_token import find_tokens


def by_tracking_token(message: Message, lookup: Lookup, tracking: Tracking) -> Match | None:
    """Match by the newest e-mail with a token of the subject, the last token first: a token is appended at the end."""
    for token in reversed(find_tokens(message.subject, tracking)):
        email = lookup.by_token(token)
        if email:
            return Match(email, CorrelationMethod.TRACKING_TOKEN, f"token {token}")
    return None
