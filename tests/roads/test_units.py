"""The meter counts as AWS bills: sizes, transactions, indexes, what is not there, and what fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.roads.actions import needs
from tests.roads.recorder import Call
from tests.roads.stack import Stack, stack
from tests.roads.units import Meter

SCHEDULED = {"spk": {"S": "SCHEDULE#00"}, "ssk": {"S": "a"}}


@pytest.fixture(scope="module")
def standing() -> Iterator[tuple[Stack, Meter]]:
    meter = Meter()
    with stack(meter.begun, meter.answered) as made:
        meter.client = made.services.clients.dynamodb
        yield made, meter


@pytest.fixture
def units(standing: tuple[Stack, Meter]) -> Any:
    """Return what a call of the functions' own SDK takes: write and read units."""
    made, meter = standing

    def taken(operation: str, **told: Any) -> tuple[float, float]:
        meter.sums.clear()
        with made.recorder.of("a function"), suppress(ClientError):
            getattr(boto3.client("dynamodb"), operation)(**told)
        return meter.sums["write_units"], meter.sums["read_units"]

    return taken


def row(size: int, **more: Any) -> dict[str, Any]:
    """Return an item of so many bytes beside its keys."""
    return {"pk": {"S": "p"}, "sk": {"S": "s"}, "data": {"B": b"x" * (size - 10)}, **more}


KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}


@pytest.mark.parametrize(("size", "expected"), [(500, 1), (1_020, 1), (1_100, 2), (5_000, 5)])
def test_a_kilobyte_is_a_write_unit_and_two_in_a_transaction(units: Any, size: int, expected: int) -> None:
    put = {"TableName": "RouterTable", "Item": row(size)}
    units("delete_item", TableName="RouterTable", Key=KEY)

    assert units("put_item", **put) == (expected, 0)
    assert units("transact_write_items", TransactItems=[{"Put": put}]) == (2 * expected, 0)


def test_the_larger_of_before_and_after_is_billed(units: Any) -> None:
    units("put_item", TableName="RouterTable", Item=row(4_000))

    assert units("put_item", TableName="RouterTable", Item=row(100)) == (4, 0)
    assert units("delete_item", TableName="RouterTable", Key=KEY) == (1, 0)


def test_an_index_is_written_where_what_it_holds_changes_and_twice_where_its_key_does(units: Any) -> None:
    def put(**more: Any) -> float:
        return float(units("put_item", TableName="RouterTable", Item=row(100, **more))[0])

    put()
    assert put(**SCHEDULED) == 2
    assert put(**SCHEDULED, cursor={"S": "not held"}) == 1
    assert put(**SCHEDULED, last_mail={"N": "1"}) == 2
    assert put(**{**SCHEDULED, "ssk": {"S": "b"}}) == 3
    assert put() == 2


def test_a_condition_that_fails_costs_what_stands_there(units: Any) -> None:
    units("put_item", TableName="RouterTable", Item=row(3_000))

    told = {"TableName": "RouterTable", "Item": row(100), "ConditionExpression": "attribute_not_exists(pk)"}
    assert units("put_item", **told) == (3, 0)


@pytest.mark.parametrize(("consistent", "expected"), [(True, 2), (False, 1)])
def test_four_kilobytes_are_a_read_unit_and_half_of_one_where_a_read_may_be_behind(
    units: Any, consistent: bool, expected: float
) -> None:
    units("put_item", TableName="RouterTable", Item=row(5_000))

    assert units("get_item", TableName="RouterTable", Key=KEY, ConsistentRead=consistent) == (0, expected)
    nothing = {"pk": {"S": "nothing"}, "sk": {"S": "s"}}
    assert units("get_item", TableName="RouterTable", Key=nothing, ConsistentRead=consistent) == (0, expected / 2)
    asked = {"RouterTable": {"Keys": [KEY, nothing], "ConsistentRead": consistent}}
    assert units("batch_get_item", RequestItems=asked) == (0, expected * 1.5)


def test_a_query_is_billed_by_the_whole_items_whatever_it_asks_of_them(units: Any) -> None:
    units("put_item", TableName="RouterTable", Item=row(9_000))

    asked = {"KeyConditionExpression": "#pk = :pk", "ProjectionExpression": "#sk", "ConsistentRead": True}
    names = {"ExpressionAttributeNames": {"#pk": "pk", "#sk": "sk"}, "ExpressionAttributeValues": {":pk": {"S": "p"}}}

    assert units("query", TableName="RouterTable", **asked, **names) == (0, 3)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (Call("sqs", "SendMessageBatch", {"QueueUrl": "q"}), {("sqs:SendMessage", "${Queue.Arn}")}),
        (Call("s3", "UploadPart", {"Bucket": "b"}), {("s3:PutObject", "${Bucket.Arn}/*")}),
        (
            Call("s3", "GetObject", {"Bucket": "b"}, code="NoSuchKey"),
            {("s3:GetObject", "${Bucket.Arn}/*"), ("s3:ListBucket", "${Bucket.Arn}")},
        ),
        (
            Call("dynamodb", "Query", {"TableName": "t", "IndexName": "i"}),
            {("dynamodb:Query", "${Table.Arn}/index/i")},
        ),
        (
            Call("dynamodb", "TransactWriteItems", {"TransactItems": [{"ConditionCheck": {"TableName": "t"}}]}),
            {("dynamodb:ConditionCheckItem", "${Table.Arn}")},
        ),
    ],
    ids=lambda one: one.operation if isinstance(one, Call) else "",
)
def test_a_call_needs_the_actions_that_iam_knows_it_by(call: Call, expected: set[tuple[str, str]]) -> None:
    assert set(needs(call, {"Queue": "q", "Bucket": "b", "Table": "t"})) == expected
