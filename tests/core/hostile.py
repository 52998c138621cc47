"""Make mails built to exhaust their reader, each of a size that a number gives."""

from __future__ import annotations

import base64
import struct
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


def _text(value: bytes, charset: bytes = b"utf-8") -> bytes:
    return _HEAD + b"Content-Type: text/plain; charset=" + charset + b"\r\n\r\n" + value


def _attached(media_type: bytes, value: bytes) -> bytes:
    return _HEAD + b"Content-Type: " + media_type + b"\r\n\r\n" + value


def _pieces(media_type: bytes, value: bytes, count: int) -> bytes:
    """Make a multipart of so many parts of one type, all alike."""
    part = b"--b\r\nContent-Type: " + media_type + b"\r\n\r\n" + value + b"\r\n"
    return _HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * count + b"--b--\r\n"


def _winmail(*attributes: bytes) -> bytes:
    stream = b"\x78\x9f\x3e\x22\x00\x00" + b"".join(attributes)
    head = b"Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return _HEAD + head + base64.encodebytes(stream)


def _attribute(name: int, value: bytes) -> bytes:
    return struct.pack("<BHHI", 1, name, 0, len(value)) + value + b"\0\0"


def _properties(count: int) -> bytes:
    """Make a winmail.dat whose message has so many properties, each of many values without content."""
    one = struct.pack("<HHI", 0x101E, 0x1000, 8) + struct.pack("<I", 0) * 8
    return _winmail(_attribute(0x9003, struct.pack("<I", 0xFFFFFFFF) + one * count))


def _rtf(source: bytes, pieces: int = 1) -> bytes:
    """Make a winmail.dat whose text is RTF, stored without compression, as often as told."""
    body = struct.pack("<IIII", len(source) + 12, len(source), 0x414C454D, 0) + source
    value = struct.pack("<IHHII", 1, 0x0102, 0x1009, 1, len(body)) + body + b"\0" * (-len(body) % 4)
    return _winmail(*[_attribute(0x9003, value)] * pieces)


def _compressed_rtf(count: int) -> bytes:
    """Make compressed RTF that repeats the beginning of its window, 17 bytes for two, and announces 4 GB."""
    packed = b"\xff" + (b"\x00\x0f" * 8)
    body = struct.pack("<IIII", 0xFFFFFFF0, 0xFFFFFFF0, 0x75465A4C, 0) + packed * count
    value = struct.pack("<IHHII", 1, 0x0102, 0x1009, 1, len(body)) + body + b"\0" * (-len(body) % 4)
    return _winmail(_attribute(0x9003, value))


def _signatures(count: int) -> bytes:
    """Wrap a mail into opaque signatures, one around the other, beside its 2 KB of text."""
    inner = b"Content-Type: text/plain\r\n\r\n" + b"innermost " * 200
    for _ in range(count):
        octets = b"\x04\x84" + struct.pack(">I", len(inner)) + inner
        signed = (
            bytes.fromhex("3080 06092a864886f70d010702 a080 3080 020101 3100 3080 06092a864886f70d010701 a080") + octets
        )
        inner = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n" + signed
    return _HEAD + inner


def _large_signatures(count: int) -> bytes:
    """Fifty opaque signatures around so many bytes of text."""
    return _signatures(50) + b"x" * count


def _deep_and_long(count: int) -> bytes:
    """Fifty multiparts in one another, none of them closed, around so many bytes of text."""
    opened = b"".join(b'Content-Type: multipart/mixed; boundary="b%02d"\r\n\r\n--b%02d\r\n' % (n, n) for n in range(49))
    return _HEAD + opened + b"\r\n" + b"a--b0a\n" * count


def _encoded_multiparts(count: int) -> bytes:
    """Multiparts in one another, each quoted-printable as a whole."""
    body = b"Content-Type: text/plain\r\n\r\n" + b"innermost " * count
    for n in range(20):
        head = (
            b"Content-Type: multipart/mixed; boundary=3D%d\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" % n
        )
        body = head + b"--3D%d\r\n\r\nbeside\r\n--3D%d\r\n" % (n, n) + body
    return _HEAD + body


def _crowded_tags(count: int) -> bytes:
    return _html((b"<p " + b" ".join(b"a%d" % k for k in range(400)) + b">\r\n") * count)


def _wrapped_bounce(count: int) -> bytes:
    status = (
        b"Reporting-MTA: dns; x\r\n"
        + b"\r\nFinal-Recipient: rfc822; a@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n" * count
    )
    part = b"--b\r\nContent-Type: message/delivery-status\r\n\r\n" + status
    return (
        _HEAD + b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n" + part + b"--b--\r\n"
    )


_RECEIVED = (
    b"Received: from a.example (b.example [192.0.2.1]) by c.example with ESMTP id 1; Mon, 2 Nov 2026 10:00:00 +0000\r\n"
)
_RESULTS = b"Authentication-Results: mx.example; dmarc=pass (a(b)c) header.from=example.com; spf=pass\r\n"

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
    "semicolons in Content-Type": (lambda n: _field(b"Content-Type", b"text/plain" + b";" * n), 60_000),
    "blanks between semicolons": (lambda n: _field(b"Content-Type", b"text/plain" + b"; " * n), 30_000),
    "quotes between semicolons": (lambda n: _field(b"Content-Disposition", b"attachment" + b';"' * n), 30_000),
    "RFC 2231 segments": (
        lambda n: _field(
            b"Content-Disposition", b"attachment" + b"".join(b";\r\n filename*%d*=%%41" % k for k in range(n))
        ),
        3_000,
    ),
    "encoded words of changing charsets": (
        lambda n: _field(b"Subject", b"=?utf-8?q?a?= =?koi8-r?b?4Q==?= " * n),
        1_600,
    ),
    "question marks in encoded words": (lambda n: _field(b"Subject", b"=?a?b??" * n), 9_000),
    "quotes in Message-ID": (lambda n: _field(b"Message-ID", b"<" + b'"a' * n + b"@example.com>"), 30_000),
    "comments in Message-ID": (lambda n: _field(b"Message-ID", b"<" + b"(" * n + b"@example.com>"), 60_000),
    "open literals in To": (lambda n: _field(b"Cc", b"a@[" * n), 20_000),
    "blanks in Date": (lambda n: _field(b"Date", b"Mon, " + b" " * n + b"2 Nov 2026"), 60_000),
    "Received fields": (lambda n: _RECEIVED * n + _HEAD + b"\r\n", 20_000),
    "Date fields": (lambda n: b"Date: Mon, 99 Nov 2026 (((\r\n" * n + _HEAD + b"\r\n", 20_000),
    "Delivered-To fields": (lambda n: b"Delivered-To: a, b, c@example.com\r\n" * n + _HEAD + b"\r\n", 20_000),
    "Authentication-Results fields": (lambda n: _RESULTS * n + _HEAD + b"\r\n", 20_000),
    "comments in Authentication-Results": (
        lambda n: _field(b"Authentication-Results", b"mx.example; " + b"(" * n),
        60_000,
    ),
    "List fields": (lambda n: b"List-Id: <a.example>\r\nPrecedence: bulk\r\n" * n + _HEAD + b"\r\n", 20_000),
    "bytes above 127 in a header": (lambda n: _field(b"Subject", b"\x81\xe4" * n), 30_000),
    "escapes of ISO-2022 in a header": (lambda n: _field(b"Subject", b"\x1b$B8+\x1b(B" * n), 8_000),
    "bare CR in a header": (lambda n: _field(b"Subject", b"a\r" * n), 30_000),
    "NULs in a header": (lambda n: _field(b"Subject", b"a\0" * n), 30_000),
    "tracking tokens in the subject": (lambda n: _field(b"Subject", b"CRM:0001001 " * n), 5_000),
    "Re: in the subject": (lambda n: _field(b"Subject", b"Re: " * n), 16_000),
    "escapes of ISO-2022": (lambda n: _text(b"\x1b$B8+\x1b(B" * n, b"iso-2022-jp"), 400_000),
    "escapes of ISO-2022-KR": (lambda n: _text(b"\x1b$)C\x0e8+\x0f" * n, b"iso-2022-kr"), 400_000),
    "shifts of UTF-7": (lambda n: _text(b"+AGE-" * n, b"utf-7"), 800_000),
    "broken UTF-8": (lambda n: _text(b"\xc3" * n), 2_000_000),
    "bytes that no charset has": (lambda n: _text(b"\x81" * n, b"us-ascii"), 4_000_000),
    "bare CR in the text": (lambda n: _text(b"x\r" * n + b"\n"), 2_000_000),
    "nothing but bare CR": (lambda n: (_HEAD + b"\r\n" + b"x\r\n" * n).replace(b"\r\n", b"\r"), 2_000_000),
    "NULs in the text": (lambda n: _text(b"x\0" * n), 2_000_000),
    "one long line": (lambda n: _text(b"x" * n), 8_000_000),
    "empty lines": (lambda n: _text(b"\r\n" * n), 2_000_000),
    "words in the text": (lambda n: _text(b"a " * n), 500_000),
    "garbage in base64": (lambda n: _encoded(b"base64", b"QUJD" * 1_100 + b"*A" * n), 2_000_000),
    "lines in base64": (lambda n: _encoded(b"base64", b"Q\r\n" * n), 1_000_000),
    "digits astray in quoted-printable": (lambda n: _encoded(b"quoted-printable", b"=4 =\r =" * n), 400_000),
    "blanks at line ends of quoted-printable": (lambda n: _encoded(b"quoted-printable", b" " * n), 2_000_000),
    "uuencoded files in the text": (lambda n: _text(b"begin 644 a\r\n#0V%T\r\nend\r\n" * n), 60_000),
    "beginnings of uuencoded files": (lambda n: _text(b"begin 644 a\r\n" * n), 100_000),
    "blanks behind begin": (lambda n: _text((b"begin 644 a" + b" " * 250 + b"x" * 40 + b"\r\n") * n), 5_000),
    "uuencode of empty lines": (lambda n: _text(b"begin 644 a\r\n" + b"\r\n" * n), 400_000),
    "uuencode of grave accents": (lambda n: _text(b"begin 644 a\r\n" + b"`\r\n" * n), 400_000),
    "entities in html": (lambda n: _html(b"&amp;" * n), 40_000),
    "unknown entities in html": (lambda n: _html(b"&" + b"a" * 40 + b"&#" * n), 40_000),
    "links in html": (lambda n: _html(b'<a href="https://a.example/?x=1&y=2">x</a>' * n), 20_000),
    "attributes without an end": (lambda n: _html(b'<a href="' * n), 60_000),
    "tags of many attributes": (_crowded_tags, 320),
    "pictures in html": (lambda n: _html(b'<img src="cid:a">' * n), 40_000),
    "closing tags": (lambda n: _html(b"</p>" * n), 80_000),
    "bold in paragraphs": (lambda n: _html(b"<b><p>" * n), 40_000),
    "formatting left open": (lambda n: _html(b"<b><i><u><p>" * n), 10_000),
    "cells without rows": (lambda n: _html(b"<table>" + b"<td>x" * n), 40_000),
    "lists in lists": (lambda n: _html(b"<ul><li>" * n), 40_000),
    "svg and math in html": (lambda n: _html(b"<svg><math>" * n), 40_000),
    "templates in html": (lambda n: _html(b"<template><select>" * n), 40_000),
    "meta charset without an end": (lambda n: _html(b"<meta " * n), 50_000),
    "html parts": (lambda n: _pieces(b"text/html", b"<b>" * 200, n), 800),
    "text parts in a bounce": (
        lambda n: (
            b"Return-Path: <>\r\n"
            + _pieces(b"text/plain", b"message-id : <\r\n" * 50, n).replace(b"Ann <ann@", b"<mailer-daemon@")
        ),
        800,
    ),
    "mails attached without a text": (lambda n: _pieces(b"message/rfc822", b"Subject: x\r\n" * 20, n), 800),
    "mails with parts, attached": (
        lambda n: _pieces(
            b"message/rfc822", b"Content-Type: multipart/mixed; boundary=c\r\n\r\n" + b"--c\r\n\r\n \r\n" * n, 5
        ),
        20_000,
    ),
    "delivery reports": (
        lambda n: _pieces(b"message/delivery-status", b"Final-Recipient: rfc822; a@example.com", n),
        800,
    ),
    "recipients in a real report": (_wrapped_bounce, 2_000),
    "lines of a calendar": (lambda n: _attached(b"text/calendar", b"BEGIN:VEVENT\r\nSUMMARY:x\r\n" * n), 3_000),
    "folds of a calendar": (lambda n: _attached(b"text/calendar", b"BEGIN:VEVENT\r\nSUMMARY:" + b"x\r\n " * n), 16_000),
    "parameters of a calendar": (
        lambda n: _attached(b"text/calendar", b"BEGIN:VEVENT\r\nDTSTART" + b';A="' * n + b"\r\n"),
        20_000,
    ),
    "escapes of a calendar": (
        lambda n: _attached(b"text/calendar", b"BEGIN:VEVENT\r\nDESCRIPTION:" + b"\\n" * n + b"\r\n"),
        30_000,
    ),
    "calendars": (lambda n: _pieces(b"text/calendar", b"BEGIN:VTIMEZONE\r\n" * 20, n), 800),
    "properties of winmail.dat": (_properties, 40_000),
    "files of winmail.dat": (
        lambda n: _winmail(_attribute(0x9002, b"") + _attribute(0x800F, b"x"), *[_attribute(0x9002, b"")] * n),
        8_000,
    ),
    "braces in RTF": (lambda n: _rtf(b"{\\rtf1" + b"{}" * n), 60_000),
    "open braces in RTF": (lambda n: _rtf(b"{\\rtf1" + b"{" * n), 100_000),
    "control words in RTF": (lambda n: _rtf(b"{\\rtf1" + b"\\f0" * n), 40_000),
    "characters of RTF": (lambda n: _rtf(b"{\\rtf1" + b"\\'e4" * n), 40_000),
    "Unicode in RTF": (lambda n: _rtf(b"{\\rtf1" + b"\\u8364?" * n), 30_000),
    "RTF once more": (lambda n: _rtf(b"{\\rtf1{\\*\\x " + b"{}" * 500, n), 200),
    "winmail.dat of RTF": (
        lambda n: _pieces(
            b"application/ms-tnef\r\nContent-Transfer-Encoding: base64",
            _rtf(b"{\\rtf1" + b"{}" * 5_000).partition(b"\r\n\r\n")[2],
            n,
        ),
        40,
    ),
    "compressed RTF": (_compressed_rtf, 40_000),
    "signatures in signatures": (_signatures, 50),
    "signatures around a large text": (_large_signatures, 400_000),
    "long multiparts in one another": (_deep_and_long, 100_000),
    "encoded multiparts in one another": (_encoded_multiparts, 20_000),
}
"""Name -> (what makes a mail of n, the n that it is tried with)."""
