"""Tell under which ids the store may know a mail, and the mails that it answers."""

from __future__ import annotations

from email_router.core.message import Message

NEAREST_REFERENCES = 8
"""How many of the last References are looked up: it bounds a page, and further back stand ancestors at best."""


def id_forms(message_id: str | None) -> tuple[str, ...]:
    """Return the ids under which a store row may hold this Message-ID: as written, and bare where Amazon SES made it.

    SES replaces the Message-ID by `<its id@region.amazonses.com>` and tells the sender only the bare id, which is
    what was stored.
    """
    if not message_id:
        return ()
    local, _, domain = message_id.strip("<>").rpartition("@")
    host = domain.casefold()
    if local and (host == "amazonses.com" or host.endswith(".amazonses.com")):
        return message_id, local
    return (message_id,)


def lookup_ids(message: Message) -> tuple[str, ...]:
    """Return the ids of the mails that this one answers, surest first.

    These are In-Reply-To, then the last eight References, nearest first.  The mail's own id is never among them.
    Ids stand in all their forms (see `id_forms`), each once.
    """
    nearest = reversed(message.references[-NEAREST_REFERENCES:])
    answered = [one for one in (message.in_reply_to, *nearest) if one and one != message.message_id]
    return tuple(dict.fromkeys(form for one in answered for form in id_forms(one)))


def own_ids(message: Message) -> tuple[str, ...]:
    """Return the ids under which the store knows this very mail if the router sent it."""
    return id_forms(message.message_id)


def reported_ids(message: Message) -> tuple[str, ...]:
    """Return the ids of the mail that a delivery report is about; none for any other mail."""
    return id_forms(message.delivery_report.original_message_id) if message.delivery_report else ()
