"""Undo the content transfer encoding of a part (RFC 2045 6), also where it is broken."""

from __future__ import annotations

import binascii
import re

import pybase64

from email_router.core.limits import Defects

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
# RFC 2045 6.7 (3): blanks at the end of a line were put there on the way, those behind a soft line break too.
_BLANKS_BEHIND_BREAK = re.compile(rb"=[ \t]++(?=\r?\n|\Z)")
_UU_LINE = re.compile(rb"[^\r\n]+")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_FOREIGN = bytes(set(range(256)) - set(_ALPHABET) | {ord("=")})
_SAMPLE = 4_096
# Pieces of base64 with padding of their own come from software that encodes line by line; smaller ones are made to be slow.
_FEW_PIECES, _SMALL_PIECE = 100, 32
_IDENTITY = frozenset({"", "7bit", "8bit", "binary", "7-bit", "8-bit", "none"})
_UUENCODED = frozenset({"x-uuencode", "uuencode", "x-uue", "uue"})


def decode(content: bytes, encoding: str, defects: Defects) -> bytes:
    """Return the decoded bytes; an unknown encoding leaves them as they are, with a defect.  Never raises; linear in size."""
    name = encoding.strip(" \t;\"'").lower()
    if name in _IDENTITY:
        return content
    if name == "base64":
        return _base64(content, defects)
    if name == "quoted-printable":
        return binascii.a2b_qp(_BLANKS_BEHIND_BREAK.sub(b"=", content))
    if name in _UUENCODED:
        return _uudecode(content, defects)
    defects.add("an unknown content transfer encoding")
    return content


def _base64(content: bytes, defects: Defects) -> bytes:
    """Decode base64; text that was never base64 stays as it is, what was cut or soiled gives what it still holds."""
    padding = content.find(b"=")
    sample = content[: _SAMPLE if padding < 0 else min(padding, _SAMPLE)].translate(None, b" \t\r\n")
    foreign = len(sample.translate(None, _ALPHABET))
    if foreign * 20 > len(sample):  # more than one foreign character in twenty
        defects.add("declared as base64, which it is not")
        return content
    if padding >= 0:
        rest = content[padding:].lstrip(b"= \t\r\n")
        if rest:
            return _digits(content[:padding], defects) + _after_padding(rest, defects)
    try:
        return pybase64.b64decode(content)  # what is not base64 between the digits is skipped
    except binascii.Error:
        return _digits(content[:padding] if padding >= 0 else content, defects)


def _digits(content: bytes, defects: Defects) -> bytes:
    """Decode base64 without padding, whatever stands between its digits."""
    try:
        return pybase64.b64decode(content + b"==")  # more padding than needed does no harm, less raises
    except binascii.Error:
        pass
    defects.add("broken base64")
    digits = content.translate(None, _FOREIGN)
    if len(digits) % 4 == 1:  # one digit too many says nothing
        digits = digits[:-1]
    return pybase64.b64decode(digits + b"=" * (-len(digits) % 4))


def _after_padding(rest: bytes, defects: Defects) -> bytes:
    """Read what follows the first padding: pieces encoded one by one are content, a list's plain-text footer is not."""
    defects.add("base64 goes on after its padding")
    most = _FEW_PIECES + len(rest) // _SMALL_PIECE
    pieces = rest.split(b"=", most)
    if len(pieces) > most:
        defects.over(f"base64 in pieces of less than {_SMALL_PIECE} characters")
        pieces.pop()
    decoded: list[bytes] = []
    for piece in pieces:
        digits = b"".join(piece.split())
        if not digits:
            continue
        if _NOT_BASE64.search(digits) or len(digits) % 4 == 1 or b" " in piece.strip():
            break
        decoded.append(pybase64.b64decode(digits + b"=" * (-len(digits) % 4)))
    return b"".join(decoded)


def _uudecode(content: bytes, defects: Defects) -> bytes:
    decoded = bytearray()
    begun = b"begin " not in content
    for found in _UU_LINE.finditer(content):
        line = found[0]
        if not begun:
            begun = line.startswith(b"begin ")
            continue
        if line.strip() in (b"end", b"`"):
            break
        try:
            decoded += binascii.a2b_uu(line)
        except binascii.Error:
            size = (
                (((line[0] - 32) & 63) * 4 + 5) // 3 if line else 0
            )  # some encoders write a longer line than they announce
            try:
                decoded += binascii.a2b_uu(line[:size])
            except binascii.Error:
                defects.add("broken uuencode")
    return bytes(decoded)
