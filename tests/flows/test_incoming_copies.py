"""A mail is one activity, however often and in however many mailboxes it comes, and another mail is another."""

from __future__ import annotations

import pytest

from email_router.core.errors import TryLater
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.ledger import Outcome
from email_router.core.mailbox import AfterDelivery
from tests.fakes import fail, fail_after
from tests.flows.house import ANN, SALES, House, mail


def test_the_same_mail_in_two_mailboxes_is_one_activity_with_two_receipts() -> None:
    raw = mail(1, to=f"{SALES}, {ANN}")
    house = House(raw)
    house.sources[ANN].put(raw)

    house.route(SALES)
    house.route(ANN)

    (key,) = house.ledger.claims
    assert len(house.crm.activities) == 1
    assert sorted(one.mailbox for one in house.ledger.receipts(key)) == [ANN, SALES]
    assert {one.activity for one in house.ledger.receipts(key)} == set(house.crm.activities)


def test_another_mail_under_a_known_id_is_a_collision_and_kept() -> None:
    house = House(mail(1), mail(1, sender="mallory@evil.example", text="Something else"))

    house.route()

    flags = sorted(one.flags for one in house.crm.activities.values())
    assert len(house.crm.activities) == 2
    assert flags == [(), ("message-id collision",)]


def test_mails_without_an_id_are_told_apart_by_what_they_say() -> None:
    house = House(
        mail(1, message_id="", text="one"), mail(1, message_id="", text="two"), mail(1, message_id="", text="one")
    )

    house.route()

    assert sorted(one.text.strip() for one in house.crm.activities.values()) == ["one", "two"]
    assert all("no message-id" in one.flags for one in house.crm.activities.values())


def test_a_second_copy_in_one_mailbox_is_a_duplicate_with_a_trace_and_its_own_words_kept() -> None:
    house = House(mail(1), mail(1), mail(1, text="the same id, other words"))

    house.route()
    house.route()

    traces = house.ledger.traces(next(iter(house.ledger.claims)))
    assert sorted((one.outcome, one.reason, one.source_id) for one in traces) == [
        (Outcome.DELIVERED, "accept_all", "0"),
        (Outcome.IGNORED, "duplicate", "1"),
        (Outcome.IGNORED, "duplicate", "2"),
    ]
    assert len(house.crm.activities) == 1
    assert [raw for raw in house.blobs.stored.values() if b"other words" in raw] == [
        mail(1, text="the same id, other words")
    ]


def test_the_same_message_seen_again_leaves_no_second_trace() -> None:
    house = House(mail(1))
    fail(house.states, "advance", TryLater("the store is away", shared=True))
    house.route()

    house.route()

    assert len(house.ledger.traces(next(iter(house.ledger.claims)))) == 1
    assert house.ledger.copies == {}


def test_a_second_pass_finds_nothing_new_and_takes_no_lease() -> None:
    house = House(mail(1))
    house.route()
    token = house.states.read(SALES).token

    summary = house.route()

    assert summary.outcome is PassOutcome.IDLE
    assert house.states.read(SALES).token == token
    assert len(house.crm.activities) == 1


def test_a_crash_between_delivery_and_cursor_brings_no_second_activity() -> None:
    house = House(mail(1), mail(2), after_delivery=AfterDelivery.DELETE)
    fail(house.states, "advance", SystemExit("killed"))  # type: ignore[arg-type]  # what a kill looks like from inside
    with pytest.raises(SystemExit):
        house.route()
    house.clock.advance(400)

    house.route()

    assert len(house.crm.activities) == 2
    assert house.source.messages == [None, None]


def test_a_lost_answer_of_the_crm_brings_no_second_activity() -> None:
    house = House(mail(1))
    fail_after(house.crm, "deliver", TryLater("the answer was lost", shared=True))

    first = house.route()
    second = house.route()

    assert (first.outcome, second.outcome) == (PassOutcome.FAILED, PassOutcome.IDLE)
    assert len(house.crm.activities) == 1
    assert house.states.read(SALES).error_kind == ""
