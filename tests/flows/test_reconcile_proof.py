"""The proof of a mailbox tells what became of each of its messages, and fetches none that is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from email_router.core.errors import MessageRefused
from email_router.core.flows import undeliverable
from email_router.core.flows.accounting import Fate
from email_router.core.ledger import Found, Wanted
from tests.flows.house import NOW, House, mail
from tests.flows.reconciling import fates, lose, proof_of, with_hole


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


def test_a_further_copy_of_a_known_message_is_told_as_a_copy_and_fetched_once_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = with_hole(mail(1))
    lose(house, 0, mail(1))

    assert fates(house) == {Fate.DELIVERED: 1, Fate.COPY: 1}
    monkeypatch.setattr(house.source, "fetch", _never)
    assert fates(house) == {Fate.DELIVERED: 1, Fate.COPY: 1}
    assert len(house.crm.activities) == 1


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


def test_a_retried_message_is_not_picked_up_beside_its_retry() -> None:
    house = House(b"\x00\x01")
    house.route()
    (entry,) = house.quarantine.entries()
    undeliverable.retry(entry, house.states, house.quarantine, house.clock)

    proof = proof_of(house)

    assert proof.picked_up == ()
    assert len(house.quarantine.entries()) == 1


def _never(*_given: object) -> object:
    raise AssertionError("nothing is to be fetched")


def _refuse(house: House) -> None:
    def refused(deliveries: object, lease: object) -> object:
        raise MessageRefused("no", kind="refused")

    house.crm.deliver = refused  # type: ignore[assignment, method-assign]  # the fake of this scenario
