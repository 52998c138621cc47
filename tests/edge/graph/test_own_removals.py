"""Graph may tell what left a folder.  What the router itself took out is no reason to compare the mailbox."""

from __future__ import annotations

from typing import Any

import pytest

from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.mailbox import AfterDelivery, Mailbox
from email_router.core.work import RECONCILE
from email_router.edge.connect.graph_position import Cursors
from email_router.edge.sources.graph import GraphSource
from tests.edge.graph.mailboxes import HERE
from tests.flows.house import SALES, House, mail
from tests.simulators.graph.process import SECRET, GraphProcess


def road(graph: GraphProcess, box: str, how: AfterDelivery, **changes: Any) -> House:
    house = House(after_delivery=how)
    mailbox = Mailbox(address=box, after_delivery=how)
    house._open = lambda _profile, _mailbox: GraphSource(graph.profile(**changes), mailbox, SECRET, HERE)  # type: ignore[assignment, return-value, method-assign]  # the road's one inlet
    graph.settings(quirks=["tells_removals"])
    return house


def comparisons(house: House) -> list[str]:
    return [order.reason for order in house.queues.mailboxes if order.reason == RECONCILE]


def busy_hours(graph: GraphProcess, box: str, house: House, rounds: int) -> None:
    """Let a message come and be routed every quarter of an hour, and the mailbox be polled once more in between."""
    for number in range(rounds):
        graph.put_message(box, mail(number))
        house.route()
        house.clock.advance(450)
        house.route()
        house.clock.advance(450)


@pytest.mark.parametrize("immutable", [False, True])
@pytest.mark.parametrize("how", [AfterDelivery.MOVE, AfterDelivery.DELETE])
def test_what_the_router_takes_out_itself_raises_no_doubt_and_the_position_goes_on(
    graph: GraphProcess, box: str, how: AfterDelivery, *, immutable: bool
) -> None:
    house = road(graph, box, how, immutable_ids=immutable)

    busy_hours(graph, box, house, 9)

    assert len(house.crm.activities) == 9
    assert {one["folder"] for one in graph.messages(box)} == {
        "archive" if how is AfterDelivery.MOVE else "deleteditems"
    }
    assert comparisons(house) == []
    before = house.states.read(SALES).position.mark
    graph.put_message(box, mail(99))
    house.route()
    assert house.states.read(SALES).position.mark != before
    house.clock.advance(60)
    house.route()
    house.clock.advance(3700)
    graph.clear_requests()
    assert house.route().outcome is PassOutcome.IDLE
    assert len(graph.requests("/v1.0")) == 1


@pytest.mark.parametrize("immutable", [False, True])
def test_what_somebody_else_takes_out_is_looked_into_where_its_return_would_not_be_told(
    graph: GraphProcess, box: str, *, immutable: bool
) -> None:
    house = road(graph, box, AfterDelivery.MOVE, immutable_ids=immutable)
    busy_hours(graph, box, house, 1)
    house.clock.advance(3700)
    item = graph.put_message(box, mail(5))

    graph.move_message(box, item, "archive")  # before the router has seen it
    house.route()

    assert comparisons(house) == [RECONCILE] * immutable


def test_so_many_of_the_last_ids_are_kept_in_the_position_and_none_in_the_mark(
    graph: GraphProcess, box: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("email_router.edge.sources.graph._MOST_HANDLED", 3)
    house = road(graph, box, AfterDelivery.MOVE, immutable_ids=True)

    busy_hours(graph, box, house, 5)

    position = house.states.load(house.states.read(SALES)).position
    assert len(Cursors.of(position).of_folder("inbox").handled) == 3
    assert Cursors.of_mark(position.mark).of_folder("inbox").handled == ()


def test_where_the_router_takes_nothing_out_no_ids_are_kept(graph: GraphProcess, box: str) -> None:
    house = road(graph, box, AfterDelivery.MARK_READ, immutable_ids=True)

    busy_hours(graph, box, house, 2)

    position = house.states.load(house.states.read(SALES)).position
    assert Cursors.of(position).of_folder("inbox").handled == ()
