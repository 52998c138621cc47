"""Read one mailbox by POP3."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from email_router.core.errors import ConfigurationError, MailboxBlocked, MessageRefused, RouterError, TryLater
from email_router.core.fetched import Fetched, Inventoried, Listed, Page, Position
from email_router.core.mailbox import AfterDelivery, Authentication, own_password_mend, password_for
from email_router.edge.connect.line import READ_SECONDS
from email_router.edge.connect.pop3 import Pop3Session
from email_router.edge.connect.pop3_listing import Listing, digest, fetched, inventoried, named, over, split, vanished

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach
    from email_router.edge.connect.bearer import Bearer

_FAREWELL_SECONDS = 5.0


class Pop3Source:
    """A mailbox on a POP3 server.

    POP3 has no cursor, so the position is a set: the sorted 8-byte digests of (unique id, size) of every message read that is still listed.
    A unique id that comes back with another size is a new message; one that stands for several messages names the further ones "id#2",
    "id#3": nothing is skipped for its name.  Reading is repeatable.  Deletions are committed together, by the QUIT of the dispose() that ends
    a page (or of the next page, or of close()); if we die before, the messages are still there, and are listed again unless their page's
    position was saved.
    """

    kind = "pop3"

    def __init__(self, profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> None:
        """Take what is needed to log in; nothing is opened before it is asked for."""
        if profile.authentication not in {Authentication.CLEAR_TEXT, Authentication.OAUTH}:
            raise ConfigurationError(
                f'profile {profile.name}: authentication: POP3 logs in by "clear-text" or "oauth", not "{profile.authentication.value}"'
            )
        self._profile = profile
        self._address = mailbox.address
        self._user = profile.username or mailbox.address
        self._secret = secret
        self._reach = reach
        self._session: Pop3Session | None = None
        self._listing: Listing | None = None
        self._unfetched: set[str] = set()  # of the page being served
        self._doomed: dict[str, None] = {}  # to be deleted by the next QUIT
        self._deleted: set[str] = set()

    def has_news(self, position: Position) -> bool:
        """Compare STAT, and the last message's unique id, with the position's mark."""
        session = self._open()
        count, size = session.stat()
        if count == 0:
            return False
        known = position.mark.split(" ", 2)
        if known[:2] != [str(count), str(size)]:
            return True
        return session.unique_id(count) != known[2]

    def pages(self, position: Position, page_size: int) -> Iterator[Page]:
        """List what the position's set does not hold; an empty last page when nothing is new, for its mark.

        Only the last page's position has a mark: until it is saved, the mailbox has news.
        """
        listing = self._listed()
        mark = self._mark(listing)
        before = split(position.cursor)
        digests = {name: digest(name, size) for name, (_, size) in listing.items()}
        fresh = [name for name in listing if digests[name] not in before]
        read = sorted(before.intersection(digests.values()))
        for start in range(0, max(len(fresh), 1), page_size):
            names = fresh[start : start + page_size]
            read = sorted(read + sorted(digests[name] for name in names))
            last = start + page_size >= len(fresh)
            listed = tuple(Listed(name, listing[name][1]) for name in names)
            self._unfetched = set(names)
            self._commit()
            yield Page(listed, Position(b"".join(read), mark if last else ""), last)

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        """Retrieve in a pipeline; of a message over the limit its header block, by TOP where the server knows it.

        What is not taken stays in the line, so a whole page may be fetched at once and taken piece by piece, disposing in between.
        """
        done = 0
        while done < len(listed):
            done = yield from self._run(listed, done, limit)

    def stream(self, source_id: str) -> Iterator[bytes]:
        """Yield one message in pieces.  Raises MessageRefused "vanished" when it is no longer there."""
        found = self._listed().get(source_id)
        if found is None:
            raise MessageRefused(f"{self._address}: message {source_id} is no longer in the mailbox", kind="vanished")
        yield from self._open().pieces(found[0])

    def dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        """Delete for good, with QUIT; POP3 knows neither read marks nor folders, so every other way leaves the messages alone.

        A session that was lost in the meantime is opened anew, and the messages found by their unique ids.
        """
        if how is not AfterDelivery.DELETE:
            return
        self._doomed.update(dict.fromkeys(source_ids))
        if not self._unfetched:
            self._commit()

    def inventory(self, page_size: int) -> Iterator[Sequence[Inventoried]]:
        """List every message with its size and, from its header, its Message-ID; when it came POP3 does not tell."""
        names = list(self._listed())
        for start in range(0, len(names), page_size):
            listing = self._listed()
            wanted = {name: listing[name] for name in names[start : start + page_size] if name in listing}
            yield tuple(inventoried(self._open(), wanted))

    def set_aside(self, source_ids: Sequence[str]) -> None:
        """Do nothing: POP3 has no folders."""

    def suspects(self) -> bool:
        """Return False: a listing is always whole."""
        return False

    def position(self) -> Position | None:
        """Return None: nothing is learned from a mailbox without news."""
        return None

    def close(self) -> None:
        """End the session; never raises."""
        try:
            self._commit(_FAREWELL_SECONDS)
            if self._session is not None and self._session.idle:
                self._session.quit(_FAREWELL_SECONDS)
        except RouterError:
            pass
        finally:
            self._forget()

    def _open(self) -> Pop3Session:
        if self._session is not None and self._session.idle:
            return self._session
        self._forget()
        bearer = self._bearer()
        password = "" if bearer else password_for(self._secret, self._address)
        if not bearer and not password:
            raise MailboxBlocked(
                f"{self._address}: profile {self._profile.name} holds no password for the mailbox",
                kind="credentials",
                mend=own_password_mend(self._address),
            )
        session = Pop3Session.to(self._profile, self._reach, self._address)
        try:
            if bearer:
                session.login_with_token(self._user, bearer)
            else:
                session.login(self._user, password)
        except RouterError:
            session.drop()
            raise
        self._session = session
        return session

    def _bearer(self) -> Bearer | None:
        if self._profile.authentication is not Authentication.OAUTH:
            return None
        from email_router.edge.connect.bearer import Bearer  # noqa: PLC0415 - HTTPS, which no other POP3 mailbox needs

        return Bearer(self._profile, self._user, self._secret, self._reach, self._address)

    def _forget(self) -> None:
        if self._session is not None:
            self._session.drop()
        self._session = None
        self._listing = None

    def _listed(self) -> Listing:
        """Return number and size by name, listed once a session; names stay the same over the sessions of this object."""
        session = self._open()
        if self._listing is None:
            self._listing = named(session.listing(), self._deleted)
        return self._listing

    def _mark(self, listing: Listing) -> str:
        count, size = self._open().stat()
        last = self._open().unique_id(count) if listing and count else None
        return f"{count} {size} {last or ''}"

    def _run(self, listed: Sequence[Listed], start: int, limit: int) -> Generator[Fetched, None, int]:
        """Yield messages from `start` on, in one pipeline; return where to go on: after a refusal that means a new session."""
        listing = self._listed()
        session = self._open()
        top = "TOP" in session.capabilities()
        commands = [
            (b"TOP %d 0" if top and over(size, limit) else b"RETR %d") % number
            for number, size in (listing[each.source_id] for each in listed[start:] if each.source_id in listing)
        ]
        with closing(session.blocks(commands, limit)) as blocks:
            for index in range(start, len(listed)):
                if session is not self._session:  # something else was asked in the meantime
                    return index
                found = listing.get(listed[index].source_id)
                self._unfetched.discard(listed[index].source_id)
                if found is None:
                    yield vanished(listed[index])
                    continue
                block = next(blocks)
                if block.refusal is None:
                    whole = block.complete and not (top and over(found[1], limit))
                    yield fetched(listed[index], found[1], block, whole=whole)
                    continue
                if session.temporary(block.refusal):
                    raise session.trouble("RETR", block.refusal)
                break
            else:
                return len(listed)
        self._forget()
        yield self._refused(listed[index], block.refusal)
        return index + 1

    def _refused(self, wanted: Listed, refusal: bytes) -> Fetched:
        """Judge a message that the server listed and would not give, in a new session: gone, or unreadable itself, or all of them are.

        Raises TryLater when no message can be read.
        """
        listing = self._listed()
        found = listing.get(wanted.source_id)
        if found is None:
            return vanished(wanted)
        session = self._open()
        others = [number for name, (number, _) in listing.items() if name != wanted.source_id]
        header, *other = session.blocks(
            [b"TOP %d 0" % number for number in (found[0], *others[-1:])], self._profile.maximum_message_size
        )
        if header.refusal is None:
            return fetched(wanted, found[1], header, whole=False)
        if other and other[0].refusal is None:
            return Fetched(source_id=wanted.source_id, raw=b"", size=found[1] or 0, complete=False)
        raise session.trouble("RETR", refusal)

    def _commit(self, seconds: float = READ_SECONDS) -> None:
        """Delete for good what is doomed, in a new session where the one kept open turns out to be lost: deleting is repeatable."""
        if not self._doomed:
            return
        kept_open = self._session is not None
        try:
            self._delete(seconds)
        except TryLater:
            self._forget()
            if not kept_open:
                raise
            self._delete(seconds)
        self._deleted.update(self._doomed)
        self._doomed.clear()

    def _delete(self, seconds: float) -> None:
        """Delete what is doomed and still listed; what is gone already is no error."""
        listing = self._listed()
        numbers = [listing[name][0] for name in self._doomed if name in listing]
        if numbers:
            session = self._open()
            session.delete(numbers)
            session.quit(seconds)
            self._forget()
