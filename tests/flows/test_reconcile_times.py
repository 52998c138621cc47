"""When a mailbox is compared, and how a comparison that is cut short, fails or is held up goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from email_router.core.errors import TryLater
from email_router.core.fetched import Inventoried
from email_router.core.flows.accounting import Fate
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.ledger import Delivered, Delivery
from email_router.core.mailbox_state import Lease
from email_router.core.work import RECONCILE, MailboxWork
from tests.flows.house import NOW, SALES, House, mail
from tests.flows.reconciling import lose, proof_of, reconciled, with_hole

DAY = 24 * 3600


# When it is done


def test_a_mailbox_is_compared_once_a_day_by_itself_and_idle_polls_write_nothing() -> None:
    house = House(mail(1))
    house.route()
    assert house.states.read(SALES).reconciled == house.clock.now()
    state = house.states.read(SALES)

    house.clock.advance(DAY - 1)
    house.route()
    assert house.queues.mailboxes == []
    house.clock.advance(1)
    assert house.route().outcome is PassOutcome.IDLE

    assert house.queues.mailboxes == [MailboxWork("contoso", SALES, RECONCILE)]
    assert house.states.read(SALES) == state
    assert reconciled(house, reason=RECONCILE).proof is not None
    assert house.states.read(SALES).reconciled == house.clock.now()
    house.queues.mailboxes = []
    house.route()
    assert house.queues.mailboxes == []


def test_an_order_that_comes_twice_compares_once() -> None:
    house = House(mail(1))
    house.route()
    house.clock.advance(DAY)

    assert reconciled(house, reason=RECONCILE).proof is not None
    assert reconciled(house, reason=RECONCILE).proof is None


def test_a_source_that_doubts_has_its_mailbox_compared_within_the_hour() -> None:
    house = House(mail(1))
    house.route()
    house.clock.advance(3600)
    house.source.suspected = True

    house.route()
    assert [work.reason for work in house.queues.mailboxes] == [RECONCILE]
    house.source.suspected = False
    assert reconciled(house, reason=RECONCILE).proof is not None
    assert reconciled(house, reason=RECONCILE).proof is None


def test_a_doubt_that_came_with_mail_is_kept_until_it_was_looked_into() -> None:
    house = House(mail(1))
    house.route()
    house.source.put(mail(2))
    house.source.suspected = True
    house.route()
    house.source.suspected = False
    assert house.queues.mailboxes == []  # it was compared just now

    house.clock.advance(3600)
    house.route()

    assert [work.reason for work in house.queues.mailboxes] == [RECONCILE]
    assert reconciled(house, reason=RECONCILE).proof is not None
    assert not house.states.read(SALES).suspected


def test_a_doubtful_position_is_not_saved_while_nothing_was_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(mail(1))
    house.route()
    before = house.states.read(SALES).position
    house.clock.advance(3700)
    monkeypatch.setattr(house.source, "position", lambda: replace(before, mark="newer"))
    house.source.suspected = True

    house.route()
    assert house.states.read(SALES).position == before
    house.source.suspected = False
    house.route()

    assert house.states.read(SALES).position.mark == "newer"


def test_a_mailbox_is_not_compared_while_another_worker_serves_it() -> None:
    house = House(mail(1))
    house.route()
    house.states.lease(SALES, NOW, NOW + timedelta(seconds=330))

    summary = reconciled(house)

    assert (summary.outcome, summary.proof) == (PassOutcome.BUSY, None)


def test_a_blocked_mailbox_is_compared_when_a_person_asks() -> None:
    house = House(mail(1))
    house.route()
    state = house.states._rows[SALES]
    state.state = replace(state.state, blocked_until=datetime(2027, 1, 1, tzinfo=UTC))

    assert reconciled(house, reason=RECONCILE).outcome is PassOutcome.BLOCKED
    assert proof_of(house).messages == 1


# What goes wrong


def test_a_comparison_that_runs_out_of_time_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    house = with_hole(*(mail(number) for number in range(1, 30)))
    house.timing = replace(house.timing, page_messages=5)
    house.clock.advance(DAY)
    lose(house, 0, mail(0))
    find = house.ledger.find

    def slow(wanted: object) -> object:
        house.clock.advance(100)
        return find(wanted)  # type: ignore[arg-type]

    monkeypatch.setattr(house.ledger, "find", slow)
    parts = [reconciled(house, reason=RECONCILE)]
    while house.queues.mailboxes:
        (work,) = house.queues.mailboxes
        house.queues.mailboxes = []
        parts.append(reconciled(house, reason=work.reason, after=work.after))

    proofs = [part.proof for part in parts if part.proof]
    whole = proofs[0]
    for proof in proofs[1:]:
        whole = whole.joined(proof)
    assert len(proofs) >= 3
    assert (whole.done, whole.messages, whole.fates[Fate.PICKED_UP], whole.fates[Fate.DELIVERED]) == (True, 30, 1, 29)
    assert house.states.read(SALES).reconciled == house.clock.now()


def test_a_comparison_begins_anew_where_the_message_to_go_on_from_is_gone() -> None:
    house = House(*(mail(number) for number in range(5)))
    house.route()

    proof = reconciled(house, after="gone").proof

    assert proof is not None
    assert (proof.messages, proof.done) == (5, True)


def test_a_pass_too_short_to_list_what_was_compared_already_is_tried_again_the_next_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House(*(mail(number) for number in range(9)))
    house.timing = replace(house.timing, page_messages=1)
    house.route()
    house.clock.advance(DAY)
    inventory = house.source.inventory

    def slow(page_size: int) -> Iterator[Sequence[Inventoried]]:
        for page in inventory(page_size):
            house.clock.advance(100)
            yield page

    monkeypatch.setattr(house.source, "inventory", slow)
    proof = reconciled(house, reason=RECONCILE, after="7").proof

    assert proof is not None
    assert (proof.done, proof.messages) == (False, 0)
    assert house.queues.mailboxes == []
    assert house.states.read(SALES).reconciled == house.clock.now()


def test_new_mail_comes_before_the_comparison_and_an_order_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(mail(1))
    house.route()
    house.clock.advance(DAY)
    house.timing = replace(house.timing, page_messages=1)
    for number in range(2, 6):
        house.source.put(mail(number))
    deliver = house.crm.deliver

    def slow(deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        house.clock.advance(200)
        return deliver(deliveries, lease)

    monkeypatch.setattr(house.crm, "deliver", slow)
    summary = reconciled(house, reason=RECONCILE, after="0")

    assert (summary.outcome, summary.proof) == (PassOutcome.ROUTED, None)
    assert house.queues.mailboxes == [MailboxWork("contoso", SALES, RECONCILE, "0")]


def test_a_comparison_that_fails_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(mail(1))
    house.route()
    house.clock.advance(DAY)
    inventory = house.source.inventory

    def away(page_size: int) -> object:
        raise TryLater("the server is away")

    monkeypatch.setattr(house.source, "inventory", away)
    assert reconciled(house, reason=RECONCILE).outcome is PassOutcome.FAILED
    assert house.states.read(SALES).reconciled == NOW
    monkeypatch.setattr(house.source, "inventory", inventory)

    house.route()
    house.route()

    assert MailboxWork("contoso", SALES, RECONCILE) in house.queues.mailboxes
