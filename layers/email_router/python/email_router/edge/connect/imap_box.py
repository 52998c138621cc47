"""Hold the session of one IMAP mailbox: logged in when it is needed, with the folder open that is asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from email_router.core.errors import ConfigurationError, MailboxBlocked, RouterError
from email_router.core.mailbox import Authentication, own_password_mend, password_for
from email_router.edge.connect.imap import ImapSession
from email_router.edge.connect.imap_answers import Row, described, number_of, row_of, tokens
from email_router.edge.connect.imap_errors import folder_refused, no_right, said
from email_router.edge.connect.imap_login import with_password, with_token
from email_router.edge.connect.imap_names import day_before, decode_utf7, folder_name, uid_set
from email_router.edge.connect.imap_position import Folder
from email_router.edge.connect.line import words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from email_router.core.mailbox import Profile
    from email_router.core.ports import Reach
    from email_router.edge.connect.bearer import Bearer

_NUMBER = rb"\* OK +\[%b (\d{1,10})\]"
_VALIDITY, _NEXT = (re.compile(_NUMBER % name, re.IGNORECASE) for name in (b"UIDVALIDITY", b"UIDNEXT"))
_EXISTS = re.compile(rb"\* (\d{1,10}) EXISTS", re.IGNORECASE)
_READ_ONLY = "READ-ONLY"


class ImapBox:
    """One mailbox.  A session that was lost, or left in the middle of an answer, is opened anew at the next question."""

    def __init__(self, profile: Profile, address: str, secret: str, reach: Reach) -> None:
        """Take what is needed to log in; nothing is opened before it is asked for."""
        if profile.authentication not in {Authentication.CLEAR_TEXT, Authentication.OAUTH}:
            raise ConfigurationError(
                f'profile {profile.name}: authentication: IMAP logs in by "clear-text" or "oauth", not "{profile.authentication.value}"'
            )
        self._profile = profile
        self._address = address
        self._user = profile.username or address
        self._password = password_for(secret, address)
        self._secret = secret
        self._reach = reach
        self._session: ImapSession | None = None
        self._selected: tuple[Folder, bool] | None = None
        self._known: dict[str, str | None] = {}

    def session(self) -> ImapSession:
        """Return the session, logged in and free to take a command."""
        if self._session is not None and self._session.idle:
            return self._session
        self._forget()
        bearer = self._bearer()
        session = ImapSession.to(self._profile, self._reach, self._address)
        try:
            if bearer is not None:
                with_token(session, self._user, bearer)
            else:
                with_password(session, self._user, self._password)
            _speak_utf8(session)
        except RouterError:
            session.drop()
            raise
        self._session = session
        return session

    def holds(self, session: ImapSession) -> bool:
        """Tell whether this is still the session in use."""
        return session is self._session

    def status(self, names: Sequence[str]) -> list[Folder]:
        """Return how the folders stand, in one exchange."""
        session = self.session()
        written = [folder_name(name, session.name, utf8=session.utf8) for name in names]
        answers = session.ask(*(b"STATUS %b (MESSAGES UIDNEXT UIDVALIDITY)" % name for name in written))
        for name, answer in zip(names, answers, strict=True):
            if not answer.ok:
                raise folder_refused(session.name, name, answer)
        told = dict(self._told(parts) for answer in answers for parts in answer.of_kind(b"STATUS"))
        return [self._as_told(name, told.get(_key(name), {})) for name in names]

    def open(self, name: str, *, write: bool = False) -> Folder:
        """Open a folder, by EXAMINE unless something is to be changed in it, and return how it stands."""
        session = self.session()
        verb = b"SELECT " if write else b"EXAMINE "
        self._selected = None
        (answer,) = session.ask(verb + folder_name(name, session.name, utf8=session.utf8))
        if not answer.ok:
            raise folder_refused(session.name, name, answer)
        if write and answer.code == _READ_ONLY:
            raise no_right(f"{session.name}: the folder {name!r} can only be read: {words(answer.words)}")
        heads = [line[0] for line in answer.lines]
        validity, upcoming, exists = (_last(pattern, heads) for pattern in (_VALIDITY, _NEXT, _EXISTS))
        folder = self._folder(name, validity, upcoming, exists or 0)
        self._selected = folder, write
        return folder

    def select(self, name: str, validity: int, *, write: bool = False) -> bool:
        """Have the folder open; False when its UIDVALIDITY is another by now, so that its UIDs name other messages."""
        self.session()
        if self._selected is None or self._selected[0].name != name or (write and not self._selected[1]):
            self.open(name, write=write)
        return self._selected is not None and self._selected[0].validity == validity

    def search(self, above: int, since: datetime | None) -> list[int]:
        """Return the UIDs above one in the open folder, ascending, received since an instant (to the day)."""
        session = self.session()
        command = b"UID SEARCH UID %d:*" % (above + 1)
        if since is not None:
            command += b" SINCE " + day_before(since)
        (answer,) = session.ask(command)
        if not answer.ok:
            raise said(session.name, "UID SEARCH", answer)
        told = (word for parts in answer.of_kind(b"SEARCH") for word in parts[0].partition(b"(")[0].split())
        # "n:*" names the last message also when its UID is below n (RFC 3501 6.4.8).
        return sorted({uid for word in told if (uid := number_of(word)) is not None and uid > above})

    def describe(self, uids: Sequence[int], *, message_ids: bool = False) -> Mapping[int, Row]:
        """Return size and time of receipt of the messages in the open folder by UID; those that are gone are absent.

        With `message_ids` each row's body is the Message-ID field of the header, as it stands.
        """
        session = self.session()
        more = b" BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]" if message_ids else b""
        (answer,) = session.ask(b"UID FETCH %b (UID RFC822.SIZE INTERNALDATE%b)" % (uid_set(uids), more))
        if not answer.ok:
            raise said(session.name, "UID FETCH of sizes", answer)
        rows = ((len(parts) == 1 and described(parts[0])) or row_of(parts) for parts in answer.lines)
        return {row.uid: row for row in rows if row is not None and row.uid is not None and row.size is not None}

    def once(self, key: str, find: Callable[[ImapSession], str | None]) -> str | None:
        """Ask for something that does not change while the mailbox is open, at most once."""
        if key not in self._known:
            self._known[key] = find(self.session())
        return self._known[key]

    def close(self) -> None:
        """End the session; never raises."""
        if self._session is not None:
            self._session.end()
        self._forget()

    def _forget(self) -> None:
        if self._session is not None:
            self._session.drop()
        self._session = None
        self._selected = None

    def _bearer(self) -> Bearer | None:
        if self._profile.authentication is Authentication.OAUTH:
            from email_router.edge.connect.bearer import Bearer  # noqa: PLC0415 - HTTPS, which no other IMAP mailbox needs

            return Bearer(self._profile, self._user, self._secret, self._reach, self._address)
        if not self._password:
            raise MailboxBlocked(
                f"{self._address}: profile {self._profile.name} holds no password for the mailbox",
                kind="credentials",
                mend=own_password_mend(self._address),
            )
        return None

    def _told(self, parts: Sequence[bytes]) -> tuple[str, dict[bytes, int | None]]:
        """Return folder and numbers of a STATUS answer."""
        told = list(tokens(parts))
        name = told[0].text.decode("utf-8", "replace") if told else ""
        inside = [token.text for token in told[2:-1]]  # between the parentheses
        numbers = {key.upper(): number_of(value) for key, value in zip(inside[::2], inside[1::2], strict=False)}
        return _key(name if self.session().utf8 else decode_utf7(name)), numbers

    def _as_told(self, name: str, told: Mapping[bytes, int | None]) -> Folder:
        messages = told.get(b"MESSAGES")
        return self._folder(name, told.get(b"UIDVALIDITY"), told.get(b"UIDNEXT"), 1 if messages is None else messages)

    def _folder(self, name: str, validity: int | None, upcoming: int | None, messages: int) -> Folder:
        if validity is None:
            raise MailboxBlocked(
                f"{self._address}: the server keeps no UIDs for the folder {name!r} (it tells no UIDVALIDITY)",
                kind="uids_not_kept",
                mend="Use another folder or server: without lasting UIDs messages cannot be told apart.",
            )
        return Folder(name, validity, upcoming, messages)


def _speak_utf8(session: ImapSession) -> None:
    """Switch to UTF-8 where the server can (RFC 6855): names as they are, and mails with UTF-8 headers not downgraded."""
    names = session.capabilities()
    if "ENABLE" in names and names & {"UTF8=ACCEPT", "UTF8=ONLY"}:
        (answer,) = session.ask(b"ENABLE UTF8=ACCEPT")
        told = b" ".join(parts[0] for parts in answer.of_kind(b"ENABLED")).upper()
        session.utf8 = b"UTF8=" in told


def _key(name: str) -> str:
    """Return what a folder's name is compared by: INBOX alone is written in any case."""
    return "INBOX" if name.upper() == "INBOX" else name


def _last(pattern: re.Pattern[bytes], lines: Sequence[bytes]) -> int | None:
    found = [match for line in lines if (match := pattern.match(line))]
    return int(found[-1][1]) if found else None
