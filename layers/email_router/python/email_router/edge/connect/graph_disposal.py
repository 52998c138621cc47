"""Mark, move and delete messages of a mailbox in Exchange Online, twenty in a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.core.errors import MailboxBlocked
from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect.graph import MOST_IN_BATCH
from email_router.edge.connect.graph_batch import patient_batch
from email_router.edge.connect.graph_errors import NOT_FOUND, means_mailbox
from email_router.edge.connect.graph_folders import ARCHIVE, UNDELIVERABLE
from email_router.edge.connect.graph_ids import translated
from email_router.edge.connect.graph_mime import message_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from email_router.core.errors import RouterError
    from email_router.edge.connect.graph import GraphClient
    from email_router.edge.connect.graph_errors import JsonObject
    from email_router.edge.connect.graph_folders import Folders

_ASKS_TO_WAIT = frozenset({"throttled", "busy"})
_WELL_KNOWN_ARCHIVE = "archive"


class Disposal:
    """What becomes of messages in their mailbox.  Repeatable: one that is gone already is no error.

    What one message meets is raised when the others of its batch are done, those among them that have to be looked for included.
    """

    def __init__(self, client: GraphClient, folders: Folders) -> None:
        self._client = client
        self._folders = folders
        self._listed: frozenset[str] = frozenset()
        self._archive = _WELL_KNOWN_ARCHIVE

    def listed(self, ids: Iterable[str]) -> None:
        """Remember ids that Graph has just given: they are in the form that the client asks for."""
        self._listed = frozenset(ids)

    def dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        """Mark as read, move to the archive folder (made where it is missing), or delete (into Deleted Items)."""
        if how is AfterDelivery.LEAVE:
            return
        missed = self._each(source_ids, _order(how, self._archive))
        if missed and how is AfterDelivery.MOVE and self._archive_made():
            self._each(missed, _order(how, self._archive))

    def set_aside(self, source_ids: Sequence[str]) -> None:
        """Move to the folder "Undeliverable", made where it is missing."""
        if source_ids:
            self._each(source_ids, _order(AfterDelivery.MOVE, self._folders.made(UNDELIVERABLE)))

    def _each(self, source_ids: Sequence[str], order: JsonObject) -> list[str]:
        """Do it to each message; return those that are not there.  An id of the other form is translated once."""
        missed, error = self._done(source_ids, order)
        if error is not None and (isinstance(error, MailboxBlocked) or error.kind in _ASKS_TO_WAIT):
            raise error
        kept = [one for one in missed if one not in self._listed]
        other = translated(self._client, kept) if kept else {}
        error = self._done(list(other.values()), order)[1] or error
        if error is not None:
            raise error
        return [one for one in missed if one not in other]

    def _done(self, source_ids: Sequence[str], order: JsonObject) -> tuple[list[str], RouterError | None]:
        """Do it batch by batch up to the first that met an error; return what is not there, and the error."""
        wanted, missed, error = list(dict.fromkeys(source_ids)), list[str](), None
        for start in range(0, len(wanted), MOST_IN_BATCH):
            some = wanted[start : start + MOST_IN_BATCH]
            orders = [{**order, "url": message_path(self._client, one) + order["url"]} for one in some]
            for one, reply in zip(some, patient_batch(self._client, orders), strict=True):
                if reply.status == NOT_FOUND and not means_mailbox(reply):
                    missed.append(one)
                elif not reply.done:
                    error = error or self._client.failure(reply)
            if error is not None:
                break
        return missed, error

    def _archive_made(self) -> bool:
        """Find or make a folder "Archive" where the mailbox has no archive folder; True: "not found" had meant the folder."""
        if self._archive != _WELL_KNOWN_ARCHIVE:
            return False
        path = f"{self._client.user}/mailFolders/{self._archive}"
        if self._client.call("GET", path, accept=(NOT_FOUND,)).status != NOT_FOUND:
            return False
        self._archive = self._folders.made(ARCHIVE)
        return True


def _order(how: AfterDelivery, target: str) -> JsonObject:
    """Return the request, its address below the message's."""
    if how is AfterDelivery.DELETE:
        return {"method": "DELETE", "url": ""}
    if how is AfterDelivery.MARK_READ:
        return {"method": "PATCH", "url": "", "body": {"isRead": True}}
    return {"method": "POST", "url": "/move", "body": {"destinationId": target}}
