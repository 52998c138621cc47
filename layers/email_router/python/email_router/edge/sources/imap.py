"""Read one mailbox by IMAP."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC
from itertools import groupby
from typing import TYPE_CHECKING

from email_router.core.errors import MessageRefused, TryLater
from email_router.core.fetched import Fetched, Listed, Page, Position
from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect.imap_answers import Answer, Row
from email_router.edge.connect.imap_box import ImapBox
from email_router.edge.connect.imap_disposal import delete, mark_read, move
from email_router.edge.connect.imap_errors import said
from email_router.edge.connect.imap_folders import UNDELIVERABLE, archive_of, in_own_space, trash_of
from email_router.edge.connect.imap_names import uid_set
from email_router.edge.connect.imap_position import Cursor, Folder, Place, mark_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach

_DESCRIBED_AT_ONCE = 480
_FETCHED_AT_ONCE = 50
_INBOX = "INBOX"
_WHOLE, _HEADER = b"BODY.PEEK[]", b"BODY.PEEK[HEADER]<0.1048576>"


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
        self._described = (_INBOX, 0)
        self._rows: Mapping[int, Row] = {}
        self._sizes_are_estimates = False

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
                yield Page(self._listed(folder, part), Position(cursor.encode(), "" if left else mark), not left)

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        """Fetch 50 messages a command with one command ahead; of a message over the limit its header block."""
        places = ((one, Place.of(one.source_id)) for one in listed)
        for where, group in groupby(places, lambda pair: pair[1] and (pair[1].folder, pair[1].validity)):
            if where is None:  # the id of another source: the mailbox was moved from there
                yield from (_vanished(one) for one, _ in group)
                continue
            wanted = [(one, place) for one, place in group if place is not None]
            done = 0
            while done < len(wanted):
                done = yield from self._run(wanted, done, limit)

    def stream(self, source_id: str) -> Iterator[bytes]:
        """Yield one message in pieces.  Raises MessageRefused "vanished" when it is no longer there, "unreadable" when it is not given."""
        place = Place.of(source_id)
        if place is None or not self._box.select(place.folder, place.validity):
            raise _gone(source_id)
        session, empty = self._box.session(), True
        for piece in session.pieces(b"UID FETCH %d (UID %b)" % (place.uid, _WHOLE)):
            empty = False
            yield piece
        if not empty:
            return
        (size,) = [row.size for row in self._box.describe([place.uid]).values()] or [None]
        if size is None:
            raise _gone(source_id)
        if size:
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
        pages = max(1, _DESCRIBED_AT_ONCE // page_size)
        if start // page_size % pages == 0:
            self._describe(folder.name, folder.validity, uids[start : start + pages * page_size])

    def _describe(self, folder: str, validity: int, uids: Sequence[int]) -> None:
        if not self._box.select(folder, validity):
            raise TryLater(f"{self._box.session().name}: {folder!r} was made anew meanwhile", kind="folder_changed")
        rows: dict[int, Row] = {}
        for start in range(0, len(uids), _DESCRIBED_AT_ONCE):
            rows.update(self._box.describe(uids[start : start + _DESCRIBED_AT_ONCE]))
        self._described, self._rows = (folder, validity), rows

    def _listed(self, folder: Folder, uids: Sequence[int]) -> tuple[Listed, ...]:
        rows = self._rows
        return tuple(
            Listed(str(Place(folder.name, folder.validity, uid)), rows[uid].size) for uid in uids if uid in rows
        )

    def _run(self, wanted: Sequence[tuple[Listed, Place]], start: int, limit: int) -> Generator[Fetched, None, int]:
        """Yield messages of one folder from `start` on; return where to go on: in a new session, or after one that did not come."""
        place = wanted[start][1]
        if not self._box.select(place.folder, place.validity):
            yield from (_vanished(one) for one, _ in wanted[start:])
            return len(wanted)
        if self._described != (place.folder, place.validity) or any(
            each.uid not in self._rows for _, each in wanted[start:]
        ):
            self._describe(place.folder, place.validity, sorted({each.uid for _, each in wanted[start:]}))
        session, at, came, end = self._box.session(), start, dict[int, Row](), start
        commands, ends = self._commands(wanted, start, limit)
        with closing(session.fetch(commands, limit)) as events:
            for event in events:
                if isinstance(event, Answer):
                    self._heed(event)
                    if at < (end := ends[event.command]):
                        break
                    continue
                came[event.uid or 0] = event
                while at < len(wanted) and self._is_whole(uid := wanted[at][1].uid, came.get(uid), limit):
                    yield self._fetched(wanted[at][0], uid, came.pop(uid), limit)
                    at += 1
                    if not self._box.holds(session):  # something else was asked in the meantime
                        return at
        for one, place in wanted[at:end]:
            row = came.get(place.uid)
            if row is not None and self._is_whole(place.uid, row, limit):
                yield self._fetched(one, place.uid, row, limit)
            else:
                yield self._looked_into(one, place, row, limit)
        return max(at, end)

    def _commands(
        self, wanted: Sequence[tuple[Listed, Place]], start: int, limit: int
    ) -> tuple[list[bytes], list[int]]:
        """Return the commands that fetch the messages from `start` on, and where in the list each one's messages end."""
        commands: list[bytes] = []
        ends: list[int] = []
        for whole, run in groupby(wanted[start:], lambda pair: not self._is_over(pair[1].uid, limit)):
            places = [place for _, place in run]
            for at in range(0, len(places), _FETCHED_AT_ONCE):
                some = places[at : at + _FETCHED_AT_ONCE]
                uids = uid_set(place.uid for place in some)
                commands.append(b"UID FETCH %b (UID %b)" % (uids, _WHOLE if whole else _HEADER))
                ends.append((ends[-1] if ends else start) + len(some))
        return commands, ends

    def _is_over(self, uid: int, limit: int) -> bool:
        row = self._rows.get(uid)
        return row is not None and row.size is not None and row.size > limit

    def _is_whole(self, uid: int, row: Row | None, limit: int) -> bool:
        """Tell whether what came is as long as the server said, where its sizes are no estimates (as Exchange's may be)."""
        if row is None:
            return False
        told = self._rows.get(uid)
        if self._sizes_are_estimates or told is None or told.size is None or told.size > limit:
            return True
        return (row.size or 0) >= told.size

    def _fetched(self, one: Listed, uid: int, row: Row, limit: int) -> Fetched:
        told = self._rows.get(uid)
        size = max(row.size or 0, (told and told.size) or 0) if self._is_over(uid, limit) else row.size or 0
        return Fetched(
            source_id=one.source_id,
            raw=row.body or b"",
            size=size,
            complete=size <= limit,
            received=told.received if told else None,
        )

    def _looked_into(self, one: Listed, place: Place, earlier: Row | None, limit: int) -> Fetched:
        """Judge a message that did not come as it was announced: gone, or to be had alone, or its header, or nothing of it.

        Raises TryLater when no message can be read.
        """
        if not self._box.select(place.folder, place.validity) or place.uid not in (
            told := self._box.describe([place.uid])
        ):
            return _vanished(one)
        self._rows = {**self._rows, **told}
        body = _HEADER if self._is_over(place.uid, limit) else _WHOLE
        this = b"UID FETCH %d" % place.uid
        row, answer = self._alone(this, body, limit)
        if row is not None:
            if not self._is_whole(place.uid, row, limit):
                self._compare(one, earlier or self._alone(this, body, limit)[0], row)
            return self._fetched(one, place.uid, row, limit)
        header = self._alone(this, _HEADER, limit)[0] if body is _WHOLE else None
        others = (self._alone(other, _HEADER, limit)[0] for other in (b"UID FETCH *", b"FETCH 1"))
        if header is None and not any(others):
            raise said(self._box.session().name, "UID FETCH", answer)
        size, received = told[place.uid].size or 0, told[place.uid].received
        raw = (header.body or b"") if header else b""
        return Fetched(source_id=one.source_id, raw=raw, size=size, complete=False, received=received)

    def _alone(self, fetch: bytes, body: bytes, limit: int) -> tuple[Row | None, Answer]:
        """Fetch one message; None where the server does not give it."""
        *rows, answer = self._box.session().fetch([b"%b (UID %b)" % (fetch, body)], limit)
        assert isinstance(answer, Answer)  # noqa: S101 - what ends every command
        self._heed(answer)
        return next((row for row in rows if isinstance(row, Row)), None), answer

    def _heed(self, answer: Answer) -> None:
        """Raise what concerns more than one message: the server is in trouble, or the account has no right to read."""
        if (
            not answer.ok
            and (trouble := said(self._box.session().name, "UID FETCH", answer)).kind != "unexpected_answer"
        ):
            raise trouble

    def _compare(self, one: Listed, earlier: Row | None, row: Row) -> None:
        """Take the same bytes twice for the whole message, whose size was an estimate.  Raises TryLater when they differ."""
        if earlier is None or earlier.body != row.body:
            raise TryLater(
                f"{self._box.session().name}: message {one.source_id} came shorter than the server says, each time in another length",
                kind="unexpected_answer",
            )
        self._sizes_are_estimates = True

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


def _folder_of(place: Place) -> tuple[str, int]:
    return place.folder, place.validity


def _by_folder(place: Place) -> tuple[str, int, int]:
    return place.folder, place.validity, place.uid


def _vanished(listed: Listed) -> Fetched:
    return Fetched(source_id=listed.source_id, raw=b"", size=listed.size or 0, vanished=True)


def _gone(source_id: str) -> MessageRefused:
    return MessageRefused(f"message {source_id} is no longer in the mailbox", kind="vanished")
