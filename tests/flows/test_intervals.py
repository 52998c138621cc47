"""A mailbox is looked into again before its interval is over, also while the interval grows, and not much more often."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from benchmarks.scale_hour import Hour, play
from benchmarks.scale_town import START, Pace
from email_router.core.flows.schedule import interval, is_due
from email_router.core.work import ScheduledMailbox

MINUTE = timedelta(minutes=1)


def box(number: int, minimum: int = 60, maximum: int = 900) -> ScheduledMailbox:
    return ScheduledMailbox(
        organisation="contoso",
        mailbox=f"box{number}@contoso.example",
        last_mail=START,
        minimum_interval=minimum,
        maximum_interval=maximum,
    )


def looks(mailbox: ScheduledMailbox, minutes: int) -> list[int]:
    return [minute for minute in range(minutes) if is_due(mailbox, START + minute * MINUTE)]


@pytest.mark.parametrize(("minimum", "maximum"), [(60, 900), (60, 60), (300, 3600), (120, 420)])
def test_no_look_comes_later_than_the_interval(minimum: int, maximum: int) -> None:
    for number in range(8):
        mailbox = box(number, minimum, maximum)
        found = looks(mailbox, 12 * 60)
        for before, later in pairwise(found):
            assert (later - before) * 60 <= interval(mailbox, START + later * MINUTE), (number, before, later)


def test_an_interval_that_grows_costs_one_look_for_each_of_its_lengths_at_the_most() -> None:
    for number in range(8):
        mailbox = box(number)
        lengths = [interval(mailbox, START + minute * MINUTE) // 60 for minute in range(12 * 60)]
        needed = sum(1 / length for length in lengths)
        assert len(looks(mailbox, 12 * 60)) <= needed + 1 + len(set(lengths))


def test_mailboxes_of_one_interval_are_spread_over_its_minutes() -> None:
    boxes = [replace(box(number, 900, 900), last_mail=None) for number in range(1500)]

    due = [sum(is_due(one, START + minute * MINUTE) for one in boxes) for minute in range(15)]

    assert sum(due) == 1500
    assert max(due) < 2 * 100


def test_mail_that_comes_shortens_the_interval_at_once() -> None:
    now = START + timedelta(hours=10)

    assert is_due(replace(box(1), last_mail=now - MINUTE), now)
    assert is_due(replace(box(1), last_mail=now - MINUTE), now + MINUTE)


def test_an_hour_of_a_small_population_keeps_every_mailbox_within_its_interval() -> None:
    """As `python -m benchmarks scale` plays it for 100,000 mailboxes: the real flow, by a virtual clock."""
    played = play(Hour(mailboxes=60, workers=1))

    assert (played.late, played.twice, played.failed, played.left) == (0, 0, 0, 0)
    assert played.orders > 60 * 4
    assert played.delivered > 60
    assert played.slowest < 900 + 60


def test_too_few_workers_are_seen_to_be_late_and_to_leave_mail() -> None:
    slow = Pace(shortest_look=2, longest_look=4)

    played = play(Hour(mailboxes=60, workers=1, longest=60, pace=slow))

    assert played.late > 60
    assert played.twice > 0
    assert played.left > 0


def test_orders_that_meet_at_one_mailbox_are_kept_apart_by_its_lease_and_leave_nothing() -> None:
    """The daily comparison takes longer than the interval: orders meet a held lease, and ask for the round that finds their mail."""
    long = Pace(listing=200, messages_per_day=200)

    played = play(Hour(mailboxes=24, workers=20, longest=60, pace=long))

    assert played.asked["leases that another worker held"] > 0
    assert played.asked["rounds that another order asked for"] > 0
    assert (played.late, played.failed, played.left) == (0, 0, 0)
