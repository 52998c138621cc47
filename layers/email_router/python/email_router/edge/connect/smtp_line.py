"""Hold a line to an SMTP server: whole answers are read, and an e-mail's last bytes take with them what may follow it."""

from __future__ import annotations

import re
import ssl
from functools import lru_cache
from math import inf
from time import monotonic

from email_router.core.errors import TryLater
from email_router.edge.connect.line import READ_SECONDS, Line
from email_router.edge.connect.smtp_answer import Answer

_MOST_LINES = 200
_ANSWER = re.compile(rb"[2-5][0-9]{2}(?:[ -]|$)")


_PIECE = 64 * 1024
"""Bytes that are sent at once, so that a server that takes them slowly is noticed."""


class _HalfSentError(Exception):
    """The line broke, or the time was over, when so much had been sent."""

    def __init__(self, sent: int, problem: OSError) -> None:
        super().__init__(sent)
        self.sent = sent
        self.problem = problem


class SmtpLine(Line):
    """A line on which a server is awaited for `longest` seconds at a time, and until `until` in all, however little by little it comes.

    A server that drips its answers, gives them a line at a time, or takes a mail by crumbs would else hold a worker until that is ended,
    and nobody could tell any more that the mail was not handed over.
    """

    longest = READ_SECONDS
    until = inf

    def be_patient(self, longest: float, seconds: float) -> None:
        """Wait so long at a time, and for so long in all from now on."""
        self.longest = self.seconds = longest
        self.until = monotonic() + seconds

    def ask(self, command: str) -> Answer:
        """Say one line and return the answer."""
        self.send(f"{command}\r\n".encode())
        return self.answer()

    def send(self, data: bytes) -> None:
        """Send all of the bytes."""
        if len(data) <= _PIECE:
            super().send(data)
            return
        with memoryview(data) as whole:
            try:
                self._send_on(whole, 0)
            except _HalfSentError as half:
                raise self._lost(half.problem) from half.problem

    def answer(self) -> Answer:
        """Return the next answer; raises TryLater, the line closed, for what is none."""
        line = self.read_line()
        return _of_one_line(line) or self._of_several_lines(line)

    def _of_several_lines(self, line: bytes) -> Answer:
        lines: list[bytes] = []
        while len(lines) < _MOST_LINES and _ANSWER.match(line):
            lines.append(line[4:])
            if line[3:4] != b"-":
                return Answer(int(line[:3]), tuple(lines))
            line = self.read_line()
        raise self.unexpected()

    def expect_silence(self) -> None:
        """Raise TryLater, the line closed, when the server has said what nobody asked for."""
        if not self.read_up:
            raise self.unexpected()

    def unexpected(self) -> TryLater:
        """Close the line, and name a server whose answers cannot be told apart."""
        self.close()
        return TryLater(
            f"{self.name}: expected an SMTP answer, found something else", kind="unexpected_answer", shared=True
        )

    def send_last(self, data: bytes, ahead: bytes) -> None:
        """Send all of an e-mail's last bytes, and in the same breath what goes ahead of its answer.

        Raises TryLater, the line closed, only while `data` has not gone whole.  Otherwise it stays open, whatever became of `ahead`: the
        answer to `data` can still be read, and whoever then reads on, or writes, finds that the line is gone.
        """
        whole = memoryview(data + ahead)
        sent = 0
        if isinstance(self._socket, ssl.SSLSocket):  # which does not tell how much of a write has left when it fails
            self.send(data)
            sent = len(data)
        try:
            self._send_on(whole, sent)
        except _HalfSentError as half:
            if half.sent < len(data):
                raise self._lost(half.problem) from half.problem

    def _await_line(self, longest: int) -> int:
        """Read on; the more a server has used of its time, the less it has for this line."""
        self.seconds = min(self.longest, self.until - monotonic())
        return super()._await_line(longest)

    def _send_on(self, whole: memoryview, sent: int) -> None:
        """Send what is left.  Raises _HalfSentError, which tells how far it came."""
        try:
            while sent < len(whole):
                left = self.until - monotonic()
                if left <= 0:
                    raise TimeoutError
                self._wait(min(self.longest, left))
                sent += self._socket.send(whole[sent : sent + _PIECE])
        except OSError as problem:
            raise _HalfSentError(sent, problem) from problem


@lru_cache(maxsize=32)  # a server says the same for every mail
def _of_one_line(line: bytes) -> Answer | None:
    return Answer(int(line[:3]), (line[4:],)) if _ANSWER.match(line) and line[3:4] != b"-" else None
