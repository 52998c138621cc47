"""Read one mailbox in Exchange Online by Microsoft Graph."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from email_router.core.errors import MailboxBlocked
from email_router.core.fetched import Fetched, Inventoried, Listed, Page, Position
from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect.graph import GraphClient
from email_router.edge.connect.graph_delta import DeltaPage, DeltaRounds
from email_router.edge.connect.graph_disposal import Disposal
from email_router.edge.connect.graph_fetch import Reader
from email_router.edge.connect.graph_folders import Folders, folder_key
from email_router.edge.connect.graph_listing import lying
from email_router.edge.connect.graph_mime import stream_mime
from email_router.edge.connect.graph_position import INBOX, Cursor, Cursors
from email_router.edge.connect.graph_reading import reading
from email_router.edge.connect.graph_rows import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach

_PEEK = 200
_LONGEST_PAGE = 500
_EMPTY_PAGES = 10
_MOST_HANDLED = 1000
_TAKES_OUT = frozenset({AfterDelivery.MOVE, AfterDelivery.DELETE})


class GraphSource:
    """Folders of a mailbox in Exchange Online.

    The position is a delta link for each folder.  Reading is repeatable: the same links list the same messages again.  Disposal is repeatable
    too, message by message; if we die in its midst, the rest is disposed of when the messages are listed again.  A source id is the id under
    which the delta query listed the message: the default one, which ends when the message is moved, or with `immutable_ids` the immutable
    one (why: graph_ids).
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
        self._client = GraphClient(profile, mailbox.address, secret, reach, immutable=profile.immutable_ids)
        self._names = tuple(dict.fromkeys(folder_key(name) for name in profile.folders)) or (INBOX,)
        self._folders = Folders(self._client)
        since = profile.process_received_after
        since = since.replace(tzinfo=UTC) if since and since.tzinfo is None else since
        self._rounds = DeltaRounds(self._client, self._folders, since)
        self._reader = Reader(self._client)
        self._disposal = Disposal(self._client, self._folders)
        self._peeked: dict[str, tuple[Cursor, DeltaPage]] = {}
        self._learned: Position | None = None
        self._suspects = False
        takes_out = mailbox.after_delivery in _TAKES_OUT or profile.move_undelivered
        self._doubts = profile.immutable_ids  # under default ids what is moved back is told anew
        self._remembers = self._doubts and takes_out

    def has_news(self, position: Position) -> bool:
        """Ask for one page of each folder at the saved links, by the mark alone if there is one: one request, for several folders a batch.

        pages() begins with the pages that came.  Raises MailboxBlocked "mailbox_full" when the mailbox is over its quota and holds no news.
        """
        with reading(self._client.address):
            return self._has_news(position)

    def _has_news(self, position: Position) -> bool:
        read = Cursors.of_mark(position.mark) if position.mark else Cursors.of(position)
        cursors = {name: read.of_folder(name) for name in self._names}
        pages = self._rounds.pages(cursors, _PEEK)
        self._peeked = {name: (cursors[name], page) for name, page in pages.items()}
        resumes = any(
            cursor.passed.resumes for cursor in cursors.values()
        )  # a round that the pass must end, news or not
        if resumes or any(page.rows or not page.last for page in pages.values()):
            return True
        for page in pages.values():
            if page.full is not None:
                raise page.full
        if self._doubts and any(page.taken_away for page in pages.values()):
            self._suspects = not self._remembers
            return (
                self._remembers
            )  # the mark does not tell whether it was the router itself: pages() has the whole position
        newer = Cursors({name: page.following for name, page in pages.items()}).position()
        self._learned = newer if newer.mark != position.mark else None
        return False

    def pages(self, position: Position, page_size: int) -> Iterator[Page]:
        """List folder after folder what the delta rounds tell; each message once, pages without a message mostly left out.

        Over quota the messages that lie there are listed first; then MailboxBlocked "mailbox_full" is raised, for somebody to make room.
        """
        with reading(self._client.address):
            yield from self._pages(position, page_size)

    def _pages(self, position: Position, page_size: int) -> Iterator[Page]:
        cursors, told, full, empty = Cursors.of(position).only(self._names), set[str](), None, 0
        for name in self._names:
            ended = False
            while not ended:
                page = self._take(name, cursors.of_folder(name), page_size)
                cursors, full = cursors.at(name, page.following), full or page.full
                rows = [row for row in page.rows if row.id not in told]
                told.update(row.id for row in rows)
                self._reader.listed(rows)
                self._disposal.listed(row.id for row in rows)
                ended, last = page.last, page.last and name == self._names[-1]
                empty = 0 if rows else empty + 1
                if rows or last or empty >= _EMPTY_PAGES:
                    yield Page(tuple(Listed(row.id, row.size) for row in rows), cursors.position(), last)
                    empty = 0
        if full is not None:
            raise full

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        """Read messages up to 1 MB in batches and others one by one; a message that was moved in the meantime is followed."""
        with reading(self._client.address):
            yield from self._reader.fetch(listed, limit)

    def stream(self, source_id: str) -> Iterator[bytes]:
        """Yield one message in pieces.  Raises MessageRefused "vanished", or "unreadable" when Exchange cannot render it."""
        with reading(self._client.address):
            yield from stream_mime(self._client, source_id)

    def dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        """Mark as read, move to the archive folder, or delete (into Deleted Items), twenty at a time."""
        with reading(self._client.address):
            self._disposal.dispose(source_ids, how)

    def set_aside(self, source_ids: Sequence[str]) -> None:
        """Move messages into the folder "Undeliverable", made where it is missing; one that is gone already is no error.  Repeatable."""
        with reading(self._client.address):
            self._disposal.set_aside(source_ids)

    def inventory(self, page_size: int) -> Iterator[Sequence[Inventoried]]:
        """List every message that lies in the folders now, by time of receipt; without the drafts, which pages() leaves alone too."""
        with reading(self._client.address):
            for name in self._names:
                for rows, _ in lying(self._client, self._folders, name, None, page_size):
                    if rows:
                        yield tuple(Inventoried(row.id, row.message_id or None, row.size, row.received) for row in rows)

    def suspects(self) -> bool:
        """Tell whether Graph told of a message that left a folder for another: with immutable ids it is not told when it comes back.

        Of those that the router itself takes out nobody doubts (the last thousand listed are known again); nor of any under default ids.
        The first round after EWS is doubted, too: it leaves out what is old.
        """
        return self._suspects

    def position(self) -> Position | None:
        """Return the links that has_news() learned when nothing was new."""
        return self._learned

    def close(self) -> None:
        """Do nothing: lines and tokens are kept for the process."""

    def _take(self, name: str, cursor: Cursor, page_size: int) -> DeltaPage:
        peeked = self._peeked.pop(name, None)
        if peeked is not None and peeked[0] == replace(cursor, handled=()) and len(peeked[1].rows) <= page_size:
            page = peeked[1]
        else:
            page = self._rounds.page(name, cursor, min(page_size, _LONGEST_PAGE))
        away = any(digest(one) not in cursor.handled for one in page.taken_away)
        self._suspects |= (self._doubts and away) or cursor.passed.resumes
        if not self._remembers:
            return page
        handled = (*cursor.handled, *(digest(row.id) for row in page.rows))
        return replace(page, following=replace(page.following, handled=handled[-_MOST_HANDLED:]))
