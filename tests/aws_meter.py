"""Count what a piece of work costs in AWS: calls and write units, read from the requests as they leave (prices: DynamoDB, "on-demand")."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from email_router.edge.connect.values import size_of

_KILOBYTE = 1024
_INDEX_KEYS = {"lpk": ("pk", "sk", "lpk", "lsk"), "ppk": ("pk", "sk", "ppk", "psk"), "spk": ("pk", "sk", "spk", "ssk")}


@dataclass
class Bill:
    """Calls by operation, and write units: `units` with indexes that hold keys only, `units_all` with indexes that hold everything."""

    calls: Counter[str] = field(default_factory=Counter)
    units: int = 0
    units_all: int = 0
    sizes: list[int] = field(default_factory=list)

    def take(self, operation: str, body: Mapping[str, Any]) -> None:
        """Add one request."""
        self.calls[operation] += 1
        if operation == "TransactWriteItems":
            for action in body["TransactItems"]:
                ((kind, what),) = action.items()
                self._write(kind, what, times=2)
        elif operation in ("PutItem", "UpdateItem", "DeleteItem"):
            self._write(operation.removesuffix("Item"), body, times=1)

    def _write(self, kind: str, what: Mapping[str, Any], times: int) -> None:
        if kind != "Put":  # an item below 1 KB is taken for granted
            self.units += times
            self.units_all += times
            return
        item = _decoded(what["Item"])
        size = size_of(item)
        self.sizes.append(size)
        base = times * ceil(size / _KILOBYTE)
        indexes = [names for key, names in _INDEX_KEYS.items() if key in item]
        self.units += base + sum(ceil(size_of({one: item[one] for one in names}) / _KILOBYTE) for names in indexes)
        self.units_all += base + ceil(size / _KILOBYTE) * len(indexes)


@contextmanager
def billed(client: Any) -> Iterator[Bill]:
    """Count the requests of a client."""
    bill = Bill()
    service = client.meta.service_model.service_name

    def count(request: Any, event_name: str, **_: Any) -> None:
        operation = event_name.rsplit(".", 1)[1]
        bill.take(operation, json.loads(request.body) if service == "dynamodb" else {})

    client.meta.events.register(f"before-send.{service}", count)
    try:
        yield bill
    finally:
        client.meta.events.unregister(f"before-send.{service}", count)


def _decoded(value: Any) -> Any:
    """Return the item with its bytes as bytes."""
    if not isinstance(value, dict):
        return [_decoded(one) for one in value] if isinstance(value, list) else value
    return {name: base64.b64decode(one) if name == "B" else _decoded(one) for name, one in value.items()}
