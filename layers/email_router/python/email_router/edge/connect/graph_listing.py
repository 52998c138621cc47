"""List what lies in a folder now, without a delta query: by time of receipt, so that what leaves meanwhile moves nothing out of sight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from email_router.edge.connect.graph_errors import NOT_FOUND
from email_router.edge.connect.graph_reading import next_link, strange
from email_router.edge.connect.graph_rows import SELECTED, SIZE, Row, age, as_graph_writes, moment_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from email_router.edge.connect.graph import GraphClient
    from email_router.edge.connect.graph_folders import Folders

MOST_IN_PAGE = 1000
"""The largest $top that Graph takes for messages."""

MOST_LINKS = 50
"""How many links are followed on end: 50,000 messages of one second, or so many pages without any."""

_MOST_ROUNDS = 5
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
        if link and reached is None:
            raise strange(client.address, "a page of messages without a time of receipt, and a link to more")
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
    """List everything received within one second, again until nothing new comes: within it there is no other way on than Graph's links.

    Raises TryLater where that does not end.
    """
    found: dict[str, Row] = {}
    for _ in range(_MOST_ROUNDS):
        before = len(found)
        condition = f"{_condition(moment)} and receivedDateTime lt {as_graph_writes(moment + timedelta(seconds=1))}"
        values, link = _page(client, folders, name, condition, MOST_IN_PAGE)
        found.update((row.id, row) for row in rows_of(values))
        paged = bool(link)
        for _ in range(MOST_LINKS if link else 0):
            values, link = _linked(client, link)
            found.update((row.id, row) for row in rows_of(values))
            if not link:
                break
        if not paged or (not link and len(found) == before):
            return tuple(sorted(found.values(), key=age))
        if link:
            break
    raise strange(client.address, "more and more messages received within one second")


def _linked(client: GraphClient, link: str) -> tuple[list[dict[str, object]], str]:
    reply = client.call("GET", link)
    return reply.rows(), next_link(reply.json(), client.address)


def _page(
    client: GraphClient, folders: Folders, name: str, condition: str, most: int
) -> tuple[list[dict[str, object]], str]:
    """Ask for one page, without sizes where these are refused; return its rows and the link that tells that there are more.

    A page without a row that has more behind it is passed over: Graph gives such.
    """
    options = {"$filter": condition, "$orderby": "receivedDateTime", "$select": SELECTED, "$top": str(most)}
    path = f"{client.user}/mailFolders/{quote(folders.place(name), safe='')}/messages"
    accept = (_BAD_REQUEST, NOT_FOUND)
    asked = f"{path}?{urlencode({**options, '$expand': SIZE}, safe='$,()')}"
    reply = client.call("GET", asked, accept=accept)
    if reply.status == _BAD_REQUEST:
        reply = client.call("GET", f"{path}?{urlencode(options, safe='$,()')}", accept=(NOT_FOUND,))
    if reply.status == NOT_FOUND:
        raise folders.missing(name, reply.code)
    values, link = reply.rows(), next_link(reply.json(), client.address)
    for _ in range(MOST_LINKS):
        if values or not link:
            break
        values, link = _linked(client, link)
    return values, link


def _condition(begin: datetime) -> str:
    return f"receivedDateTime ge {as_graph_writes(begin)}"


def _last_moment(values: list[dict[str, object]]) -> datetime | None:
    """Return the time of receipt of the last row, drafts included: Graph's order is by it."""
    return max((moment for value in values if (moment := moment_of(value)) is not None), default=None)
