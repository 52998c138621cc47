"""Find what an id means: a message that came in, an e-mail that went out, or an activity of either."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import UTC, datetime

from email_router.cli.place import Place
from email_router.core.dedupe import message_key
from email_router.core.ledger import Receipt, Trace, Wanted
from email_router.core.lookup_ids import id_forms
from email_router.core.message import Message
from email_router.core.sending import OutgoingState

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_CLOSE = 0.8


def bare(wanted: str) -> str:
    """Return the id as people copy it: without blanks, <> and the field's name."""
    text = wanted.strip()
    return (text.partition(":")[2].strip() if text.casefold().startswith("message-id:") else text).strip("<>")


def incoming_traces(place: Place, wanted: str, *, everywhere: bool) -> Sequence[Trace]:
    """Return the traces of an incoming message known by Message-ID or activity id.

    `everywhere` reads the whole table: those of other messages under the same id, too, and a source's id will do.
    """
    found = {(one.key, one.mailbox, one.copy): one for one in place.traces(bare(wanted), everywhere=everywhere)}
    if found and everywhere:
        ids = {one.message_id for one in found.values()} - {None}
        collided = [one for one in place.all_traces if one.message_id in ids]
        found |= {(one.key, one.mailbox, one.copy): one for one in collided}
    return list(found.values())


def outgoing_state(place: Place, wanted: str) -> OutgoingState | None:
    """Return the state of an outgoing e-mail known by activity id or Message-ID, ours or the provider's."""
    name = bare(wanted)
    state = place.outgoing.get(name)
    if state:
        return state
    forms = (name, *id_forms(f"<{name}>"))
    known = place.ledger.find(Wanted(message_ids=tuple(dict.fromkeys(forms)))).message_ids
    return next((state for one in known.values() if (state := place.outgoing.get(one.activity))), None)


def receipts_of(place: Place, wanted: str) -> Sequence[Receipt]:
    """Return the receipts of a message, which stay when its traces are gone."""
    key = message_key(Message(size=0, message_id=f"<{bare(wanted)}>"), "incoming")
    return place.ledger.receipts(key.key) if key.has_id else ()


def near(place: Place, wanted: str) -> list[str]:
    """Return ids that look like the one that is unknown, three at most."""
    ids = [one.message_id.strip("<>") for one in place.all_traces if one.message_id]
    ids += [state.message_id.strip("<>") for state in place.outgoing.all() if state.message_id]
    close = difflib.get_close_matches(bare(wanted).casefold(), [one.casefold() for one in ids], 3, _CLOSE)
    return [one for one in dict.fromkeys(ids) if one.casefold() in close]
