"""Read one mailbox on an Exchange server (or, until it ends there, in Exchange Online) by Exchange Web Services."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from email_router.core.errors import MessageRefused
from email_router.core.fetched import Fetched, Inventoried, Listed, Page, Position
from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect.ews import EwsClient
from email_router.edge.connect.ews_errors import GONE, UNREADABLE, EwsError
from email_router.edge.connect.ews_folders import ARCHIVE, UNDELIVERABLE, made, need
from email_router.edge.connect.ews_items import dispose, header_of, move
from email_router.edge.connect.ews_sync import Changes, Cursor, Row, as_ews_has_it, read_changes
from email_router.edge.connect.passed import Passed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach

_FEW = 50
_MOST_AT_ONCE = 100
_EMPTY_PAGES = 10
_PAST_MARKS = 100  # changes asked for at least after an answer without mail: read marks and deletions are changes, too
_HEADER_END = b"\r\n\r\n"


class EwsSource:
    """The folders of a mailbox.

    The position holds a sync state for each folder, and in Exchange Online until when it was passed.  Reading is repeatable: the same state
    lists the same messages again.  Disposal is repeatable too, message by message.  A source id is the item id as
    Graph has it, which ends when the message is moved.
    """

    kind = "ews"

    def __init__(self, profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> None:
        """Take what is needed to log in; nothing is opened before it is asked for."""
        self._client = EwsClient(profile, mailbox, secret, reach)
        since = profile.process_received_after
        self._since = since.replace(tzinfo=UTC) if since and since.tzinfo is None else since
        self._names = tuple(dict.fromkeys(profile.folders)) or ("inbox",)
        self._ids: dict[str, Any] = {}
        self._rows: dict[str, Row] = {}
        self._learned: Position | None = None
        self._resumed = False

    def has_news(self, position: Position) -> bool:
        """Ask each folder for a few changes after its state: one small request, no message is read."""
        cursor = newer = self._cursor(position)
        if any(name not in cursor.states for name in self._names):
            return True
        for name in self._names:
            changes = read_changes(self._client, self._id(name), cursor.states[name], _FEW)
            if self._wanted(changes, cursor.of_folder(name)) or not changes.last:
                return True
            newer = newer.after(name, changes.state, self._passed(cursor, name, changes))
        learned = newer.position()
        self._learned = learned if learned.mark != position.mark else None
        return False

    def pages(self, position: Position, page_size: int) -> Iterator[Page]:
        """List folder after folder what came; each message once.  Of ten answers without a message one comes as a page, to be saved."""
        cursor, told, empty = self._cursor(position).only(self._names), set[str](), 0
        for name in self._names:
            last = False
            while not last:
                most = max(page_size, _PAST_MARKS) if empty else page_size
                changes = read_changes(self._client, self._id(name), cursor.states.get(name, ""), most)
                rows = [row for row in self._wanted(changes, cursor.of_folder(name)) if row.id not in told]
                cursor, last = cursor.after(name, changes.state, self._passed(cursor, name, changes)), changes.last
                told.update(row.id for row in rows)
                self._rows = {row.id: row for row in rows}
                ended, empty = last and name == self._names[-1], 0 if rows else empty + 1
                if rows or ended or empty % _EMPTY_PAGES == 0:
                    yield Page(tuple(Listed(row.id, row.size) for row in rows), cursor.position(), ended)

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        """Read one message at a time; one whose size is known to be over the limit comes as its header, its MIME unasked."""
        for one in listed:
            try:
                raw, complete = self._read(one, limit)
            except EwsError as error:
                if error.code not in GONE:
                    raise self._client.failed(error) from error
                yield Fetched(source_id=one.source_id, raw=b"", size=one.size or 0, vanished=True)
                continue
            row = self._rows.get(one.source_id)
            size = len(raw) if complete else max(one.size or 0, len(raw))
            received = row.received if row else None
            yield Fetched(source_id=one.source_id, raw=raw, size=size, complete=complete, received=received)

    def stream(self, source_id: str) -> Iterator[bytes]:
        """Yield one message in pieces.  Raises MessageRefused "vanished", or "unreadable" when Exchange cannot render it."""
        try:
            yield from self._client.mime(as_ews_has_it(source_id))
        except EwsError as error:
            if error.code in GONE:
                mend = "It was moved or deleted in the meantime."
                raise MessageRefused("the message is gone", kind="vanished", mend=mend) from error
            if error.code in UNREADABLE:
                raise MessageRefused(
                    f"Exchange cannot render this message ({error.code})", kind="unreadable"
                ) from error
            raise self._client.failed(error) from error

    def dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        """Mark as read, move to the folder "Archive" (made where it is missing), or delete (into Deleted Items)."""
        wanted = list(dict.fromkeys(map(as_ews_has_it, source_ids)))
        if how is AfterDelivery.LEAVE or not wanted:
            return
        archive = self._made(ARCHIVE) if how is AfterDelivery.MOVE else None
        for start in range(0, len(wanted), _MOST_AT_ONCE):
            dispose(self._client, wanted[start : start + _MOST_AT_ONCE], how, archive)

    def inventory(self, page_size: int) -> Iterator[Sequence[Inventoried]]:
        """List each folder by a sync from its beginning, whose state is not kept: nothing is skipped when messages go meanwhile."""
        for name in self._names:
            state, last = "", False
            while not last:
                changes = read_changes(self._client, self._id(name), state, page_size, message_ids=True)
                state, last = changes.state, changes.last
                yield tuple(Inventoried(row.id, row.message_id, row.size, row.received) for row in changes.rows)

    def suspects(self) -> bool:
        """Tell whether this is the first round after Graph, which leaves out what is old.

        Else a sync tells of every message that came, also of one that was moved away and back.
        """
        return self._resumed

    def set_aside(self, source_ids: Sequence[str]) -> None:
        """Move messages into the folder "Undeliverable", made where it is missing; one that is gone already is no error.  Repeatable."""
        if source_ids:
            move(self._client, list(dict.fromkeys(map(as_ews_has_it, source_ids))), self._made(UNDELIVERABLE))

    def position(self) -> Position | None:
        """Return the states that has_news() learned when nothing was new."""
        return self._learned

    def close(self) -> None:
        """Hang up; never raises."""
        self._client.close()

    def _cursor(self, position: Position) -> Cursor:
        """Read a position; what was passed by Graph counts where this is the same mailbox, that of Exchange Online."""
        cursor = Cursor.of(position)
        return cursor if self._client.online else Cursor(cursor.states)

    def _passed(self, cursor: Cursor, name: str, changes: Changes) -> Passed:
        before = cursor.of_folder(name)
        return (
            before.after((row.received for row in changes.rows), ended=changes.last) if self._client.online else before
        )

    def _wanted(self, changes: Changes, passed: Passed) -> list[Row]:
        """Return the messages that are neither older than the profile's date nor passed already."""
        self._resumed |= passed.resumes
        return [row for row in changes.rows if not self._is_too_old(row) and not passed.skips(row.received)]

    def _is_too_old(self, row: Row) -> bool:
        return self._since is not None and row.received is not None and row.received < self._since

    def _id(self, name: str) -> Any:  # noqa: ANN401 - lxml has no types
        if name not in self._ids:
            self._ids[name] = need(self._client, name)
        return self._ids[name]

    def _made(self, name: str) -> Any:  # noqa: ANN401 - as above
        key = f"/{name}"
        if key not in self._ids:
            self._ids[key] = made(self._client, name)
        return self._ids[key]

    def _read(self, one: Listed, limit: int) -> tuple[bytes, bool]:
        """Return a message and whether it is whole.  The size that Exchange lists is not exactly that of the MIME."""
        if one.size is not None and one.size > limit:
            header = header_of(self._client, as_ews_has_it(one.source_id))
            if header:
                return header, False
        try:
            return self._mime(one, limit)
        except EwsError as error:
            if error.code not in UNREADABLE:
                raise
            return header_of(self._client, as_ews_has_it(one.source_id)), False

    def _mime(self, one: Listed, limit: int) -> tuple[bytes, bool]:
        raw = bytearray()
        pieces = self._client.mime(as_ews_has_it(one.source_id))
        for piece in pieces:
            raw += piece
            if len(raw) > limit:
                pieces.close()  # type: ignore[attr-defined]  # a generator: hangs up
                return bytes(raw.partition(_HEADER_END)[0] + _HEADER_END), False
        return bytes(raw), True
