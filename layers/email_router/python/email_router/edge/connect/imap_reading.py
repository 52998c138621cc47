"""Read messages of an IMAP mailbox: what the server tells of them, and they themselves, many a command."""

from __future__ import annotations

from contextlib import closing
from itertools import groupby
from typing import TYPE_CHECKING

from email_router.core.errors import TryLater
from email_router.core.fetched import Fetched, Listed
from email_router.edge.connect.imap_answers import Answer, Row
from email_router.edge.connect.imap_errors import said
from email_router.edge.connect.imap_names import uid_set
from email_router.edge.connect.imap_position import Folder, Place

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from email_router.edge.connect.imap_box import ImapBox

DESCRIBED_AT_ONCE = 480
_FETCHED_AT_ONCE = 50
WHOLE, _HEADER = b"BODY.PEEK[]", b"BODY.PEEK[HEADER]<0.1048576>"


class ImapReading:
    """Reads for one source: remembers what was told last of a folder's messages."""

    def __init__(self, box: ImapBox) -> None:
        self._box = box
        self._described = ("", 0)
        self._rows: Mapping[int, Row] = {}
        self._sizes_are_estimates = False

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

    def describe(self, folder: str, validity: int, uids: Sequence[int]) -> None:
        """Ask for sizes and times of receipt.  Raises TryLater when the folder was made anew meanwhile."""
        if not self._box.select(folder, validity):
            raise TryLater(f"{self._box.session().name}: {folder!r} was made anew meanwhile", kind="folder_changed")
        rows: dict[int, Row] = {}
        for start in range(0, len(uids), DESCRIBED_AT_ONCE):
            rows.update(self._box.describe(uids[start : start + DESCRIBED_AT_ONCE]))
        self._described, self._rows = (folder, validity), rows

    def listed(self, folder: Folder, uids: Sequence[int]) -> tuple[Listed, ...]:
        """Return those of the messages described last that are there."""
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
            self.describe(place.folder, place.validity, sorted({each.uid for _, each in wanted[start:]}))
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
                commands.append(b"UID FETCH %b (UID %b)" % (uids, WHOLE if whole else _HEADER))
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
        body = _HEADER if self._is_over(place.uid, limit) else WHOLE
        this = b"UID FETCH %d" % place.uid
        row, answer = self._alone(this, body, limit)
        if row is not None:
            if not self._is_whole(place.uid, row, limit):
                self._compare(one, earlier or self._alone(this, body, limit)[0], row)
            return self._fetched(one, place.uid, row, limit)
        header = self._alone(this, _HEADER, limit)[0] if body is WHOLE else None
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


def _vanished(listed: Listed) -> Fetched:
    return Fetched(source_id=listed.source_id, raw=b"", size=listed.size or 0, vanished=True)
