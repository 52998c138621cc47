"""What is the built-in CRM's own: how it packs transactions, what it does when others are in the way, where large mail goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from email_router.core.activity import Party, Record, Role
from email_router.core.errors import StaleWorker, TryLater
from email_router.core.ledger import LinkKind, Wanted
from email_router.edge.crm.builtin_records import AddressedRecord, record_of_row
from tests.aws_meter import billed
from tests.cloud import Place, Stores, aws_stores
from tests.deliveries import ANN, NOW, SALES, delivery, later, linked, outgoing
from tests.edge.aws.test_aws_errors import _Raw


@pytest.fixture
def contoso(moto_place: Place) -> Stores:
    return aws_stores(moto_place)


@contextmanager
def quarrels(place: Place, longest: int, times: int = 99) -> Iterator[list[int]]:
    """Cancel transactions of more than `longest` actions, as if another writer was in them; yields the size of each that was tried."""
    client: Any = place.clients.dynamodb
    tried: list[int] = []

    def quarrel(request: Any, **_: Any) -> AWSResponse | None:
        actions = len(json.loads(request.body)["TransactItems"])
        tried.append(actions)
        if actions <= longest or len(tried) > times:
            return None
        reasons = [{"Code": "None"}] * (actions - 1) + [{"Code": "TransactionConflict"}]
        body = {"__type": "com.amazonaws#TransactionCanceledException", "message": "no", "CancellationReasons": reasons}
        return AWSResponse(request.url, 400, {}, _Raw(json.dumps(body).encode()))  # type: ignore[arg-type]  # enough of a body

    client.meta.events.register("before-send.dynamodb.TransactWriteItems", quarrel)
    try:
        yield tried
    finally:
        client.meta.events.unregister("before-send.dynamodb.TransactWriteItems", quarrel)


def test_a_quarrel_halves_the_group_until_it_passes(ministack_place: Place) -> None:
    contoso = aws_stores(ministack_place)
    lease = contoso.states.lease(SALES, NOW, later(330))

    with quarrels(ministack_place, longest=20) as tried:
        answers = contoso.crm.deliver([delivery(number) for number in range(24)], lease)

    assert all(one.created for one in answers)
    assert tried == [73, 37, 19, 19, 37, 19, 19]
    assert len(list(contoso.crm.emails())) == 24


def test_a_quarrel_that_does_not_end_is_tried_later_and_what_was_written_stays(ministack_place: Place) -> None:
    contoso = aws_stores(ministack_place)
    lease = contoso.states.lease(SALES, NOW, later(330))
    page = [delivery(number) for number in range(30)]

    with quarrels(ministack_place, longest=1, times=60), pytest.raises(TryLater) as away:
        contoso.crm.deliver(page, lease)
    answers = contoso.crm.deliver(page, lease)

    assert away.value.shared
    assert all(one.created for one in answers)
    assert len(list(contoso.crm.emails())) == 30


def test_no_transaction_is_larger_than_aws_takes(ministack_place: Place) -> None:
    contoso = aws_stores(ministack_place)
    lease = contoso.states.lease(SALES, NOW, later(330))
    page = [linked(number, LinkKind.SUBJECT, f"h{number}") for number in range(60)]
    wide = replace(page[0], links=tuple(linked(1, LinkKind.TOKEN, f"t{number}").links[1] for number in range(90)))

    with quarrels(ministack_place, longest=100) as tried:
        contoso.crm.deliver([*page[1:30], wide, *page[30:]], lease)

    assert max(tried) <= 100
    assert len(list(contoso.crm.emails())) == 60


def test_a_page_within_a_thread_writes_its_last_email_into_the_thread(contoso: Stores) -> None:
    lease = contoso.states.lease(SALES, NOW, later(330))

    contoso.crm.deliver([linked(number, LinkKind.THREAD, "t") for number in (2, 5, 3)], lease)

    assert contoso.ledger.find(Wanted(threads=("t",))).threads["t"].activity == delivery(5).activity.id


def test_a_collision_does_not_take_over_the_message_id_of_the_first(contoso: Stores) -> None:
    lease = contoso.states.lease(SALES, NOW, later(330))
    first = delivery(1)
    forged = replace(
        delivery(1),
        activity=replace(first.activity, id="forged"),
        claim=replace(first.claim, key="c" * 64, activity="forged"),
        receipt=replace(first.receipt, key="c" * 64, activity="forged"),
        trace=replace(first.trace, key="c" * 64),
        links=(replace(first.links[0], email=replace(first.links[0].email, activity="forged", at=later(-9999))),),
    )
    contoso.crm.deliver([first], lease)

    contoso.crm.deliver([forged], lease)

    found = contoso.ledger.find(Wanted(message_ids=(first.links[0].value,)))
    assert found.message_ids[first.links[0].value].activity == first.activity.id
    assert contoso.crm.email("forged") is not None


def test_an_incoming_mail_does_not_take_over_the_message_id_of_one_we_sent(contoso: Stores) -> None:
    lease = contoso.states.lease(SALES, NOW, later(330))
    mail = delivery(1)
    ours = replace(mail.links[0], email=replace(mail.links[0].email, activity="ours", at=later(9999)))
    contoso.ledger.link([ours])

    contoso.crm.deliver([mail], lease)

    assert contoso.ledger.find(Wanted(message_ids=(ours.value,))).message_ids[ours.value].activity == "ours"


def test_large_mail_lies_in_the_blob_store_and_its_row_stays_small(contoso: Stores, moto_place: Place) -> None:
    lease = contoso.states.lease(SALES, NOW, later(330))
    parties = tuple(
        Party(Role.TO, f"person{number}@example{number * 7919}.example", "N" * 60) for number in range(1000)
    )
    text = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(400_000))

    with billed(moto_place.clients.dynamodb) as bill, billed(moto_place.clients.s3) as blobs:
        contoso.crm.deliver([delivery(1, parties=parties), delivery(2, text=text), delivery(3)], lease)

    assert blobs.calls == {"PutObject": 2}
    assert max(bill.sizes) < 4096 + 1024


def test_the_same_large_mail_is_the_same_blob(contoso: Stores, moto_place: Place) -> None:
    lease = contoso.states.lease(SALES, NOW, later(330))
    text = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(9000))

    for _ in range(2):
        contoso.crm.deliver([delivery(1, text=text)], lease)

    listed = moto_place.clients.s3.list_objects_v2(Bucket=moto_place.bucket)
    assert [one["Key"].rsplit("/", 1)[0] for one in listed["Contents"]] == [f"email/contoso/{delivery(1).activity.id}"]


def test_a_stale_worker_with_a_known_mail_stops_too(contoso: Stores) -> None:
    lease = contoso.states.lease(SALES, NOW, later(330))
    contoso.crm.deliver([delivery(1)], lease)
    contoso.states.lease(SALES, later(331), later(700))

    with pytest.raises(StaleWorker):
        contoso.crm.deliver([delivery(1, ANN)], lease)

    assert [one.mailbox for one in contoso.ledger.receipts(delivery(1).claim.key)] == [SALES]


def test_a_verdict_before_the_claim_gives_way_to_the_delivery(contoso: Stores) -> None:
    lease = contoso.states.lease(SALES, NOW, later(330))
    mail = delivery(1)
    contoso.ledger.record([(replace(mail.receipt, reason="auto_reply"), mail.trace)], lease)

    contoso.crm.deliver([mail], lease)

    assert contoso.ledger.receipts(mail.claim.key) == [mail.receipt]
    found = contoso.ledger.find(Wanted(keys=(mail.claim.key,), mailboxes=(SALES,)))
    assert found.receipts == {(mail.claim.key, SALES): mail.receipt}


def test_an_address_of_more_than_a_hundred_records_says_so_for_good(contoso: Stores) -> None:
    def rows(count: int) -> list[AddressedRecord]:
        return [AddressedRecord("Info@x.example", Record("contact", f"{number:03d}")) for number in range(count)]

    assert contoso.crm.import_records(rows(100)) == 100
    assert len(contoso.crm.resolve(["info@x.example"])["info@x.example"]) == 100

    contoso.crm.import_records(rows(101)[100:])
    contoso.crm.import_records(rows(2))

    assert len(contoso.crm.resolve(["info@x.example"])["info@x.example"]) == 101
    assert len(list(contoso.crm.records())) == 101
    contoso.crm.deactivate("000")
    contoso.crm.merge("001", "002")
    assert len(contoso.crm.resolve(["info@x.example"])["info@x.example"]) == 101


def test_records_imported_twice_are_the_same_records(contoso: Stores) -> None:
    lines = [
        ("contact", "Erin@x.example", "Erin", ANN),
        ("queue", SALES, "Sales", ""),
        ("lead", "erin@x.example", "E", ""),
    ]
    for _ in range(2):
        contoso.crm.import_records([record_of_row("contoso", *line) for line in lines])

    listed = list(contoso.crm.records())

    assert [(one.record.kind, one.address, one.record.name) for one in listed] == [
        ("contact", "Erin@x.example", "Erin"),
        ("lead", "erin@x.example", "E"),
        ("queue", SALES, "Sales"),
    ]
    assert [one.kind for one in contoso.crm.resolve(["ERIN@x.example"])["erin@x.example"]] == ["contact", "lead"]
    assert record_of_row("fabrikam", *lines[0]).record.id != record_of_row("contoso", *lines[0]).record.id


def test_an_index_that_is_behind_is_not_believed(contoso: Stores, moto_place: Place) -> None:
    for name in ("e1", "e2"):
        contoso.crm.create_outgoing(outgoing(name))
    client: Any = moto_place.clients.dynamodb

    def cancel_meanwhile(**_: Any) -> None:
        client.meta.events.unregister("after-call.dynamodb.Query", cancel_meanwhile)
        contoso.crm.cancel("e1")

    client.meta.events.register("after-call.dynamodb.Query", cancel_meanwhile)

    assert list(contoso.crm.pending(NOW, 10)) == [("e2", SALES)]
