"""What everybody promises who makes subscriptions: each line of the registry, and the fake that the flows are tried with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from email_router.core.mailbox import Mailbox
from email_router.core.ports import Reach
from email_router.core.subscriptions import SubscriptionService, Terms
from email_router.edge.connect.https import hang_up
from email_router.wiring import registry
from email_router.wiring.notifications import Receiver
from tests.fakes import MemoryNudges, MemoryQueues
from tests.memory.subscriptions import MemoryService
from tests.simulators.front import Front
from tests.simulators.graph.process import SECRET, GraphProcess

BOX = "sales@contoso.example"


@dataclass
class Served:
    """A service, what is asked of it, and how long its subscriptions may last."""

    service: SubscriptionService
    url: str
    longest: timedelta = timedelta(minutes=4230)

    def terms(self, minutes: int = 4200) -> Terms:
        resource = f"users/{BOX}/mailFolders('inbox')/messages"
        return Terms(resource=resource, url=self.url, state="state", lifetime=timedelta(minutes=minutes))


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphProcess]:
    with GraphProcess(tmp_path_factory.mktemp("graph")) as running:
        running.mailbox_state(BOX, "ok")
        running.notifications(ca_pem=running.authority.pem, longest=4230)
        yield running
    hang_up()


@pytest.fixture(params=["memory", *registry.SUBSCRIPTIONS])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    if request.param == "memory":
        yield Served(MemoryService(timedelta(minutes=4230)), "https://push.contoso.example/")
        return
    graph: GraphProcess = request.getfixturevalue("graph")
    receiver = Receiver(secret=str, nudges=lambda name: MemoryNudges(), queues=MemoryQueues())  # type: ignore[arg-type]  # a fake
    made = registry.adapter(registry.SUBSCRIPTIONS, request.param)
    with Front(graph.authority.issue("localhost"), receiver.answer) as front:
        yield Served(made(graph.profile(), Mailbox(address=BOX), SECRET, Reach(loopback=True)), front.url)


def now() -> datetime:
    return datetime.now(UTC)


def near(at: datetime, other: datetime) -> bool:
    return abs(at - other) < timedelta(seconds=5)


def test_a_subscription_lasts_as_long_as_was_asked(served: Served) -> None:
    at = now()

    granted = served.service.make(served.terms(), at)

    assert granted.id
    assert near(granted.expires, at + timedelta(minutes=4200))


def test_a_longer_lifetime_than_is_granted_is_cut_and_told(served: Served) -> None:
    at = now()

    granted = served.service.make(served.terms(10_070), at)
    renewed = served.service.renew(granted.id, timedelta(minutes=10_070), at)

    assert renewed is not None
    assert near(granted.expires, at + served.longest)
    assert near(renewed.expires, at + served.longest)


def test_two_subscriptions_are_two(served: Served) -> None:
    first, second = (served.service.make(served.terms(), now()) for _ in range(2))

    served.service.remove(first.id)

    assert first.id != second.id
    assert served.service.renew(second.id, timedelta(minutes=100), now()) is not None


def test_what_was_ended_cannot_be_renewed_and_may_be_ended_again(served: Served) -> None:
    granted = served.service.make(served.terms(), now())

    served.service.remove(granted.id)
    served.service.remove(granted.id)

    assert served.service.renew(granted.id, timedelta(minutes=100), now()) is None


def test_what_never_was_cannot_be_renewed(served: Served) -> None:
    assert served.service.renew("7f105c7d-2dc5-4530-97cd-4e7ae6534c07", timedelta(minutes=100), now()) is None
