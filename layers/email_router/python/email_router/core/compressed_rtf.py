"""Unpack the compressed RTF in which Outlook keeps the text of a winmail.dat (MS-OXRTFCP)."""

from __future__ import annotations

import struct

_COMPRESSED, _STORED = 0x75465A4C, 0x414C454D  # "LZFu" and "MELA"
_HEADER = 16
_WINDOW = 4_096
# MS-OXRTFCP 2.1.2.1: what the window holds before the first byte.
_BEGINNING = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArial"
    b"Times New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_LONGEST = 1024 * 1024


def unpack(content: bytes) -> bytes:
    """Return the RTF, at most 1 MB of it, or nothing when the bytes are no compressed RTF.  Never raises.

    Linear: the format cannot grow more than eightfold, and the size that its header announces is not believed.
    """
    if len(content) < _HEADER:
        return b""
    _, size, kind, _ = struct.unpack_from("<IIII", content)
    most = min(size, _LONGEST)
    if kind == _STORED:
        return content[_HEADER : _HEADER + most]
    return _decompressed(content, most) if kind == _COMPRESSED else b""


def _decompressed(content: bytes, most: int) -> bytes:
    """Undo the compression: a control byte for eight steps, each a byte or a reference into the last 4,096 bytes."""
    told = bytearray(_BEGINNING)  # never cut: a position in the window is one in here, modulo its size
    most += len(told)
    position, end = _HEADER, len(content)
    while position < end and len(told) < most:
        control = content[position]
        position += 1
        for bit in range(8):
            if not control >> bit & 1:
                told += content[position : position + 1]
                position += 1
                continue
            if position + 1 >= end:
                return bytes(told[len(_BEGINNING) : most])
            reference = content[position] << 8 | content[position + 1]
            position += 2
            back = (len(told) - (reference >> 4)) % _WINDOW
            if not back:  # a reference to the place being written ends the text
                return bytes(told[len(_BEGINNING) : most])
            _copy(told, back, (reference & 15) + 2)
    return bytes(told[len(_BEGINNING) : most])


def _copy(told: bytearray, back: int, size: int) -> None:
    """Repeat `size` bytes from `back` bytes ago; what was never written is blank."""
    start = len(told) - back
    if start < 0:
        told += b" " * min(-start, size)
        size -= min(-start, size)
        start = 0
    while size > 0:
        piece = told[start : start + size]
        told += piece
        start += len(piece)
        size -= len(piece)
