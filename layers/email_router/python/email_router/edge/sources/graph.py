"""Read one mailbox in Exchange Online by Microsoft Graph."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from email_router.core.errors import MailboxBlocked
from email_router.core.fetched import Fetched, Listed, Page, Position
from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect.graph import MOST_IN_BATCH, GraphClient
from email_router.edge.connect.graph_delta import Cursor, DeltaPage, Row, read_page
from email_router.edge.connect.graph_errors import NOT_FOUND, means_mailbox
from email_router.edge.connect.graph_mime import Mime, find_moved, message_path, read_mime, read_small, stream_mime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach
    from email_router.edge.connect.graph_errors import GraphReply, JsonObject

_FOLDER = "inbox"
_PEEK = 200
_LONGEST_PAGE = 500
_EMPTY_PAGES = 10
_SMALL = 128 * 1024
_SMALL_TOGETHER = 2 * 1024 * 1024
_ERROR = 400


class GraphSource:
    """The inbox of a mailbox in Exchange Online.

    The position is a delta link.  Reading is repeatable: the same link lists the same messages again.  Disposal is repeatable too, message by
    message; if we die in its midst, the rest is disposed of when the messages are listed again.  A source id is the default id under which
    the delta query listed the message; it ends when the message is moved.
    """

    kind = "graph"

    def __init__(self, profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> None:
        """Take what is needed to log in; nothing is opened before it is asked for."""
        if profile.cloud == "china" and not profile.endpoint:
            raise MailboxBlocked(
                f"{mailbox.address}: the cloud of 21Vianet has no delta query over messages",
                kind="not_available",
                mend='Use protocol = "ews" or server = "imap" for this mailbox.',
            )
        self._client = GraphClient(profile, mailbox.address, secret, reach)
        since = profile.process_received_after
        self._since = since.replace(tzinfo=UTC) if since and since.tzinfo is None else since
        self._peeked: tuple[Cursor, DeltaPage] | None = None
        self._learned: Position | None = None
        self._rows: dict[str, Row] = {}
        self._archive = "archive"
        self._batches = True

    def has_news(self, position: Position) -> bool:
        """Ask for one page at the saved link, by the mark alone if need be; pages() begins with the page that came."""
        cursor = Cursor.of(position)
        page = read_page(self._client, _FOLDER, cursor, _PEEK, self._since)
        self._peeked = cursor, page
        if page.rows or not page.last:
            return True
        newer = page.following.position()
        self._learned = newer if newer.mark != position.mark else None
        return False

    def pages(self, position: Position, page_size: int) -> Iterator[Page]:
        """List what the delta rounds tell; each message once, pages without a message mostly left out."""
        cursor, told, empty = Cursor.of(position), set[str](), 0
        while True:
            page = self._take(cursor, page_size)
            rows = [row for row in page.rows if row.id not in told]
            told.update(row.id for row in rows)
            self._rows = {row.id: row for row in rows}
            empty = 0 if rows else empty + 1
            if rows or page.last or empty >= _EMPTY_PAGES:
                yield Page(tuple(Listed(row.id, row.size) for row in rows), page.following.position(), page.last)
                empty = 0
            if page.last:
                return
            cursor = page.following

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        """Read small messages in batches and others one by one; a message that was moved in the meantime is followed by its Message-ID."""
        for group in self._groups(listed, limit):
            found = read_small(self._client, [one.source_id for one in group]) if len(group) > 1 else None
            if len(group) > 1 and found is None:
                self._batches = False
            for number, one in enumerate(group):
                mime = found[number] if found else None
                if mime is None or len(mime.raw) > limit:
                    mime = self._read(one.source_id, limit)
                yield self._fetched(one, mime)

    def stream(self, source_id: str) -> Iterator[bytes]:
        """Yield one message in pieces.  Raises MessageRefused "vanished", or "unreadable" when Exchange cannot render it."""
        yield from stream_mime(self._client, source_id)

    def dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        """Mark as read, move to the archive folder, or delete (into Deleted Items), twenty at a time."""
        if how is AfterDelivery.LEAVE:
            return
        wanted = list(dict.fromkeys(source_ids))
        for start in range(0, len(wanted), MOST_IN_BATCH):
            self._dispose(wanted[start : start + MOST_IN_BATCH], how)

    def position(self) -> Position | None:
        """Return the link that has_news() learned when nothing was new."""
        return self._learned

    def close(self) -> None:
        """Do nothing: lines and tokens are kept for the process."""

    def _take(self, cursor: Cursor, page_size: int) -> DeltaPage:
        peeked, self._peeked = self._peeked, None
        if peeked is not None and peeked[0] == cursor and len(peeked[1].rows) <= page_size:
            return peeked[1]
        return read_page(self._client, _FOLDER, cursor, min(page_size, _LONGEST_PAGE), self._since)

    def _groups(self, listed: Sequence[Listed], limit: int) -> Iterator[list[Listed]]:
        """Cut into runs that go into one batch; what is large, or of unknown size, stands alone."""
        group: list[Listed] = []
        size = 0
        for one in listed:
            small = self._batches and one.size is not None and one.size <= min(_SMALL, limit)
            if group and (not small or len(group) >= MOST_IN_BATCH or size + (one.size or 0) > _SMALL_TOGETHER):
                yield group
                group, size = [], 0
            if not small:
                yield [one]
                continue
            group.append(one)
            size += one.size or 0
        if group:
            yield group

    def _read(self, source_id: str, limit: int) -> Mime | None:
        mime = read_mime(self._client, source_id, limit)
        row = self._rows.get(source_id)
        if mime is not None or row is None:
            return mime
        moved = find_moved(self._client, row.message_id)
        return read_mime(self._client, moved, limit) if moved else None

    def _fetched(self, listed: Listed, mime: Mime | None) -> Fetched:
        row = self._rows.get(listed.source_id)
        received = row.received if row else None
        if mime is None:
            return Fetched(source_id=listed.source_id, raw=b"", size=listed.size or 0, vanished=True, received=received)
        size = len(mime.raw) if mime.complete else max(listed.size or 0, mime.size or 0, len(mime.raw))
        return Fetched(source_id=listed.source_id, raw=mime.raw, size=size, complete=mime.complete, received=received)

    def _dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        replies = self._client.batch([self._order(one, how) for one in source_ids])
        missed = [one for one, reply in zip(source_ids, replies, strict=True) if reply.status == NOT_FOUND]
        self._raise_first(replies)
        if missed and how is AfterDelivery.MOVE and self._archive_made():
            self._raise_first(self._client.batch([self._order(one, how) for one in missed]))

    def _order(self, source_id: str, how: AfterDelivery) -> JsonObject:
        path = message_path(self._client, source_id)
        if how is AfterDelivery.DELETE:
            return {"method": "DELETE", "url": path}
        if how is AfterDelivery.MARK_READ:
            return {"method": "PATCH", "url": path, "body": {"isRead": True}}
        return {"method": "POST", "url": f"{path}/move", "body": {"destinationId": self._archive}}

    def _raise_first(self, replies: Sequence[GraphReply]) -> None:
        for reply in replies:
            if reply.status >= _ERROR and (reply.status != NOT_FOUND or means_mailbox(reply)):
                raise self._client.failure(reply)

    def _archive_made(self) -> bool:
        """Find or make a folder "Archive" where the mailbox has no archive folder; True: "not found" had meant the folder."""
        folders = f"{self._client.user}/mailFolders"
        if self._client.call("GET", f"{folders}/{self._archive}", accept=(NOT_FOUND,)).status != NOT_FOUND:
            return False
        named = self._client.call("GET", f"{folders}?$filter=displayName eq 'Archive'&$select=id").json().get("value")
        made = named[0] if named else self._client.call("POST", folders, content={"displayName": "Archive"}).json()
        self._archive = str(made["id"])
        return True
