"""Remove the noise of a subject by a tenant's pattern (HashFilterKeywords), whatever that pattern is."""

from __future__ import annotations

import re
from functools import lru_cache

from email_router.core.linear_pattern import LinearPattern, UnfitPatternError
from email_router.core.settings import Tracking

DEFAULT = Tracking().hash_filter_keywords
SUGGESTED = DEFAULT + "|Out of office:"
"""The value that Microsoft suggests to whoever wants answers of absent people matched as well."""

_LONGEST = 250  # characters: organization.hashfilterkeywords
# These two are known to be linear: every round of their loop needs a colon, and nothing follows it that could fail.
_KNOWN = {text: re.compile(text, re.IGNORECASE) for text in (DEFAULT, SUGGESTED)}


def without_noise(text: str, pattern: str) -> str:
    """Return the text without what the pattern matches, case ignored.

    Python's own `re` may need exponential time for a careless pattern, whatever the length of the text; so all
    patterns but the documented ones run on `LinearPattern`.  One that it cannot read is replaced by the default.
    """
    known = _KNOWN.get(pattern)
    if known is None:
        own = _compiled(pattern)
        if own is not None:
            return own.remove(text)
        known = _KNOWN[DEFAULT]
    return known.sub("", text)


def noise_defect(pattern: str) -> str | None:
    """Return what is wrong with a pattern, for whoever publishes it, or None when it is fit."""
    if len(pattern) > _LONGEST:
        return f"hash_filter_keywords has {len(pattern)} characters, at most {_LONGEST} are allowed"
    try:
        LinearPattern(pattern)
    except UnfitPatternError as unfit:
        return f"hash_filter_keywords: {unfit}"
    return None


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> LinearPattern | None:
    """Return the pattern ready to use, or None when it is unfit."""
    return None if noise_defect(pattern) else LinearPattern(pattern)
