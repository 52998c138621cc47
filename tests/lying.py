"""Bytes of a test as those that lie elsewhere."""

from __future__ import annotations

from email_router.core.octets import LongOctets


def lying(data: bytes) -> LongOctets:
    """Return the bytes as octets that are not held; nothing beyond them may be asked for."""

    def read(start: int, end: int) -> bytes:
        assert 0 <= start < end <= len(data)
        return data[start:end]

    return LongOctets(len(data), read)
