"""No source and no sender opens a connection for each message: so many for a thousand, counted at the socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from email_router.core.mailbox import AfterDelivery
from email_router.core.sending import SendOutcome
from email_router.edge.connect.https import hang_up
from tests.contracts.ways import MESSAGES, Way, dovecot_way, ews_way, fill, graph_way, serve
from tests.contracts.ways_out import WayOut, ews_way_out, graph_way_out, large_mail, send, smtp_way_out
from tests.simulators.graph.process import GraphProcess

COUNTS = pytest.mark.parametrize("messages", [200, pytest.param(MESSAGES, marks=pytest.mark.long)])
"""A connection for each message, or for each page, shows in two hundred as well."""

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


@COUNTS
def test_a_thousand_messages_take_one_connection_and_their_disposal_no_other(way: Way, messages: int) -> None:
    fill(way, messages)

    assert serve(way, AfterDelivery.LEAVE) == messages
    assert way.proxy.connections == 1
    hang_up()
    way.proxy.connections = 0

    assert serve(way, AfterDelivery.DELETE) == messages
    assert way.proxy.connections == way.deleting(messages) <= 2


WAYS_OUT: dict[str, Callable[[pytest.FixtureRequest], WayOut]] = {
    "graph": lambda request: graph_way_out(request.getfixturevalue("graph")),
    "ews": lambda request: ews_way_out(request.getfixturevalue("ews_server")),
    "smtp": lambda request: smtp_way_out(
        request.getfixturevalue("smtp_process"), request.getfixturevalue("authority").pem
    ),
}


@pytest.fixture(params=WAYS_OUT)
def way_out(request: pytest.FixtureRequest) -> Iterator[WayOut]:
    hang_up()
    found = WAYS_OUT[request.param](request)
    yield found
    hang_up()
    found.proxy.close()


@COUNTS
def test_a_thousand_e_mails_leave_over_one_connection(way_out: WayOut, messages: int) -> None:
    """Where the pace of a provider does not hold them back: Exchange Online's 30 a minute make a burst of each minute."""
    outcomes = send(way_out, messages)

    assert outcomes == {SendOutcome.ACCEPTED: messages}
    assert 1 <= way_out.proxy.connections <= 2


def test_the_pieces_of_a_large_e_mail_share_the_line_of_its_draft(graph: GraphProcess) -> None:
    hang_up()
    way_out = graph_way_out(graph)

    outcomes = send(way_out, 1, large_mail(33_000_000))

    assert outcomes == {SendOutcome.ACCEPTED: 1}
    assert way_out.proxy.connections == 1
    hang_up()
    way_out.proxy.close()
