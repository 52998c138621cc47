"""Links that die, cursors that nobody can read, pages that fail."""

from __future__ import annotations

from typing import Any

import pytest

from email_router.core.errors import TryLater
from email_router.core.fetched import Position
from tests.edge.graph.mailboxes import deltas, mail, read, source
from tests.flows.house import House
from tests.flows.house import mail as house_mail
from tests.simulators.graph.process import GraphProcess


def test_a_lost_sync_state_begins_a_full_round(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail(1))
    _, position = read(source(graph, box), Position())
    graph.settings(expire_sync=True)
    opened = source(graph, box)

    assert opened.has_news(position)
    fetched, position = read(opened, position)
    assert [one.source_id for one in fetched] == [item]
    assert not source(graph, box).has_news(position)


@pytest.mark.parametrize("fault", [{"kind": "expired_sync"}, {"kind": "status", "status": 400, "code": "BadRequest"}])
def test_a_link_that_dies_on_page_two_loses_nothing(graph: GraphProcess, box: str, fault: dict[str, Any]) -> None:
    items = [graph.put_message(box, mail(number)) for number in range(5)]
    graph.fault("GET .*messages/delta", skip=1, **fault)

    fetched, _ = read(source(graph, box), Position(), 2)

    assert [one.source_id for one in fetched] == items


def test_a_sync_state_lost_at_once_again_is_no_endless_loop(graph: GraphProcess, box: str) -> None:
    _, position = read(source(graph, box), Position())
    graph.fault("GET .*messages/delta", "expired_sync", times=9)

    with pytest.raises(TryLater) as caught:
        list(source(graph, box).pages(position, 10))
    assert (caught.value.kind, caught.value.shared) == ("graph_refused", True)
    assert box in str(caught.value)
    assert len(deltas(graph)) == 3


@pytest.mark.parametrize("cursor", [b"nonsense", b"[]", b"{}", b"\xff"])
def test_a_cursor_that_nobody_can_read_begins_anew(graph: GraphProcess, box: str, cursor: bytes) -> None:
    item = graph.put_message(box, mail(1))

    fetched, _ = read(source(graph, box), Position(cursor, "x"))

    assert [one.source_id for one in fetched] == [item]


def test_a_page_that_fails_leaves_the_earlier_position_good(graph: GraphProcess, box: str) -> None:
    items = [graph.put_message(box, mail(number)) for number in range(6)]
    graph.fault("GET .*messages/delta", "unavailable", skip=1)
    pages = source(graph, box).pages(Position(), 2)
    first = next(pages)
    with pytest.raises(TryLater):
        next(pages)

    fetched, _ = read(source(graph, box), first.position, 2)

    assert [one.source_id for one in first.listed] + [one.source_id for one in fetched] == items


def test_size_is_done_without_where_it_is_refused(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1))
    graph.fault("GET .*messages/delta", "status", status=400, code="BadRequest")

    pages = list(source(graph, box).pages(Position(), 10))

    assert [one.size for one in pages[0].listed] == [None]


@pytest.mark.parametrize("folders", [("inbox",), ("inbox", "archive")])
def test_through_the_road_a_lost_sync_state_makes_no_second_activity(
    graph: GraphProcess, box: str, folders: tuple[str, ...]
) -> None:
    house = House()
    house._open = lambda profile, mailbox: source(graph, box, folders=folders)  # type: ignore[method-assign, assignment, return-value]
    for number in range(4):
        graph.put_message(box, house_mail(number), folders[number % len(folders)])
    house.route()
    graph.settings(expire_sync=True)
    graph.put_message(box, house_mail(4))

    graph.clear_requests()
    for _ in range(3):
        house.route(reason="requested")

    assert 410 in {one["status"] for one in graph.requests("/delta")}
    assert sorted(one.message_id or "" for one in house.crm.activities.values()) == [
        f"<m{number}@fabrikam.example>" for number in range(5)
    ]
