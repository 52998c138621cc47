"""The simulator of Graph holds to the documented limits of a mailbox: four at a time, 10,000 in ten minutes, thirty sends a minute."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from email_router.core.ports import Reach
from email_router.edge.connect.graph import GraphClient
from email_router.edge.connect.graph_errors import GraphReply
from email_router.edge.connect.https import hang_up
from tests.simulators.graph.process import SECRET, GraphProcess
from tests.simulators.graph.rate import Rate
from tests.simulators.graph.world import World

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphProcess]:
    with GraphProcess(tmp_path_factory.mktemp("graph")) as running:
        yield running
    hang_up()


@pytest.fixture
def client(process: GraphProcess) -> Iterator[GraphClient]:
    address = f"limited{next(_numbers)}@contoso.example"
    process.mailbox_state(address, "ok")
    yield GraphClient(process.profile(), address, SECRET, Reach(loopback=True))
    process.clear_faults()
    process.settings(most_in_ten_minutes=10_000)


def ask(client: GraphClient) -> GraphReply:
    return client.call("GET", f"{client.user}/mailFolders/inbox", accept=[429])


def test_four_are_answered_at_a_time_and_the_fifth_is_throttled(process: GraphProcess, client: GraphClient) -> None:
    ask(client)  # the login
    process.fault("GET .*/mailFolders/inbox$", "slow", times=5, seconds=1.5)

    def alone(number: int) -> GraphReply:
        mine = GraphClient(process.profile(), client.address, SECRET, Reach(loopback=True))
        return ask(mine)

    with ThreadPoolExecutor(5) as threads:
        statuses = sorted(reply.status for reply in threads.map(alone, range(5)))

    assert statuses == [200, 200, 200, 200, 429]


def test_after_the_last_of_ten_minutes_it_is_told_how_long_to_wait(process: GraphProcess, client: GraphClient) -> None:
    process.settings(most_in_ten_minutes=3)

    replies = [ask(client) for _ in range(4)]

    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    headers = {name.lower(): value for name, value in dict(replies[-1].headers).items()}
    assert 590 < int(headers["retry-after"]) <= 600
    assert replies[-1].code == "ApplicationThrottled"


def test_the_limits_are_those_of_the_documents() -> None:
    from tests.simulators.graph.flight import MOST

    assert (MOST, Rate().most, World().sends_a_minute) == (4, 10_000, 30)
