"""Keep notes on e-mail activities of the built-in CRM: `ORG#o#EMAIL#activity | NOTE#key`, for those who look at the e-mail there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from email_router.core.activity import Note
from email_router.edge.connect.compact import instant, micros
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.values import Item

_NOTE = "NOTE#"
_LONGEST = 50_000  # characters of at most four bytes: a row takes 400 KB


def write(table: Table, keys: Keys, activity: str, key: str, note: Note) -> None:
    """Write the note; one of the same key is written over, so that the same thing is told once.  Repeatable."""
    item = {"pk": keys.email(activity), "sk": f"{_NOTE}{key}", "text": note.text[:_LONGEST], "owner": note.owner}
    table.put({**item, "at": micros(note.at)})


def read(table: Table, keys: Keys, activity: str) -> Sequence[Note]:
    """Return the notes of an e-mail, oldest first."""
    found = table.query("#pk = :pk AND begins_with(#sk, :note)", {":pk": keys.email(activity), ":note": _NOTE})
    return sorted(map(_note, found), key=lambda note: note.at)


def read_one(table: Table, keys: Keys, activity: str, key: str) -> Note | None:
    """Return the note of this key, or None."""
    item = table.get((keys.email(activity), f"{_NOTE}{key}"))
    return _note(item) if item else None


def _note(item: Item) -> Note:
    return Note(_at(item["at"]), item["owner"], item["text"])


def _at(written: int) -> datetime:
    at = instant(written)
    if at is None:
        raise ValueError("a note without its time")
    return at
