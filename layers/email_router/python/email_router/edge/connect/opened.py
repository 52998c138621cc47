"""Open a row whatever its kind: what lies compressed in it as plain values, to be searched."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from email_router.core.packed import unpacked
from email_router.edge.connect.compact import expand
from email_router.edge.connect.values import Item, Value


def opened(item: Mapping[str, Value]) -> Item:
    """Return the row with its compressed attributes as plain values; bytes that are none of ours stay bytes."""
    return {name: _plain(value) if isinstance(value, bytes) else value for name, value in item.items()}


def _plain(data: bytes) -> object:
    for open_ in (partial(expand, object), unpacked):
        with suppress(ValueError, zlib.error):
            return open_(data)
    return data  # a cursor, a ciphertext, hashes
