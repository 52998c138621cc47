"""What becomes of delivered messages in the mailbox."""

from __future__ import annotations

import pytest

from email_router.core.errors import TryLater
from email_router.core.fetched import Position
from email_router.core.mailbox import AfterDelivery
from tests.edge.graph.mailboxes import mail, read, source
from tests.simulators.graph.process import GraphProcess


@pytest.mark.parametrize(("how", "folder"), [(AfterDelivery.MOVE, "archive"), (AfterDelivery.DELETE, "deleteditems")])
def test_messages_leave_the_inbox_and_a_second_time_is_no_error(
    graph: GraphProcess, box: str, how: AfterDelivery, folder: str
) -> None:
    items = [graph.put_message(box, mail(number)) for number in range(23)]
    opened = source(graph, box)

    opened.dispose(items, how)
    opened.dispose(items, how)

    assert {one["folder"] for one in graph.messages(box)} == {folder}


def test_leaving_asks_for_nothing(graph: GraphProcess, box: str) -> None:
    source(graph, box).dispose(["x"], AfterDelivery.LEAVE)

    assert graph.requests() == []


@pytest.mark.parametrize("as_plain", [False, True])
def test_a_mailbox_without_archive_gets_one(graph: GraphProcess, box: str, as_plain: bool) -> None:
    items = [graph.put_message(box, mail(1)), graph.put_message(box, mail(2))]
    graph.without_folder(box, "archive", as_plain=as_plain)
    opened = source(graph, box)

    opened.dispose(items[:1], AfterDelivery.MOVE)
    opened.dispose(items, AfterDelivery.MOVE)

    assert [one["folder"] for one in graph.messages(box)] == ["Archive"] * 2
    assert len([one for one in graph.requests("POST") if one["path"].endswith("/mailFolders")]) == (not as_plain)


@pytest.mark.parametrize("status", [409, 500])
def test_what_one_of_them_meets_keeps_none_of_the_others_from_being_done(
    graph: GraphProcess, box: str, status: int
) -> None:
    items = [graph.put_message(box, mail(number)) for number in range(3)]
    fetched, _ = read(source(graph, box, immutable_ids=True), Position())
    of_the_other_form = fetched[2].source_id
    assert of_the_other_form not in items
    graph.settings(quirks=["strict_ids"])
    graph.fault("PATCH ", "status", status=status, code="ErrorIrresolvableConflict")

    with pytest.raises(TryLater):
        source(graph, box).dispose([*items[:2], of_the_other_form], AfterDelivery.MARK_READ)

    assert [one["is_read"] for one in graph.messages(box)] == [False, True, True]


def test_where_graph_asks_to_wait_nothing_more_is_asked_for(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail(1))
    graph.fault("PATCH ", "throttled", retry_after="700")

    with pytest.raises(TryLater) as caught:
        source(graph, box).dispose([item, "gone"], AfterDelivery.MARK_READ)

    assert caught.value.after == 700
    assert graph.requests("translateExchangeIds") == []


def test_trouble_with_one_of_them_is_told(graph: GraphProcess, box: str) -> None:
    items = [graph.put_message(box, mail(number)) for number in range(3)]
    graph.fault("PATCH ", "unavailable", skip=1)

    with pytest.raises(TryLater):
        source(graph, box).dispose(items, AfterDelivery.MARK_READ)
    source(graph, box).dispose(items, AfterDelivery.MARK_READ)
    assert all(one["is_read"] for one in graph.messages(box))
