"""Hold one line to a mail server: a socket with a buffer, read by lines, by dot-terminated blocks and by counted bytes."""

from __future__ import annotations

import socket
import ssl
from ipaddress import ip_address
from struct import pack
from time import monotonic
from typing import TYPE_CHECKING, Self

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.mailbox import Security
from email_router.edge.connect.network import connect, narrow
from email_router.edge.connect.patience import Patience
from email_router.edge.connect.tls import secure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from email_router.core.mailbox import Profile
    from email_router.core.ports import Reach, Witness

READ_SECONDS = 60.0
"""How long a server may take for one answer line, or be silent inside a block, which as a whole is bounded by patience.Patience."""

_CHUNK = 256 * 1024
_FEW_LINES = 64 * 1024
"""How much is asked for where a line is awaited: room for more is taken from the system and given back each time, at four times the cost."""

_LONGEST_LINE = 64 * 1024
_LONGEST_HEADER = 1024 * 1024
_END = b"\r\n.\r\n"
_WORDS = 200


def words(answer: bytes) -> str:
    """Return a server's own words, fit for a log: printable, at most 200 characters."""
    text = answer.decode("utf-8", "replace").strip()
    if text.isprintable():
        return text[:_WORDS]
    return "".join(character if character.isprintable() else "?" for character in text)[:_WORDS]


class Line:
    """A line to one server.  Every failure closes it and is a TryLater (shared): "timeout" or "connection_lost"."""

    witness: Witness | None = None

    def __init__(self, plain: socket.socket, host: str, name: str, seconds: float = READ_SECONDS) -> None:
        """Take over a connected socket; `name` says in errors who is served and where."""
        self._socket = plain
        self._host = host
        self.name = name
        self.seconds = seconds
        self.open = True
        self._buffer = bytearray()
        self._at = 0
        self._waiting = 0.0
        self._wait(seconds)

    @classmethod
    def to(cls, profile: Profile, reach: Reach, address: str, port: int) -> Self:
        """Connect to the profile's server (`port` where it names none), with TLS where it is implicit.

        Raises MailboxBlocked "insecure" where no TLS is wanted and the server is neither this machine nor in a private network.
        """
        port = profile.port or port
        plain = connect(profile.host, port, narrow(reach, profile))
        if profile.security is Security.TLS:
            plain = secure(plain, profile.host, profile.ca_pem, reach.witness)
        elif profile.security is Security.NONE and not _may_be_plain(profile, plain):
            plain.close()
            raise MailboxBlocked(
                f"{address}: profile {profile.name} wants no TLS to {profile.host}, which is neither this machine nor private",
                kind="insecure",
                mend='Set security = "tls" or "starttls", or network = "private" for a server of your own network.',
            )
        line = cls(plain, profile.host, f"{address} at {profile.host}:{port}")
        if reach.witness is not None:
            line.witness = reach.witness
            if profile.security is Security.NONE:
                _tell_plain(reach.witness)
        return line

    def start_tls(self, ca_pem: str) -> None:
        """Put TLS on the line; whatever the server sent before it is forgotten (CVE-2011-0411)."""
        self._buffer.clear()
        self._at = 0
        self._socket.settimeout(self.seconds)
        try:
            self._socket = secure(self._socket, self._host, ca_pem, self.witness)
        except (TryLater, MailboxBlocked):
            self.open = False
            raise

    def tell_login(self, words: str) -> None:
        """Tell the witness, if there is one, who has logged in and how."""
        if self.witness is not None:
            self.witness.authenticated(words)

    def send(self, data: bytes) -> None:
        """Send all of the bytes."""
        try:
            self._socket.sendall(data)
        except OSError as problem:
            raise self._lost(problem) from problem

    @property
    def read_up(self) -> bool:
        """Tell whether nothing that has come is left to be read."""
        return self._at == len(self._buffer)

    def read_line(self, longest: int = _LONGEST_LINE) -> bytes:
        """Return the next line without its CRLF; the whole line has `seconds` to arrive, and at most about `longest` bytes."""
        end = self._buffer.find(b"\n", self._at)
        if end < 0:
            end = self._await_line(longest)
        line = self._buffer[self._at : end]
        self._at = end + 1
        return bytes(line.removesuffix(b"\r"))

    def read_block(self, limit: int) -> tuple[bytes, bool]:
        """Return a dot-terminated block (RFC 1939 3) unstuffed, and True; its header part and False when it is over `limit` bytes.

        Lines may be of any length.  A block far over the limit is read to its end and thrown away, so that the next answer is in place.
        """
        self._compact()
        start, patience = self._at, Patience()
        seen = start
        while True:
            if self._buffer.startswith(_END[2:], start):
                self._at = start + 3
                return b"", True
            end = self._buffer.find(_END, seen)
            if end >= 0:
                break
            if len(self._buffer) - start > limit + limit // 2 + _CHUNK:  # a block of dots alone is stuffed by a third
                return self._header_only(patience), False
            seen = max(start, len(self._buffer) - len(_END) + 1)
            self._buffer += self._more(patience)
        body = _unstuffed(self._slice(start, end + 2))
        self._at = end + len(_END)
        return (body, True) if len(body) <= limit else (_header_of(body), False)

    def read_exactly(self, count: int, keep: int) -> bytes:
        """Read `count` bytes and return the first `keep` of them; memory is taken as they arrive, never as a server claims."""
        end = self._at + count
        if end <= len(self._buffer):
            data = self._slice(self._at, min(end, self._at + keep))
            self._at = end
            return data
        kept, room = [], keep
        for piece in self.exactly(count):
            if room:
                kept.append(piece[:room])
                room -= len(kept[-1])
        return b"".join(kept)

    def exactly(self, count: int) -> Iterator[bytes]:
        """Yield `count` bytes in pieces, holding only one of them at a time."""
        left, patience = count, Patience()
        while left:
            if self._at < len(self._buffer):
                data = self._slice(self._at, min(len(self._buffer), self._at + left))
                self._at += len(data)
            elif left >= _CHUNK:  # what is long need not go through the buffer
                data = self._more(patience)
            else:
                self._compact()
                self._buffer += self._more(patience)
                continue
            left -= len(data)
            yield data

    def pieces(self) -> Iterator[bytes]:
        """Yield a dot-terminated block unstuffed in pieces, holding only one of them at a time."""
        at_start, patience = True, Patience()
        while True:
            data = self._slice(self._at, len(self._buffer))
            end = _end_of_block(data, at_start=at_start)
            cut = _cut(data) if end < 0 else end
            self._at += cut
            if cut:
                yield _unstuffed(data[:cut], at_start=at_start)
                at_start = data.endswith(b"\r\n", 0, cut)
            if end >= 0:
                self._at += 3
                return
            self._compact()
            self._buffer += self._more(patience)

    def close(self) -> None:
        """Close the line; never raises."""
        self.open = False
        self._socket.close()

    def _await_line(self, longest: int) -> int:
        """Read on until a line has its end; return where that is."""
        self._compact()
        left, deadline = self.seconds, 0.0
        while True:
            deadline = deadline or monotonic() + left
            seen = len(self._buffer)
            self._buffer += self._receive(left, _FEW_LINES)
            end = self._buffer.find(b"\n", seen)
            if end >= 0:
                return end
            if len(self._buffer) - self._at > longest:
                raise self._lost(OSError("an answer line without end"))
            left = deadline - monotonic()

    def _header_only(self, patience: Patience) -> bytes:
        """Return the header part of the block being read, and read on to the block's end, keeping nothing."""
        header = _header_of(self._slice(self._at, min(len(self._buffer), self._at + _LONGEST_HEADER)))
        while (end := self._buffer.find(_END, self._at)) < 0:
            self._at = max(self._at, len(self._buffer) - len(_END) + 1)
            self._compact()
            self._buffer += self._more(patience)
        self._at = end + len(_END)
        return _unstuffed(header)

    def _slice(self, start: int, end: int) -> bytes:
        with memoryview(self._buffer) as view:
            return bytes(view[start:end])

    def _compact(self) -> None:
        if self._at == len(self._buffer):
            self._buffer.clear()
            self._at = 0
        elif self._at >= _CHUNK:
            del self._buffer[: self._at]
            self._at = 0

    def _more(self, patience: Patience) -> bytes:
        """Return what comes next of a message, which may neither fall silent nor drip for ever."""
        begun = monotonic()
        data = self._receive(min(self.seconds, patience.left()), _CHUNK)
        patience.note(monotonic() - begun, len(data))
        return data

    def _receive(self, seconds: float, most: int) -> bytes:
        try:
            if seconds <= 0:
                raise TimeoutError
            self._wait(seconds)
            data = self._socket.recv(most)
        except OSError as problem:
            raise self._lost(problem) from problem
        if not data:
            raise self._lost(EOFError("closed by the server"))
        return data

    def _wait(self, seconds: float) -> None:
        """Bound every send and receive from now on.

        Without TLS the kernel does it: with a timeout of its own Python asks poll() before each call, half of all that a small mail costs.
        """
        if seconds == self._waiting:
            return
        self._waiting = seconds
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.settimeout(seconds)
            return
        timeval = pack("@ll", int(seconds), int(seconds % 1 * 1_000_000) + 1)
        self._socket.settimeout(None)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._socket.setsockopt(socket.SOL_SOCKET, option, timeval)

    def _lost(self, problem: Exception) -> TryLater:
        self.close()
        if isinstance(problem, TimeoutError | BlockingIOError):
            return TryLater(f"{self.name}: the server fell silent", kind="timeout", shared=True)
        return TryLater(f"{self.name}: the line broke ({problem})", kind="connection_lost", shared=True)


def _tell_plain(witness: Witness) -> None:
    from email_router.core.access_steps import StepName  # noqa: PLC0415 - a test of access alone has a witness

    witness.left_out(StepName.TLS, 'security = "none" in the profile')


def _may_be_plain(profile: Profile, plain: socket.socket) -> bool:
    return profile.network == "private" or ip_address(plain.getpeername()[0].partition("%")[0]).is_loopback


def _unstuffed(body: bytes, *, at_start: bool = True) -> bytes:
    if at_start and body.startswith(b".."):
        body = body[1:]
    return body.replace(b"\r\n..", b"\r\n.")


def _header_of(body: bytes) -> bytes:
    end = body.find(b"\r\n\r\n", 0, _LONGEST_HEADER)
    return body[: end + 4] if end >= 0 else body[:_LONGEST_HEADER]


def _end_of_block(data: bytes, *, at_start: bool) -> int:
    """Return how many bytes of the block stand before its final dot, or -1 while that has not come."""
    if at_start and data.startswith(_END[2:]):
        return 0
    end = data.find(_END)
    return end + 2 if end >= 0 else -1


def _cut(data: bytes) -> int:
    """Return how many bytes may go on now: whole lines, or of an endless line all but what might begin the final dot."""
    safe = len(data) - len(_END)
    line_end = data.rfind(b"\r\n", 0, max(safe, 0))
    if line_end >= 0:
        return line_end + 2
    return max(0, safe - data.endswith(b"\r", 0, max(safe, 0)))
