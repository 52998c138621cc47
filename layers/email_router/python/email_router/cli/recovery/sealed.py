"""Encrypt a stream chunk by chunk, so that a file of any size is written and read in constant memory and nobody can change it unseen.

Each chunk is sealed by AES-256-GCM with its own number and whether it is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway
and Vizár, 2015); the file's header is authenticated with each.  So a chunk that is changed, left out, repeated or moved, a header that is
changed and a file that is cut off are all found.  The key is made for this one file, so no nonce is ever used twice.
"""

from __future__ import annotations

from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CHUNK = 256 * 1024
"""Bytes of clear text in each chunk but the last."""

_TAG = 16


class Damaged(Exception):
    """The file is not what was written: changed, cut off, or sealed with another key."""


class SealedWriter:
    """Writes chunks to a file.  Without `close` the file has no end, and no reader takes it."""

    def __init__(self, file: BinaryIO, key: bytes, header: bytes) -> None:
        self._file = file
        self._cipher = AESGCM(key)
        self._header = header
        self._number = 0
        self._held = bytearray()

    def write(self, data: bytes) -> None:
        """Seal what fills whole chunks; the rest is held in memory."""
        self._held += data
        while len(self._held) > CHUNK:
            self._seal(bytes(self._held[:CHUNK]), last=False)
            del self._held[:CHUNK]

    def close(self) -> None:
        """Seal the last chunk, which may be empty."""
        self._seal(bytes(self._held), last=True)
        self._held.clear()

    def _seal(self, clear: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), clear, self._header))
        self._number += 1


class SealedReader:
    """Reads what SealedWriter wrote; every byte that it returns is authentic.  Raises Damaged."""

    def __init__(self, file: BinaryIO, key: bytes, header: bytes) -> None:
        self._file = file
        self._cipher = AESGCM(key)
        self._header = header
        self._number = 0
        self._held = bytearray()
        self._ahead = file.read(CHUNK + _TAG)
        self._over = False

    def read(self, size: int) -> bytes:
        """Return exactly so many bytes."""
        while len(self._held) < size:
            self._open()
        found = bytes(self._held[:size])
        del self._held[:size]
        return found

    def finish(self) -> None:
        """Make sure that nothing follows, and that the file was not cut off here."""
        if not self._over:
            self._open()
        if self._held or not self._over:
            raise Damaged

    def _open(self) -> None:
        if self._over:
            raise Damaged
        sealed, self._ahead = self._ahead, self._file.read(CHUNK + _TAG)
        self._over = not self._ahead
        try:
            self._held += self._cipher.decrypt(_nonce(self._number, last=self._over), sealed, self._header)
        except InvalidTag as wrong:
            raise Damaged from wrong
        self._number += 1


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
