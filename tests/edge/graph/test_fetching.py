"""Raw MIME in batches and streams, whole or not at all."""

from __future__ import annotations

import pytest

from email_router.core.errors import MessageRefused, TryLater
from email_router.core.fetched import Listed, Position
from email_router.edge.connect.https import AnswerLost
from tests.edge.graph.mailboxes import LIMIT, mail, read, source
from tests.simulators.graph.process import GraphProcess


def test_small_messages_come_in_batches_of_twenty(graph: GraphProcess, box: str) -> None:
    raws = [mail(number) for number in range(45)]
    for raw in raws:
        graph.put_message(box, raw)

    fetched, _ = read(source(graph, box), Position())

    assert [one.raw for one in fetched] == raws
    assert len(graph.requests("$batch")) == 3
    assert not [one for one in graph.requests("$value") if not one["batched"]]


def test_large_messages_are_streamed_singly_and_in_their_place(graph: GraphProcess, box: str) -> None:
    raws = [mail(1), mail(2), mail(3, size=1_100_000), mail(4), mail(5)]
    for raw in raws:
        graph.put_message(box, raw)

    fetched, _ = read(source(graph, box), Position())

    assert [one.raw for one in fetched] == raws
    assert len([one for one in graph.requests("$value") if not one["batched"]]) == 1


def test_batches_that_carry_text_instead_of_base64_are_given_up(graph: GraphProcess, box: str) -> None:
    raws = [mail(number) for number in range(45)]
    for raw in raws:
        graph.put_message(box, raw)
    graph.settings(quirks=["text_batches"])

    fetched, _ = read(source(graph, box), Position())

    assert [one.raw for one in fetched] == raws
    assert len(graph.requests("$batch")) == 1


def test_a_message_over_the_limit_comes_as_its_header_block(graph: GraphProcess, box: str) -> None:
    big = mail(1, size=400_000)
    graph.put_message(box, big)
    graph.put_message(box, mail(2))
    opened = source(graph, box)
    page = next(iter(opened.pages(Position(), 10)))

    over, whole = opened.fetch(page.listed, 100_000)

    assert (over.complete, over.size) == (False, len(big))
    assert over.raw == big[: big.index(b"\r\n\r\n") + 4]
    assert (whole.complete, whole.raw) == (True, mail(2))


def test_the_limit_holds_where_no_size_was_listed(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail(1, size=400_000))

    (over,) = source(graph, box).fetch([Listed(item)], 100_000)

    assert not over.complete
    assert over.size > 100_000
    assert over.raw.endswith(b"\r\n\r\n")


def test_exactly_the_limit_is_still_whole(graph: GraphProcess, box: str) -> None:
    raw = mail(1, size=1000)
    item = graph.put_message(box, raw)

    (at, under) = (
        source(graph, box).fetch([Listed(item)], len(raw)),
        source(graph, box).fetch([Listed(item)], len(raw) - 1),
    )

    assert next(at).complete
    assert not next(under).complete


def test_a_message_deleted_between_list_and_fetch_has_vanished(graph: GraphProcess, box: str) -> None:
    items = [graph.put_message(box, mail(number)) for number in range(3)]
    opened = source(graph, box)
    page = next(iter(opened.pages(Position(), 10)))
    graph.remove_message(box, items[1])

    fetched = list(opened.fetch(page.listed, LIMIT))

    assert [one.vanished for one in fetched] == [False, True, False]
    assert [one.source_id for one in fetched] == items


def test_a_message_moved_between_list_and_fetch_is_followed(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail(1))
    opened = source(graph, box)
    page = next(iter(opened.pages(Position(), 10)))
    graph.move_message(box, item, "archive")

    (fetched,) = opened.fetch(page.listed, LIMIT)

    assert (fetched.raw, fetched.source_id, fetched.vanished) == (mail(1), item, False)


def test_a_moved_message_whose_id_two_messages_bear_is_not_guessed_at(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail(1))
    graph.put_message(box, mail(1), "archive")
    opened = source(graph, box)
    page = next(iter(opened.pages(Position(), 10)))
    graph.move_message(box, item, "archive")

    (fetched,) = opened.fetch(page.listed, LIMIT)

    assert fetched.vanished


@pytest.mark.parametrize("after", [0, 10, 70_000])
def test_a_body_that_breaks_off_is_no_message(graph: GraphProcess, box: str, after: int) -> None:
    item = graph.put_message(box, mail(1, size=200_000))
    graph.fault(r"/\$value", "cut", after_bytes=after)
    opened = source(graph, box)

    with pytest.raises(TryLater):
        list(opened.fetch([Listed(item)], LIMIT))
    assert next(opened.fetch([Listed(item)], LIMIT)).raw == mail(1, size=200_000)


def test_a_listing_that_breaks_off_is_no_listing(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1))
    graph.fault("messages/delta", "cut", after_bytes=40)

    with pytest.raises(AnswerLost) as caught:
        source(graph, box).has_news(Position())
    assert caught.value.kind == "connection_lost"
    assert caught.value.shared


def test_a_passing_500_is_tried_once_more(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail(1))
    graph.fault(r"/\$value", "broken")

    (fetched,) = source(graph, box).fetch([Listed(item)], LIMIT)

    assert fetched.raw == mail(1)


def test_a_message_that_exchange_cannot_render_stops_nobody(graph: GraphProcess, box: str) -> None:
    bad = graph.put_message(box, mail(1))
    graph.put_message(box, mail(2))
    graph.fault(r"/\$value", "broken", times=2)
    opened = source(graph, box)

    first, second = opened.fetch([Listed(bad), Listed(graph.messages(box)[1]["id"])], LIMIT)

    assert not first.complete
    assert b"Message-ID: <1@example.com>\r\n" in first.raw
    assert second.raw == mail(2)
    graph.fault(r"/\$value", "broken", times=2)
    with pytest.raises(MessageRefused) as caught:
        list(opened.stream(bad))
    assert caught.value.kind == "unreadable"


def test_graph_in_trouble_is_not_taken_for_a_bad_message(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail(1))
    graph.fault("/messages/", "broken", times=9)

    with pytest.raises(TryLater) as caught:
        list(source(graph, box).fetch([Listed(item)], LIMIT))
    assert (caught.value.kind, caught.value.shared) == ("unavailable", True)


def test_streaming_yields_the_whole_message_in_pieces(graph: GraphProcess, box: str) -> None:
    raw = mail(1, size=500_000)
    item = graph.put_message(box, raw)

    pieces = list(source(graph, box).stream(item))

    assert b"".join(pieces) == raw
    assert len(pieces) > 5


def test_streaming_what_is_gone_is_refused(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail(1))
    graph.remove_message(box, item)

    with pytest.raises(MessageRefused) as caught:
        list(source(graph, box).stream(item))
    assert caught.value.kind == "vanished"


def test_throttling_inside_a_batch_is_obeyed(graph: GraphProcess, box: str) -> None:
    for number in range(3):
        graph.put_message(box, mail(number))
    graph.fault(r"/\$value", "throttled", skip=1, retry_after="17")

    with pytest.raises(TryLater) as caught:
        read(source(graph, box), Position())
    assert (caught.value.after, caught.value.shared) == (17, True)
