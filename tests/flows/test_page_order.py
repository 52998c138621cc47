"""A page is decided in the order in which its messages came, a parent before its answers, however the server lists them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations

import pytest

from email_router.core.activity import Record
from email_router.core.fetched import Fetched, Listed
from email_router.core.mailbox import AfterDelivery
from tests.flows.house import NOW, SALES, House, mail
from tests.memory.source import MemorySource


class TimedSource(MemorySource):
    """A mailbox whose server tells when each message came: by its place in what was put, None for untold."""

    def __init__(self, *messages: bytes, minutes: Sequence[int | None]) -> None:
        super().__init__(*messages)
        self._at = dict(zip(messages, minutes, strict=True))

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        """Yield the messages with their times."""
        for one in super().fetch(listed, limit):
            yield replace(one, received=_at(self._at[one.raw]))


def _at(minute: int | None) -> datetime | None:
    return None if minute is None else NOW - timedelta(hours=1) + timedelta(minutes=minute)


def house_of(*messages: bytes, minutes: Sequence[int | None]) -> House:
    house = House()
    house.sources[SALES] = TimedSource(*messages, minutes=minutes)
    return house


def parents(house: House) -> dict[str | None, str | None]:
    """Return for each Message-ID that of the e-mail that it continues."""
    ids = {email.id: email.message_id for email in house.crm.activities.values()}
    return {one.message_id: ids.get(one.correlated or "") for one in house.crm.activities.values()}


def chain(*numbers: int) -> list[bytes]:
    """Return mails of which each answers the one before."""
    first = mail(numbers[0])
    later = zip(numbers[1:], numbers, strict=False)
    return [first, *(mail(one, extra=f"In-Reply-To: <m{before}@fabrikam.example>\r\n") for one, before in later)]


CHAIN = {"<m1@fabrikam.example>": None, "<m2@fabrikam.example>": "<m1@fabrikam.example>"}
CHAIN |= {"<m3@fabrikam.example>": "<m2@fabrikam.example>"}


@pytest.mark.parametrize("listed", list(permutations((0, 1, 2))))
@pytest.mark.parametrize("told", ["received", "untold", "all at once", "the wrong way round", "some"])
def test_a_reply_continues_its_parent_in_whatever_order_the_page_lists_them(
    listed: tuple[int, int, int], told: str
) -> None:
    mails = chain(1, 2, 3)
    times: dict[str, Sequence[int | None]] = {
        "received": (1, 2, 3),
        "untold": (None, None, None),
        "all at once": (1, 1, 1),
        "the wrong way round": (3, 2, 1),
        "some": (1, None, 3),
    }
    house = house_of(*(mails[one] for one in listed), minutes=[times[told][one] for one in listed])

    house.route()

    assert parents(house) == CHAIN


def test_newest_first_each_mail_of_a_conversation_index_continues_the_one_that_came_before_it() -> None:
    index = "Thread-Index: AdX0bM8hQ2a1Z0mXQ0eO3qX6f3vZ9A==\r\n"
    mails = [mail(number, extra=index) for number in (1, 2, 3)]
    house = house_of(*reversed(mails), minutes=(3, 2, 1))

    house.route()

    assert parents(house) == CHAIN


def test_what_the_parent_is_about_reaches_an_answer_that_was_listed_before_it() -> None:
    mails = chain(1, 2, 3)
    house = house_of(*reversed(mails), minutes=(3, 2, 1))
    house.configure(owner="ann@contoso.example")
    house.crm.add_record("erin@fabrikam.example", Record("contact", "c1"))

    house.route()

    owners = {one.owner for one in house.crm.activities.values()}
    assert len(owners) == 1
    assert next(iter(house.crm.activities.values())).message_id == "<m1@fabrikam.example>"


def test_mails_that_name_each_other_are_decided_by_their_times() -> None:
    one = mail(1, extra="In-Reply-To: <m2@fabrikam.example>\r\n")
    other = mail(2, extra="In-Reply-To: <m1@fabrikam.example>\r\n")
    house = house_of(other, one, minutes=(2, 1))

    house.route()

    assert sorted(map(str, parents(house))) == ["<m1@fabrikam.example>", "<m2@fabrikam.example>"]
    assert len([1 for parent in parents(house).values() if parent]) == 1


def test_the_source_hears_of_its_messages_in_the_order_in_which_it_listed_them() -> None:
    house = house_of(*reversed(chain(1, 2, 3)), minutes=(3, 2, 1))
    house.configure(after_delivery=AfterDelivery.MARK_READ)

    house.route()

    assert [source_id for source_id, _ in house.source.disposed] == ["0", "1", "2"]


def test_a_long_chain_listed_backwards_is_one_conversation() -> None:
    mails = chain(*range(25))
    house = house_of(*reversed(mails), minutes=[None] * 25)

    house.route()

    assert sum(parent is None for parent in parents(house).values()) == 1
