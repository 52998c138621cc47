"""Ids in either form: what a delta query tells, and how a message is still found."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from email_router.core.fetched import Listed, Position
from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect.graph import GraphClient
from email_router.edge.connect.graph_ids import translated
from tests.edge.graph.mailboxes import HERE, LIMIT, api, folder_names, mail, read, source
from tests.simulators.graph.process import SECRET, GraphProcess


@pytest.mark.parametrize(("immutable", "comes_back"), [(False, True), (True, False)])
def test_a_message_moved_out_and_back_is_told_by_default_ids_alone(
    graph: GraphProcess, box: str, immutable: bool, comes_back: bool
) -> None:
    item = graph.put_message(box, mail(1))
    _, position = read(source(graph, box, immutable_ids=immutable), Position())
    graph.move_message(box, graph.move_message(box, item, "archive"), "inbox")

    opened = source(graph, box, immutable_ids=immutable)

    assert opened.has_news(position) is comes_back
    listed = [one for rows in opened.inventory(10) for one in rows]
    assert [one.message_id for one in listed] == ["<1@example.com>"]  # what reconciling goes by


@pytest.mark.parametrize("immutable", [False, True])
def test_ids_are_asked_for_and_given_in_one_form(graph: GraphProcess, box: str, immutable: bool) -> None:
    for number in range(3):
        graph.put_message(box, mail(number), received=datetime(2026, 11, 1 + number, tzinfo=UTC))
    graph.put_message(box, mail(4, size=1_200_000))
    graph.settings(quirks=["strict_ids"])
    opened = source(graph, box, immutable_ids=immutable)

    fetched, _ = read(opened, Position())
    opened.dispose([one.source_id for one in fetched], AfterDelivery.MARK_READ)
    inventory = [one.source_id for rows in opened.inventory(2) for one in rows]

    form = "immutable_id" if immutable else "id"
    assert [one.source_id for one in fetched] == [one[form] for one in graph.messages(box)] == inventory
    assert all(one["is_read"] for one in graph.messages(box))
    said = graph.requests("/users/")
    assert said
    assert all(("ImmutableId" in one["prefer"]) is immutable for one in said)
    assert not graph.requests("translateExchangeIds")


def test_under_immutable_ids_a_message_moved_meanwhile_is_fetched_without_a_search(
    graph: GraphProcess, box: str
) -> None:
    item = graph.put_message(box, mail(1))
    opened = source(graph, box, immutable_ids=True)
    page = next(iter(opened.pages(Position(), 10)))
    graph.move_message(box, item, "archive")
    graph.clear_requests()

    (fetched,) = opened.fetch(page.listed, LIMIT)

    assert (fetched.raw, fetched.vanished) == (mail(1), False)
    assert len(api(graph)) == 1


@pytest.mark.parametrize(("immutable", "folder"), [(False, "sentitems"), (True, "deleteditems")])
def test_what_somebody_has_filed_away_meanwhile_is_left_alone_under_default_ids(
    graph: GraphProcess, box: str, immutable: bool, folder: str
) -> None:
    item = graph.put_message(box, mail(1))
    opened = source(graph, box, immutable_ids=immutable)
    fetched, _ = read(opened, Position())
    graph.move_message(box, item, "sentitems")

    opened.dispose([one.source_id for one in fetched], AfterDelivery.DELETE)

    assert folder_names(graph, box) == [folder]


@pytest.mark.parametrize("immutable", [False, True])
@pytest.mark.parametrize("how", [AfterDelivery.MARK_READ, AfterDelivery.MOVE, AfterDelivery.DELETE])
def test_ids_kept_from_before_the_switch_are_translated(
    graph: GraphProcess, box: str, immutable: bool, how: AfterDelivery
) -> None:
    for number in range(2):
        graph.put_message(box, mail(number))
    old = "id" if immutable else "immutable_id"
    kept = [one[old] for one in graph.messages(box)]
    graph.settings(quirks=["strict_ids"])
    opened = source(graph, box, immutable_ids=immutable)

    fetched = list(opened.fetch([Listed(one) for one in kept], LIMIT))
    opened.dispose(kept, how)

    assert [one.raw for one in fetched] == [mail(0), mail(1)]
    read_or_gone = {"mark-read": "inbox", "move": "archive", "delete": "deleteditems"}
    assert folder_names(graph, box) == [read_or_gone[how.value]] * 2
    assert len([one for one in api(graph) if "translateExchangeIds" in one["path"]]) == 3  # each message; the disposal


def test_a_position_of_either_form_goes_on_in_the_other(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1))
    _, position = read(source(graph, box), Position())
    graph.put_message(box, mail(2))

    fetched, position = read(source(graph, box, immutable_ids=True), position)
    assert [one.raw for one in fetched] == [mail(2)]
    graph.put_message(box, mail(3))
    fetched, _ = read(source(graph, box), position)
    assert [one.raw for one in fetched] == [mail(3)]


def test_no_more_than_a_thousand_ids_are_translated_at_a_time(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1))
    (row,) = graph.messages(box)
    client = GraphClient(graph.profile(), box, SECRET, HERE, immutable=True)
    graph.clear_requests()

    found = translated(client, [*(f"unknown{number}" for number in range(1500)), row["id"]])

    assert found == {row["id"]: row["immutable_id"]}
    assert [one["status"] for one in graph.requests("translateExchangeIds")] == [200, 200]


def test_a_message_that_left_for_another_folder_raises_suspicion_where_it_is_told(
    graph: GraphProcess, box: str
) -> None:
    items = [graph.put_message(box, mail(number)) for number in range(2)]
    _, position = read(source(graph, box, immutable_ids=True), Position())
    graph.settings(quirks=["tells_removals"])
    graph.remove_message(box, items[1])
    deleted = source(graph, box, immutable_ids=True)
    assert not deleted.has_news(position)
    assert not deleted.suspects()

    graph.move_message(box, items[0], "archive")
    moved = source(graph, box, immutable_ids=True)
    assert not moved.has_news(position)
    assert moved.suspects()
    paged = source(graph, box, immutable_ids=True)
    read(paged, position)
    assert paged.suspects()
