"""A transaction whose answer was lost may be repeated when AWS has long forgotten its token: its conditions keep it from counting twice.

AWS knows a ClientRequestToken for ten minutes (DynamoDB API, TransactWriteItems).  Here each transaction is written, its answer thrown
away, and the same actions are written again under another token, as the next try would be eleven minutes later.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.errors import StaleWorker
from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.core.mailbox_state import Lease
from email_router.core.outgoing_states import Prepared
from email_router.core.sending import OutgoingState
from email_router.core.write_back import WriteBack
from tests.cloud import Place, Stores, aws_stores
from tests.contracts.stores.contents import entry, retry
from tests.deliveries import NOW, SALES, delivery, later, linked, outgoing

Rows = dict[tuple[str, str], Any]


class Forgetful:
    """A client whose every transaction is written twice, the second time under a token that AWS does not know any more."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.repeated: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **given: Any) -> Any:
        number = len(self.repeated)
        first = self._client.transact_write_items(ClientRequestToken=f"first-{number}", **given)
        assert first
        self.repeated.append("")
        try:
            return self._client.transact_write_items(ClientRequestToken=f"forgotten-{number}", **given)
        except self._client.exceptions.TransactionCanceledException:
            self.repeated[number] = "cancelled"
            raise


def rows(place: Place) -> Rows:
    found: Rows = {}
    for table in (place.router, place.crm):
        for page in place.clients.dynamodb.get_paginator("scan").paginate(TableName=table):
            found |= {(item["pk"]["S"], item["sk"]["S"]): item for item in page["Items"]}
    return found


def deliver(stores: Stores, lease: Lease) -> Any:
    mails = [delivery(1), linked(2, LinkKind.TOKEN, "CRM:1"), linked(3, LinkKind.SUBJECT, "h")]
    return stores.crm.deliver(mails, lease)


def record(stores: Stores, lease: Lease) -> Any:
    return stores.ledger.record([(delivery(9).receipt, delivery(9).trace)], lease)


def postpone(stores: Stores, lease: Lease) -> Any:
    return stores.states.add_retry(lease, replace(retry(), due=later(300)))


def drop(stores: Stores, lease: Lease) -> Any:
    return stores.states.drop_retry(lease, retry())


def quarantine(stores: Stores, lease: Lease) -> Any:
    return stores.quarantine.add(entry("q1"), lease)


def state(name: str) -> OutgoingState:
    return OutgoingState(activity=name, status=EmailStatus.PENDING, sender=SALES, changed=NOW)


def prepare(stores: Stores, _: Lease) -> Any:
    links = (Link(LinkKind.TOKEN, "CRM:7", KnownEmail(activity="e7", at=NOW)),)
    return stores.outgoing.prepare_all([Prepared(state=state("e7"), packed=b"x", links=links)])


def settle(stores: Stores, _: Lease) -> Any:
    links = (Link(LinkKind.MESSAGE_ID, "<ses@x>", KnownEmail(activity="e1", at=NOW)),)
    claimed = stores.outgoing.get("e1")
    return stores.outgoing.settle(
        claimed, EmailStatus.SENT, later(1), evidence="250", provider_id="ses", links=links, request="r1"
    )


def reserve(stores: Stores, _: Lease) -> Any:
    known = [KnownEmail(activity=f"t{number}", at=NOW, token=f"CRM:{number}") for number in range(3)]
    return stores.ledger.reserve_tokens(known, later(-9))


def write_back(stores: Stores, _: Lease) -> Any:
    return stores.crm.write_back_all([WriteBack(activity="e1", status=EmailStatus.SENDING, attempts=1, due=later(9))])


def prepared(place: Place) -> tuple[Stores, Lease]:
    stores = aws_stores(place)
    lease = stores.states.lease(SALES, NOW, later(330))
    stores.states.add_retry(lease, retry())
    stores.crm.create_outgoing(outgoing())
    stores.outgoing.prepare(state("e1"))
    stores.outgoing.claim("e1", NOW, "r0")
    return stores, lease


WRITES = (deliver, record, postpone, drop, quarantine, prepare, settle, reserve, write_back)


@pytest.mark.parametrize("write", WRITES, ids=lambda one: str(one.__name__))
def test_what_is_written_again_after_eleven_minutes_leaves_the_same_rows_and_the_same_answer(
    moto_place: Place, monkeypatch: pytest.MonkeyPatch, write: Any
) -> None:
    monkeypatch.setattr("uuid.uuid4", _counting())
    usual, lease = prepared(moto_place)
    expected, once = write(usual, lease), rows(moto_place)
    for key in once:
        _delete(moto_place, key)
    monkeypatch.setattr("uuid.uuid4", _counting())
    prepared(moto_place)
    forgetful = Forgetful(moto_place.clients.dynamodb)
    given = replace(moto_place.clients, dynamodb=forgetful)  # type: ignore[arg-type]  # as a client

    answer = write(aws_stores(moto_place, given=given), lease)

    assert forgetful.repeated
    assert answer == expected
    assert {key: _once_told(row) for key, row in rows(moto_place).items()} == once


def test_a_delivery_that_is_repeated_after_another_workers_is_refused_whole(moto_place: Place) -> None:
    """What a worker of eleven minutes ago says is not news: another has the lease, the claim stands."""
    stores, lease = prepared(moto_place)
    deliver(stores, lease)
    stores.states.lease(SALES, later(660), later(990))
    before = rows(moto_place)

    for write in (deliver, record, postpone, drop, quarantine):
        with pytest.raises(StaleWorker):
            write(stores, lease)

    assert rows(moto_place) == before


def test_what_was_begun_eleven_minutes_ago_does_not_undo_what_has_happened_since(moto_place: Place) -> None:
    stores, lease = prepared(moto_place)
    deliver(stores, lease)
    prepare(stores, lease)
    reserve(stores, lease)
    other = KnownEmail(activity="other", at=later(10), token="CRM:1")
    stores.ledger.link([Link(LinkKind.TOKEN, "CRM:1", other)])
    stores.outgoing.claim("e7", later(1), "r7")
    settle(stores, lease)
    stores.crm.write_back(WriteBack(activity="e1", status=EmailStatus.SENT))
    before = rows(moto_place)

    answers = deliver(stores, lease)
    stands = prepare(stores, lease)
    kept = reserve(stores, lease)
    told = write_back(stores, lease)

    assert {one.created for one in answers} == {True}
    assert stands["e7"].status is EmailStatus.SENDING
    assert list(kept) == [True, False, True]
    assert told == {"e1": EmailStatus.SENT}
    assert rows(moto_place) == before


def _once_told(row: Any) -> Any:
    """Return the row with a change that its history tells twice told once: it may be, and counts for nothing."""
    told = row.get("history", {}).get("L", [])
    return {**row, "history": {"L": told[:-1]}} if told[-2:-1] == told[-1:] != [] else row


def _counting() -> Any:
    numbers = iter(range(1_000_000))
    return lambda: uuid.UUID(int=next(numbers))


def _delete(place: Place, key: tuple[str, str]) -> None:
    for table in (place.router, place.crm):
        place.clients.dynamodb.delete_item(TableName=table, Key={"pk": {"S": key[0]}, "sk": {"S": key[1]}})
