"""Read composed bytes by exactly the grammar in which we write: whatever else stands there is a Misread.

This is no reader of mail that people send.  A value has one form here or a few, and no second reading; so what this reads every reader
reads alike, and nothing that was not meant can hide in what a tolerant one would skip.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from typing import NoReturn
from urllib.parse import unquote_to_bytes

from email_router.core.octets import Octets, regrouped

_WORD = r"=\?utf-8\?b\?[A-Za-z0-9+/]+={0,2}\?="
_WORDS = re.compile(rf"{_WORD}(?: {_WORD})*")
_PLAIN = re.compile(r"(?:[!-~]+(?: [!-~]+)*)?")
_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~-"
_MAILBOX = re.compile(
    rf"(?:(?:(?P<atoms>[{_ATEXT}]+(?: [{_ATEXT}]+)*)|\"(?P<quoted>(?:[ !#-\[\]-~]|\\[\\\"])*)\") (?P<open><))?"
    rf"(?P<address>(?:[.\x80-\U0010ffff{_ATEXT}]+|\"(?:[ !#-\[\]-~]|\\[ -~])*\")@(?:[A-Za-z0-9._-]+|\[[A-Za-z0-9.:]+\]))"
    r"(?(open)>)(?:, |\Z)"
)
_PARAMETER = re.compile(
    r"; (?P<name>[a-z]+)(?P<segment>\*(?:[0-9]+\*)?)?=(?:\"(?P<quoted>[^\"\\]*)\"|(?P<bare>[A-Za-z0-9._~%'-]+))"
)
_BOUNDARY = re.compile(r'multipart/(?P<kind>[a-z]+); boundary="(?P<boundary>=_[0-9a-f]{18}_[amr])"')
_NO_FOLD = frozenset({"", " "})
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST_LINE = 998  # RFC 5322 2.1.1
_LINE = 76  # RFC 2045 6.7, 6.8
_GROUP = 57
"""Bytes in one line of base64."""

_AT_ONCE = _GROUP * 4096
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_LITERAL = bytes(set(range(ord(" "), ord("~") + 1)) - {ord("=")}) + b"\t"
"""What may stand for itself in quoted-printable (RFC 2045 6.7)."""


Fields = list[tuple[str, str]]


class Misread(ValueError):
    """The bytes are not what we write."""


def fields_of(raw: Octets, start: int) -> tuple[Fields, int]:
    """Return the fields of the header block that begins at `start`, unfolded, in order, and where its content begins.

    Whether a field has a name that was meant is for the caller to say.
    """
    end = raw.find(b"\r\n\r\n", start)
    if end < 0:
        _misread()
    try:
        block = raw[start:end].decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise Misread from wrong
    lines = block.split("\r\n")
    if not block.replace("\r\n", "").isprintable() or max(map(len, lines)) > _LONGEST_LINE:
        _misread()
    found: Fields = []
    for line in lines:
        if not line.startswith(" "):
            name, separator, value = line.partition(": ")
            if not separator:
                _misread()
            found.append((name, value))
        elif found and line[1:2] not in _NO_FOLD:
            found[-1] = (found[-1][0], found[-1][1] + line)
        else:
            _misread()
    return found, end + 4


def text(value: str) -> str:
    """Return free text: plain, or encoded words that are whole characters each."""
    if not value.startswith("=?"):
        if not _PLAIN.fullmatch(value) or "=?" in value:
            _misread()
        return value
    if not _WORDS.fullmatch(value):
        _misread()
    try:
        words = [_word(word[10:-2].encode("ascii")) for word in value.split(" ")]
    except ValueError as wrong:
        raise Misread from wrong
    return _on_one_line("".join(words))


def _word(coded: bytes) -> str:
    decoded = binascii.a2b_base64(coded)
    if binascii.b2a_base64(decoded, newline=False) != coded:
        _misread()
    return decoded.decode("utf-8")


def mailboxes(value: str) -> list[tuple[str, str]]:
    """Return the display names and addresses of an address field."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(value):
        one = _MAILBOX.match(value, at)
        if one is None:
            _misread()
        quoted = one["quoted"]
        name = text(one["atoms"] or "") if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        if quoted is not None and "=?" in quoted:
            _misread()
        found.append((name, one["address"]))
        at = one.end()
    if not found or value.endswith(" "):
        _misread()
    return found


def parameter_of(value: str, name: str) -> tuple[str, str]:
    """Return what stands before the parameter, the only one of the field, and its value; "" where there is none (RFC 2045 5.1, 2231)."""
    before, separator, _ = value.partition(";")
    segments: list[str] = []
    at = len(before)
    while at < len(value):
        one = _PARAMETER.match(value, at)
        if one is None or one["name"] != name:
            _misread()
        at = one.end()
        if one["segment"] is None:  # in quotes, alone
            if at < len(value) or segments or one["quoted"] is None:
                _misread()
            return before, text(one["quoted"])
        if one["bare"] is None or (
            one["segment"] != f"*{len(segments)}*" and (one["segment"] != "*" or at < len(value))
        ):
            _misread()
        segments.append(one["bare"])
    return before, _extended("".join(segments)) if separator else ""


def _extended(value: str) -> str:
    charset, _, coded = value.partition("''")
    if charset != "utf-8" or "'" in coded:
        _misread()
    try:
        return _on_one_line(unquote_to_bytes(coded).decode("utf-8"))
    except UnicodeDecodeError as wrong:
        raise Misread from wrong


def _on_one_line(decoded: str) -> str:
    """Return what was decoded, in which no character may stand that a reader could take for a line's end (CVE-2024-6923)."""
    if not decoded.isprintable() and _CONTROL.search(decoded):
        _misread()
    return decoded


def parts_of(raw: Octets, kind: str, value: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where each part of a multipart of this kind begins and ends; `value` is its Content-Type."""
    found = _BOUNDARY.fullmatch(value)
    if found is None or found["kind"] != kind:
        _misread()
    limit = b"--" + found["boundary"].encode("ascii")
    first, between = limit + b"\r\n", b"\r\n" + limit
    if not raw.startswith(first, start):
        _misread()
    at = start + len(first)
    while True:
        stop = raw.find(between, at, end)
        if stop < 0:
            _misread()
        yield at, stop + 2
        at = stop + len(between) + 2
        if raw.startswith(b"--\r\n", at - 2):
            break
        if not raw.startswith(b"\r\n", at - 2):
            _misread()
    if at + 2 != end:
        _misread()


def is_quoted_printable(raw: Octets, start: int, end: int, content: bytes) -> bool:
    """Tell whether what stands there is this text, each character of it in a way that RFC 2045 6.7 has every reader read alike."""
    coded = raw[start:end]
    lines = coded.splitlines()
    beside = coded.translate(None, _LITERAL)  # line ends and escapes alone
    return (
        binascii.a2b_qp(coded) == content
        and coded.endswith(b"\r\n")
        and beside.translate(None, b"=") == b"\r\n" * len(lines)  # fewer than lines where a CR or LF stands alone
        and max(map(len, lines)) <= _LINE
        and [*map(bytes.rstrip, lines)] == lines
        and _escapes_alone(coded, beside.count(b"="), len(lines), content)
    )


def _escapes_alone(coded: bytes, escapes: int, breaks: int, content: bytes) -> bool:
    """Tell whether every = begins an escape or a soft line end, so that no boundary of ours ("=_") can stand there.

    A line end that is not the text's is soft and shortens it by three, an escape by two; a = that decodes as itself would shorten it by
    less than its part.
    """
    soft = breaks - content.count(b"\n")
    return 2 * (escapes - soft) == len(coded) - len(content) - 3 * soft


def is_base64(raw: Octets, start: int, end: int, content: Iterable[bytes]) -> bool:
    """Tell whether what stands there are these bytes in lines of 76 characters, with nothing beside them; little is held at once."""
    at, size, rest = start, 0, b""
    for piece in regrouped(content, _AT_ONCE):
        size = len(piece)
        lines = -(-size // _GROUP)
        coded = raw[at : at + -(-size // 3) * 4 + 2 * lines]
        at += len(coded)
        if at > end or not _is_lines(coded, lines, -size % 3) or binascii.a2b_base64(coded) != piece:
            return False
        rest = piece[size - size % 3 :]
    if not size:
        return raw[start:end] == b"\r\n"
    # the bits beside the last bytes are to be 0 (RFC 4648 3.5)
    return at == end and (not rest or raw[end - 6 : end - 2] == binascii.b2a_base64(rest, newline=False))


def _is_lines(coded: bytes, lines: int, padding: int) -> bool:
    whole = _LINE + 2
    breaks = coded[_LINE::whole] + coded[_LINE + 1 :: whole]
    last = len(coded) % whole  # a shorter last line has its end elsewhere
    ends = b"\r" * (lines - (last > 0)) + b"\n" * (lines - (last > 0))
    beside = b"\r\n" * (lines - 1) + b"=" * padding + b"\r\n"
    return coded.endswith(b"=" * padding + b"\r\n") and breaks == ends and coded.translate(None, _BASE64) == beside


def _misread() -> NoReturn:
    raise Misread
