"""Take the files out of a text that carries them uuencoded, as mail did before MIME."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field

_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,255}+)\r?\n", re.MULTILINE)
_FEW_LINES, _SHORT_LINE = 1_000, 32  # files of shorter lines are made to be slow
_LINE = re.compile(rb"[ -`]{1,90}")  # 45 bytes take 61 characters; some encoders add a checksum


@dataclass(frozen=True, slots=True)
class UuencodedFile:
    """One file: its name as written behind `begin`, undecoded, and its bytes."""

    name: bytes
    content: bytes = field(repr=False)


def take_out(text: bytes, most: int) -> tuple[bytes, list[UuencodedFile]]:
    """Return the text without its uuencoded files, and at most `most` files.  Never raises; linear in size.

    Only `begin MODE NAME`, nothing but uuencoded lines, `end` is a file; anything else, such as a sentence beginning with "begin", stays.
    """
    if b"begin " not in text:
        return text, []
    found: list[UuencodedFile] = []
    kept: list[bytes] = []
    position = 0
    while len(found) < most and (begin := _BEGIN.search(text, position)):
        content, stop = _file(text, begin.end())
        if content is None:
            kept.append(text[position:stop])
        else:
            found.append(UuencodedFile(begin[1].rstrip(b" \t"), content))
            kept.append(text[position : begin.start()])
        position = stop
    kept.append(text[position:])
    return b"".join(kept), found


def _file(text: bytes, start: int) -> tuple[bytes | None, int]:
    """Return the bytes of the lines from `start` to `end`, and where reading stopped; None when a line is something else."""
    pieces: list[bytes] = []
    position = start
    few = _FEW_LINES + len(text) // _SHORT_LINE
    while position < len(text) and len(pieces) < few:
        newline = text.find(b"\n", position)
        following = len(text) if newline < 0 else newline + 1
        line = text[position:following].rstrip(b"\r\n")
        if line.rstrip() == b"end":
            return (b"".join(pieces), following) if any(pieces) else (None, following)
        piece = _decoded(line)
        if piece is None:
            return None, position
        pieces.append(piece)
        position = following
    return None, position


def _decoded(line: bytes) -> bytes | None:
    if not line:
        return b""
    if not _LINE.fullmatch(line):
        return None
    digits = (((line[0] - 32) & 63) * 4 + 2) // 3
    try:
        return binascii.a2b_uu(line[: 1 + (digits + 3) // 4 * 4])
    except binascii.Error:
        return None
