"""Mail before the profile's date is not read, all mail after it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from email_router.core.fetched import Position
from tests.edge.graph.mailboxes import deltas, mail, read, source
from tests.simulators.graph.process import GraphProcess

EDGE = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)


def test_older_messages_are_not_listed_in_any_round(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1), received=EDGE - timedelta(seconds=1))
    young = graph.put_message(box, mail(2), received=EDGE)
    fetched, position = read(source(graph, box, process_received_after=EDGE), Position())
    graph.put_message(box, mail(3), received=EDGE - timedelta(days=1))
    younger = graph.put_message(box, mail(4), received=EDGE + timedelta(days=1))

    later, _ = read(source(graph, box, process_received_after=EDGE), position)

    assert [one.source_id for one in fetched] == [young]
    assert [one.source_id for one in later] == [younger]
    assert deltas(graph)[0]["query"]["$filter"] == "receivedDateTime ge 2026-11-10T12:00:00Z"


def test_a_date_without_a_zone_is_utc(graph: GraphProcess, box: str) -> None:
    young = graph.put_message(box, mail(1), received=EDGE)

    fetched, _ = read(source(graph, box, process_received_after=EDGE.replace(tzinfo=None)), Position())

    assert [one.source_id for one in fetched] == [young]
    assert deltas(graph)[0]["query"]["$filter"] == "receivedDateTime ge 2026-11-10T12:00:00Z"


def test_without_a_date_there_is_no_filter(graph: GraphProcess, box: str) -> None:
    list(source(graph, box).pages(Position(), 10))

    assert "$filter" not in deltas(graph)[0]["query"]


def test_mail_beyond_the_filters_limit_is_not_lost(
    graph: GraphProcess, box: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph.settings(filter_limit=10)
    monkeypatch.setattr("email_router.edge.connect.graph_delta.FILTER_LIMIT", 10)
    items = {graph.put_message(box, mail(number), received=EDGE) for number in range(25)}
    graph.put_message(box, mail(99), received=EDGE - timedelta(days=1))
    position, found, requests = Position(), list[str](), 0
    while True:  # each page by a worker of its own, as after a spent budget
        page = next(iter(source(graph, box, process_received_after=EDGE).pages(position, 4)))
        found += [one.source_id for one in page.listed]
        position, requests = page.position, requests + 1
        if page.last:
            break

    assert set(found) == items
    assert requests < 20
    assert not source(graph, box, process_received_after=EDGE).has_news(position)
