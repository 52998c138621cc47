"""Let many make, merge and deactivate the same records at once: on MiniStack, whose DynamoDB keeps order."""

from __future__ import annotations

import pytest

from email_router.core.activity import NewPerson, Record
from email_router.core.errors import ConfigurationError, TryLater
from tests.aws_meter import billed
from tests.cloud import Place, aws_stores
from tests.deliveries import ANN, NOW, SALES, delivery, later
from tests.edge.aws.test_races import answer_lost, at_once

ZOE = "zoe@new.example"


def test_a_sender_whom_many_workers_meet_at_once_becomes_one_record(ministack_place: Place) -> None:
    stores = aws_stores(ministack_place)
    kinds = ("contact", "lead")

    answers = at_once(8, lambda number: stores.crm.create_people([NewPerson(ZOE, kinds[number % 2], f"Zoe {number}")]))

    (kept,) = stores.crm.records()
    assert answers == [{ZOE: (kept.record,)}] * 8
    assert stores.crm.resolve([ZOE]) == {ZOE: (kept.record,)}


def test_many_unknown_senders_met_by_several_workers_in_another_order_become_one_record_each(
    ministack_place: Place,
) -> None:
    stores = aws_stores(ministack_place)
    people = [NewPerson(f"p{number}@new.example", "contact", f"P {number}") for number in range(30)]

    answers = at_once(4, lambda number: stores.crm.create_people(people[:: 1 if number % 2 else -1]))

    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0]) == len(list(stores.crm.records())) == 30


def test_a_record_whose_answer_was_lost_is_found_and_not_made_again(ministack_place: Place) -> None:
    stores = aws_stores(ministack_place)
    with answer_lost(ministack_place.clients.dynamodb, "TransactWriteItems", times=3) as lost, pytest.raises(TryLater):
        stores.crm.create_people([NewPerson(ZOE, "contact", "Zoe", ANN)])
    assert lost

    again = stores.crm.create_people([NewPerson(ZOE, "lead", "Other")])

    assert [(one.kind, one.name) for one in again[ZOE]] == [("contact", "Zoe")]


def test_two_merges_of_one_pair_in_both_directions_leave_one_master(ministack_place: Place) -> None:
    stores = aws_stores(ministack_place)
    pair = ("c-1", "c-2")
    for name in pair:
        stores.know(f"{name}@x.example", Record("contact", name))

    def merge(number: int) -> bool:
        try:
            stores.crm.merge(*(pair if number else pair[::-1]))
        except ConfigurationError:
            return False
        return True

    assert sorted(at_once(2, merge)) == [False, True]

    found = stores.crm.resolve(["c-1@x.example", "c-2@x.example"])
    assert len(set(found.values())) == 1


def test_an_import_during_a_merge_undoes_nothing(ministack_place: Place) -> None:
    stores = aws_stores(ministack_place)
    for name in ("c-1", "c-2"):
        stores.know(f"{name}@x.example", Record("contact", name))

    def work(number: int) -> None:
        if number == 0:
            stores.crm.merge("c-1", "c-2")
        else:
            stores.know("c-1@x.example", Record("contact", "c-1", f"name {number}"))

    at_once(4, work)

    assert stores.crm.resolve(["c-1@x.example"]) == {"c-1@x.example": (Record("contact", "c-2"),)}


def test_what_emails_are_about_costs_one_call_until_a_record_was_merged_and_one_more_from_then_on(
    moto_place: Place,
) -> None:
    stores = aws_stores(moto_place)
    for name in ("c-1", "c-2"):
        stores.know(f"{name}@x.example", Record("contact", name))
    mails = [delivery(number, regarding=Record("contact", "c-1"), owner=ANN) for number in range(24)]
    stores.crm.deliver(mails, stores.states.lease(SALES, NOW, later(330)))
    names = [one.activity.id for one in mails]

    with billed(moto_place.clients.dynamodb) as before:
        stores.crm.about(names)
    stores.crm.deactivate("c-1")
    with billed(moto_place.clients.dynamodb) as after:
        stores.crm.about(names)

    assert (before.calls, after.calls) == ({"BatchGetItem": 1}, {"BatchGetItem": 2})


def test_a_second_import_of_the_same_lines_writes_nothing(moto_place: Place) -> None:
    stores = aws_stores(moto_place)
    stores.know(ZOE, Record("contact", "z", "Zoe"))

    with billed(moto_place.clients.dynamodb) as bill:
        stores.know(ZOE, Record("contact", "z", "Zoe"))

    assert bill.calls == {"BatchGetItem": 1}


def test_a_page_of_unknown_senders_costs_a_read_and_a_write(moto_place: Place) -> None:
    stores = aws_stores(moto_place)
    people = [NewPerson(f"p{number}@new.example", "contact", f"P {number}") for number in range(24)]

    with billed(moto_place.clients.dynamodb) as bill:
        stores.crm.create_people(people)

    assert bill.calls == {"BatchGetItem": 1, "TransactWriteItems": 1}


@pytest.mark.parametrize("name", ["c-9", "contact:c-1@x.example", "contact:nobody@x.example"])
def test_a_record_is_named_by_its_id_or_by_kind_and_address_and_a_wrong_name_is_refused(
    moto_place: Place, name: str
) -> None:
    stores = aws_stores(moto_place)
    stores.know("c-1@x.example", Record("contact", "c-1"))
    stores.know("c-1@x.example", Record("lead", "l-1"))

    if name == "contact:c-1@x.example":
        assert stores.crm.deactivate(name) == Record("contact", "c-1")
        return
    with pytest.raises(ConfigurationError, match="no such record"):
        stores.crm.deactivate(name)


def test_the_address_of_a_merged_record_names_its_master_also_after_an_import_of_the_merged_one(
    moto_place: Place,
) -> None:
    stores = aws_stores(moto_place)
    for name in ("c-1", "c-2"):
        stores.know(f"{name}@x.example", Record("contact", name))
    stores.crm.merge("c-1", "c-2")
    stores.know("c-1@x.example", Record("contact", "c-1", "Renamed"))

    assert stores.crm.deactivate("contact:c-1@x.example") == Record("contact", "c-2")


def test_a_name_that_fits_several_records_is_refused_with_their_ids(moto_place: Place) -> None:
    stores = aws_stores(moto_place)
    for number in (1, 2):
        stores.know("shared@x.example", Record("contact", f"c-{number}"))

    with pytest.raises(ConfigurationError, match="one of c-1, c-2"):
        stores.crm.deactivate("contact:shared@x.example")
