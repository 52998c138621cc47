"""Count what calls cost as AWS bills them: DynamoDB's units by the sizes of the items themselves, read before and after each call.

Rules: DynamoDB Developer Guide, "Capacity unit consumption" (1 KB a write unit, 4 KB a read unit, half of it where a read may be behind),
"Capacity management for transactions" (twice), "Local/Global secondary indexes: write capacity" (an index is written where what it holds
changes, twice where its key does), and "a write whose condition fails costs what stands there".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

from email_router.edge.connect.values import size_of
from tests.infra.template import resources
from tests.roads import rows
from tests.roads.recorder import Call

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
_WRITE, _READ = 1024, 4096
_TRANSACTED = 2
_PUT = frozenset({"PutObject", "UploadPart", "CreateMultipartUpload", "CompleteMultipartUpload"})


@dataclass(frozen=True)
class _Write:
    """One item that a call writes; `times` is 2 in a transaction."""

    table: str
    key: Item
    times: int
    checks: bool = False


@dataclass
class Meter:
    """Adds up units and requests by the names that a bill has for them."""

    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    client: DynamoDBClient | None = None
    _before: dict[int, list[Item]] = field(default_factory=dict)

    def begun(self, call: Call) -> None:
        """Look at what is there before the call."""
        if call.service == "dynamodb":
            self._before[id(call)] = [rows.item(one.table, one.key) for one in _writes(call)]

    def answered(self, call: Call) -> None:
        """Count the call."""
        self.sums["aws_calls"] += 1
        if call.service == "dynamodb":
            writes = _writes(call)
            before = self._before.pop(id(call))
            self.sums["write_units"] += sum(map(self._written, writes, before, [bool(call.code)] * len(writes)))
            self.sums["read_units"] += self._read(call)
        elif call.service == "s3" and call.operation != "DeleteObject":
            self.sums["s3_writes" if call.operation in _PUT else "s3_reads"] += 1
        elif call.service == "events":
            self.sums["events"] += len(call.parameters["Entries"])
        elif call.service == "sesv2":
            self.sums["ses_messages"] += call.operation == "SendEmail"
        elif call.service in {"sqs", "secretsmanager"}:
            self.sums["sqs_requests" if call.service == "sqs" else "secret_requests"] += 1

    def _written(self, write: _Write, before: Item, failed: bool) -> float:
        after = before if failed or write.checks else rows.item(write.table, write.key)
        units: float = write.times * max(1, ceil(max(size_of(before), size_of(after)) / _WRITE))
        for index in resources("AWS::DynamoDB::Table")[write.table]["GlobalSecondaryIndexes"]:
            units += _indexed(held(index, before), held(index, after), index)
        return units

    def _read(self, call: Call) -> float:
        told = call.parameters
        share = 1.0 if told.get("ConsistentRead") else 0.5
        if call.operation == "GetItem":
            return share * _read_units(size_of(call.answer.get("Item", {})))
        if call.operation == "Query":
            return share * _read_units(sum(map(size_of, self._whole(told))))
        found = 0.0
        for table, wanted in told["RequestItems"].items() if call.operation == "BatchGetItem" else ():
            share = 1.0 if wanted.get("ConsistentRead") else 0.5
            found += sum(share * _read_units(size_of(rows.item(table, key))) for key in wanted["Keys"])
        return found

    def _whole(self, told: Mapping[str, Any]) -> list[Item]:
        """Return the items that a query read, with all that DynamoDB read of them: asked again, by a client that nobody hears."""
        assert self.client is not None
        names = {
            name: one
            for name, one in told["ExpressionAttributeNames"].items()
            if name in told["KeyConditionExpression"]
        }
        asked = {name: one for name, one in told.items() if name != "ProjectionExpression"}
        found: list[Item] = self.client.query(**{**asked, "ExpressionAttributeNames": names})["Items"]
        for index in resources("AWS::DynamoDB::Table")[told["TableName"]]["GlobalSecondaryIndexes"]:
            if index["IndexName"] == told.get("IndexName"):
                return [held(index, one) for one in found]
        return found


def held(index: Mapping[str, Any], item: Item) -> Item:
    """Return what an index holds of an item: nothing where the item lacks a key of it."""
    keys = [one["AttributeName"] for one in index["KeySchema"]]
    if not all(one in item for one in keys):
        return {}
    wanted = {"pk", "sk", *keys, *index["Projection"].get("NonKeyAttributes", ())}
    return {name: value for name, value in item.items() if name in wanted}


def _writes(call: Call) -> list[_Write]:
    told = call.parameters
    if call.operation == "TransactWriteItems":
        return [
            _Write(what["TableName"], _key(what), _TRANSACTED, kind == "ConditionCheck")
            for action in told["TransactItems"]
            for kind, what in action.items()
        ]
    single = call.operation in {"PutItem", "UpdateItem", "DeleteItem"}
    return [_Write(told["TableName"], _key(told), 1)] if single else []


def _key(what: Mapping[str, Any]) -> Item:
    source = what.get("Key") or what["Item"]
    return {name: source[name] for name in ("pk", "sk")}


def _indexed(before: Item, after: Item, index: Mapping[str, Any]) -> float:
    """Return the units of one index: none where it stays as it is, one write where it changes, two where it moves."""
    if before == after:
        return 0
    keys = [one["AttributeName"] for one in index["KeySchema"]]
    if before and after and [before[one] for one in keys] == [after[one] for one in keys]:
        return ceil(max(size_of(before), size_of(after)) / _WRITE)
    return sum(ceil(size_of(one) / _WRITE) for one in (before, after) if one)


def _read_units(size: int) -> int:
    return max(1, ceil(size / _READ))


def kept(items: Iterator[tuple[str, Item]]) -> int:
    """Return the bytes that rows take in their tables and indexes, with the hundred that DynamoDB adds to each ("Item sizes")."""
    tables = resources("AWS::DynamoDB::Table")
    found = 0
    for table, item in items:
        copies = [item, *(held(index, item) for index in tables[table]["GlobalSecondaryIndexes"])]
        found += sum(size_of(one) + 100 for one in copies if one)
    return found
