"""Answers that lead on and on: the pass comes to its end, or to a page at which it can look at the clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from email_router.core.errors import TryLater
from email_router.core.fetched import Position
from email_router.edge.connect.graph import GraphClient
from email_router.edge.connect.graph_errors import GraphReply, JsonObject
from email_router.edge.connect.graph_listing import MOST_LINKS
from tests.edge.graph.mailboxes import mail, source
from tests.simulators.graph.process import GraphProcess

Answers = Callable[[Callable[[int, str], JsonObject]], list[str]]
_MOST = 400


@pytest.fixture
def answers(graph: GraphProcess, box: str, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Let Graph answer what the test says, by the number and target of the request; return the list of what was asked."""

    def answering(told: Callable[[int, str], JsonObject]) -> list[str]:
        asked: list[str] = []

        def call(client: GraphClient, method: str, target: str, **_: Any) -> GraphReply:
            asked.append(target)
            assert len(asked) < _MOST, "endless"
            reply = GraphReply(200, {}, b"{}", address=client.address)
            content = told(len(asked), target)
            monkeypatch.setattr(GraphReply, "json", lambda _reply: content)
            return reply

        monkeypatch.setattr(GraphClient, "call", call)
        return asked

    return answering


def test_a_round_of_empty_pages_without_end_gives_a_page_every_ten(
    graph: GraphProcess, box: str, answers: Answers
) -> None:
    asked = answers(lambda number, _: {"value": [], "@odata.nextLink": f"{graph.endpoint}/v1.0/delta?x={number}"})

    pages = source(graph, box).pages(Position(), 10)
    counts = [len(asked) for page in itertools.islice(pages, 3) if not page.listed and not page.last]

    assert counts == [10, 20, 30]


def test_a_link_that_leads_to_itself_is_tried_later(graph: GraphProcess, box: str, answers: Answers) -> None:
    asked = answers(lambda _number, _: {"value": [], "@odata.nextLink": f"{graph.endpoint}/v1.0/delta?x=1"})

    with pytest.raises(TryLater) as caught:
        list(source(graph, box).pages(Position(), 10))

    assert (caught.value.kind, len(asked)) == ("graph_answer", 2)


def test_a_second_whose_links_never_end_is_tried_later(graph: GraphProcess, box: str, answers: Answers) -> None:
    row = {"id": "a", "receivedDateTime": "1900-01-01T00:00:00Z"}
    asked = answers(lambda number, _: {"value": [row], "@odata.nextLink": f"{graph.endpoint}/v1.0/x?x={number}"})

    with pytest.raises(TryLater) as caught:
        list(source(graph, box).inventory(10))

    assert caught.value.kind == "graph_answer"
    assert box in str(caught.value)
    assert len(asked) == MOST_LINKS + 2


def test_a_second_that_holds_other_messages_each_time_is_tried_later(
    graph: GraphProcess, box: str, answers: Answers
) -> None:
    def told(number: int, target: str) -> JsonObject:
        row = {"id": f"a{number}", "receivedDateTime": "1900-01-01T00:00:00Z"}
        more = {} if "/x?" in target else {"@odata.nextLink": f"{graph.endpoint}/v1.0/x?x={number}"}
        return {"value": [row], **more}

    answers(told)

    with pytest.raises(TryLater) as caught:
        list(source(graph, box).inventory(10))
    assert caught.value.kind == "graph_answer"


def test_a_listing_of_empty_pages_without_end_ends(graph: GraphProcess, box: str, answers: Answers) -> None:
    asked = answers(lambda number, _: {"value": [], "@odata.nextLink": f"{graph.endpoint}/v1.0/x?x={number}"})

    with pytest.raises(TryLater):
        list(source(graph, box).inventory(10))

    assert len(asked) == MOST_LINKS + 1


def test_an_empty_page_of_a_listing_hides_nothing_behind_it(graph: GraphProcess, box: str, answers: Answers) -> None:
    def told(number: int, _: str) -> JsonObject:
        row = {"id": "a", "receivedDateTime": "2026-11-01T00:00:00Z"}
        return (
            {"value": [row]} if number == 3 else {"value": [], "@odata.nextLink": f"{graph.endpoint}/v1.0/x?x={number}"}
        )

    answers(told)

    assert [one.source_id for page in source(graph, box).inventory(10) for one in page] == ["a"]


def test_a_listing_without_times_is_not_taken_for_the_whole(graph: GraphProcess, box: str, answers: Answers) -> None:
    answers(lambda number, _: {"value": [{"id": "a"}], "@odata.nextLink": f"{graph.endpoint}/v1.0/x?x={number}"})

    with pytest.raises(TryLater) as caught:
        list(source(graph, box).inventory(10))
    assert caught.value.kind == "graph_answer"


def test_a_sync_state_that_is_lost_on_each_second_page_is_begun_anew_once(graph: GraphProcess, box: str) -> None:
    for number in range(4):
        graph.put_message(box, mail(number))
    graph.fault("GET .*/delta", "expired_sync", skip=1)  # page two
    graph.fault("GET .*/delta", "expired_sync", skip=2)  # page two of the round that was begun anew

    with pytest.raises(TryLater) as caught:
        list(source(graph, box).pages(Position(), 1))

    assert (caught.value.kind, caught.value.shared) == ("graph_refused", True)
    assert box in str(caught.value)
