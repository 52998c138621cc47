"""Tell whether a mail has taken up another topic than the e-mail that it answers."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from email_router.core.conversation_index import thread_hash
from email_router.core.reply_marks import without_marks
from email_router.core.settings import Tracking
from email_router.core.tracking_token import without_tokens

_READ = 1_000  # characters of a subject that are looked at: the CRM keeps 800
_TOLD = 80  # letters and digits that make a topic: clients and the 255-character rule cut what stands behind
_WORD = re.compile(r"[^\W_]+")


def topic(subject: str, tracking: Tracking) -> str:
    """Return 16 hexadecimal digits that stand for what the subject is about, or "" when it says nothing.

    Marks of replies and forwards, tags of gateways, lists and ticket systems, notices of machines, tracking tokens (one
    that a client has cut, too), case, blanks and punctuation do not count; of the rest the first 80 letters and digits do.
    HashFilterKeywords is not asked: changed one day, it would make every open conversation a new topic.
    """
    written = unicodedata.normalize("NFKC", subject[:_READ])
    clear = without_marks(without_tokens(written, tracking)).casefold()
    text = "".join(_WORD.findall(unicodedata.normalize("NFKC", clear)))[:_TOLD]
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16] if text else ""


def is_new(subject: str, before: str, tracking: Tracking) -> bool:
    """Tell whether the subject is about something else than the topic `before`.  What is not known is never new."""
    now = topic(subject, tracking)
    return bool(now and before and now != before)


def thread_keys(index: bytes | None, subject: str, tracking: Tracking) -> tuple[str, ...]:
    """Return by what the newest e-mail of a conversation index is found, surest first; nothing when there is no index.

    Where a new subject begins a new conversation, one index may hold several: each has a key with its topic, so that
    the answer to an older one is not led to the newest.
    """
    thread = thread_hash(index or b"")
    if thread is None:
        return ()
    about = topic(subject, tracking) if tracking.changed_subject == "new" else ""
    if not about:
        return (thread,)
    return hashlib.sha256(f"{thread} {about}".encode("ascii")).hexdigest()[:32], thread
