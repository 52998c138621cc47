"""No source opens a connection for each message: so many for a thousand messages, counted at the socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect.https import hang_up
from tests.contracts.ways import MESSAGES, Way, dovecot_way, ews_way, fill, graph_way, serve
from tests.simulators.graph.process import GraphProcess

WAYS: dict[str, Callable[[pytest.FixtureRequest], Way]] = {
    "pop3": lambda request: _dovecot(request, "pop3"),
    "imap": lambda request: _dovecot(request, "imap"),
    "graph": lambda request: graph_way(request.getfixturevalue("graph")),
    "ews": lambda request: ews_way(request.getfixturevalue("ews_server")),
}


def _dovecot(request: pytest.FixtureRequest, server: str) -> Way:
    return dovecot_way(request.getfixturevalue("dovecot"), request.getfixturevalue("authority").pem, server)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphProcess]:
    with GraphProcess(tmp_path_factory.mktemp("graph")) as running:
        yield running
    hang_up()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    found = WAYS[request.param](request)
    yield found
    hang_up()
    found.proxy.close()


def test_a_thousand_messages_take_one_connection_and_their_disposal_no_other(way: Way) -> None:
    fill(way)

    assert serve(way, AfterDelivery.LEAVE) == MESSAGES
    assert way.proxy.connections == 1
    hang_up()
    way.proxy.connections = 0

    assert serve(way, AfterDelivery.DELETE) == MESSAGES
    assert way.proxy.connections == way.deleting <= 2
