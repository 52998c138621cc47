"""Make, find and place the tracking token in a subject."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice

from email_router.core.settings import Tracking

DESIGNATOR = "0"
"""The first digit: 0 online, 1 offline (CRM 2011, TechNet hh367422); the router is always online."""

MOST_TOKENS = 4
"""How many different tokens of a subject count, the last ones: answers carry two or three, and it bounds what a mail costs."""

# Designator, user number and counter take a digit each at least; email.trackingtoken holds 20 + 30 characters.
_FEWEST, _MOST = 3, 30
_CUT = r"\s?(?:\.{2,3}|\u2026)?\Z"  # where a client cut the subject, with the dots that some put there
_TOLD = 2  # characters of a prefix that are enough to know a token that was cut off


def make_token(tracking: Tracking, user_number: int, counter: int) -> str:
    """Return the token of a user's `counter`-th e-mail: prefix, designator, base + user number, counter.

    The user part grows by digits once the number outgrows `user_digits`; the counter starts again at 0 after its
    last value (Power Platform: "Email message filtering and correlation", tracking token structure).
    """
    user = str(tracking.base + user_number).zfill(tracking.user_digits)
    count = str(counter % 10**tracking.counter_digits).zfill(tracking.counter_digits)
    return f"{tracking.prefix}{DESIGNATOR}{user}{count}"


def find_tokens(subject: str, tracking: Tracking) -> tuple[str, ...]:
    """Return the last four tokens in a subject in the order in which they stand, each once, the prefix spelled as configured.

    A token is the current or an earlier prefix in any case, directly followed by a whole run of 3 to 30 digits; a
    longer run is none, nor is a prefix that only ends a longer word (`MYCRM:0001001` belongs to another system).  A
    token is appended at the end, so the LAST one is the most recent and whoever matches asks for it first.  Linear
    in the subject for each prefix.
    """
    found: list[tuple[int, str]] = []
    for prefix, pattern in _patterns(tracking.prefix, tracking.earlier_prefixes):
        found.extend((seen.end(), prefix + seen[1]) for seen in pattern.finditer(subject))
    found.sort(key=lambda one: one[0])
    last_first = dict.fromkeys(token for _, token in reversed(found))
    return tuple(reversed(list(islice(last_first, MOST_TOKENS))))


def place_token(subject: str, token: str, maximum: int) -> tuple[str, bool]:
    """Return the subject with the token at its end behind one blank, and whether it bears the token.

    The subject is cut so that both fit into `maximum` characters; a token that is too long alone is left out and
    the subject cut (OrgDBOrgSettings: MaximumSubjectLengthOnMailServer, 255).  A token that stands there already is
    not repeated.
    """
    text = subject.strip()
    if not token or len(token) > maximum:
        return text[:maximum].rstrip(), False
    standing = _standing(token)
    if standing.search(text):
        if len(text) <= maximum:
            return text, True
        text = standing.sub("", text).strip()
    if not text:
        return token, True
    room = maximum - len(token) - 1
    kept = text[: max(room, 0)].rstrip()
    return (f"{kept} {token}" if kept else token), True


def without_tokens(subject: str, tracking: Tracking) -> str:
    """Return the subject without its tracking tokens, and without one at its end that a client has cut off.

    What is left of one that was cut off is recognised by two characters of its prefix.
    """
    for pattern in _leftovers(tracking.prefix, tracking.earlier_prefixes):
        subject = pattern.sub("", subject)
    return subject.strip()


def without_token(subject: str, token: str | None) -> str:
    """Return the subject without this very token, whatever prefixes are found today."""
    return _standing(token).sub("", subject).strip() if token else subject


@lru_cache(maxsize=256)
def _leftovers(prefix: str, earlier: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Return what is taken out for each prefix: whole tokens, and at the end of the subject the beginning of one."""
    prefixes = dict.fromkeys(one for one in (prefix, *earlier) if one)
    digits = rf"(?:[0-9]{{{_FEWEST},{_MOST}}}+(?![0-9])|[0-9]{{0,{_FEWEST - 1}}}+{_CUT})"
    return tuple(
        re.compile(f"{_start(one)}{re.escape(one)}{digits}|(?<=\\s){_begun(one)}{_CUT}", re.IGNORECASE)
        for one in prefixes
    )


def _begun(prefix: str) -> str:
    """Return a pattern for two characters of the prefix or more, but not all of it; one that matches nothing where it is shorter."""
    parts = sorted((re.escape(prefix[:end]) for end in range(_TOLD, len(prefix))), key=len, reverse=True)
    return f"(?:{'|'.join(parts)})" if parts else "(?!)"


@lru_cache(maxsize=256)
def _patterns(prefix: str, earlier: tuple[str, ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return a pattern for each prefix.  Each is searched alone, so that none hides a token of another."""
    prefixes = dict.fromkeys(one for one in (prefix, *earlier) if one)
    digits = rf"([0-9]{{{_FEWEST},{_MOST}}}+)(?![0-9])"
    return tuple((one, re.compile(_start(one) + re.escape(one) + digits, re.IGNORECASE)) for one in prefixes)


def _standing(token: str) -> re.Pattern[str]:
    return re.compile(_start(token) + re.escape(token) + r"(?![0-9])", re.IGNORECASE)


def _start(text: str) -> str:
    """Return what must not stand before `text`: a letter or digit that would make it the end of a longer word.

    Only ASCII counts, since Chinese and Japanese put no blank between words.
    """
    return r"(?<![A-Za-z0-9])" if text[0].isascii() and text[0].isalnum() else ""
