"""Bytes that may be too many to be held: asked as bytes are, they are read where they lie, a piece at a time."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_AT_ONCE = 256 * 1024
"""Bytes that are read at once where something is looked for."""


class Octets(Protocol):
    """What of bytes is asked of a large mail; `bytes` are one kind of it.  Slices have no step, and count from the beginning."""

    def __len__(self) -> int:
        """Return how many they are."""

    def __getitem__(self, span: slice, /) -> bytes:
        """Return a part, held."""

    def find(self, wanted: bytes, start: int = 0, end: int | None = None, /) -> int:
        """Return where this stands first between these places, or -1."""

    def rfind(self, wanted: bytes, start: int = 0, end: int | None = None, /) -> int:
        """Return where this stands last between these places, or -1."""

    def startswith(self, wanted: bytes, start: int = 0, /) -> bool:
        """Tell whether this stands there."""

    def endswith(self, wanted: bytes, /) -> bool:
        """Tell whether this stands at the end."""

    def isascii(self) -> bool:
        """Tell whether all are ASCII."""


class LongOctets:
    """So many bytes that lie elsewhere; `read` returns those from a place to another, both within, and raises what the place raises."""

    def __init__(self, size: int, read: Callable[[int, int], bytes]) -> None:
        self._size = size
        self._read = read
        self._ascii: bool | None = None

    def __len__(self) -> int:
        """Return how many they are."""
        return self._size

    def __getitem__(self, span: slice, /) -> bytes:
        """Read a part."""
        start, end, _ = slice(span.start, span.stop).indices(self._size)
        return self._read(start, end) if start < end else b""

    def find(self, wanted: bytes, start: int = 0, end: int | None = None, /) -> int:
        """Return where this stands first, or -1."""
        end = self._size if end is None else min(end, self._size)
        overlap = len(wanted) - 1
        while start + len(wanted) <= end:
            piece = self[start : min(start + _AT_ONCE + overlap, end)]
            at = piece.find(wanted)
            if at >= 0:
                return start + at
            start += _AT_ONCE
        return -1

    def rfind(self, wanted: bytes, start: int = 0, end: int | None = None, /) -> int:
        """Return where this stands last, or -1."""
        end = self._size if end is None else min(end, self._size)
        overlap = len(wanted) - 1
        while start + len(wanted) <= end:
            begin = max(start, end - _AT_ONCE - overlap)
            at = self[begin:end].rfind(wanted)
            if at >= 0:
                return begin + at
            end = begin + overlap if begin > start else start
        return -1

    def startswith(self, wanted: bytes, start: int = 0, /) -> bool:
        """Tell whether this stands there."""
        return self[start : start + len(wanted)] == wanted

    def endswith(self, wanted: bytes, /) -> bool:
        """Tell whether this stands at the end."""
        return len(wanted) <= self._size and self.startswith(wanted, self._size - len(wanted))

    def isascii(self) -> bool:
        """Tell whether all are ASCII; they are looked through once."""
        if self._ascii is None:
            self._ascii = all(piece.isascii() for piece in pieces_of(self))
        return self._ascii

    def behind(self, head: bytes, end: int) -> LongOctets:
        """Return the same with `head` in place of the first `end` ones."""
        moved = end - len(head)

        def read(start: int, stop: int) -> bytes:
            rest = self[max(start + moved, end) : stop + moved] if stop > len(head) else b""
            return head[start:stop] + rest

        return LongOctets(self._size - moved, read)


def replaced(octets: Octets, end: int, head: bytes) -> Octets:
    """Return the same with `head` in place of the first `end` ones; what is not held is still not."""
    return octets.behind(head, end) if isinstance(octets, LongOctets) else head + octets[end:]


def in_base64(octets: Octets, before: bytes, behind: bytes) -> LongOctets:
    """Return them as base64 without line ends (RFC 4648 4) between these bytes, coded where they are read."""

    def read(start: int, end: int) -> bytes:
        first = start // 4
        coded = base64.b64encode(octets[first * 3 : -(-end // 4) * 3])
        return coded[start - first * 4 : end - first * 4]

    coded = LongOctets(-(-len(octets) // 3) * 4, read)
    inner = len(before) + len(coded)

    def between(start: int, end: int) -> bytes:
        middle = coded[max(start - len(before), 0) : max(end - len(before), 0)]
        return before[start:end] + middle + behind[max(start - inner, 0) : max(end - inner, 0)]

    return LongOctets(inner + len(behind), between)


def pieces_of(octets: Octets, size: int = _AT_ONCE) -> Iterator[bytes]:
    """Yield them in pieces of this size, the last one shorter; those that are held are one piece, however many."""
    if isinstance(octets, bytes):
        yield octets
        return
    for start in range(0, len(octets), size):
        yield octets[start : start + size]


def regrouped(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield what comes in pieces of any sizes in pieces of this one, the last one shorter; little more than one of them is held."""
    kept = bytearray()
    for piece in pieces:
        at = 0
        if kept:
            at = size - len(kept)
            kept += piece[:at]
            if len(kept) < size:
                continue
            yield _taken(kept)
        while len(piece) - at >= size:
            yield piece[at : at + size]
            at += size
        kept += piece[at:]
    if kept:
        yield _taken(kept)


def _taken(kept: bytearray) -> bytes:
    """Return what was kept, which is kept no longer."""
    whole = bytes(kept)
    kept.clear()
    return whole


class Reader(io.RawIOBase):
    """Octets as a file that can be read from any place."""

    def __init__(self, octets: Octets) -> None:
        self._octets = octets
        self._at = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it has places."""
        return True

    def tell(self) -> int:
        """Return the place from which is read next."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._octets)}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, room: WriteableBuffer, /) -> int:
        """Read on, as much as there is room for."""
        with memoryview(room) as space:
            piece = self._octets[self._at : self._at + space.nbytes]
            space.cast("B")[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
