"""Read rounds of a delta query over the messages of one folder (learn.microsoft.com/graph/delta-query-messages)."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.fetched import Position
from email_router.edge.connect.graph_errors import GONE, NOT_FOUND

if TYPE_CHECKING:
    from email_router.edge.connect.graph import GraphClient
    from email_router.edge.connect.graph_errors import GraphReply, JsonObject

FILTER_LIMIT = 5000
"""A delta query with $filter returns no more messages than this, and does not say so."""

_SELECT = "receivedDateTime,isDraft,internetMessageId"
_SIZE = "singleValueExtendedProperties($filter=id eq 'Integer 0x0E08')"  # PidTagMessageSize
_BAD_REQUEST = 400
_WHOLE = "whole"
_FILTERED = "filtered "


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a folder has been read to: the link that Graph gave, empty before the first round.

    `filtered` tells that the round asks only for messages received since a date; `seen` counts what it has listed.  `whole` asks for a first
    round without that filter.
    """

    link: str = ""
    filtered: bool = False
    seen: int = 0
    whole: bool = False

    def position(self) -> Position:
        """Write the cursor; the link stands in the mark too, so that the mark alone finds news."""
        written = {"link": self.link, "filtered": self.filtered, "seen": self.seen, "whole": self.whole}
        mark = f"{_FILTERED}{self.link}" if self.filtered else self.link
        return Position(json.dumps(written).encode(), _WHOLE if self.whole else mark)

    @classmethod
    def of(cls, position: Position) -> Cursor:
        """Read a position, or its mark where the cursor was not loaded; what cannot be read begins anew."""
        if not position.cursor:
            link = position.mark.removeprefix(_FILTERED)
            if link == _WHOLE:
                return cls(whole=True)
            return cls(link, filtered=link != position.mark) if link.startswith(("https://", "/")) else cls()
        try:
            found = json.loads(position.cursor)
            link, seen = str(found["link"]), int(found["seen"])
            return cls(link, bool(found["filtered"]), seen, bool(found["whole"]))
        except (ValueError, KeyError, TypeError):
            return cls()


@dataclass(frozen=True, slots=True)
class Row:
    """A message as a round lists it."""

    id: str
    received: datetime | None
    message_id: str
    size: int | None


@dataclass(frozen=True, slots=True)
class DeltaPage:
    """One page: messages oldest first, and where to go on; `last` ends the round."""

    rows: tuple[Row, ...]
    following: Cursor
    last: bool


def read_page(client: GraphClient, folder: str, cursor: Cursor, size: int, since: datetime | None) -> DeltaPage:
    """Read the page at the cursor.  A sync state that Graph has lost begins a new round; the ledger absorbs what comes twice.

    Without change type "created" each read mark would list its message again; ids are the default ones, since a message that is moved out
    and back is lost to immutable ids (microsoft-graph-docs 21752).
    """
    prefer = (f"odata.maxpagesize={size}",)
    if cursor.link:
        reply = client.call("GET", cursor.link, prefer=prefer, accept=(GONE, NOT_FOUND, _BAD_REQUEST))
        if reply.status < _BAD_REQUEST:
            return _page(client, reply, cursor, since)
        cursor = Cursor()
    if not cursor.whole:
        cursor = replace(cursor, filtered=since is not None, seen=0)
    return _page(client, _begin(client, folder, cursor, since, prefer), cursor, since)


def _begin(
    client: GraphClient, folder: str, cursor: Cursor, since: datetime | None, prefer: tuple[str, ...]
) -> GraphReply:
    """Ask for a round's first page; $expand is documented for delta, sizes are not promised, so where they are refused do without."""
    accept = (_BAD_REQUEST, NOT_FOUND)
    reply = client.call("GET", _first(client, folder, cursor, since, _SIZE), prefer=prefer, accept=accept)
    if reply.status == _BAD_REQUEST:
        reply = client.call("GET", _first(client, folder, cursor, since, ""), prefer=prefer, accept=(NOT_FOUND,))
    if reply.status == NOT_FOUND:
        raise MailboxBlocked(
            f"{client.address}: the mailbox has no folder {folder} ({reply.code})",
            kind="folder_missing",
            mend="Check that the address is a mailbox's, and that somebody has opened the mailbox once.",
        )
    return reply


def _first(client: GraphClient, folder: str, cursor: Cursor, since: datetime | None, expand: str) -> str:
    options = {"changeType": "created", "$select": _SELECT}
    if expand:
        options["$expand"] = expand
    if cursor.filtered and since is not None:
        options["$filter"] = f"receivedDateTime ge {since.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}"
    return f"{client.user}/mailFolders/{folder}/messages/delta?{urlencode(options, safe='$,()')}"


def _page(client: GraphClient, reply: GraphReply, cursor: Cursor, since: datetime | None) -> DeltaPage:
    found = reply.json()
    values, next_link, delta_link = found.get("value"), found.get("@odata.nextLink"), found.get("@odata.deltaLink")
    link = next_link or delta_link
    if not isinstance(values, list) or not isinstance(link, str) or link == cursor.link == next_link:
        raise TryLater(
            f"{client.address}: Graph's delta answer lacks its messages or its link", kind="graph_answer", shared=True
        )
    rows = sorted(_rows(values, since), key=lambda row: row.received or datetime.max.replace(tzinfo=UTC))
    seen = cursor.seen + len(values)
    following = Cursor(link, cursor.filtered, seen)
    if not next_link:
        over = cursor.filtered and seen >= FILTER_LIMIT  # what the filter's limit has cut off comes in a whole round
        following = Cursor(whole=True) if over else Cursor(link, cursor.filtered)
        return DeltaPage(tuple(rows), following, last=not over)
    return DeltaPage(tuple(rows), following, last=False)


def _rows(values: list[object], since: datetime | None) -> list[Row]:
    """Return the messages worth reading, each once: nothing removed, no drafts, nothing received before the profile's date."""
    rows: dict[str, Row] = {}
    for value in values:
        if not isinstance(value, dict) or "@removed" in value or value.get("isDraft") or not value.get("id"):
            continue
        row = Row(str(value["id"]), _moment(value), str(value.get("internetMessageId") or ""), _size(value))
        if since is None or row.received is None or row.received >= since:
            rows[row.id] = row
    return list(rows.values())


def _moment(value: JsonObject) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value.get("receivedDateTime")))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _size(value: JsonObject) -> int | None:
    for one in value.get("singleValueExtendedProperties") or ():
        try:
            return int(one["value"])
        except (KeyError, TypeError, ValueError):
            continue
    return None
