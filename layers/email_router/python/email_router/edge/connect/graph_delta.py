"""Read rounds of a delta query over the messages of folders (learn.microsoft.com/graph/delta-query-messages)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.edge.connect.graph import MOST_IN_BATCH
from email_router.edge.connect.graph_errors import GONE, NOT_FOUND
from email_router.edge.connect.graph_listing import lying
from email_router.edge.connect.graph_position import Cursor
from email_router.edge.connect.graph_rows import SELECTED, SIZE, Row, age, as_graph_writes, digest, rows_of, taken_away

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from email_router.edge.connect.graph import GraphClient
    from email_router.edge.connect.graph_errors import GraphReply, JsonObject
    from email_router.edge.connect.graph_folders import Folders

FILTER_LIMIT = 5000
"""A delta query with $filter returns no more messages than this, and does not say so."""

_BAD_REQUEST = 400
_FULL = "mailbox_full"


@dataclass(frozen=True, slots=True)
class DeltaPage:
    """One page: messages oldest first, and where to go on; `last` ends the round.

    `full` is set where the mailbox is over its quota and the page comes from a plain listing.  `taken_away` are the ids of messages that
    left the folder for another one.
    """

    rows: tuple[Row, ...]
    following: Cursor
    last: bool
    full: MailboxBlocked | None = None
    taken_away: frozenset[str] = frozenset()


class DeltaRounds:
    """Delta rounds over the folders of one mailbox.

    Change type "created": without it each read mark would list its message again.  Ids are the default ones unless the client asks for
    immutable ones: a message that is moved out and back is lost to a delta query with immutable ids (microsoft-graph-docs 21752).
    """

    def __init__(self, client: GraphClient, folders: Folders, since: datetime | None) -> None:
        self._client = client
        self._folders = folders
        self._since = since
        self._lost = set[str]()
        self._given = set[str]()

    def pages(self, wanted: Mapping[str, Cursor], size: int) -> dict[str, DeltaPage]:
        """Read one page of each folder: several folders that were read before in one request (20 of them), the others one by one."""
        found: dict[str, DeltaPage] = {}
        linked = [name for name, cursor in wanted.items() if cursor.link and self._client.leads_here(cursor.link)]
        if len(linked) > 1:
            for start in range(0, len(linked), MOST_IN_BATCH):
                found.update(self._at_once(wanted, linked[start : start + MOST_IN_BATCH], size))
        return {name: found.get(name) or self.page(name, cursor, size) for name, cursor in wanted.items()}

    def page(self, name: str, cursor: Cursor, size: int) -> DeltaPage:
        """Read the page at the cursor.  A sync state that Graph has lost begins a new round; the ledger absorbs what comes twice.

        So does a link that was saved when the profile led to another host.  A round that was begun anew and is lost, too, is tried later.
        Over quota Graph refuses delta queries, which write into the mailbox, and may still list: then the page comes so, with `full` set.
        """
        try:
            return self._round(name, cursor, size)
        except MailboxBlocked as full:
            if full.kind != _FULL:
                raise
            return self._plain(name, cursor, size, full)

    def _at_once(self, wanted: Mapping[str, Cursor], names: Sequence[str], size: int) -> dict[str, DeltaPage]:
        """Ask for the pages of several folders in one batch; those whose sync state is lost, or whose mailbox is full, are left out."""
        prefer = self._client.preferring(_page_of(size))
        links = [self._client.relative(wanted[name].link) for name in names]
        replies = self._client.batch([{"method": "GET", "url": link, "headers": prefer} for link in links])
        found = {}
        for name, reply in zip(names, replies, strict=True):
            if reply.done:
                found[name] = self._told(reply, wanted[name])
            elif reply.status not in {GONE, NOT_FOUND, _BAD_REQUEST}:
                error = self._client.failure(reply)
                if error.kind != _FULL:
                    raise error
        return found

    def _round(self, name: str, cursor: Cursor, size: int) -> DeltaPage:
        prefer = _page_of(size)
        if cursor.link:
            if self._client.leads_here(cursor.link):
                reply = self._client.call("GET", cursor.link, prefer=prefer, accept=(GONE, NOT_FOUND, _BAD_REQUEST))
                if reply.done:
                    return self._told(reply, cursor)
                self._lose(name, cursor.link, reply)
            cursor = Cursor(passed=cursor.passed.anew())
        cursor = replace(cursor, lying="", told=())
        if not cursor.whole:
            cursor = replace(cursor, filtered=self._since is not None, seen=0)
        return self._told(self._begin(name, cursor, prefer), cursor)

    def _lose(self, name: str, link: str, reply: GraphReply) -> None:
        """Remember that a folder's sync state is lost; raise TryLater where that of the round begun for it is lost, too."""
        if name in self._lost and link in self._given:
            raise TryLater(
                f"{self._client.address}: Graph lost the sync state of a round that was just begun (HTTP {reply.status} {reply.code})",
                kind="graph_refused",
                shared=True,
            )
        self._lost.add(name)

    def _begin(self, name: str, cursor: Cursor, prefer: tuple[str, ...]) -> GraphReply:
        """Ask for a round's first page; $expand is documented for delta, sizes are not promised, so where they are refused do without."""
        accept = (_BAD_REQUEST, NOT_FOUND)
        reply = self._client.call("GET", self._first(name, cursor, SIZE), prefer=prefer, accept=accept)
        if reply.status == _BAD_REQUEST:
            reply = self._client.call("GET", self._first(name, cursor, ""), prefer=prefer, accept=(NOT_FOUND,))
        if reply.status == NOT_FOUND:
            raise self._folders.missing(name, reply.code)
        return reply

    def _first(self, name: str, cursor: Cursor, expand: str) -> str:
        options = {"changeType": "created", "$select": SELECTED}
        if expand:
            options["$expand"] = expand
        if cursor.filtered and self._since is not None:
            options["$filter"] = f"receivedDateTime ge {as_graph_writes(self._since)}"
        folder = quote(self._folders.place(name), safe="")
        return f"{self._client.user}/mailFolders/{folder}/messages/delta?{urlencode(options, safe='$,()')}"

    def _told(self, reply: GraphReply, cursor: Cursor) -> DeltaPage:
        found = reply.json()
        values, link, ended = _contents(found)
        if values is None or not link or (link == cursor.link and not ended):
            raise TryLater(
                f"{self._client.address}: Graph's delta answer lacks its messages or its link",
                kind="graph_answer",
                shared=True,
            )
        self._client.relative(link)  # raises where Graph's own answer leads elsewhere: nobody changed the profile since
        listed = rows_of(values, self._since)
        rows = tuple(sorted((row for row in listed if not _skipped(row, cursor)), key=lambda row: age(row)[0]))
        away = taken_away(values)
        seen = cursor.seen + len(values)
        over = ended and cursor.filtered and seen >= FILTER_LIMIT  # what the limit has cut off comes in a whole round
        last = ended and not over
        passed = cursor.passed.after((row.received for row in listed), ended=last)
        if over:
            return DeltaPage(rows, Cursor(whole=True, passed=passed), last=False, taken_away=away)
        self._given.add(link)
        following = Cursor(link, cursor.filtered, 0 if last else seen, passed=passed)
        return DeltaPage(rows, following, last=last, taken_away=away)

    def _plain(self, name: str, cursor: Cursor, size: int, full: MailboxBlocked) -> DeltaPage:
        """Read on from the time of receipt up to which the folder was listed; the link stays for when there is room again."""
        begin = datetime.fromisoformat(cursor.lying) if cursor.lying else self._since
        fresh, last = tuple[Row, ...](), True
        for rows, ended in lying(self._client, self._folders, name, begin, size + len(cursor.told)):
            last = ended
            fresh = tuple(
                row for row in rows if digest(row.id) not in cursor.told and not self._is_too_old(row, cursor)
            )
            newest = max((row.received for row in rows if row.received), default=None)
            if newest is not None:
                told = tuple(digest(row.id) for row in rows if row.received == newest)
                cursor = replace(cursor, lying=as_graph_writes(newest), told=told)
            if fresh:
                break
        return DeltaPage(fresh, cursor, last, full)

    def _is_too_old(self, row: Row, cursor: Cursor) -> bool:
        before = self._since is not None and row.received is not None and row.received < self._since
        return before or _skipped(row, cursor)


def _skipped(row: Row, cursor: Cursor) -> bool:
    return cursor.passed.skips(row.received)


def _page_of(size: int) -> tuple[str, ...]:
    return (f"odata.maxpagesize={size}",)


def _contents(found: JsonObject) -> tuple[list[object] | None, str, bool]:
    """Return the rows, the link, and whether it is the one of the next round."""
    values, next_link, delta_link = found.get("value"), found.get("@odata.nextLink"), found.get("@odata.deltaLink")
    link = next_link or delta_link
    return values if isinstance(values, list) else None, link if isinstance(link, str) else "", not next_link
