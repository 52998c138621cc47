"""The proof that every message of a mailbox is accounted for, and what is picked up on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from email_router.core.errors import MessageRefused, TryLater
from email_router.core.fetched import Inventoried, Wrapper
from email_router.core.flows import undeliverable
from email_router.core.flows.accounting import Fate
from email_router.core.flows.reconcile import PickedUp, Proof
from email_router.core.flows.route_mailbox import PassOutcome, PassSummary, RouteMailbox
from email_router.core.ledger import Delivered, Delivery, Found, Outcome, Wanted
from email_router.core.mailbox import Accept, AfterDelivery, Mailbox, MailboxKind
from email_router.core.mailbox_state import Lease
from email_router.core.message import Message
from email_router.core.parse import parse
from email_router.core.work import RECONCILE, RECONCILE_NOW, MailboxWork
from tests.flows.house import ANN, NOW, SALES, House, mail

DAY = 24 * 3600


def reconciled(house: House, mailbox: str = SALES, *, after: str = "", reason: str = RECONCILE_NOW) -> PassSummary:
    work = MailboxWork("contoso", mailbox, reason, after)
    return RouteMailbox(house.incoming()).route(work, house.clock.now() + timedelta(seconds=240))


def proof_of(house: House, mailbox: str = SALES) -> Proof:
    summary = reconciled(house, mailbox)
    assert summary.error is None
    assert summary.proof is not None
    return summary.proof


def fates(house: House) -> dict[Fate, int]:
    return {fate: count for fate, count in proof_of(house).fates.items() if count}


def lose(house: House, number: int, raw: bytes) -> None:
    """Let a message lie where the listing has passed already, as after a move out of the folder and back."""
    house.source.messages[number] = raw


def with_hole(*messages: bytes) -> House:
    """A mailbox whose first place was empty when it was listed."""
    house = House(b"", *messages)
    house.source.messages[0] = None
    house.route()
    return house


# What is told


def test_each_message_of_a_mailbox_is_told_by_what_became_of_it() -> None:
    house = House(mail(1), mail(2, extra="Auto-Submitted: auto-replied\r\n"), b"\x00\x01", mail(4))
    house.route()

    proof = proof_of(house)

    assert {fate: count for fate, count in proof.fates.items() if count} == {
        Fate.DELIVERED: 2,
        Fate.UNWANTED: 1,
        Fate.QUARANTINED: 1,
    }
    assert (proof.messages, proof.folders, proof.picked_up, proof.done) == (4, 1, (), True)


def test_a_message_that_the_listing_never_told_of_is_picked_up_and_named() -> None:
    house = with_hole(mail(2))
    lose(house, 0, mail(1))
    assert house.route().outcome is PassOutcome.IDLE

    proof = proof_of(house)

    assert proof.picked_up == (PickedUp("0", "<m1@fabrikam.example>", Outcome.DELIVERED),)
    assert {one.message_id for one in house.crm.activities.values()} == {
        "<m1@fabrikam.example>",
        "<m2@fabrikam.example>",
    }
    assert fates(house) == {Fate.DELIVERED: 2}


def test_what_is_picked_up_is_disposed_of_like_any_message() -> None:
    house = House(b"", mail(2), after_delivery=AfterDelivery.DELETE)
    house.source.messages[0] = None
    house.route()
    lose(house, 0, mail(1))

    proof_of(house)

    assert house.source.disposed == [("1", AfterDelivery.DELETE), ("0", AfterDelivery.DELETE)]
    assert proof_of(house).messages == 0


def test_what_was_delivered_since_the_last_time_and_lies_there_still_is_disposed_of_now() -> None:
    house = House(mail(1), after_delivery=AfterDelivery.DELETE)
    house.route()
    house.clock.advance(60)
    house.source.put(mail(2))
    house.route()
    house.source.messages[1] = mail(2)  # the server lost the deletion

    proof_of(house)

    assert house.source.messages == [None, None]


def test_mail_of_the_time_when_it_was_left_in_its_mailbox_is_not_swept_away_by_a_comparison() -> None:
    house = House(mail(1))
    house.route()
    house.clock.advance(60)
    proof_of(house)
    house.configure(after_delivery=AfterDelivery.DELETE)

    proof_of(house)

    assert house.source.disposed == []


def test_a_lost_message_that_nobody_wants_is_picked_up_once_and_is_unwanted_from_then_on() -> None:
    house = with_hole()
    lose(house, 0, mail(1, extra="Auto-Submitted: auto-replied\r\n"))

    assert [one.outcome for one in proof_of(house).picked_up] == [Outcome.IGNORED]
    assert fates(house) == {Fate.UNWANTED: 1}


def test_another_message_at_the_place_of_one_that_is_known_is_picked_up() -> None:
    house = House(mail(1))
    house.route()
    lose(house, 0, mail(2))

    assert [one.message_id for one in proof_of(house).picked_up] == ["<m2@fabrikam.example>"]


def test_another_message_under_a_known_id_is_picked_up_and_afterwards_known() -> None:
    house = with_hole(mail(1))
    lose(house, 0, mail(1, sender="mallory@evil.example", text="Something else"))

    assert [one.outcome for one in proof_of(house).picked_up] == [Outcome.DELIVERED]
    assert len(house.crm.activities) == 2
    again = proof_of(house)
    assert (again.picked_up, again.messages) == ((), 2)


def test_a_further_copy_of_a_known_message_is_told_as_a_copy_and_fetched_once_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = with_hole(mail(1))
    lose(house, 0, mail(1))

    assert fates(house) == {Fate.DELIVERED: 1, Fate.COPY: 1}
    monkeypatch.setattr(house.source, "fetch", _never)
    assert fates(house) == {Fate.DELIVERED: 1, Fate.COPY: 1}
    assert len(house.crm.activities) == 1


def test_a_message_that_another_mailbox_made_an_activity_is_still_missing_here() -> None:
    house = with_hole()
    both = mail(1, to=f"{SALES}, {ANN}")
    house.configuration = replace(
        house.configuration,
        mailboxes=tuple(replace(box, accept=Accept.ALL) for box in house.configuration.mailboxes),
    )
    house.sources[ANN].put(both)
    house.route(ANN)
    lose(house, 0, both)

    assert [one.outcome for one in proof_of(house).picked_up] == [Outcome.DELIVERED]
    assert len(house.crm.activities) == 1
    assert (next(iter(house.ledger.claims)), SALES) in house.ledger.notes


def test_messages_without_an_id_are_fetched_and_known_by_what_they_say() -> None:
    house = with_hole(mail(2, message_id=""))
    assert fates(house) == {Fate.DELIVERED: 1}
    lose(house, 0, mail(3, message_id=""))

    assert [one.source_id for one in proof_of(house).picked_up] == ["0"]
    assert fates(house) == {Fate.DELIVERED: 2}
    assert len(house.crm.activities) == 2


def test_known_messages_cost_one_question_to_the_ledger_a_page_and_no_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(*(mail(number) for number in range(50)))
    house.timing = replace(house.timing, page_messages=20)
    house.route()
    asked = []
    find = house.ledger.find

    def counted(wanted: Wanted) -> Found:
        asked.append(wanted)
        return find(wanted)

    monkeypatch.setattr(house.ledger, "find", counted)
    monkeypatch.setattr(house.source, "fetch", _never)

    assert proof_of(house).messages == 50
    assert len(asked) == 3


def test_what_came_before_the_profiles_date_is_too_old_and_stays_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    house = with_hole()
    house.configure(profile=replace(house.profile, process_received_after=NOW))
    house.source.received = NOW - timedelta(days=1)
    lose(house, 0, mail(1))
    monkeypatch.setattr(house.source, "fetch", _never)

    assert fates(house) == {Fate.TOO_OLD: 1}


def test_a_message_that_is_to_be_tried_again_is_told_as_such() -> None:
    house = House(mail(1))
    _refuse(house)
    house.route()

    assert fates(house) == {Fate.RETRYING: 1}


def test_mail_that_comes_during_the_comparison_waits_for_the_next_round(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(mail(1))
    house.route()
    inventory = house.source.inventory
    arriving = [mail(2)]

    def late(page_size: int) -> object:
        house.source.messages += arriving
        arriving.clear()
        return inventory(page_size)

    monkeypatch.setattr(house.source, "inventory", late)
    proof = proof_of(house)

    assert {fate: count for fate, count in proof.fates.items() if count} == {Fate.DELIVERED: 1, Fate.WAITING: 1}
    assert [work.reason for work in house.queues.mailboxes] == ["continue"]
    assert fates(house) == {Fate.DELIVERED: 2}


def test_a_forward_mailbox_is_known_by_the_mails_within() -> None:
    house = House()
    forward = Mailbox(
        address="forward@contoso.example", kind=MailboxKind.FORWARD, incoming="in", after_delivery=AfterDelivery.LEAVE
    )
    trusted = Wrapper(sender=SALES, authenticated=True, evidence="test")
    source = house.add_mailbox(forward, mail(1), mail(2))
    source.wrappers = {0: trusted, 1: trusted}
    source.messages[0] = None
    house.route(forward.address)
    source.messages[0] = mail(1)

    picked_up = proof_of(house, forward.address).picked_up

    assert [one.message_id for one in picked_up] == ["<m1@fabrikam.example>"]
    assert {email.mailbox for email in house.crm.activities.values()} == {SALES}
    assert proof_of(house, forward.address).picked_up == ()


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


class Deadly(BaseException):
    """The end of a worker."""


def _deadly(raw: bytes) -> Message:
    if b"killer" in raw:
        raise Deadly
    return parse(raw)


def _killed(house: House, reason: str) -> PassSummary | None:
    try:
        return reconciled(house, reason=reason)
    except Deadly:
        house.clock.advance(400)
        return None


def test_a_lost_message_that_ends_its_worker_is_quarantined_unread_and_others_are_picked_up() -> None:
    house = with_hole(mail(3))
    house.source.messages += [None]
    house.route()
    house.parse = _deadly
    lose(house, 0, mail(1, subject="killer"))
    lose(house, 2, mail(2))

    summaries = [_killed(house, RECONCILE_NOW), *(_killed(house, "schedule") for _ in range(4))]

    assert summaries[0] is None
    assert [(one.source_id, one.reason) for one in house.quarantine.entries()] == [("0", "unreadable")]
    assert {one.message_id for one in house.crm.activities.values()} == {
        "<m2@fabrikam.example>",
        "<m3@fabrikam.example>",
    }
    assert fates(house) == {Fate.DELIVERED: 2, Fate.QUARANTINED: 1}


def test_a_message_that_was_quarantined_unread_and_discarded_is_not_read_again() -> None:
    house = House(mail(1, subject="killer"))
    house.parse = _deadly
    for _ in range(5):
        _killed(house, "schedule")
    (entry,) = house.quarantine.entries()
    house.quarantine.remove(entry.id)

    assert fates(house) == {Fate.QUARANTINED: 1}


def test_a_retried_message_is_not_picked_up_beside_its_retry() -> None:
    house = House(b"\x00\x01")
    house.route()
    (entry,) = house.quarantine.entries()
    undeliverable.retry(entry, house.states, house.quarantine, house.clock)

    proof = proof_of(house)

    assert proof.picked_up == ()
    assert len(house.quarantine.entries()) == 1


def test_a_blocked_mailbox_is_compared_when_a_person_asks() -> None:
    house = House(mail(1))
    house.route()
    state = house.states._rows[SALES]
    state.state = replace(state.state, blocked_until=datetime(2027, 1, 1, tzinfo=UTC))

    assert reconciled(house, reason=RECONCILE).outcome is PassOutcome.BLOCKED
    assert proof_of(house).messages == 1


def _never(*_given: object) -> object:
    raise AssertionError("nothing is to be fetched")


def _refuse(house: House) -> None:
    def refused(deliveries: object, lease: object) -> object:
        raise MessageRefused("no", kind="refused")

    house.crm.deliver = refused  # type: ignore[assignment, method-assign]  # the fake of this scenario
