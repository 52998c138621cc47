"""Pack the bytes of composed mail where they are small enough to lie beside a row.

Above 4 KB a row costs more to write than an object of S3.
"""

from __future__ import annotations

import zlib

from email_router.core.octets import Octets

MOST_PACKED = 4096
_MOST_TRIED = 64 * 1024


def packed(raw: Octets) -> bytes:
    """Return the bytes compressed, or nothing where they are too many even so."""
    small = zlib.compress(raw[:]) if len(raw) <= _MOST_TRIED else b""
    return small if len(small) <= MOST_PACKED else b""


def unpacked(small: bytes) -> bytes:
    """Return the bytes that were packed."""
    return zlib.decompress(small)
