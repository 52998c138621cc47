"""Subscriptions are made, renewed and ended in Graph, and what it refuses is said in our words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from email_router.core.errors import MailboxBlocked, RouterError, TryLater
from email_router.core.flows.subscriptions import resource_of
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.ports import Reach
from email_router.core.subscriptions import Granted, Terms, Watched, client_state
from email_router.core.work import MailboxWork
from email_router.edge.connect.graph_subscriptions import GraphSubscriptions
from email_router.wiring.notifications import Receiver
from tests.fakes import MemoryNudges, MemoryQueues
from tests.simulators.front import Front
from tests.simulators.graph.process import SECRET, GraphProcess

PROOF = "p" * 64
ONLINE = Profile(name="online", direction=Direction.INCOMING, server="exchange-online", protocol="graph")
MAIL = b"From: a@example.com\r\nSubject: x\r\nMessage-ID: <n%d@example.com>\r\n\r\nx\r\n"


class Notified:
    """The receiver behind an address that the simulated Graph can reach."""

    def __init__(self, graph: GraphProcess) -> None:
        self.queues = MemoryQueues()
        self.nudges = MemoryNudges()
        receiver = Receiver(
            secret=lambda: PROOF,
            nudges=lambda organisation: self.nudges,
            queues=self.queues,  # type: ignore[arg-type]  # the fake passes the same contract
        )
        self.front = Front(graph.authority.issue("localhost"), receiver.answer)
        graph.notifications(ca_pem=graph.authority.pem)

    def terms(self, box: str, **more: Any) -> Terms:
        watched = Watched("contoso", box, "k")
        given = {
            "resource": resource_of(ONLINE, Mailbox(address=box)),
            "url": f"{self.front.url}?mailbox={watched.token}",
            "state": client_state(PROOF, watched),
            "lifetime": timedelta(minutes=4200),
            **more,
        }
        return Terms(**given)


@pytest.fixture
def notified(graph: GraphProcess) -> Iterator[Notified]:
    made = Notified(graph)
    with made.front:
        yield made
    graph.notifications(longest=10_070, most=1000, lose=False, forget=True)


@pytest.fixture
def service(graph: GraphProcess, box: str) -> GraphSubscriptions:
    return GraphSubscriptions(graph.profile(), Mailbox(address=box), SECRET, Reach(loopback=True))


def now() -> datetime:
    return datetime.now(UTC)


def within(seconds: float, met: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not met():
        time.sleep(0.05)
    return met()


def test_a_subscription_is_made_after_a_handshake_and_lives_as_long_as_asked(
    graph: GraphProcess, box: str, service: GraphSubscriptions, notified: Notified
) -> None:
    at = now()

    granted = service.make(notified.terms(box), at)

    (standing,) = graph.notifications()["subscriptions"]
    (said,) = graph.requests("POST /v1.0/subscriptions")
    assert standing["id"] == granted.id
    assert abs(granted.expires - at - timedelta(minutes=4200)) < timedelta(seconds=2)
    assert said["body"]["changeType"] == "created"
    assert said["body"]["lifecycleNotificationUrl"] == said["body"]["notificationUrl"]
    assert len(said["body"]["clientState"]) <= 128


def test_every_call_asks_for_immutable_ids(
    graph: GraphProcess, box: str, service: GraphSubscriptions, notified: Notified
) -> None:
    granted = service.make(notified.terms(box), now())
    service.renew(granted.id, timedelta(minutes=60), now())
    service.remove(granted.id)

    assert [said["method"] for said in graph.requests("/v1.0/subscriptions")] == ["POST", "PATCH", "DELETE"]
    assert {said["prefer"] for said in graph.requests("/v1.0/subscriptions")} == {'IdType="ImmutableId"'}


@pytest.mark.parametrize("longest", [1440, 4230, 10_070])
def test_a_lifetime_that_is_refused_is_asked_for_once_more_as_graph_says(
    graph: GraphProcess, box: str, service: GraphSubscriptions, notified: Notified, longest: int
) -> None:
    graph.notifications(longest=longest)
    at = now()

    granted = service.make(notified.terms(box, lifetime=timedelta(minutes=10_080)), at)
    renewed = service.renew(granted.id, timedelta(minutes=10_080), at)

    assert [said["status"] for said in graph.requests("/v1.0/subscriptions")] == [400, 201, 400, 200]
    assert abs(granted.expires - at - timedelta(minutes=longest)) < timedelta(seconds=2)
    assert renewed is not None
    assert abs(renewed.expires - granted.expires) < timedelta(seconds=2)


def test_a_limit_that_is_refused_too_is_not_asked_for_a_third_time(
    graph: GraphProcess, box: str, service: GraphSubscriptions, notified: Notified
) -> None:
    words = "Subscription expiration can only be 100 minutes in the future."
    graph.fault("POST /v1.0/subscriptions", "status", status=400, code="ExtensionError", message=words, times=5)

    with pytest.raises(RouterError):
        service.make(notified.terms(box), now())

    assert len(graph.requests("POST /v1.0/subscriptions")) == 2


def test_a_renewal_moves_the_end(
    graph: GraphProcess, box: str, service: GraphSubscriptions, notified: Notified
) -> None:
    granted = service.make(notified.terms(box, lifetime=timedelta(minutes=100)), now())

    renewed = service.renew(granted.id, timedelta(minutes=4200), now())

    assert isinstance(renewed, Granted)
    assert renewed.id == granted.id
    assert renewed.expires - granted.expires > timedelta(minutes=4000)


def test_a_renewal_of_one_that_is_gone_says_so(
    graph: GraphProcess, box: str, service: GraphSubscriptions, notified: Notified
) -> None:
    granted = service.make(notified.terms(box), now())
    graph.notifications(forget=True)

    assert service.renew(granted.id, timedelta(minutes=60), now()) is None


def test_a_subscription_is_ended_and_one_that_is_gone_is_no_error(
    graph: GraphProcess, box: str, service: GraphSubscriptions, notified: Notified
) -> None:
    granted = service.make(notified.terms(box), now())

    service.remove(granted.id)
    service.remove(granted.id)

    assert graph.notifications()["subscriptions"] == []


def test_an_address_that_graph_does_not_reach_is_a_person_s_to_mend(
    box: str, service: GraphSubscriptions, notified: Notified
) -> None:
    for url in ("https://localhost:1/", "http://localhost/"):
        with pytest.raises(RouterError) as refused:
            service.make(notified.terms(box, url=url), now())
        assert box in str(refused.value)
    with pytest.raises(MailboxBlocked) as unreached:
        service.make(notified.terms(box, url="https://localhost:1/"), now())
    assert unreached.value.kind == "notification_address"
    assert "NotificationUrl" in unreached.value.mend


def test_a_mailbox_with_as_many_subscriptions_as_graph_allows_is_a_person_s_to_mend(
    graph: GraphProcess, box: str, service: GraphSubscriptions, notified: Notified
) -> None:
    graph.notifications(most=1)
    service.make(notified.terms(box), now())

    with pytest.raises(MailboxBlocked) as refused:
        service.make(notified.terms(box), now())

    assert refused.value.kind == "too_many_subscriptions"


def test_a_mailbox_that_may_not_be_read_is_blocked_and_throttling_is_later(
    graph: GraphProcess, box: str, service: GraphSubscriptions, notified: Notified
) -> None:
    graph.fault("POST /v1.0/subscriptions", "throttled", retry_after="77")
    with pytest.raises(TryLater) as throttled:
        service.make(notified.terms(box), now())
    graph.mailbox_state(box, "denied")
    with pytest.raises(MailboxBlocked) as denied:
        service.make(notified.terms(box), now())

    assert throttled.value.after == 77
    assert denied.value.kind == "access_denied"


def test_arriving_mail_is_told_to_the_receiver_which_queues_the_mailbox_once(
    graph: GraphProcess, box: str, service: GraphSubscriptions, notified: Notified
) -> None:
    service.make(notified.terms(box), now())
    before = len(graph.notifications()["posted"])

    for number in range(5):
        graph.put_message(box, MAIL % number)

    assert within(20, lambda: len(graph.notifications()["posted"]) >= before + 5)
    assert {one["status"] for one in graph.notifications()["posted"][-5:]} == {202}
    assert notified.queues.mailboxes == [MailboxWork("contoso", box, "notification")]


def test_mail_in_another_folder_is_not_told(
    graph: GraphProcess, box: str, service: GraphSubscriptions, notified: Notified
) -> None:
    service.make(notified.terms(box), now())
    before = len(graph.notifications()["posted"])

    graph.put_message(box, MAIL % 1, folder="archive")
    graph.put_message(box, MAIL % 2)

    assert within(20, lambda: len(graph.notifications()["posted"]) > before)
    assert len(graph.notifications()["posted"]) == before + 1


@pytest.mark.parametrize(
    ("event", "cared", "polled"),
    [("reauthorizationRequired", 1, 0), ("subscriptionRemoved", 1, 1), ("missed", 0, 1)],
)
def test_lifecycle_events_reach_those_who_act_on_them(
    graph: GraphProcess, box: str, service: GraphSubscriptions, notified: Notified, event: str, cared: int, polled: int
) -> None:
    granted = service.make(notified.terms(box), now())
    before = len(graph.notifications()["posted"])

    graph.notifications(lifecycle={"mailbox": box, "event": event})

    assert within(20, lambda: len(graph.notifications()["posted"]) > before)
    assert [(one.event, one.subscription) for one in notified.queues.subscriptions] == [(event, granted.id)] * cared
    assert len(notified.queues.mailboxes) == polled
