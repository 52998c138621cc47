"""Make broken mails out of whole ones, the same ones for the same seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from functools import cache

from tests.core.hostile import FAMILIES
from tests.shared import PROJECT, SHARED

_LONGEST = 256 * 1024
_HOSTILE_SIZE = 200  # a family of n is a seed at n / 200: enough of its kind, and quick to read
_MOST_CHANGES = 6
_BOUNDARY = re.compile(rb'boundary="?([^"\s;]{1,70})', re.IGNORECASE)
_FIELDS_END = re.compile(rb"\r?\n\r?\n")

_SPLICED = (
    *(b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\x1b$B", b"\x1b(J", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf0\x9f"),
    *(b'"', b"\\", b"(", b")", b"<", b">", b"@", b",", b";", b":", b"=", b"%", b"'", b"*0*=", b"=?utf-8?b?", b"=?x?q?=ff?=", b"?="),
    *(b"=?iso-2022-jp?b?GyRC?=", b"=?utf-7?q?+2AA-?=", b"=?unknown?q?=80?=", b"=0D=0ABcc: e@evil.example"),
    *(b"=\r\n", b"====", b"\xe2\x80\xae"),
    *(b"From: a@example.com\r\n", b"From: b <c@example.com>, d@example.com\r\n", b"To: g: a@example.com, b;\r\n", b"Subject:\r\n"),
    *(b"Date: Fri, 31 Feb 99999 25:61:61 +9999\r\n", b"Message-ID: <>\r\n", b"References: <a@b> <c\r\n", b"Return-Path: <>\r\n"),
    *(b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n", b"Content-Type: text/html; charset=utf-7\r\n"),
    *(b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n", b"Content-Type: text/calendar\r\n"),
    *(b"Content-Type: message/delivery-status\r\n", b"Content-Type: application/ms-tnef\r\n", b"Content-Type: text/rtf\r\n"),
    *(b"Content-Type: application/pkcs7-mime\r\n", b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: x-uuencode\r\n"),
    *(b"Content-Transfer-Encoding: quoted-printable\r\n", b"Content-Disposition: attachment; filename*0*=%ff; filename*1=x\r\n"),
    *(b"Auto-Submitted: auto-replied\r\n", b"Thread-Index: AQHZ\r\n", b"X-MS-Exchange-Organization-SCL: 9\r\n", b"Received: x; y\r\n"),
    *(b"--b\r\n", b"--b--\r\n", b"begin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\n"),
    *(b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", b"{\\rtf1\\ansi\\bin99999 "),
    *(b"<table>", b"<!--", b"<![CDATA[", b"<svg><style>", b"</p>", b"&#x110000;", b"&#0;", b"<a href='", b"<p " + b"a=b " * 50),
    *(b"\x78\x9f\x3e\x22", b"MAIL\0\0\0\0", b"LZFu", b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80"),
)  # fmt: skip
_CHARSETS = (
    b"utf-7",
    b"utf-16",
    b"iso-2022-jp",
    b"iso-2022-kr",
    b"hz",
    b"big5",
    b"idna",
    b"unicode_escape",
    b"cp65001",
    b"x" * 90,
    b"",
)
_ENCODINGS = (b"base64", b"quoted-printable", b"x-uuencode", b"8bit", b"binary", b"x-unknown", b"")
_TYPES = (
    *(b"message/rfc822", b"message/delivery-status", b"multipart/mixed", b"multipart/digest", b"text/html", b"text/calendar", b"text/rtf"),
    *(b"application/ms-tnef", b"application/pkcs7-mime", b"text/rfc822-headers", b"/", b"multipart/report; report-type=feedback-report"),
)  # fmt: skip
_NUMBERS = (b"0", b"-1", b"999999999999", b"4294967295", b"2147483648", b"65001", b"\xd9\xa3", b"1e9")


@cache
def seeds() -> tuple[bytes, ...]:
    """Return the whole mails: our own, the corpora beside the project where they are, and every hostile family in small."""
    files = sorted((PROJECT / "tests" / "mails").glob("*.eml"))
    files += sorted(
        path for path in (SHARED / "corpora").rglob("*") if path.suffix in (".eml", ".txt") and path.is_file()
    )
    found = [path.read_bytes() for path in files if path.parent.name != "LICENSES"]
    found += [make(max(1, size // _HOSTILE_SIZE)) for make, size in FAMILIES.values()]
    return tuple(raw[:_LONGEST] for raw in found)


def mutant(seed: int, number: int) -> bytes:
    """Return the mutant `number` of a seed; it rests on these two alone."""
    dice = random.Random(f"{seed}/{number}")
    raw = dice.choice(seeds())
    for _ in range(dice.randint(1, _MOST_CHANGES)):
        raw = dice.choice(CHANGES)(raw, dice)[:_LONGEST]
    return raw


def _at(raw: bytes, dice: random.Random) -> int:
    """Return a place in the mail: half of the time in its header, where most is decided."""
    head = _FIELDS_END.search(raw)
    end = head.end() if head and dice.random() < 0.5 else len(raw)
    return dice.randint(0, end)


def _flip_bits(raw: bytes, dice: random.Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(dice.choice((1, 1, 4, 32)) if raw else 0):
        changed[min(_at(raw, dice), len(raw) - 1)] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _insert(raw: bytes, dice: random.Random) -> bytes:
    at = _at(raw, dice)
    return raw[:at] + dice.choice(_SPLICED) * dice.choice((1, 1, 1, 2, 60)) + raw[at:]


def _insert_line(raw: bytes, dice: random.Random) -> bytes:
    at = raw.find(b"\n", _at(raw, dice)) + 1
    return raw[:at] + dice.choice(_SPLICED) + raw[at:]


def _overwrite(raw: bytes, dice: random.Random) -> bytes:
    at, piece = _at(raw, dice), dice.choice((*_SPLICED, dice.randbytes(dice.randint(1, 64))))
    return raw[:at] + piece + raw[at + len(piece) :]


def _truncate(raw: bytes, dice: random.Random) -> bytes:
    return raw[: _at(raw, dice)]


def _cut_out(raw: bytes, dice: random.Random) -> bytes:
    at = _at(raw, dice)
    return raw[:at] + raw[at + dice.choice((1, 2, 16, 200, 5_000)) :]


def _repeat(raw: bytes, dice: random.Random) -> bytes:
    at, size = _at(raw, dice), dice.choice((1, 4, 40, 400))
    return raw[:at] + raw[at : at + size] * dice.choice((1, 2, 30)) + raw[at:]


def _splice(raw: bytes, dice: random.Random) -> bytes:
    other = dice.choice(seeds())
    return raw[: _at(raw, dice)] + other[_at(other, dice) :]


def _header_of_another(raw: bytes, dice: random.Random) -> bytes:
    other = dice.choice(seeds())
    head, own = _FIELDS_END.search(other), _FIELDS_END.search(raw)
    return (other[: head.start()] if head else other) + b"\r\n\r\n" + (raw[own.end() :] if own else raw)


def _double_fields(raw: bytes, dice: random.Random) -> bytes:
    head = _FIELDS_END.search(raw)
    lines = raw[: head.start() if head else len(raw)].split(b"\n")
    picked = dice.choices(lines, k=dice.choice((1, 3, 30)))
    at = dice.randint(0, len(lines))
    return b"\n".join((*lines[:at], *picked, *lines[at:])) + (raw[head.start() :] if head else b"")


def _shuffle_fields(raw: bytes, dice: random.Random) -> bytes:
    head = _FIELDS_END.search(raw)
    lines = raw[: head.start() if head else len(raw)].split(b"\n")
    dice.shuffle(lines)
    return b"\n".join(lines) + (raw[head.start() :] if head else b"")


def _edit_boundary(raw: bytes, dice: random.Random) -> bytes:
    found = _BOUNDARY.findall(raw)
    if not found:
        return _insert(raw, dice)
    one = dice.choice(found)
    others = (
        b"",
        one[:-1],
        one + b"x",
        one + b"--",
        b"--" + one,
        one.swapcase(),
        one + b" ",
        b'"' + one,
        dice.choice(found),
    )
    places = [match.start() for match in re.finditer(re.escape(one), raw)]
    at = dice.choice(places)
    if dice.random() < 0.3:
        return raw.replace(one, dice.choice(others))
    return raw[:at] + dice.choice(others) + raw[at + len(one) :]


def _change_value(raw: bytes, dice: random.Random) -> bytes:
    name, values = dice.choice(
        (
            (rb"charset=\"?[\w-]+", _CHARSETS),
            (rb"(?i)encoding: *[\w-]+", _ENCODINGS),
            (rb"[a-z]+/[a-z0-9.-]+", _TYPES),
            (rb"\d{1,12}", _NUMBERS),
        )
    )
    found = [match.span() for match in re.finditer(name, raw)]
    if not found:
        return _insert_line(raw, dice)
    start, end = dice.choice(found)
    kept = re.match(rb"(?i)charset=\"?|encoding: *|", raw[start:end])
    return raw[: start + (kept.end() if kept else 0)] + dice.choice(values) + raw[end:]


def _change_line_ends(raw: bytes, dice: random.Random) -> bytes:
    bare = raw.replace(b"\r\n", b"\n")
    return bare.replace(b"\n", dice.choice((b"\n", b"\r\n", b"\r", b"\r\r\n", b"\n\n", b"\n\r")))


def _wrap(raw: bytes, dice: random.Random) -> bytes:
    head = dice.choice(
        (
            b"message/rfc822",
            b"multipart/mixed; boundary=b\r\n\r\n--b",
            b"application/pkcs7-mime",
            b"multipart/signed; boundary=b\r\n\r\n--b",
        )
    )
    return (
        b"From: w@example.com\r\nSubject: Fwd\r\nContent-Type: "
        + head
        + b"\r\n\r\n"
        + raw
        + dice.choice((b"", b"\r\n--b--\r\n"))
    )


CHANGES: Sequence[Callable[[bytes, random.Random], bytes]] = (
    *(_flip_bits, _insert, _insert_line, _overwrite, _truncate, _cut_out, _repeat, _splice, _header_of_another),
    *(_double_fields, _shuffle_fields, _edit_boundary, _edit_boundary, _change_value, _change_value, _change_line_ends, _wrap),
)  # fmt: skip
"""What is done to a mail, one to six times; those that matter most stand twice."""
