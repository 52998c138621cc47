"""Write several DynamoDB items at once or not at all, and read why not."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from email_router.core.errors import TryLater
from email_router.edge.connect.aws import code_of, translated
from email_router.edge.connect.expressions import clauses
from email_router.edge.connect.values import Item, Value, Wire, pack_item, unpack_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Action = dict[str, Any]
Place = tuple[str, str]

MOST_ACTIONS = 100
ROUNDS = 6
FAILED = "ConditionalCheckFailed"


class Cancelled(Exception):
    """A transaction was cancelled: for each action AWS's reason code ("None" when not at fault) and the item that stands there."""

    def __init__(self, reasons: Sequence[tuple[str, Item]]) -> None:
        super().__init__(", ".join(code for code, _ in reasons))
        self.reasons = tuple(reasons)

    @property
    def failed(self) -> dict[int, Item]:
        """The actions whose condition did not hold, by their number, with the item that stands there."""
        return {number: item for number, (code, item) in enumerate(self.reasons) if code == FAILED}


def put(
    table: str, item: Mapping[str, Value], condition: str = "", values: Mapping[str, Value] | None = None
) -> Action:
    """Return the action that writes the item."""
    return {"Put": _action(table, {"Item": pack_item(item)}, values, ConditionExpression=condition)}


def check(table: str, place: Place, condition: str, values: Mapping[str, Value]) -> Action:
    """Return the action that only checks."""
    return {"ConditionCheck": _action(table, at(place), values, ConditionExpression=condition)}


def update(table: str, place: Place, expression: str, values: Mapping[str, Value], condition: str = "") -> Action:
    """Return the action that changes the item."""
    return {"Update": _action(table, at(place), values, UpdateExpression=expression, ConditionExpression=condition)}


def delete(table: str, place: Place) -> Action:
    """Return the action that removes the item."""
    return {"Delete": _action(table, at(place), None)}


def at(place: Place) -> Item:
    """Return the request parameter that names the item at (pk, sk)."""
    return {"Key": pack_item({"pk": place[0], "sk": place[1]})}


def write_once(client: DynamoDBClient, actions: Sequence[Action]) -> None:
    """Write all or nothing, one try.  Raises Cancelled with the reasons, whatever they are.

    The SDK adds a ClientRequestToken, the same for its own retries; for ten minutes AWS answers a repeated token without writing twice.
    That is comfort: what makes a repeated call safe are the conditions of the actions.
    """
    given: Wire = actions
    with translated("DynamoDB transaction"):
        try:
            client.transact_write_items(TransactItems=given)
        except ClientError as refused:
            if code_of(refused) != "TransactionCanceledException":
                raise
            reasons: Wire = refused.response.get("CancellationReasons", [])
            raise Cancelled(
                [(one.get("Code", "None"), unpack_item(one.get("Item", {}))) for one in reasons]
            ) from refused


def write(client: DynamoDBClient, actions: Sequence[Action]) -> None:
    """Write all or nothing; quarrels with other writers and throttling are tried again.

    Raises Cancelled when a condition does not hold, TryLater (shared) when the quarrel does not end.
    """
    for turn in range(ROUNDS):
        try:
            return write_once(client, actions)
        except Cancelled as cancelled:
            if cancelled.failed:
                raise
            last = cancelled
        pause(turn)
    raise TryLater(f"DynamoDB transaction: cancelled {ROUNDS} times ({last})", kind="aws_busy", shared=True) from last


def write_what_holds(client: DynamoDBClient, actions: Sequence[Action]) -> dict[int, Item]:
    """Write those actions whose conditions hold, together; return the others by their number, with the item that stands there.

    At most one round for each that does not hold.  Raises TryLater as `write` does.
    """
    left, failed = list(enumerate(actions)), dict[int, Item]()
    while left:
        try:
            write(client, [action for _, action in left])
        except Cancelled as cancelled:
            failed |= {left[place][0]: item for place, item in cancelled.failed.items()}
            left = [one for one in left if one[0] not in failed]
        else:
            break
    return failed


def pause(turn: int) -> None:
    """Wait a random while, longer each turn, at most about a second (full jitter)."""
    time.sleep(random.uniform(0, min(1.0, 0.02 * 2**turn)))  # noqa: S311 - no secret


def _action(table: str, what: Item, values: Mapping[str, Value] | None, **expressions: str) -> Item:
    action = {"TableName": table, **what, **clauses(values, None, **expressions)}
    if expressions.get("ConditionExpression"):
        action["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return action
