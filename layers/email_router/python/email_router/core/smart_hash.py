"""Turn subjects and addresses into the hashes of smart matching."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from email_router.core.message import Message
from email_router.core.noise import without_noise
from email_router.core.settings import Tracking

_READ = 255  # characters of a subject that count: no mail server keeps more
_WORD = re.compile(r"\w+")


def address_hash(address: str) -> str:
    """Return 16 hexadecimal digits that stand for an address, the same for ever; case does not count."""
    return hashlib.sha256(address.strip().casefold().encode("utf-8", "surrogatepass")).hexdigest()[:16]


def participants(who: Message | Iterable[str]) -> frozenset[str]:
    """Return the address hashes of a mail (From, To, Cc, Bcc) or of addresses.  A From in doubt takes no part."""
    if isinstance(who, Message):
        author = (who.author,) if who.author else ()
        who = [one.address for one in (*author, *who.recipients)]
    return frozenset(address_hash(address) for address in who if address.strip())


def subject_words(subject: str, tracking: Tracking) -> tuple[str, ...]:
    """Return the words of a subject that smart matching compares: without noise, case folded, `hash_max_count` at most.

    Noise is what HashFilterKeywords matches (`RE:`, `FW: RE:`).  A tracking token counts as words, as in the
    original.  Only the first 255 characters are read, and no pattern can make that slow.
    """
    clear = without_noise(subject[:_READ], tracking.hash_filter_keywords)
    return tuple(word.casefold() for word in _WORD.findall(clear)[: max(tracking.hash_max_count, 0)])


def subject_hash(subject: str, tracking: Tracking) -> str | None:
    """Return 32 hexadecimal digits that subjects of the same words share in any order, or None when no words remain.

    It is the hash of the sorted set of word hashes, so that one look-up finds them; a HashDeltaSubjectCount over 0
    cannot be had so.
    """
    words = subject_words(subject, tracking)
    if not words:
        return None
    hashes = sorted({hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()[:16] for word in words})
    return hashlib.sha256(" ".join(hashes).encode("ascii")).hexdigest()[:32]
