"""Graph's links are followed to the configured host and nowhere else."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.fetched import Position
from tests.edge.graph.mailboxes import mail, source
from tests.simulators.graph.process import GraphProcess


def test_a_link_to_another_host_is_not_followed(graph: GraphProcess, box: str) -> None:
    for number in range(3):
        graph.put_message(box, mail(number))
    graph.settings(quirks=["foreign_link"])

    with pytest.raises(MailboxBlocked) as caught:
        list(source(graph, box).pages(Position(), 2))
    assert caught.value.kind == "foreign_link"


def test_a_link_of_a_plain_listing_to_another_host_is_not_followed(
    graph: GraphProcess, box: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "email_router.edge.connect.graph_listing.MOST_IN_PAGE", 2
    )  # its links are followed within a second
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    for number in range(5):
        graph.put_message(box, mail(number), received=moment)
    graph.settings(quirks=["foreign_link"])

    with pytest.raises(MailboxBlocked) as caught:
        list(source(graph, box).inventory(2))
    assert caught.value.kind == "foreign_link"


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:{port}/v1.0/users",
        "https://127.0.0.1:{other}/v1.0/users",
        "https://user@127.0.0.1:{port}/v1.0/users",
        "https://127.0.0.1:{port}.evil.example/v1.0/users",
        "https://127.0.0.1:{port}/_control/requests",
        "https://[::1/v1.0/users",
        "file:///etc/passwd",
        "x",
    ],
)
def test_a_saved_link_that_leads_elsewhere_is_refused(graph: GraphProcess, box: str, link: str) -> None:
    planted = link.format(port=graph.port, other=graph.port + 1)
    cursor = json.dumps({"link": planted, "filtered": False, "seen": 0, "whole": False}).encode()

    with pytest.raises(MailboxBlocked) as caught:
        source(graph, box).has_news(Position(cursor))
    assert caught.value.kind == "foreign_link"
    assert graph.requests("/v1.0") == []
