"""One stack serves several organisations: the same mailbox, the same mail and the same ids in two of them never meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from moto import mock_aws

from email_router.core.activity import EmailStatus
from email_router.core.flows.route_mailbox import PassOutcome, RouteMailbox
from email_router.core.settings import Configuration
from email_router.core.work import MailboxWork, OutgoingWork
from tests.cloud import Place, aws_stores, clients, make_place
from tests.flows.house import NOW, SALES, House, mail
from tests.flows.office import Office
from tests.infra.two_versions.scene import of_the_stores

TWO = ("contoso", "fabrikam")


@pytest.fixture
def place() -> Iterator[Place]:
    with mock_aws(), clients(None, "KEYS_ONLY") as given:
        yield make_place(given)


def of(place: Place, organisation: str) -> tuple[House, Office]:
    """Both roads of an organisation in the tables, the bucket and the queues that all have."""
    rooms = House(mail(1), mail(2)), Office()
    for room in rooms:
        of_the_stores(room, aws_stores(place, organisation))
        room.configuration = replace(room.configuration, organisation=organisation)
    return rooms


def test_the_same_mail_in_the_same_mailbox_is_an_e_mail_in_each(place: Place) -> None:
    ids = set()
    for name in TWO:
        house, _ = of(place, name)
        stores = aws_stores(place, name)
        stores.configurations.publish(house.configuration)
        stores.states.schedule(SALES, 60, 900)

        RouteMailbox(house.incoming()).route(MailboxWork(name, SALES), NOW + timedelta(seconds=240))

        assert [email.message_id for email in stores.crm.emails()] == ["<m1@fabrikam.example>", "<m2@fabrikam.example>"]
        ids |= {email.id for email in stores.crm.emails()}
    shared = aws_stores(place)
    assert len(ids) == 4
    assert sorted(shared.configurations.organisations()) == list(TWO)
    assert sorted((one.organisation, one.mailbox) for one in shared.schedule.mailboxes()) == [
        (one, SALES) for one in TWO
    ]


def test_an_order_of_one_sends_nothing_of_the_other(place: Place) -> None:
    offices = {name: of(place, name)[1] for name in TWO}
    for office in offices.values():
        office.write("e1")
        office.collect()

    orders = [body for _, body in place.bodies(place.outgoing_queue)]
    offices["contoso"].carry_out(OutgoingWork("contoso", "out", SALES, ("e1",)))

    assert sorted(order["organisation"] for order in orders) == list(TWO)
    assert [aws_stores(place, name).crm.email("e1").status for name in TWO] == [EmailStatus.SENT, EmailStatus.PENDING]
    assert aws_stores(place, "fabrikam").outgoing.get("e1") is None


def without_sales(house: House) -> Configuration:
    """The organisation's configuration when another one has got the mailbox."""
    rest = tuple(box for box in house.configuration.mailboxes if box.address != SALES)
    return replace(house.configuration, mailboxes=rest)


def test_an_order_for_a_mailbox_that_another_organisation_has_got_since_is_carried_out_for_nobody(place: Place) -> None:
    house, office = of(place, "contoso")
    house.configuration = without_sales(house)
    office.write("e1")
    office.configuration = without_sales(house)

    passed = RouteMailbox(house.incoming()).route(MailboxWork("contoso", SALES), NOW + timedelta(seconds=240))
    sent = office.carry_out(OutgoingWork("contoso", "out", SALES, ("e1",)))

    assert (passed.outcome, passed.handled, sent) == (PassOutcome.UNKNOWN, 0, [])
    assert {one.status for one in aws_stores(place, "contoso").crm.emails()} == {EmailStatus.PENDING}
    assert office.sender.sent == []


def test_a_mailbox_that_changes_hands_in_the_middle_of_a_pass_leaves_nothing_with_the_other(place: Place) -> None:
    houses = {name: of(place, name)[0] for name in TWO}
    gives, gets = houses["contoso"], houses["fabrikam"]
    fetch = gives.source.fetch

    def handed_over(*asked: Any) -> Any:
        gives.configuration = without_sales(gives)
        for name, house in houses.items():
            aws_stores(place, name).configurations.publish(house.configuration)
        return fetch(*asked)

    gives.source.fetch = handed_over  # type: ignore[method-assign, assignment]  # it changes hands when its first messages are read

    end = NOW + timedelta(seconds=240)
    first = RouteMailbox(gives.incoming()).route(MailboxWork("contoso", SALES), end)
    left = [len(list(aws_stores(place, name).crm.emails())) for name in TWO]
    second = RouteMailbox(gets.incoming()).route(MailboxWork("fabrikam", SALES), end)
    again = RouteMailbox(gives.incoming()).route(MailboxWork("contoso", SALES), end)

    assert (first.handled, left, second.handled) == (2, [2, 0], 2)
    assert [len(list(aws_stores(place, name).crm.emails())) for name in TWO] == [2, 2]
    assert again.outcome is PassOutcome.UNKNOWN
