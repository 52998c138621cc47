"""Read JSON whose long strings are base64, and decode these while they come: an answer of 27 MB is never in memory as text."""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

LONG = 64 * 1024
"""A string of more characters than this is decoded while it comes, if it is base64; any other is left as it is."""

_SPECIAL = re.compile(rb'["\\]')
_MOST_PADDING = 2
_QUOTE, _SLASH = b'"', b"\\/"


def read_json(pieces: Iterable[bytes]) -> Any:  # noqa: ANN401 - JSON has no one type
    """Return what the pieces hold, a long string of base64 as its bytes.  Raises ValueError for what is no JSON."""
    reader = _Reader()
    for piece in pieces:
        reader.feed(piece)
    return reader.result()


class _Reader:
    """Copies JSON, and puts a mark that nobody can guess where a long string of base64 was."""

    def __init__(self) -> None:
        self._outline = bytearray()
        self._mark = secrets.token_hex(16)
        self._found: list[bytes] = []
        self._text: _Text | None = None
        self._escaped = False

    def feed(self, piece: bytes) -> None:
        at = 0
        while at < len(piece):
            at = self._outside(piece, at) if self._text is None else self._inside(self._text, piece, at)

    def result(self) -> Any:  # noqa: ANN401 - as above
        if self._text is not None:
            raise ValueError("a string is not closed")
        outline, self._outline = self._outline, bytearray()
        return self._filled(json.loads(outline))

    def _outside(self, piece: bytes, at: int) -> int:
        end = piece.find(_QUOTE, at) + 1
        if not end:
            self._outline += piece[at:]
            return len(piece)
        self._outline += piece[at:end]
        self._text = _Text()
        return end

    def _inside(self, text: _Text, piece: bytes, at: int) -> int:
        if self._escaped:
            self._escaped = False
            text.add(b"\\" + piece[at : at + 1])
            return at + 1
        special = _SPECIAL.search(piece, at)
        end = special.start() if special else len(piece)
        text.add(piece[at:end])
        if special is None:
            return end
        if special[0] == _QUOTE:
            self._close(text)
        else:
            self._escaped = True
        return end + 1

    def _close(self, text: _Text) -> None:
        decoded = text.decoded()
        if decoded is None:
            self._outline += text.plain()
        else:
            self._outline += f"{self._mark}{len(self._found)}".encode()
            self._found.append(decoded)
        self._outline += _QUOTE
        self._text = None

    def _filled(self, value: Any) -> Any:  # noqa: ANN401 - as above
        if isinstance(value, dict):
            return {name: self._filled(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._filled(one) for one in value]
        if isinstance(value, str) and value.startswith(self._mark):
            return self._found[int(value.removeprefix(self._mark))]
        return value


class _Text:
    """One string: what came of it, and once it is long, its bytes as far as they are decoded."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._decoded = bytearray()
        self._is_base64 = True
        self._is_long = False

    def add(self, part: bytes) -> None:
        self._held += part
        if self._is_base64 and len(self._held) > LONG:
            self._is_long = True
            self._decode()

    def decoded(self) -> bytes | None:
        """Return the bytes of a long string of base64; None for any other, which `plain` has."""
        if self._is_long and self._is_base64:
            self._decode(last=True)
        return bytes(self._decoded) if self._is_long and self._is_base64 else None

    def plain(self) -> bytes:
        return bytes(self._held)

    def _decode(self, *, last: bool = False) -> None:
        """Decode what there is in whole groups of four; what is no base64 goes back to what it was.  Padding is left for the end."""
        text = bytes(self._held).replace(_SLASH, b"/")
        bare = text.rstrip(b"=")
        if len(text) - len(bare) > _MOST_PADDING or (last and len(text) % 4):
            self._give_back()
        elif last or len(bare) == len(text):
            whole = len(text) - len(text) % 4
            try:
                self._decoded += base64.b64decode(text[:whole], validate=True)
                self._held = bytearray(text[whole:])
            except binascii.Error:
                self._give_back()

    def _give_back(self) -> None:
        self._is_base64 = False
        self._held[:0] = base64.b64encode(self._decoded)
        self._decoded.clear()
