"""Bound how long a whole answer is waited for: a server that drips is given up like one that is silent."""

from __future__ import annotations

import http.client
import io
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer

ANSWER_SECONDS = 180.0
"""How long may be waited for an answer in all, however short it is; what came adds to it."""

_PIECE = 64 * 1024
SLOWEST = 4096.0
"""Bytes a second below which a server is given up, once ANSWER_SECONDS are over."""


class Patience:
    """The waiting for one answer.  Only the waiting counts: who takes an answer piece by piece may take their time."""

    def __init__(self) -> None:
        self._waited = 0.0
        self._received = 0

    def left(self) -> float:
        """Return for how many more seconds may be waited; zero or less when the answer is to be given up."""
        return ANSWER_SECONDS + self._received / SLOWEST - self._waited

    def note(self, seconds: float, received: int) -> None:
        """Count what was waited, and what came of it (bytes)."""
        self._waited += seconds
        self._received += received


class PatientResponse(http.client.HTTPResponse):
    """http.client's response, whose status line, header and body together are bounded: TimeoutError ends a dripping one."""

    def __init__(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp = io.BufferedReader(_Patient(self.fp.detach(), sock), _PIECE)


class _Patient(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, line: socket.socket) -> None:
        self._raw = raw
        self._sock = line  # where requests_ntlm looks for it, as in socket.SocketIO
        self._patience = Patience()

    def readable(self) -> bool:
        return True

    def readinto(self, room: WriteableBuffer, /) -> int | None:
        left, silence = self._patience.left(), self._sock.gettimeout()
        if left <= 0:
            raise TimeoutError
        if silence is None or left < silence:
            self._sock.settimeout(left)
        begun = monotonic()
        count = self._raw.readinto(room)
        self._patience.note(monotonic() - begun, count or 0)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
