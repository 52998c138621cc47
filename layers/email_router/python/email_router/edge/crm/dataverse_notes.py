"""Keep notes on e-mails of Dataverse: rows of its table annotation, for those who look at the e-mail there.

Whom a note is for, and when it was written, lies in our row `ORG#o#EMAIL#activity | NOTE#key`, as in the built-in CRM; it is written last.
Whoever dies before leaves a note that the next one finds under the same id; words that our row holds already are not written there again, so
that one which a user deletes stays deleted.
"""

from __future__ import annotations

import html
import uuid
from typing import TYPE_CHECKING

from email_router.core.errors import MailboxBlocked, MessageRefused
from email_router.edge.connect.dataverse_errors import CHANGED, NOT_FOUND
from email_router.edge.crm import builtin_notes
from email_router.edge.crm.dataverse_lengths import fitting
from email_router.edge.crm.dataverse_rows import GUID

if TYPE_CHECKING:
    from email_router.core.activity import Note
    from email_router.edge.connect.dataverse import DataverseClient
    from email_router.edge.connect.dataverse_errors import JsonObject
    from email_router.edge.connect.dynamodb import Table
    from email_router.edge.connect.keys import Keys

SUBJECT = "E-mail Router"
"""The title of every note."""

_NOTES = uuid.UUID("6f5cf1bd-0a46-5d0c-9a0e-64e4f2bb8d35")


def note_id(organisation: str, activity: str, key: str) -> str:
    """Return the id of the note with this key on this e-mail, the same at every attempt."""
    return str(uuid.uuid5(_NOTES, f"{organisation}/{activity.lower()}/{key}"))


def write(client: DataverseClient, table: Table, keys: Keys, activity: str, key: str, note: Note) -> None:
    """Write the note; one of the same key is written over.  Repeatable.

    A note is not worth an e-mail's way: what Dataverse does not take (no privilege, an e-mail that is gone, a plug-in that refuses) stands
    in our row alone.  Raises what else the client raises.
    """
    standing = builtin_notes.read_one(table, keys, activity, key)
    if standing == note:
        return
    if GUID.fullmatch(activity) and (standing is None or standing.text != note.text):
        _annotate(client, activity, note_id(keys.organisation, activity, key), note.text)
    builtin_notes.write(table, keys, activity, key, note)


def _annotate(client: DataverseClient, activity: str, key: str, words: str) -> None:
    place = f"annotations({key})"
    row: JsonObject = {
        "subject": SUBJECT,
        "notetext": fitting(
            "annotation", "notetext", html.escape(words, quote=False)
        ),  # a server's words are no markup
        "objectid_email@odata.bind": f"/emails({activity})",
    }
    try:
        made = client.call("PATCH", place, row, headers={"If-None-Match": "*"}, accept=(CHANGED, NOT_FOUND))
        if made.status == CHANGED:
            changed = {"notetext": row["notetext"]}
            client.call("PATCH", place, changed, headers={"If-Match": "*"}, accept=(NOT_FOUND,))
    except MessageRefused:
        pass
    except MailboxBlocked as refusal:
        if refusal.kind != "access_denied":
            raise
