"""A mailbox over its quota: what lies there is read all the same where Graph allows it, and somebody is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.fetched import Fetched, Page, Position
from tests.edge.graph.mailboxes import LIMIT, mail, source
from tests.flows.house import SALES, House
from tests.flows.house import mail as house_mail
from tests.simulators.graph.process import GraphProcess

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def read_full(
    graph: GraphProcess, box: str, position: Position, size: int, **changes: object
) -> tuple[list[Fetched], Position]:
    """Read to the end, which is that the mailbox is blocked."""
    fetched: list[Fetched] = []
    opened = source(graph, box, **changes)
    pages = opened.pages(position, size)
    while (page := _next(pages)) is not None:
        fetched += opened.fetch(page.listed, LIMIT)
        position = page.position
    return fetched, position


def _next(pages: Iterator[Page]) -> Page | None:
    with suppress(MailboxBlocked):
        return next(pages)
    return None


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("folders", [("inbox",), ("inbox", "archive")])
def test_what_lies_there_is_read_oldest_first_and_the_mailbox_is_blocked(
    graph: GraphProcess, box: str, size: int, folders: tuple[str, ...]
) -> None:
    for number, days in enumerate((2, 0, 0, 1, 1, 1)):
        graph.put_message(box, mail(number), received=DAY + timedelta(days=days))
    graph.mailbox_state(box, "full")

    assert source(graph, box, folders=folders).has_news(Position())
    fetched, position = read_full(graph, box, Position(), size, folders=folders)

    assert sorted(one.raw for one in fetched) == sorted(mail(number) for number in range(6))
    assert [one.received for one in fetched] == sorted(one.received for one in fetched if one.received)
    assert read_full(graph, box, position, size, folders=folders)[0] == []
    with pytest.raises(MailboxBlocked) as polled:
        source(graph, box, folders=folders).has_news(Position(b"", position.mark))
    with pytest.raises(MailboxBlocked) as paged:
        list(source(graph, box, folders=folders).pages(position, size))
    for caught in (polled, paged):
        assert (caught.value.kind, "room" in caught.value.mend) == ("mailbox_full", True)


def test_each_page_is_a_position_to_go_on_from(graph: GraphProcess, box: str) -> None:
    for number in range(5):
        graph.put_message(box, mail(number), received=DAY + timedelta(seconds=number // 2))
    graph.mailbox_state(box, "full")
    position, raws = Position(), list[bytes]()
    for _ in range(9):  # a new worker for each page
        opened = source(graph, box)
        page = next(iter(opened.pages(position, 2)), None)
        if page is None:
            break
        raws += [one.raw for one in opened.fetch(page.listed, LIMIT)]
        position = page.position
        if page.last:
            break

    assert sorted(raws) == [mail(number) for number in range(5)]


def test_when_there_is_room_again_the_delta_goes_on_from_its_link(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1), received=DAY)
    (page,) = source(graph, box).pages(Position(), 10)
    graph.put_message(box, mail(2), received=DAY + timedelta(days=1))
    graph.mailbox_state(box, "full")
    fetched, position = read_full(graph, box, page.position, 10)
    assert [one.raw for one in fetched] == [
        mail(1),
        mail(2),
    ]  # the plain listing knows no link: the ledger knows the first
    graph.mailbox_state(box, "ok")
    graph.put_message(box, mail(3), received=DAY - timedelta(days=9))

    opened = source(graph, box)
    assert opened.has_news(Position(b"", position.mark))
    (page,) = opened.pages(position, 10)

    assert [one.raw for one in opened.fetch(page.listed, LIMIT)] == [mail(3), mail(2)]
    assert not source(graph, box).has_news(page.position)


def test_mail_before_the_profiles_date_is_left_alone(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1), received=DAY - timedelta(seconds=1))
    graph.put_message(box, mail(2), received=DAY)
    graph.put_message(box, mail(3), received=DAY, is_draft=True)
    graph.mailbox_state(box, "full")

    fetched, _ = read_full(graph, box, Position(), 10, process_received_after=DAY)

    assert [one.raw for one in fetched] == [mail(2)]


def test_where_a_plain_listing_is_refused_too_nothing_is_read(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1))
    graph.mailbox_state(box, "full")
    graph.fault("GET .*/messages$", "status", status=403, code="ErrorQuotaExceeded")

    with pytest.raises(MailboxBlocked) as caught:
        source(graph, box).has_news(Position())
    assert caught.value.kind == "mailbox_full"
    assert "quota" in caught.value.mend


def test_through_the_road_mail_in_a_full_mailbox_becomes_activities_once(graph: GraphProcess, box: str) -> None:
    house = House()
    house._open = lambda profile, mailbox: source(graph, box)  # type: ignore[method-assign, assignment, return-value]
    for number in range(3):
        graph.put_message(box, house_mail(number), received=DAY + timedelta(hours=number))
    house.route(reason="requested")
    graph.put_message(box, house_mail(3), received=DAY + timedelta(hours=9))
    graph.mailbox_state(box, "full")

    for _ in range(3):
        house.route(reason="requested")
        house.clock.at += timedelta(hours=2)

    assert sorted(one.message_id or "" for one in house.crm.activities.values()) == [
        f"<m{number}@fabrikam.example>" for number in range(4)
    ]
    state = house.states.read(SALES)
    assert (state.error_kind, "room" in state.error_mend) == ("mailbox_full", True)
    graph.mailbox_state(box, "ok")
    house.route(reason="requested")
    assert (len(house.crm.activities), house.states.read(SALES).error_kind) == (4, "")
