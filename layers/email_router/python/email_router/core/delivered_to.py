"""Read to whom the mail's own server says that it delivered the mail: what To and Cc do not tell of a Bcc, an alias or a list."""

from __future__ import annotations

import re
from collections.abc import Iterator

from email_router.core import address
from email_router.core.headers import Head
from email_router.core.limits import Defects, Limits

_ENVELOPE = frozenset(
    {
        "delivered-to",
        "x-delivered-to",
        "x-original-to",
        "envelope-to",
        "x-envelope-to",
        "x-rcpt-to",
    }
)
_COMMENT = re.compile(r"\([^()]*+\)")
_FOR = re.compile(r"\sfor\s++<?([^\s<>;,()@]++@[^\s<>;,()@]++)>?\s*+", re.IGNORECASE)
_DATE = re.compile(
    r"\s*+(?:[a-z]{3}\s*+,)?\s*+\d{1,2}\s++[a-z]{3}\s++\d{2,4}\s++[\d:]++(?:\s++[-+a-z\d]++)?\s*+", re.IGNORECASE
)
_NESTED, _LONGEST = 3, 4_000


def delivered_to(head: Head, limits: Limits, defects: Defects) -> tuple[str, ...]:
    """Return the addresses of the envelope, each once, as they stand.

    A server writes them above the Received field that it adds, so only what stands above the topmost Received counts, and the one address
    that this field itself is "for" (RFC 5321 4.4).  What stands below came with the mail, and anybody can write it: it would let a mail into
    the CRM by a mailbox that never got it.  Without any Received the whole header is believed: whatever takes mail by SMTP writes one, so
    this mail was put into its mailbox by the server itself.  Apparently-To is what old servers write for a missing To, and counts as that.
    """
    found = [*_above_received(head, limits, defects), *_received_for(head)]
    if not any(head.get(name) for name in ("to", "cc", "bcc")):
        found += _people("apparently-to", head.all("apparently-to"), limits, defects)
    unique: dict[str, str] = {}
    for one in found:
        unique.setdefault(one.casefold(), one)
    return tuple(unique.values())


def _above_received(head: Head, limits: Limits, defects: Defects) -> Iterator[str]:
    for name, value in head.fields:
        if name == "received":
            return
        if name in _ENVELOPE:
            yield from _people(name, [value], limits, defects)


def _people(name: str, values: list[str], limits: Limits, defects: Defects) -> list[str]:
    return [one.address for one in address.addresses(name, values, limits, defects)]


def _received_for(head: Head) -> tuple[str, ...]:
    """Return the address behind "for" right before the date of the topmost Received; what the other side said stands elsewhere.

    A second semicolon is the other side's (RFC 5321 has one, before the date, and comments do not count): then nothing here is believed.
    """
    text = head.get("received") or ""
    if len(text) > _LONGEST:
        return ()
    for _ in range(_NESTED):
        text = _COMMENT.sub(" ", text)
    said, _, date = text.rpartition(";")
    found = list(_FOR.finditer(said))
    if len(found) != 1 or found[0].end() != len(said) or ";" in said or not _DATE.fullmatch(date):
        return ()
    return (found[0][1],)
