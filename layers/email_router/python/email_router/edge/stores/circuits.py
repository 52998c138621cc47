"""Keep the circuits of hosts and providers in DynamoDB: `ORG#o#CIRCUIT#place | STATE`, in the index `schedule` while open.

Each failing mailbox has an attribute of its own, so that a failure is one unconditional write.  Opening and closing are conditional on what
was seen: one worker does it.  A row that nothing touched for a month is removed by its time to live.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from email_router.core.circuits import AFTERMATH, Circuit
from email_router.core.errors import RouterError
from email_router.edge.connect.compact import instant, micros
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.expressions import assignment
from email_router.edge.connect.keys import OPEN_CIRCUITS, Keys
from email_router.edge.connect.ledger_rows import STATE
from email_router.edge.connect.transactions import Place
from email_router.edge.connect.values import Item, Value
from email_router.edge.stores.schedule import INDEX

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_KEPT = timedelta(days=30)
_FAILING = "failing_"
_LONGEST_TEXT = 1000


class DynamoCircuits:
    """The circuits of one organisation."""

    def __init__(self, client: DynamoDBClient, table: str, organisation: str) -> None:
        self._table = Table(client, table)
        self._keys = Keys(organisation)

    def read(self, place: str) -> Circuit:
        """Return the place's circuit; one read."""
        return _circuit(place, self._table.get(self._place(place)) or {})

    def failed(self, place: str, name: str, now: datetime) -> Circuit:
        """Note the failure in one write, which returns the row after it."""
        fields: dict[str, Value] = {"place": place, "failed": micros(now), "expires": _expires(now)}
        if name:
            fields[_FAILING + name] = micros(now)
        expression, values = assignment(fields)
        return _circuit(place, self._table.update(self._place(place), expression, values, returns="ALL_NEW"))

    def open(self, circuit: Circuit, error: RouterError, now: datetime) -> bool:
        """Open it, and forget who failed long ago."""
        told: dict[str, Value] = {
            "opened": micros(now),
            "failed": micros(now),
            "expires": _expires(now),
            "kind": error.kind,
            "text": str(error)[:_LONGEST_TEXT],
            "mend": error.mend[:_LONGEST_TEXT],
            "spk": OPEN_CIRCUITS,
            "ssk": self._listed(circuit.place),
        }
        old: dict[str, Value] = {_FAILING + name: None for name, at in circuit.failing.items() if now - at > AFTERMATH}
        return self._changed(circuit, *assignment(told | old))

    def close(self, circuit: Circuit, now: datetime) -> bool:
        """Close it; who had failed stays known."""
        gone: dict[str, Value] = {"opened": None, "spk": None, "ssk": None}
        return self._changed(circuit, *assignment({"closed": micros(now), "expires": _expires(now), **gone}))

    def all_open(self) -> Sequence[Circuit]:
        """Return the open ones, each read by its key after the index named it."""
        condition, values = (
            "#spk = :spk AND begins_with(#ssk, :mine)",
            {":spk": OPEN_CIRCUITS, ":mine": self._listed("")},
        )
        listed = self._table.query(condition, values, index=INDEX, fields="#pk, #sk")
        items = [self._table.get((one["pk"], one["sk"])) or {} for one in listed]
        return [_circuit(str(item["place"]), item) for item in items if "opened" in item]

    def _changed(self, circuit: Circuit, expression: str, values: Mapping[str, Value]) -> bool:
        """Write while the circuit stands as it was seen."""
        known: dict[str, Value] = {":seen": micros(circuit.opened)} if circuit.opened else {}
        condition = "#opened = :seen" if circuit.opened else "attribute_not_exists(#opened)"
        try:
            self._table.update(self._place(circuit.place), expression, {**values, **known}, condition=condition)
        except ConditionFailed:
            return False
        return True

    def _place(self, place: str) -> Place:
        return self._keys.circuit(place), STATE

    def _listed(self, place: str) -> str:
        return f"{self._keys.organisation}#{place}"


class DynamoOpenCircuits:
    """Which organisations have open circuits, by one query of the scheduler's index."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    def organisations(self) -> Iterator[str]:
        """Yield each organisation that has one."""
        rows = self._table.query("#spk = :spk", {":spk": OPEN_CIRCUITS}, index=INDEX, fields="#ssk")
        yield from dict.fromkeys(str(one["ssk"]).partition("#")[0] for one in rows)


def _circuit(place: str, item: Item) -> Circuit:
    found = {name.removeprefix(_FAILING): instant(at) for name, at in item.items() if name.startswith(_FAILING)}
    return Circuit(
        place=place,
        failing={name: at for name, at in found.items() if at is not None},
        failed=instant(item.get("failed")),
        opened=instant(item.get("opened")),
        closed=instant(item.get("closed")),
        kind=item.get("kind", ""),
        text=item.get("text", ""),
        mend=item.get("mend", ""),
    )


def _expires(now: datetime) -> int:
    return int((now + _KEPT).timestamp())
