"""Hold a line to an SMTP server: whole answers are read, and an e-mail's last bytes take with them what may follow it."""

from __future__ import annotations

import re
import ssl
from functools import lru_cache

from email_router.core.errors import TryLater
from email_router.edge.connect.line import Line
from email_router.edge.connect.smtp_answer import Answer

_MOST_LINES = 200
_ANSWER = re.compile(rb"[2-5][0-9]{2}(?:[ -]|$)")


class SmtpLine(Line):
    """A line of which each answer is awaited for `seconds` a line."""

    def ask(self, command: str) -> Answer:
        """Say one line and return the answer."""
        self.send(f"{command}\r\n".encode())
        return self.answer()

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
            while sent < len(whole):
                sent += self._socket.send(whole[sent:])
        except OSError as problem:
            if sent < len(data):
                raise self._lost(problem) from problem


@lru_cache(maxsize=32)  # a server says the same for every mail
def _of_one_line(line: bytes) -> Answer | None:
    return Answer(int(line[:3]), (line[4:],)) if _ANSWER.match(line) and line[3:4] != b"-" else None
