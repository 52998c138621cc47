"""Make a mail's text ready for an SMTP line: whole lines, dots stuffed (RFC 5321 4.5.2), nothing in it that could end it early."""

from __future__ import annotations

from io import IncrementalNewlineDecoder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from email_router.core.octets import Octets

_PIECE = 256 * 1024
_LINE_END = b"\r\n"


def flaw_of(text: Octets) -> str:
    """Say why the bytes may not go on the wire, or nothing: a bare CR or LF may smuggle a second mail, a NUL cut this one."""
    ends = IncrementalNewlineDecoder(
        None, translate=False
    )  # which tells what line ends it has seen, a third of the cost of counting
    cut = False
    for piece in whole_lines(text):
        ends.decode(piece.decode("latin-1"))
        cut = cut or b"\0" in piece
    if ends.newlines != "\r\n" or not text.endswith(_LINE_END) or cut:
        return "the mail holds a bare CR, a bare LF or a NUL, or does not end with CRLF"
    return ""


def whole_lines(text: Octets) -> Iterator[bytes]:
    """Yield the bytes in pieces that end with a line each, so that a large mail is never held twice; a small one is one piece."""
    start = 0
    while len(text) - start > _PIECE:
        end = text.rfind(_LINE_END, start, start + _PIECE)
        if end < 0:  # a line longer than a piece
            end = text.find(_LINE_END, start)
        if end < 0:
            break
        yield text[start : end + len(_LINE_END)]
        start = end + len(_LINE_END)
    if start < len(text) or not text:
        yield text[start:]


def stuffed(lines: bytes) -> bytes:
    """Return whole lines with a dot more before each that begins with one."""
    more = lines.replace(b"\r\n.", b"\r\n..")
    return b"." + more if more.startswith(b".") else more
