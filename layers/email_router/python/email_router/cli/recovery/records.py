"""The records of a backup: a letter, a length and a content each; rows and facts are JSON, pieces of objects are their bytes.

`M` what the backup is of, `B` a row of a mailbox, `R` and `C` a row of the table router or crm, `O` the key of an object and `D` a piece of
it, `S` a secret, `E` the end with the counts.
"""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

from email_router.edge.connect.values import Item, pack_item, unpack_item

ABOUT, MAILBOX_ROW, ROUTER_ROW, CRM_ROW, OBJECT, PIECE, SECRET, END = (bytes([one]) for one in b"MBRCODSE")
HEAD = struct.Struct(">cI")
MAGIC = b"email-router backup 1\n"
"""The first line of the file."""


def row_content(item: Item) -> bytes:
    """Write a row as DynamoDB types it, bytes in base64."""
    return json_content(pack_item(item))


def json_content(value: object) -> bytes:
    """Write facts."""
    return json.dumps(value, default=_as_text, separators=(",", ":")).encode()


def row_of(content: bytes) -> Item:
    """Read a row."""
    packed: dict[str, Any] = json.loads(content)
    return unpack_item({name: _with_bytes(value) for name, value in packed.items()})


def object_content(key: str) -> bytes:
    """Write the key of an object."""
    return key.encode("utf-8", "surrogatepass")


def object_key(content: bytes) -> str:
    """Read the key of an object."""
    return content.decode("utf-8", "surrogatepass")


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(f"a row holds a {type(value).__name__}")


def _with_bytes(typed: dict[str, Any]) -> dict[str, Any]:
    ((kind, value),) = typed.items()
    if kind == "B":
        return {kind: base64.b64decode(value)}
    if kind == "L":
        return {kind: [_with_bytes(one) for one in value]}
    if kind == "M":
        return {kind: {name: _with_bytes(one) for name, one in value.items()}}
    return typed
