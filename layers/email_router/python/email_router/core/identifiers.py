"""Read message ids, references and Outlook's thread index (RFC 5322 3.6.4, MS-OXOMSG 2.2.1.3)."""

from __future__ import annotations

import base64
import binascii
import re

_ID = re.compile(r"<([^<>]*+)>")
_BLANKS = re.compile(r"\s+")
_MOST = 1_000
_LONGEST = 998  # a line of RFC 5322 holds no more
_SHORTEST_INDEX = 22


def message_ids(value: str | None) -> tuple[str, ...]:
    """Return every id of a Message-ID, In-Reply-To or References value, with its <>, blanks of folding removed; at most 1,000.

    A value without any <> that is one word is taken for an id written without them.
    """
    if not value:
        return ()
    found = []
    for match in _ID.finditer(value):
        inner = _BLANKS.sub("", match[1])
        if inner and len(inner) <= _LONGEST and inner.isprintable():
            found.append(f"<{inner}>")
            if len(found) == _MOST:
                break
    if not found and "<" not in value and ">" not in value:
        words = [word for word in value.split() if "@" in word]
        found = [
            f"<{word}>"
            for word in words[:_MOST]
            if len(words) == len(value.split()) and len(word) <= _LONGEST and word.isprintable()
        ]
    return tuple(found)


def first_id(value: str | None) -> str | None:
    """Return the first id of the value that has a domain, else the first one, else None."""
    found = message_ids(value)
    return next((one for one in found if "@" in one), found[0] if found else None)


def conversation_index(value: str | None) -> bytes | None:
    """Return the decoded Thread-Index, or None when it is no base64 of at least 22 bytes."""
    if not value:
        return None
    try:
        index = base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return index if len(index) >= _SHORTEST_INDEX else None
