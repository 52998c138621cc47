"""Speak HTTPS over kept lines: every address judged, every certificate verified, no redirect followed."""

from __future__ import annotations

import contextlib
import http.client
import selectors
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from email_router.core.errors import ConfigurationError, TryLater
from email_router.edge.connect.network import connect
from email_router.edge.connect.patience import PatientResponse
from email_router.edge.connect.tls import secure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from email_router.core.ports import Reach, Witness

READ_SECONDS = 60.0
"""How long a server may be silent; PatientResponse bounds the whole answer."""

FRESH_SECONDS = 2.0
"""How long after its last answer a line is taken for a request that must not be repeated.

A server that hangs up in this time leaves a result that nobody knows, as on any line; older lines are left to what is repeatable.
"""

_KEPT_SECONDS = 45.0
_KEPT_LINES = 4
_PIECE = 64 * 1024
_LARGEST_ANSWER = 64 * 1024 * 1024


class AnswerLost(TryLater):
    """The line broke after the request had been begun: the server may have carried it out."""


@dataclass(frozen=True, slots=True)
class Place:
    """A host and port, how it may be reached, and the private CA (PEM text, or empty) that vouches for it."""

    host: str
    port: int
    reach: Reach
    ca_pem: str = ""

    @classmethod
    def of(cls, url: str, reach: Reach, ca_pem: str = "") -> Place:
        """Return the place an https URL leads to.  Raises ConfigurationError for any other URL."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or 443
        except ValueError as problem:
            raise ConfigurationError(f"expected an https:// address, found {url!r}") from problem
        if parts.scheme != "https" or not host or parts.username is not None:
            raise ConfigurationError(f"expected an https:// address, found {url!r}")
        return cls(host, port, reach, ca_pem)


class _Line(http.client.HTTPConnection):
    """A line whose TLS is ours: http.client only speaks over it."""

    default_port = 443
    response_class = PatientResponse

    def __init__(self, place: Place) -> None:
        super().__init__(place.host, place.port, timeout=READ_SECONDS)
        self.place = place
        self.idle_since = 0.0

    def connect(self) -> None:
        """Connect to a judged address and put TLS on the line."""
        line = connect(self.place.host, self.place.port, self.place.reach)
        self.sock = secure(line, self.place.host, self.place.ca_pem, self.place.reach.witness)
        self.sock.settimeout(READ_SECONDS)

    @property
    def quiet(self) -> bool:
        """Whether nothing has come since the last answer: what comes unasked is a farewell."""
        if self.sock is None:
            return False
        try:
            with selectors.DefaultSelector() as waiting:
                waiting.register(self.sock, selectors.EVENT_READ)
                return not waiting.select(0)
        except (OSError, ValueError):
            return False


class Answer:
    """A server's answer: status, headers (names in lower case), and a body that is read once.  Close it, or read it to its end."""

    def __init__(self, line: _Line, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self._line = line
        self._response = response
        self._whole = False

    def pieces(self) -> Iterator[bytes]:
        """Yield the body in pieces of at most 64 KB.  Raises AnswerLost when it breaks off before its end, or announces none."""
        if not (self._response.chunked or self._response.length is not None):
            self._line.close()
            raise _lost(self._line.place, EOFError("no length announced"), "in its answer")
        while True:
            try:
                piece = self._response.read(_PIECE)
            except (OSError, http.client.HTTPException) as problem:
                self._line.close()
                raise _lost(self._line.place, problem, "in the middle of its answer") from problem
            if not piece:
                break
            yield piece
        if self._response.length:  # http.client returns short bodies without a word
            self._line.close()
            raise _lost(self._line.place, EOFError("closed by the server"), "in the middle of its answer")
        self._whole = True

    def read(self) -> bytes:
        """Return the whole body, and keep the line for the next request."""
        return b"".join(self.limited())

    def limited(self) -> Iterator[bytes]:
        """Yield the body in pieces, and keep the line for the next request.  Raises TryLater "answer_size" beyond 64 MB."""
        size = 0
        try:
            for piece in self.pieces():
                size += len(piece)
                if size > _LARGEST_ANSWER:
                    raise TryLater(f"{self._line.place.host}: an answer of over 64 MB was not read", kind="answer_size")
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        """Keep the line where the answer was read to its end, else hang up; never raises."""
        with contextlib.suppress(OSError):
            reusable = self._whole and not self._response.will_close
            self._response.close()
            if reusable and self._line.sock is not None:
                _LINES.keep(self._line)
            else:
                self._line.close()


class _Lines:
    """The lines that this process keeps open between requests; one that was opened before a witness serves only where it is told of."""

    def __init__(self) -> None:
        self._idle: dict[tuple[Place, Witness | None], list[_Line]] = {}
        self._lock = threading.Lock()

    def take(self, place: Place, seconds: float) -> _Line | None:
        """Return the line that was used last, if within so many seconds, or None."""
        with self._lock:
            lines = self._idle.get((place, place.reach.witness), [])
            while lines:
                idle = time.monotonic() - lines[-1].idle_since
                if seconds <= idle < _KEPT_SECONDS:
                    break  # it serves those who may ask twice
                line = lines.pop()
                if idle < seconds and line.quiet:
                    return line
                line.close()
        return None

    def keep(self, line: _Line) -> None:
        """Keep a line for the next request."""
        line.idle_since = time.monotonic()
        with self._lock:
            lines = self._idle.setdefault((line.place, line.place.reach.witness), [])
            lines.append(line)
            if len(lines) > _KEPT_LINES:
                lines.pop(0).close()

    def close(self, witness: Witness | None) -> None:
        """Hang up all, or those that were opened before a witness."""
        with self._lock:
            ended = [key for key in self._idle if witness is None or key[1] is witness]
            for key in ended:
                for line in self._idle.pop(key):
                    line.close()


_LINES = _Lines()


def hang_up(witness: Witness | None = None) -> None:
    """Close every kept line of this process; with a witness those that were opened before it."""
    _LINES.close(witness)


def ask(
    place: Place, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", *, repeatable: bool = True
) -> Answer:
    """Send one request and return the answer, whatever its status; `target` is path and query.

    A kept line that the server has hung up is replaced without a word where the request is `repeatable`; one that is not takes a kept line
    only within FRESH_SECONDS of its last answer, and is never sent twice.  Raises AnswerLost when the request was begun and not answered,
    TryLater or MailboxBlocked (network.connect, tls.secure) when certainly nothing was sent.
    """
    kept = _LINES.take(place, _KEPT_SECONDS if repeatable else FRESH_SECONDS)
    if kept is not None:
        try:
            return _asked(kept, method, target, headers, body)
        except AnswerLost as lost:
            if lost.kind == "timeout" or not repeatable:
                raise
    fresh = _Line(place)
    fresh.connect()
    return _asked(fresh, method, target, headers, body)


def _asked(line: _Line, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
    try:
        if line.sock is not None:  # the last answer may have used up its patience
            line.sock.settimeout(READ_SECONDS)
        line.request(method, target, body=body or None, headers=dict(headers))
        return Answer(line, line.getresponse())
    except (OSError, http.client.HTTPException) as problem:
        line.close()
        raise _lost(line.place, problem, "before it answered") from problem


def _lost(place: Place, problem: Exception, when: str) -> AnswerLost:
    if isinstance(problem, TimeoutError):
        return AnswerLost(f"{place.host}: the server fell silent {when}", kind="timeout", shared=True)
    words = type(problem).__name__ if isinstance(problem, http.client.HTTPException) else str(problem)
    return AnswerLost(f"{place.host}: the line broke {when} ({words})", kind="connection_lost", shared=True)
