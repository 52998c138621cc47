"""What delta does not tell is picked up by the comparison: a message that was moved out of the inbox and back under an immutable id."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from email_router.core.flows.accounting import Fate
from email_router.core.flows.route_mailbox import PassOutcome, PassSummary, RouteMailbox
from email_router.core.work import RECONCILE, RECONCILE_NOW, MailboxWork
from tests.edge.graph.mailboxes import source
from tests.flows.house import SALES, House, mail
from tests.simulators.graph.process import GraphProcess


def road(graph: GraphProcess, box: str, **changes: Any) -> House:
    house = House()
    house._open = lambda _profile, _mailbox: source(graph, box, **changes)  # type: ignore[assignment, return-value, method-assign]  # the road's one inlet
    return house


def act(house: House, work: MailboxWork) -> PassSummary:
    return RouteMailbox(house.incoming()).route(work, house.clock.now() + timedelta(seconds=240))


def moved_out_and_back(graph: GraphProcess, box: str, house: House, raw: bytes) -> PassOutcome:
    """Let a message come, go before it was read, and come back; return what a poll made of it."""
    item = graph.put_message(box, raw)
    away = graph.move_message(box, item, "archive")
    house.route()
    graph.move_message(box, away, "inbox")
    house.clock.advance(60)
    return house.route().outcome


def test_a_message_that_was_moved_out_and_back_is_lost_to_delta_under_immutable_ids_and_found_by_comparison(
    graph: GraphProcess, box: str
) -> None:
    house = road(graph, box, immutable_ids=True)
    graph.put_message(box, mail(1))
    house.route()
    assert moved_out_and_back(graph, box, house, mail(2)) is PassOutcome.IDLE
    assert len(house.crm.activities) == 1

    proof = act(house, MailboxWork("contoso", SALES, RECONCILE_NOW)).proof

    assert proof is not None
    assert [one.message_id for one in proof.picked_up] == ["<m2@fabrikam.example>"]
    assert (proof.messages, proof.fates[Fate.DELIVERED]) == (2, 1)
    assert len(house.crm.activities) == 2


def test_a_message_that_was_moved_out_and_back_is_told_anew_under_default_ids(graph: GraphProcess, box: str) -> None:
    house = road(graph, box)
    graph.put_message(box, mail(1))
    house.route()

    assert moved_out_and_back(graph, box, house, mail(2)) is PassOutcome.ROUTED
    assert len(house.crm.activities) == 2


@pytest.mark.parametrize("with_mail", [False, True])
def test_a_message_that_is_moved_away_has_the_mailbox_compared_by_itself(
    graph: GraphProcess, box: str, *, with_mail: bool
) -> None:
    house = road(graph, box, immutable_ids=True)
    item = graph.put_message(box, mail(1))
    house.route()
    house.clock.advance(3700)
    graph.settings(quirks=["tells_removals"])

    graph.move_message(box, item, "archive")
    if with_mail:
        graph.put_message(box, mail(2))
    house.route()

    (order,) = house.queues.mailboxes
    assert order.reason == RECONCILE
    proof = act(house, order).proof
    assert proof is not None
    assert proof.messages == int(with_mail)
    house.queues.mailboxes = []
    house.clock.advance(60)
    house.route()
    assert house.queues.mailboxes == []
