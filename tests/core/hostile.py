"""Make mails built to exhaust their reader, each of a size that a number gives."""

from __future__ import annotations

import base64
from collections.abc import Callable

_HEAD = b"From: Ann <ann@example.com>\r\nTo: sales@contoso.example\r\nSubject: hostile\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\n"


def _nested_multiparts(count: int) -> bytes:
    opened = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(count))
    return _HEAD + opened + b"\r\ninnermost\r\n" + b"".join(b"--b%d--\r\n" % n for n in reversed(range(count)))


def _nested_messages(count: int) -> bytes:
    return _HEAD + b"Content-Type: message/rfc822\r\n\r\n" * count + b"Subject: innermost\r\n\r\ntext\r\n"


def _parts(count: int) -> bytes:
    return _HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * count + b"--b--\r\n"


def _near_boundaries(count: int) -> bytes:
    return _HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bx\r\n" * count


def _same_boundary_nested(count: int) -> bytes:
    return (
        _HEAD
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * count
    )


def _field(name: bytes, value: bytes) -> bytes:
    return name + b": " + value + b"\r\n" + _HEAD + b"\r\ntext\r\n"


def _in_from(value: bytes) -> bytes:
    return b"From: " + value + b"\r\nSubject: hostile\r\n\r\ntext\r\n"


def _html(value: bytes) -> bytes:
    return _HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + value


def _encoded(encoding: bytes, value: bytes) -> bytes:
    return (
        _HEAD
        + b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: "
        + encoding
        + b"\r\n\r\n"
        + value
    )


def _parameters(count: int) -> bytes:
    return _field(b"Content-Type", b"text/plain" + b"".join(b";\r\n name*%d*=%%41" % n for n in range(count)))


def _bounce(value: bytes) -> bytes:
    head = b"From: MAILER-DAEMON@example.com\r\nReturn-Path: <>\r\nSubject: Undelivered mail\r\n\r\n"
    return head + value


def _report(count: int) -> bytes:
    block = b"\r\nFinal-Recipient: rfc822; a@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    return _HEAD + b"Content-Type: message/delivery-status\r\n\r\n" + block * count


def _tnef(count: int) -> bytes:
    empty = b"\x02\x02\x90\x06\x00\x00\x00\x00\x00\x00\x00"
    stream = b"\x78\x9f\x3e\x22\x00\x00" + empty * count
    return (
        _HEAD
        + b"Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(stream)
    )


FAMILIES: dict[str, tuple[Callable[[int], bytes], int]] = {
    "multiparts in multiparts": (_nested_multiparts, 1_000),
    "messages in messages": (_nested_messages, 1_000),
    "parts": (_parts, 50_000),
    "lines that are nearly boundaries": (_near_boundaries, 100_000),
    "one boundary nested in itself": (_same_boundary_nested, 5_000),
    "To fields": (lambda n: b"To: a@example.com\r\n" * n + _HEAD + b"\r\n", 100_000),
    "header fields": (lambda n: b"".join(b"X-%d: y\r\n" % k for k in range(n)) + _HEAD + b"\r\n", 50_000),
    "header lines that are none": (lambda n: b"junk\r\n" * n + _HEAD + b"\r\n", 20_000),
    "folded lines": (lambda n: _field(b"Subject", b"x" + b"\r\n x" * n), 50_000),
    "one long header": (lambda n: _field(b"X-Long", b"x" * n), 2_000_000),
    "encoded words": (lambda n: _field(b"Subject", b"=?utf-8?q?a?= " * n), 16_000),
    "encoded words in From": (lambda n: _in_from(b"=?utf-8?q?a?= " * n + b"<a@example.com>"), 16_000),
    "beginnings of encoded words": (lambda n: _field(b"Subject", b"=?" * n), 500_000),
    "encoded words without an end": (lambda n: _field(b"Subject", b"=?a?q?" * n), 100_000),
    "addresses": (lambda n: _field(b"Cc", b", ".join(b"n%d <a%d@example.com>" % (k, k) for k in range(n))), 5_000),
    "unusual addresses": (lambda n: _field(b"Cc", b'"a\\"b" (c) <"x y"@example.com>, ' * n), 5_000),
    "parentheses in From": (lambda n: _in_from(b"(" * n), 50_000),
    "parentheses closed": (lambda n: _in_from(b"(" * n + b")" * n + b"a@example.com"), 30_000),
    "quotes in From": (lambda n: _in_from(b'"' * n), 16_000),
    "escaped quotes in From": (lambda n: _in_from(b'"\\' * n), 30_000),
    "angles in From": (lambda n: _in_from(b"<" * n), 60_000),
    "routes in To": (lambda n: _field(b"Cc", b"<" + b"@a," * n + b":b@example.com>"), 20_000),
    "commas in To": (lambda n: _field(b"Cc", b"," * n), 60_000),
    "groups in To": (lambda n: _field(b"Cc", b"a:" * n), 30_000),
    "blanks in To": (lambda n: _field(b"Cc", b"a" + b" " * n + b"b"), 60_000),
    "references": (lambda n: _field(b"References", b"<a@example.com> " * n), 20_000),
    "angles in References": (lambda n: _field(b"References", b"<" * n), 60_000),
    "parameters": (_parameters, 4_000),
    "blanks in Content-Type": (lambda n: _field(b"Content-Type", b"text/plain; a" + b" " * n), 60_000),
    "open quotes in Content-Type": (lambda n: _field(b"Content-Type", b'text/plain; a="' + b'\\"' * n), 30_000),
    "comments in Date": (lambda n: _field(b"Date", b"(" * n), 60_000),
    "elements in elements": (lambda n: _html(b"<div>" * n), 100_000),
    "fonts in fonts": (lambda n: _html(b"".join(b"<font size=%d>" % k for k in range(n))), 50_000),
    "links around blocks": (lambda n: _html(b"<a><div></a>" * n), 50_000),
    "tables in tables": (lambda n: _html(b"<table>x" * n), 50_000),
    "attributes": (lambda n: _html(b"<p " + b" ".join(b"a%d" % k for k in range(n)) + b">"), 200_000),
    "angles in html": (lambda n: _html(b"<" * n), 500_000),
    "ampersands in html": (lambda n: _html(b"&" * n), 500_000),
    "blanks in html": (lambda n: _html(b"&nbsp; \t" * n), 200_000),
    "comments in html": (lambda n: _html(b"<!--" * n), 600_000),
    "paddings in base64": (lambda n: _encoded(b"base64", b"QQ==" * n), 200_000),
    "lines in uuencode": (lambda n: _encoded(b"x-uuencode", b"begin 644 a\r\n" + b"#0V%T\r\n" * n), 200_000),
    "soft breaks": (lambda n: _encoded(b"quoted-printable", b"=\r\n" * n), 300_000),
    "angles in a bounce": (lambda n: _bounce(b"<" * n), 1_000_000),
    "addresses in a bounce": (lambda n: _bounce(b"<a@example.com>: failed\r\n" * n), 50_000),
    "blanks in a bounce": (lambda n: _bounce(b" " * n), 1_000_000),
    "recipients in a report": (_report, 50_000),
    "attributes of winmail.dat": (_tnef, 100_000),
    "quote marks in the text": (lambda n: _HEAD + b"\r\n" + b">" * n, 1_000_000),
}
"""Name -> (what makes a mail of n, the n that it is tried with)."""
