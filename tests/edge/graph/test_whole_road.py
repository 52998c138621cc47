"""The incoming road over the Graph source: whichever request fails, and however, each mail is one activity and nothing is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.mailbox import AfterDelivery, Mailbox
from tests.edge.graph.mailboxes import source
from tests.flows.house import SALES, House, mail
from tests.simulators.graph.process import GraphProcess

FAULTS: dict[str, dict[str, Any]] = {
    "unavailable": {"kind": "unavailable"},
    "throttled": {"kind": "throttled", "retry_after": "30"},
    "token refused": {"kind": "unauthorized"},
    "line broken": {"kind": "close", "times": 2},
    "answer lost": {"kind": "lose_answer", "times": 2},
    "answer cut": {"kind": "cut", "after_bytes": 20, "times": 2},
    "sync state lost": {"kind": "expired_sync"},
    "500": {"kind": "broken"},
}


def road(graph: GraphProcess, box: str, *messages: bytes) -> House:
    house = House(after_delivery=AfterDelivery.DELETE)
    for raw in messages:
        graph.put_message(box, raw)

    def opened(profile: object, mailbox: Mailbox) -> Any:
        return source(graph, box)

    house._open = opened  # type: ignore[method-assign]  # the road's one inlet
    return house


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    "request_number", [0, 1, 2, 4, 7, 8, 10, 13]
)  # delta; batch and its parts; disposal and its parts; delta
def test_each_mail_is_one_activity_whatever_fails(
    graph: GraphProcess, box: str, fault: str, request_number: int
) -> None:
    house = road(graph, box, *(mail(number) for number in range(5)))
    graph.fault(r" /v1\.0/", skip=request_number, **FAULTS[fault])
    for _ in range(6):
        house.route(reason="requested")
        house.clock.at += timedelta(minutes=10)

    subjects = sorted(one.message_id or "" for one in house.crm.activities.values())
    assert subjects == sorted(f"<m{number}@fabrikam.example>" for number in range(5))
    assert {one["folder"] for one in graph.messages(box)} == {"deleteditems"}
    assert house.quarantine.entries() == []
    assert house.states.read(SALES).error_kind == ""


def test_an_idle_pass_costs_one_request(graph: GraphProcess, box: str) -> None:
    house = road(graph, box, mail(1))
    house.route()
    graph.clear_requests()

    assert house.route().outcome is PassOutcome.IDLE
    assert len(graph.requests("/v1.0")) == 1
