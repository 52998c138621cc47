"""Speak to one DynamoDB table in plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from email_router.core.errors import TryLater
from email_router.edge.connect.aws import code_of, translated
from email_router.edge.connect.expressions import clauses
from email_router.edge.connect.transactions import ROUNDS, Place, at, pause
from email_router.edge.connect.values import Item, Value, Wire, pack_item, unpack_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Returns = Literal["NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"]

_BATCH = 100


class ConditionFailed(Exception):
    """The condition of a write did not hold; `item` is what stands there, or empty."""

    def __init__(self, item: Item) -> None:
        super().__init__("condition failed")
        self.item = item


class Table:
    """One table with the keys pk and sk.  Reads of it are strongly consistent, those of its indexes are not."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self.client = client
        self.name = name

    def get(self, place: Place) -> Item | None:
        """Return the item, or None."""
        with self._translated():
            answer = self.client.get_item(TableName=self.name, ConsistentRead=True, **at(place))
        return unpack_item(answer["Item"]) if "Item" in answer else None

    def get_all(self, places: Iterable[Place], fields: str = "") -> Iterator[Item]:
        """Yield those items at these places that exist, in no order, 100 a call; `fields` ("#pk, #status") names what is wanted of them.

        Raises TryLater (shared) when AWS leaves keys unanswered again and again.
        """
        waiting = [pack_item({"pk": pk, "sk": sk}) for pk, sk in dict.fromkeys(places)]
        wanted = {"ConsistentRead": True, **clauses(None, ProjectionExpression=fields)}
        idle = 0
        while waiting:
            request: Wire = {self.name: {"Keys": waiting[:_BATCH], **wanted}}
            with self._translated():
                answer = self.client.batch_get_item(RequestItems=request)
            for item in answer.get("Responses", {}).get(self.name, []):
                yield unpack_item(item)
            unanswered: Wire = answer.get("UnprocessedKeys", {})
            left = unanswered.get(self.name, {}).get("Keys", [])
            waiting = [*left, *waiting[_BATCH:]]
            idle = idle + 1 if left else 0
            if idle == ROUNDS:
                raise TryLater(f"table {self.name}: {len(left)} keys unanswered", kind="aws_busy", shared=True)
            if idle:
                pause(idle)

    def put(self, item: Mapping[str, Value], condition: str = "", values: Mapping[str, Value] | None = None) -> None:
        """Write the item; raises ConditionFailed."""
        given = {"Item": pack_item(item), **clauses(values, ConditionExpression=condition)}
        self._write(self.client.put_item, given)

    def update(
        self,
        place: Place,
        expression: str,
        values: Mapping[str, Value],
        *,
        condition: str = "",
        names: Mapping[str, str] | None = None,
        returns: Returns = "NONE",
    ) -> Item:
        """Change one item and return what `returns` asks for; raises ConditionFailed."""
        written = clauses(values, names, UpdateExpression=expression, ConditionExpression=condition)
        answer = self._write(self.client.update_item, {**at(place), **written, "ReturnValues": returns})
        return unpack_item(answer.get("Attributes", {}))

    def delete(self, place: Place) -> None:
        """Remove the item; repeatable."""
        self._write(self.client.delete_item, at(place))

    def query(
        self,
        condition: str,
        values: Mapping[str, Value],
        *,
        index: str = "",
        fields: str = "",
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[Item]:
        """Yield the items of one partition in the order of their sort keys, page by page, `limit` at most."""
        request: Wire = clauses(values, KeyConditionExpression=condition, ProjectionExpression=fields)
        request |= {"IndexName": index} if index else {"ConsistentRead": True}
        request |= {"ScanIndexForward": not newest_first}
        left = limit
        while left is None or left > 0:
            if left is not None:
                request["Limit"] = left
            with self._translated():
                answer = self.client.query(TableName=self.name, **request)
            for item in answer["Items"]:
                yield unpack_item(item)
            if "LastEvaluatedKey" not in answer:
                return
            left = None if left is None else left - len(answer["Items"])
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def scan(self, condition: str, values: Mapping[str, Value]) -> Iterator[Item]:
        """Yield the items that meet the condition, reading the whole table: for small stores only."""
        request: Wire = clauses(values, FilterExpression=condition) | {"ConsistentRead": True}
        while True:
            with self._translated():
                answer = self.client.scan(TableName=self.name, **request)
            for item in answer["Items"]:
                yield unpack_item(item)
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _translated(self) -> AbstractContextManager[None]:
        return translated(f"table {self.name}")

    def _write(self, call: Callable[..., Wire], given: Item) -> Wire:
        """Write one item; a quarrel with a transaction over it is tried again."""
        if "ConditionExpression" in given:
            given = {**given, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        for turn in range(ROUNDS):
            try:
                with self._translated():
                    return call(TableName=self.name, **given)
            except ClientError as refused:
                code, standing = code_of(refused), dict(refused.response).get("Item", {})
                if code == "ConditionalCheckFailedException":
                    raise ConditionFailed(unpack_item(standing)) from refused  # type: ignore[arg-type]  # botocore does not type it
                if code != "TransactionConflictException":
                    raise
            pause(turn)
        raise TryLater(f"table {self.name}: one item is in a transaction all the time", kind="aws_busy", shared=True)
