"""Read one mailbox by IMAP."""

from __future__ import annotations

from datetime import UTC
from itertools import groupby
from typing import TYPE_CHECKING

from email_router.core.errors import MessageRefused, TryLater
from email_router.core.fetched import Fetched, Inventoried, Listed, Page, Position
from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect.imap_answers import Row
from email_router.edge.connect.imap_box import ImapBox
from email_router.edge.connect.imap_disposal import delete, mark_read, move
from email_router.edge.connect.imap_folders import UNDELIVERABLE, archive_of, in_own_space, trash_of
from email_router.edge.connect.imap_position import Cursor, Folder, Place, mark_of
from email_router.edge.connect.imap_reading import DESCRIBED_AT_ONCE, WHOLE, ImapReading
from email_router.edge.connect.message_ids import message_id_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach

_INBOX = "INBOX"


class ImapSource:
    """Folders of a mailbox on an IMAP server.

    The position names the UIDVALIDITY and the highest UID read of each folder; its mark is a digest of what STATUS tells.  A folder whose
    UIDVALIDITY has changed is read anew from its beginning, and the ledger knows what was delivered.  Reading is repeatable and sets no
    flag: folders are opened by EXAMINE and bodies taken by PEEK.  Disposal is repeatable; if we die in its midst, the rest stays as it is
    unless its page is listed again.  A source id is folder/UIDVALIDITY.UID.
    """

    kind = "imap"

    def __init__(self, profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> None:
        """Take what is needed to log in; nothing is opened before it is asked for."""
        self._box = ImapBox(profile, mailbox.address, secret, reach)
        named = (_INBOX if name.upper() == _INBOX else name for name in profile.folders)
        self._folders = tuple(dict.fromkeys(named)) or (_INBOX,)
        since = profile.process_received_after
        self._since = since.replace(tzinfo=UTC) if since and since.tzinfo is None else since
        self._reading = ImapReading(self._box)

    def has_news(self, position: Position) -> bool:
        """Compare the STATUS of all folders, asked in one breath, with the position's mark."""
        told = self._box.status(self._folders)
        if all(folder.messages == 0 for folder in told):
            return False
        return not position.mark or mark_of(told) != position.mark

    def pages(self, position: Position, page_size: int) -> Iterator[Page]:
        """List folder by folder what lies beyond the position, by ascending UID; an empty last page when nothing is new, for its mark.

        Only the last page's position has a mark: until it is saved, the mailbox has news.
        """
        cursor, fresh = Cursor.of(position.cursor), []
        for name in self._folders:
            folder = self._box.open(name)
            highest = cursor.highest(folder)
            cursor = cursor.at(folder, highest)
            fresh.append((folder, self._beyond(folder, highest)))
        mark = mark_of(folder for folder, _ in fresh)
        left = sum(len(uids) for _, uids in fresh)
        if not left:
            yield Page((), Position(cursor.encode(), mark), last=True)
        for folder, uids in fresh:
            for start in range(0, len(uids), page_size):
                part = uids[start : start + page_size]
                left -= len(part)
                self._describe_ahead(folder, uids, start, page_size)
                cursor = cursor.at(folder, part[-1])
                yield Page(
                    self._reading.listed(folder, part), Position(cursor.encode(), "" if left else mark), not left
                )

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        """Fetch 50 messages a command with one command ahead; of a message over the limit its header block."""
        return self._reading.fetch(listed, limit)

    def stream(self, source_id: str) -> Iterator[bytes]:
        """Yield one message in pieces.  Raises MessageRefused "vanished" when it is no longer there, "unreadable" when it is not given."""
        place = Place.of(source_id)
        if place is None or not self._box.select(place.folder, place.validity):
            raise _gone(source_id)
        session, empty = self._box.session(), True
        for piece in session.pieces(b"UID FETCH %d (UID %b)" % (place.uid, WHOLE)):
            empty = False
            yield piece
        if not empty:
            return
        row = self._box.describe([place.uid]).get(place.uid)  # a server may tell of others unasked
        if row is None:
            raise _gone(source_id)
        if row.size:
            raise MessageRefused(
                f"{session.name}: message {source_id} is listed by the server and not given", kind="unreadable"
            )

    def dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        """Mark as read, move to the archive folder, or delete for good (in Gmail: into its trash); nothing else is expunged."""
        if how is AfterDelivery.LEAVE:
            return
        for folder, uids in self._present(source_ids):
            if how is AfterDelivery.MARK_READ:
                mark_read(self._box.session(), uids)
            elif how is AfterDelivery.MOVE:
                self._move(folder, uids, self._box.once("archive", archive_of))
            elif (trash := self._box.once("trash", trash_of)) is not None:
                self._move(folder, uids, trash)
            else:
                delete(self._box.session(), uids)

    def set_aside(self, source_ids: Sequence[str]) -> None:
        """Move messages into the folder "Undeliverable", made where it is missing; one that is gone already is no error.  Repeatable."""
        for folder, uids in self._present(source_ids):
            self._move(
                folder, uids, self._box.once("undeliverable", lambda session: in_own_space(session, UNDELIVERABLE))
            )

    def inventory(self, page_size: int) -> Iterator[Sequence[Inventoried]]:
        """List folder by folder what lies there, by ascending UID, with what the server tells beside the message."""
        for name in self._folders:
            folder = self._box.open(name)
            uids = self._box.search(0, None) if folder.messages else []
            for start in range(0, len(uids), page_size):
                if not self._box.select(name, folder.validity):
                    raise TryLater(
                        f"{self._box.session().name}: {name!r} was made anew meanwhile", kind="folder_changed"
                    )
                rows = self._box.describe(uids[start : start + page_size], message_ids=True)
                yield tuple(_inventoried(folder, row) for _, row in sorted(rows.items()))

    def suspects(self) -> bool:
        """Return False: UIDs tell of every message that came."""
        return False

    def position(self) -> Position | None:
        """Return None: nothing is learned from a mailbox without news."""
        return None

    def close(self) -> None:
        """End the session; never raises."""
        self._box.close()

    def _beyond(self, folder: Folder, highest: int) -> list[int]:
        """Return the UIDs of the open folder that were not read yet, ascending; asked for only where there can be any."""
        if not folder.messages or (folder.next is not None and folder.next <= highest + 1):
            return []
        return self._box.search(highest, self._since)

    def _describe_ahead(self, folder: Folder, uids: Sequence[int], start: int, page_size: int) -> None:
        """Ask for sizes and times of receipt of several pages at once, when the first of them begins."""
        pages = max(1, DESCRIBED_AT_ONCE // page_size)
        if start // page_size % pages == 0:
            self._reading.describe(folder.name, folder.validity, uids[start : start + pages * page_size])

    def _present(self, source_ids: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
        """Yield folder and UIDs of the messages, the folder open for changes; those of a folder made anew since are gone."""
        places = sorted(
            {str(place): place for name in source_ids if (place := Place.of(name))}.values(), key=_by_folder
        )
        for (folder, validity), group in groupby(places, _folder_of):
            if self._box.select(folder, validity, write=True):
                yield folder, [place.uid for place in group]

    def _move(self, folder: str, uids: Sequence[int], target: str | None) -> None:
        """Move, but never into the folder itself: there the messages would be new ones, again and again."""
        if target is not None and target != folder:
            move(self._box.session(), uids, target)


def _inventoried(folder: Folder, row: Row) -> Inventoried:
    place = Place(folder.name, folder.validity, row.uid or 0)
    return Inventoried(str(place), message_id_in(row.body or b""), row.size, row.received)


def _folder_of(place: Place) -> tuple[str, int]:
    return place.folder, place.validity


def _by_folder(place: Place) -> tuple[str, int, int]:
    return place.folder, place.validity, place.uid


def _gone(source_id: str) -> MessageRefused:
    return MessageRefused(f"message {source_id} is no longer in the mailbox", kind="vanished")
