"""Clocks lie: those of workers run ten minutes apart, those of senders stand at 1970.  No mail is lost by either, and none comes twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from email_router.core.errors import StaleWorker
from email_router.core.fetched import Position
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.ledger import Outcome
from email_router.core.mailbox import AfterDelivery
from email_router.core.mailbox_state import PassRecord
from tests.fakes import FixedClock
from tests.flows.house import NOW, SALES, House, mail

TEN_MINUTES = 600
DATES = (
    "Thu, 01 Jan 1970 00:00:00 +0000",
    "Tue, 01 Dec 2099 00:00:00 +0000",
    "",
    "yesterday",
    "Fri, 31 Dec 9999 23:59:59 -1200",
)


def beside(house: House, skew: float) -> House:
    """Return another worker on the same stores and mailbox, whose clock is so many seconds ahead."""
    other = House()
    for name in ("states", "ledger", "crm", "quarantine", "outgoing", "blobs", "alerts", "queues", "sources", "nudges"):
        setattr(other, name, getattr(house, name))
    other.configuration, other.profile = house.configuration, house.profile
    other.clock = FixedClock(NOW + timedelta(seconds=skew))
    return other


def interrupted(house: House, port: object, method: str, between: Callable[[], object]) -> None:
    """Let something happen right before the first call of a method."""
    real, left = getattr(port, method), [1]

    def late(*given: Any, **named: Any) -> Any:
        if left:
            left.pop()
            between()
        return real(*given, **named)

    setattr(port, method, late)


@pytest.mark.parametrize("skew", [-TEN_MINUTES, TEN_MINUTES])
@pytest.mark.parametrize(
    ("port", "method"), [("crm", "deliver"), ("ledger", "find"), ("states", "advance"), ("states", "release")]
)
def test_of_two_workers_whose_clocks_are_ten_minutes_apart_one_writes(skew: int, port: str, method: str) -> None:
    """The one ahead finds the lease run out, whatever its holder's clock says; only the newest token writes."""
    house = House(mail(1), mail(2), after_delivery=AfterDelivery.DELETE)
    other = beside(house, skew)
    ends: list[PassOutcome] = []
    interrupted(house, getattr(house, port), method, lambda: ends.append(other.route().outcome))

    mine = house.route()

    tokens = house.states.read(SALES).token
    if skew > 0:
        assert (ends[0] in {PassOutcome.ROUTED, PassOutcome.IDLE}, tokens) == (True, 2)
        assert mine.outcome is PassOutcome.STALE
    else:
        assert (ends, tokens) == ([PassOutcome.BUSY], 1)
        assert mine.outcome is PassOutcome.ROUTED
    assert len(house.crm.activities) == 2
    assert house.states.read(SALES).position.cursor == b"2"
    assert {one.outcome for one in house.ledger.traces_since(NOW - timedelta(days=1))} == {Outcome.DELIVERED}
    assert house.route().outcome is PassOutcome.IDLE
    assert len(house.crm.activities) == 2


def test_a_worker_that_was_overtaken_changes_nothing_by_any_write() -> None:
    house = House(mail(1))
    old = house.states.lease(SALES, NOW, NOW + timedelta(seconds=330))
    assert old is not None
    ahead = NOW + timedelta(seconds=TEN_MINUTES)
    house.states.lease(SALES, ahead, ahead + timedelta(seconds=330))
    before = house.states.read(SALES)
    record = PassRecord(at=NOW, last_mail=NOW, next_retry=None)
    writes: list[Callable[[], object]] = [
        lambda: house.states.begin(old, "1"),
        lambda: house.states.advance(old, Position(b"9"), NOW),
        lambda: house.states.release(old, record),
    ]

    for write in writes:
        with pytest.raises(StaleWorker):
            write()
    house.states.touch(SALES, old.token, Position(b"9"), NOW)

    assert house.states.ask_again(SALES, old.token) is False
    assert house.states.read(SALES) == before


@pytest.mark.parametrize("skew", [-TEN_MINUTES, 0, TEN_MINUTES])
def test_a_mailbox_whose_worker_died_waits_for_a_lease_and_the_difference_of_the_clocks_at_most(skew: int) -> None:
    house = House(mail(1))
    house.states.lease(SALES, NOW, NOW + timedelta(seconds=house.timing.lease))
    other = beside(house, skew)

    other.clock.advance(house.timing.lease - skew + 1)
    other.route()

    assert len(house.crm.activities) == 1
    assert other.clock.now() - NOW <= timedelta(seconds=house.timing.lease + TEN_MINUTES)


def dated(number: int, date: str, extra: str = "") -> bytes:
    """Return a mail with this Date, or none."""
    raw = mail(number, extra=extra)
    start = raw.index(b"Date: ")
    end = raw.index(b"\r\n", start) + 2
    return raw[:start] + (f"Date: {date}\r\n".encode() if date else b"") + raw[end:]


@pytest.mark.parametrize("skew", [0, -TEN_MINUTES, TEN_MINUTES, -400 * 24 * 3600, 400 * 24 * 3600])
@pytest.mark.parametrize("told", [True, False], ids=["received", "no time of receipt"])
def test_whatever_a_mail_is_dated_it_is_delivered_once_and_the_position_passes_it(skew: int, told: bool) -> None:
    house = House(*(dated(number, date) for number, date in enumerate(DATES)))
    house.source.received = NOW if told else None
    house.clock.advance(skew)

    assert house.route().handled == len(DATES)
    assert house.states.read(SALES).position.cursor == b"%d" % len(DATES)
    assert house.route().outcome is PassOutcome.IDLE

    house.clock.advance(-2 * skew)  # the next worker's clock errs the other way
    house.source.put(dated(50, DATES[0]))
    assert house.route().handled == 1
    assert len(house.crm.activities) == len(DATES) + 1
    times = {one.received for one in house.crm.activities.values()}
    assert times == ({NOW} if told else {NOW + timedelta(seconds=skew), NOW - timedelta(seconds=skew)})


@pytest.mark.parametrize("date", DATES)
def test_a_mail_seen_again_after_years_by_another_clock_is_the_same(date: str) -> None:
    """No window closes: the mailbox is read anew from its beginning, and nothing comes twice."""
    house = House(dated(1, date))
    house.route()
    house.clock.advance(10 * 365 * 24 * 3600)
    lease = house.states.lease(SALES, house.clock.now(), house.clock.now() + timedelta(seconds=330))
    assert lease is not None
    house.states.advance(lease, Position(), house.clock.now())
    house.states.release(lease, PassRecord(at=house.clock.now(), last_mail=None, next_retry=None))

    house.route()

    assert len(house.crm.activities) == 1


@pytest.mark.parametrize("date", DATES)
def test_an_answer_finds_its_mail_whatever_either_is_dated(date: str) -> None:
    house = House(dated(1, date), dated(2, DATES[0], "In-Reply-To: <m1@fabrikam.example>\r\n"))

    house.route()

    first, second = sorted(house.crm.activities.values(), key=lambda one: one.message_id or "")
    assert second.correlated == first.id


STAMP = "Received: from mx.fabrikam.example by mail.contoso.example;\r\n {}\r\n"
BOUND = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stamp", "date", "comes"),
    [
        ("Tue, 24 Nov 2026 11:00:00 +0000", "Thu, 01 Jan 1970 00:00:00 +0000", True),
        ("Tue, 24 Nov 2026 11:00:00 +0000", "", True),
        ("Sat, 31 Oct 2026 11:00:00 +0000 (CET)", "Tue, 01 Dec 2099 00:00:00 +0000", False),
        ("never", "Tue, 24 Nov 2026 11:00:00 +0000", True),
        ("never", "", True),
    ],
)
def test_where_the_server_tells_no_time_its_stamp_says_what_is_too_old_and_not_the_senders_clock(
    stamp: str, date: str, comes: bool
) -> None:
    raw = dated(1, date)
    older = STAMP.format("Thu, 01 Jan 1970 00:00:00 +0000")  # of a hop before, whose clock is as wrong as the sender's
    house = House(f"{STAMP.format(stamp)}{older}".encode() + raw)
    house.configure(profile=replace(house.profile, process_received_after=BOUND))

    house.route()

    assert len(house.crm.activities) == (1 if comes else 0)
