"""Graph's links are followed to the configured host and nowhere else."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.fetched import Position
from tests.edge.graph.mailboxes import deltas, mail, read, source
from tests.flows.house import SALES, House
from tests.flows.house import mail as house_mail
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
@pytest.mark.parametrize("folders", [("inbox",), ("inbox", "archive")])
def test_a_saved_link_that_leads_elsewhere_is_not_followed_and_begins_anew(
    graph: GraphProcess, box: str, link: str, folders: tuple[str, ...]
) -> None:
    item = graph.put_message(box, mail(1))
    planted = link.format(port=graph.port, other=graph.port + 1)
    cursor = {"link": planted, "filtered": False, "seen": 0, "whole": False}
    position = Position(json.dumps({"folders": dict.fromkeys(folders, cursor)}).encode())
    opened = source(graph, box, folders=folders)

    assert opened.has_news(position)
    fetched, position = read(opened, position)

    assert [one.source_id for one in fetched] == [item]
    assert {one["path"].rpartition("/")[2] for one in deltas(graph)} == {"delta"}
    assert not source(graph, box, folders=folders).has_news(position)


@pytest.mark.parametrize("by_mark", [False, True])
def test_an_endpoint_that_was_changed_begins_anew_and_delivers_nothing_twice(
    graph: GraphProcess, box: str, *, by_mark: bool
) -> None:
    house = House()
    house._open = lambda profile, mailbox: source(graph, box)  # type: ignore[method-assign, assignment, return-value]  # the road's one inlet
    graph.put_message(box, house_mail(1))
    house.route()
    other = graph.endpoint.replace("127.0.0.1", "localhost")
    assert other != graph.endpoint
    graph.put_message(box, house_mail(2))
    house._open = lambda profile, mailbox: source(graph, box, endpoint=other)  # type: ignore[method-assign, assignment, return-value]  # as above

    house.route(reason="notification" if by_mark else "requested")

    assert house.states.read(SALES).error_kind == ""
    assert sorted(str(one.message_id) for one in house.crm.activities.values()) == [
        "<m1@fabrikam.example>",
        "<m2@fabrikam.example>",
    ]
    assert other.partition("/v1.0")[0] in house.states.read(SALES).position.mark
