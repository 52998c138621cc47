"""Hold subscriptions and notifications, of our client and of the simulator, to Microsoft's own description of Graph."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.mailbox import Mailbox
from email_router.core.ports import Reach
from email_router.core.subscriptions import Terms
from email_router.edge.connect.graph import GraphClient
from email_router.edge.connect.graph_subscriptions import GraphSubscriptions
from email_router.edge.connect.https import hang_up
from email_router.wiring.notifications import Receiver
from tests.contracts.graph_shapes import ERROR, collection, schema_of
from tests.fakes import MemoryNudges, MemoryQueues
from tests.shared import PROJECT
from tests.simulators.front import Front
from tests.simulators.graph.http import Json
from tests.simulators.graph.process import SECRET, GraphProcess

BOX = "sales@contoso.example"
HERE = Reach(loopback=True)
SUBSCRIPTION = schema_of("subscription")
NOTIFICATIONS = schema_of("changeNotificationCollection")


def receiver() -> Receiver:
    return Receiver(secret=lambda: "s", nudges=lambda name: MemoryNudges(), queues=MemoryQueues())  # type: ignore[arg-type]  # a fake


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphProcess]:
    with GraphProcess(tmp_path_factory.mktemp("graph")) as running:
        yield running
    hang_up()


@pytest.fixture(scope="module")
def said(graph: GraphProcess) -> list[Json]:
    """A subscription's whole life, with a refusal of each kind; afterwards the notifications have been posted."""
    graph.mailbox_state(BOX, "ok")
    service = GraphSubscriptions(graph.profile(), Mailbox(address=BOX), SECRET, HERE)
    with Front(graph.authority.issue("localhost"), receiver().answer) as front:
        graph.notifications(ca_pem=graph.authority.pem, longest=4230)
        terms = Terms(
            resource=f"users/{BOX}/mailFolders('inbox')/messages",
            url=f"{front.url}?mailbox=x",
            state="state",
            lifetime=timedelta(minutes=10_000),
        )
        now = datetime.now(UTC)
        granted = service.make(terms, now)
        service.renew(granted.id, terms.lifetime, now)
        client = GraphClient(graph.profile(), BOX, SECRET, HERE)
        client.call("GET", f"/subscriptions/{granted.id}")
        client.call("GET", "/subscriptions")
        graph.put_message(BOX, b"Subject: x\r\n\r\nx\r\n")
        for event in ("reauthorizationRequired", "missed", "subscriptionRemoved"):
            graph.notifications(lifecycle={"mailbox": BOX, "event": event})
        service.remove(granted.id)
        service.remove(service.make(terms, now).id)
        assert service.renew(granted.id, terms.lifetime, now) is None
        graph.notifications(most=0)
        with pytest.raises(MailboxBlocked):
            service.make(terms, now)
        end = time.monotonic() + 20
        while time.monotonic() < end and len(graph.notifications()["posted"]) < 4:
            time.sleep(0.05)
    return graph.requests("/v1.0/subscriptions")


def test_every_body_is_a_subscription_as_microsoft_describes_it(said: list[Json]) -> None:
    bodies = [one["body"] for one in said if one["body"] is not None]

    problems = [(body, error.message) for body in bodies for error in SUBSCRIPTION.iter_errors(body)]

    assert len(bodies) >= 4
    assert problems == []


def test_every_answer_is_what_microsoft_describes(said: list[Json]) -> None:
    wholes = collection("subscription")
    problems = []
    for one in said:
        listing = one["method"] == "GET" and one["path"].endswith("/subscriptions")
        shape = ERROR if one["status"] >= 400 else wholes if listing else SUBSCRIPTION
        if one["answer"] is not None:
            problems += [(one["path"], error.message) for error in shape.iter_errors(one["answer"])]

    assert sorted({one["status"] for one in said}) == [200, 201, 204, 400, 403, 404]
    assert problems == []


def test_every_notification_is_what_microsoft_describes(said: list[Json], graph: GraphProcess) -> None:
    posted = graph.notifications()["posted"]

    problems = [error.message for one in posted for error in NOTIFICATIONS.iter_errors({"value": one["value"]})]

    assert len(said) > 5
    assert [one["status"] for one in posted] == [202] * 4
    assert problems == []


@pytest.mark.parametrize("name", ["foreign", "without_mailbox"])
def test_the_events_that_the_function_is_tried_with_are_what_microsoft_describes(name: str) -> None:
    event = json.loads((PROJECT / "events" / "receive_notification" / f"{name}.json").read_text())

    assert list(NOTIFICATIONS.iter_errors(json.loads(event["body"]))) == []
