"""Go through all rows of an organisation in one table, and write rows back on condition of what stands.

For an operator's commands alone.  Mail's roads never scan: what they ask has its key.  A backup wants every row, once, and no key leads to
all of them, so it scans, several segments at a time, and pays one read of the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from email_router.edge.connect.aws import translated
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.expressions import assignment, clauses
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.ledger_rows import ABSENT
from email_router.edge.connect.transactions import Place
from email_router.edge.connect.values import Item, Value, Wire, unpack_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

SEGMENTS = 4
"""Read at the same time: each holds one page of 1 MB in memory."""

_OURS = "#pk = :own OR begins_with(#pk, :inside)"


class AllRows:
    """The rows of one organisation in one table."""

    def __init__(self, client: DynamoDBClient, table: str, organisation: str) -> None:
        self._table = Table(client, table)
        self._own = Keys(organisation).own

    def scan(self) -> Iterator[Item]:
        """Yield every row, in no order, strongly consistent: a row that stood when this began is told, as it was then or later."""
        with ThreadPoolExecutor(SEGMENTS) as threads:
            reading = {threads.submit(self._page, number, None): number for number in range(SEGMENTS)}
            while reading:
                done, _ = wait(reading, return_when=FIRST_COMPLETED)
                for page in done:
                    number = reading.pop(page)
                    items, last = page.result()
                    if last:
                        reading[threads.submit(self._page, number, last)] = number
                    yield from map(unpack_item, items)

    def get(self, place: Place) -> Item | None:
        """Return one row, strongly consistent, or None."""
        return self._table.get(place)

    def several(self, places: Iterable[Place]) -> Mapping[Place, Item]:
        """Return those rows that stand, 100 a call."""
        return {(item["pk"], item["sk"]): item for item in self._table.get_all(places)}

    def partition(self, pk: str, start: str = "") -> Iterator[Item]:
        """Yield the rows of a partition whose sort keys begin with `start`, in their order."""
        values: dict[str, Value] = {":pk": pk}
        if not start:
            return self._table.query("#pk = :pk", values)
        return self._table.query("#pk = :pk AND begins_with(#sk, :start)", {**values, ":start": start})

    def add(self, item: Mapping[str, Value]) -> None:
        """Write a row where none stands.  Raises ConditionFailed with the one that does."""
        self._table.put(item, ABSENT)

    def change(self, place: Place, fields: Mapping[str, Value], guard: Mapping[str, Value]) -> None:
        """Set these fields of a row (None removes one) while those of `guard` are still so (None: absent).

        Raises ConditionFailed with what stands.  Repeatable.
        """
        expression, values = assignment(fields)
        standing = [
            f"attribute_not_exists(#{name})" if value is None else f"#{name} = :was_{name}"
            for name, value in guard.items()
        ]
        seen = {f":was_{name}": value for name, value in guard.items() if value is not None}
        condition = " AND ".join(["attribute_exists(#pk)", *standing])
        self._table.update(place, expression, {**values, **seen}, condition=condition)

    def _page(self, segment: int, start: Wire) -> tuple[list[Wire], Wire]:
        request: Wire = clauses({":own": self._own, ":inside": f"{self._own}#"}, FilterExpression=_OURS)
        request |= {"ExclusiveStartKey": start} if start else {}
        with translated(f"table {self._table.name}"):
            answer = self._table.client.scan(
                TableName=self._table.name, Segment=segment, TotalSegments=SEGMENTS, ConsistentRead=True, **request
            )
        return list(answer["Items"]), answer.get("LastEvaluatedKey")
