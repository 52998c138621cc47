"""Speak IMAP (RFC 3501, 9051): connect, ask many things in one breath, fetch messages with one command ahead."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING

from email_router.core.errors import RouterError, TryLater
from email_router.core.mailbox import Security
from email_router.edge.connect.imap_answers import LITERAL, STATUS, Answer, Row, code_of, row_of
from email_router.edge.connect.imap_errors import farewell, greeting
from email_router.edge.connect.line import Line, words
from email_router.edge.connect.opening import no_starttls, opening

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from email_router.core.mailbox import Profile
    from email_router.core.ports import Reach

IMAP_PORT, IMAPS_PORT = 143, 993

_LONGEST_LINE = 64 * 1024 * 1024  # one SEARCH answer names every message: 8 bytes each
_LARGEST_STRING = 64 * 1024
_LARGEST_BODY = 4 * 1024**3
_LARGEST_HEADER = 1024 * 1024
_FETCHED = re.compile(rb"\* \d+ FETCH \(", re.IGNORECASE)
# The common case of a body, taken with one look; any other order of attributes goes through row_of().
_BODY = re.compile(rb"\* \d+ FETCH \(UID (\d{1,10}) BODY\[[A-Z]*\](?:<0>)? \{(\d{1,19})\}$")


class ImapSession:
    """One session.  Whatever is refused leaves it usable; whatever breaks it closes its line."""

    def __init__(self, line: Line) -> None:
        """Take over a line that is not yet greeted."""
        self._line = line
        self._number = 0
        self._pending: list[bytes] = []
        self._flood = 0
        self._capabilities: frozenset[str] | None = None
        self.utf8 = False

    @classmethod
    def to(cls, profile: Profile, reach: Reach, address: str) -> ImapSession:
        """Connect, read the greeting, start TLS where the profile says STARTTLS: the server refusing it ends the session."""
        port = IMAPS_PORT if profile.security is Security.TLS else IMAP_PORT
        session = cls(Line.to(profile, reach, address, port))
        with opening(session._line):
            session._greet(profile)
        return session

    @property
    def name(self) -> str:
        """Who is served and where, for errors."""
        return self._line.name

    @property
    def idle(self) -> bool:
        """Tell whether the session can take another command: the line stands, and no answer is on its way."""
        return self._line.open and not self._pending

    def tell_login(self, words: str) -> None:
        """Tell the witness, if there is one, who has logged in and how."""
        self._line.tell_login(words)

    def capabilities(self) -> frozenset[str]:
        """Return the server's capabilities in capitals, asked for where it has not told them since TLS or the login began."""
        if self._capabilities is None:
            (answer,) = self.ask(b"CAPABILITY")
            lines = b" ".join(line[0] for line in answer.of_kind(b"CAPABILITY"))
            self._note_capabilities(lines)
        return self._capabilities or frozenset()

    def forget_capabilities(self) -> None:
        """Ask anew before the next use: what was said before the login need not hold after it (RFC 3501 6.2.2)."""
        self._capabilities = None

    def ask(self, *commands: bytes) -> list[Answer]:
        """Send commands in one breath and return their answers in the commands' order, refusals included.

        Which command an untagged answer is for can only be told from what it says.
        """
        tags = [self._send(command) for command in commands]
        return sorted((self._answer(tags) for _ in tags), key=attrgetter("command"))

    def converse(self, command: bytes, replies: Sequence[bytes]) -> Answer:
        """Send a command and, each time the server asks for more, the next of the replies; after the last a cancelling "*"."""
        tags = [self._send(command)]
        left = list(replies)
        for _ in range(len(left) + 10):
            answer = self._answer(tags, conversing=True)
            if answer.status != b"+":
                return answer
            self._line.send((left.pop(0) if left else b"*") + b"\r\n")
        raise self._broken(b"a conversation without end")

    def fetch(self, commands: Sequence[bytes], limit: int) -> Generator[Row | Answer, None, None]:
        """Yield messages as they come, and each command's answer; two commands are under way at a time.

        Messages of the second may come before the answer to the first, as from Dovecot, which works on both.
        A body over `limit` comes as its header block, with `size` set to what the server announced; left early, the session is dropped.
        """
        tags: list[bytes] = []
        try:
            while len(tags) < len(commands) or self._pending:
                while len(tags) < len(commands) and len(self._pending) < 2:  # noqa: PLR2004 - the one that is read and the one ahead
                    tags.append(self._send(commands[len(tags)]))
                yield from self._bodies(tags, limit)
        finally:
            if self._pending:
                self.drop()

    def pieces(self, command: bytes) -> Iterator[bytes]:
        """Yield the body of the one message that the command fetches, in pieces; nothing when there is none.  Left early, dropped."""
        tags = [self._send(command)]
        try:
            while True:
                text = self._read_text()
                if self._ending(tags, text) is not None:
                    return
                found = LITERAL.search(text)
                if found and _FETCHED.match(text) and b"BODY[" in text.upper():
                    yield from self._line.exactly(self._allowed(int(found[1]), _LARGEST_BODY))
                    if not self._rest_of(text := self._line.read_line())[-1].endswith(b")"):
                        raise self._broken(text)
                elif (row := row_of(self._rest_of(text))) is not None and row.body:
                    yield row.body  # in quotes
        finally:
            if self._pending:
                self.drop()

    def end(self) -> None:
        """Say good-bye and close, without waiting for the answer: nothing hangs on it.  Never raises."""
        try:
            if self.idle:
                self._send(b"LOGOUT")
        except RouterError:
            pass
        finally:
            self.drop()

    def drop(self) -> None:
        """Close the line.  Never raises."""
        self._line.close()

    def _greet(self, profile: Profile) -> None:
        line = self._line.read_line()
        if line[:2] != b"* " or line[2:5].upper().rstrip() != b"OK":
            raise greeting(self.name, line)
        if profile.security is Security.STARTTLS:
            self._start_tls(profile.ca_pem)
        else:
            self._heed_code(line[2:])

    def _start_tls(self, ca_pem: str) -> None:
        """Put TLS on the line.  Nothing that was said in clear is believed: neither capabilities nor what stands in the buffer."""
        (answer,) = self.ask(b"STARTTLS")
        if not answer.ok:
            raise no_starttls(self._line, words(answer.words), command="STARTTLS", tls_port=IMAPS_PORT)
        self._line.start_tls(ca_pem)
        self._capabilities = None

    def _send(self, command: bytes) -> bytes:
        self._number += 1
        tag = b"R%d" % self._number
        self._line.send(tag + b" " + command + b"\r\n")
        self._pending.append(tag)
        self._flood = 0
        return tag

    def _answer(self, tags: Sequence[bytes], *, conversing: bool = False) -> Answer:
        """Collect the untagged answers up to a tagged one, or to the request for more."""
        lines: list[list[bytes]] = []
        while True:
            text = self._read_text()
            if conversing and text.startswith(b"+"):
                return Answer(b"+", text, lines)
            if (answer := self._ending(tags, text, lines)) is not None:
                return answer
            lines.append(self._rest_of(text))

    def _bodies(self, tags: Sequence[bytes], limit: int) -> Iterator[Row | Answer]:
        read_line, read_exactly = self._line.read_line, self._line.read_exactly
        while True:
            text = read_line(_LONGEST_LINE)
            if (found := _BODY.match(text)) is not None:
                size = self._allowed(int(found[2]), _LARGEST_BODY)
                body = read_exactly(size, size if size <= limit else _LARGEST_HEADER)
                if (rest := read_line()) == b")":
                    yield Row(int(found[1]), size, None, body if size <= limit else _header_of(body))
                    continue
                parts = [text, body, *self._rest_of(rest, _LARGEST_BODY, limit)]
            elif (answer := self._ending(tags, text)) is not None:
                yield answer
                return
            else:
                self._count(text)
                parts = self._rest_of(text, _LARGEST_BODY, limit)
            if (row := row_of(parts)) is None and _FETCHED.match(text):  # a literal of another length than announced
                raise self._broken(parts[-1])
            if row is not None and row.body is not None:
                yield _bounded(row, parts, limit)

    def _ending(self, tags: Sequence[bytes], text: bytes, lines: Sequence[list[bytes]] = ()) -> Answer | None:
        """Return the answer to one of our commands; None for an untagged one, which is heeded where it is a status."""
        if text.startswith(b"* "):
            if STATUS.match(text, 2):
                self._heed(text[2:])
            return None
        mark, _, rest = text.partition(b" ")
        status = rest.partition(b" ")[0].upper()
        if mark not in self._pending or mark not in tags or status not in {b"OK", b"NO", b"BAD"}:
            raise self._broken(text)
        self._pending.remove(mark)
        if status == b"OK":
            self._heed_code(rest)
        return Answer(status, rest, list(lines), tags.index(mark))

    def _heed(self, status: bytes) -> None:
        if status[:3].upper() == b"BYE":
            self.drop()
            raise farewell(self.name, status)
        if status[:7].upper() == b"PREAUTH":
            raise self._broken(b"* " + status)
        self._heed_code(status)

    def _heed_code(self, status: bytes) -> None:
        code, argument = code_of(status)
        if code == "CAPABILITY":
            self._note_capabilities(argument)

    def _note_capabilities(self, told: bytes) -> None:
        self._capabilities = frozenset(told.decode("ascii", "replace").upper().split())

    def _read_text(self) -> bytes:
        text = self._line.read_line(_LONGEST_LINE)
        self._count(text)
        return text

    def _count(self, text: bytes) -> None:
        """Bound what a server may say to one command beside the messages."""
        self._flood += len(text) + 2
        if self._flood > _LONGEST_LINE:
            raise self._broken(b"a flood of untagged answers, more than 64 MB")

    def _rest_of(self, text: bytes, most: int = _LARGEST_STRING, limit: int = _LARGEST_STRING) -> list[bytes]:
        """Return the parts of an untagged answer that may end in a literal; words of a status hold none, whatever they end in.

        A literal may announce `most` bytes; of one over `limit` what a header may need is kept.
        """
        parts = [text]
        if text.startswith(b"* ") and STATUS.match(text, 2):
            return parts
        while (found := LITERAL.search(parts[-1])) is not None:
            size = self._allowed(int(found[1]), most)
            parts.append(self._line.read_exactly(size, size if size <= limit else _LARGEST_HEADER))
            parts.append(self._read_text())
        return parts

    def _allowed(self, size: int, most: int) -> int:
        if size > most:
            raise self._broken(b"a string of %d bytes is announced" % size)
        return size

    def _broken(self, seen: bytes) -> TryLater:
        """Name an answer after which nobody knows any more what belongs to what: the session ends."""
        self.drop()
        return TryLater(
            f"{self.name}: expected an answer to our command, the server says: {words(seen)}", kind="unexpected_answer"
        )


def _bounded(row: Row, parts: Sequence[bytes], limit: int) -> Row:
    """Cut a body over the limit down to its header; the size that was announced stands in the text before it."""
    announced = next((int(found[1]) for part in parts[::2] if (found := LITERAL.search(part))), len(row.body or b""))
    if row.body is not None and announced > limit:
        row.body = _header_of(row.body)
    row.size = announced
    return row


def _header_of(body: bytes) -> bytes:
    end = body.find(b"\r\n\r\n", 0, _LARGEST_HEADER)
    return body[: end + 4] if end >= 0 else body[:_LARGEST_HEADER]
