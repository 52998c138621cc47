"""Let many workers do the same thing at once, and break the line at the worst moment: on MiniStack, whose DynamoDB keeps order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from botocore.exceptions import ReadTimeoutError

from email_router.core.activity import EmailStatus
from email_router.core.errors import StaleWorker, TryLater
from email_router.core.fetched import Position
from email_router.core.ledger import LinkKind, Wanted
from email_router.core.mailbox_state import Lease, PassRecord
from email_router.core.sending import OutgoingState
from email_router.core.settings import Configuration
from tests.cloud import Place, aws_stores
from tests.deliveries import ANN, NOW, SALES, delivery, later, linked

T = TypeVar("T")

LEASE = timedelta(seconds=330)
DONE = PassRecord(at=NOW, last_mail=None, next_retry=None)


def at_once(count: int, work: Callable[[int], T]) -> list[T]:
    """Do the work in so many threads that start together; return their answers in order."""
    gate = threading.Barrier(count)

    def start(number: int) -> T:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(start, range(count)))


@contextmanager
def answer_lost(client: Any, operation: str, times: int = 1) -> Iterator[list[int]]:
    """Let the answers of an operation get lost after AWS has done the work; yields how often that happened."""
    lost: list[int] = []

    def lose(request: Any, **_: Any) -> None:
        if len(lost) < times:
            lost.append(1)
            client._endpoint.http_session.send(request)
            raise ReadTimeoutError(endpoint_url="https://dynamodb")

    event = f"before-send.dynamodb.{operation}"
    client.meta.events.register(event, lose)
    try:
        yield lost
    finally:
        client.meta.events.unregister(event, lose)


def test_of_sixteen_workers_one_holds_the_lease_and_tokens_only_rise(ministack_place: Place) -> None:
    states = aws_stores(ministack_place).states
    seen: list[int] = []

    for turn in range(5):
        now = later(1000 * turn)
        leases = at_once(16, lambda _, now=now: states.lease(SALES, now, now + LEASE))  # type: ignore[misc]  # a default binds the turn
        (held,) = [lease for lease in leases if lease is not None]
        seen.append(held.token)
        if turn % 2:
            states.release(held, DONE)

    assert seen == [1, 2, 3, 4, 5]


def test_writes_of_an_overtaken_worker_are_refused_however_they_interleave(ministack_place: Place) -> None:
    states = aws_stores(ministack_place).states
    old = states.lease(SALES, NOW, NOW + LEASE)
    new = states.lease(SALES, NOW + LEASE, NOW + 2 * LEASE)

    def write(number: int) -> bool:
        lease = new if number % 2 else old
        try:
            states.advance(lease, Position(f"{lease.token}".encode() * 600), NOW)
        except StaleWorker:
            return False
        return True

    assert at_once(12, write) == [bool(number % 2) for number in range(12)]
    assert states.load(states.read(SALES)).position.cursor == b"2" * 600


def test_no_request_for_another_round_is_lost_between_releases(ministack_place: Place) -> None:
    """Each request is either served by the holder, who sees it, or refused, and then the asker takes the lease itself."""
    states = aws_stores(ministack_place).states

    def serve(lease: Lease) -> int:
        rounds = 1
        while not states.release(lease, DONE):
            rounds += 1
        return rounds

    for turn in range(10):
        now = later(1000 * turn)
        holder = states.lease(SALES, now, now + LEASE)
        served: list[int] = []

        def work(number: int, holder: Lease = holder, served: list[int] = served, now: datetime = now) -> str:
            if number == 0:
                served.append(serve(holder))
                return "holder"
            return "asked" if states.ask_again(SALES, holder.token) else "refused"

        asked = at_once(5, work).count("asked")

        state = states.read(SALES)
        assert (state.lease_until, state.again) == (None, False)
        assert (served[0] > 1) == (asked > 0)


def test_one_mail_in_eight_mailboxes_at_once_is_one_activity_with_eight_receipts(ministack_place: Place) -> None:
    stores = aws_stores(ministack_place)
    boxes = [f"box{number}@contoso.example" for number in range(8)]
    leases = [stores.states.lease(box, NOW, NOW + LEASE) for box in boxes]
    mails = [[delivery(number, box) for number in range(12)] for box in boxes]

    answers = at_once(8, lambda number: stores.crm.deliver(mails[number], leases[number]))

    assert len(list(stores.crm.emails())) == 12
    for number in range(12):
        assert sum(answer[number].created for answer in answers) == 1
        assert {answer[number].activity for answer in answers} == {mails[0][number].activity.id}
        key = mails[0][number].claim.key
        assert sorted(receipt.mailbox for receipt in stores.ledger.receipts(key)) == boxes
        assert len(stores.ledger.traces(key)) == 8


def test_mails_of_one_thread_delivered_at_once_leave_the_newest_as_its_last(ministack_place: Place) -> None:
    stores = aws_stores(ministack_place)
    boxes = [f"box{number}@contoso.example" for number in range(6)]
    leases = [stores.states.lease(box, NOW, NOW + LEASE) for box in boxes]

    def deliver(number: int) -> None:
        stores.crm.deliver([linked(10 * turn + number, LinkKind.THREAD, "t") for turn in range(4)], leases[number])

    at_once(6, deliver)

    assert len(list(stores.crm.emails())) == 24
    assert stores.ledger.find(Wanted(threads=("t",))).threads["t"].activity == delivery(35).activity.id


@pytest.mark.parametrize("mails", [1, 30])
def test_a_delivery_whose_answer_was_lost_is_made_once(ministack_place: Place, mails: int) -> None:
    stores = aws_stores(ministack_place)
    lease = stores.states.lease(SALES, NOW, NOW + LEASE)
    page = [delivery(number) for number in range(mails)]

    with (
        answer_lost(ministack_place.clients.dynamodb, "TransactWriteItems", times=9) as lost,
        pytest.raises(TryLater) as away,
    ):
        stores.crm.deliver(page, lease)
    again = stores.crm.deliver(page, lease)

    assert len(lost) == 3
    assert away.value.shared
    assert all(one.created for one in again)
    assert sorted(one.id for one in stores.crm.emails()) == sorted(mail.activity.id for mail in page)
    assert all(len(stores.ledger.receipts(mail.claim.key)) == 1 for mail in page)


def test_a_delivery_whose_answer_was_lost_once_is_repeated_unseen(ministack_place: Place) -> None:
    stores = aws_stores(ministack_place)
    lease = stores.states.lease(SALES, NOW, NOW + LEASE)

    with answer_lost(ministack_place.clients.dynamodb, "TransactWriteItems"):
        (answer,) = stores.crm.deliver([delivery(1)], lease)

    assert answer.created
    assert len(list(stores.crm.emails())) == 1


def test_a_delivery_finished_by_a_successor_is_still_one_activity(ministack_place: Place) -> None:
    stores = aws_stores(ministack_place)
    first = stores.states.lease(SALES, NOW, NOW + LEASE)
    page = [delivery(number) for number in range(30)]
    with answer_lost(ministack_place.clients.dynamodb, "TransactWriteItems", times=9), pytest.raises(TryLater):
        stores.crm.deliver(page, first)

    second = stores.states.lease(SALES, NOW + LEASE, NOW + 2 * LEASE)
    stores.crm.deliver(page, second)

    with pytest.raises(StaleWorker):
        stores.crm.deliver([delivery(99)], first)
    assert len(list(stores.crm.emails())) == 30


def test_a_lease_whose_answer_was_lost_is_held_all_the_same(ministack_place: Place) -> None:
    states = aws_stores(ministack_place).states

    with answer_lost(ministack_place.clients.dynamodb, "UpdateItem"):
        lease = states.lease(SALES, NOW, NOW + LEASE)

    assert (lease.token, lease.crashed, lease.state.token) == (1, True, 1)
    assert states.lease(SALES, NOW, NOW + LEASE) is None
    assert states.release(lease, DONE)


def test_a_lease_that_never_answered_expires(ministack_place: Place) -> None:
    states = aws_stores(ministack_place).states
    with answer_lost(ministack_place.clients.dynamodb, "UpdateItem", times=9), pytest.raises(TryLater):
        states.lease(SALES, NOW, NOW + LEASE)

    assert states.lease(SALES, NOW, NOW + LEASE) is None
    assert states.lease(SALES, NOW + LEASE, NOW + 2 * LEASE).crashed


def test_writes_whose_answer_was_lost_answer_as_if_it_was_not(ministack_place: Place) -> None:
    stores = aws_stores(ministack_place)
    stores.outgoing.prepare(OutgoingState(activity="e1", status=EmailStatus.PENDING, sender=SALES, changed=NOW))
    client = ministack_place.clients.dynamodb

    with answer_lost(client, "UpdateItem"):
        claimed = stores.outgoing.claim("e1", NOW, "r1")
    with answer_lost(client, "UpdateItem"):
        assert stores.outgoing.settle(claimed, EmailStatus.SENT, NOW, evidence="250 ok")
    with answer_lost(client, "UpdateItem"):
        assert stores.outgoing.report("e1", EmailStatus.FAILED, NOW, evidence="550")
    with answer_lost(client, "PutItem"):
        assert stores.ledger.reserve_token("CRM:1", delivery(1).links[0].email, NOW)

    state = stores.outgoing.get("e1")
    assert (claimed.attempts, state.attempts, state.status) == (1, 1, EmailStatus.FAILED)


def test_of_many_senders_one_claims_an_attempt(ministack_place: Place) -> None:
    outgoing = aws_stores(ministack_place).outgoing
    for number in range(4):
        outgoing.prepare(OutgoingState(activity=f"e{number}", status=EmailStatus.PENDING, sender=SALES, changed=NOW))

    claims = at_once(64, lambda worker: [outgoing.claim(f"e{number}", NOW, f"r{worker}") for number in range(4)])

    for number in range(4):
        assert [claim[number].attempts for claim in claims if claim[number]] == [1]


def test_users_at_once_get_numbers_of_their_own_and_no_count_twice(ministack_place: Place) -> None:
    ledger = aws_stores(ministack_place).ledger

    numbers = at_once(8, lambda number: ledger.user_number(f"user{number % 4}"))
    counts = at_once(8, lambda _: ledger.next_counts(ANN, 5).before)

    assert len(set(numbers)) == 4
    assert numbers[:4] == numbers[4:]
    assert sorted(counts) == list(range(0, 40, 5))


def test_a_token_is_given_to_one_of_many(ministack_place: Place) -> None:
    ledger = aws_stores(ministack_place).ledger
    emails = [delivery(number).links[0].email for number in range(8)]

    given = at_once(8, lambda number: ledger.reserve_token("CRM:1", emails[number], datetime(2026, 1, 1, tzinfo=UTC)))

    assert given.count(True) == 1


def test_configurations_published_at_once_are_all_kept_whole(ministack_place: Place) -> None:
    configurations = aws_stores(ministack_place).configurations

    def publish(number: int) -> int:
        try:
            return int(configurations.publish(Configuration(organisation="contoso", version=number)))
        except TryLater:
            return 0

    published = at_once(6, publish)

    assert len({number for number in published if number}) == len([number for number in published if number])
    assert configurations.current("contoso").version == 6
    assert list(configurations.versions("contoso")) == [6, 5, 4, 3, 2, 1]
