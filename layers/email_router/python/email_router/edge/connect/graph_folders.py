"""Find the folders of a mailbox in Exchange Online, and make those that messages are moved to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from email_router.core.errors import MailboxBlocked
from email_router.edge.connect.graph_errors import CONFLICT, NOT_FOUND
from email_router.edge.connect.graph_reading import strange

if TYPE_CHECKING:
    from email_router.edge.connect.graph import GraphClient

ARCHIVE, UNDELIVERABLE = "Archive", "Undeliverable"

WELL_KNOWN = frozenset(
    {"archive", "clutter", "deleteditems", "drafts", "inbox", "junkemail", "msgfolderroot", "outbox", "sentitems"}
)
"""Names that Graph knows in every language (learn.microsoft.com/graph/api/resources/mailfolder)."""


def folder_key(name: str) -> str:
    """Return the name under which a folder's cursor is kept: a well-known one in lower case, so that INBOX and inbox are one folder."""
    return name.casefold() if name.casefold() in WELL_KNOWN else name


class Folders:
    """The folders of one mailbox, each looked for once while the mailbox is open.

    A name is a well-known one (inbox, junkemail, archive), or a path of display names with `/` between them.  A path that begins with a
    well-known name goes on below that folder, whatever it is called in the mailbox's language; any other begins below the root.
    """

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._known: dict[str, str] = {}

    def place(self, name: str) -> str:
        """Return what stands for a folder in Graph's paths: its well-known name, or its id.  Raises MailboxBlocked "folder_missing"."""
        key = folder_key(name)
        if key in WELL_KNOWN:
            return key
        if key not in self._known:
            found = self._find(name)
            if found is None:
                raise self.missing(name)
            self._known[key] = found
        return self._known[key]

    def made(self, name: str) -> str:
        """Return the id of a folder below the root, made where it is missing.  Repeatable, also when two make it at once."""
        key = f"/{name}"
        if key not in self._known:
            self._known[key] = self._child("", name) or self._make(name)
        return self._known[key]

    def missing(self, name: str, why: str = "") -> MailboxBlocked:
        """Return the error for a folder that is not there."""
        mend = f"Make the folder {name} in the mailbox, or correct `folders` of the profile; the router makes none of its own."
        if folder_key(name) in WELL_KNOWN:
            mend = "Check that the address is a mailbox's, and that somebody has opened the mailbox once."
        told = f" ({why})" if why else ""
        return MailboxBlocked(
            f"{self._client.address}: the mailbox has no folder {name[:80]}{told}", kind="folder_missing", mend=mend
        )

    def _find(self, path: str) -> str | None:
        first, *rest = path.split("/")
        found = first.casefold() if rest and first.casefold() in WELL_KNOWN else self._child("", first)
        for name in rest:
            found = self._child(found, name) if found else None
        return found

    def _child(self, parent: str, name: str) -> str | None:
        quoted = name.replace("'", "''")
        options = urlencode({"$filter": f"displayName eq '{quoted}'", "$select": "id,displayName"}, safe="$,'")
        reply = self._client.call("GET", f"{self._below(parent)}?{options}", accept=(NOT_FOUND,))
        rows = [row for row in reply.rows() if row.get("id")] if reply.status != NOT_FOUND else []
        return next((str(row["id"]) for row in rows if str(row.get("displayName")).casefold() == name.casefold()), None)

    def _make(self, name: str) -> str:
        content = {"displayName": name}
        reply = self._client.call("POST", self._below(""), content=content, accept=(CONFLICT,), repeatable=False)
        if reply.status != CONFLICT:
            made = str(reply.json().get("id") or "")
            if not made:
                raise strange(self._client.address, "a new folder without an id")
            return made
        found = self._child("", name)
        if found is None:
            raise self.missing(name, reply.code)
        return found

    def _below(self, parent: str) -> str:
        folders = f"{self._client.user}/mailFolders"
        return f"{folders}/{quote(parent, safe='')}/childFolders" if parent else folders
