"""One stack serves several organisations: the same mailbox, the same mail and the same ids in two of them never meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from moto import mock_aws

from email_router.core.activity import EmailStatus
from email_router.core.flows.route_mailbox import RouteMailbox
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
