"""What the Graph source lists, and what it leaves alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from email_router.core.fetched import Position
from email_router.core.mailbox import AfterDelivery
from tests.edge.graph.mailboxes import deltas, mail, read, source
from tests.simulators.graph.process import GraphProcess


def test_bytes_come_as_they_were_put_in(graph: GraphProcess, box: str) -> None:
    odd = b"Subject: \xff\xfe raw 8 bit\nMessage-ID: <odd@x>\n\nbare\nlines\r\rand \x00\n"
    graph.put_message(box, odd)
    graph.put_message(box, mail(2))

    fetched, _ = read(source(graph, box), Position())

    assert [one.raw for one in fetched] == [odd, mail(2)]
    assert all(one.complete and not one.vanished and one.received for one in fetched)


def test_messages_come_oldest_first(graph: GraphProcess, box: str) -> None:
    day = datetime(2026, 11, 1, tzinfo=UTC)
    for number, days in enumerate((3, 1, 2)):
        graph.put_message(box, mail(number), received=day + timedelta(days=days))

    fetched, _ = read(source(graph, box), Position())

    assert [one.received for one in fetched] == [day + timedelta(days=days) for days in (1, 2, 3)]


def test_a_second_round_lists_only_what_came_since(graph: GraphProcess, box: str) -> None:
    first = graph.put_message(box, mail(1))
    _, position = read(source(graph, box), Position())
    second = graph.put_message(box, mail(2))

    fetched, _ = read(source(graph, box), position)

    assert [one.source_id for one in fetched] == [second] != [first]


def test_the_same_position_lists_the_same_messages_again(graph: GraphProcess, box: str) -> None:
    for number in range(7):
        graph.put_message(box, mail(number))
    pages = list(source(graph, box).pages(Position(), 3))
    again = list(source(graph, box).pages(pages[0].position, 3))

    assert [page.listed for page in again] == [page.listed for page in pages[1:]]
    assert [len(page.listed) for page in pages] == [3, 3, 1]
    assert [page.last for page in pages] == [False, False, True]


def test_a_read_mark_lists_nothing_again(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail())
    _, position = read(source(graph, box), Position())
    source(graph, box).dispose([item], AfterDelivery.MARK_READ)

    assert graph.messages(box)[0]["is_read"]
    assert not source(graph, box).has_news(position)


def test_a_message_moved_out_and_back_is_listed_again(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail())
    _, position = read(source(graph, box), Position())
    back = graph.move_message(box, graph.move_message(box, item, "archive"), "inbox")

    fetched, _ = read(source(graph, box), position)

    assert [one.source_id for one in fetched] == [back]


def test_drafts_and_other_folders_are_left_alone(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1), is_draft=True)
    graph.put_message(box, mail(2), "archive")
    wanted = graph.put_message(box, mail(3))

    fetched, _ = read(source(graph, box), Position())

    assert [one.source_id for one in fetched] == [wanted]


def test_what_graph_repeats_in_a_round_is_listed_once(graph: GraphProcess, box: str) -> None:
    for number in range(5):
        graph.put_message(box, mail(number))
    graph.settings(quirks=["duplicate"])

    fetched, _ = read(source(graph, box), Position(), 2)

    assert len(fetched) == len({one.source_id for one in fetched}) == 5


def test_empty_pages_on_the_way_are_passed_over(graph: GraphProcess, box: str) -> None:
    for number in range(4):
        graph.put_message(box, mail(number))
    graph.settings(quirks=["empty_page"])

    pages = list(source(graph, box).pages(Position(), 2))

    assert [len(page.listed) for page in pages] == [2, 2]
    assert pages[-1].last


def test_the_page_size_is_asked_for_with_every_page(graph: GraphProcess, box: str) -> None:
    for number in range(3):
        graph.put_message(box, mail(number))
    list(source(graph, box).pages(Position(), 2))

    assert [one["prefer"] for one in deltas(graph)] == ["odata.maxpagesize=2"] * 2


def test_ids_are_the_default_ones(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail())

    fetched, _ = read(source(graph, box), Position())

    assert fetched[0].source_id == item
    assert not any("ImmutableId" in one["prefer"] for one in graph.requests())
