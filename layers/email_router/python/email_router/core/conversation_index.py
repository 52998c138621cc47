"""Read, hash and make the conversation index of the Thread-Index header (MS-OXOMSG 2.2.1.3)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

BASE = 22
"""Bytes of the header block (a reserved 1, five bytes of time, a GUID), the same in all mails of a conversation."""

_CHILD = 5
_LONGEST = 1_536  # bytes: the column holds 2,048 characters of base64
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def decode(value: str | None) -> bytes | None:
    """Return the bytes of a Thread-Index value, or None when they are no base64 of at least 22 bytes.

    Tolerant: blanks from folding, quotes and missing padding are forgiven.
    """
    text = "".join((value or "")[: 4 * _LONGEST].split()).strip("\"'").rstrip("=")
    try:
        index = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return index if len(index) >= BASE else None


def encode(index: bytes) -> str:
    """Return the value of a Thread-Index header."""
    return base64.b64encode(index).decode("ascii")


def thread_hash(conversation_index: bytes) -> str | None:
    """Return 32 hexadecimal digits that all mails of a conversation share, or None when there are fewer than 22 bytes.

    It stands for time and GUID together: clients give one GUID to several conversations, so the GUID alone says
    nothing.
    """
    if len(conversation_index) < BASE:
        return None
    return hashlib.sha256(conversation_index[:BASE]).hexdigest()[:32]


def make_new(at: datetime, guid: UUID) -> bytes:
    """Return the index of a new conversation begun at `at` (timezone-aware): 22 bytes."""
    return b"\x01" + (_filetime(at) >> 16 & 0xFF_FFFF_FFFF).to_bytes(5, "big") + guid.bytes


def make_child(parent: bytes, at: datetime, guid: UUID) -> bytes:
    """Return the index of an answer, written at `at`, to the mail with the index `parent`: five bytes more.

    The guid gives the four random bits.  An index that would outgrow the CRM's column loses its oldest answers,
    never its base.  Raises ValueError when `parent` is shorter than 22 bytes.
    """
    if len(parent) < BASE:
        msg = f"a conversation index has at least {BASE} bytes, this one {len(parent)}"
        raise ValueError(msg)
    begun = int.from_bytes(b"\x01" + parent[1:6], "big") << 16
    elapsed = max(_filetime(at) - begun, 0)
    # The delta code says which 31 bits of the elapsed time are kept: 1.7 years and less count finer.
    coarse = elapsed >= 1 << 49
    delta = elapsed >> (23 if coarse else 18) & 0x7FFF_FFFF
    block = (coarse << 31 | delta).to_bytes(4, "big") + bytes([(guid.bytes[-1] & 0x0F) << 4])
    answers = parent[BASE:] + block
    most = (_LONGEST - BASE) // _CHILD * _CHILD
    return parent[:BASE] + answers[-most:]


def _filetime(at: datetime) -> int:
    """Return the instant as Windows counts it: units of 100 ns since 1601."""
    return (at - _EPOCH) // timedelta(microseconds=1) * 10
