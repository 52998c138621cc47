"""Whether there is news costs one request."""

from __future__ import annotations

from email_router.core.fetched import Position
from tests.edge.graph.mailboxes import deltas, mail, read, source
from tests.simulators.graph.process import GraphProcess


def test_an_empty_mailbox_has_none_and_its_link_is_learned(graph: GraphProcess, box: str) -> None:
    opened = source(graph, box)

    assert not opened.has_news(Position())
    learned = opened.position()
    assert learned is not None
    graph.put_message(box, mail())
    assert source(graph, box).has_news(learned)


def test_it_costs_one_request_and_pages_begin_with_its_answer(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail())
    opened = source(graph, box)

    assert opened.has_news(Position())
    pages = list(opened.pages(Position(), 240))

    assert len(deltas(graph)) == 1
    assert [len(page.listed) for page in pages] == [1]


def test_a_page_that_was_read_for_another_position_is_not_used(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1))
    _, position = read(source(graph, box), Position())
    opened = source(graph, box)
    opened.has_news(Position())

    assert [page.listed for page in opened.pages(position, 240)] == [()]


def test_the_mark_is_enough(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1))
    _, position = read(source(graph, box), Position())
    mark = Position(b"", position.mark)

    assert not source(graph, box).has_news(mark)
    item = graph.put_message(box, mail(2))
    opened = source(graph, box)
    assert opened.has_news(mark)
    assert [one.source_id for page in opened.pages(position, 240) for one in page.listed] == [item]
    assert len([one for one in deltas(graph) if one["query"].get("$deltatoken")]) == 2


def test_a_changed_link_without_news_is_learned(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail(1))
    _, position = read(source(graph, box), Position())
    graph.move_message(box, item, "archive")
    opened = source(graph, box)

    assert not opened.has_news(position)
    assert opened.position() not in {None, position}


def test_a_first_round_that_is_not_at_its_end_has_news(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1), is_draft=True)
    graph.settings(quirks=["empty_page"])

    assert source(graph, box).has_news(Position())
