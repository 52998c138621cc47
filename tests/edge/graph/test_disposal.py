"""What becomes of delivered messages in the mailbox."""

from __future__ import annotations

import pytest

from email_router.core.errors import TryLater
from email_router.core.mailbox import AfterDelivery
from tests.edge.graph.mailboxes import mail, source
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


def test_trouble_with_one_of_them_is_told(graph: GraphProcess, box: str) -> None:
    items = [graph.put_message(box, mail(number)) for number in range(3)]
    graph.fault("PATCH ", "unavailable", skip=1)

    with pytest.raises(TryLater):
        source(graph, box).dispose(items, AfterDelivery.MARK_READ)
    source(graph, box).dispose(items, AfterDelivery.MARK_READ)
    assert all(one["is_read"] for one in graph.messages(box))
