"""Speak POP3 (RFC 1939, 2449, 2595, 3206, 5034): log in, list, retrieve in a pipeline, delete."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from operator import itemgetter
from typing import TYPE_CHECKING

from email_router.core.errors import MailboxBlocked, RouterError, TryLater
from email_router.core.mailbox import Security
from email_router.edge.connect.line import READ_SECONDS, Line, words
from email_router.edge.connect.opening import no_starttls, opening
from email_router.edge.connect.sasl import xoauth2

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from email_router.core.mailbox import Profile
    from email_router.core.ports import Reach
    from email_router.edge.connect.bearer import Bearer

POP3_PORT, POP3S_PORT = 110, 995
WINDOW = 128
"""How many commands may be under way where the server announces PIPELINING."""

_LONGEST_ID = 255
_LONGEST_NUMBER = 19
_LONGEST_CAPABILITIES = 64 * 1024
_LONGEST_LISTING = 64 * 1024 * 1024
_LATER = {"IN-USE": "in_use", "LOGIN-DELAY": "login_delay", "SYS/TEMP": "server_trouble"}
# Servers without RESP-CODES (RFC 2449 8) say it in words only.
_LATER_WORDS = re.compile(
    r"(maildrop|mailbox)\b.*\block|lock busy|in use|try again|temporar|too many (connections|sessions)", re.IGNORECASE
)
_MEND_LOGIN = (
    "Check user name and password (the profile's credentials, or the mailbox's own: `email-router set-password MAILBOX`), and see "
    "that POP3 is enabled for the mailbox."
)
_MEND_APPLICATION = (
    "See that the application may use POP3 for this mailbox: in Entra the permission POP.AccessAsApp with admin consent, in Exchange Online "
    "PowerShell Add-MailboxPermission MAILBOX -User OBJECT-ID -AccessRights FullAccess for its service principal (New-ServicePrincipal), and "
    "POP3 enabled (Set-CASMailbox MAILBOX -PopEnabled $true)."
)
_CODE = re.compile(r"-ERR\s+\[([A-Z/-]+)\]", re.IGNORECASE)
_FORBIDDEN = re.compile("[\r\n\0]")


@dataclass(frozen=True, slots=True)
class Block:
    """The answer to a multi-line command: `refusal` holds the server's words where it said -ERR, else `body` is what came."""

    body: bytes = b""
    complete: bool = True
    refusal: bytes | None = None


class Pop3Session:
    """One session; what it lists stays as it is until it ends (RFC 1939 4).  Deletions happen at quit() and not before."""

    def __init__(self, line: Line) -> None:
        """Take over a greeted line."""
        self._line = line
        self._under_way = 0
        self._capabilities: frozenset[str] | None = None

    @classmethod
    def to(cls, profile: Profile, reach: Reach, address: str) -> Pop3Session:
        """Connect, read the greeting, start TLS where the profile says STARTTLS: the server refusing it ends the session."""
        port = POP3S_PORT if profile.security is Security.TLS else POP3_PORT
        session = cls(Line.to(profile, reach, address, port))
        with opening(session._line):
            session._greet(profile)
        return session

    @property
    def idle(self) -> bool:
        """Tell whether the session can take another command: the line stands, and no answer is on its way."""
        return self._line.open and not self._under_way

    def login(self, user: str, password: str) -> None:
        """Log in with USER and PASS.  Raises MailboxBlocked "login_refused", TryLater (shared) when the server says: not now."""
        if _FORBIDDEN.search(user + password):
            raise self._line_break()
        answer = self._ask(b"USER " + user.encode())
        if answer.startswith(b"+OK"):
            answer = self._ask(b"PASS " + password.encode())
        if not answer.startswith(b"+OK"):
            secret = password.encode()
            raise self._login_refused(answer.replace(secret, b"***") if secret else answer)
        self._line.tell_login(f"{user} by USER and PASS")

    def login_with_token(self, user: str, bearer: Bearer) -> None:
        """Log in with XOAUTH2; where the server refuses the token, once more with a new one.  Raises as login() does.

        The token goes on a line of its own: Exchange Online takes no initial response.
        """
        if _FORBIDDEN.search(user):
            raise self._line_break()
        token = bearer.token()
        answer = self._present(xoauth2(user, token))
        if not answer.startswith(b"+OK"):
            bearer.forget(token)
            renewed = bearer.token()
            if renewed != token and self._line.open:
                token, answer = renewed, self._present(xoauth2(user, renewed))
        if not answer.startswith(b"+OK"):
            raise self._login_refused(answer.replace(token.encode(), b"***"), _MEND_APPLICATION)
        self._line.tell_login(f"{user} by XOAUTH2")

    def capabilities(self) -> frozenset[str]:
        """Return the words of CAPA in capitals; none when the server does not know CAPA.  Asked once, after any STLS."""
        if self._capabilities is None:
            lines = self._block(b"CAPA", _LONGEST_CAPABILITIES).body.upper().split(b"\r\n")
            self._capabilities = frozenset(line.split()[0].decode("ascii", "replace") for line in lines if line.split())
        return self._capabilities

    def stat(self) -> tuple[int, int]:
        """Return the number of messages and their size in bytes."""
        answer = self._ask(b"STAT")
        fields = answer.split()
        try:
            return int(fields[1]), int(fields[2])
        except (IndexError, ValueError) as problem:
            raise self.trouble("STAT", answer) from problem

    def unique_id(self, number: int) -> str | None:
        """Return the unique id of one message, or None when the server gives none."""
        answer = self._ask(b"UIDL %d" % number)
        text = answer.partition(b" ")[2].strip().partition(b" ")[2].strip()
        return _unique(text) if answer.startswith(b"+OK") and text else None

    def listing(self) -> list[tuple[int, str, int | None]]:
        """Return (number, unique id, size in bytes or None) of every message, in the server's order."""
        uidl, sizes = self.blocks([b"UIDL", b"LIST"], _LONGEST_LISTING)
        if uidl.refusal is not None:
            if self._kind_of(uidl.refusal):
                raise self.trouble("UIDL", uidl.refusal)
            raise self._no_ids(f"the server answers UIDL with: {words(uidl.refusal)}")
        size_of = {number: _size(text) for number, text in self._pairs(sizes)}
        found = [(number, _unique(text), size_of.get(number)) for number, text in self._pairs(uidl)]
        if len(found) < len(size_of):
            raise self._no_ids(f"the server lists {len(size_of)} messages and names {len(found)} of them in UIDL")
        return sorted(found, key=itemgetter(0))

    def blocks(self, commands: Sequence[bytes], limit: int) -> Generator[Block, None, None]:
        """Yield the answer to each multi-line command in order, many under way at a time where the server can.

        Left early, with answers still to come, the session is dropped.
        """
        window = WINDOW if "PIPELINING" in self.capabilities() else 1
        sent = 0
        try:
            for _ in commands:
                if self._under_way <= window // 2 and sent < len(commands):
                    batch = commands[sent : sent + window - self._under_way]
                    self._line.send(b"".join(command + b"\r\n" for command in batch))
                    sent += len(batch)
                    self._under_way += len(batch)
                block = self._read_block(limit)
                self._under_way -= 1
                yield block
        finally:
            if self._under_way:
                self.drop()

    def pieces(self, number: int) -> Iterator[bytes]:
        """Yield one message in pieces.  Left early, the session is dropped."""
        answer = self._ask(b"RETR %d" % number)
        if not answer.startswith(b"+OK"):
            raise self.trouble("RETR", answer)
        self._under_way = 1
        try:
            yield from self._line.pieces()
            self._under_way = 0
        finally:
            if self._under_way:
                self.drop()

    def delete(self, numbers: Sequence[int]) -> None:
        """Mark messages for deletion, which quit() commits."""
        window = WINDOW if "PIPELINING" in self.capabilities() else 1
        for start in range(0, len(numbers), window):
            batch = numbers[start : start + window]
            self._line.send(b"".join(b"DELE %d\r\n" % number for number in batch))
            answers = [self._line.read_line() for _ in batch]
            refusal = next((answer for answer in answers if not answer.startswith(b"+OK")), None)
            if refusal is not None:
                raise self.trouble("DELE", refusal)

    def quit(self, seconds: float = READ_SECONDS) -> None:
        """End the session; deletions are done once this returns.  Raises TryLater when the server does not say so in time."""
        self._line.seconds = seconds
        try:
            answer = self._ask(b"QUIT")
        finally:
            self.drop()
        if not answer.startswith(b"+OK"):
            raise self.trouble("QUIT", answer)

    def drop(self) -> None:
        """Close the line without QUIT: nothing is deleted.  Never raises."""
        self._line.close()

    def temporary(self, refusal: bytes) -> bool:
        """Tell whether the server's refusal is one of those that mean: later."""
        return bool(self._kind_of(refusal))

    def trouble(self, command: str, answer: bytes) -> TryLater:
        """Name an answer that should have been another as what it is: later, with the server's words."""
        kind = self._kind_of(answer)
        return TryLater(
            f"{self._line.name}: {command} was answered: {words(answer)}",
            kind=kind or "unexpected_answer",
            shared=bool(kind),
        )

    def _greet(self, profile: Profile) -> None:
        greeting = self._line.read_line()
        if not greeting.startswith(b"+OK"):
            kind = self._kind_of(greeting) or "greeting"
            raise TryLater(f"{self._line.name}: the server greets with: {words(greeting)}", kind=kind, shared=True)
        if profile.security is not Security.STARTTLS:
            return
        answer = self._ask(b"STLS")
        if not answer.startswith(b"+OK"):
            raise no_starttls(self._line, words(answer), command="STLS", tls_port=POP3S_PORT)
        self._line.start_tls(profile.ca_pem)

    def _ask(self, command: bytes) -> bytes:
        self._line.send(command + b"\r\n")
        return self._line.read_line()

    def _block(self, command: bytes, limit: int) -> Block:
        self._line.send(command + b"\r\n")
        return self._read_block(limit)

    def _read_block(self, limit: int) -> Block:
        answer = self._line.read_line()
        if not answer.startswith(b"+OK"):
            return Block(refusal=answer)
        return Block(*self._line.read_block(limit))

    def _pairs(self, block: Block) -> Iterator[tuple[int, bytes]]:
        if not block.complete:
            raise self.trouble("a listing", b"more than 64 MB")
        for line in block.body.split(b"\r\n"):
            number, _, text = line.strip().partition(b" ")
            if len(number) > _LONGEST_NUMBER and number.isdigit():
                raise self.trouble("a listing", line)
            if number.isdigit() and text.strip():
                yield int(number), text

    def _no_ids(self, seen: str) -> MailboxBlocked:
        return MailboxBlocked(
            f"{self._line.name}: messages cannot be told apart: {seen}",
            kind="uidl_missing",
            mend="Use a POP3 server with UIDL (RFC 1939, section 7), or a forward mailbox.",
        )

    def _present(self, response: bytes) -> bytes:
        """Offer a token; a challenge after it tells what is wrong, and is answered by an empty line (RFC 5034 4, XOAUTH2)."""
        answer = self._ask(b"AUTH XOAUTH2")
        for reply in (b64encode(response), b"", b"*"):
            if not answer.startswith(b"+ ") and answer != b"+":
                return answer
            answer = self._ask(reply)
        return answer

    def _line_break(self) -> MailboxBlocked:
        return MailboxBlocked(
            f"{self._line.name}: user name or password holds a line break or NUL",
            kind="credentials",
            mend="Set the user name and the password again, without line breaks.",
        )

    def _login_refused(self, answer: bytes, mend: str = _MEND_LOGIN) -> RouterError:
        kind = self._kind_of(answer)
        if kind:
            return TryLater(f"{self._line.name}: the server says: not now: {words(answer)}", kind=kind, shared=True)
        return MailboxBlocked(
            f"{self._line.name}: the login was refused: {words(answer)}",
            kind="login_refused",
            mend=mend,
        )

    def _kind_of(self, refusal: bytes) -> str:
        text = refusal.decode("utf-8", "replace")
        code = _CODE.match(text)
        if code:
            return _LATER.get(code[1].upper(), "")
        return "not_now" if _LATER_WORDS.search(text) else ""


def _unique(text: bytes) -> str:
    """Return a unique id as text; RFC 1939 7 allows 70 printable characters, and what is longer becomes its digest."""
    text = text.strip()
    return text.decode("ascii", "backslashreplace") if len(text) <= _LONGEST_ID else sha256(text).hexdigest()


def _size(text: bytes) -> int | None:
    first = text.split()[0]
    return int(first) if first.isdigit() and len(first) < _LONGEST_NUMBER else None
