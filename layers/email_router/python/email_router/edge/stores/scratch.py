"""Keep what would be too much for memory in the function's scratch space (/tmp), for as long as somebody holds it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from itertools import chain
from tempfile import TemporaryFile
from typing import IO
from weakref import finalize

from email_router.core.errors import TryLater
from email_router.core.octets import LongOctets, Octets

HELD = 2 * 1024 * 1024
"""Bytes up to which they are held in memory."""


def keep(pieces: Iterable[bytes]) -> Octets:
    """Return the bytes: held where they are few, else in a file without a name, which goes when what is returned is held no more.

    Raises what `pieces` raises, and TryLater "scratch" where the space is full or cannot be written or read.
    """
    coming = iter(pieces)
    held: list[bytes] = []
    size = 0
    for piece in coming:
        held.append(piece)
        size += len(piece)
        if size > HELD:
            return _filed(chain(held, coming))
    return b"".join(held)


def _filed(pieces: Iterable[bytes]) -> LongOctets:
    try:
        file = TemporaryFile(buffering=0)  # noqa: SIM115 - it is closed with the last who holds what it holds
    except OSError as problem:
        raise _trouble(problem) from problem
    size = 0
    try:
        for piece in pieces:
            size += _write(file, piece)
    except BaseException:
        file.close()
        raise
    kept = LongOctets(size, partial(_read, file))
    finalize(kept, file.close)
    return kept


def _write(file: IO[bytes], piece: bytes) -> int:
    left = memoryview(piece)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError as problem:
        raise _trouble(problem) from problem
    return len(piece)


def _read(file: IO[bytes], start: int, end: int) -> bytes:
    found: list[bytes] = []
    try:
        while start < end:
            piece = os.pread(file.fileno(), end - start, start)
            if not piece:
                break
            found.append(piece)
            start += len(piece)
    except OSError as problem:
        raise _trouble(problem) from problem
    if start < end:
        raise _trouble(OSError(f"it ends at byte {start}"))
    return found[0] if len(found) == 1 else b"".join(found)


def _trouble(problem: OSError) -> TryLater:
    text = f"the function's scratch space: {problem.strerror or problem}"
    mend = "If it lasts, give the function more ephemeral storage."
    return TryLater(text, kind="scratch", mend=mend, shared=True)
