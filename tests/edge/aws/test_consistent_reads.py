"""What is decided is decided on what stands: reads are strongly consistent, and an index, which may be behind, only lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from email_router.core.activity import EmailStatus
from email_router.core.ledger import LinkKind, Wanted
from email_router.core.sending import OutgoingState
from email_router.core.settings import Configuration
from email_router.core.write_back import WriteBack
from email_router.edge.connect.dynamodb import Table
from email_router.edge.stores.followed import DynamoFollowed
from email_router.edge.stores.suppressed import DynamoSuppressed
from tests.cloud import Place, Stores, aws_stores
from tests.deliveries import ANN, NOW, SALES, later, linked, outgoing
from tests.edge.aws.test_aws_errors import _Raw
from tests.edge.aws.test_keys import everything, seen

READS = ("GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems")


@dataclass(frozen=True)
class Read:
    """A read as it left: what is asked, of which index, and whether strongly consistent."""

    operation: str
    index: str
    consistent: bool


@contextmanager
def reads(place: Place) -> Iterator[list[Read]]:
    """Yield what is read."""
    found: list[Read] = []

    def look(request: Any, **_: Any) -> None:
        operation = request.headers["X-Amz-Target"]
        name = (operation.decode() if isinstance(operation, bytes) else operation).rpartition(".")[2]
        if name in READS:
            body = json.loads(request.body)
            parts = list(body["RequestItems"].values()) if name == "BatchGetItem" else [body]
            found.extend(Read(name, one.get("IndexName", ""), bool(one.get("ConsistentRead"))) for one in parts)

    events: Any = place.clients.dynamodb.meta.events
    events.register("before-send.dynamodb", look)
    try:
        yield found
    finally:
        events.unregister("before-send.dynamodb", look)


def decide(stores: Stores) -> None:
    """Read everything on which anything is decided: of mailboxes, messages, e-mails to send, tokens, circuits, configuration."""
    key = linked(1, LinkKind.SUBJECT, "h").claim.key
    stores.states.load(stores.states.read(SALES))
    stores.states.retries(SALES, later(9), 9)
    stores.ledger.find(Wanted((key,), (SALES,), ("<m1@fabrikam.example>",), ("CRM:1",), ("t",)))
    stores.ledger.by_subject("h", later(-9))
    stores.ledger.claim(key)
    stores.ledger.receipts(key)
    stores.ledger.user_number(ANN)
    stores.crm.resolve(["erin@fabrikam.example"])
    stores.crm.about(["e1"])
    stores.crm.email("e1")
    stores.crm.several(["e1"])
    stores.crm.write_back_all([WriteBack(activity="gone", status=EmailStatus.SENT)])
    stores.outgoing.get("e1")
    stores.outgoing.several(["e1"])
    stores.outgoing.prepare(OutgoingState(activity="e1", status=EmailStatus.PENDING, sender=SALES, changed=NOW))
    stores.quarantine.get("q1")
    stores.alerts.all()
    stores.subscriptions.read_all([SALES])
    stores.circuits.read("incoming pop3 mail.example")
    stores.configurations.published(stores.organisation)
    stores.configurations.versions(stores.organisation)


def test_every_read_on_which_something_is_decided_is_strongly_consistent(moto_place: Place) -> None:
    stores = aws_stores(moto_place)
    everything(stores)

    with reads(moto_place) as found:
        decide(stores)
        DynamoFollowed(moto_place.clients.dynamodb, moto_place.router, "contoso").read()
        DynamoSuppressed(moto_place.clients.dynamodb, moto_place.router, lambda: NOW).holds("a@x")

    assert len(found) >= 22
    assert [one for one in found if not one.consistent or one.index] == []


def test_all_that_writes_reads_what_stands_before_it(moto_place: Place) -> None:
    with reads(moto_place) as found:
        everything(aws_stores(moto_place))

    assert found
    assert [one for one in found if not one.consistent or one.index] == []


def test_an_index_is_asked_by_listings_alone(moto_place: Place) -> None:
    stores = aws_stores(moto_place)
    everything(stores)
    listings: dict[str, Callable[[], object]] = {
        "mailboxes": lambda: list(stores.schedule.mailboxes()),
        "emails": lambda: list(stores.crm.emails()),
        "records": lambda: list(stores.crm.records()),
        "pending": lambda: list(stores.crm.pending(NOW, 9)),
        "outgoing": stores.outgoing.all,
        "circuits": stores.circuits.all_open,
    }
    asked: dict[str, set[str]] = {}

    for name, listing in listings.items():
        with reads(moto_place) as found:
            listing()
        asked[name] = {one.index for one in found if one.index}
        assert all(one.consistent for one in found if not one.index), name

    with reads(moto_place) as found:
        seen(stores)
    assert {one.index for one in found if one.index} <= set().union(*asked.values())
    assert asked == {
        "mailboxes": {"schedule"},
        "emails": {"listing"},
        "records": {"listing"},
        "pending": {"pending"},
        "outgoing": {"schedule"},
        "circuits": {"schedule"},
    }


def test_an_e_mail_that_an_index_which_is_behind_still_lists_is_not_sent_again(moto_place: Place) -> None:
    stores, client = aws_stores(moto_place), moto_place.clients.dynamodb
    stores.crm.create_outgoing(outgoing("e1"))
    stores.crm.create_outgoing(outgoing("e2"))
    stale = client.query(
        TableName=moto_place.crm,
        IndexName="pending",
        KeyConditionExpression="ppk = :ppk",
        ExpressionAttributeValues={":ppk": {"S": "ORG#contoso#PENDING"}},
    )
    assert stale["Count"] == 2
    stores.crm.write_back(WriteBack(activity="e1", status=EmailStatus.SENT))

    def behind(request: Any, **_: Any) -> AWSResponse | None:
        if "IndexName" not in json.loads(request.body):
            return None
        body = json.dumps({"Items": stale["Items"], "Count": 2, "ScannedCount": 2}).encode()
        return AWSResponse(request.url, 200, {}, _Raw(body))  # type: ignore[arg-type]  # enough of a body

    events: Any = client.meta.events
    events.register("before-send.dynamodb.Query", behind)
    found = list(stores.crm.pending(NOW, 9))
    events.unregister("before-send.dynamodb.Query", behind)

    assert [activity for activity, _ in found] == ["e2"]


@pytest.mark.parametrize("table", ["router", "crm"])
def test_whoever_reads_a_whole_table_sees_what_was_written_just_before(moto_place: Place, table: str) -> None:
    """A person whose data is erased must not be found in a row that was written a moment ago."""
    with reads(moto_place) as found:
        list(Table(moto_place.clients.dynamodb, getattr(moto_place, table)).scan("#pk = :pk", {":pk": "x"}))

    assert found == [Read("Scan", "", consistent=True)]


def test_a_version_is_read_as_it_was_published_a_moment_ago(moto_place: Place) -> None:
    stores = aws_stores(moto_place)

    for number in range(1, 4):
        assert stores.configurations.publish(Configuration(organisation="contoso")) == number
        assert stores.configurations.current("contoso").version == number
