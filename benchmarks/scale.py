"""Whether one scheduler's tick is enough for 100,000 mailboxes, and whether an hour of them keeps each within its interval.

The tick is the real function's flow with its adapters and the SDK; DynamoDB and SQS are answered at botocore's before-send, from a population
that is computed.  Calls, bytes and units are counted exactly.  CPU is told as a ratio to the bare SDK making the same calls with ready
requests; how long that takes in Lambda is arithmetic (docs/scale.md).  The hour is played (scale_hour.py).
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from math import ceil
from typing import TYPE_CHECKING, Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from benchmarks import scale_hour, scale_town
from email_router.cli.cost.tables import counts
from email_router.core.work import MailboxWork
from email_router.edge.connect.keys import SCHEDULE_SHARDS
from email_router.edge.stores.queues import SqsWorkQueues
from email_router.edge.stores.schedule import DynamoSchedule

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

MAILBOXES = 100_000
ROUNDS = 3
WHOLE_CPU = 1769
"""MB of memory that give a function one CPU (Lambda Developer Guide, "Configure Lambda function memory")."""

BARE_CALL = 0.001
"""CPU seconds of one bare SendMessageBatch of ten on a quiet core, at worst: 0.7 to 1.0 ms were measured.  A busy core shows more."""

SLOWER = 2.0
"""How much slower a CPU of Lambda is taken to be than that one, at worst."""

ROUND_TRIP = 0.015
"""Seconds that SQS and DynamoDB take to answer inside a region, at worst on average."""

LINES = 16
ROW = int(counts().standing["bytes_of_a_scheduled_mailbox"])
"""Bytes of a mailbox in the scheduler's index, counted at the real one: a page of DynamoDB is cut by them, its units too."""

_PAGE = 1024 * 1024
_URL = "https://sqs.us-east-1.amazonaws.com/111122223333/mailbox-work"


@dataclass
class Cloud:
    """Answers the scheduler's calls for a population, and counts them."""

    mailboxes: int
    calls: dict[str, int] = field(default_factory=lambda: {"Query": 0, "SendMessageBatch": 0})
    orders: int = 0
    units: float = 0

    def __post_init__(self) -> None:
        self._pages = [list(self._shard(number)) for number in range(SCHEDULE_SHARDS)]

    def query(self, request: dict[str, Any]) -> bytes:
        """Answer a page of a shard."""
        self.calls["Query"] += 1
        shard = int(request["ExpressionAttributeValues"][":spk"]["S"].rpartition("#")[2])
        page = int(request.get("ExclusiveStartKey", {}).get("page", {}).get("N", 0))
        size, body = self._pages[shard][page]
        self.units += max(1, ceil(size / 4096)) / 2
        return body

    def send(self, request: dict[str, Any]) -> bytes:
        """Take a batch of orders."""
        self.calls["SendMessageBatch"] += 1
        self.orders += len(request["Entries"])
        return json.dumps({"Successful": [{"Id": one["Id"], "MessageId": "m"} for one in request["Entries"]]}).encode()

    def _shard(self, shard: int) -> Iterator[tuple[int, bytes]]:
        rows = [self._row(number) for number in range(shard, self.mailboxes, SCHEDULE_SHARDS)]
        each = _PAGE // ROW
        groups = [rows[start : start + each] for start in range(0, len(rows), each)] or [[]]
        for page, group in enumerate(groups):
            following = {"LastEvaluatedKey": {"page": {"N": str(page + 1)}}} if page + 1 < len(groups) else {}
            yield ROW * len(group), json.dumps({"Items": group, "Count": len(group), **following}).encode()

    def _row(self, number: int) -> dict[str, Any]:
        row = scale_town.row(number)
        return {
            "organisation": {"S": row.organisation},
            "mailbox": {"S": row.mailbox},
            "minimum": {"N": "60"},
            "maximum": {"N": "60"},
            "last_mail": {"N": "1795521600000000"},
        }


class _Body(BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        """Yield all of it."""
        yield self.read()


Answer = Callable[[dict[str, Any]], bytes]


@contextmanager
def answered(cloud: Cloud) -> Iterator[tuple[DynamoDBClient, SQSClient]]:
    """Give clients of DynamoDB and SQS that the cloud answers."""
    config = Config(parameter_validation=False, max_pool_connections=LINES)
    session = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none", region_name="us-east-1")
    dynamodb, sqs = session.client("dynamodb", config=config), session.client("sqs", config=config)
    for client, place, answer in (
        (dynamodb, "before-send.dynamodb.Query", cloud.query),
        (sqs, "before-send.sqs.SendMessageBatch", cloud.send),
    ):

        def reply(request: Any, answer: Answer = answer, **_: object) -> AWSResponse:  # noqa: ANN401 - as botocore gives it
            return AWSResponse(request.url, 200, {}, _Body(answer(json.loads(request.body))))  # type: ignore[arg-type]  # enough of a body

        client.meta.events.register(place, reply)  # type: ignore[arg-type]  # its stub says None, but an answer counts
    yield dynamodb, sqs
    dynamodb.close()
    sqs.close()


def enqueue(dynamodb: DynamoDBClient, sqs: SQSClient) -> int:
    """Queue every mailbox, as the tick does when all are due."""
    mailboxes = DynamoSchedule(dynamodb, "router").mailboxes()
    work = (MailboxWork(one.organisation, one.mailbox) for one in mailboxes)
    return SqsWorkQueues(sqs, _URL, "").put_mailboxes(work)


def bare(sqs: SQSClient, calls: int) -> None:
    """Make as many calls with one ready request."""
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(number), "MessageBody": json.dumps({"mailbox": f"m{number}"}), "MessageGroupId": "o"}
        for number in range(10)
    ]
    for _ in range(calls):
        sqs.send_message_batch(QueueUrl=_URL, Entries=entries)


def cpu(act: Callable[[], object]) -> float:
    """Return the CPU seconds that something takes."""
    began = time.process_time()
    act()
    return time.process_time() - began


def lambda_seconds(ratio: float, calls: int, memory: int) -> float:
    """Return how long a tick takes in Lambda: its CPU at the share that the memory gives, or what it waits for, whichever is longer."""
    return max(ratio * calls * BARE_CALL * SLOWER / min(1.0, memory / WHOLE_CPU), calls * ROUND_TRIP / LINES)


def run() -> None:
    """Print what a tick takes, and how the hour went."""
    for mailboxes, memory in ((MAILBOXES, 1024), (MAILBOXES // 4, 512)):
        spent, ratios = [], []
        for _ in range(ROUNDS):
            cloud = Cloud(mailboxes)
            with answered(cloud) as (dynamodb, sqs):
                spent.append(cpu(partial(enqueue, dynamodb, sqs)))
                asked = dict(cloud.calls)
                ratios.append(spent[-1] / cpu(partial(bare, sqs, asked["SendMessageBatch"])))
        seconds = lambda_seconds(statistics.median(ratios), sum(asked.values()), memory)
        print(
            f"{mailboxes:,} mailboxes due at once: {asked['Query']} Query, {asked['SendMessageBatch']} SendMessageBatch,"
        )
        print(f"  {cloud.units:,.0f} read units, {ROW} bytes a row")
        print(f"  CPU {statistics.median(spent):.1f} s here, {statistics.median(ratios):.2f} of the bare calls")
        print(f"  at {memory} MB in Lambda: {seconds:.0f} s of 60 (computed)")
    scale_hour.run()
