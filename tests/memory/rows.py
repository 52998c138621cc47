"""All rows of an organisation in memory, and all its objects: for tests of what goes through all of them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping

from email_router.core.octets import Octets
from email_router.edge.connect.dynamodb import ConditionFailed
from email_router.edge.connect.transactions import Place
from email_router.edge.connect.values import Item, Value


class MemoryRows:
    """The rows of one table.  `writes` counts those that were done; at `last` the command dies in the middle of the next."""

    def __init__(self, rows: Iterable[Item] = ()) -> None:
        self.rows: dict[Place, Item] = {(row["pk"], row["sk"]): dict(row) for row in rows}
        self.writes = 0
        self.dies: BaseException | None = None
        self.last = 0

    def scan(self) -> Iterator[Item]:
        """Yield every row."""
        yield from copy.deepcopy(list(self.rows.values()))

    def partition(self, pk: str, start: str = "") -> Iterator[Item]:
        """Yield in the order of sort keys."""
        found = sorted(place for place in self.rows if place[0] == pk and place[1].startswith(start))
        yield from (copy.deepcopy(self.rows[place]) for place in found)

    def get(self, place: Place) -> Item | None:
        """Return one."""
        return copy.deepcopy(self.rows.get(place))

    def several(self, places: Iterable[Place]) -> Mapping[Place, Item]:
        """Return those that stand."""
        return {place: copy.deepcopy(self.rows[place]) for place in places if place in self.rows}

    def add(self, item: Mapping[str, Value]) -> None:
        """Write where none stands."""
        row = {name: value for name, value in item.items() if value is not None}
        place = str(row["pk"]), str(row["sk"])
        if place in self.rows:
            raise ConditionFailed(dict(self.rows[place]))
        self._count()
        self.rows[place] = row

    def change(self, place: Place, fields: Mapping[str, Value], guard: Mapping[str, Value]) -> None:
        """Set fields while the guard holds."""
        row = self.rows.get(place)
        if row is None or any(row.get(name) != value for name, value in guard.items()):
            raise ConditionFailed(dict(row or {}))
        self._count()
        row.update({name: value for name, value in fields.items() if value is not None})
        for name, value in fields.items():
            if value is None:
                row.pop(name, None)

    def _count(self) -> None:
        if self.dies is not None and self.writes == self.last:
            raise self.dies
        self.writes += 1


class MemoryObjects:
    """The objects, and the blob store over them."""

    def __init__(self, stored: Mapping[str, bytes] = {}) -> None:
        self.stored = dict(stored)

    def listed(self) -> Iterator[str]:
        """Yield every key but those that no row names."""
        yield from (key for key in sorted(self.stored) if not key.startswith("body/"))

    def pieces(self, key: str) -> Iterator[bytes]:
        """Yield the bytes."""
        yield self.stored[key]

    def holds(self, key: str) -> bool:
        """Tell whether it is there."""
        return key in self.stored

    def put(self, key: str, data: Octets) -> None:
        """Store the bytes."""
        self.stored[key] = data[:]

    def put_stream(self, key: str, pieces: Iterable[bytes]) -> int:
        """Store the pieces."""
        self.stored[key] = b"".join(pieces)
        return len(self.stored[key])

    def get(self, key: str) -> bytes:
        """Return the bytes, or raise KeyError."""
        return self.stored[key]

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield the bytes, or raise KeyError."""
        yield self.get(key)

    def delete(self, key: str) -> None:
        """Remove the bytes."""
        self.stored.pop(key, None)
