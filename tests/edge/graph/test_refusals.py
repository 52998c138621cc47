"""What Graph refuses, and what happens next."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.fetched import Listed, Position
from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect import graph as graph_client
from tests.edge.graph.mailboxes import LIMIT, deltas, mail, read, source
from tests.simulators.graph.process import GraphProcess


@pytest.mark.parametrize(
    ("state", "kind", "mended_by"),
    [
        ("denied", "access_denied", "New-ManagementRoleAssignment"),
        ("disabled", "mailbox_unavailable", "licence"),
        ("missing", "mailbox_unknown", "address"),
        ("full", "mailbox_full", "quota"),
    ],
)
def test_a_mailbox_that_is_refused_is_blocked_and_says_how_to_mend_it(
    graph: GraphProcess, box: str, state: str, kind: str, mended_by: str
) -> None:
    graph.mailbox_state(box, state)

    with pytest.raises(MailboxBlocked) as caught:
        source(graph, box).has_news(Position())

    assert caught.value.kind == kind
    assert mended_by in caught.value.mend
    assert box in str(caught.value)


def test_a_mailbox_that_is_refused_while_fetching_is_no_vanished_message(graph: GraphProcess, box: str) -> None:
    items = [graph.put_message(box, mail(number)) for number in range(3)]
    opened = source(graph, box)
    page = next(iter(opened.pages(Position(), 10)))
    graph.mailbox_state(box, "disabled")

    with pytest.raises(MailboxBlocked):
        list(opened.fetch(page.listed, LIMIT))
    with pytest.raises(MailboxBlocked):
        list(opened.fetch([Listed(items[0])], LIMIT))
    with pytest.raises(MailboxBlocked):
        opened.dispose(items, AfterDelivery.DELETE)


@pytest.mark.parametrize("kind", ["throttled", "unavailable"])
def test_retry_after_in_seconds_is_obeyed(graph: GraphProcess, box: str, kind: str) -> None:
    graph.fault("messages/delta", kind, retry_after="42")

    with pytest.raises(TryLater) as caught:
        source(graph, box).has_news(Position())
    assert (caught.value.after, caught.value.shared) == (42, True)


def test_retry_after_as_a_date_is_obeyed(graph: GraphProcess, box: str) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=90)
    graph.fault("messages/delta", "throttled", retry_after=format_datetime(moment, usegmt=True))

    with pytest.raises(TryLater) as caught:
        source(graph, box).has_news(Position())
    assert 80 < caught.value.after <= 90


@pytest.mark.parametrize("header", [None, "soon", "nan"])
def test_throttling_without_a_time_waits_longer_each_time(graph: GraphProcess, box: str, header: str | None) -> None:
    graph.fault("messages/delta", "throttled", times=6, retry_after=header)
    waits = []
    for _ in range(6):
        with pytest.raises(TryLater) as caught:
            source(graph, box).has_news(Position())
        waits.append(caught.value.after)

    assert 60 <= waits[0] <= 90
    assert waits[3] > waits[0] * 4
    assert waits[5] <= 900 * 1.5


def test_throttling_of_long_ago_is_forgotten(graph: GraphProcess, box: str) -> None:
    graph_client._throttled["127.0.0.1", box] = (9, time.monotonic() - 1801)
    graph.fault("messages/delta", "throttled")

    with pytest.raises(TryLater) as caught:
        source(graph, box).has_news(Position())
    assert caught.value.after <= 90


def test_nothing_is_asked_twice_on_the_way(graph: GraphProcess, box: str) -> None:
    graph.fault("messages/delta", "unavailable", times=5)
    with pytest.raises(TryLater):
        source(graph, box).has_news(Position())

    assert len(deltas(graph)) == 1


def test_a_token_refused_once_is_replaced(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail(1))
    source(graph, box).has_news(Position())
    graph.settings(revoke_tokens=True)

    fetched, _ = read(source(graph, box), Position())

    assert [one.source_id for one in fetched] == [item]


def test_a_token_refused_again_blocks_the_mailbox(graph: GraphProcess, box: str) -> None:
    graph.fault("messages/delta", "unauthorized", times=2)

    with pytest.raises(MailboxBlocked) as caught:
        source(graph, box).has_news(Position())
    assert caught.value.kind == "login_refused"
    assert len(deltas(graph)) == 2


@pytest.mark.parametrize("call", range(4))
def test_a_token_that_ends_at_any_call_does_not_end_the_pass(graph: GraphProcess, box: str, call: int) -> None:
    items = [graph.put_message(box, mail(number)) for number in range(5)]
    graph.fault("/v1.0/", "unauthorized", skip=call)
    opened = source(graph, box)

    fetched, _ = read(opened, Position(), 3)
    opened.dispose(items, AfterDelivery.DELETE)

    assert [one.source_id for one in fetched] == items


def test_an_answer_that_is_no_json_is_no_answer(graph: GraphProcess, box: str) -> None:
    graph.fault("messages/delta", "cut", after_bytes=0)

    with pytest.raises(TryLater):
        source(graph, box).has_news(Position())
