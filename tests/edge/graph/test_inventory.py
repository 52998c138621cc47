"""Everything that lies in the folders, whatever was read before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from email_router.core.fetched import Inventoried
from tests.edge.graph.mailboxes import api, folder, mail, source
from tests.simulators.graph.process import GraphProcess

DAY = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("size", [1, 3, 5000])
def test_each_message_is_told_once_by_its_time_and_id(graph: GraphProcess, box: str, size: int) -> None:
    times = [DAY + timedelta(seconds=second) for second in (5, 1, 1, 1, 1, 9, 0, 3, 3)]
    ids = [graph.put_message(box, mail(number), received=moment) for number, moment in enumerate(times)]

    pages = list(source(graph, box).inventory(size))

    told = [one for page in pages for one in page]
    expected = sorted((moment, ids[number], number) for number, moment in enumerate(times))
    assert told == [
        Inventoried(item, f"<{number}@example.com>", len(mail(number)), moment) for moment, item, number in expected
    ]
    assert all(pages)


def test_it_goes_through_all_folders_and_leaves_drafts_out(graph: GraphProcess, box: str) -> None:
    support = folder(graph, box, "Support", "inbox")
    graph.put_message(box, mail(1), received=DAY)
    graph.put_message(box, mail(2), is_draft=True)
    graph.put_message(box, b"Subject: without an id\r\n\r\n", support)
    graph.put_message(box, mail(4), "archive")

    told = [one for page in source(graph, box, folders=("Inbox/Support", "inbox")).inventory(10) for one in page]

    assert [one.message_id for one in told] == [None, "<1@example.com>"]


def test_the_profiles_date_hides_nothing_here(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1), received=DAY - timedelta(days=4000))

    assert len(next(source(graph, box, process_received_after=DAY).inventory(10))) == 1


@pytest.mark.parametrize("apart", [0, 1])
def test_what_is_removed_between_pages_hides_no_other_message(graph: GraphProcess, box: str, apart: int) -> None:
    ids = [
        graph.put_message(box, mail(number), received=DAY + timedelta(seconds=number * apart)) for number in range(20)
    ]
    told = list[str]()
    for page in source(graph, box).inventory(5):
        told += [one.source_id for one in page]
        for item in told[:4]:
            if item in ids:
                graph.remove_message(box, item)
                ids.remove(item)

    assert set(ids) <= set(told)
    assert len(told) == len(set(told)) == 20


def test_more_messages_in_a_second_than_a_page_holds(
    graph: GraphProcess, box: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("email_router.edge.connect.graph_listing.MOST_IN_PAGE", 4)  # as 4,000 of them would be
    ids = {graph.put_message(box, mail(number), received=DAY) for number in range(11)}
    late = graph.put_message(box, mail(99), received=DAY + timedelta(seconds=1))

    told = [one.source_id for page in source(graph, box).inventory(4) for one in page]

    assert set(told[:-1]) == ids
    assert told[-1] == late
    assert len(told) == 12


def test_sizes_are_done_without_where_they_are_refused(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1), received=DAY)
    graph.fault("GET .*/messages$", "status", status=400, code="BadRequest")

    ((told,),) = source(graph, box).inventory(10)

    assert (told.size, told.received) == (None, DAY)


def test_pages_go_on_by_time_never_by_skipping(graph: GraphProcess, box: str) -> None:
    for number in range(9):
        graph.put_message(box, mail(number), received=DAY + timedelta(minutes=number))
    list(source(graph, box).inventory(3))

    asked = [one["query"] for one in api(graph) if one["path"].endswith("/messages")]
    assert len(asked) == 4
    assert not any("$skip" in one or "$skiptoken" in one for one in asked)
