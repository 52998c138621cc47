"""Turn plain values into DynamoDB's typed ones and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Value = str | int | bytes | bool | None | frozenset[str] | Mapping[str, Any] | Sequence[Any]
Item = dict[str, Any]
Wire = Any
"""What the SDK takes and gives: its stubs know each request as a type of its own, which is not repeated here."""


def pack(value: Value) -> dict[str, Any]:
    """Return the value as DynamoDB writes it."""
    kind = type(value)
    if isinstance(value, str):
        return {"S": value if value.isascii() else _encodable(value)}
    if kind is int:
        return {"N": str(value)}
    if kind is bytes:
        return {"B": value}
    if kind is bool:
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, frozenset):
        return {"SS": sorted({_encodable(one) for one in value})}
    if isinstance(value, Mapping):
        return {"M": {name: pack(one) for name, one in value.items()}}
    if isinstance(value, Sequence):
        return {"L": [pack(one) for one in value]}
    raise TypeError(f"DynamoDB holds no {kind.__name__}")


def pack_item(item: Mapping[str, Value]) -> Wire:
    """Return the item as DynamoDB writes it; values that are None are left out."""
    return {name: pack(value) for name, value in item.items() if value is not None}


def unpack(value: Mapping[str, Any]) -> Wire:
    """Return the plain value; numbers are whole."""
    ((kind, inner),) = value.items()
    if kind == "N":
        return int(inner)
    if kind == "M":
        return unpack_item(inner)
    if kind == "L":
        return [unpack(one) for one in inner]
    if kind == "SS":
        return frozenset(inner)
    return None if kind == "NULL" else inner


def unpack_item(item: Mapping[str, Any]) -> Item:
    """Return the item in plain values."""
    return {name: unpack(value) for name, value in item.items()}


def _encodable(text: str) -> str:
    """Return the text with what UTF-8 cannot hold (half of a pair of surrogates) as question marks: DynamoDB refuses it."""
    return text.encode("utf-8", "replace").decode()


def size_of(packed: Mapping[str, Any]) -> int:
    """Return how many bytes a packed item takes in its row (DynamoDB Developer Guide, "Item sizes and formats")."""
    return sum(len(name.encode()) + _size(value) for name, value in packed.items())


def _size(value: Mapping[str, Any]) -> int:
    ((kind, inner),) = value.items()
    if kind == "S":
        return len(inner) if inner.isascii() else len(inner.encode())
    if kind == "B":
        return len(inner)
    if kind == "N":
        return 2 + len(inner) // 2
    if kind == "M":
        return 3 + len(inner) + size_of(inner)
    if kind == "SS":
        return sum(len(one.encode()) for one in inner)
    return 3 + sum(1 + _size(one) for one in inner) if kind == "L" else 1
