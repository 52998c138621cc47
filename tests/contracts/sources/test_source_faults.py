"""What every mail source makes of the same trouble: lines that are cut, refusals, servers that lose their memory, folders, inventories."""

from __future__ import annotations

import contextlib
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.fetched import Inventoried, Position
from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect.https import hang_up
from tests.contracts.houses import BUSY, FORGETFUL, House
from tests.contracts.sources.reading import LIMIT, listed, mail, read
from tests.simulators.cutting import CuttingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from email_router.core.ports import MailSource

NOT_THERE = {
    "ews": "AAMkADdeadbeef",
    "graph": "AAMkADdeadbeef",
    "imap": "INBOX/1.999",
    "pop3": "no such unique id",
}


@pytest.fixture
def proxy(house: House) -> Iterator[CuttingProxy]:
    """A line to the house's server that can be cut; no connection of an earlier test is used."""
    hang_up()
    with CuttingProxy(house.port) as carrying:
        yield carrying
    hang_up()


def inventory(source: MailSource, size: int = 3) -> list[Inventoried]:
    return [one for page in source.inventory(size) for one in page]


# Lines and logins


def test_a_line_that_is_cut_anywhere_loses_nothing_doubles_nothing_and_shortens_nothing(
    house: House, proxy: CuttingProxy
) -> None:
    mails = [mail(number, b"%d" % number * 3000 + b"\r\n") for number in range(4)]
    for raw in mails:
        house.put(raw)
    with closing(house.open(port=proxy.port)) as source:
        read(source, Position(), page_size=2)
    whole = proxy.said

    for cut in range(0, whole, whole // 12):
        hang_up()
        proxy.cut_after(cut)
        got, position = [], Position()
        with closing(house.open(port=proxy.port)) as source, contextlib.suppress(TryLater):
            for page in source.pages(position, 2):
                got += [one.raw for one in source.fetch(page.listed, LIMIT)]
                position = page.position
        proxy.mend()
        with closing(house.open(port=proxy.port)) as source:
            rest, _, _ = read(source, position)

        assert got == mails[: len(got)], cut
        assert [*got[: len(mails) - len(rest)], *rest] == mails, cut
    assert proxy.cuts > 6


def test_a_server_that_is_away_is_asked_again_later(house: House, proxy: CuttingProxy) -> None:
    proxy.close()

    with closing(house.open(port=proxy.port)) as source, pytest.raises(TryLater):
        list(source.pages(Position(), 10))


def test_a_login_that_is_refused_blocks_the_mailbox_and_says_what_to_do(house: House) -> None:
    with closing(house.open(secret="wrong")) as source, pytest.raises(MailboxBlocked) as refused:
        list(source.pages(Position(), 10))

    assert refused.value.mend
    assert "wrong" not in str(refused.value)


def test_every_house_that_can_be_busy_or_lose_its_memory_is_tried_so(
    house: House, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["house"]

    assert (house.throttle is not None, house.forget is not None) == (name in BUSY, name in FORGETFUL)


@pytest.mark.parametrize("house", BUSY, indirect=True)
def test_a_server_that_says_not_now_is_asked_again_and_then_everything_comes(house: House) -> None:
    assert house.throttle is not None
    for number in range(3):
        house.put(mail(number))

    end = house.throttle()
    with closing(house.open()) as source, pytest.raises(TryLater) as later:
        list(source.pages(Position(), 10))
    end()

    assert later.value.after in {0, 7}
    with closing(house.open()) as source:
        assert read(source, Position())[0] == [mail(number) for number in range(3)]


@pytest.mark.parametrize("house", FORGETFUL, indirect=True)
def test_a_server_that_lost_its_memory_of_our_reading_lists_everything_again_and_nothing_is_missed(
    house: House,
) -> None:
    assert house.forget is not None
    mails = [mail(number) for number in range(3)]
    for raw in mails:
        house.put(raw)
    with closing(house.open()) as source:
        _, position, _ = read(source, Position())

    house.forget()
    house.put(mail(3))
    with closing(house.open()) as source:
        assert source.has_news(position)
        raws, position, _ = read(source, position)
    assert raws == [*mails, mail(3)]
    with closing(house.open()) as source:
        assert not source.has_news(position)


# Disposal, and the folder for what cannot be delivered


@pytest.mark.parametrize("how", AfterDelivery)
def test_disposal_of_each_kind_may_be_repeated_and_touches_no_other_message(house: House, how: AfterDelivery) -> None:
    for number in range(4):
        house.put(mail(number))
    with closing(house.open()) as source:
        _, position, _ = read(source, Position())
        ids = [one.source_id for one in listed(source)]

    for _ in range(2):
        with closing(house.open()) as source:
            source.dispose(ids[:2], how)

    goes = how is AfterDelivery.DELETE or (how is AfterDelivery.MOVE and house.aside is not None)
    assert house.count() == (2 if goes else 4)
    with closing(house.open()) as source:
        assert read(source, position)[0] == []
        assert [mail(2), mail(3)] == read(source, Position())[0][-2:]


def test_what_is_set_aside_lies_in_a_folder_of_its_own_however_often_it_is_asked(house: House) -> None:
    for number in range(3):
        house.put(mail(number))
    with closing(house.open()) as source:
        _, position, _ = read(source, Position())
        ids = [one.source_id for one in listed(source)]
        source.set_aside(ids[:1])
        source.set_aside([])

    for _ in range(2):
        with closing(house.open()) as source:
            source.set_aside(ids[:2])
            source.set_aside([NOT_THERE[source.kind]])

    aside, left = (2, 1) if house.aside else (0, 3)
    assert house.count() == left
    assert house.aside is None or house.aside() == aside
    with closing(house.open()) as source:
        assert read(source, position)[0] == []
        assert len(inventory(source)) == left


def test_a_message_may_be_set_aside_in_the_middle_of_a_page(house: House, source: MailSource) -> None:
    for number in range(4):
        house.put(mail(number))

    raws = []
    for page in source.pages(Position(), 2):
        fetched = list(source.fetch(page.listed, LIMIT))
        raws += [one.raw for one in fetched]
        source.set_aside([one.source_id for one in fetched[:1]])
        source.dispose([one.source_id for one in fetched[1:]], AfterDelivery.DELETE)

    assert raws == [mail(number) for number in range(4)]
    if house.aside is not None:
        assert (house.aside(), house.count()) == (2, 0)


# Inventory


def test_an_empty_mailbox_has_an_empty_inventory(source: MailSource) -> None:
    assert inventory(source) == []


def test_an_inventory_names_every_message_that_lies_there_whatever_was_read(house: House) -> None:
    mails = [mail(number, b"x" * 100 * number + b"\r\n") for number in range(7)]
    for raw in mails:
        house.put(raw)
    with closing(house.open()) as source:
        _, position, _ = read(source, Position())
        ids = [one.source_id for one in listed(source)]
        source.dispose(ids[:1], AfterDelivery.DELETE)
    with closing(house.open()) as source:
        assert not source.has_news(position) or source.kind == "pop3"
        found = inventory(source)

    assert sorted(one.source_id for one in found) == sorted(ids[1:])
    assert sorted(one.message_id or "" for one in found) == [f"<{number}@example.org>" for number in range(1, 7)]
    assert all(one.size is None or one.size >= 100 for one in found)


def test_a_message_without_an_id_is_in_the_inventory_with_none(house: House, source: MailSource) -> None:
    house.put(b"From: ann@example.org\r\nSubject: no id\r\n\r\nMessage-ID: <not@a.header>\r\n")
    house.put(mail(1))

    assert sorted(one.message_id or "" for one in inventory(source)) == ["", "<1@example.org>"]


def test_a_folded_id_is_told_like_any_other(house: House, source: MailSource) -> None:
    house.put(b"From: ann@example.org\r\nMessage-ID:\r\n <folded@example.org>\r\nSubject: x\r\n\r\nx\r\n")

    (only,) = inventory(source)

    assert (only.message_id or "").strip() == "<folded@example.org>"


def test_messages_may_be_fetched_and_disposed_of_in_the_middle_of_an_inventory(
    house: House, source: MailSource
) -> None:
    mails = [mail(number) for number in range(6)]
    for raw in mails:
        house.put(raw)
    sizes = {one.source_id: one for one in listed(source)}

    seen, raws = [], []
    for page in source.inventory(2):
        seen += [one.source_id for one in page]
        raws += [one.raw for one in source.fetch([sizes[one.source_id] for one in page], LIMIT)]
        source.dispose([one.source_id for one in page], AfterDelivery.DELETE)

    assert sorted(seen) == sorted(sizes)
    assert sorted(raws) == mails
    assert inventory(source) == []


def test_a_message_that_vanishes_is_in_no_inventory(house: House) -> None:
    for number in range(3):
        house.put(mail(number))
    with closing(house.open()) as source:
        ids = [one.source_id for one in listed(source)]

    house.remove(ids[1])

    with closing(house.open()) as source:
        assert sorted(one.source_id for one in inventory(source)) == sorted([ids[0], ids[2]])
