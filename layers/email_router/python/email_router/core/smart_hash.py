"""Turn subjects and addresses into the hashes of smart matching."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from itertools import islice

from email_router.core.message import Message
from email_router.core.noise import without_noise
from email_router.core.settings import Tracking
from email_router.core.tracking_token import without_tokens

_READ = 255  # characters of a subject that count: no mail server keeps more
_WORD = re.compile(r"\w+")


def address_hash(address: str) -> str:
    """Return 16 hexadecimal digits that stand for an address, the same for ever; case does not count."""
    return hashlib.sha256(address.strip().casefold().encode("utf-8", "surrogatepass")).hexdigest()[:16]


def participants(who: Message | Iterable[str], most: int | None = None) -> frozenset[str]:
    """Return the address hashes of a mail (From, To, Cc, Bcc) or of addresses.  A From in doubt takes no part.

    Smart matching compares the first `most` different ones, as HashMaxCount bounds the hashes of a recipient list like
    those of a subject (Power Platform: e-mail message filtering and correlation).  None: all of them.
    """
    if isinstance(who, Message):
        author = (who.author,) if who.author else ()
        who = [one.address for one in (*author, *who.recipients)]
    different = dict.fromkeys(address_hash(address) for address in who if address.strip())
    return frozenset(different if most is None else islice(different, max(most, 0)))


def subject_words(subject: str, tracking: Tracking) -> tuple[str, ...]:
    """Return the words of a subject that smart matching compares: without noise, case folded, `hash_max_count` at most.

    Noise is what HashFilterKeywords matches (`RE:`, `FW: RE:`).  A tracking token counts as words, as in the
    original.  Only the first 255 characters are read, and no pattern can make that slow.
    """
    clear = without_noise(subject[:_READ], tracking.hash_filter_keywords)
    return tuple(word.casefold() for word in _WORD.findall(clear)[: max(tracking.hash_max_count, 0)])


def subject_hash(subject: str, tracking: Tracking) -> str | None:
    """Return 32 hexadecimal digits that subjects of the same words share in any order, or None when no words remain.

    It is the hash of the sorted set of word hashes, so that one look-up finds them all.
    """
    words = subject_words(subject, tracking)
    if not words:
        return None
    hashes = sorted({_word_hash(word) for word in words})
    return _key(" ".join(hashes))


def near_words(subject: str, tracking: Tracking) -> frozenset[str]:
    """Return the word hashes (16 hexadecimal digits each) by which subjects that differ in some words are compared.

    A tracking token does not count here: an answer that lost or gained one would differ by two words.  Empty when
    HashDeltaSubjectCount lets nothing differ.
    """
    if tracking.hash_delta_subject_count <= 0:
        return frozenset()
    return frozenset(_word_hash(word) for word in subject_words(without_tokens(subject, tracking), tracking))


def near_keys(subject: str, tracking: Tracking) -> tuple[str, ...]:
    """Return the keys of the subject's d+1 rarest words, d being HashDeltaSubjectCount; none when d is 0.

    Two sets of words of which at most d stand in only one of them, and that share a word at all, share one among the
    first d+1 of each in any one order of all words (prefix filtering).  The order is: longest first, as long words
    are rare, then by hash.  Each key is 32 hexadecimal digits, never a subject hash.
    """
    allowed = tracking.hash_delta_subject_count
    if allowed <= 0:
        return ()
    words = {*subject_words(without_tokens(subject, tracking), tracking)}
    ordered = sorted((-len(word), _word_hash(word)) for word in words)
    return tuple(_key(f"word {hashed}") for _, hashed in ordered[: allowed + 1])


def _word_hash(word: str) -> str:
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]
