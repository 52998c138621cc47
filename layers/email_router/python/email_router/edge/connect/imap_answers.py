"""Read what an IMAP server answers: untagged lines with their literals, status answers and their codes, FETCH attributes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from email_router.edge.connect.imap_names import MONTHS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STATUS = re.compile(rb"(?:OK|NO|BAD|BYE|PREAUTH)(?= |$)", re.IGNORECASE)
LITERAL = re.compile(rb"\{(\d{1,19})\+?\}$")
_CODE = re.compile(rb"(?:OK|NO|BAD|BYE|PREAUTH) +\[([A-Z0-9/-]+)(?: ([^\]]*))?\]", re.IGNORECASE)
# Whatever stands in the line is taken in one run over it: an unterminated string reaches to its end.
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.?)*)(?:"|$)|([()])|([^\s()"]+)', re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_INSTANT = re.compile(rb" ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_DESCRIBED = re.compile(rb'\* \d+ FETCH \(UID (\d{1,10}) RFC822\.SIZE (\d{1,19}) INTERNALDATE "([^"\\]{1,40})"\)')
_MONTHS = {name.encode(): number for number, name in enumerate(MONTHS, 1)}


class Token(NamedTuple):
    """A piece of an answer: a string (quoted or literal), an atom, or a parenthesis."""

    kind: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one command: OK, NO or BAD with the server's words, and the untagged lines before it (text, literal, text, ...).

    `command` is the place of its command among those sent together: a server may work on them at the same time (RFC 3501 5.5).
    """

    status: bytes
    words: bytes
    lines: list[list[bytes]] = field(repr=False)
    command: int = 0

    @property
    def ok(self) -> bool:
        """Tell whether the command was carried out."""
        return self.status == b"OK"

    @property
    def code(self) -> str:
        """The response code in capitals (RFC 3501 7.1, RFC 5530), or nothing."""
        return code_of(self.words)[0]

    def of_kind(self, kind: bytes) -> Iterator[list[bytes]]:
        """Yield the untagged answers of one kind (b"SEARCH", b"LIST") without their first words."""
        start = b"* " + kind
        for line in self.lines:
            if line[0][: len(start)].upper() == start and line[0][len(start) : len(start) + 1] in {b"", b" "}:
                yield [line[0][len(start) :], *line[1:]]


@dataclass(slots=True)
class Row:
    """The attributes of one message in a FETCH answer; None where the server told none."""

    uid: int | None = None
    size: int | None = None
    received: datetime | None = None
    body: bytes | None = None


def code_of(words: bytes) -> tuple[str, bytes]:
    """Return the response code of a status answer in capitals and its argument, both empty when there is none."""
    found = _CODE.match(words)
    return (found[1].decode("ascii").upper(), found[2] or b"") if found else ("", b"")


def tokens(parts: Sequence[bytes]) -> Iterator[Token]:
    """Yield the tokens of an untagged answer, whose parts are text and literals in turn."""
    for number, part in enumerate(parts):
        if number % 2:
            yield Token("string", part)
            continue
        text = part[: found.start()] if number + 1 < len(parts) and (found := LITERAL.search(part)) else part
        for token in _TOKEN.finditer(text):
            if token[3] is not None:
                yield Token("atom", token[3])
            elif token[2] is not None:
                yield Token(token[2].decode(), token[2])
            else:
                yield Token("string", _ESCAPE.sub(rb"\1", token[1]))


def row_of(parts: Sequence[bytes]) -> Row | None:
    """Return the attributes of a FETCH answer, in whatever order they stand; None for any other answer, and one without its end."""
    row, name, depth = Row(), b"", 0
    told = tokens(parts)
    if [next(told, Token("", b"")).text for _ in range(3)][2].upper() != b"FETCH":
        return None
    for token in told:
        if token.kind in {"(", ")"}:
            depth += 1 if token.kind == "(" else -1
            name = b"" if depth == 1 else name
        elif depth == 1 and not name:
            name = token.text.upper()
        elif depth == 1:
            _note(row, name, token)
            name = b""
    return row if depth == 0 and parts[-1].endswith(b")") else None


def _note(row: Row, name: bytes, token: Token) -> None:
    if name == b"UID":
        row.uid = number_of(token.text)
    elif name == b"RFC822.SIZE":
        row.size = number_of(token.text)
    elif name == b"INTERNALDATE":
        row.received = instant_of(token.text)
    elif name.startswith((b"BODY[", b"]")) and token.kind == "string":  # "]" ends BODY[HEADER.FIELDS (NAMES)]
        row.body = token.text


def number_of(text: bytes) -> int | None:
    """Return a number of at most 19 digits, else None."""
    return int(text) if text.isdigit() and len(text) < 20 else None  # noqa: PLR2004 - RFC 9051 9, number64


def described(line: bytes) -> Row | None:
    """Return UID, size and time of receipt where a FETCH answer holds these alone, in the order that we asked for; else None."""
    found = _DESCRIBED.fullmatch(line)
    return Row(int(found[1]), int(found[2]), instant_of(found[3])) if found else None


def instant_of(text: bytes) -> datetime | None:
    """Return the instant of an INTERNALDATE (RFC 3501 9, date-time), or None when it is none."""
    found = _INSTANT.fullmatch(text)
    month = _MONTHS.get(found[2].title()) if found else None
    if found is None or month is None:
        return None
    try:
        clock = int(found[4]), int(found[5]), min(int(found[6]), 59)
        return datetime(int(found[3]), month, int(found[1]), *clock, tzinfo=_zone(found[7], found[8], found[9]))
    except ValueError:
        return None


@lru_cache(maxsize=128)
def _zone(sign: bytes, hours: bytes, minutes: bytes) -> timezone:
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == b"-" else offset)
