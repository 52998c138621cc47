"""What goes into a batch, and what is read singly because a batch does not bring it."""

from __future__ import annotations

import pytest

from email_router.core.errors import TryLater
from email_router.core.fetched import Position
from tests.edge.graph.mailboxes import api, mail, read, source
from tests.simulators.graph.process import GraphProcess

ATTACHED = b"From: a@example.com\r\nMessage-ID: <%d@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
ATTACHED += b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: application/pdf\r\n"
ATTACHED += b"Content-Disposition: attachment; filename=a.pdf\r\n\r\n%%PDF\r\n--b--\r\n"


def singly(graph: GraphProcess) -> int:
    return len([one for one in api(graph) if one["path"].endswith("/$value")])


def fill(graph: GraphProcess, box: str, size: int) -> list[bytes]:
    raws = [mail(number, size=size) for number in range(4)]
    for raw in raws:
        graph.put_message(box, raw)
    return raws


@pytest.mark.parametrize(("size", "batches"), [(1_000_000, 1), (1_048_000, 1), (1_060_000, 0)])
def test_messages_up_to_a_megabyte_come_in_a_batch(graph: GraphProcess, box: str, size: int, batches: int) -> None:
    raws = fill(graph, box, size)

    fetched, _ = read(source(graph, box), Position())

    assert [one.raw for one in fetched] == raws
    assert len(graph.requests("$batch")) == batches
    assert singly(graph) == (0 if batches else 4)


def test_where_no_size_is_told_messages_without_attachments_come_in_a_batch(graph: GraphProcess, box: str) -> None:
    raws = [mail(1), ATTACHED % 2, mail(3), ATTACHED % 4, mail(5)]
    for raw in raws:
        graph.put_message(box, raw)
    graph.fault("GET .*messages/delta", "status", status=400, code="BadRequest")

    fetched, _ = read(source(graph, box), Position())

    assert [one.raw for one in fetched] == raws
    assert len(graph.requests("$batch")) == 1
    assert len([one for one in graph.requests("$value") if one["batched"]]) == 3
    assert singly(graph) == 2


@pytest.mark.parametrize("kind", ["timeout", "unavailable", "close"])
def test_a_large_batch_that_graph_does_not_bring_is_read_singly(graph: GraphProcess, box: str, kind: str) -> None:
    raws = fill(graph, box, 700_000)
    graph.fault(r"POST .*\$batch", kind, times=2)  # a broken line is tried once more by itself

    fetched, _ = read(source(graph, box), Position())

    assert [one.raw for one in fetched] == raws
    assert singly(graph) == 4


def test_a_small_batch_that_graph_does_not_bring_is_tried_later(graph: GraphProcess, box: str) -> None:
    fill(graph, box, 0)
    graph.fault(r"POST .*\$batch", "timeout")

    with pytest.raises(TryLater):
        read(source(graph, box), Position())
    assert singly(graph) == 0


def test_a_large_batch_is_not_read_singly_where_graph_asks_to_wait(graph: GraphProcess, box: str) -> None:
    fill(graph, box, 700_000)
    graph.fault(r"POST .*\$batch", "unavailable", retry_after="60")

    with pytest.raises(TryLater) as caught:
        read(source(graph, box), Position())
    assert caught.value.after == 60
    assert singly(graph) == 0


def test_one_that_timed_out_within_a_batch_is_read_singly(graph: GraphProcess, box: str) -> None:
    raws = fill(graph, box, 0)
    graph.fault(r"/\$value", "timeout", skip=2)

    fetched, _ = read(source(graph, box), Position())

    assert [one.raw for one in fetched] == raws
    assert singly(graph) == 1


def test_a_batch_whose_answer_is_longer_than_is_read_is_read_singly(
    graph: GraphProcess, box: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raws = fill(graph, box, 100_000)
    monkeypatch.setattr("email_router.edge.connect.https._LARGEST_ANSWER", 300_000)  # as 64 MB would be

    fetched, _ = read(source(graph, box), Position())

    assert [one.raw for one in fetched] == raws
    assert singly(graph) == 4
