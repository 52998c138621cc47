"""List what lies in a folder now, without a delta query: by time of receipt, so that what leaves meanwhile moves nothing out of sight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from email_router.edge.connect.graph_errors import NOT_FOUND
from email_router.edge.connect.graph_rows import SELECTED, SIZE, Row, age, as_graph_writes, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from email_router.edge.connect.graph import GraphClient
    from email_router.edge.connect.graph_folders import Folders

MOST_IN_PAGE = 1000
"""The largest $top that Graph takes for messages."""

_BAD_REQUEST = 400
_FIRST = datetime(1900, 1, 1, tzinfo=UTC)


def lying(
    client: GraphClient, folders: Folders, name: str, since: datetime | None, size: int
) -> Iterator[tuple[tuple[Row, ...], bool]]:
    """Yield the messages of a folder by time of receipt and id, and with each page whether it is the last.

    Each page is asked for by the time that the one before had reached, never by $skip, which passes over as many messages as were removed
    meanwhile.  Exchange orders by fractions of a second that Graph does not show, so a page ends before its last second, which the next one
    lists whole; a second that holds more than a page is listed on its own.
    """
    begin, most = since or _FIRST, min(max(size, 1), MOST_IN_PAGE)
    while True:
        values, link = _page(client, folders, name, _condition(begin), most)
        rows = sorted(rows_of(values), key=age)
        reached = _last_moment(values)
        if not link or reached is None:
            yield tuple(rows), True
            return
        done = tuple(row for row in rows if row.received is None or row.received < reached)
        if reached > begin:
            begin = reached
            yield done, False
            continue
        yield _second(client, folders, name, reached), False
        begin = reached + timedelta(seconds=1)


def _second(client: GraphClient, folders: Folders, name: str, moment: datetime) -> tuple[Row, ...]:
    """List everything received within one second, again until nothing new comes: within it there is no other way on than Graph's links."""
    found: dict[str, Row] = {}
    while True:
        before = len(found)
        condition = f"{_condition(moment)} and receivedDateTime lt {as_graph_writes(moment + timedelta(seconds=1))}"
        values, link = _page(client, folders, name, condition, MOST_IN_PAGE)
        found.update((row.id, row) for row in rows_of(values))
        paged = bool(link)
        while link:
            answer = client.call("GET", link).json()
            link = str(answer.get("@odata.nextLink") or "")
            found.update((row.id, row) for row in rows_of(answer.get("value") or ()))
        if not paged or len(found) == before:
            return tuple(sorted(found.values(), key=age))


def _page(
    client: GraphClient, folders: Folders, name: str, condition: str, most: int
) -> tuple[list[dict[str, object]], str]:
    """Ask for one page, without sizes where these are refused; return its rows and the link that tells that there are more."""
    options = {"$filter": condition, "$orderby": "receivedDateTime", "$select": SELECTED, "$top": str(most)}
    path = f"{client.user}/mailFolders/{quote(folders.place(name), safe='')}/messages"
    accept = (_BAD_REQUEST, NOT_FOUND)
    asked = f"{path}?{urlencode({**options, '$expand': SIZE}, safe='$,()')}"
    reply = client.call("GET", asked, accept=accept)
    if reply.status == _BAD_REQUEST:
        reply = client.call("GET", f"{path}?{urlencode(options, safe='$,()')}", accept=(NOT_FOUND,))
    if reply.status == NOT_FOUND:
        raise folders.missing(name, reply.code)
    found = reply.json()
    return list(found.get("value") or ()), str(found.get("@odata.nextLink") or "")


def _condition(begin: datetime) -> str:
    return f"receivedDateTime ge {as_graph_writes(begin)}"


def _last_moment(values: list[dict[str, object]]) -> datetime | None:
    """Return the time of receipt of the last row, drafts included: Graph's order is by it."""
    moments = [str(value["receivedDateTime"]) for value in values if value.get("receivedDateTime")]
    return datetime.fromisoformat(max(moments)) if moments else None
