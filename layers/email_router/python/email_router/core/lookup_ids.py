"""Tell under which ids the store may know a mail, and the mails that it answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from email_router.core.dedupe import normalised_id
from email_router.core.identifiers import message_ids
from email_router.core.message import Message

NEAREST_REFERENCES = 8
"""How many of the last References are looked up: it bounds a page, and further back stand ancestors at best."""

_ANSWERED = 4  # ids of In-Reply-To that are looked up: RFC 5322 allows several, and a list of many is none


def id_forms(message_id: str | None) -> tuple[str, ...]:
    """Return the ids under which a store row may hold this Message-ID: as written, its domain in small letters, bare.

    Servers spell domains as they like.  SES replaces the Message-ID by `<its id@region.amazonses.com>` and tells the
    sender only the bare id, which is what was stored.
    """
    if not message_id:
        return ()
    local, _, domain = message_id.strip("<>").rpartition("@")
    host = domain.casefold()
    forms = [message_id, normalised_id(message_id) or message_id]
    if local and (host == "amazonses.com" or host.endswith(".amazonses.com")):
        forms.append(local)
    return tuple(dict.fromkeys(forms))


def stored_forms(message_id: str | None) -> tuple[str, ...]:
    """Return the ids under which a mail with this Message-ID is written down, so that one of `id_forms` finds it."""
    forms = (message_id, normalised_id(message_id)) if message_id else ()
    return tuple(dict.fromkeys(one for one in forms if one))


def answered_ids(message: Message) -> tuple[str, ...]:
    """Return the different ids of In-Reply-To, the first four at most."""
    several = message_ids(message.header("in-reply-to"))
    return tuple(islice(_different(one for one in (message.in_reply_to, *several) if one), _ANSWERED))


def nearest_references(message: Message) -> tuple[str, ...]:
    """Return the last eight different ids of References, nearest first; one that is repeated counts once, the mail's own not at all."""
    own = set(own_ids(message))
    others = (one for one in reversed(message.references) if own.isdisjoint(id_forms(one)))
    return tuple(islice(_different(others), NEAREST_REFERENCES))


def lookup_ids(message: Message) -> tuple[str, ...]:
    """Return the ids of the mails that this one answers, surest first.

    These are In-Reply-To, then the last eight References, nearest first.  The mail's own id is never among them.
    Ids stand in all their forms (see `id_forms`), each once.
    """
    own = set(own_ids(message))
    named = (*answered_ids(message), *nearest_references(message))
    answered = [one for one in named if own.isdisjoint(id_forms(one))]
    return tuple(dict.fromkeys(form for one in answered for form in id_forms(one)))


def own_ids(message: Message) -> tuple[str, ...]:
    """Return the ids under which the store knows this very mail if the router sent it."""
    return id_forms(message.message_id)


def reported_ids(message: Message) -> tuple[str, ...]:
    """Return the ids of the mail that a delivery report is about; none for any other mail."""
    return id_forms(message.delivery_report.original_message_id) if message.delivery_report else ()


def _different(ids: Iterable[str]) -> Iterator[str]:
    """Yield each id once, however its domain is spelled."""
    seen: set[str] = set()
    for one in ids:
        known = normalised_id(one) or one
        if known not in seen:
            seen.add(known)
            yield one
