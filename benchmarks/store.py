"""What smart matching reads of the store when a subject has been written about 10^3 to 10^6 times.

The adapter, the SDK and the requests are the real ones.  The history is not stored but computed: a million rows would take hours to write
into an emulator.  It answers the one Query that is asked as DynamoDB documents it (key condition, order, Limit, ExclusiveStartKey, 1 MB a
page, a read unit each 4 KB), and a test holds its answers to MiniStack's.  So the figures show how much is asked for and what DynamoDB
charges for it by its rules; they show no time.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from math import ceil
from typing import TYPE_CHECKING, Any

import boto3
from botocore.awsrequest import AWSResponse

from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.ledger_rows import link_actions
from email_router.edge.connect.values import size_of
from email_router.edge.stores.ledger import DynamoLedger

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

NEWEST = datetime(2026, 11, 24, 12, tzinfo=UTC)
APART = timedelta(seconds=7)
WINDOW = timedelta(days=90)
SUBJECT = "5eed" * 4
ORGANISATION = "contoso"
SIZES = (10**3, 10**4, 10**5, 10**6)

_CONDITION = "#pk = :pk AND #sk >= :since"
_PAGE = 1024 * 1024
_UNIT = 4096


def email(number: int) -> KnownEmail:
    """Return the e-mail of the history that came `number` e-mails before the newest."""
    people = frozenset(f"{number % 97 + one:016x}" for one in range(4))
    return KnownEmail(activity=f"activity-{number:08d}", participants=people, at=NEWEST - number * APART)


def row(number: int, table: str) -> dict[str, Any]:
    """Return its row as the ledger writes it, in DynamoDB's own form."""
    link = Link(LinkKind.SUBJECT, SUBJECT, email(number))
    ((_, action),) = link_actions(table, Keys(ORGANISATION), [link]).items()
    item: dict[str, Any] = action["Put"]["Item"]
    return item


@dataclass
class History:
    """So many e-mails under one subject; answers Query and counts what it read."""

    count: int
    calls: int = 0
    items: int = 0
    size: int = 0
    units: int = 0
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    def query(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a Query as DynamoDB does."""
        if (request["KeyConditionExpression"], request["ScanIndexForward"]) != (_CONDITION, False):
            raise ValueError(f"no history answers {request['KeyConditionExpression']}")
        self.calls += 1
        self.asked.append(request)
        found: list[dict[str, Any]] = []
        size = 0
        last = None
        for item in self._from(request):
            own = size_of(item)
            if len(found) == request.get("Limit") or size + own > _PAGE:
                last = {name: found[-1][name] for name in ("pk", "sk")}
                break
            found.append(item)
            size += own
        if last is None and len(found) == request.get("Limit"):
            last = {name: found[-1][name] for name in ("pk", "sk")}
        self.items += len(found)
        self.size += size
        self.units += max(1, ceil(size / _UNIT))
        return {"Items": found, "Count": len(found), "ScannedCount": len(found)} | (
            {"LastEvaluatedKey": last} if last else {}
        )

    def _from(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        values = {name: value["S"] for name, value in request["ExpressionAttributeValues"].items()}
        before = request.get("ExclusiveStartKey", {}).get("sk", {}).get("S")
        first = int(before.rpartition("-")[2]) + 1 if before else 0
        for number in range(first, self.count):
            item = row(number, request["TableName"])
            if item["pk"]["S"] != values[":pk"] or item["sk"]["S"] < values[":since"]:
                return
            yield item


@contextmanager
def answered_by(history: History, client: DynamoDBClient) -> Iterator[None]:
    """Let the history answer the client's Query calls."""

    def answer(request: Any, **_: object) -> Any:  # noqa: ANN401 - botocore types no handler that answers
        told = json.dumps(history.query(json.loads(request.body)), default=_wire).encode()
        return AWSResponse(request.url, 200, {}, _Body(told))  # type: ignore[arg-type]  # enough of a body

    client.meta.events.register("before-send.dynamodb.Query", answer)
    try:
        yield
    finally:
        client.meta.events.unregister("before-send.dynamodb.Query", answer)


def measured(count: int) -> History:
    """Ask the real ledger once for the candidates of a subject with so many e-mails; return what was read."""
    history = History(count)
    client = boto3.client(
        "dynamodb", aws_access_key_id="none", aws_secret_access_key="none", region_name="eu-central-1"
    )
    try:
        with answered_by(history, client):
            found = DynamoLedger(client, "router", ORGANISATION).by_subject(SUBJECT, NEWEST - WINDOW)
    finally:
        client.close()
    if [one.activity for one in found] != [email(number).activity for number in range(min(count, 100))]:
        raise ValueError("the ledger did not return the newest candidates, newest first")
    return history


def run() -> None:
    """Print what one look-up reads, for each size of the history."""
    for count in SIZES:
        read = measured(count)
        told = f"{read.calls} call, {read.items} items, {read.size} bytes, {read.units} read units"
        print(f"smart matching, a history of {count:,} e-mails under one subject: {told}")


def _wire(value: bytes) -> str:
    """Return bytes as they stand in DynamoDB's JSON."""
    return base64.b64encode(value).decode()


class _Body(BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        """Yield all of it."""
        yield self.read()
