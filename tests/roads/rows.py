"""Look at what lies in moto's tables, past its API: it is looked at before and after each call, and asking would take most of the time."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

REGION, ACCOUNT = "us-east-1", "123456789012"
"""Where moto keeps what is asked without another account."""

Item = dict[str, Any]


def item(table: str, key: Mapping[str, Any]) -> Item:
    """Return the item as the SDK would give it; an empty one where there is none."""
    of_partition = _items(table).get(DynamoType(key["pk"]), {})
    found = of_partition.get(DynamoType(key["sk"]))
    return _plain(found) if found is not None else {}


def all_items(table: str) -> Iterator[Item]:
    """Yield every item of a table."""
    for of_partition in list(_items(table).values()):
        yield from map(_plain, list(of_partition.values()))


def _items(table: str) -> dict[DynamoType, dict[DynamoType, Any]]:
    found: dict[DynamoType, dict[DynamoType, Any]] = dynamodb_backends[ACCOUNT][REGION].tables[table].items
    return found


def _plain(found: Any) -> Item:
    return {name: _typed(value) for name, value in found.attrs.items()}


def _typed(value: DynamoType) -> dict[str, Any]:
    if value.is_map():
        return {"M": {name: _typed(one) for name, one in value.value.items()}}
    if value.is_list():
        return {"L": [_typed(one) for one in value.value]}
    binary = value.type == "B" and isinstance(value.value, str)
    return {value.type: base64.b64decode(value.value) if binary else value.value}
