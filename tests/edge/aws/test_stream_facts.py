"""What is told of the changes that a stream really holds: of activities, receipts, results, and of rows that nobody can read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import boto3
import pytest

from email_router.cli.embedded.ministack import ACCOUNT, REGION, MiniStack
from email_router.core.activity import EmailStatus, StoredAttachment
from email_router.core.crm_events import Change, FurtherReceipt, NewActivity, Result
from email_router.core.errors import MessageRefused
from email_router.core.ledger import Outcome, Receipt
from email_router.core.outgoing_states import Prepared
from email_router.core.packed import packed
from email_router.core.sending import HistoryEntry, OutgoingState, RecipientResult, Reported, SendOutcome
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from email_router.edge.crm.stream_facts import StreamFacts
from tests.cloud import Place, Stores, aws_stores
from tests.deliveries import ANN, CONTACT, NOW, SALES, delivery, later, outgoing

BOB = "bob@contoso.example"


class Streams:
    """The streams of a place's tables, and what is told of them."""

    def __init__(self, place: Place, client: Any) -> None:
        self.place, self.client = place, client
        self.house = aws_stores(place)
        self.facts = StreamFacts(place.clients.dynamodb, place.crm, place.router, lambda _: self.house.blobs)
        self.arns = [self._begin(table) for table in (place.crm, place.router)]

    def _begin(self, table: str) -> str:
        dynamodb = self.place.clients.dynamodb
        dynamodb.update_table(
            TableName=table, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        )
        return dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]

    def changes(self) -> Iterator[Change]:
        for arn in self.arns:
            for shard in self.client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
                iterator = self.client.get_shard_iterator(
                    StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
                )["ShardIterator"]
                for record in self.client.get_records(ShardIterator=iterator)["Records"]:
                    yield as_lambda_gives_it(record)

    def told(self) -> list[Any]:
        return [fact for change in self.changes() if (fact := self.facts.of(change))]


def as_lambda_gives_it(record: dict[str, Any]) -> Change:
    """The SDK gives bytes and an instant where Lambda gives base64 and seconds."""
    import base64

    def plain(value: Any) -> Any:
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        if isinstance(value, dict):
            return {name: plain(one) for name, one in value.items()}
        return [plain(one) for one in value] if isinstance(value, list) else value

    told = plain(record["dynamodb"])
    told["ApproximateCreationDateTime"] = record["dynamodb"]["ApproximateCreationDateTime"].timestamp()
    return Change(sequence=told["SequenceNumber"], record=json.loads(json.dumps({**record, "dynamodb": told})))


@pytest.fixture
def streams(ministack: MiniStack, ministack_place: Place) -> Iterator[Streams]:
    session = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="test", region_name=REGION)
    with closing(session.client("dynamodbstreams", endpoint_url=ministack.endpoint)) as client:
        yield Streams(ministack_place, client)


@pytest.fixture
def contoso(streams: Streams) -> Stores:
    return streams.house


def test_an_activity_is_told_once_whole_and_a_change_of_it_is_not(streams: Streams, contoso: Stores) -> None:
    attached = StoredAttachment("a.pdf", "application/pdf", 3, "ab" * 32, False, None, "attachment/a")
    lease = contoso.states.lease(SALES, NOW, later(330))
    given = delivery(1, attachments=(attached,))
    contoso.crm.deliver([given, delivery(2, text="long " * 50_000)], lease)
    key = {"pk": {"S": Keys("contoso").email(given.activity.id)}, "sk": {"S": "EMAIL"}}
    streams.place.clients.dynamodb.update_item(
        TableName=streams.place.crm,
        Key=key,
        UpdateExpression="SET marked = :one",
        ExpressionAttributeValues={":one": {"S": "1"}},
    )

    told = streams.told()

    assert all(isinstance(one, NewActivity) for one in told)
    assert [one.activity.id for one in told] == [delivery(1).activity.id, delivery(2).activity.id]
    assert told[0].activity == replace(given.activity, created=given.trace.at)
    assert told[1].activity.text == "long " * 50_000  # its row names a blob


def test_further_mailboxes_are_told_and_copies_and_unwanted_ones_are_not(streams: Streams, contoso: Stores) -> None:
    lease, anns = (contoso.states.lease(box, NOW, later(330)) for box in (SALES, ANN))
    bobs = contoso.states.lease(BOB, NOW, later(330))
    contoso.crm.deliver([delivery(1)], lease)
    contoso.crm.deliver([delivery(1, ANN, content="other")], anns)
    key = delivery(1).claim.key
    trace = replace(delivery(1).trace, mailbox=BOB)
    contoso.ledger.record([(Receipt(key, BOB, Outcome.IGNORED, "no_recipient_match", at=NOW), trace)], bobs)
    copy = Receipt(key, ANN, Outcome.DELIVERED, "duplicate", delivery(1).activity.id, at=NOW, copy="abc")
    contoso.ledger.record([(copy, replace(trace, mailbox=ANN, copy="abc"))], anns)

    further = [one for one in streams.told() if not isinstance(one, NewActivity)]

    assert [type(one) for one in further] == [FurtherReceipt]
    assert (further[0].receipt.mailbox, further[0].activity) == (ANN, delivery(1).activity.id)
    assert further[0].receipt.content_differs


def state(activity: str = "e1") -> OutgoingState:
    return OutgoingState(
        activity=activity,
        status=EmailStatus.PENDING,
        sender=SALES,
        recipients=("erin@fabrikam.example",),
        changed=NOW,
        history=(HistoryEntry(NOW, EmailStatus.PENDING, "composed"),),
    )


def test_each_result_is_told_in_its_order_and_nothing_on_the_way(streams: Streams, contoso: Stores) -> None:
    states = contoso.outgoing
    contoso.crm.create_outgoing(outgoing("e1"))
    states.prepare(state())
    first = states.claim("e1", NOW, "r")
    states.keep_draft(first, "draft")
    states.settle(first, EmailStatus.DEFERRED, later(1), evidence="421 busy", due=later(2))
    second = states.claim("e1", later(3), "r")
    states.settle(second, EmailStatus.SENT, later(4), evidence="250 ok")
    states.keep_draft(second, "another draft")  # changes the row, and no result
    bounced = (RecipientResult("erin@fabrikam.example", SendOutcome.ACCEPTED, "5.1.1", Reported.BOUNCED),)
    states.note(states.get("e1"), EmailStatus.SENT, later(5), evidence="delivered", results=bounced)
    states.report("e1", EmailStatus.FAILED, later(6), evidence="bounced")
    states.reopen(states.get("e1"), later(7), evidence="again", results=())

    told = streams.told()

    assert all(isinstance(one, Result) for one in told)
    assert [(one.status.value, one.reason) for one in told] == [
        ("sent", "250 ok"),
        ("sent", "delivered"),
        ("failed", "bounced"),
    ]
    sequences = [int(one.sequence) for one in told]
    assert sequences == sorted(set(sequences))
    assert told[1].state.results == bounced
    assert told[0].email.parties == outgoing("e1").parties
    assert told[0].at == later(4)


def test_a_result_brings_what_was_composed_where_that_lies_in_the_table(streams: Streams, contoso: Stores) -> None:
    raw = b"Subject: Your order\r\n\r\nIt is on its way.\r\n"
    beside = Prepared(state=replace(state("e1"), blob="outgoing/e1/abc", beside=True), packed=packed(raw))
    contoso.outgoing.prepare_all([beside, Prepared(state=replace(state("e2"), blob="outgoing/e2/abc"))])
    for name in ("e1", "e2"):
        contoso.outgoing.settle(contoso.outgoing.claim(name, NOW, "r"), EmailStatus.SENT, later(1), evidence="250")

    assert {one.activity: one.composed for one in streams.told()} == {"e1": raw, "e2": b""}


def test_a_result_with_dynamics_365_is_told_without_the_activity(streams: Streams, contoso: Stores) -> None:
    contoso.outgoing.prepare(state())
    contoso.outgoing.settle(contoso.outgoing.claim("e1", NOW, "r"), EmailStatus.SENT, later(1), evidence="250")

    (told,) = streams.told()

    assert told.email is None


def test_an_end_that_only_the_row_of_dynamics_365_tells(streams: Streams) -> None:
    table, keys = Table(streams.place.clients.dynamodb, streams.place.crm), Keys("contoso")
    place = {"pk": keys.email("0f0c6e0a-6f0b-4d57-9d1a-7d9f6c1f2b11"), "sk": "OUTGOING"}
    table.put({**place, "status": "failed", "reason": "no recipient"})
    table.put({**place, "status": "failed", "reason": "no recipient", "due": 1})
    table.put({**place, "status": "pending"})

    (told,) = streams.told()

    assert (told.activity, told.status, told.reason) == (
        "0f0c6e0a-6f0b-4d57-9d1a-7d9f6c1f2b11",
        EmailStatus.FAILED,
        "no recipient",
    )
    assert told.state is told.email is None


@pytest.mark.parametrize("taken_up", [False, True])
def test_a_cancellation_in_dynamics_365_is_told_by_our_row_unless_the_state_tells_it(
    streams: Streams, contoso: Stores, taken_up: bool
) -> None:
    if taken_up:
        contoso.outgoing.prepare(state())
        contoso.outgoing.settle(contoso.outgoing.get("e1"), EmailStatus.CANCELLED, later(1), evidence="by the state")
    table, keys = Table(streams.place.clients.dynamodb, streams.place.crm), Keys("contoso")
    place = {"pk": keys.email("e1"), "sk": "OUTGOING"}
    table.put({**place, "due": 1})
    table.put({**place, "due": 1, "status": "cancelled", "reason": "by the row"})

    (told,) = streams.told()

    assert (told.activity, told.status) == ("e1", EmailStatus.CANCELLED)
    assert told.reason == ("by the state" if taken_up else "by the row")


def test_another_organisation_s_rows_are_told_as_its_own(streams: Streams) -> None:
    fabrikam = aws_stores(streams.place, "fabrikam")
    fabrikam.crm.deliver([delivery(1)], fabrikam.states.lease(SALES, NOW, later(330)))

    (told,) = streams.told()

    assert told.organisation == "fabrikam"


@pytest.mark.parametrize(
    "damage",
    [
        {"data": {"B": "AAAA"}},
        {"data": {"B": "not base64!"}},
        {"status": {"S": "eaten"}},
        {"blob": {"S": "email/gone/0"}, "data": {"NULL": True}},
        {"regarding": {"M": {"kind": {"S": "contact"}}}},
        {"status": {}},
    ],
    ids=["no data", "no base64", "no status", "no blob", "no record", "no value"],
)
def test_a_row_that_cannot_be_read_is_refused_and_named(
    streams: Streams, contoso: Stores, damage: dict[str, Any]
) -> None:
    contoso.crm.deliver([delivery(1)], contoso.states.lease(SALES, NOW, later(330)))
    (whole,) = (one for one in streams.changes() if one.record["dynamodb"]["Keys"]["sk"] == {"S": "EMAIL"})
    told = whole.record["dynamodb"]
    damaged = {**whole.record, "dynamodb": {**told, "NewImage": {**told["NewImage"], **damage}}}

    with pytest.raises(MessageRefused) as refused:
        streams.facts.of(Change(sequence=whole.sequence, record=damaged))

    assert "EMAIL" in str(refused.value)
    assert CONTACT.name not in str(refused.value)


def test_a_row_that_was_removed_is_nothing_to_tell(streams: Streams, contoso: Stores) -> None:
    contoso.crm.deliver([delivery(1)], contoso.states.lease(SALES, NOW, later(330)))
    Table(streams.place.clients.dynamodb, streams.place.crm).delete(
        (Keys("contoso").email(delivery(1).activity.id), "EMAIL")
    )

    assert [type(one) for one in streams.told()] == [NewActivity]
