"""Messages that nobody can deliver go to a folder of their own."""

from __future__ import annotations

import pytest

from email_router.core.errors import TryLater
from email_router.core.fetched import Position
from tests.edge.graph.mailboxes import api, folder, folder_names, mail, read, source
from tests.simulators.graph.process import GraphProcess


@pytest.mark.parametrize("immutable", [False, True])
def test_they_are_moved_and_a_second_time_is_no_error(graph: GraphProcess, box: str, immutable: bool) -> None:
    for number in range(23):
        graph.put_message(box, mail(number))
    opened = source(graph, box, immutable_ids=immutable)
    fetched, position = read(opened, Position())
    ids = [one.source_id for one in fetched]

    opened.set_aside(ids)
    source(graph, box, immutable_ids=immutable).set_aside([*ids, ids[0]])

    assert folder_names(graph, box) == ["Undeliverable"] * 23
    assert not source(graph, box, immutable_ids=immutable).has_news(position)
    assert len([one for one in api(graph) if (one["method"], one["path"][-12:]) == ("POST", "/mailFolders")]) == 1


def test_a_folder_that_is_there_is_used(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail(1))
    made = folder(graph, box, "undeliverable")

    source(graph, box).set_aside([item])

    (row,) = graph.messages(box)
    assert (row["folder"], bool(made)) == ("undeliverable", True)


def test_a_folder_that_another_worker_makes_at_the_same_moment_is_used(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail(1))
    folder(graph, box, "Undeliverable")
    client_sees_nothing = {"status": 404, "code": "ErrorItemNotFound"}
    graph.fault("GET .*/mailFolders$", "status", **client_sees_nothing)

    source(graph, box).set_aside([item])

    assert folder_names(graph, box) == ["Undeliverable"]


def test_what_is_gone_is_no_error_and_hinders_no_other(graph: GraphProcess, box: str) -> None:
    items = [graph.put_message(box, mail(number)) for number in range(3)]
    graph.remove_message(box, items[0])

    source(graph, box).set_aside(items)

    assert folder_names(graph, box) == ["Undeliverable"] * 2


def test_nothing_to_set_aside_asks_for_nothing(graph: GraphProcess, box: str) -> None:
    source(graph, box).set_aside([])

    assert graph.requests() == []


def test_trouble_with_one_of_them_is_told_when_the_others_are_moved(graph: GraphProcess, box: str) -> None:
    items = [graph.put_message(box, mail(number)) for number in range(3)]
    graph.fault("POST .*/move", "unavailable")

    with pytest.raises(TryLater):
        source(graph, box).set_aside(items)
    assert folder_names(graph, box) == ["inbox", "Undeliverable", "Undeliverable"]
    source(graph, box).set_aside(items)
    assert folder_names(graph, box) == ["Undeliverable"] * 3
