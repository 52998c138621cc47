"""Match by the mail that this one answers: In-Reply-To, then References."""

from __future__ import annotations

import re

from email_router.core.activity import CorrelationMethod
from email_router.core.case import Lookup, Match
from email_router.core.lookup_ids import id_forms, lookup_ids
from email_router.core.message import Message
from email_router.core.settings import Tracking

_MARK = re.compile(r"[\s\[(]{0,9}([^\W\d_]{1,12})(?:\[\d{1,3}\]|\(\d{1,3}\))?\s{0,2}[:\uff1a]")
_FORWARD = frozenset(
    {"fw", "fwd", "wg", "tr", "rv", "enc", "vs", "vb", "i", "doorst", "pd", "ilt", "転送", "转发", "轉寄"}
)
_REPLY = frozenset(
    {"re", "aw", "sv", "antw", "rép", "rif", "r", "res", "odp", "vá", "ynt", "返信", "回复", "回覆", "答复"}
)


def by_in_reply_to(message: Message, lookup: Lookup, _: Tracking) -> Match | None:
    """Match by the mail this one answers.  Certain: an id is made once.

    A forward, or a new topic under old References, continues the conversation too, as server-side synchronization
    documents it; the evidence says so, since people often wonder.
    """
    for message_id in lookup_ids(message):
        email = lookup.by_message_id(message_id)
        if email:
            header = "In-Reply-To" if message_id in id_forms(message.in_reply_to) else "References"
            return Match(email, CorrelationMethod.IN_REPLY_TO, f"{header} {message_id}{_remark(message.subject)}")
    return None


def _remark(subject: str) -> str:
    """Return what the subject says about the mail that its header fields do not."""
    mark = _MARK.match(subject)
    word = mark[1].casefold() if mark else ""
    if word in _FORWARD:
        return "; its subject says that it is a forward"
    return "" if word in _REPLY else "; its subject bears no mark of a reply, so it may be a new topic"
