"""Give tests a cloud: AWS in memory (moto, one thread only) or MiniStack, with fresh tables, bucket and queues for each test."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from email_router.cli.embedded.ministack import ACCOUNT, REGION, MiniStack
from email_router.core.activity import Record
from email_router.edge.crm.builtin import BuiltinCrm
from email_router.edge.crm.builtin_records import AddressedRecord
from email_router.edge.stores.alerts import DynamoAlerts
from email_router.edge.stores.circuits import DynamoCircuits
from email_router.edge.stores.configurations import DynamoConfigurations
from email_router.edge.stores.ledger import DynamoLedger
from email_router.edge.stores.mailbox_states import DynamoMailboxStates
from email_router.edge.stores.nudges import DynamoNudges
from email_router.edge.stores.outgoing_states import DynamoOutgoingStates
from email_router.edge.stores.quarantine import DynamoQuarantine
from email_router.edge.stores.queues import SqsWorkQueues
from email_router.edge.stores.s3 import S3BlobStore
from email_router.edge.stores.schedule import DynamoSchedule
from email_router.edge.stores.secrets import SecretsManagerSecrets
from email_router.edge.stores.subscriptions import DynamoSubscriptions
from tests.fakes import (
    MemoryAlerts,
    MemoryBlobs,
    MemoryCircuits,
    MemoryConfigurations,
    MemoryCrm,
    MemoryLedger,
    MemoryNudges,
    MemoryOutgoingStates,
    MemoryQuarantine,
    MemoryQueues,
    MemorySchedule,
    MemorySecrets,
    MemoryStates,
    MemorySubscriptions,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sqs import SQSClient

_NUMBERS = itertools.count(1)
_INDEXES = {
    "router": {"schedule": ("spk", "ssk")},
    "crm": {"listing": ("lpk", "lsk"), "pending": ("ppk", "psk")},
}


@dataclass(frozen=True)
class Clients:
    """One client a service, all of one cloud.  `projection` is what its tables' indexes hold: the code must bear both."""

    dynamodb: DynamoDBClient
    s3: S3Client
    sqs: SQSClient
    secrets: SecretsManagerClient
    projection: str = "ALL"


@dataclass(frozen=True)
class Place:
    """Fresh tables, bucket and queues."""

    clients: Clients
    router: str
    crm: str
    bucket: str
    mailbox_queue: str
    outgoing_queue: str
    subscription_queue: str
    prefix: str

    def bodies(self, queue: str) -> list[tuple[str, dict[str, Any]]]:
        """Return group and body of every message on a queue."""
        found: list[tuple[str, dict[str, Any]]] = []
        while True:
            answer = self.clients.sqs.receive_message(
                QueueUrl=queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
            )
            if not answer.get("Messages"):
                return found
            for message in answer["Messages"]:
                self.clients.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                found.append((message["Attributes"]["MessageGroupId"], json.loads(message["Body"])))


@dataclass
class Stores:
    """Everything that remembers for one organisation, real or fake: one test body serves all."""

    organisation: str
    states: Any
    schedule: Any
    ledger: Any
    quarantine: Any
    outgoing: Any
    configurations: Any
    blobs: Any
    secrets: Any
    queues: Any
    crm: Any
    alerts: Any
    nudges: Any
    subscriptions: Any
    circuits: Any
    place: Place | None = None

    def know(self, address: str, record: Record) -> None:
        """Let the CRM know a record by its address."""
        self.crm.import_records([AddressedRecord(address, record)])


@contextmanager
def clients(endpoint: str | None, projection: str = "ALL", **settings: Any) -> Iterator[Clients]:
    """Give clients of a cloud, closed at the end; parameters are always checked."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=32, **settings)
    session = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="test", region_name=REGION)
    with ExitStack() as opened:
        yield Clients(
            opened.enter_context(closing(session.client("dynamodb", endpoint_url=endpoint, config=config))),
            opened.enter_context(closing(session.client("s3", endpoint_url=endpoint, config=config))),
            opened.enter_context(closing(session.client("sqs", endpoint_url=endpoint, config=config))),
            opened.enter_context(closing(session.client("secretsmanager", endpoint_url=endpoint, config=config))),
            projection,
        )


def make_place(given: Clients) -> Place:
    """Make tables, bucket and queues that no other test has."""
    number = next(_NUMBERS)
    for name, indexes in _INDEXES.items():
        _make_table(given, f"{name}-{number}", indexes)
    given.s3.create_bucket(Bucket=f"data-{number}")
    mailboxes, outgoing, subscriptions = (
        given.sqs.create_queue(QueueName=f"{name}-{number}")["QueueUrl"]
        for name in ("mailboxes", "outgoing", "subscriptions")
    )
    prefix = f"email-router/t{number}/"
    return Place(
        given, f"router-{number}", f"crm-{number}", f"data-{number}", mailboxes, outgoing, subscriptions, prefix
    )


def aws_stores(place: Place, organisation: str = "contoso", given: Clients | None = None) -> Stores:
    """Return the real stores of one organisation; `given` clients take the place of the place's own."""
    own = given or place.clients
    dynamodb, router = own.dynamodb, place.router
    blobs = S3BlobStore(own.s3, place.bucket, organisation)
    return Stores(
        organisation,
        DynamoMailboxStates(dynamodb, router, organisation, blobs),
        DynamoSchedule(dynamodb, router),
        DynamoLedger(dynamodb, router, organisation),
        DynamoQuarantine(dynamodb, router, organisation),
        DynamoOutgoingStates(dynamodb, router, organisation),
        DynamoConfigurations(dynamodb, router, ttl=0),
        blobs,
        SecretsManagerSecrets(own.secrets, place.prefix),
        SqsWorkQueues(own.sqs, place.mailbox_queue, place.outgoing_queue, place.subscription_queue),
        BuiltinCrm(dynamodb, place.crm, router, organisation, blobs),
        DynamoAlerts(dynamodb, router, organisation),
        DynamoNudges(dynamodb, router, organisation),
        DynamoSubscriptions(dynamodb, router, organisation),
        DynamoCircuits(dynamodb, router, organisation),
        place,
    )


def memory_stores(organisation: str = "contoso") -> Stores:
    """Return the fakes."""
    blobs = MemoryBlobs()
    states = MemoryStates(organisation, blobs)
    ledger = MemoryLedger(states)
    return Stores(
        organisation,
        states,
        MemorySchedule(states),
        ledger,
        MemoryQuarantine(states),
        MemoryOutgoingStates(ledger),
        MemoryConfigurations(),
        blobs,
        MemorySecrets(),
        MemoryQueues(),
        MemoryCrm(ledger, states),
        MemoryAlerts(),
        MemoryNudges(),
        MemorySubscriptions(states),
        MemoryCircuits(),
    )


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    """One emulator for the whole run."""
    with MiniStack(tmp_path_factory.mktemp("ministack")) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def ministack_clients(ministack: MiniStack) -> Iterator[Clients]:
    """Clients of the emulator; its indexes hold everything."""
    with clients(ministack.endpoint) as made:
        yield made


@pytest.fixture(scope="session")
def moto_clients() -> Iterator[Clients]:
    """Clients that answer within mock_aws only; its indexes hold keys only."""
    with clients(None, "KEYS_ONLY") as made:
        yield made


@pytest.fixture
def moto_place(moto_clients: Clients) -> Iterator[Place]:
    """A place in this process's memory."""
    with mock_aws():
        yield make_place(moto_clients)


@pytest.fixture
def ministack_place(ministack_clients: Clients) -> Place:
    """A place in MiniStack."""
    return make_place(ministack_clients)


@pytest.fixture(params=["memory", "moto", "ministack"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """The fakes, the real stores on moto, and the real stores on MiniStack: the same test for all."""
    if request.param == "memory":
        return memory_stores()
    return aws_stores(request.getfixturevalue(f"{request.param}_place"))


def _make_table(given: Clients, name: str, indexes: dict[str, tuple[str, str]]) -> None:
    names = ["pk", "sk", *itertools.chain.from_iterable(indexes.values())]
    given.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": one, "AttributeType": "S"} for one in names],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": sk, "KeyType": "RANGE"}],
                "Projection": _projection(index, given.projection),
            }
            for index, (pk, sk) in indexes.items()
        ],
    )


def _projection(index: str, wanted: str) -> Any:
    if index == "schedule" and wanted != "ALL":
        scheduled = ["organisation", "mailbox", "minimum", "maximum", "last_mail", "blocked_until", "next_retry"]
        scheduled += ["pushed_until", "error_kind"]
        return {"ProjectionType": "INCLUDE", "NonKeyAttributes": scheduled}
    return {"ProjectionType": wanted}
