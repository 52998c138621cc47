"""What every mail source promises, asked of each in turn."""

from __future__ import annotations

import itertools
from contextlib import closing

from email_router.core.fetched import Position
from email_router.core.mailbox import AfterDelivery
from email_router.core.ports import MailSource
from tests.contracts.houses import House
from tests.contracts.sources.reading import LIMIT, listed, mail, read


def test_an_empty_mailbox_has_no_news_and_no_messages(source: MailSource) -> None:
    raws, position, pages = read(source, Position())

    assert raws == []
    assert all(page.listed == () for page in pages)
    assert not source.has_news(position)


def test_messages_come_whole_and_in_their_order(house: House, source: MailSource) -> None:
    mails = [mail(number, b"%d\r\n" % number) for number in range(5)]
    for raw in mails:
        house.put(raw)

    assert source.has_news(Position())
    raws, _, pages = read(source, Position())

    assert raws == mails
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]


def test_every_byte_comes_as_it_was(house: House, source: MailSource) -> None:
    bodies = [
        b".\r\n..\r\n...\r\n.start\r\n\r\n.\r\n",
        b"x" * 100_000 + b"\r\n",
        b"gr\xc3\xb6\xc3\x9fe \x80\xff\x01\x7f\r\n",
        b"\r\n" * 50,
        b"a" * 996 + b"\r\n." + b"b" * 996 + b"\r\n",
    ]
    mails = [mail(number, body) for number, body in enumerate(bodies)]
    for raw in mails:
        house.put(raw)

    raws, _, _ = read(source, Position())

    assert raws == mails


def test_what_was_read_is_not_listed_again_and_what_is_new_is(house: House) -> None:
    house.put(mail(1))
    with closing(house.open()) as first:
        _, position, _ = read(first, Position())

    with closing(house.open()) as second:
        assert not second.has_news(position)
        assert read(second, position)[0] == []
    house.put(mail(2))
    with closing(house.open()) as third:
        assert third.has_news(position)
        raws, position, _ = read(third, position)

    assert raws == [mail(2)]
    with closing(house.open()) as fourth:
        assert not fourth.has_news(position)


def test_reading_goes_on_where_any_page_ended(house: House) -> None:
    mails = [mail(number) for number in range(7)]
    for raw in mails:
        house.put(raw)

    with closing(house.open()) as source:
        _, _, pages = read(source, Position(), page_size=2)
    starts = list(itertools.accumulate((len(page.listed) for page in pages), initial=0))[1:]
    for page, start in zip(pages, starts, strict=True):
        with closing(house.open()) as later:
            assert page.last or later.has_news(page.position)
            assert read(later, page.position, page_size=3)[0] == mails[start:]


def test_a_message_over_the_limit_comes_as_its_header_alone(house: House, source: MailSource) -> None:
    large, small = mail(1, b"x" * 70 + b"\r\n" + b"y" * 5000 + b"\r\n"), mail(2)
    house.put(large)
    house.put(small)

    first, second = source.fetch(listed(source), 2000)

    assert not first.complete
    assert first.raw.rstrip() == large.partition(b"\r\n\r\n")[0]
    assert first.size >= 5000
    assert second.complete
    assert second.raw == small


def test_a_message_of_any_size_can_be_streamed(house: House, source: MailSource) -> None:
    large = mail(1, (b"." + b"x" * 300 + b"\r\n..\r\n") * 3000)
    house.put(large)

    (only,) = listed(source)
    pieces = list(source.stream(only.source_id))

    assert b"".join(pieces) == large
    assert max(map(len, pieces)) < len(large)


def test_a_message_that_is_gone_is_told_as_vanished(house: House) -> None:
    house.put(mail(1))
    house.put(mail(2))
    with closing(house.open()) as first:
        one, two = listed(first)
    house.remove(one.source_id)

    with closing(house.open()) as second:
        gone, there = second.fetch([one, two], LIMIT)

    assert gone.vanished
    assert gone.source_id == one.source_id
    assert not there.vanished
    assert there.raw == mail(2)


def test_only_what_is_to_be_deleted_is_deleted_and_twice_is_no_error(house: House) -> None:
    for number in range(3):
        house.put(mail(number))
    with closing(house.open()) as source:
        raws, position, _ = read(source, Position())
        ids = [each.source_id for each in listed(source)]
        source.dispose(ids, AfterDelivery.LEAVE)
    assert (len(raws), house.count()) == (3, 3)

    for _ in range(2):
        with closing(house.open()) as source:
            source.dispose(ids[:2], AfterDelivery.DELETE)

    assert house.count() == 1
    with closing(house.open()) as source:
        assert read(source, position)[0] == []
        assert read(source, Position())[0] == [mail(2)]


def test_deleting_page_by_page_reads_and_deletes_everything_once(house: House) -> None:
    mails = [mail(number) for number in range(7)]
    for raw in mails:
        house.put(raw)

    raws = []
    with closing(house.open()) as source:
        for page in source.pages(Position(), 3):
            for half in (page.listed[:2], page.listed[2:]):
                fetched = list(source.fetch(half, LIMIT))
                raws += [each.raw for each in fetched]
                source.dispose([each.source_id for each in fetched], AfterDelivery.DELETE)

    assert raws == mails
    assert house.count() == 0


def test_a_page_fetched_at_once_may_be_taken_and_disposed_of_piece_by_piece(house: House, source: MailSource) -> None:
    mails = [mail(number, b"x" * 2000 + b"\r\n") for number in range(6)]
    for raw in mails:
        house.put(raw)

    raws = []
    for page in source.pages(Position(), 10):
        fetched = source.fetch(page.listed, LIMIT)
        while group := list(itertools.islice(fetched, 2)):
            raws += [each.raw for each in group]
            source.dispose([each.source_id for each in group], AfterDelivery.DELETE)

    assert raws == mails
    assert house.count() == 0


def test_another_question_in_the_middle_of_a_fetch_spoils_neither(house: House, source: MailSource) -> None:
    mails = [mail(number, b"x" * 2000 + b"\r\n") for number in range(6)]
    for raw in mails:
        house.put(raw)

    every = listed(source)
    fetched = source.fetch(every, LIMIT)
    first = next(iter(fetched)).raw
    streamed = b"".join(source.stream(every[4].source_id))

    assert [first, *(each.raw for each in fetched)] == mails
    assert streamed == mails[4]


def test_a_fetch_left_early_does_not_spoil_what_follows(house: House, source: MailSource) -> None:
    mails = [mail(number, b"x" * 5000 + b"\r\n") for number in range(4)]
    for raw in mails:
        house.put(raw)

    every = listed(source)
    started = source.fetch(every, LIMIT)
    assert next(iter(started)).raw == mails[0]
    del started

    assert [fetched.raw for fetched in source.fetch(every, LIMIT)] == mails


def test_closing_is_harmless_before_the_first_word_and_twice(house: House) -> None:
    source = house.open()
    source.close()
    source.close()

    assert house.count() == 0
