"""Exchange's limits: four requests at a time for a mailbox, and its word when to come again."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from email_router.core.errors import TryLater
from email_router.core.fetched import Position
from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect.graph import GraphClient
from tests.edge.graph.mailboxes import HERE, LIMIT, api, folder, folder_names, mail, read, source
from tests.simulators.graph.process import SECRET, GraphProcess


def test_one_that_is_throttled_in_a_batch_is_asked_again_and_the_others_are_not(graph: GraphProcess, box: str) -> None:
    raws = [mail(number) for number in range(20)]
    for raw in raws:
        graph.put_message(box, raw)
    graph.fault(r"/\$value", "throttled", skip=3, retry_after="1")
    graph.fault(r"/\$value", "unavailable", skip=6, retry_after="0")
    began = datetime.now(UTC)

    fetched, _ = read(source(graph, box), Position())

    assert [one.raw for one in fetched] == raws
    assert (datetime.now(UTC) - began).total_seconds() >= 1
    assert len(graph.requests("$batch")) == 2
    assert len([one for one in graph.requests("$value") if one["batched"]]) == 22
    assert len([one for one in graph.requests("$value") if not one["batched"]]) == 0


def test_a_long_wait_is_left_to_the_schedule_and_what_came_before_is_not_lost(graph: GraphProcess, box: str) -> None:
    for number in range(5):
        graph.put_message(box, mail(number))
    graph.fault(r"/\$value", "throttled", skip=2, retry_after="700")
    opened = source(graph, box)
    page = next(iter(opened.pages(Position(), 10)))
    fetched = opened.fetch(page.listed, LIMIT)

    assert [next(fetched).raw, next(fetched).raw] == [mail(0), mail(1)]
    with pytest.raises(TryLater) as caught:
        next(fetched)
    assert (caught.value.after, caught.value.kind) == (700, "throttled")
    assert len(graph.requests("$batch")) == 1


def test_throttling_again_and_again_ends_the_waiting(graph: GraphProcess, box: str) -> None:
    for number in range(2):
        graph.put_message(box, mail(number))
    graph.fault(r"/\$value", "throttled", times=99, retry_after="0")

    with pytest.raises(TryLater) as caught:
        read(source(graph, box), Position())

    assert caught.value.kind == "throttled"
    assert 2 <= len(graph.requests("$batch")) <= 11


@pytest.mark.parametrize("how", [AfterDelivery.MARK_READ, AfterDelivery.MOVE, AfterDelivery.DELETE])
def test_disposal_waits_for_the_one_that_is_throttled(graph: GraphProcess, box: str, how: AfterDelivery) -> None:
    items = [graph.put_message(box, mail(number)) for number in range(5)]
    graph.fault("(PATCH|POST|DELETE) .*/messages/", "throttled", skip=2, retry_after="1")

    source(graph, box).dispose(items, how)

    assert len([one for one in graph.requests("/messages/") if one["batched"]]) == 6
    assert len({(one["folder"], one["is_read"]) for one in graph.messages(box)}) == 1


def test_the_simulator_refuses_the_fifth_request_at_a_time(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail(1))
    graph.fault(r"/\$value", "slow", times=5, seconds=0.7)
    statuses: list[int] = []

    def ask() -> None:
        client = GraphClient(graph.profile(), box, SECRET, HERE)
        reply = client.call("GET", f"{client.user}/messages/{item}/$value", accept=(429,))
        statuses.append(reply.status)

    ask()
    workers = [threading.Thread(target=ask) for _ in range(5)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()

    assert sorted(statuses) == [200] * 5 + [429]
    assert graph.most_at_a_time(box) == 5


def test_no_way_through_a_mailbox_has_more_than_four_under_way(graph: GraphProcess, box: str) -> None:
    folder(graph, box, "Support", "inbox")
    names = ("inbox", "Inbox/Support", "junkemail", "archive", "sentitems", "deleteditems")
    for number in range(45):
        graph.put_message(box, mail(number, size=(number % 9 == 0) * 1_100_000), names[number % 3 and 2])
    opened = source(graph, box, folders=names)
    graph.fault(r" /v1\.0/", "slow", times=40, seconds=0.02)

    fetched, position = read(opened, Position(), 20)
    opened.has_news(position)
    opened.set_aside([one.source_id for one in fetched[:21]])
    opened.dispose([one.source_id for one in fetched[21:]], AfterDelivery.MOVE)
    list(opened.inventory(7))

    assert len(fetched) == 45
    assert set(folder_names(graph, box)) == {"Undeliverable", "archive"}
    assert 1 <= graph.most_at_a_time(box) <= 4
    assert 429 not in {one["status"] for one in api(graph)}
