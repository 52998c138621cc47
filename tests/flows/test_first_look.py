"""The first look at a mailbox that holds 200,000 messages: piece by piece, each pass going on behind the last one, in little memory."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest

from email_router.core.fetched import Fetched, Listed, Page, Position
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.ports import MailSource, Reach
from email_router.core.work import CONTINUE
from email_router.edge.connect import ews_sync
from email_router.edge.connect.ews_sync import Changes
from email_router.edge.connect.graph_delta import DeltaPage
from email_router.edge.connect.graph_position import Cursor
from email_router.edge.connect.graph_rows import Row
from email_router.edge.connect.imap_answers import Row as ImapRow
from email_router.edge.connect.imap_position import Folder
from email_router.edge.sources import ews
from email_router.edge.sources.graph import GraphSource
from email_router.edge.sources.imap import ImapSource
from email_router.edge.sources.pop3 import Pop3Source
from tests.flows.house import NOW, SALES, House, mail
from tests.memory.source import MemorySource

ALL = 200_000
MEGABYTE = 1024 * 1024


class Endless(MemorySource):
    """A mailbox of 200,000 messages that are made when they are fetched; each batch takes some of the time."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self.house = house
        self.listed: Counter[str] = Counter()
        self.fetched: Counter[str] = Counter()
        self.at_once: list[int] = []

    def has_news(self, position: Position) -> bool:
        return int(position.cursor or b"0") < ALL

    def pages(self, position: Position, page_size: int) -> Iterator[Page]:
        for first in range(int(position.cursor or b"0"), ALL, page_size):
            after = min(first + page_size, ALL)
            names = [str(number) for number in range(first, after)]
            self.listed.update(names)
            yield Page(tuple(Listed(name, 300) for name in names), Position(b"%d" % after, str(after)), after == ALL)

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        self.at_once.append(len(listed))
        self.fetched.update(one.source_id for one in listed)
        self.house.clock.advance(10)
        for one in listed:
            raw = mail(int(one.source_id))
            yield Fetched(source_id=one.source_id, raw=raw, size=len(raw), received=NOW)


@contextmanager
def peak() -> Iterator[list[int]]:
    """Yield the most bytes that were held beyond those held before."""
    held: list[int] = []
    tracemalloc.start()
    try:
        yield held
        held.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


def test_each_pass_takes_what_it_has_time_for_and_the_next_goes_on_behind_it() -> None:
    house = House()
    house.sources[SALES] = source = Endless(house)
    came_to: list[int] = []

    for _ in range(3):
        before, house.queues.mailboxes = house.clock.now(), []
        summary = house.route()
        came_to.append(int(house.states.read(SALES).position.cursor))
        assert summary.outcome is PassOutcome.ROUTED
        assert house.clock.now() - before <= timedelta(seconds=250)
        assert [one.reason for one in house.queues.mailboxes] == [CONTINUE]

    assert came_to == [500, 1_000, 1_500]
    assert max(source.at_once) <= house.timing.batch_messages
    assert max(source.fetched.values()) <= 2  # once more at most, where a page was not passed
    assert len(source.listed) <= came_to[-1] + house.timing.page_messages
    assert len(house.crm.activities) >= came_to[-1]
    assert len({one.message_id for one in house.crm.activities.values()}) == len(house.crm.activities)


def test_a_worker_that_dies_in_the_midst_costs_its_page_alone() -> None:
    house = House()
    house.sources[SALES] = source = Endless(house)
    house.route()
    real = house.crm.deliver

    def dies(*given: Any) -> Any:
        raise MemoryError

    house.crm.deliver = dies  # type: ignore[method-assign, assignment]  # the fake of this test
    with pytest.raises(MemoryError):
        house.route()
    house.crm.deliver = real  # type: ignore[method-assign]  # as before
    house.clock.advance(house.timing.lease)
    house.route()

    assert int(house.states.read(SALES).position.cursor) > 500
    assert min(map(int, source.listed)) == 0
    assert source.fetched["0"] == 1
    assert len({one.message_id for one in house.crm.activities.values()}) == len(house.crm.activities)


class Pop3:
    """A POP3 session with 200,000 messages; counts what is asked."""

    idle = True

    def __init__(self, count: int = ALL) -> None:
        self.count = count
        self.asked: Counter[str] = Counter()

    def stat(self) -> tuple[int, int]:
        self.asked["STAT"] += 1
        return self.count, self.count * 300

    def unique_id(self, number: int) -> str:
        self.asked["UIDL n"] += 1
        return f"{number:010d}.contoso"

    def listing(self) -> list[tuple[int, str, int]]:
        self.asked["UIDL"] += 1
        return [(number, f"{number:010d}.contoso", 300) for number in range(1, self.count + 1)]

    def drop(self) -> None:
        """Say nothing."""


def profile(**given: Any) -> Profile:
    return replace(House().profile, host="mail.contoso.example", **given)


def by_pop3(session: Pop3) -> Pop3Source:
    source = Pop3Source(profile(), Mailbox(address=SALES), "secret", Reach())
    source._session = session  # type: ignore[assignment]  # as a session that is logged in
    return source


def test_a_listing_of_pop3_takes_less_than_half_a_kilobyte_a_message() -> None:
    with peak() as held:
        next(by_pop3(Pop3(ALL // 10)).pages(Position(), 500))

    assert held[0] < ALL // 10 * 500


def test_pop3_lists_once_a_session_and_pages_what_it_has_not_read() -> None:
    session = Pop3()

    first = list(islice(by_pop3(session).pages(Position(), 500), 3))
    second = list(islice(by_pop3(session).pages(first[-1].position, 500), 3))

    names = [one.source_id for page in (*first, *second) for one in page.listed]
    assert names == [f"{number:010d}.contoso" for number in range(1, 3_001)]
    assert not any(page.last for page in (*first, *second))
    assert len(second[-1].position.cursor) == 8 * 3_000
    assert session.asked["UIDL"] == 2
    assert sum(session.asked.values()) <= 8


class Imap:
    """An IMAP folder of 200,000 messages; counts what is asked."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def open(self, name: str) -> Any:
        return Folder(name, 7, ALL + 1, ALL)

    def select(self, *_: Any, **__: Any) -> bool:
        return True

    def search(self, above: int, since: Any) -> list[int]:
        self.asked["SEARCH"] += 1
        return list(range(above + 1, ALL + 1))

    def describe(self, uids: Sequence[int], **_: Any) -> dict[int, Any]:
        self.asked["FETCH"] += 1
        assert len(uids) <= 500
        return {uid: ImapRow(uid=uid, size=300, received=NOW) for uid in uids}


def test_imap_searches_once_a_pass_and_asks_for_what_it_lists_piece_by_piece() -> None:
    box = Imap()

    def opened() -> ImapSource:
        source = ImapSource(profile(), Mailbox(address=SALES), "secret", Reach())
        source._box = source._reading._box = box  # type: ignore[assignment]  # as a session that is logged in
        return source

    with peak() as held:
        first = list(islice(opened().pages(Position(), 500), 3))
        second = list(islice(opened().pages(first[-1].position, 500), 3))

    names = [one.source_id for page in (*first, *second) for one in page.listed]
    assert names == [f"INBOX/7.{uid}" for uid in range(1, 3_001)]
    assert len(second[-1].position.cursor) < 100
    assert box.asked["SEARCH"] == 2
    assert box.asked["FETCH"] <= 12
    assert held[0] < 30 * MEGABYTE


def goes_on_where_it_stood(opened: Callable[[], MailSource]) -> None:
    """Read three pages, and three more with another source that knows the position alone: nothing is missing, and little is held."""
    with peak() as held:
        first = list(islice(opened().pages(Position(), 500), 3))
        second = list(islice(opened().pages(first[-1].position, 500), 3))

    names = [one.source_id for page in (*first, *second) for one in page.listed]
    assert names == [f"id{number}" for number in range(3_000)]
    assert len(second[-1].position.cursor) < 1_000
    assert held[0] < 10 * MEGABYTE


def test_graph_asks_for_a_page_when_it_is_wanted_and_goes_on_at_its_link() -> None:
    asked: list[str] = []

    class Rounds:
        def page(self, name: str, cursor: Cursor, size: int) -> DeltaPage:
            assert (name, size) == ("inbox", 500)
            asked.append(cursor.link)
            first = int(cursor.link.rpartition("/")[2] or 0) if cursor.link else 0
            rows = tuple(Row(f"id{number}", NOW, "", 300) for number in range(first, first + size))
            link = f"https://graph.microsoft.com/{first + size}"
            return DeltaPage(rows, Cursor(link), last=first + size >= ALL)

    def opened() -> GraphSource:
        source = GraphSource(profile(tenant_id="t", client_id="c"), Mailbox(address=SALES), "secret", Reach())
        source._rounds = Rounds()  # type: ignore[assignment]  # as Graph would answer
        return source

    goes_on_where_it_stood(opened)
    assert len(asked) == 6


def test_exchange_is_asked_for_a_page_when_it_is_wanted_and_goes_on_at_its_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def read(_client: object, _folder: object, state: str, most: int, **_: object) -> Changes:
        asked.append(state)
        first = int(state or 0)
        rows = tuple(ews_sync.Row(f"id{number}", "k", 300, NOW) for number in range(first, first + most))
        return Changes(rows, str(first + most), last=first + most >= ALL)

    monkeypatch.setattr(ews, "read_changes", read)

    def opened() -> ews.EwsSource:
        source = ews.EwsSource(profile(server="exchange"), Mailbox(address=SALES), "secret", Reach())
        source._ids["inbox"] = "inbox"
        return source

    goes_on_where_it_stood(opened)
    assert len(asked) == 6
